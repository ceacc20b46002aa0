"""The return of a person as a list of tasks, in the order of the gates: what stands, what waits.

Pure: what is recorded and which messages went, in; tasks with their words, out. The order is that
in which the rules ask (:mod:`protocol.policy.gates`): reception before the prior notice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.returns import ForeignCheck, ReturnStep
from node.domain.states import NOT_HELD, Handling
from node.service.reading import Item
from node.service.records import OUT
from node.service.returns import ReturnView
from node.web.states import Look


class Gate(IntEnum):
    """The tasks of a return. The number stands in addresses, since it says nothing."""

    DECISION = 1
    RISK = 2
    CHILD = 3
    FAMILY = 4
    DOCUMENTS = 5
    RECEPTION = 6
    NOTICE = 7
    TRAVEL = 8
    ARRIVAL = 9


class TaskState(StrEnum):
    """How a task stands."""

    DONE = "done"
    TO_DO = "to_do"
    #: A message went; the other side has to answer.
    WAITING = "waiting"
    #: Something else has to be done first.
    BLOCKED = "blocked"
    NOT_NEEDED = "not_needed"


TITLES: Final[Mapping[Gate, Message]] = MappingProxyType(
    {
        Gate.DECISION: msg("The person decides, knowing everything"),
        Gate.RISK: msg("Risk assessment and the six checks"),
        Gate.CHILD: msg("Guardian and best interest of the child"),
        Gate.FAMILY: msg("Agreement of person and family"),
        Gate.DOCUMENTS: msg("Travel documents"),
        Gate.RECEPTION: msg("Reception confirmed"),
        Gate.NOTICE: msg("Prior notice acknowledged"),
        Gate.TRAVEL: msg("Travel and handover"),
        Gate.ARRIVAL: msg("Arrival confirmed"),
    }
)

LOOKS: Final[Mapping[TaskState, Look | None]] = MappingProxyType(
    {
        TaskState.DONE: None,
        TaskState.TO_DO: Look(pmsg("task", "To do"), "info", "circle-dashed"),
        TaskState.WAITING: Look(pmsg("task", "Waiting"), "warn", "hourglass"),
        TaskState.BLOCKED: Look(pmsg("task", "Cannot start yet"), "neutral", "lock"),
        TaskState.NOT_NEEDED: Look(pmsg("task", "Not needed"), "neutral", "check"),
    }
)
"""Done is plain text, so that open work stands out."""

MESSAGES: Final[Mapping[Gate, str]] = MappingProxyType(
    {
        Gate.DOCUMENTS: "return.travel_documents",
        Gate.RECEPTION: "return.arrival_reception",
        Gate.NOTICE: "return.return_notification",
        Gate.TRAVEL: "return.assisted_voluntary_return",
        Gate.ARRIVAL: "return.arrival_confirmation",
    }
)
"""What is sent for a task."""

FIRST: Final[Mapping[Gate, frozenset[Gate]]] = MappingProxyType(
    {
        Gate.DOCUMENTS: frozenset({Gate.DECISION}),
        Gate.RECEPTION: frozenset({Gate.DECISION, Gate.RISK}),
        Gate.NOTICE: frozenset({Gate.DECISION, Gate.RISK, Gate.CHILD, Gate.FAMILY, Gate.RECEPTION}),
        Gate.TRAVEL: frozenset(
            {Gate.DECISION, Gate.RISK, Gate.CHILD, Gate.FAMILY, Gate.RECEPTION, Gate.NOTICE}
        ),
    }
)
"""What has to be done before. An arrival is never held back."""

_LATER: Final[Mapping[Gate, frozenset[ReturnStep]]] = MappingProxyType(
    {Gate.RECEPTION: frozenset({ReturnStep.SIX_CHECKS})}
)
"""What of a task before may still be missing: reception is asked for while checks are done."""

_NEEDS: Final[Mapping[Gate, frozenset[ReturnStep]]] = MappingProxyType(
    {
        Gate.DECISION: frozenset({ReturnStep.INFORMED_DECISION, ReturnStep.VOLUNTARY}),
        Gate.RISK: frozenset({ReturnStep.RISK_ASSESSMENT, ReturnStep.SIX_CHECKS}),
        Gate.CHILD: frozenset({ReturnStep.GUARDIAN, ReturnStep.BEST_INTEREST}),
        Gate.FAMILY: frozenset(
            {
                ReturnStep.FAMILY_ASSESSMENT,
                ReturnStep.PERSON_AGREES_TO_FAMILY,
                ReturnStep.FAMILY_AGREES,
            }
        ),
        Gate.RECEPTION: frozenset({ReturnStep.RECEPTION_CONFIRMED}),
        Gate.NOTICE: frozenset({ReturnStep.NOTICE_ACKNOWLEDGED}),
    }
)

_OVER: Final = frozenset(
    {Handling.ANSWERED, Handling.DECLINED, Handling.WITHDRAWN, Handling.CLOSED}
)
"""Nobody is waited for any more: what was answered, and not with a yes, has to be asked anew."""


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the list."""

    gate: Gate
    state: TaskState
    #: What it lacks itself.
    missing: tuple[ReturnStep, ...] = ()
    #: Tasks that have to be done before.
    waits_for: tuple["Task", ...] = ()
    #: The message of ours that waits for an answer.
    sent: Item | None = None

    @property
    def title(self) -> Message:
        """What it is called."""
        return TITLES[self.gate]

    @property
    def look(self) -> Look | None:
        """How its state looks; None for what is done."""
        return LOOKS[self.state]

    @property
    def since(self) -> datetime | None:
        """Since when it waits for the other side."""
        return self.sent.stored_at if self.sent else None


