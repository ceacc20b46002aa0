"""The day on which a written notice ends an agreement.

Apart from the policy, which speaks of messages: the blind hub shows agreements too. Days are
calendar days in UTC.
"""

import calendar
from datetime import date, timedelta
from enum import StrEnum

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
