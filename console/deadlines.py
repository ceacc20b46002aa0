"""What a deadline says to the person who must keep it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.formats import describe_duration
from console.i18n import Message, msg, pmsg

_SOON_FROM: Final = 3 / 4  # the last quarter of the time given


@dataclass(frozen=True, slots=True)
class Deadline:
    """How a deadline stands: a label, its tone and icon, and the time that is left."""

    label: Message
    tone: str
    icon: str
    remaining: Message | None


def describe_deadline(*, due: datetime, given: datetime, now: datetime) -> Deadline:
    """Say how a deadline stands that was set at ``given`` and ends at ``due``."""
    length = describe_duration(due - now)
    if now >= due:
        return Deadline(
            label=pmsg("deadline", "Overdue by %(time)s", time=length),
            tone="danger",
            icon="alarm-clock",
            remaining=None,
        )
    left = msg("%(time)s left", time=length)
    if now - given >= (due - given) * _SOON_FROM:
        return Deadline(pmsg("deadline", "Due soon"), "warn", "hourglass", left)
    return Deadline(pmsg("deadline", "On time"), "neutral", "clock", left)
