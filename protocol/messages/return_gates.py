"""The gates of a return: what has to be true before a person travels.

A return is voluntary, safe and prepared: the person's informed decision is on file, the risks are
assessed, the recipient has confirmed the reception. A child needs a best-interest assessment and a
guardian. A return to the family needs an assessment and the agreement of the person and of the
family. Source: regional practice guidance on transnational referral, phase return.

Whether a message may leave with a gate unmet is for the policy; this module only names the gates.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from protocol.messages.codes import GuardianSituation, RiskLevel
from protocol.messages.fields import TriState
from protocol.messages.return_readiness import (
    BestInterest,
    BestInterestOutcome,
    DecisionState,
    FamilyAssessment,
    FamilyReturn,
    PriorNotice,
    PriorNoticeState,
    ReceptionState,
    ReturnBody,
)


class ReturnGate(StrEnum):
    """One condition of a return."""

    DECISION_RECORDED = "decision_recorded"
    VOLUNTARY = "voluntary"
    INFORMED = "informed"
    RISK_ASSESSED = "risk_assessed"
    RISK_MANAGED = "risk_managed"
    RECEPTION_CONFIRMED = "reception_confirmed"
    BEST_INTEREST_DETERMINED = "best_interest_determined"
    CHILD_HEARD = "child_heard"
    GUARDIAN_ACTS = "guardian_acts"
    GUARDIAN_AFTER_RETURN = "guardian_after_return"
    FAMILY_ASSESSED = "family_assessed"
    PERSON_AGREES_TO_FAMILY = "person_agrees_to_family"
    FAMILY_AGREES = "family_agrees"
    PRIOR_NOTICE_ACKNOWLEDGED = "prior_notice_acknowledged"


_ACTING: Final = frozenset({GuardianSituation.APPOINTED, GuardianSituation.PARENT_NOT_SUSPECTED})
_SUITABLE: Final = frozenset({FamilyAssessment.SUITABLE, FamilyAssessment.SUITABLE_WITH_SUPPORT})


def _is_risk_managed(body: ReturnBody) -> bool:
    risk = body.gates.risk
    return risk.level is RiskLevel.LOW or risk.management_plan is TriState.YES


def _is_for_child(met: Callable[[BestInterest], bool]) -> Callable[[ReturnBody], bool]:
    """Met by every adult; by a child if the best-interest part says so."""

    def check(body: ReturnBody) -> bool:
        part = body.gates.best_interest
        return part is None or met(part)

    return check


def _is_for_family(met: Callable[[FamilyReturn], bool]) -> Callable[[ReturnBody], bool]:
    """Met by every return that does not lead to the family; else if the family's part says so."""

    def check(body: ReturnBody) -> bool:
        part = body.gates.family
        return part is None or met(part)

    return check


_CHECKS: Final[tuple[tuple[ReturnGate, Callable[[ReturnBody], bool]], ...]] = (
    (
        ReturnGate.DECISION_RECORDED,
        lambda body: (
            body.gates.decision.state is DecisionState.DECIDED_TO_RETURN
            and body.gates.decision.on_file is TriState.YES
        ),
    ),
    (ReturnGate.VOLUNTARY, lambda body: body.gates.decision.voluntary is TriState.YES),
    (ReturnGate.INFORMED, lambda body: bool(body.gates.decision.informed_of)),
    (
        ReturnGate.RISK_ASSESSED,
        lambda body: body.gates.risk.level is not RiskLevel.NOT_YET_ASSESSED,
    ),
    (ReturnGate.RISK_MANAGED, _is_risk_managed),
    (
        ReturnGate.RECEPTION_CONFIRMED,
        lambda body: body.gates.reception.state is ReceptionState.CONFIRMED,
    ),
    (
        ReturnGate.BEST_INTEREST_DETERMINED,
        _is_for_child(
            lambda part: (
                part.outcome is BestInterestOutcome.IN_BEST_INTEREST
                and part.guardian_agrees is TriState.YES
            )
        ),
    ),
    (ReturnGate.CHILD_HEARD, _is_for_child(lambda part: part.child_heard is TriState.YES)),
    (
        ReturnGate.GUARDIAN_ACTS,
        lambda body: body.child is None or body.child.guardian in _ACTING,
    ),
    (
        ReturnGate.GUARDIAN_AFTER_RETURN,
        _is_for_child(lambda part: part.guardian_after_return in _ACTING),
    ),
    (ReturnGate.FAMILY_ASSESSED, _is_for_family(lambda part: part.assessment in _SUITABLE)),
    (
        ReturnGate.PERSON_AGREES_TO_FAMILY,
        _is_for_family(lambda part: part.person_agrees is TriState.YES),
    ),
    (ReturnGate.FAMILY_AGREES, _is_for_family(lambda part: part.family_agrees is TriState.YES)),
)


def find_unmet_gates(body: ReturnBody) -> tuple[ReturnGate, ...]:
    """Return the conditions that the return does not meet, in the order of :class:`ReturnGate`.

    A condition that does not apply (family, child) counts as met. ``unknown`` meets nothing. A body
    with a ``prior_notice`` is also asked whether that was acknowledged.
    """
    unmet = [gate for gate, is_met in _CHECKS if not is_met(body)]
    notice = getattr(body, "prior_notice", None)
    if isinstance(notice, PriorNotice) and notice.state is not PriorNoticeState.ACKNOWLEDGED:
        unmet.append(ReturnGate.PRIOR_NOTICE_ACKNOWLEDGED)
    return tuple(unmet)
