"""What codes are called: one table, by code list, for every page.

The codes of the directory have their words in :mod:`directory_pages.codes`, for node and hub alike.

A code that this version does not know (a message of a newer sender) is shown as it came.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg, pmsg
from contact_registry.agreements import SensitivityClass
from directory_pages.codes import DIRECTORY_LABELS, Labels
from node.web.type_labels import TYPE_LABELS
from node.web.words.code_help import find_helps
from node.web.words.codes_assistance import ASSISTANCE_CODES
from node.web.words.codes_general import GENERAL_CODES
from node.web.words.codes_identification import IDENTIFICATION_CODES
from node.web.words.codes_inclusion import INCLUSION_CODES
from node.web.words.codes_proceedings import PROCEEDINGS_CODES
from node.web.words.codes_return import RETURN_CODES
from node.web.words.shared import OTHER, UNKNOWN
from protocol.errors import RejectionCode
from protocol.messages.codes import (
    AgeGroup,
    ExploitationForm,
    Formality,
    GuardianSituation,
    Need,
    ParticipantTie,
    RiskLevel,
    Service,
    Sex,
    TraffickingStatus,
    Urgency,
    Whereabouts,
)
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.general import DeclineReason, Outcome
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.messages.identification import HandoverMode, ReferralReason

CODE_LABELS: Final[Mapping[type[StrEnum], Labels]] = MappingProxyType({
    **DIRECTORY_LABELS,
    **IDENTIFICATION_CODES,
    **ASSISTANCE_CODES,
    **INCLUSION_CODES,
    **RETURN_CODES,
    **PROCEEDINGS_CODES,
    **GENERAL_CODES,
    TriState: {
        TriState.YES: pmsg("answer", "Yes"),
        TriState.NO: pmsg("answer", "No"),
        TriState.UNKNOWN: pmsg("answer", "Not known"),
    },
    Urgency: {
        Urgency.IMMEDIATE: pmsg("urgency", "Immediate"),
        Urgency.URGENT: pmsg("urgency", "Urgent"),
        Urgency.STANDARD: pmsg("urgency", "Standard"),
    },
    Formality: {
        Formality.FORMAL: msg("Formal, under an instrument"),
        Formality.INFORMAL: msg("Operational exchange"),
    },
    TraffickingStatus: {
        TraffickingStatus.POTENTIAL: msg("Potential victim"),
        TraffickingStatus.PRESUMED: msg("Presumed victim"),
        TraffickingStatus.FORMALLY_IDENTIFIED: msg("Formally identified victim"),
        TraffickingStatus.NOT_IDENTIFIED: msg("Not identified as a victim"),
    },
    Sex: {
        Sex.FEMALE: pmsg("sex", "Female"),
        Sex.MALE: pmsg("sex", "Male"),
        Sex.OTHER: pmsg("sex", "Other"),
        Sex.UNKNOWN: pmsg("sex", "Not known"),
    },
    AgeGroup: {
        AgeGroup.UNDER_18: msg("Under 18"),
        AgeGroup.AGE_18_22: msg("18 to 22"),
        AgeGroup.AGE_23_25: msg("23 to 25"),
        AgeGroup.AGE_26_30: msg("26 to 30"),
        AgeGroup.AGE_31_35: msg("31 to 35"),
        AgeGroup.AGE_36_40: msg("36 to 40"),
        AgeGroup.OVER_40: msg("Over 40"),
        AgeGroup.UNKNOWN: pmsg("age", "Not known"),
    },
    ExploitationForm: {
        ExploitationForm.PROSTITUTION_OF_OTHERS: msg("Prostitution of others"),
        ExploitationForm.OTHER_SEXUAL_EXPLOITATION: msg("Other sexual exploitation"),
        ExploitationForm.FORCED_LABOUR_OR_SERVICES: msg("Forced labour or services"),
        ExploitationForm.BEGGING: msg("Begging"),
        ExploitationForm.SLAVERY_OR_SIMILAR: msg("Slavery or similar practices"),
        ExploitationForm.SERVITUDE: msg("Servitude"),
        ExploitationForm.FORCED_MARRIAGE: msg("Forced marriage"),
        ExploitationForm.FORCED_CRIMINALITY: msg("Forced criminality"),
        ExploitationForm.SALE_OF_A_CHILD: msg("Sale of a child"),
        ExploitationForm.REMOVAL_OF_ORGANS: msg("Removal of organs"),
        ExploitationForm.OTHER: OTHER,
        ExploitationForm.UNKNOWN: UNKNOWN,
    },
    ParticipantTie: {
        ParticipantTie.NATIONAL_OF: msg("Is a national there"),
        ParticipantTie.RESIDENT_IN: msg("Lives there"),
        ParticipantTie.COMES_FROM: msg("Comes from there"),
        ParticipantTie.FAMILY_IN: msg("Has family there"),
    },
    Need: {
        Need.SAFE_ACCOMMODATION: msg("Safe accommodation"),
        Need.MEDICAL_CARE: msg("Medical care"),
        Need.PSYCHOLOGICAL_SUPPORT: msg("Psychological support"),
        Need.PROTECTION: msg("Protection"),
        Need.INTERPRETATION: msg("Interpretation"),
        Need.LEGAL_ADVICE: msg("Legal advice"),
        Need.DOCUMENTS: msg("Documents"),
        Need.FOOD_AND_CLOTHING: msg("Food and clothing"),
        Need.CARE_FOR_ACCOMPANYING_CHILDREN: msg("Care for accompanying children"),
        Need.CONTACT_WITH_FAMILY: msg("Contact with the family"),
    },
    Service: {
        Service.ACCOMMODATION: msg("Accommodation"),
        Service.MEDICAL_AND_DENTAL_CARE: msg("Medical and dental care"),
        Service.PSYCHOTHERAPY: msg("Psychotherapy"),
        Service.LEGAL_ADVICE: msg("Legal advice"),
        Service.SOCIAL_COUNSELLING: msg("Social counselling"),
        Service.COUNSELLING_OF_RELATIVES: msg("Counselling of relatives"),
        Service.GUARDIANSHIP: msg("Guardianship"),
        Service.EDUCATION: msg("Education"),
        Service.LABOUR_MARKET_SKILLS: msg("Labour-market skills"),
        Service.INSURANCE: msg("Insurance"),
        Service.DOCUMENTS: msg("Documents"),
        Service.SAFE_TRANSPORT: msg("Safe transport"),
        Service.PROTECTION: msg("Protection"),
        Service.COMPENSATION_SUPPORT: msg("Support with compensation"),
        Service.WITNESS_SUPPORT: msg("Support as a witness"),
        Service.OTHER: OTHER,
    },
    GuardianSituation: {
        GuardianSituation.APPOINTED: msg("A guardian is appointed"),
        GuardianSituation.NOT_YET_APPOINTED: msg("No guardian yet"),
        GuardianSituation.PARENT_NOT_SUSPECTED: msg("A parent, who is not a suspect"),
        GuardianSituation.UNKNOWN: UNKNOWN,
    },
    RiskLevel: {
        RiskLevel.LOW: pmsg("risk", "Low"),
        RiskLevel.MEDIUM: pmsg("risk", "Medium"),
        RiskLevel.HIGH: pmsg("risk", "High"),
        RiskLevel.NOT_YET_ASSESSED: pmsg("risk", "Not yet assessed"),
    },
    Whereabouts: {
        Whereabouts.WITH_SENDER: msg("Where the sender is"),
        Whereabouts.WITH_RECIPIENT: msg("Where the recipient is"),
        Whereabouts.ELSEWHERE: msg("Somewhere else"),
        Whereabouts.UNKNOWN: UNKNOWN,
    },
    HandoverMode: {
        HandoverMode.OPENED_WITH_RECIPIENT: msg("Both sides work on it; the sender leads"),
        HandoverMode.TRANSFERRED_TO_RECIPIENT: msg("The recipient takes over"),
    },
    ReferralReason: {
        ReferralReason.RETURN_IS_PLANNED: msg("A return is planned"),
        ReferralReason.CHANGE_OF_LOCATION: msg("The person moves"),
        ReferralReason.SERVICES_NEEDED_THERE: msg("Services are needed there"),
        ReferralReason.FAMILY_IS_THERE: msg("The family is there"),
        ReferralReason.PROCEEDINGS_THERE: msg("Proceedings take place there"),
        ReferralReason.OTHER: OTHER,
    },
    Outcome: {
        Outcome.ACCEPTED: pmsg("decision", "Accept"),
        Outcome.MORE_INFORMATION_NEEDED: pmsg("decision", "Ask for more information"),
        Outcome.FORWARDED: pmsg("decision", "Forward to another authority"),
        Outcome.DECLINED: pmsg("decision", "Decline"),
    },
    DeclineReason: {
        DeclineReason.NOT_COMPETENT: msg("We are not competent"),
        DeclineReason.NO_TIE_TO_PARTICIPANT: msg("There is no tie to us"),
        DeclineReason.NO_CAPACITY: msg("We have no capacity now"),
        DeclineReason.NO_LEGAL_BASIS: msg("There is no legal basis"),
        DeclineReason.ALREADY_HANDLED: msg("It is being handled already"),
        DeclineReason.OTHER: OTHER,
    },
    ConsentGiver: {
        ConsentGiver.PERSON: msg("The person"),
        ConsentGiver.PARENT: msg("A parent, who is not a suspect"),
        ConsentGiver.GUARDIAN: msg("The guardian"),
    },
    ExceptionGround: {
        ExceptionGround.VITAL_INTEREST: msg("Vital interest"),
        ExceptionGround.BEST_INTEREST_OF_THE_CHILD: msg("Best interest of the child"),
        ExceptionGround.OVERRIDING_PUBLIC_INTEREST: msg("Overriding public interest"),
        ExceptionGround.DUTY_UNDER_LAW: msg("Duty under law"),
    },
    Sensitivity: {
        Sensitivity.NONE: pmsg("sensitivity", "Not sensitive"),
        **DIRECTORY_LABELS[SensitivityClass],
    },
    RejectionCode: {
        RejectionCode.MALFORMED: msg("it could not be read"),
        RejectionCode.UNSUPPORTED: msg("its format is not supported there"),
        RejectionCode.UNOPENABLE: msg("it was sealed with a key that is no longer in use there"),
        RejectionCode.UNKNOWN_SENDER: msg("our node is not known there yet"),
        RejectionCode.FORGED: msg("its signature does not match"),
        RejectionCode.MISADDRESSED: msg("it was addressed to somebody else"),
        RejectionCode.CONFLICT: msg("another message has the same identifier"),
        RejectionCode.EXPIRED: msg("it arrived too late"),
    },
})  # fmt: skip

DECIDED: Final[Labels] = {
    Outcome.ACCEPTED: pmsg("timeline", "Accepted"),
    Outcome.DECLINED: pmsg("timeline", "Declined"),
    Outcome.FORWARDED: pmsg("timeline", "Forwarded to another authority"),
    Outcome.MORE_INFORMATION_NEEDED: pmsg("timeline", "More information asked"),
}
"""Decisions that were taken; the table above says them as choices."""


def say_code(code: StrEnum) -> Message | str:
    """Say a code in words; one of a list that has none here in its own."""
    return CODE_LABELS.get(type(code), {}).get(code) or code.value.replace("_", " ")


def say_known(codes: type[StrEnum], value: str | None) -> Message | str:
    """Say a stored code in words; one that is not known here as it came."""
    return CODE_LABELS[codes].get(value or "", value or "")


def say_type(tag: str) -> Message | str:
    """Say what a message is; of a type that is not known here, its tag."""
    return TYPE_LABELS.get(tag, tag)


def list_choices(codes: type[StrEnum]) -> Sequence[tuple[str, Message]]:
    """List a code list for a form, in its own order."""
    return [(value, label) for value, label in CODE_LABELS[codes].items()]


Explained = Sequence[tuple[str, Message | str, Message | str]]
"""Choices of a form, each with what it means, or with nothing."""


def explain_codes(codes: Iterable[StrEnum]) -> Explained:
    """List codes for a form, each with what it means."""
    return [(code.value, say_code(code), find_helps(type(code)).get(code, "")) for code in codes]
