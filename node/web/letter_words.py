"""Dead letters in words: what is wrong, what was done, and what would help."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.events import EventKind
from node.service.dead_letters import DeadLetter, LetterKind, Obstacle
from node.service.holding import HELD_BACK
from node.service.letter_acts import RetryOutcome, SettleReason
from node.service.quarantine import INTERNAL
from node.web.labels import say_known
from protocol.errors import RejectionCode

SETTLE_REASONS: Final[Mapping[str, Message]] = {
    SettleReason.TOLD_BY_TELEPHONE: msg("the desks were told by telephone"),
    SettleReason.SENT_ANEW: msg("it was written and sent anew"),
    SettleReason.OTHER_SIDE_MENDS: msg("the other side is mending its system"),
    SettleReason.NOT_NEEDED: msg("it is not needed any more"),
}

SETTLE_CHOICES: Final[Mapping[str, Message]] = {
    SettleReason.TOLD_BY_TELEPHONE: msg("The desks were told by telephone"),
    SettleReason.SENT_ANEW: msg("It was written and sent anew"),
    SettleReason.OTHER_SIDE_MENDS: msg("The other side is mending its system"),
    SettleReason.NOT_NEEDED: msg("It is not needed any more"),
}
"""The same as choices of a form."""

KINDS: Final[Mapping[LetterKind, Message]] = {
    LetterKind.REFUSED: pmsg("dead letter", "Refused by their system"),
    LetterKind.EXPIRED: pmsg("dead letter", "Not delivered in time"),
    LetterKind.GIVEN_UP: pmsg("dead letter", "Given up here"),
    LetterKind.UNDELIVERED: pmsg("dead letter", "No receipt for long"),
    LetterKind.QUARANTINED: pmsg("dead letter", "Refused here"),
}

TONES: Final[Mapping[LetterKind, tuple[str, str]]] = {
    LetterKind.REFUSED: ("danger", "shield-x"),
    LetterKind.EXPIRED: ("danger", "alarm-clock"),
    LetterKind.GIVEN_UP: ("danger", "ban"),
    LetterKind.UNDELIVERED: ("warn", "hourglass"),
    LetterKind.QUARANTINED: ("warn", "shield-alert"),
}

OBSTACLES: Final[Mapping[Obstacle, Message]] = {
    Obstacle.OVER: msg(
        "It cannot be tried again: its time is over, and the other side would refuse it. Have it "
        "written anew, and tell the other desk by telephone."
    ),
    Obstacle.KEYS_REPLACED: msg(
        "It cannot be tried again: it was signed with keys that were replaced since, and the other "
        "side would refuse it. It may have arrived before: telephone the other desk, and have it "
        "written anew if it is not there."
    ),
    Obstacle.HELD_BACK: msg(
        "It need not be tried again: it waits for a newer directory and leaves by itself then. See "
        "that the hub can be reached."
    ),
    Obstacle.NOT_KEPT: msg(
        "It cannot be tried again: the envelope was not kept, because its sender's share of the "
        "room was used up. Ask its sender to send it again."
    ),
}

_HELP: Final[Mapping[str, Message]] = {
    RejectionCode.MALFORMED: msg("Update the older of the two systems, then try again."),
    RejectionCode.UNSUPPORTED: msg("Have the other system updated, then try again."),
    RejectionCode.UNOPENABLE: msg("Refresh the directory on both sides, then try again."),
    RejectionCode.UNKNOWN_SENDER: msg(
        "Ask the operators whether the sender's node is in the directory, then try again."
    ),
    RejectionCode.FORGED: msg(
        "Telephone the other side's administrator: somebody may be forging messages."
    ),
    RejectionCode.MISADDRESSED: msg(
        "Telephone the other side's administrator: something was led to the wrong node."
    ),
    RejectionCode.CONFLICT: msg("Telephone the other side's administrator before you do anything."),
    RejectionCode.EXPIRED: msg("Have it written anew, and compare the clocks of both systems."),
    INTERNAL: msg("Update this system, then try again. If it stays, report it to its makers."),
}

_BY_KIND: Final[Mapping[LetterKind, Message]] = {
    LetterKind.UNDELIVERED: msg(
        "Telephone the other side: its system has not fetched or not confirmed it. It is handed "
        "over again by itself; trying now does no harm."
    ),
    LetterKind.EXPIRED: msg("Have it written anew, and tell the other desk by telephone."),
    LetterKind.GIVEN_UP: msg("It can be tried again as long as its time is not over."),
}

_REFUSED_HERE: Final[Mapping[str, Message]] = {
    RejectionCode.UNSUPPORTED: msg("its format is not supported here"),
    RejectionCode.UNOPENABLE: msg("it was sealed with a key that is no longer in use here"),
    RejectionCode.UNKNOWN_SENDER: msg("its sender's node is not known here"),
    INTERNAL: msg("this system's software failed on it"),
}
"""Reasons that read otherwise where the refusal is ours."""

_UNTOLD: Final[Mapping[LetterKind, Message]] = {
    LetterKind.UNDELIVERED: msg("no receipt came yet"),
    LetterKind.EXPIRED: msg("no receipt came in time"),
    LetterKind.GIVEN_UP: msg("no receipt came, and an administrator gave it up"),
}

DONE: Final[Mapping[str, Message]] = {
    EventKind.MESSAGE_QUEUED: pmsg("dead letter", "Written and signed"),
    EventKind.MESSAGE_ON_ITS_WAY: pmsg("dead letter", "Handed to the broker"),
    EventKind.MESSAGE_ASKED_AGAIN: pmsg("dead letter", "Asked for again by the other side"),
    EventKind.MESSAGE_REJECTED: pmsg("dead letter", "Refused by their system"),
    EventKind.MESSAGE_EXPIRED: pmsg("dead letter", "Its time was over"),
    EventKind.MESSAGE_GIVEN_UP: pmsg("dead letter", "Given up"),
    EventKind.MESSAGE_RETRIED: pmsg("dead letter", "Tried again"),
    EventKind.MESSAGE_SETTLED: pmsg("dead letter", "Settled"),
    EventKind.ENVELOPE_RETRIED: pmsg("dead letter", "Tried again"),
    EventKind.ENVELOPE_SETTLED: pmsg("dead letter", "Settled"),
}
"""Events of a letter that its page shows. Others are about what it says, or about reading it."""

OUTCOMES: Final[Mapping[str, Message]] = {
    RetryOutcome.TAKEN_IN: msg("taken in this time"),
    RetryOutcome.REFUSED_AGAIN: msg("refused again"),
}


def say_settled(code: str | None) -> Message | str:
    """Say why something was settled."""
    return SETTLE_REASONS.get(code or "", code or "")


def say_code(code: str | None) -> Message | str:
    """Say the code of a letter's event."""
    if code is not None and code in OUTCOMES:
        return OUTCOMES[code]
    return say_settled(code) if code in SETTLE_REASONS else say_known(RejectionCode, code)


def say_reason(letter: DeadLetter) -> Message | str:
    """Say why it is a dead letter."""
    if letter.kind is LetterKind.QUARANTINED:
        here = _REFUSED_HERE.get(letter.reason or "")
        return say_known(RejectionCode, letter.reason) if here is None else here
    if letter.reason is not None:
        return say_known(RejectionCode, letter.reason)
    if letter.detail == HELD_BACK:
        return msg("held back: the directory is too old")
    untold: Message | str = _UNTOLD.get(letter.kind, "")
    return letter.detail or untold


def say_help(letter: DeadLetter) -> Message | None:
    """Say what would help; an obstacle says it itself, and then nobody is told to try again."""
    if letter.obstacle is Obstacle.KEYS_REPLACED:
        return None
    by_kind = _BY_KIND.get(letter.kind) if letter.obstacle is None else None
    return _HELP.get(letter.reason or "") or by_kind
