"""Code lists that several messages share. A code is never reused for another meaning."""

from enum import StrEnum


class Kind(StrEnum):
    """What a message does: tells, hands over, asks, or moves something on."""

    NOTIFICATION = "notification"
    REFERRAL = "referral"
    REQUEST = "request"
    UPDATE = "update"
    SYSTEM = "system"


class PersonGroup(StrEnum):
    """How a person is treated: under 18, or possibly so, is a child."""

    ADULT = "adult"
    CHILD = "child"


class Urgency(StrEnum):
    """How soon an answer is needed: immediate 4 hours, urgent 24 hours, standard by type."""

    IMMEDIATE = "immediate"
    URGENT = "urgent"
    STANDARD = "standard"


class Formality(StrEnum):
    """Formal: a request under an instrument. Informal: operational exchange before that."""

    FORMAL = "formal"
    INFORMAL = "informal"


class TraffickingStatus(StrEnum):
    """Status of the person."""

    POTENTIAL = "potential"
    PRESUMED = "presumed"
    FORMALLY_IDENTIFIED = "formally_identified"
    NOT_IDENTIFIED = "not_identified"


class Sex(StrEnum):
    """Sex as recorded by the authority."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class AgeGroup(StrEnum):
    """Age groups of the common statistics."""

    UNDER_18 = "under_18"
    AGE_18_22 = "18_22"
    AGE_23_25 = "23_25"
    AGE_26_30 = "26_30"
    AGE_31_35 = "31_35"
    AGE_36_40 = "36_40"
    OVER_40 = "over_40"
    UNKNOWN = "unknown"


class ExploitationForm(StrEnum):
    """Forms of exploitation."""

    PROSTITUTION_OF_OTHERS = "prostitution_of_others"
    OTHER_SEXUAL_EXPLOITATION = "other_sexual_exploitation"
    FORCED_LABOUR_OR_SERVICES = "forced_labour_or_services"
    BEGGING = "begging"
    SLAVERY_OR_SIMILAR = "slavery_or_similar"
    SERVITUDE = "servitude"
    FORCED_MARRIAGE = "forced_marriage"
    FORCED_CRIMINALITY = "forced_criminality"
    SALE_OF_A_CHILD = "sale_of_a_child"
    REMOVAL_OF_ORGANS = "removal_of_organs"
    OTHER = "other"
    UNKNOWN = "unknown"


class ParticipantTie(StrEnum):
    """Why a case concerns the recipient."""

    NATIONAL_OF = "national_of"
    RESIDENT_IN = "resident_in"
    COMES_FROM = "comes_from"
    FAMILY_IN = "family_in"


class Need(StrEnum):
    """Immediate needs."""

    SAFE_ACCOMMODATION = "safe_accommodation"
    MEDICAL_CARE = "medical_care"
    PSYCHOLOGICAL_SUPPORT = "psychological_support"
    PROTECTION = "protection"
    INTERPRETATION = "interpretation"
    LEGAL_ADVICE = "legal_advice"
    DOCUMENTS = "documents"
    FOOD_AND_CLOTHING = "food_and_clothing"
    CARE_FOR_ACCOMPANYING_CHILDREN = "care_for_accompanying_children"
    CONTACT_WITH_FAMILY = "contact_with_family"


class Service(StrEnum):
    """Services that a referral can ask for."""

    ACCOMMODATION = "accommodation"
    MEDICAL_AND_DENTAL_CARE = "medical_and_dental_care"
    PSYCHOTHERAPY = "psychotherapy"
    LEGAL_ADVICE = "legal_advice"
    SOCIAL_COUNSELLING = "social_counselling"
    COUNSELLING_OF_RELATIVES = "counselling_of_relatives"
    GUARDIANSHIP = "guardianship"
    EDUCATION = "education"
    LABOUR_MARKET_SKILLS = "labour_market_skills"
    INSURANCE = "insurance"
    DOCUMENTS = "documents"
    SAFE_TRANSPORT = "safe_transport"
    PROTECTION = "protection"
    COMPENSATION_SUPPORT = "compensation_support"
    WITNESS_SUPPORT = "witness_support"
    OTHER = "other"


class GuardianSituation(StrEnum):
    """Who acts for a child."""

    APPOINTED = "appointed"
    NOT_YET_APPOINTED = "not_yet_appointed"
    PARENT_NOT_SUSPECTED = "parent_not_suspected"
    UNKNOWN = "unknown"


class RiskLevel(StrEnum):
    """Outcome of a risk assessment."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    NOT_YET_ASSESSED = "not_yet_assessed"


class Whereabouts(StrEnum):
    """Where the person is, as coarse as it can be said."""

    WITH_SENDER = "with_sender"
    WITH_RECIPIENT = "with_recipient"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
