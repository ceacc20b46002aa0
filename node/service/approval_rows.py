"""Requests for approval as they are stored: what is kept of them, and how they move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select, update

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.approvals import ApprovalAct, ApprovalState, advance_approval
from node.domain.audit import Act
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.service.attachments.staging import load_staged, read_staged
from node.service.audit import note_seen
from node.service.building import Draft
from node.service.case_content import is_erased, open_content
from node.service.consent.records import PlainInstant
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.permitting import ForbiddenError, require
from node.service.principals import load_people
from node.service.records import add_event
from node.service.tokens import PROGRAM, find_program
from node.store.attachment_tables import StagedFileRow
from node.store.consent_tables import ApprovalRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from protocol.messages.fields import Line, Narrative, Sensitivity
from protocol.messages.head import CaseMessage, ExceptionBasis
from protocol.policy.facts import Role


class ApprovalAsked(BaseModel):
    """What is to be approved, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft: Draft
    justification: Narrative
    #: Until when somebody has to decide; nothing: 24 hours. At most 14 days.
    decide_by: PlainInstant | None = None


class ApprovalGiven(BaseModel):
    """A second person's yes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The approver's post, which the recipient of an exception is told.
    post: Line
    #: Where data of a child is passed on: the child's case manager was asked, and agrees.
    case_manager_agrees: bool = False


class ApprovalRefused(BaseModel):
    """A second person's no."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Narrative


class Author(BaseModel):
    """Who asked, as they were then."""

    model_config = ConfigDict(frozen=True)

    actor: str
    person: str | None
    permissions: frozenset[Permission]
    channels: frozenset[Channel]
    roles: frozenset[Role]


class AskedFile(BaseModel):
    """A file that goes with what is to be approved, as it was stated when it was brought in."""

    model_config = ConfigDict(frozen=True)

    file_id: str
    name: str
    media_type: str
    sensitivity: Sensitivity
    size: int


class AskedContent(BaseModel):
    """What is kept of a request, sealed."""

    model_config = ConfigDict(frozen=True)

    #: With the desks and the exception's words filled in: what is approved is what leaves.
    draft: Draft
    files: tuple[AskedFile, ...] = ()
    justification: str
    decision: dict[str, object]
    author: Author


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A request, with what it is about."""

    approval_id: str
    case_id: str
    channel: str
    state: ApprovalState
    asked_by: str
    asked_at: datetime
    decide_by: datetime
    decided_by: str | None
    decided_at: datetime | None
    message_id: str | None
    row_version: int
    draft: Draft
    files: tuple[AskedFile, ...]
    justification: str
    #: Why it needs a second person, as it was decided then.
    decision: dict[str, object]
    #: Why it was refused.
    reason: str | None


def find_request(
    session: Session, approval_id: str, *, who: Principal, lock: bool = False
) -> ApprovalRow:
    """Return a request for who may see it; raises ``NotFoundError``."""
    row = session.get(ApprovalRow, approval_id, with_for_update=lock)
    is_mine = row is not None and row.asked_by == who.actor
    if (
        row is None
        or not who.sees(Channel(row.channel))
        or not (is_mine or who.may(Permission.APPROVE))
    ):
        raise NotFoundError("There is no such request here: open it again from the list.")
    return row


def settle(  # noqa: PLR0913 - who does what to which request, on which view of it
    context: NodeContext,
    session: Session,
    approval_id: str,
    *,
    act: ApprovalAct,
    who: Principal,
    seen: int | None,
) -> ApprovalRow:
    """Move a request; nothing is settled twice, nor by whom it is not for."""
    row = find_request(session, approval_id, who=who, lock=True)
    content = open_asked(context, session.get_one(CaseRow, row.case_id), row)
    is_own = who.actor == row.asked_by or (
        who.person is not None and who.person == content.author.person
    )
    if act is ApprovalAct.TAKE_BACK and not is_own:
        raise ForbiddenError(msg("Only whoever asked takes a request back: refuse it instead."))
    if act is not ApprovalAct.TAKE_BACK and is_own:
        raise ForbiddenError(
            msg(
                "Nobody decides about their own message: ask another person with the role of "
                "approver."
            )
        )
    if seen is not None and seen != row.row_version:
        raise StaleError("It has changed since you opened it: look at its newest state.")
    state = advance_approval(ApprovalState(row.state), act)
    if state is None or context.clock() >= row.decide_by:
        raise StaleError(
            "This request was settled before, or its time is over: nothing was sent. Look at its "
            "newest state; whoever wants the message sent asks anew."
        )
    row.state, row.decided_by, row.decided_at = state, who.actor, context.clock()
    row.row_version += 1
    session.add(row)
    return row


def find_author(session: Session, author: Author, *, now: datetime) -> Principal:
    """Return who asked, with what they may do now, and no more than they might then.

    Raises ``StaleError`` for whom may not sign in, or come in as a program, any more.
    """
    if author.actor.startswith(PROGRAM):
        present = find_program(session, author.actor, person=author.person, now=now)
    else:
        people = load_people(session, [author.person] if author.person else [])
        present = people.get(author.person or "")
    if present is None:
        raise StaleError(
            "Whoever asked may not sign in or work on cases any more: have a focal point write it "
            "anew."
        )
    return Principal(
        actor=author.actor,
        person=author.person,
        permissions=present.permissions & author.permissions,
        channels=present.channels & author.channels,
        roles=present.roles,
    )


def find_twin(
    context: NodeContext, session: Session, draft: Draft, *, who: Principal
) -> ApprovalRow | None:
    """Return the request that waits about the very same draft, if they made one."""
    return session.exec(
        select(ApprovalRow).where(
            ApprovalRow.draft_sha256 == digest_draft(context, draft),
            ApprovalRow.asked_by == who.actor,
            ApprovalRow.state == ApprovalState.WAITING,
        )
    ).first()


def pin_draft(draft: Draft, message: CaseMessage) -> Draft:
    """Return a draft that says what the node would fill in, as of now.

    Else the desks, or the words of an exception, could be others when it is approved.
    """
    pinned: dict[str, Any] = {
        "kind": message.kind,
        "from_authority": message.from_authority,
        "to_authority": message.to_authority,
    }
    if draft.in_reply_to is None:  # a reply stays in the channel of what it replies to
        pinned["channel"] = message.channel
    if isinstance(message.legal_basis, ExceptionBasis):
        pinned["legal_basis"] = message.legal_basis.model_dump(
            mode="json", exclude_none=True, exclude={"approved_by_post", "approved_at"}
        )
    return draft.model_copy(update=pinned)


def describe_files(context: NodeContext, draft: Draft, *, owner: str) -> tuple[AskedFile, ...]:
    """Say what a draft's files are; raises ``NotFoundError`` for one that is not there."""
    staged = (load_staged(context, file_id, owner=owner) for file_id in draft.files)
    return tuple(
        AskedFile(
            file_id=each.file_id,
            name=each.description.name,
            media_type=each.description.media_type,
            sensitivity=each.description.sensitivity,
            size=each.size,
        )
        for each in staged
    )


