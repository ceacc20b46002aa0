"""The table of conditions: which field of which model applies to which answers of others.

A condition stands here where a rule of the model ties a field to others, so that nobody is asked
for what the model would refuse. A name that begins with ``/`` is a field of the whole body.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from console.i18n import msg
from node.web.forms.dependence import Condition
from protocol.messages.arrival import ArrivalConfirmationBody, ArrivalOutcome
from protocol.messages.codes import AgeGroup, PersonGroup, RiskLevel, TraffickingStatus
from protocol.messages.family_tracing import TracingOutcome, TracingResult
from protocol.messages.fields import TriState
from protocol.messages.first_assistance_records import RecordFound, RecordOutcome
from protocol.messages.first_assistance_requests import ProtectionHistoryAnswer
from protocol.messages.first_assistance_statement import (
    StatementAnswer,
    StatementOf,
    StatementOutcome,
    StatementRequestBody,
)
from protocol.messages.general import (
    ConsentWithdrawnBody,
    CorrectionBody,
    CorrectionEffect,
    DecisionBody,
    DeletionReport,
    ErasureBody,
    ErasureOutcome,
    ErasureScope,
    Outcome,
    WithdrawalScope,
)
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.head import PersonBody
from protocol.messages.identification import EarlyRiskAnswer, FormalStatusBody
from protocol.messages.identification_checks import InterpretationBody, PresenceMode
from protocol.messages.identification_evidence import EvidenceObtained
from protocol.messages.identification_requests import JointInvestigationAnswer, JointPosition
from protocol.messages.journey import Reception
from protocol.messages.judicial import ItemReply, Provision
from protocol.messages.response import Completeness, ResponseBody
from protocol.messages.return_readiness import (
    BestInterest,
    BestInterestOutcome,
    DecisionState,
    FamilyAssessment,
    FamilyReturn,
    PriorNotice,
    PriorNoticeState,
    ReceptionGate,
    ReceptionState,
    ReturnDecision,
    ReturnDestination,
    ReturnGates,
    ReturnRisk,
)
from protocol.messages.risk import RiskPicture
from protocol.messages.social_inclusion import PlanConsent, PlanDecision
from protocol.messages.social_inclusion_checks import (
    CheckManner,
    DocumentOutcome,
    DocumentResult,
    PlacementAdvice,
    SecurityFamilyCheckAnswer,
    SecurityFamilyCheckBody,
)
from protocol.messages.social_inclusion_follow_up import HealthServiceRecord, ServiceRecord
from protocol.messages.social_inclusion_providers import (
    CredibilityVerdict,
    ProviderCredibilityAnswer,
    ProviderKind,
    ServiceProvider,
)
from protocol.messages.travel_documents import DocumentState, TravelDocumentsAnswer
from protocol.messages.witnesses import (
    CourtProtection,
    Fitness,
    WitnessConditionAnswer,
    WitnessSupportAnswer,
    WitnessSupportBody,
)


def _when(field: str, *answers: StrEnum) -> Condition:
    return Condition(any_of=({field: frozenset(answers)},))


_CHILD: Final = _when("/person_group", PersonGroup.CHILD)
_VIDEO: Final = _when("protection", CourtProtection.VIDEO_LINK)
_MADE: Final = _when("state", DecisionState.DECIDED_TO_RETURN, DecisionState.DECIDED_AGAINST)
_HERE: Final = _when("outcome", ArrivalOutcome.ARRIVED, ArrivalOutcome.ARRIVED_BUT_LEFT)
_MISSING: Final = _when("outcome", ArrivalOutcome.ARRIVED_BUT_LEFT, ArrivalOutcome.DID_NOT_ARRIVE)
_DECIDED: Final = _when(
    "status", TraffickingStatus.FORMALLY_IDENTIFIED, TraffickingStatus.NOT_IDENTIFIED
)
_ASSESSED: Final = _when("level", RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
_GIVEN: Final = _when("given", TriState.YES)
_FOUND: Final = _when("outcome", TracingOutcome.FOUND, TracingOutcome.FOUND_ELSEWHERE)
_YOUNG: Final = Condition(
    any_of=(
        {"age_group": frozenset({AgeGroup.UNDER_18})},
        {"possibly_under_18": frozenset({TriState.YES})},
        {
            "age_group": frozenset({AgeGroup.UNKNOWN}),
            "possibly_under_18": frozenset({TriState.UNKNOWN}),
        },
    ),
    words=msg("Only for a person who is, or may be, under 18."),
)

CONDITIONS: Final[Mapping[tuple[type[BaseModel], str], Condition]] = {
    (PersonBody, "child"): _YOUNG,
    (GuardedPersonBody, "child"): _CHILD,
    (ReturnGates, "best_interest"): _CHILD,
    (ArrivalConfirmationBody, "guardian_took_over"): Condition(
        any_of=(
            {
                "person_group": frozenset({PersonGroup.CHILD}),
                "outcome": frozenset({ArrivalOutcome.ARRIVED}),
            },
        ),
        words=msg("Only for a child who arrived."),
    ),
    (DecisionBody, "decline_reason"): _when("outcome", Outcome.DECLINED),
    (DecisionBody, "forwarded_to"): _when("outcome", Outcome.FORWARDED),
    (ResponseBody, "answer"): _when("completeness", Completeness.FULL, Completeness.PARTIAL),
    (ResponseBody, "none_reason"): _when("completeness", Completeness.NONE_AVAILABLE),
    (ResponseBody, "rest_expected_on"): _when("completeness", Completeness.PARTIAL),
    (CorrectionBody, "right_text"): _when("effect", CorrectionEffect.CORRECTS),
    (CorrectionBody, "replaced_by"): _when("effect", CorrectionEffect.CORRECTS),
    (ConsentWithdrawnBody, "classes"): _when("scope", WithdrawalScope.PART),
    (ConsentWithdrawnBody, "phases"): _when("scope", WithdrawalScope.PART),
    (ConsentWithdrawnBody, "messages"): _when("scope", WithdrawalScope.PART),
    (ErasureBody, "messages"): _when("scope", ErasureScope.LISTED_MESSAGES),
    (DeletionReport, "erased_at"): _when(
        "outcome", ErasureOutcome.ERASED, ErasureOutcome.ERASED_IN_PART
    ),
    (DeletionReport, "kept"): _when(
        "outcome", ErasureOutcome.ERASED_IN_PART, ErasureOutcome.NOT_ERASED
    ),
    (EarlyRiskAnswer, "assessed_at"): _ASSESSED,
    (RiskPicture, "assessed_at"): _ASSESSED,
    (InterpretationBody, "town"): _when("mode", PresenceMode.IN_PERSON, PresenceMode.EITHER),
    (FormalStatusBody, "decided_on"): _DECIDED,
    (FormalStatusBody, "decided_by"): _DECIDED,
    (FormalStatusBody, "appeal_possible_until"): _DECIDED,
    (JointInvestigationAnswer, "conditions"): _when(
        "position", JointPosition.AGREED_WITH_CONDITIONS, JointPosition.COUNTER_PROPOSAL
    ),
    (JointInvestigationAnswer, "approval_by"): _when("position", JointPosition.AWAITING_APPROVAL),
    (JointInvestigationAnswer, "approval_expected_on"): _when(
        "position", JointPosition.AWAITING_APPROVAL
    ),
    (ItemReply, "ground"): _when("provision", Provision.REFUSED, Provision.FORMAL_REQUEST_NEEDED),
    (EvidenceObtained, "expected_on"): _when("provision", Provision.FOLLOWS),
    (RecordFound, "expected_on"): _when("outcome", RecordOutcome.FOLLOWS),
    (ProtectionHistoryAnswer, "spells"): _when("assisted_before", TriState.YES),
    (StatementRequestBody, "witness"): _when(
        "statement_of", StatementOf.RELATIVE, StatementOf.PROFESSIONAL, StatementOf.OTHER_WITNESS
    ),
    (StatementAnswer, "taken_on"): _when("outcome", StatementOutcome.TAKEN),
    (StatementAnswer, "taken_by"): _when("outcome", StatementOutcome.TAKEN),
    (StatementAnswer, "said"): _when("outcome", StatementOutcome.TAKEN),
    (StatementAnswer, "arranged_for"): _when("outcome", StatementOutcome.ARRANGED),
    (PlanConsent, "part_note"): _when("decision", PlanDecision.AGREED_IN_PART),
    (SecurityFamilyCheckBody, "may_be_told"): _when(
        "manner", CheckManner.CONTACT_WITHOUT_THE_REASON, CheckManner.OPEN_CONTACT
    ),
    (SecurityFamilyCheckAnswer, "conditions"): _when(
        "advice", PlacementAdvice.SUITABLE_WITH_CONDITIONS
    ),
    (DocumentOutcome, "issued_on"): _when("result", DocumentResult.ISSUED),
    (DocumentOutcome, "delivery"): _when("result", DocumentResult.ISSUED),
    (ServiceProvider, "shelter_code"): _when("kind", ProviderKind.SHELTER),
    (ProviderCredibilityAnswer, "conditions"): _when(
        "verdict", CredibilityVerdict.VOUCHED_FOR_WITH_CONDITIONS
    ),
    (ServiceRecord, "provider"): _GIVEN,
    (HealthServiceRecord, "provider"): _GIVEN,
    (ReturnDecision, "decided_on"): _MADE,
    (ReturnDecision, "decided_by"): _MADE,
    (ReturnDecision, "explained_in"): _MADE,
    (ReturnRisk, "assessed_on"): _ASSESSED,
    (ReceptionGate, "confirmation_message"): _when("state", ReceptionState.CONFIRMED),
    (BestInterest, "determined_on"): _when(
        "outcome", BestInterestOutcome.IN_BEST_INTEREST, BestInterestOutcome.NOT_IN_BEST_INTEREST
    ),
    (BestInterest, "determined_by"): _when(
        "outcome", BestInterestOutcome.IN_BEST_INTEREST, BestInterestOutcome.NOT_IN_BEST_INTEREST
    ),
    (FamilyReturn, "assessed_on"): _when(
        "assessment",
        FamilyAssessment.SUITABLE,
        FamilyAssessment.SUITABLE_WITH_SUPPORT,
        FamilyAssessment.NOT_SUITABLE,
    ),
    (ReturnGates, "family"): _when(
        "destination", ReturnDestination.FAMILY, ReturnDestination.OTHER_RELATIVES
    ),
    (PriorNotice, "notice_message"): _when(
        "state", PriorNoticeState.ACKNOWLEDGED, PriorNoticeState.NOT_ACKNOWLEDGED
    ),
    (PriorNotice, "acknowledgement_message"): _when("state", PriorNoticeState.ACKNOWLEDGED),
    (Reception, "shelter_code"): _when("accommodation", ReturnDestination.SHELTER),
    (ArrivalConfirmationBody, "arrived_at"): _HERE,
    (ArrivalConfirmationBody, "state"): _HERE,
    (ArrivalConfirmationBody, "search_measures"): _MISSING,
    (ArrivalConfirmationBody, "danger_suspected"): _MISSING,
    (TracingResult, "wishes_contact"): _FOUND,
    (TracingResult, "would_receive_person"): _FOUND,
    (TravelDocumentsAnswer, "missing"): _when("state", DocumentState.MORE_NEEDED),
    (TravelDocumentsAnswer, "refused_because"): _when("state", DocumentState.REFUSED),
    (WitnessSupportBody, "video_link"): _VIDEO,
    (WitnessSupportAnswer, "video_link"): _VIDEO,
    (WitnessConditionAnswer, "assess_again_on"): _when(
        "fitness", Fitness.NOT_NOW, Fitness.COULD_NOT_BE_ASSESSED
    ),
}


def find_condition(model: type[BaseModel], name: str) -> Condition | None:
    """Find when a field of ``model``, or of what it is derived from, applies."""
    for owner in model.__mro__:
        found = CONDITIONS.get((owner, name))
        if found is not None:
            return found
    return None
