"""What a rule is, what it finds, and what is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from protocol.policy.facts import Facts


class Outcome(StrEnum):
    """The answer, mildest first. The order is the order of severity."""

    ALLOW = "allow"
    NEEDS_SECOND_PERSON = "needs_second_person"
    REFUSE = "refuse"

    @property
    def severity(self) -> int:
        """Its place in the order: a higher one prevails."""
        return tuple(Outcome).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule has something to say. ``details`` are codes (classes, phases), never contents."""

    details: tuple[str, ...] = ()


Check = Callable[[Facts], Finding | None]
"""A pure function: what it finds, or ``None`` where the rule is kept or does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: a stable code, what follows from a finding, and the words for it.

    ``statement`` is the rule as lawyers read it; ``sentence`` and ``remedy`` are what a focal point
    reads when it is broken.

    A code is never reused for another meaning. With outcome ``allow`` a finding is a note: it is
    shown, and stops nothing.
    """

    code: str
    outcome: Outcome
    check: Check
    statement: str
    sentence: str
    remedy: str


def make_refusal(code: str, check: Check, *, statement: str, sentence: str, remedy: str) -> Rule:
    """Make a rule that refuses."""
    return Rule(
        code=code,
        outcome=Outcome.REFUSE,
        check=check,
        statement=statement,
        sentence=sentence,
        remedy=remedy,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a decision is as it is. ``remedy`` says what would make it allowed."""

    code: str
    outcome: Outcome
    sentence: str
    remedy: str
    details: tuple[str, ...] = ()


class GroundKind(StrEnum):
    """What sending rests on."""

    CONSENT = "consent"
    AGREEMENT = "agreement"
    EXCEPTION = "exception"
    NO_PERSONAL_DATA = "no_personal_data"


@dataclass(frozen=True, slots=True)
class Ground:
    """A consent record, an agreement, or an exception that carries the message, by its name."""

    kind: GroundKind
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer.

    ``reasons`` holds every finding, in the order of the table; an allowed message can have notes.
    ``grounds`` says what an allowed message rests on, for the record of the case; it is empty
    otherwise.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    grounds: tuple[Ground, ...] = ()