def open_asked_file(
    context: NodeContext, approval_id: str, file_id: str, *, who: Principal
) -> tuple[AskedFile, Iterator[bytes]]:
    """Return a file of a request that waits, for who may decide about it, and what reads it.

    Raises ``NotFoundError`` once the request was settled: the file went with the message, or stays
    with whoever brought it in.
    """
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        row = find_request(session, approval_id, who=who)
        content = open_asked(context, session.get_one(CaseRow, row.case_id), row)
        staged = session.get(StagedFileRow, file_id)
    asked = next((each for each in content.files if each.file_id == file_id), None)
    if (
        asked is None
        or staged is None
        or staged.owner != content.author.actor
        or row.state != ApprovalState.WAITING
    ):
        raise NotFoundError("No such file waits with this request: open the request again.")
    note_seen(context, who, Act.APPROVAL_SEEN, approval_id)
    return asked, read_staged(context, file_id, wrapped_key=staged.wrapped_key, size=staged.size)


def keep_files(
    context: NodeContext, session: Session, draft: Draft, *, until: datetime, owner: str
) -> None:
    """Let files that wait with a draft stay as long as it may be approved."""
    if draft.files:
        session.exec(
            update(StagedFileRow)
            .where(
                col(StagedFileRow.file_id).in_(draft.files),
                col(StagedFileRow.owner) == owner,
                col(StagedFileRow.expires_at) < until + context.file_rules.staged_for,
            )
            .values(expires_at=until + context.file_rules.staged_for)
        )


def digest_draft(context: NodeContext, draft: Draft) -> str:
    """Return what tells one draft from another to this node alone.

    It is keyed: whoever has a copy of the store shall not find out by trying what a draft said.
    """
    return context.keys.derive_search_key(f"draft:{draft.model_dump_json()}").hex()


def name_place(approval_id: str) -> str:
    """Return what binds sealed content to its request."""
    return f"approval:{approval_id}"


def open_asked(context: NodeContext, case: CaseRow, row: ApprovalRow) -> AskedContent:
    """Return what is kept of a request; raises ``NotFoundError`` once erased."""
    if is_erased(case):
        raise NotFoundError("This case was erased, and with it what was to be approved.")
    return open_content(
        context, case, row.content_sealed, place=name_place(row.approval_id), kind=AskedContent
    )


def view_if_there(context: NodeContext, session: Session, row: ApprovalRow) -> ApprovalView | None:
    """Return a request as it is shown; ``None`` if its case was erased."""
    case = session.get_one(CaseRow, row.case_id)
    return None if is_erased(case) else view_request(context, session, row)


def view_request(context: NodeContext, session: Session, row: ApprovalRow) -> ApprovalView:
    """Return a request as it is shown."""
    case = session.get_one(CaseRow, row.case_id)
    content = open_asked(context, case, row)
    reason = row.reason_sealed and open_content(
        context,
        case,
        row.reason_sealed,
        place=f"{name_place(row.approval_id)}:reason",
        kind=ApprovalRefused,
    )
    return ApprovalView(
        approval_id=row.approval_id,
        case_id=row.case_id,
        channel=row.channel,
        state=ApprovalState(row.state),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        decide_by=row.decide_by,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        message_id=row.message_id,
        row_version=row.row_version,
        draft=content.draft,
        files=content.files,
        justification=content.justification,
        decision=content.decision,
        reason=reason.reason if reason else None,
    )


def tell(  # noqa: PLR0913 - one entry of the timeline
    context: NodeContext,
    session: Session,
    row: ApprovalRow,
    kind: EventKind,
    *,
    who: Principal | None,
    about: str | None = None,
) -> None:
    """Write into the timeline of the case."""
    add_event(
        session,
        kind=kind,
        at=context.clock(),
        actor=who.actor if who else SYSTEM_ACTOR,
        case_id=row.case_id,
        message_id=about,
        channel=Channel(row.channel),
    )
