"""Carrying out a deletion that another side asked for, and telling it what was done."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.withdrawals import (
    DeletionState,
)
from node.service.building import Draft
from node.service.case_work import CaseWork
from node.service.composing import Sent, queue_message
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.erasing import delete_blobs, erase_message
from node.service.permitting import require
from node.service.policy.passing_on import covers
from node.service.records import IN, load_signed
from node.service.telling import ERASURE, WITHDRAWN, HeldMessage, Word, load_sent, tell_recipients
from node.store.bulk import in_parts
from node.store.consent_tables import DeletionRow
from node.store.tables import CaseRow, EventRow, MessageRow
from protocol.identifiers import Channel, Phase
from protocol.messages.catalogue import parse_payload
from protocol.messages.codes import Urgency
from protocol.messages.fields import Day, Line, MessageIdField, Sensitivity, TriState
from protocol.messages.general import (
    ConsentWithdrawn,
    Erasure,
    ErasureGround,
    ErasureOutcome,
)
from protocol.messages.head import CaseMessage


class Kept(BaseModel):
    """A received message that is kept, and the duty under law that says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: MessageIdField
    duty: Line
    until: Day | None = None


class DeletionDone(BaseModel):
    """What was done about a request to delete. What is not kept is erased with this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: Annotated[tuple[Kept, ...], Field(max_length=200)] = ()
    #: The day on which the last backup that holds it is gone.
    gone_from_backups_by: Day | None = None
    #: Whether those who got it beside this system, by telephone or on paper, were told.
    others_told: TriState = TriState.YES


def handle_confirm_deletion(
    context: NodeContext,
    message_id: str,
    done: DeletionDone,
    *,
    who: Principal,
    row_version: int | None = None,
) -> Sent:
    """Erase what a withdrawal or a request names, tell whom it was passed on to, and answer.

    All in one transaction; files go after it. Raises ``NotFoundError``, ``ForbiddenError``,
    ``StaleError`` if it was answered, or changed since ``row_version``; ``RefusedDraftError`` for a
    message that is kept and that it does not name.
    """
    require(who, Permission.WORK_CASES)
    doomed: list[str] = []

    def erase(session: Session) -> Sent:
        doomed.clear()
        asked = _lock_asked(session, message_id, who=who, seen=row_version)
        row = session.get_one(MessageRow, message_id)
        work = CaseWork.begin(context, session, asked.case_id, who=who)
        told = parse_payload(load_signed(context, row, work.case).payload)
        if not isinstance(told, ConsentWithdrawn | Erasure):
            raise NotFoundError("This message asks for no deletion: open it again from its case.")
        meant = list_meant(context, session, told, peer=asked.peer, case=work.case)
        erased = _leave_out_kept(meant, done)
        are_told = _tell_onward(work, told, meant)
        ground = told.body.ground if isinstance(told, Erasure) else ErasureGround.CONSENT_WITHDRAWN
        for each in erased:
            doomed.extend(erase_message(context, session, each.row, who=who, ground=ground))
        session.flush()
        answer = _make_answer(
            done,
            told,
            erased=bool(erased) or not done.kept,
            at=context.clock(),
            use_stopped=row.stored_at,
        )
        answer["onward_recipients_told"] = done.others_told.value if are_told else TriState.NO.value
        draft = _make_draft(row, told, work.case, answer)
        sent = queue_message(context, session, draft, who=who)
        work.record(Act.DELETION_REPORTED, message_id)
        return sent

    sent = context.transact(erase)
    delete_blobs(context, doomed)
    context.signals.tell_queued()
    return sent


def _leave_out_kept(meant: Sequence[HeldMessage], done: DeletionDone) -> list[HeldMessage]:
    """Return what is to be erased; raises ``RefusedDraftError`` if something else is kept."""
    kept = {each.message_id for each in done.kept}
    if kept - {each.message.message_id for each in meant}:
        raise RefusedDraftError(
            msg(
                "One of the messages that are kept is not among those to be deleted: name those "
                "that the request speaks of."
            )
        )
    return [each for each in meant if each.message.message_id not in kept]


def _lock_asked(
    session: Session, message_id: str, *, who: Principal, seen: int | None
) -> DeletionRow:
    row = session.get(DeletionRow, message_id, with_for_update=True)
    if row is None or row.direction != IN or not who.sees(Channel(row.channel)):
        raise NotFoundError("Nobody asked for such a deletion here: open it from the list.")
    if seen is not None and seen != row.row_version:
        raise StaleError("It has changed since you opened it: look at its newest state.")
    if row.state == DeletionState.ERASED:
        raise StaleError("This was done and confirmed before: nothing was sent again.")
    return row


def list_passed_on(
    context: NodeContext, session: Session, meant: Iterable[HeldMessage], *, case: CaseRow
) -> list[HeldMessage]:
    """Return what we sent of the person to desks to which one of these messages was passed on."""
    passed_on = set[str]()
    for part in in_parts(sorted(each.row.message_id for each in meant)):
        codes = session.exec(
            select(EventRow.code).where(
                EventRow.kind == EventKind.PASSED_ON, col(EventRow.message_id).in_(part)
            )
        )
        passed_on.update(code for code in codes if code)
    if not passed_on:
        return []
    return [
        each
        for each in load_sent(context, session, case)
        if each.message.to_authority in passed_on
        and any(mark is not Sensitivity.NONE for _, mark in each.message.list_classified())
    ]


def list_meant(
    context: NodeContext,
    session: Session,
    told: ConsentWithdrawn | Erasure,
    *,
    peer: str,
    case: CaseRow,
) -> list[HeldMessage]:
    """Return what is here of what is to be deleted. Messages that only end a matter may stay."""
    meant = []
    for row in session.exec(
        select(MessageRow).where(
            MessageRow.case_id == case.case_id,
            MessageRow.direction == IN,
            MessageRow.peer == peer,
            func.length(MessageRow.signed_payload_sealed) > 0,
        )
    ).all():
        said = parse_payload(load_signed(context, row, case).payload)
        if isinstance(said, CaseMessage) and covers(told, said) and _holds_data(told, said):
            meant.append(HeldMessage(row, said))
    return meant


def _holds_data(told: ConsentWithdrawn | Erasure, said: CaseMessage) -> bool:
    if isinstance(told, Erasure) or said.message_id in told.body.messages:
        return said.type not in {WITHDRAWN, ERASURE}
    return any(mark is not Sensitivity.NONE for _, mark in said.list_classified())


def _tell_onward(
    work: CaseWork, told: ConsentWithdrawn | Erasure, meant: Iterable[HeldMessage]
) -> bool:
    """Tell whom it was passed on to by this system; false if one could not be told."""
    if not told.body.tell_onward_recipients:
        return True
    held = list_passed_on(work.context, work.session, meant, case=work.case)
    if not held:
        return True
    body: dict[str, Any] = {"tell_onward_recipients": True}
    if isinstance(told, Erasure):
        body |= {"scope": "whole_case", "ground": told.body.ground.value}
    else:
        body |= {
            "scope": "all",
            "withdrawn_by": told.body.withdrawn_by.value,
            "withdrawn_at": told.body.withdrawn_at.isoformat(),
            "delete_received": told.body.delete_received,
        }
    word = Word(type=told.type, body=body)
    answers = tell_recipients(work, lambda _: word, held, withdrawal_id=None)
    return all(each.message_id is not None for each in answers)


def _make_answer(
    done: DeletionDone,
    told: ConsentWithdrawn | Erasure,
    *,
    erased: bool,
    at: datetime,
    use_stopped: datetime,
) -> dict[str, Any]:
    outcome = ErasureOutcome.ERASED
    if done.kept:
        outcome = ErasureOutcome.ERASED_IN_PART if erased else ErasureOutcome.NOT_ERASED
    answer: dict[str, Any] = {
        "answers": told.type,
        "outcome": outcome.value,
        "kept": [each.model_dump(mode="json", exclude_none=True) for each in done.kept],
    }
    if outcome is not ErasureOutcome.NOT_ERASED:
        answer["erased_at"] = at.replace(microsecond=0).isoformat()
    if done.gone_from_backups_by is not None:
        answer["gone_from_backups_by"] = done.gone_from_backups_by.isoformat()
    if isinstance(told, ConsentWithdrawn):
        answer["use_stopped_at"] = use_stopped.replace(microsecond=0).isoformat()
    return answer


def _make_draft(
    row: MessageRow,
    told: ConsentWithdrawn | Erasure,
    case: CaseRow,
    answer: dict[str, Any],
) -> Draft:
    return Draft(
        type="general.response",
        recipient=row.peer,
        case=case.reference,
        in_reply_to=row.message_id,
        channel=told.channel,
        phase=Phase(told.phase),
        urgency=Urgency(told.urgency),
        from_authority=told.to_authority,
        to_authority=told.from_authority,
        legal_basis={"kind": "no_personal_data"},
        body={"completeness": "full", "answer": answer},
    )
