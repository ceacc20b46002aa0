"""What to remind whom of: one table, so that nobody is told twice and nobody is forgotten.

A reminder carries no content: that something waits, and where to look. Who is told by mail is told
at the mailbox of the desk that the registry lists, which is a test of that mailbox besides.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contact_registry.directory import Directory
from contact_registry.drills.models import Drill
from contact_registry.drills.states import DrillState
from contact_registry.freshness import Review, ReviewState, list_reviews
from contact_registry.models import Authority
from protocol.identifiers import ParticipantCode, get_participant_of


class ReminderKind(StrEnum):
    """What a reminder is about."""

    REVIEW_DUE_SOON = "review_due_soon"
    REVIEW_OVERDUE = "review_overdue"
    DRILL_ASKED = "drill_asked"
    DRILL_OVERDUE = "drill_overdue"


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder. ``key`` is the same whenever the same thing is found again.

    ``authority`` is the desk that it is about, and ``drill_id`` the drill, if it is about one.
    """

    kind: ReminderKind
    key: str
    participant: ParticipantCode
    authority: Authority
    drill_id: str | None = None

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Where the desk gets its mail; empty if none is listed."""
        return self.authority.mailboxes


_OF_REVIEW: Final[Mapping[ReviewState, ReminderKind]] = MappingProxyType(
    {
        ReviewState.DUE_SOON: ReminderKind.REVIEW_DUE_SOON,
        ReviewState.OVERDUE: ReminderKind.REVIEW_OVERDUE,
    }
)
_OF_DRILL: Final[Mapping[DrillState, ReminderKind]] = MappingProxyType(
    {
        DrillState.ASKED: ReminderKind.DRILL_ASKED,
        DrillState.OVERDUE: ReminderKind.DRILL_OVERDUE,
    }
)


def list_reminders(
    directory: Directory,
    drills: Iterable[Drill],
    *,
    now: datetime,
    already_sent: Callable[[Collection[str]], Collection[str]],
) -> tuple[Reminder, ...]:
    """Return what has to be said now and was not said before.

    ``drills`` stand as of ``now``; ``already_sent`` returns which of these keys were sent. The key
    of a review holds its day, so that a desk that was looked at and is due again is told again.
    """
    found = [*_list_review_reminders(directory, now), *_list_drill_reminders(directory, drills)]
    sent = frozenset(already_sent([each.key for each in found]))
    return tuple(each for each in found if each.key not in sent)


def _list_review_reminders(directory: Directory, now: datetime) -> Iterator[Reminder]:
    for entry in directory.participants:
        for review in list_reviews(directory, now, participant=entry.code):
            kind = _OF_REVIEW.get(review.state)
            if kind is not None:
                yield _remind_of_review(kind, entry.code, review)


def _remind_of_review(kind: ReminderKind, participant: ParticipantCode, review: Review) -> Reminder:
    key = f"{kind.value}:{review.authority.id}:{review.due}"
    return Reminder(kind, key, participant, review.authority)


def _list_drill_reminders(directory: Directory, drills: Iterable[Drill]) -> Iterator[Reminder]:
    for drill in drills:
        kind = _OF_DRILL.get(drill.state)
        authority = directory.authority(drill.question.authority)
        if kind is None or authority is None:
            continue
        key = f"{kind.value}:{drill.drill_id}"
        participant = get_participant_of(authority.id)
        yield Reminder(kind, key, participant, authority, drill_id=drill.drill_id)
