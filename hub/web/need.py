"""One thing that waits for an operator, as the overview shows it."""

from dataclasses import dataclass

from console.i18n import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that waits for somebody: what, why, and the page where it is done.

    ``tone`` is warn or danger (overdue, refused); ``rank`` orders them, the smallest first.
    """

    title: Message
    reason: Message | str
    path: str
    tone: str = "warn"
    icon: str = "triangle-alert"
    rank: int = 50
