"""The tasks of a return on its page: each begins when the rules would let its message leave."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from node.domain.returns import (
    Answers,
    ForeignCheck,
    ReturnJourney,
    ReturnStep,
    Situation,
    list_missing,
)
from node.service.returns import ReturnView
from node.web.cases.gates import MESSAGES, Gate, TaskState, list_tasks
from protocol.messages.fields import TriState
from protocol.messages.return_readiness import InformedOf
from protocol.policy import gates as policy

#: What is not recorded when a step is missing, and all else is; and the gate of the rules.
MISSING: Final[Mapping[ReturnStep, tuple[dict[str, Any], policy.Gate]]] = {
    ReturnStep.INFORMED_DECISION: ({"informed_of": ()}, policy.Gate.DECISION),
    ReturnStep.VOLUNTARY: ({"is_voluntary": False}, policy.Gate.DECISION),
    ReturnStep.RISK_ASSESSMENT: ({"risk_assessed": False}, policy.Gate.RISK),
    ReturnStep.SIX_CHECKS: ({"checks": tuple(ForeignCheck)[1:]}, policy.Gate.CHECKS),
    ReturnStep.GUARDIAN: ({"guardian_appointed": False}, policy.Gate.CHILD),
    ReturnStep.BEST_INTEREST: ({"best_interest_assessed": False}, policy.Gate.CHILD),
    ReturnStep.FAMILY_ASSESSMENT: ({"family_assessed": False}, policy.Gate.FAMILY),
    ReturnStep.PERSON_AGREES_TO_FAMILY: (
        {"person_agrees_to_family": TriState.UNKNOWN},
        policy.Gate.FAMILY,
    ),
    ReturnStep.FAMILY_AGREES: ({"family_agrees": TriState.NO}, policy.Gate.FAMILY),
    ReturnStep.RECEPTION_CONFIRMED: ({"reception_confirmed": False}, policy.Gate.RECEPTION),
    ReturnStep.NOTICE_ACKNOWLEDGED: ({"notice_acknowledged": False}, policy.Gate.NOTICE),
}
#: What is not recorded when a task is still to be done.
UNDONE: Final[Mapping[Gate, dict[str, Any]]] = {
    Gate.DOCUMENTS: {"checks": tuple(ForeignCheck)[1:]},
    Gate.RECEPTION: {"reception_confirmed": False},
    Gate.NOTICE: {"notice_acknowledged": False},
    Gate.TRAVEL: {},
    Gate.ARRIVAL: {},
}
READY: Final[dict[str, Any]] = {
    "decision_recorded": True,
    "is_voluntary": True,
    "informed_of": tuple(InformedOf),
    "risk_assessed": True,
    "reception_confirmed": True,
    "checks": tuple(ForeignCheck),
    "best_interest_assessed": True,
    "is_to_family": True,
    "family_assessed": True,
    "person_agrees_to_family": TriState.YES,
    "family_agrees": TriState.YES,
    "notice_acknowledged": True,
    "guardian_appointed": True,
}


def judge(**changes: Any) -> dict[Gate, TaskState]:
    """Return how the tasks of a child's return to the family stand; no message went."""
    said = {**READY, **changes}
    answers = Answers(notice_acknowledged=said.pop("notice_acknowledged"))
    has_guardian = said.pop("guardian_appointed")
    situation = Situation(
        ReturnJourney(**said), answers, treated_as_child=True, guardian_appointed=has_guardian
    )
    view = ReturnView(situation.journey, answers, list_missing(situation), row_version=1)
    return {task.gate: task.state for task in list_tasks(view, [], is_child=True)}


def test_every_step_is_tried() -> None:
    """No step of a return was forgotten."""
    assert set(MISSING) == set(ReturnStep)
    assert set(UNDONE) == set(MESSAGES)
    assert set(judge().values()) == {TaskState.DONE, TaskState.TO_DO}


@pytest.mark.parametrize("step", ReturnStep)
def test_a_task_waits_where_the_rules_hold_its_message_back(step: ReturnStep) -> None:
    """One thing is missing: what the rules refuse for it cannot start, and all else can."""
    changes, gate = MISSING[step]
    for task, undone in UNDONE.items():
        state = judge(**{**undone, **changes})[task]
        is_held = gate in policy.GATES.get(MESSAGES[task], frozenset())
        assert state is (TaskState.BLOCKED if is_held else TaskState.TO_DO), task


def test_who_travels_already_waits_for_nothing() -> None:
    """On the way, the rules hold nothing back, and neither does the page."""
    nothing = {name: value for changes, _ in MISSING.values() for name, value in changes.items()}
    assert TaskState.BLOCKED not in judge(**nothing, is_under_way=True).values()
