"""Agreements between Participants, and the day on which a notice ends one.

An agreement is an entry of the registry. Days are calendar days in UTC.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.fields import Sensitivity

_SIXTY_DAYS = timedelta(days=60)
_MONTHS_OF_NOTICE = 6
_DECEMBER = 12


class NoticeRule(StrEnum):
    """How long an agreement still holds after one side gave written notice."""

    #: 60 days from the first day of the month after receipt: the rule of the model memorandum.
    SIXTY_DAYS_FROM_NEXT_MONTH = "sixty_days_from_next_month"
    #: Six months from receipt: the rule of the older referral agreement.
    SIX_MONTHS = "six_months"


def compute_end(rule: NoticeRule, *, received_on: date) -> date:
    """Return the first day on which an agreement no longer holds after a notice.

    Sixty days: the first of the next month is day one, and the agreement holds for sixty full days
    (received on 10 March: it holds from 1 April to 30 May, and no longer on 31 May). Six months:
    the day of the same number six months on, or the last of that month where it has no such day.
    """
    if rule is NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH:
        return _first_of_next_month(received_on) + _SIXTY_DAYS
    return _add_months(received_on, _MONTHS_OF_NOTICE)


def _first_of_next_month(day: date) -> date:
    if day.month == _DECEMBER:
        return date(day.year + 1, 1, 1)
    return date(day.year, day.month + 1, 1)


def _add_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, _DECEMBER)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One Participant's written notice. In a group it ends the agreement for that one only."""

    given_by: ParticipantCode
    received_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What two or more Participants have agreed that they may tell each other.

    ``classes`` are the kinds of data it allows. ``valid_to`` is the last day of its term, ``None``
    without one. ``terminated_on`` is the first day without it where the registry states that day
    itself. Where several ends are known the earliest counts: in doubt a name stays.
    """

    instrument: str
    participants: frozenset[ParticipantCode]
    phases: frozenset[Phase]
    classes: frozenset[Sensitivity]
    valid_from: date
    valid_to: date | None = None
    terminated_on: date | None = None
    notice_rule: NoticeRule = NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH
    notices: tuple[Notice, ...] = ()

    def is_between(self, one: ParticipantCode, other: ParticipantCode) -> bool:
        """Whether both take part in it."""
        return {one, other} <= self.participants

    def is_in_force(self, one: ParticipantCode, other: ParticipantCode, *, on: date) -> bool:
        """Whether it holds between these two on this day."""
        if not self.is_between(one, other) or on < self.valid_from:
            return False
        if self.valid_to is not None and on > self.valid_to:
            return False
        if self.terminated_on is not None and on >= self.terminated_on:
            return False
        return all(
            on < compute_end(self.notice_rule, received_on=notice.received_on)
            for notice in self.notices
            if notice.given_by in {one, other}
        )
