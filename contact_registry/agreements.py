"""Agreements as documents: what two or more Participants have agreed that they may tell each other.

Each party states the agreement in its own ``contacts.json``, signed with its directory key. The
*terms* are the same for all and have one form, so that equal terms are equal bytes and one hash
that people can compare by telephone. What happens later - a notice, an end - stands beside them.
Which of them count is decided in :mod:`contact_registry.agreed`.

The classes are those of the catalogue of messages (``sensitivity``). They are repeated here because
the registry's host must not reach it; a test holds them equal.
"""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contact_registry.document import Document, is_day_within, require_distinct, require_span
from contact_registry.fields import AgreementName, Line, Participant
from protocol.identifiers import ParticipantCode, Phase
from protocol.notice import NoticeRule

#: Parties of one agreement: far more than any regional group has.
MOST_PARTIES: Final = 64
#: About a year of working days (SPEC, section on deadlines).
_MOST_WORKING_DAYS: Final = 260
_MOST_MINUTES: Final = 30 * 24 * 60


class SensitivityClass(StrEnum):
    """A kind of personal data that an agreement can cover."""

    IDENTITY = "identity"
    CONTACT = "contact"
    HEALTH = "health"
    FAMILY = "family"
    PROTECTION = "protection"
    JUDICIAL = "judicial"
    INTELLIGENCE = "intelligence"


class AgreedTimes(Document):
    """Times to answer that replace the defaults; None leaves a default.

    ``between`` names one pair of the parties, in the order of the alphabet; None: any two of them
    that have no row of their own.
    """

    between: tuple[Participant, Participant] | None = None
    working_days: Annotated[int, Field(ge=1, le=_MOST_WORKING_DAYS)] | None = None
    immediate_minutes: Annotated[int, Field(ge=1, le=_MOST_MINUTES)] | None = None
    urgent_minutes: Annotated[int, Field(ge=1, le=_MOST_MINUTES)] | None = None


class AgreementTerms(Document):
    """What was agreed. The same for all parties, and never changed under its ``id``.

    ``valid_to`` is the last day of the term, None without one. Lists stand in one order each -
    parties by the alphabet, phases and classes as their code lists have them - so that equal terms
    are equal bytes.
    """

    id: AgreementName
    instrument: Line
    parties: Annotated[tuple[Participant, ...], Field(min_length=2, max_length=MOST_PARTIES)]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, max_length=len(Phase))]
    sensitivity_classes: Annotated[
        tuple[SensitivityClass, ...], Field(max_length=len(SensitivityClass))
    ] = ()
    deadlines: Annotated[tuple[AgreedTimes, ...], Field(max_length=200)] = ()
    notice_rule: NoticeRule = NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        require_span(self.valid_from, self.valid_to, "An agreement")
        _require_order(self.parties, tuple(sorted(set(self.parties))), "parties")
        _require_order(self.phases, tuple(p for p in Phase if p in self.phases), "phases")
        classes = tuple(c for c in SensitivityClass if c in self.sensitivity_classes)
        _require_order(self.sensitivity_classes, classes, "sensitivity_classes")
        pairs = [row.between for row in self.deadlines]
        require_distinct(pairs, "A pair has one row of deadlines.")
        for pair in pairs:
            if pair is not None and not (pair[0] < pair[1] and set(pair) <= set(self.parties)):
                raise ValueError("Deadlines are between two of the parties, by the alphabet.")
        _require_order(pairs, sorted(pairs, key=lambda pair: pair or ()), "deadlines")
        return self

    @property
    def sha256(self) -> str:
        """The hash of the terms: what parties compare before they state them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def is_between(self, one: ParticipantCode, other: ParticipantCode) -> bool:
        """Whether both are parties."""
        return {one, other} <= set(self.parties)

    def is_in_term(self, day: date) -> bool:
        """Whether ``day`` lies in the term, notices left aside."""
        return is_day_within(day, self.valid_from, self.valid_to)

    def find_times(self, one: ParticipantCode, other: ParticipantCode) -> AgreedTimes | None:
        """Return the agreed times of this pair: its own row, else the row for all."""
        rows = {row.between: row for row in self.deadlines}
        return rows.get((min(one, other), max(one, other)), rows.get(None))


def _require_order(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise ValueError(f"Write {what} once each and in their order: terms have one form.")


class Notice(Document):
    """One party's written notice, and the day on which it was received."""

    given_by: Participant
    received_on: date


class AgreementStatement(Document):
    """One party's word that it agreed to these terms, and what it knows of their end.

    ``terminated_on`` is the first day without the agreement, where the parties settled on one.
    """

    terms: AgreementTerms
    terminated_on: date | None = None
    notices: Annotated[tuple[Notice, ...], Field(max_length=MOST_PARTIES)] = ()

    @model_validator(mode="after")
    def _check_notices(self) -> Self:
        require_distinct((n.given_by for n in self.notices), "A party gives notice once.")
        if not {n.given_by for n in self.notices} <= set(self.terms.parties):
            raise ValueError("Notice is given by a party: correct given_by.")
        return self
