"""A drill: one desk, one phase, asked once. Pure data and what may happen to it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.states import OPEN, DrillEvent, DrillState, move
from protocol.drill_answer import AnsweredBy, DrillOutcome, DrillQuestion
from protocol.identifiers import AuthorityId, Phase

DeskPhase = tuple[AuthorityId, Phase]
"""What is drilled: an authority for one of its phases."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """What was answered.

    ``signed`` is the node's signed answer; None if an operator of the hub wrote down what was said
    on the telephone, and ``recorded_by`` names that operator's account. ``answered_at`` is when the
    Participant says that it answered, ``received_at`` when the hub had it.
    """

    outcome: DrillOutcome
    answered_by: AnsweredBy
    answered_at: datetime
    received_at: datetime
    signed: bytes | None = None
    recorded_by: str | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill as it stands. ``row_version`` grows with each change, for stale pages."""

    question: DrillQuestion
    state: DrillState = DrillState.ASKED
    result: DrillResult | None = None
    asked_by: str | None = None
    """The operator who asked; None: the schedule did."""
    closed_because: str = ""
    row_version: int = 1

    @property
    def drill_id(self) -> str:
        """Its identifier: 32 hex characters."""
        return self.question.drill_id

    @property
    def desk_phase(self) -> DeskPhase:
        """Which desk was asked, for which phase."""
        return self.question.authority, self.question.phase

    @property
    def is_open(self) -> bool:
        """Whether an answer is still taken."""
        return self.state in OPEN

    @property
    def found_entry_wrong(self) -> bool:
        """Whether somebody answered, and the directory says something of the desk that is wrong."""
        return self.result is not None and self.result.outcome is DrillOutcome.ENTRY_WRONG

    def at(self, now: datetime) -> "Drill":
        """Return the drill as it stands at a moment: overdue if its time has passed."""
        if now < self.question.answer_by or not self.is_open:
            return self
        # Time is nobody's change: a page that was opened before stays good.
        return replace(self.after(DrillEvent.TIME_PASSED), row_version=self.row_version)

    def answer(self, result: DrillResult) -> "Drill":
        """Take an answer in; the same one again changes nothing.

        Whether it came in time is judged by the hub's clock alone. Raises
        :class:`~contact_registry.drills.errors.DrillRefusedError` if the drill is closed.
        """
        if self.result is not None and result.signed and self.result.signed == result.signed:
            return self
        reached = result.outcome is not DrillOutcome.NOT_REACHED
        event = DrillEvent.REACHED if reached else DrillEvent.NOT_REACHED
        return replace(self.at(result.received_at).after(event), result=result)

    def close(self, *, because: str) -> "Drill":
        """Withdraw the question: it was asked by mistake, or the desk is not listed any more."""
        return replace(self.after(DrillEvent.WITHDRAWN), closed_because=because)

    def supersede(self) -> "Drill":
        """Give an overdue question up, because the same is asked anew."""
        return self.after(DrillEvent.ASKED_ANEW)

    def after(self, event: DrillEvent) -> "Drill":
        """Return the drill after an event; raises ``DrillRefusedError`` if it is closed."""
        state = move(self.state, event)
        if state is None:
            raise DrillRefusedError(
                f"The drill is closed ({self.state.value}): nothing can change it. Ask anew if the "
                "desk is to be tried again.",
                code=DrillRefusal.CLOSED,
            )
        if state is self.state:
            return self
        return replace(self, state=state, row_version=self.row_version + 1)


#: States that say nothing about whether the desk answers.
_SILENT: Final = frozenset({DrillState.ASKED, DrillState.WITHDRAWN})


def find_last_results(drills: Iterable[Drill]) -> dict[DeskPhase, Drill]:
    """Return for each desk and phase the latest drill that says something about it."""
    last: dict[DeskPhase, Drill] = {}
    for drill in drills:
        if drill.state in _SILENT:
            continue
        known = last.get(drill.desk_phase)
        if known is None or known.question.asked_at < drill.question.asked_at:
            last[drill.desk_phase] = drill
    return last
