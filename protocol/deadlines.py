"""When an answer is due: by urgency in real time, otherwise in working days of the recipient.

Both sides compute the same moment from what the message says and from the registry, so a sender
who names a later one is seen to do so (SPEC, section on deadlines; defaults from the catalogue).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.messages.codes import Urgency

IMMEDIATE_SPAN: Final = timedelta(hours=4)
URGENT_SPAN: Final = timedelta(hours=24)
MOST_WORKING_DAYS: Final = 260
"""About a year of working days: what is due later than that is due never."""

# Clocks can be wrong by centuries, and a date of composition is never a reason to refuse a message.
# Between these moments every sum below stays within the years that a datetime can hold.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """The recipient's working days, as the registry lists them."""

    zone: tzinfo
    #: As ``date.weekday`` counts: Monday is 0.
    weekend: frozenset[int] = frozenset({_SATURDAY, _SUNDAY})
    #: Dates in ``zone``.
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a week in which no day is left."""
        if not self.weekend <= set(range(7)) or len(self.weekend) == len(range(7)):
            raise LocalProtocolError("Give days from 0 to 6 as weekend, and leave a working day.")

    def is_working_day(self, day: date) -> bool:
        """Whether people work there on ``day``."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def find_working_day(self, day: date) -> date:
        """Return ``day`` if it is a working day, otherwise the next one."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def resolve(self, day: date, clock: time) -> datetime:
        """Return the moment, in UTC, at which clocks there show ``clock`` on ``day``.

        Where clocks are put back and show it twice, the second time counts. Where they are put
        forward and never show it, it is read with the offset that held before. Both are the later
        reading, so that nobody loses an hour of time to answer.
        """
        readings = (datetime.combine(day, clock.replace(fold=fold), self.zone) for fold in (0, 1))
        return max(reading.astimezone(UTC) for reading in readings)


@dataclass(frozen=True, slots=True)
class AgreedDeadline:
    """What two Participants agreed on instead of the defaults; ``None`` leaves a default."""

    working_days: int | None = None
    immediate: timedelta | None = None
    urgent: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what can be no deadline."""
        if self.working_days is not None:
            _verify_working_days(self.working_days)
        spans = (self.immediate, self.urgent)
        if any(span is not None and span <= timedelta() for span in spans):
            raise LocalProtocolError("An agreed time to answer is longer than nothing.")


@dataclass(frozen=True, slots=True)
class AnswerTerms:
    """What decides how long an answer may take."""

    #: The column of the catalogue at standard urgency; ``None``: the type expects no answer.
    answer_working_days: int | None
    urgency: Urgency
    treated_as_child: bool
    agreed: AgreedDeadline | None = None

    def __post_init__(self) -> None:
        """Refuse what can be no deadline."""
        if self.answer_working_days is not None:
            _verify_working_days(self.answer_working_days)

    @property
    def span(self) -> timedelta | None:
        """Real time to answer; ``None`` if working days count. For a child never over 24 hours."""
        agreed = self.agreed or AgreedDeadline()
        spans = {
            Urgency.IMMEDIATE: agreed.immediate or IMMEDIATE_SPAN,
            Urgency.URGENT: agreed.urgent or URGENT_SPAN,
        }
        if self.treated_as_child:
            return min(spans.get(self.urgency, spans[Urgency.URGENT]), URGENT_SPAN)
        return spans.get(self.urgency)

    @property
    def working_days(self) -> int | None:
        """Working days to answer at standard urgency, as agreed or else as the catalogue says."""
        if self.answer_working_days is None or self.agreed is None:
            return self.answer_working_days
        return self.agreed.working_days or self.answer_working_days


def _verify_working_days(days: int) -> None:
    if not 1 <= days <= MOST_WORKING_DAYS:
        raise LocalProtocolError(f"Give 1 to {MOST_WORKING_DAYS} working days to answer.")


