"""The second person: what waits for approval, who may give it, and what happens then.

A draft that the policy lets leave only with a second person's approval is kept sealed, with why it
is asked for and until when. Whoever asked never decides. What is approved is exactly what was
asked about: a changed draft is another request. On approval the policy decides anew, on the facts
as they are then, and the message is queued in the same transaction.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.approvals import ApprovalAct, ApprovalState
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.approval_rows import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalView,
    AskedContent,
    Author,
    describe_files,
    digest_draft,
    find_author,
    find_request,
    find_twin,
    keep_files,
    name_place,
    open_asked,
    pin_draft,
    settle,
    tell,
    view_if_there,
    view_request,
)
from node.service.audit import note_seen, record
from node.service.building import Draft, choose_channel
from node.service.case_content import seal_content
from node.service.case_work import CaseWork
from node.service.composing import Along, Sent, queue_message, queue_with_files
from node.service.context import (
    NodeContext,
    RefusedDraftError,
)
from node.service.permitting import require
from node.service.policy.checking import Judged, judge_draft
from node.service.policy.gate import PolicyRefusedError, describe_author, describe_decision
from node.service.policy.statements import Given, record_statements
from node.service.referring import find_or_open_case, parse_target, refer
from node.store.consent_tables import ApprovalRow
from node.store.tables import CaseRow
from protocol.policy.decision import Outcome
from protocol.policy.facts import Approval

_USUAL: Final = timedelta(hours=24)
_LONGEST: Final = timedelta(days=14)
_MOST_LISTED: Final = 200
_EXPIRED_AT_ONCE: Final = 100


def handle_ask_approval(
    context: NodeContext, asked: ApprovalAsked, *, who: Principal
) -> ApprovalView:
    """Keep a draft for a second person. Asked again about the same draft, it is one request.

    Raises ``PolicyRefusedError`` if no approval would help, ``RefusedDraftError`` if none is needed
    or the draft is no message, ``NotFoundError``, ``ForbiddenError``.
    """
    require(who, Permission.WORK_CASES)
    now = context.clock()
    decide_by = asked.decide_by or now + _USUAL
    if not now < decide_by <= now + _LONGEST:
        raise RefusedDraftError(
            msg(
                "Say until when it has to be decided: a moment in the future, at most "
                "%(days)s days away, with its time zone.",
                days=_LONGEST.days,
            )
        )
    view = context.transact(
        lambda session: _ask(context, session, asked, decide_by=decide_by, who=who)
    )
    context.signals.inbox.notify()
    return view


def _ask(
    context: NodeContext,
    session: Session,
    asked: ApprovalAsked,
    *,
    decide_by: datetime,
    who: Principal,
) -> ApprovalView:
    twin = find_twin(context, session, asked.draft, who=who)
    if twin is not None:
        return view_request(context, session, twin)
    case = find_or_open_case(context, session, asked.draft, who=who)
    work = CaseWork(context, session, case, who)
    draft = _record_statements(work, asked.draft)
    judged = _judge(work, draft)
    content = AskedContent(
        draft=pin_draft(draft, judged.message),
        files=describe_files(context, draft, owner=who.actor),
        justification=asked.justification,
        decision=describe_decision(judged.decision),
        author=_describe_author(who),
    )
    approval_id = context.random(16).hex()
    row = ApprovalRow(
        approval_id=approval_id,
        case_id=case.case_id,
        channel=judged.message.channel,
        state=ApprovalState.WAITING,
        content_sealed=work.seal(content, place=name_place(approval_id)),
        draft_sha256=digest_draft(context, asked.draft),
        asked_by=who.actor,
        asked_at=context.clock(),
        decide_by=decide_by,
    )
    session.add(row)
    keep_files(context, session, draft, until=decide_by, owner=who.actor)
    session.flush()
    tell(context, session, row, EventKind.APPROVAL_ASKED, who=who)
    work.record(Act.APPROVAL_ASKED, approval_id)
    return view_request(context, session, row)


def _record_statements(work: CaseWork, draft: Draft) -> Draft:
    """Put on file what a draft states; returns it without that, and in its case."""
    named = refer(work.context, work.session, draft, case=work.case, who=work.who).draft
    channel = choose_channel(named, parse_target(draft)[1])
    record_statements(work, draft, channel=channel)
    stated = dict.fromkeys(("consent", "exception", "circumstances"))
    return draft.model_copy(update={**stated, "case": work.case.reference})


def _judge(work: CaseWork, draft: Draft) -> Judged:
    """Return what the gate says of a draft that somebody has to approve.

    Raises ``PolicyRefusedError``; ``RefusedDraftError`` if nobody has to.
    """
    directory = work.context.directory.current()
    judged = judge_draft(
        work.context, work.session, draft, case=work.case, who=work.who, directory=directory
    )
    if judged.decision.outcome is Outcome.REFUSE:
        raise PolicyRefusedError(judged.decision)
    if judged.decision.outcome is Outcome.ALLOW:
        raise RefusedDraftError(
            msg("This may be sent as it is: send it, nobody has to approve it.")
        )
    return judged


def _describe_author(who: Principal) -> Author:
    return Author(
        actor=who.actor,
        person=who.person,
        permissions=who.permissions,
        channels=who.channels,
        roles=who.roles,
    )


def list_approvals(
    context: NodeContext, *, who: Principal, waiting_only: bool = True
) -> list[ApprovalView]:
    """List requests: those that who asks may decide about, and their own; the most urgent first."""
    require(who, Permission.READ_CASES)
    statement = select(ApprovalRow).where(col(ApprovalRow.channel).in_(sorted(who.channels)))
    if not who.may(Permission.APPROVE):
        statement = statement.where(col(ApprovalRow.asked_by) == who.actor)
    if waiting_only:
        statement = statement.where(ApprovalRow.state == ApprovalState.WAITING)
    with context.database.reading() as session:
        rows = session.exec(
            statement.order_by(col(ApprovalRow.decide_by), ApprovalRow.approval_id).limit(
                _MOST_LISTED
            )
        ).all()
        return [view for row in rows if (view := view_if_there(context, session, row))]


def count_to_approve(context: NodeContext, *, who: Principal) -> int:
    """Count the requests that wait for who asks to decide: never their own."""
    if not who.may(Permission.APPROVE):
        return 0
    statement = (
        select(func.count())
        .select_from(ApprovalRow)
        .where(
            ApprovalRow.state == ApprovalState.WAITING,
            col(ApprovalRow.decide_by) > context.clock(),
            col(ApprovalRow.channel).in_(sorted(who.channels)),
            col(ApprovalRow.asked_by) != who.actor,
        )
    )
    with context.database.reading() as session:
        return session.exec(statement).one()


def get_approval(context: NodeContext, approval_id: str, *, who: Principal) -> ApprovalView:
    """Return a request; raises ``NotFoundError`` if it is not there for who asks."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        row = find_request(session, approval_id, who=who)
        view = view_request(context, session, row)
    note_seen(context, who, Act.APPROVAL_SEEN, approval_id)
    return view


