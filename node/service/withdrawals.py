"""Withdrawing consent, and asking others to delete: what stops, who is told, who confirmed.

One transaction withdraws the consents, takes back what has not left, and queues the word to every
desk that has data of the person. What each of them owes, a confirmation that it deleted, is a row
with a deadline (:mod:`node.service.deletions`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.service.cancelling import cancel_message
from node.service.case_content import get_case_of
from node.service.case_work import CaseWork
from node.service.consent.records import ConsentDraft, PlainInstant, lock_consents, open_consent
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.telling import (
    ERASURE,
    WITHDRAWN,
    HeldMessage,
    Told,
    Word,
    load_sent,
    tell_recipients,
)
from node.store.consent_tables import ConsentRow, WithdrawalRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel, Phase
from protocol.messages.fields import Line, Sensitivity
from protocol.messages.general import ErasureGround
from protocol.messages.head import CaseMessage, ConsentBasis, ConsentGiver, ExceptionBasis
from protocol.policy.consent import AFTER_WITHDRAWAL

_PROTECTION: Final = Channel.WITNESS_PROTECTION


class WithdrawalDraft(BaseModel):
    """What a person withdrew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The consents on file that are withdrawn; none named: all of them.
    consents: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    withdrawn_by: ConsentGiver
    #: Nothing: now.
    withdrawn_at: PlainInstant | None = None
    delete_received: bool = True
    procedure_note: Line | None = None


class ErasureDraft(BaseModel):
    """What others are asked to delete: the whole case, or messages of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ground: ErasureGround
    #: None named: whatever they have of this case.
    messages: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    procedure_note: Line | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a withdrawal did, in the channels of who recorded it."""

    withdrawal_id: str
    #: Messages of ours that were taken back before they left.
    taken_back: tuple[str, ...]
    told: tuple[Told, ...]


class Reach(BaseModel):
    """What a withdrawal speaks of; everything where all that there is was withdrawn.

    Consents of witness protection carry messages of that channel alone, so their withdrawal is
    told in no other: ``protected`` is what it speaks of there; None: the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_all: bool
    classes: frozenset[Sensitivity]
    phases: frozenset[Phase]
    recipients: frozenset[str]
    protected: Self | None = Field(default=None, exclude_if=lambda reach: reach is None)

    @classmethod
    def of(cls, withdrawn: Sequence[ConsentDraft], *, is_all: bool) -> "Reach":
        """Sum up what the withdrawn consents covered."""
        return cls(
            is_all=is_all,
            classes=frozenset(mark for each in withdrawn for mark in each.classes),
            phases=frozenset(phase for each in withdrawn for phase in each.phases),
            recipients=frozenset(code for each in withdrawn for code in each.recipients),
        )

    def within(self, channel: Channel) -> "Reach":
        """Return what it speaks of in a channel."""
        return self.protected if self.protected and channel is _PROTECTION else self

    def covers(self, message: CaseMessage) -> bool:
        """Whether a message of ours holds data that it speaks of."""
        marks = {mark for _, mark in message.list_classified()} - {Sensitivity.NONE}
        meant = self.within(message.channel)
        if meant.is_all:
            return bool(marks)
        return (
            bool(marks & meant.classes)
            and message.phase in meant.phases
            and message.recipient in meant.recipients
        )

    def describe(self) -> dict[str, Any]:
        """Return the part of the message's body that says so."""
        if self.is_all:
            return {"scope": "all"}
        return {
            "scope": "part",
            "classes": [mark.value for mark in Sensitivity if mark in self.classes],
            "phases": [phase.value for phase in Phase if phase in self.phases],
        }