def list_tasks(view: ReturnView, items: Sequence[Item], *, is_child: bool) -> list[Task]:
    """Say how each task of a return stands, in order. ``items``: the messages of the case."""
    tasks = dict[Gate, Task]()
    for gate in Gate:
        tasks[gate] = _judge(gate, view, items, tasks, is_child=is_child)
    return list(tasks.values())


def _judge(
    gate: Gate,
    view: ReturnView,
    items: Sequence[Item],
    before: Mapping[Gate, Task],
    *,
    is_child: bool,
) -> Task:
    journey = view.journey
    if (gate is Gate.CHILD and not is_child) or (gate is Gate.FAMILY and not journey.is_to_family):
        return Task(gate, TaskState.NOT_NEEDED)
    missing = tuple(each.step for each in view.missing if each.step in _NEEDS.get(gate, ()))
    exchanged = [item for item in items if item.type == MESSAGES.get(gate)]
    is_met = not missing
    if gate is Gate.DOCUMENTS:
        has_documents = ForeignCheck.IDENTITY_AND_DOCUMENTS in journey.checks
        is_met = has_documents or _is_agreed(view, exchanged)
    elif gate is Gate.TRAVEL:
        is_met = _is_agreed(view, exchanged)
    elif gate is Gate.ARRIVAL:
        is_met = bool(exchanged)
    if is_met:
        return Task(gate, TaskState.DONE)
    sent = next(_find_waiting(exchanged), None)
    if sent is not None:
        return Task(gate, TaskState.WAITING, missing, sent=sent)
    undone = tuple(
        before[first]
        for first in sorted(FIRST.get(gate, ()))
        if set(before[first].missing) - _LATER.get(gate, frozenset())
    )
    if undone and not journey.is_under_way:
        return Task(gate, TaskState.BLOCKED, missing, waits_for=undone)
    return Task(gate, TaskState.TO_DO, missing)


def _is_agreed(view: ReturnView, exchanged: Sequence[Item]) -> bool:
    return any(item.message_id in view.agreed for item in exchanged)


def _find_waiting(exchanged: Sequence[Item]) -> Iterator[Item]:
    """Yield what went and waits for an answer, the newest first."""
    for item in reversed(exchanged):
        if item.direction == OUT and item.dispatch not in NOT_HELD and item.handling not in _OVER:
            yield item
