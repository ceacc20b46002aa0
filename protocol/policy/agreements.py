"""Agreements between Participants, as the policy judges them.

An agreement is an entry of the registry. Days are calendar days in UTC.
"""

from dataclasses import dataclass
from datetime import date

from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.fields import Sensitivity
from protocol.notice import NoticeRule, compute_end


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