class Withdrawn(BaseModel):
    """What is kept of a withdrawal, sealed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft: WithdrawalDraft
    reach: Reach


def handle_withdraw(
    context: NodeContext,
    case_id: str,
    draft: WithdrawalDraft,
    *,
    who: Principal,
    tell_later: bool = False,
) -> Stopped:
    """Withdraw consent: stop what is queued, and tell every recipient of the data.

    Recipients in channels that who asks does not see are told all the same. ``tell_later``: what is
    queued stops now; the recipients are told by :func:`node.service.recalling.handle_tell_now`, or
    by this node itself after a while. Raises ``NotFoundError``, ``ForbiddenError``, ``StaleError``
    if nothing is left to withdraw.
    """

    def withdraw(session: Session) -> Stopped:
        work = CaseWork.begin(context, session, case_id, who=who)
        at = min(draft.withdrawn_at or context.clock(), context.clock())
        reach, teller = _withdraw(work, draft, at=at)
        said = {
            "withdrawn_by": draft.withdrawn_by.value,
            "withdrawn_at": at.replace(microsecond=0).isoformat(),
            "delete_received": draft.delete_received,
            "tell_onward_recipients": True,
        }

        def find_word(channel: Channel) -> Word:
            body = {**reach.within(channel).describe(), **said}
            return Word(type=WITHDRAWN, body=body, note=draft.procedure_note)

        content = Withdrawn(draft=draft, reach=reach)
        withdrawal_id = _record(work, WITHDRAWN, content, teller=teller)
        sent = load_sent(context, session, work.case)
        held = [each for each in sent if reach.covers(each.message)]
        return _stop_and_tell(work, find_word, held, withdrawal_id=withdrawal_id, later=tell_later)

    stopped = context.transact(withdraw)
    context.signals.tell_queued()
    return stopped


def handle_ask_erasure(
    context: NodeContext, case_id: str, draft: ErasureDraft, *, who: Principal
) -> Stopped:
    """Ask every recipient to delete the whole case, or the messages named. Raises as above."""

    def erase(session: Session) -> Stopped:
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        held = [each for each in load_sent(context, session, case) if _is_meant(each, draft, who)]
        if not held or (draft.messages and len(held) != len(set(draft.messages))):
            raise NotFoundError(
                "Nothing was sent in this case that others could delete, or one of these messages "
                "is not there: choose them again from the case."
            )
        body: dict[str, Any] = {
            "scope": "listed_messages" if draft.messages else "whole_case",
            "ground": draft.ground.value,
            "tell_onward_recipients": True,
        }
        word = Word(type=ERASURE, body=body, note=draft.procedure_note, lists=bool(draft.messages))
        channels = {each.message.channel for each in held}
        teller = channels.pop() if draft.messages and len(channels) == 1 else None
        work = CaseWork(context, session, case, who)
        withdrawal_id = _record(work, ERASURE, draft, teller=teller)
        return _stop_and_tell(work, lambda _: word, held, withdrawal_id=withdrawal_id)

    stopped = context.transact(erase)
    context.signals.tell_queued()
    return stopped


def _is_meant(held: HeldMessage, draft: ErasureDraft, who: Principal) -> bool:
    if draft.messages:
        return held.row.message_id in draft.messages and who.sees(held.message.channel)
    return not held.message.type.startswith("general.")


def _withdraw(
    work: CaseWork, draft: WithdrawalDraft, *, at: datetime
) -> tuple[Reach, Channel | None]:
    """Withdraw the consents; returns what they covered, and who else hears of it here.

    A person who takes everything back takes back what is hidden from whoever writes it down, too.
    Where only that stands, the answer is the same as where nothing does.
    """
    case, who = work.case, work.who
    locked = lock_consents(work.session, case.case_id)
    standing = [row for row in locked if row.withdrawn_at is None]
    seen = {row.consent_id for row in standing if who.sees(_PROTECTION) or not _is_hidden(row)}
    named = seen & set(draft.consents)
    chosen = [row for row in standing if row.consent_id in named] if draft.consents else standing
    on_claims = not (seen or draft.consents) and _rests_on_claims(work)
    if not (seen or on_claims) or len(named) != len(set(draft.consents)):
        raise StaleError(
            "There is no such consent on file, or it was withdrawn before: look at the list of "
            "consents of this case."
        )
    _mark_withdrawn(work, chosen, at=at)
    if on_claims:
        return Reach.of((), is_all=True), None
    return _sum_up(work.context, case, chosen, standing=standing), _find_teller(chosen)


def _mark_withdrawn(work: CaseWork, chosen: Sequence[ConsentRow], *, at: datetime) -> None:
    for row in chosen:
        row.withdrawn_at = at
        row.row_version += 1
        work.session.add(row)
        work.record(Act.CONSENT_WITHDRAWN, row.consent_id)
    work.session.flush()
    if chosen:
        work.tell(EventKind.CONSENT_WITHDRAWN, channel=_find_teller(chosen))


def _sum_up(
    context: NodeContext,
    case: CaseRow,
    chosen: Sequence[ConsentRow],
    *,
    standing: Sequence[ConsentRow],
) -> Reach:
    """Return what was withdrawn, and whether that is all: in witness protection, and elsewhere."""
    said = [
        (row, open_consent(context, case, row.consent_id, row.content_sealed)) for row in chosen
    ]
    elsewhere = [content for row, content in said if row.channel != _PROTECTION]
    stood = sum(row.channel != _PROTECTION for row in standing)
    reach = Reach.of(elsewhere, is_all=bool(elsewhere) and len(elsewhere) == stood)
    protected = Reach.of([content for _, content in said], is_all=len(chosen) == len(standing))
    return reach if protected == reach else reach.model_copy(update={"protected": protected})


def _find_teller(withdrawn: Sequence[ConsentRow]) -> Channel | None:
    """Return in whose timeline it is told; None: everybody's."""
    return _PROTECTION if all(_is_hidden(row) for row in withdrawn) else None


