"""How old a verified view is, in grades, and what each grade means for whoever acts on it.

There is no cliff: a node that cannot refresh goes on with the view that it verified last. What
grows with the age of a view is what may have changed unseen: a stolen key that was withdrawn, a
desk that moved. So it is said early, then loudly, and in the end data about persons waits, because
nobody can tell any more who would read it.

The age counts from the moment of verification. A registry host that shows an old timestamp can
make a view look younger than it is by one timestamp period (a day), and not by more: after it, the
timestamp has run out (:mod:`contact_registry.trust.verification`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contact_registry.directory import Directory

#: A refresh is due every minute or so: after an hour somebody should look why there is none.
DEFAULT_WARN_AFTER: Final = timedelta(hours=1)
#: One timestamp period: the registry host must have signed a newer one by now.
DEFAULT_STALE_AFTER: Final = timedelta(days=1)
#: Data about persons is sent on a view of at most this age.
DEFAULT_AGE_LIMIT: Final = timedelta(days=14)
#: Below this a weekend's outage would stop referrals ...
LEAST_AGE_LIMIT: Final = timedelta(days=3)
#: ... and above it no recipient's key of an old view is valid any more (SPEC 12.2), so that a
#: higher limit would only promise what cannot be kept.
GREATEST_AGE_LIMIT: Final = timedelta(days=21)
#: Clocks that are set right go back a little; by more, the age of a view is not known.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


class Grade(StrEnum):
    """How old a view is. The order is that of age."""

    FRESH = "fresh"
    WARN = "warn"
    STALE = "stale"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True)
class GradeMeaning:
    """What a grade means: whether people are told on every page, and what is not done any more."""

    is_shown_to_all: bool
    is_trouble: bool
    holds_back_personal_data: bool


#: The whole difference between the grades (SPEC 12.8).
MEANINGS: Final = {
    Grade.FRESH: GradeMeaning(
        is_shown_to_all=False, is_trouble=False, holds_back_personal_data=False
    ),
    Grade.WARN: GradeMeaning(
        is_shown_to_all=False, is_trouble=False, holds_back_personal_data=False
    ),
    Grade.STALE: GradeMeaning(
        is_shown_to_all=True, is_trouble=True, holds_back_personal_data=False
    ),
    Grade.TOO_OLD: GradeMeaning(
        is_shown_to_all=True, is_trouble=True, holds_back_personal_data=True
    ),
}


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """From which age on a view has a grade; raises ``ValueError`` unless they ascend."""

    warn: timedelta = DEFAULT_WARN_AFTER
    stale: timedelta = DEFAULT_STALE_AFTER
    too_old: timedelta = DEFAULT_AGE_LIMIT

    def __post_init__(self) -> None:
        """Check the order."""
        if not timedelta(0) < self.warn < self.stale < self.too_old:
            raise ValueError("The ages of a view must ascend: warn, stale, too old.")


DEFAULT_AGE_LIMITS: Final = AgeLimits()


@dataclass(frozen=True, slots=True)
class ViewAge:
    """The age of a view at a moment, and its grade.

    ``age`` is negative if the clock stands before the moment of verification. ``too_old_at`` is
    when data about persons begins to wait.
    """

    grade: Grade
    age: timedelta
    verified_at: datetime
    too_old_at: datetime

    @property
    def meaning(self) -> GradeMeaning:
        """What the grade means."""
        return MEANINGS[self.grade]

    @property
    def is_clock_behind(self) -> bool:
        """Whether this machine's clock stands before the moment of verification."""
        return self.age < -CLOCK_TOLERANCE


def grade_view(
    directory: Directory, *, now: datetime, limits: AgeLimits = DEFAULT_AGE_LIMITS
) -> ViewAge:
    """Return how old a view is at ``now``.

    A view whose signatures have run out is stale at least, whatever its age: the registry host owes
    newer ones. One that was verified in the future is stale: its age is not known.
    """
    age = directory.age(now)
    if age >= limits.too_old:
        grade = Grade.TOO_OLD
    elif age >= limits.stale or now >= directory.expires_at or age < -CLOCK_TOLERANCE:
        grade = Grade.STALE
    else:
        grade = Grade.WARN if age >= limits.warn else Grade.FRESH
    return ViewAge(
        grade=grade,
        age=age,
        verified_at=directory.verified_at,
        too_old_at=directory.verified_at + limits.too_old,
    )
