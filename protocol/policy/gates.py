"""The gates of a return: which stand before which message, and which are not met."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from protocol.messages.return_gates import ReturnGate
from protocol.policy.facts import Facts


class Gate(Enum):
    """What has to be true before a step."""

    DECISION = auto()
    RISK = auto()
    CHECKS = auto()
    RECEPTION = auto()
    NOTICE = auto()
    CHILD = auto()
    FAMILY = auto()


GATES: Final[Mapping[str, frozenset[Gate]]] = MappingProxyType(
    {
        "return.travel_documents": frozenset({Gate.DECISION}),
        "return.arrival_reception": frozenset({Gate.DECISION, Gate.RISK}),
        "return.return_notification": frozenset(
            {Gate.DECISION, Gate.RISK, Gate.CHECKS, Gate.RECEPTION, Gate.CHILD, Gate.FAMILY}
        ),
        "return.assisted_voluntary_return": frozenset(Gate),
    }
)
"""Which gates stand before which message. The joint execution comes last and has them all."""

_STATED: Final[Mapping[Gate, frozenset[ReturnGate]]] = MappingProxyType(
    {
        Gate.DECISION: frozenset(
            {ReturnGate.DECISION_RECORDED, ReturnGate.VOLUNTARY, ReturnGate.INFORMED}
        ),
        Gate.RISK: frozenset({ReturnGate.RISK_ASSESSED, ReturnGate.RISK_MANAGED}),
        Gate.CHECKS: frozenset(),  # a matter of the side that sends the person
        Gate.RECEPTION: frozenset({ReturnGate.RECEPTION_CONFIRMED}),
        Gate.NOTICE: frozenset({ReturnGate.PRIOR_NOTICE_ACKNOWLEDGED}),
        Gate.CHILD: frozenset(
            {
                ReturnGate.BEST_INTEREST_DETERMINED,
                ReturnGate.CHILD_HEARD,
                ReturnGate.GUARDIAN_ACTS,
                ReturnGate.GUARDIAN_AFTER_RETURN,
            }
        ),
        Gate.FAMILY: frozenset(
            {
                ReturnGate.FAMILY_ASSESSED,
                ReturnGate.PERSON_AGREES_TO_FAMILY,
                ReturnGate.FAMILY_AGREES,
            }
        ),
    }
)
"""How a message states each gate."""


def _list_gates(facts: Facts) -> frozenset[Gate]:
    return GATES.get(facts.message.type, frozenset())


def stands(gate: Gate, facts: Facts) -> bool:
    """Whether the gate holds this message back while it is not met."""
    return gate in _list_gates(facts) and not facts.is_under_way


def find_stated(facts: Facts) -> tuple[str, ...]:
    """Name what the message itself says is not met of the gates of its step."""
    asked = {stated for gate in _list_gates(facts) for stated in _STATED[gate]}
    return tuple(str(gate) for gate in ReturnGate if gate in asked & facts.message.unmet_gates)


def travels_unprepared(facts: Facts) -> bool:
    """Whether the person is on the way although a gate of this step is not met."""
    if not facts.is_under_way:
        return False
    returning = facts.returning
    is_met = {
        Gate.DECISION: returning.decision_recorded and returning.is_voluntary,
        Gate.RISK: returning.risk_assessed,
        Gate.CHECKS: returning.foreign_checks_done,
        Gate.RECEPTION: returning.reception_confirmed,
        Gate.NOTICE: returning.notice_acknowledged,
        Gate.CHILD: not facts.about_child
        or (returning.best_interest_assessed and facts.case.guardian_appointed),
        Gate.FAMILY: not returning.is_to_family
        or (
            returning.family_assessed
            and returning.person_agrees_to_family
            and returning.family_agrees
        ),
    }
    is_missing = any(not is_met[gate] for gate in _list_gates(facts))
    return is_missing or bool(find_stated(facts))
