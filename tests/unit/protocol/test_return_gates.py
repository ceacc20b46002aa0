"""The gates of a return: each condition of the rule on returns, met and unmet."""

from typing import Any, Final

import pytest

from protocol.messages.arrival import ArrivalConfirmation, ArrivalReceptionRequest
from protocol.messages.return_gates import ReturnGate, find_unmet_gates
from protocol.messages.returning import ReturnNotification
from tests.support.examples import apply, list_good, read_as

NOTICE: Final = "return.return_notification"
RECEPTION: Final = "return.arrival_reception"
ARRIVAL: Final = "return.arrival_confirmation"


def _get_good(tag: str, name: str) -> dict[str, Any]:
    return dict(list_good(tag))[name]


CHILD: Final = _get_good(NOTICE, "everything filled")
ADULT: Final = _get_good(NOTICE, "an adult's return with every gate met")

# Of a child's return to the family that meets every gate: what is changed, and what is then unmet.
BROKEN: Final[list[tuple[ReturnGate, dict[str, Any], tuple[str, ...]]]] = [
    (ReturnGate.DECISION_RECORDED, {"decision.on_file": "no"}, ()),
    (ReturnGate.DECISION_RECORDED, {"decision.on_file": "unknown"}, ()),
    (ReturnGate.DECISION_RECORDED, {"decision.state": "decided_against"}, ()),
    (ReturnGate.VOLUNTARY, {"decision.voluntary": "no"}, ()),
    (ReturnGate.VOLUNTARY, {"decision.voluntary": "unknown"}, ()),
    (ReturnGate.INFORMED, {}, ("decision.informed_of",)),
    (ReturnGate.RISK_ASSESSED, {"risk.level": "not_yet_assessed"}, ("risk.assessed_on",)),
    (ReturnGate.RISK_MANAGED, {"risk.management_plan": "no"}, ()),
    (ReturnGate.RISK_MANAGED, {"risk.level": "high", "risk.management_plan": "unknown"}, ()),
    (
        ReturnGate.RECEPTION_CONFIRMED,
        {"reception.state": "requested"},
        ("reception.confirmation_message",),
    ),
    (
        ReturnGate.RECEPTION_CONFIRMED,
        {"reception.state": "declined"},
        ("reception.confirmation_message",),
    ),
    (
        ReturnGate.BEST_INTEREST_DETERMINED,
        {"best_interest.outcome": "not_in_best_interest"},
        (),
    ),
    (
        ReturnGate.BEST_INTEREST_DETERMINED,
        {"best_interest.outcome": "not_yet_determined"},
        ("best_interest.determined_on", "best_interest.determined_by"),
    ),
    (ReturnGate.BEST_INTEREST_DETERMINED, {"best_interest.guardian_agrees": "no"}, ()),
    (ReturnGate.CHILD_HEARD, {"best_interest.child_heard": "unknown"}, ()),
    (
        ReturnGate.GUARDIAN_AFTER_RETURN,
        {"best_interest.guardian_after_return": "not_yet_appointed"},
        (),
    ),
    (ReturnGate.FAMILY_ASSESSED, {"family.assessment": "not_suitable"}, ()),
    (
        ReturnGate.FAMILY_ASSESSED,
        {"family.assessment": "not_yet_assessed"},
        ("family.assessed_on",),
    ),
    (ReturnGate.PERSON_AGREES_TO_FAMILY, {"family.person_agrees": "no"}, ()),
    (ReturnGate.FAMILY_AGREES, {"family.family_agrees": "unknown"}, ()),
]


def _find_unmet(fields: dict[str, Any]) -> tuple[ReturnGate, ...]:
    return find_unmet_gates(read_as(ReturnNotification, fields).body)


@pytest.mark.parametrize("fields", [ADULT, CHILD], ids=["adult", "child"])
def test_a_prepared_return_meets_every_gate(fields: dict[str, Any]) -> None:
    """A voluntary, informed, assessed return with a confirmed reception has nothing unmet."""
    assert _find_unmet(fields) == ()


@pytest.mark.parametrize(
    ("gate", "changes", "removed"),
    BROKEN,
    ids=[f"{number}-{gate.value}" for number, (gate, _, _) in enumerate(BROKEN)],
)
def test_each_gate_shuts_alone(
    gate: ReturnGate, changes: dict[str, Any], removed: tuple[str, ...]
) -> None:
    """Whatever is not so, or not known, leaves exactly its own gate unmet."""
    broken = apply(
        CHILD,
        {f"body.gates.{place}": value for place, value in changes.items()},
        [f"body.gates.{place}" for place in removed],
    )
    assert _find_unmet(broken) == (gate,)


@pytest.mark.parametrize("guardian", ["not_yet_appointed", "unknown"])
def test_a_child_without_a_guardian_does_not_travel(guardian: str) -> None:
    """Somebody has to act for the child before the return."""
    assert _find_unmet(apply(CHILD, {"body.child.guardian": guardian})) == (
        ReturnGate.GUARDIAN_ACTS,
    )


def test_every_gate_but_two_is_broken_above() -> None:
    """No gate was forgotten: the guardian and the prior notice have tests of their own."""
    assert {gate for gate, _, _ in BROKEN} == set(ReturnGate) - {
        ReturnGate.GUARDIAN_ACTS,
        ReturnGate.PRIOR_NOTICE_ACKNOWLEDGED,
    }


def test_a_return_against_the_persons_will_can_be_told() -> None:
    """The truth gets through, and the gates name what is wrong with it."""
    told = _get_good(NOTICE, "a return against the person's will can be told")
    assert {ReturnGate.VOLUNTARY, ReturnGate.DECISION_RECORDED} <= set(_find_unmet(told))


@pytest.mark.parametrize(
    ("notice", "unmet"),
    [
        (
            {
                "state": "acknowledged",
                "notice_message": "a" * 32,
                "acknowledgement_message": "b" * 32,
            },
            (),
        ),
        (
            {"state": "not_acknowledged", "notice_message": "a" * 32},
            (ReturnGate.PRIOR_NOTICE_ACKNOWLEDGED,),
        ),
        ({"state": "no_notice"}, (ReturnGate.PRIOR_NOTICE_ACKNOWLEDGED,)),
    ],
    ids=["acknowledged", "not acknowledged", "no notice"],
)
def test_a_reception_asks_for_an_acknowledged_notice(
    notice: dict[str, str], unmet: tuple[ReturnGate, ...]
) -> None:
    """Only a notice that somebody acknowledged is a prior notice."""
    ready = _get_good(RECEPTION, "an adult's reception with every gate met")
    request = read_as(ArrivalReceptionRequest, apply(ready, {"body.prior_notice": notice}))
    assert find_unmet_gates(request.body) == unmet


@pytest.mark.parametrize(
    ("name", "defect"),
    [
        ("arrived", False),
        ("arrived without notice", True),
        ("arrived but left", True),
        ("did not arrive", False),
        ("delayed", False),
    ],
)
def test_a_return_without_acknowledged_notice_is_a_defect(name: str, *, defect: bool) -> None:
    """Monitoring can see who came unannounced, also those who left again."""
    told = read_as(ArrivalConfirmation, _get_good(ARRIVAL, name))
    assert told.body.came_without_acknowledged_notice is defect
