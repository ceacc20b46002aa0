"""One case in three channels, with a marked word for everything that somebody says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlmodel import Session

from node.domain.access import Permission
from node.domain.returns import ReturnJourney
from node.service.cases.confidential import handle_write_confidential
from node.service.cases.notes import handle_add_note
from node.service.cases.opening import handle_open_case
from node.service.cases.strands import touch_strand
from node.service.composing import handle_send
from node.service.consent.exceptions import ExceptionDraft, handle_record_exception
from node.service.consent.records import ConsentDraft, handle_record_consent
from node.service.returns import handle_record_return
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from protocol.identifiers import Channel
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.messages.social_inclusion_follow_up import ConfidentialPart
from tests.support.case_world import agree
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import make_draft
from tests.support.node_console import Pair
from tests.support.people import STAFF, acting

OF: Final[Mapping[str, Channel]] = {
    "care": Channel.ASSISTANCE,
    "police": Channel.POLICE,
    "unit": Channel.WITNESS_PROTECTION,
}
"""Channels, by who is cleared for that one alone."""
KINDS: Final = ("TEXT", "NOTE", "PAPER", "WHY", "RETURN", "WISH")
"""What is said in a channel: a message, a note, beside a consent, why there is an exception, of the
return, on a withdrawal."""
SEALED: Final = "SEALED"
"""Part I of the follow-up form of each channel, for whom it was opened to by name."""
MARK: Final = "MARK"
"""What every marked word begins with."""


def mark(name: str, kind: str) -> str:
    """Return a word that stands nowhere else."""
    return f"{MARK}{name}{kind}".upper()


EVERY_WORD: Final[dict[str, str]] = {
    mark(name, kind): name for name in OF for kind in (*KINDS, SEALED)
}
"""All of them, with whose they are."""


@dataclass(frozen=True)
class MarkedCase:
    """The case at AL, and what addresses name of it, by channel."""

    case_id: str
    reference: str
    known: Mapping[str, Mapping[str, str]]

    def of_others(self, theirs: tuple[str, ...]) -> dict[str, str]:
        """Return identifiers that somebody of these channels never gets, with whose they are."""
        hidden: dict[str, str] = {}
        for name in set(OF) - set(theirs):
            hidden |= {self.known[name][what]: name for what in ("message_id", "note_id")}
        if "unit" not in theirs:  # that they are there at all says where somebody is
            hidden |= {self.known["unit"][what]: "unit" for what in ("consent_id", "withdrawal_id")}
        return hidden


def hidden_words(theirs: tuple[str, ...]) -> dict[str, str]:
    """Return the marked words of other channels, with whose they are."""
    return {mark(name, kind): name for name in OF if name not in theirs for kind in KINDS}


def plant_case(pair: Pair) -> MarkedCase:
    """Let AL open the case, say something of every kind in each channel, and write to XK.

    The withdrawal, of which nobody was told yet, is that of witness protection alone.
    """
    agree(pair.network)  # desks of every channel
    context = pair.network.node("AL")
    opened = handle_open_case(context, who=STAFF)

    def begin(session: Session) -> None:
        for channel in OF.values():
            touch_strand(session, opened.case_id, channel, at=context.clock())

    context.transact(begin)
    known = {name: _plant(pair, opened.case_id, opened.reference, name) for name in OF}
    pair.network.settle()
    wish = WithdrawalDraft(
        consents=(known["unit"]["consent_id"],),
        withdrawn_by=ConsentGiver.PERSON,
        procedure_note=mark("unit", "WISH"),
    )
    unit = acting("unit", channels=[Channel.WITNESS_PROTECTION])
    stopped = handle_withdraw(context, opened.case_id, wish, who=unit, tell_later=True)
    known["unit"]["withdrawal_id"] = stopped.withdrawal_id
    return MarkedCase(opened.case_id, opened.reference, known)


def _plant(pair: Pair, case_id: str, reference: str, name: str) -> dict[str, str]:
    """Write a marked word of each kind in a channel; returns what addresses name."""
    context, channel = pair.network.node("AL"), OF[name]
    who = acting(name, channels=[channel])
    basis = {**CONSENT, "classes": ["protection"], "recipients": ["XK"]}
    given: dict[str, Any] = {key: said for key, said in basis.items() if key != "kind"}
    consent = ConsentDraft.model_validate({**given, **ON_FILE, "note": mark(name, "PAPER")})
    made = handle_record_consent(context, case_id, consent, who=who)
    draft = make_draft(
        type="general.message",
        case=reference,
        channel=channel,
        legal_basis=basis,
        body={"text": mark(name, "TEXT")},
    )
    sent = handle_send(context, draft, who=who)
    note = handle_add_note(context, case_id, mark(name, "NOTE"), who=who)
    why = ExceptionDraft(ground=ExceptionGround.VITAL_INTEREST, justification=mark(name, "WHY"))
    handle_record_exception(context, case_id, why, who=who)
    handle_record_return(context, case_id, ReturnJourney(note=mark(name, "RETURN")), who=who)
    part_one = {"identity": {"given_names": "Invented", "family_name": mark(name, SEALED)}}
    cleared = replace(who, permissions=who.permissions | {Permission.READ_CONFIDENTIAL})
    handle_write_confidential(
        context, case_id, ConfidentialPart.model_validate(part_one), who=cleared
    )
    return {
        "case_id": case_id,
        "message_id": sent.message_id,
        "consent_id": made.consent_id,
        "note_id": note.note_id,
    }
