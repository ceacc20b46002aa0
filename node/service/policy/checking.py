"""What would become of a draft if it were sent now: the decision, the desk, its hours.

Nothing is written. The same gate stands in front of sending and is asked again then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from contact_registry.directory import Directory
from contact_registry.models import Authority
from contact_registry.standing_in import judge_duty
from node.domain.access import Permission, Principal
from node.service.attachments.staging import load_staged
from node.service.building import Draft, Setting, build_message, choose_channel
from node.service.composing import refuse_recorded_elsewhere
from node.service.context import NodeContext
from node.service.permitting import require
from node.service.policy.gate import Gate, Sending, add_files
from node.service.policy.statements import complete_basis, preview_known
from node.service.referring import Referring, find_named_case, parse_target, refer
from node.service.storing import verify_reachable
from node.store.tables import CaseRow
from protocol.identifiers import (
    AuthorityId,
    get_participant_of,
    make_case_reference,
)
from protocol.links import LinkPosition
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from protocol.policy.decision import Decision
from protocol.policy.facts import MessageFacts
from protocol.policy.gathering import gather_message_facts

_FIRST: Final = LinkPosition(generation=1, seq=1, prev="0" * 64)


@dataclass(frozen=True, slots=True)
class DeskView:
    """The desk that a draft would go to, and whether somebody is there now."""

    authority: AuthorityId
    name: str
    post: str
    time_zone: str
    available_24_7: bool
    #: ``on``, ``off`` or ``unknown``, and why.
    duty: str
    reason: str
    #: When its hours begin next (UTC), if that is known.
    next_opening: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """What would become of a draft."""

    decision: Decision
    message: CaseMessage
    desk: DeskView | None


def check_draft(
    context: NodeContext,
    draft: Draft,
    *,
    who: Principal,
    file_classes: Sequence[Sensitivity] | None = None,
) -> Check:
    """Say what would become of a draft now.

    ``file_classes``: what is said of its files, where the caller knows it; else it is looked up.

    Raises ``RefusedDraftError`` if it is no message of its type, ``NotFoundError`` for a case or
    message that is not there for who asks, ``ForbiddenError``.
    """
    require(who, Permission.WORK_CASES)
    directory = context.directory.current()
    with context.database.reading() as session:
        case = _find_or_imagine(context, session, draft, who=who)
        judged = judge_draft(
            context,
            session,
            draft,
            case=case,
            who=who,
            directory=directory,
            file_classes=file_classes,
        )
    desk = directory.authority(AuthorityId(judged.message.to_authority))
    return Check(
        judged.decision,
        judged.message,
        None if desk is None else _describe(desk, directory, at=context.clock()),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A draft as the gate sees it."""

    decision: Decision
    message: CaseMessage
    facts: MessageFacts


def judge_draft(  # noqa: PLR0913 - a draft, who sends it, where
    context: NodeContext,
    session: Session,
    draft: Draft,
    *,
    case: CaseRow,
    who: Principal,
    directory: Directory,
    file_classes: Sequence[Sensitivity] | None = None,
) -> Judged:
    """Build what a draft would be and let the gate decide, as if its statements were recorded."""
    refuse_recorded_elsewhere(draft)
    recipient, entry = parse_target(draft)
    verify_reachable(directory, recipient)
    now = context.clock().replace(microsecond=0)
    gate = Gate(context, session, directory, now=now, is_preview=True)
    referring: Referring = refer(context, session, draft, case=case, who=who)
    channel = choose_channel(referring.draft, entry)
    known = preview_known(draft, gate.know(case), channel=channel)
    gate.note(case, known)
    message = build_message(
        context,
        complete_basis(referring.draft, known, None, channel=channel, now=now),
        entry,
        Setting(directory, now, case, position=_FIRST),
    )
    if file_classes is None:
        file_classes = _list_classes(context, draft.files, who=who)
    facts = add_files(gather_message_facts(message), file_classes)
    sending: Sending = referring.say_sending(case=case, who=who, given=None)
    return Judged(gate.judge(facts, sending), message, facts)


def _find_or_imagine(
    context: NodeContext, session: Session, draft: Draft, *, who: Principal
) -> CaseRow:
    """Return the draft's case; for one that would be opened, a row that is never stored."""
    if draft.case is not None:
        return find_named_case(session, draft.case, who=who)
    return CaseRow(
        case_id=context.random(16).hex(),
        reference=make_case_reference(context.random),
        created_at=context.clock(),
        wrapped_key=context.keys.make_case_key(),
    )


def _list_classes(
    context: NodeContext, file_ids: Sequence[str], *, who: Principal
) -> list[Sensitivity]:
    return [
        load_staged(context, file_id, owner=who.actor).description.sensitivity
        for file_id in file_ids
    ]


def _describe(desk: Authority, directory: Directory, *, at: datetime) -> DeskView:
    calendar = directory.contacts[get_participant_of(desk.id)].calendar
    state = judge_duty(desk, days_off=calendar.days_off if calendar else frozenset(), at=at)
    return DeskView(
        authority=desk.id,
        name=desk.name,
        post=desk.post,
        time_zone=desk.time_zone,
        available_24_7=desk.available_24_7,
        duty=state.duty.value,
        reason=state.reason,
        next_opening=state.next_opening,
    )