def _is_hidden(row: ConsentRow | WithdrawalRow) -> bool:
    return row.channel == _PROTECTION


def _rests_on_claims(work: CaseWork) -> bool:
    """Whether messages left on consents of which nothing was put on file, and none was withdrawn.

    Such were sent before consents were kept here. Who gave them may take them back all the same.
    What is hidden from who asks changes nothing of the answer.
    """
    session, case, sees = work.session, work.case, work.who.sees(_PROTECTION)
    known: list[ConsentRow | WithdrawalRow] = []
    known += session.exec(select(ConsentRow).where(ConsentRow.case_id == case.case_id)).all()
    known += session.exec(
        select(WithdrawalRow).where(
            WithdrawalRow.case_id == case.case_id, WithdrawalRow.type == WITHDRAWN
        )
    ).all()
    return all(_is_hidden(row) and not sees for row in known) and any(
        isinstance(each.message.legal_basis, ConsentBasis)
        for each in load_sent(work.context, session, case)
        if sees or each.message.channel is not _PROTECTION
    )


def _stop_and_tell(
    work: CaseWork,
    find_word: Callable[[Channel], Word],
    held: Sequence[HeldMessage],
    *,
    withdrawal_id: str,
    later: bool = False,
) -> Stopped:
    """Stop and tell in all channels; what is returned is what who asks may see of it."""
    context, session, who = work.context, work.session, work.who
    everywhere = replace(work, who=replace(who, channels=frozenset(Channel)))
    taken_back, left = list[HeldMessage](), list[HeldMessage]()
    for each in held:
        is_back = take_back(context, session, each, who=everywhere.who)
        (taken_back if is_back else left).append(each)
    told = tell_recipients(everywhere, find_word, left, withdrawal_id=withdrawal_id, later=later)
    return Stopped(
        withdrawal_id,
        tuple(each.row.message_id for each in taken_back if who.sees(each.message.channel)),
        tuple(each for each in told if who.sees(each.channel)),
    )


def take_back(context: NodeContext, session: Session, held: HeldMessage, *, who: Principal) -> bool:
    """Take a message back if it has not left; false if anybody may have it.

    One that is being handed over at this moment may come back: see
    :func:`node.service.recalling.recall_what_waits`.
    """
    basis = held.message.legal_basis
    if held.row.dispatch != Dispatch.QUEUED or (
        isinstance(basis, ExceptionBasis) and basis.ground in AFTER_WITHDRAWAL
    ):
        return False
    try:
        return cancel_message(context, session, held.row.message_id, who=who).certain
    except StaleError:  # it is being handed over at this moment
        return False


def place_of_withdrawal(withdrawal_id: str) -> str:
    """Return what binds a sealed withdrawal to its row."""
    return f"withdrawal:{withdrawal_id}"


def _record(work: CaseWork, type_: str, content: BaseModel, *, teller: Channel | None) -> str:
    """Keep what was said, sealed, and say so in the case; returns its name."""
    withdrawal_id, now = work.context.random(16).hex(), work.context.clock()
    place = place_of_withdrawal(withdrawal_id)
    work.session.add(
        WithdrawalRow(
            withdrawal_id=withdrawal_id,
            case_id=work.case.case_id,
            channel=teller,
            type=type_,
            content_sealed=work.seal(content, place=place),
            recorded_at=now,
            recorded_by=work.who.actor,
        )
    )
    work.session.flush()
    work.tell(EventKind.WITHDRAWAL_RECORDED, at=now, code=type_, channel=teller)
    return withdrawal_id