def compute_answer_by(
    terms: AnswerTerms, *, at: datetime, calendar: WorkingCalendar
) -> datetime | None:
    """Return when the answer to a message composed ``at`` is due, in UTC; ``None`` if never.

    ``calendar`` is that of the recipient's authority. Raises ``LocalProtocolError`` for an ``at``
    without time zone.
    """
    if at.tzinfo is None:
        raise LocalProtocolError("Give the moment of composing with its time zone.")
    days = terms.working_days
    if days is None:
        return None
    start = min(max(at, _EARLIEST), _LATEST).astimezone(UTC)
    if terms.span is not None:
        return start + terms.span
    return _add_working_days(start, days, calendar)


def _add_working_days(start: datetime, days: int, calendar: WorkingCalendar) -> datetime:
    local = start.astimezone(calendar.zone)
    day = calendar.find_working_day(local.date())
    # What is composed on a day off counts from the first minute of the next working day. Were its
    # hour kept, Saturday 00:10 would be due on Monday 00:10, before anybody is there, and before
    # what was composed on Friday evening.
    clock = local.time() if day == local.date() else time()
    for _ in range(days):
        day = calendar.find_working_day(day + _DAY)
    due = calendar.resolve(day, clock)
    # Clocks that skip midnight, or a whole day, can carry the moment into the next day.
    reached = due.astimezone(calendar.zone).date()
    while not calendar.is_working_day(reached):
        due = calendar.resolve(calendar.find_working_day(reached), time())
        reached = due.astimezone(calendar.zone).date()
    return due


class AnswerByVerdict(StrEnum):
    """What the recipient finds about the deadline that a sender named."""

    AS_EXPECTED = "as_expected"
    SHORTENED = "shortened"
    #: Later than the rules allow: ours counts, and both are shown.
    LENGTHENED = "lengthened"
    #: Not after the message was composed: nobody could keep it. Ours counts, and both are shown.
    IMPOSSIBLE = "impossible"
    MISSING = "missing"
    #: The type expects no answer; a person asked for one by a moment all the same.
    ADDED = "added"
    NONE_EXPECTED = "none_expected"


@dataclass(frozen=True, slots=True)
class AnswerByJudgement:
    """The sender's deadline beside the one that the rules give."""

    verdict: AnswerByVerdict
    named: datetime | None
    ours: datetime | None

    @property
    def counts(self) -> datetime | None:
        """The deadline that is kept and measured; ``None`` if no answer is expected."""
        chosen = {AnswerByVerdict.SHORTENED, AnswerByVerdict.ADDED}
        return self.named if self.verdict in chosen else self.ours


def judge_answer_by(
    named: datetime | None,
    terms: AnswerTerms,
    *,
    composed_at: datetime,
    calendar: WorkingCalendar,
) -> AnswerByJudgement:
    """Hold the deadline that a message names against the rules; never a reason to refuse it."""
    ours = compute_answer_by(terms, at=composed_at, calendar=calendar)
    return AnswerByJudgement(_compare(named, ours, composed_at), named=named, ours=ours)


def _compare(
    named: datetime | None, ours: datetime | None, composed_at: datetime
) -> AnswerByVerdict:
    if named is None:
        return AnswerByVerdict.NONE_EXPECTED if ours is None else AnswerByVerdict.MISSING
    if named <= composed_at:
        return AnswerByVerdict.IMPOSSIBLE
    if ours is None:
        return AnswerByVerdict.ADDED
    if named == ours:
        return AnswerByVerdict.AS_EXPECTED
    return AnswerByVerdict.LENGTHENED if named > ours else AnswerByVerdict.SHORTENED


def verify_answer_by(
    named: datetime, terms: AnswerTerms, *, composed_at: datetime, calendar: WorkingCalendar
) -> None:
    """Raise ``LocalProtocolError`` if a sender may not name this deadline: for whoever composes."""
    judgement = judge_answer_by(named, terms, composed_at=composed_at, calendar=calendar)
    if judgement.verdict is AnswerByVerdict.IMPOSSIBLE:
        raise LocalProtocolError("The answer is due in the future: choose a later moment.")
    if judgement.verdict is AnswerByVerdict.LENGTHENED and judgement.ours is not None:
        raise LocalProtocolError(
            f"The answer is due by {judgement.ours.isoformat()} at the latest: choose an earlier "
            "moment, or leave it out."
        )
