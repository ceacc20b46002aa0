"""How states look: a word, its tone, and its icon, for each side of a message."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.events import EventKind
from node.domain.states import Dispatch, Handling
from node.service.cancelling import MAY_HAVE_LEFT
from node.service.reading import Item, Proof, TimelineEntry
from node.service.records import IN
from node.web.consent_looks import CONSENT_LOOKS
from node.web.labels import DECIDED, say_known, say_type
from node.web.letter_words import say_settled
from node.web.timeline_looks import COURSE_LOOKS, TimelineLook
from node.web.work_looks import WORK_LOOKS
from protocol.errors import RejectionCode
from protocol.messages.codes import Urgency
from protocol.messages.general import Outcome
from protocol.messages.system import ReceiptStatus


@dataclass(frozen=True, slots=True)
class Look:
    """A state in words, with the tone and icon that go with them."""

    word: Message | str
    tone: str = "neutral"
    icon: str = "circle-dashed"


_SENT: Final[Mapping[str, Look]] = {
    Dispatch.QUEUED: Look(pmsg("message state", "Waiting to leave"), "info", "hourglass"),
    Dispatch.ON_ITS_WAY: Look(pmsg("message state", "On its way"), "info", "send"),
    Dispatch.DELIVERED: Look(
        pmsg("message state", "Delivered, receipt signed"), "ok", "circle-check"
    ),
    Dispatch.READ: Look(pmsg("message state", "Opened"), "ok", "mail-open"),
    Dispatch.REJECTED: Look(pmsg("message state", "Refused by their system"), "danger", "shield-x"),
    Dispatch.EXPIRED: Look(pmsg("message state", "Not delivered in time"), "danger", "alarm-clock"),
    Dispatch.CANCELLED: Look(pmsg("message state", "Cancelled"), "neutral", "ban"),
    Dispatch.GIVEN_UP: Look(
        pmsg("message state", "Not delivered: given up by the administrator"), "danger", "shield-x"
    ),
}

_DECIDED: Final[Mapping[str, Look]] = {
    Handling.ACCEPTED: Look(pmsg("message state", "Accepted"), "ok", "check"),
    Handling.DECLINED: Look(pmsg("message state", "Declined"), "warn", "ban"),
    Handling.FORWARDED: Look(pmsg("message state", "Forwarded"), "info", "forward"),
    Handling.MORE_INFORMATION_ASKED: Look(
        pmsg("message state", "More information asked"), "warn", "message-square"
    ),
    Handling.ANSWERED_IN_PART: Look(
        pmsg("message state", "Answered in part"), "info", "message-square"
    ),
    Handling.ANSWERED: Look(pmsg("message state", "Answered"), "ok", "check"),
    Handling.FORWARDED_ELSEWHERE: Look(
        pmsg("message state", "Forwarded to another Participant"), "info", "forward"
    ),
    Handling.WITHDRAWN: Look(pmsg("message state", "Taken back by its sender"), "warn", "ban"),
    Handling.CLOSED: Look(pmsg("message state", "Closed with its case"), "neutral", "check"),
}

_RECEIVED: Final[Mapping[str, Look]] = {
    **_DECIDED,
    Handling.NEW: Look(pmsg("message state", "New"), "info", "inbox"),
    Handling.OPENED: Look(pmsg("message state", "Opened, no decision"), "neutral", "mail-open"),
    Handling.NOTHING_EXPECTED: Look(pmsg("message state", "For information"), "neutral", "info"),
}

_UNREADABLE: Final = Look(
    pmsg("message state", "Cannot be read by this version"), "warn", "circle-alert"
)

_URGENCY: Final[Mapping[str, tuple[str, str]]] = {
    Urgency.IMMEDIATE: ("warn", "triangle-alert"),
    Urgency.URGENT: ("info", "clock"),
}


def look_of(item: Item) -> Look:
    """Say how a message stands, on whichever side we are."""
    if item.direction == IN:
        return _RECEIVED[item.handling] if item.readable else _UNREADABLE
    return _DECIDED.get(item.handling) or _SENT[item.dispatch or Dispatch.QUEUED]


def look_at_dispatch(dispatch: Dispatch) -> Look:
    """Say how far a message of ours has come."""
    return _SENT[dispatch]


def look_of_urgency(urgency: str | None) -> Look | None:
    """Say how urgent a message is; None where it cannot be read."""
    if urgency is None:
        return None
    tone, icon = _URGENCY.get(urgency, ("neutral", ""))
    return Look(say_known(Urgency, urgency), tone, icon)


def look_of_dispatch(item: Item, proofs: tuple[Proof, ...] = ()) -> Look:
    """Say how far a message of ours has come, with the reason where it was refused."""
    look = _SENT[item.dispatch or Dispatch.QUEUED]
    for proof in proofs:
        if proof.status == ReceiptStatus.REJECTED and item.dispatch == Dispatch.REJECTED:
            reason = say_known(RejectionCode, proof.reason)
            return Look(
                pmsg("message state", "Refused by their system: %(reason)s", reason=reason),
                look.tone,
                look.icon,
            )
    return look


def is_decided(item: Item) -> bool:
    """Whether the other side did something about a message of ours that ends its waiting."""
    return item.handling in _DECIDED


def look_of_sent(item: Item, proofs: tuple[Proof, ...] = ()) -> Look:
    """Say how a message of ours stands: what the other side decided, or how far it has come."""
    return _DECIDED.get(item.handling) or look_of_dispatch(item, proofs)


_DECISION_LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    Outcome.ACCEPTED: ("ok", "check"),
    Outcome.DECLINED: ("warn", "ban"),
    Outcome.FORWARDED: ("info", "forward"),
    Outcome.MORE_INFORMATION_NEEDED: ("warn", "message-square"),
}


_UNCHANGED: Final = TimelineLook(
    pmsg("timeline", "A decision came that changes nothing: it was decided before"),
    "warn",
    "circle-alert",
)

_ENTRIES: Final[Mapping[EventKind, TimelineLook]] = {
    EventKind.CASE_OPENED: TimelineLook(pmsg("timeline", "Case opened"), "neutral", "plus"),
    EventKind.PARTICIPANT_JOINED: TimelineLook(
        pmsg("timeline", "%(participant)s takes part"), "neutral", "users"
    ),
    EventKind.MESSAGE_QUEUED: TimelineLook(
        pmsg("timeline", "%(what)s: written and signed"), "info", "pencil", names_message=True
    ),
    EventKind.MESSAGE_ON_ITS_WAY: TimelineLook(
        pmsg("timeline", "%(what)s: on its way"), "info", "send"
    ),
    EventKind.MESSAGE_DELIVERED: TimelineLook(
        pmsg("timeline", "%(what)s: delivered, receipt signed"), "ok", "circle-check"
    ),
    EventKind.MESSAGE_READ: TimelineLook(
        pmsg("timeline", "%(what)s: opened by the other side"), "ok", "mail-open"
    ),
    EventKind.MESSAGE_REJECTED: TimelineLook(
        pmsg("timeline", "%(what)s: refused by their system, %(reason)s"), "danger", "shield-x"
    ),
    EventKind.MESSAGE_EXPIRED: TimelineLook(
        pmsg("timeline", "%(what)s: not delivered in time"), "danger", "alarm-clock"
    ),
    EventKind.MESSAGE_CANCELLED: TimelineLook(
        pmsg("timeline", "%(what)s: taken back before it left"), "neutral", "ban"
    ),
    EventKind.MESSAGE_GIVEN_UP: TimelineLook(
        pmsg("timeline", "%(what)s: given up by the administrator, %(settled)s"),
        "danger",
        "circle-alert",
    ),
    EventKind.MESSAGE_RETRIED: TimelineLook(
        pmsg("timeline", "%(what)s: handed over again by the administrator"), "info", "send"
    ),
    EventKind.MESSAGE_SETTLED: TimelineLook(
        pmsg("timeline", "%(what)s: looked after by the administrator, %(settled)s"),
        "neutral",
        "check",
    ),
    EventKind.OPEN_AGAIN: TimelineLook(
        pmsg("timeline", "%(what)s: open again, because what we sent about it was taken back"),
        "warn",
        "circle-alert",
    ),
    EventKind.MESSAGE_RECEIVED: TimelineLook(
        pmsg("timeline", "%(what)s: received"), "info", "inbox", names_message=True
    ),
    EventKind.MESSAGE_OPENED: TimelineLook(
        pmsg("timeline", "%(what)s: opened"), "neutral", "mail-open"
    ),
    EventKind.MESSAGE_UNREADABLE: TimelineLook(
        msg("A message came that this version cannot read"),
        "warn",
        "circle-alert",
        names_message=True,
    ),
    EventKind.LINK_GAP: TimelineLook(
        msg("An earlier message of the other side was missing when this came"), "warn", "hourglass"
    ),
    EventKind.LINK_CONFLICT: TimelineLook(
        msg("Two messages claim the same place: tell your administrator"), "danger", "shield-alert"
    ),
    EventKind.LINK_GIVEN_UP: TimelineLook(
        msg("Earlier messages were asked for in vain: telephone the other desk"),
        "danger",
        "circle-alert",
    ),
    EventKind.LINK_GONE: TimelineLook(
        msg("Earlier messages never arrived, and the other side no longer has them"),
        "warn",
        "circle-alert",
    ),
    EventKind.LINK_CANCELLED: TimelineLook(
        msg("The other side took back an earlier message before it left: nothing is missing"),
        "neutral",
        "info",
    ),
    EventKind.MESSAGE_LATE: TimelineLook(
        msg("It came after its time, because it was missing and asked for"), "warn", "alarm-clock"
    ),
    EventKind.MESSAGE_ASKED_AGAIN: TimelineLook(
        pmsg("timeline", "%(what)s: asked for again by the other side"), "info", "send"
    ),
    EventKind.FILES_ARRIVED: TimelineLook(
        pmsg("timeline", "%(what)s: all its files are here"), "ok", "paperclip"
    ),
    EventKind.FILE_BROKEN: TimelineLook(
        pmsg("timeline", "%(what)s: a file is damaged, and its sender was told"),
        "danger",
        "shield-x",
    ),
    EventKind.FILE_GONE: TimelineLook(
        pmsg("timeline", "%(what)s: a file does not come any more, its sender no longer has it"),
        "danger",
        "circle-alert",
    ),
    EventKind.FILE_GIVEN_UP: TimelineLook(
        pmsg("timeline", "%(what)s: a file was asked for in vain: telephone the other desk"),
        "danger",
        "circle-alert",
    ),
    EventKind.FILE_QUARANTINED: TimelineLook(
        pmsg("timeline", "%(what)s: malware found in a file, nobody can open it"),
        "danger",
        "shield-alert",
    ),
    EventKind.FILE_UNSCANNED: TimelineLook(
        pmsg("timeline", "%(what)s: a file could not be scanned for malware"),
        "warn",
        "circle-alert",
    ),
    EventKind.FILE_SCANNED_AGAIN: TimelineLook(
        pmsg("timeline", "%(what)s: a file is scanned again for malware"), "neutral", "refresh-cw"
    ),
    EventKind.FILE_TAKEN: TimelineLook(
        pmsg("timeline", "%(what)s: a copy of a file was saved"), "neutral", "download"
    ),
    EventKind.REGISTRY_CONFLICT: TimelineLook(
        msg("The two sides act on different directories: tell your administrator"),
        "danger",
        "shield-alert",
    ),
}


_CANCELLED_LATE: Final = TimelineLook(
    pmsg("timeline", "%(what)s: taken back, but it may have left before"), "warn", "circle-alert"
)


def look_of_entry(entry: TimelineEntry, *, participant: Message | str) -> TimelineLook:
    """Say what happened; ``participant`` is how the other side is called."""
    look = _ENTRIES.get(entry.kind) or COURSE_LOOKS.get(entry.kind)
    look = look or WORK_LOOKS.get(entry.kind) or CONSENT_LOOKS.get(entry.kind)
    if entry.kind is EventKind.MESSAGE_CANCELLED and entry.code == MAY_HAVE_LEFT:
        look = _CANCELLED_LATE
    if look is None:  # a decision: its code says which
        code = entry.code or ""
        if code not in DECIDED:
            return _UNCHANGED
        return TimelineLook(DECIDED[code], *_DECISION_LOOKS[code])
    params = {
        "what": say_type(entry.item.type) if entry.item else "",
        "reason": say_known(RejectionCode, entry.code),
        "settled": say_settled(entry.code),
        "participant": participant,
    }
    return replace(look, title=replace(look.title, params=params))