def handle_approve(
    context: NodeContext,
    approval_id: str,
    given: ApprovalGiven,
    *,
    who: Principal,
    row_version: int | None = None,
) -> Sent:
    """Approve and send. Raises ``PolicyRefusedError`` if the facts of now do not let it leave.

    Raises ``ForbiddenError`` for who asked themselves, or may not approve; ``StaleError`` if it was
    settled, or too late; ``NotFoundError``.
    """
    require(who, Permission.APPROVE)
    with context.database.reading() as session:
        row = find_request(session, approval_id, who=who)
        asked = open_asked(context, session.get_one(CaseRow, row.case_id), row)

    def approve(session: Session, along: Along) -> Sent:
        row = settle(
            context, session, approval_id, act=ApprovalAct.APPROVE, who=who, seen=row_version
        )
        content = open_asked(context, session.get_one(CaseRow, row.case_id), row)
        sent = queue_message(
            context,
            session,
            content.draft,
            who=find_author(session, content.author, now=context.clock()),
            along=replace(
                along,
                given=Given(
                    approval=Approval(
                        by=describe_author(who),
                        is_of_this_content=True,  # it is the very draft that was kept
                    ),
                    post=given.post,
                    at=context.clock(),
                    case_manager_approved=given.case_manager_agrees,
                ),
            ),
        )
        row.message_id = sent.message_id
        session.add(row)
        tell(context, session, row, EventKind.APPROVAL_GIVEN, who=who, about=sent.message_id)
        record(context, session, who, Act.APPROVAL_GIVEN, subject=approval_id)
        return sent

    return queue_with_files(
        context, asked.draft, owner=asked.author.actor, submission=None, queue=approve
    )


def handle_refuse_approval(
    context: NodeContext,
    approval_id: str,
    refused: ApprovalRefused,
    *,
    who: Principal,
    row_version: int | None = None,
) -> ApprovalView:
    """Say no, with the reason, which whoever asked reads. Raises as :func:`handle_approve`."""
    require(who, Permission.APPROVE)

    def refuse(session: Session) -> ApprovalView:
        row = settle(
            context, session, approval_id, act=ApprovalAct.REFUSE, who=who, seen=row_version
        )
        case = session.get_one(CaseRow, row.case_id)
        row.reason_sealed = seal_content(
            context, case, refused, place=f"{name_place(approval_id)}:reason"
        )
        session.add(row)
        session.flush()
        tell(context, session, row, EventKind.APPROVAL_REFUSED, who=who)
        record(context, session, who, Act.APPROVAL_REFUSED, subject=approval_id)
        return view_request(context, session, row)

    view = context.transact(refuse)
    context.signals.inbox.notify()
    return view


def handle_take_back_approval(
    context: NodeContext, approval_id: str, *, who: Principal, row_version: int | None = None
) -> ApprovalView:
    """Take a request of one's own back. Raises ``NotFoundError``, ``StaleError``."""
    require(who, Permission.WORK_CASES)

    def take_back(session: Session) -> ApprovalView:
        row = settle(
            context, session, approval_id, act=ApprovalAct.TAKE_BACK, who=who, seen=row_version
        )
        tell(context, session, row, EventKind.APPROVAL_TAKEN_BACK, who=who)
        record(context, session, who, Act.APPROVAL_TAKEN_BACK, subject=approval_id)
        return view_request(context, session, row)

    view = context.transact(take_back)
    context.signals.inbox.notify()
    return view


def expire_approvals(context: NodeContext) -> int:
    """End requests that nobody decided about in time; whoever asked sees it in the case."""
    now = context.clock()
    late = (
        select(ApprovalRow)
        .where(ApprovalRow.state == ApprovalState.WAITING, col(ApprovalRow.decide_by) <= now)
        .limit(_EXPIRED_AT_ONCE)
    )
    with context.database.reading() as session:
        if session.exec(late).first() is None:
            return 0

    def expire(session: Session) -> int:
        rows = session.exec(late.with_for_update(skip_locked=True)).all()
        for row in rows:
            row.state = ApprovalState.EXPIRED
            row.decided_at = now
            row.row_version += 1
            session.add(row)
            tell(context, session, row, EventKind.APPROVAL_EXPIRED, who=None)
        return len(rows)

    expired = context.transact(expire)
    context.signals.inbox.notify()
    return expired
