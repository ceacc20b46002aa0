"""How our codes and fields answer to those of the Human Trafficking Case Data Standard (HTCDS).

The standard is version 2.0 of the International Organization for Migration,
https://github.com/UNMigration/HTCDS, licensed under CC BY 4.0. Its list values are those of its
field standards 2.0 and of its survey form. Nothing here is its text: only which code means which.

The match names are those of SKOS (W3C Recommendation, 18 August 2009), read from our side. Nothing
is ever filled in for want of a counterpart: a code without one stands in ``OURS_ALONE`` or
``THEIRS_ALONE``, and is refused where it would have to be translated.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from protocol.errors import LocalProtocolError, MalformedError
from protocol.messages.codes import ExploitationForm, Sex, TraffickingStatus
from protocol.messages.head import CaseMessage
from protocol.messages.identification import InitialReferralBody, ReferralReason
from protocol.messages.identification_requests import ControlMeans, RecruitmentMethod
from protocol.messages.intelligence import PlaceUse
from protocol.messages.person import Identity, PersonalContact, PersonFacts
from protocol.messages.social_inclusion_providers import ProviderKind, ServiceProvider

VERSION: Final = "2.0"
SOURCE: Final = "https://github.com/UNMigration/HTCDS"
LICENCE: Final = "CC BY 4.0"


class HtcdsList(StrEnum):
    """Fields of the standard whose values are a list, as far as one of ours answers to it."""

    TRAFFICKING_STATUS = "vic_TraffickingStatus"
    GENDER = "prs_Gender"
    TYPE_OF_EXPLOITATION = "vic_TypeOfExploitation"
    TYPE_OF_SEX_EXPLOITATION = "vic_TypeOfSexExploitation"
    METHODS_OF_CONTROL = "vic_MethodsOfControl"
    METHOD_OF_RECRUITMENT = "vic_MethodOfRecruitment"
    REASON_FOR_INCOMING_REFERRAL = "cas_ReasonForIncomingReferral"
    REASON_FOR_OUTGOING_REFERRAL = "cas_ReasonForOutgoingReferral"
    ORGANISATION_TYPE = "org_Type"
    EVENT_TYPE = "hte_Type"


class Match(StrEnum):
    """How a value of the standard answers to a code of ours."""

    #: The same: translated both ways.
    EXACT = "exactMatch"
    #: Near enough to be taken for the other, both ways, though the lists are cut differently.
    CLOSE = "closeMatch"
    #: Theirs says less: ours becomes theirs, and never the other way round.
    BROAD = "broadMatch"
    #: Theirs says more: theirs becomes ours, and never the other way round.
    NARROW = "narrowMatch"


_OUTWARD: Final = frozenset({Match.EXACT, Match.CLOSE, Match.BROAD})
_INWARD: Final = frozenset({Match.EXACT, Match.CLOSE, Match.NARROW})


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """One code of ours, and the value of the standard that answers to it."""

    code: StrEnum
    list: HtcdsList
    value: str
    match: Match


def _match(
    field: HtcdsList, match: Match, pairs: Mapping[str, Iterable[StrEnum]]
) -> Iterator[CodeMatch]:
    for value, codes in pairs.items():
        for code in codes:
            yield CodeMatch(code, field, value, match)


def _match_referral_reasons(field: HtcdsList) -> Iterator[CodeMatch]:
    moved = "MigrationOrChangeOfLocation"
    services = [ReferralReason.SERVICES_NEEDED_THERE]
    yield from _match(field, Match.EXACT, {"AdditionalServicesRequired": services})
    yield from _match(field, Match.EXACT, {moved: [ReferralReason.CHANGE_OF_LOCATION]})
    yield from _match(field, Match.BROAD, {moved: [ReferralReason.RETURN_IS_PLANNED]})
    yield from _match(field, Match.CLOSE, {"Other": [ReferralReason.OTHER]})


MATCHES: Final[tuple[CodeMatch, ...]] = (
    *_match(
        HtcdsList.TRAFFICKING_STATUS,
        Match.EXACT,
        {
            "PossibleVictimOfTrafficking": [TraffickingStatus.PRESUMED],
            "ActualVictimOfTrafficking": [TraffickingStatus.FORMALLY_IDENTIFIED],
            "NotAVictimOfTrafficking": [TraffickingStatus.NOT_IDENTIFIED],
        },
    ),
    # The standard records gender, we the sex that an authority recorded: close, not the same.
    *_match(
        HtcdsList.GENDER,
        Match.CLOSE,
        {"Feminine": [Sex.FEMALE], "Masculine": [Sex.MALE], "NonSpecifiedUnknown": [Sex.UNKNOWN]},
    ),
    *_match(
        HtcdsList.TYPE_OF_EXPLOITATION,
        Match.EXACT,
        {
            "ForcedLabour": [ExploitationForm.FORCED_LABOUR_OR_SERVICES],
            "ForcedBegging": [ExploitationForm.BEGGING],
            "Servitude": [ExploitationForm.SERVITUDE],
            "ForcedMarriage": [ExploitationForm.FORCED_MARRIAGE],
            "OrganRemoval": [ExploitationForm.REMOVAL_OF_ORGANS],
        },
    ),
    *_match(
        HtcdsList.TYPE_OF_EXPLOITATION,
        Match.BROAD,
        {
            "SexualExploitation": [
                ExploitationForm.PROSTITUTION_OF_OTHERS,
                ExploitationForm.OTHER_SEXUAL_EXPLOITATION,
            ]
        },
    ),
    *_match(HtcdsList.TYPE_OF_EXPLOITATION, Match.CLOSE, {"Other": [ExploitationForm.OTHER]}),
    *_match(
        HtcdsList.TYPE_OF_SEX_EXPLOITATION,
        Match.EXACT,
        {"Prostitution": [ExploitationForm.PROSTITUTION_OF_OTHERS]},
    ),
    *_match(
        HtcdsList.TYPE_OF_SEX_EXPLOITATION,
        Match.NARROW,
        {
            value: [ExploitationForm.OTHER_SEXUAL_EXPLOITATION]
            for value in ("Pornography", "RemoteInteractiveServices", "PrivateSexualServices")
        },
    ),
    *_match(
        HtcdsList.METHODS_OF_CONTROL,
        Match.EXACT,
        {
            "DebtBondage": [ControlMeans.DEBT_BONDAGE],
            "TakesEarnings": [ControlMeans.TAKES_EARNINGS],
            "RestrictsFinancialAccess": [ControlMeans.RESTRICTS_FINANCIAL_ACCESS],
            "ThreatensChildrenFamily": [ControlMeans.THREATS_TO_FAMILY],
            "ThreatsLawEnforcement": [ControlMeans.THREAT_OF_LAW_ENFORCEMENT],
            "PsychologicalAbuse": [ControlMeans.PSYCHOLOGICAL_ABUSE],
            "PhysicalAbuse": [ControlMeans.PHYSICAL_ABUSE],
            "SexualAbuse": [ControlMeans.SEXUAL_ABUSE],
            "FalsePromises": [ControlMeans.FALSE_PROMISES],
            "PsychoactiveSubstance": [ControlMeans.PSYCHOACTIVE_SUBSTANCES],
            "RestrictsMedicalCare": [ControlMeans.RESTRICTS_MEDICAL_CARE],
            "ExcessiveWorkingHours": [ControlMeans.EXCESSIVE_WORKING_HOURS],
            "WithholdsNecessities": [ControlMeans.WITHHOLDS_NECESSITIES],
            "WithholdsDocuments": [ControlMeans.WITHHOLDS_DOCUMENTS],
        },
    ),
    *_match(
        HtcdsList.METHODS_OF_CONTROL, Match.NARROW, {"PhysicalThreats": [ControlMeans.THREATS]}
    ),
    *_match(HtcdsList.METHODS_OF_CONTROL, Match.CLOSE, {"Other": [ControlMeans.OTHER]}),
    *_match(
        HtcdsList.METHOD_OF_RECRUITMENT,
        Match.CLOSE,
        {
            "ThroughFamilyOrFamilyEvents": [RecruitmentMethod.THROUGH_FAMILY],
            "Other": [RecruitmentMethod.OTHER],
        },
    ),
    *_match(
        HtcdsList.METHOD_OF_RECRUITMENT,
        Match.NARROW,
        {
            "ThroughOnlineSocialNetworks": [RecruitmentMethod.ONLINE],
            "ThroughAnOnlineAdvertisement": [RecruitmentMethod.ONLINE],
        },
    ),
    *_match_referral_reasons(HtcdsList.REASON_FOR_INCOMING_REFERRAL),
    *_match_referral_reasons(HtcdsList.REASON_FOR_OUTGOING_REFERRAL),
    *_match(
        HtcdsList.ORGANISATION_TYPE,
        Match.EXACT,
        {
            "NGO": [ProviderKind.NGO],
            "LawEnforcement": [ProviderKind.LAW_ENFORCEMENT],
            "HealthServiceOrganisation": [ProviderKind.HEALTH_SERVICE],
        },
    ),
    *_match(
        HtcdsList.ORGANISATION_TYPE,
        Match.CLOSE,
        {
            "LegalService": [ProviderKind.LEGAL_AID],
            "SchoolOrCollege": [ProviderKind.SCHOOL_OR_TRAINING],
            "CorporateBusiness": [ProviderKind.PRIVATE_AGENCY],
        },
    ),
    *_match(
        HtcdsList.EVENT_TYPE,
        Match.EXACT,
        {
            "Recruitment": [PlaceUse.RECRUITMENT],
            "Transit": [PlaceUse.TRANSIT],
            "Exploitation": [PlaceUse.EXPLOITATION],
        },
    ),
)
"""Every pair that is translated, in one direction or both."""

OURS_ALONE: Final[tuple[StrEnum, ...]] = (
    # At risk only: the standard begins where there are signs of trafficking.
    TraffickingStatus.POTENTIAL,
    Sex.OTHER,
    ExploitationForm.SLAVERY_OR_SIMILAR,
    ExploitationForm.FORCED_CRIMINALITY,
    ExploitationForm.SALE_OF_A_CHILD,
    ExploitationForm.UNKNOWN,
    # The standard's list knows threats of violence, against the family, and of the police.
    ControlMeans.THREATS,
    # These two have definitions in the standard and no value in its list.
    ControlMeans.RESTRICTS_MOVEMENT,
    ControlMeans.USES_CHILDREN,
    # The standard's list says where and through which channel, ours with which promise or force.
    RecruitmentMethod.OFFER_OF_WORK,
    RecruitmentMethod.PROMISE_OF_MARRIAGE_OR_LOVE,
    RecruitmentMethod.OFFER_OF_TRAVEL_OR_STUDY,
    RecruitmentMethod.ONLINE,
    RecruitmentMethod.SALE,
    RecruitmentMethod.ABDUCTION,
    RecruitmentMethod.BORN_INTO_IT,
    RecruitmentMethod.UNKNOWN,
    ReferralReason.FAMILY_IS_THERE,
    ReferralReason.PROCEEDINGS_THERE,
    # The standard tells levels of government apart, ours what an organisation does.
    ProviderKind.INTERNATIONAL_ORGANISATION,
    ProviderKind.SOCIAL_SERVICE,
    ProviderKind.CHILD_WELFARE_SERVICE,
    ProviderKind.SHELTER,
    ProviderKind.EMPLOYMENT_SERVICE,
    ProviderKind.JUDICIARY,
    ProviderKind.OTHER,
    PlaceUse.BORDER_CROSSING,
    PlaceUse.HARBOURING,
    PlaceUse.MEETING,
    PlaceUse.MONEY,
    PlaceUse.UNKNOWN,
)
"""Codes of ours that become no value of the standard, though a narrower one may become them."""

THEIRS_ALONE: Final[Mapping[HtcdsList, tuple[str, ...]]] = MappingProxyType(
    {
        HtcdsList.GENDER: ("TransgenderFeminine", "TransgenderMasculine", "NonConforming"),
        HtcdsList.TYPE_OF_EXPLOITATION: (
            "ChildLabour",
            "ForcedMilitaryByNonStateActors",
            "ForcedAdoption",
            "Surrogacy",
        ),
        HtcdsList.METHOD_OF_RECRUITMENT: (
            "AtAPlaceOfBusiness",
            "AtAnEducationalInstitution",
            "AtWork",
            "ThroughATelevisionAdvert",
            "ThroughANewspaperAdvert",
            "ThroughFriendsOrSocialEvents",
        ),
        HtcdsList.ORGANISATION_TYPE: (
            "CentralGovernmentOrganisation",
            "LocalGovernmentOrganisation",
            "ImmigrationService",
        ),
    }
)
"""Values of the standard that no code of ours can stand for."""


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """One field of ours, and the field of the standard that answers to it."""

    owner: type[BaseModel]
    field: str
    htcds: str
    match: Match
    note: str = ""


FIELDS: Final[tuple[FieldMatch, ...]] = (
    FieldMatch(Identity, "given_names", "prs_FirstName", Match.EXACT),
    FieldMatch(Identity, "family_name", "prs_SecondName", Match.EXACT),
    FieldMatch(Identity, "birth_date", "prs_Birthdate", Match.EXACT),
    FieldMatch(Identity, "sex", "prs_Gender", Match.CLOSE, "gender there"),
    FieldMatch(
        Identity, "nationalities", "prs_Citizenship", Match.EXACT, "no XK in the survey's list"
    ),
    FieldMatch(PersonalContact, "address", "prs_MailingStreet", Match.CLOSE),
    FieldMatch(PersonalContact, "place", "prs_MailingCity", Match.CLOSE),
    FieldMatch(PersonalContact, "telephone", "prs_MobilePhone", Match.CLOSE, "E.164 there"),
    FieldMatch(PersonalContact, "mailbox", "prs_Email", Match.EXACT),
    FieldMatch(PersonFacts, "sex", "prs_Gender", Match.CLOSE, "gender there"),
    FieldMatch(PersonFacts, "status", "vic_TraffickingStatus", Match.EXACT),
    FieldMatch(PersonFacts, "exploitation_forms", "vic_TypeOfExploitation", Match.EXACT),
    FieldMatch(
        PersonFacts, "languages_spoken", "prs_PrimaryLanguage", Match.CLOSE, "ISO 639-2 there"
    ),
    FieldMatch(
        PersonFacts, "case_manager", "cas_ReferringPrimaryCaseWorker", Match.CLOSE, "a post here"
    ),
    FieldMatch(InitialReferralBody, "reason", "cas_ReasonForOutgoingReferral", Match.EXACT),
    FieldMatch(InitialReferralBody, "summary", "cas_OutgoingReferralDetails", Match.CLOSE),
    FieldMatch(CaseMessage, "from_authority", "cas_ReferringOrganisation", Match.CLOSE),
    FieldMatch(CaseMessage, "to_authority", "cas_ReferredOrganisation", Match.CLOSE),
    FieldMatch(CaseMessage, "composed_at", "cas_OutgoingReferralDate", Match.CLOSE, "a day there"),
    FieldMatch(CaseMessage, "legal_basis", "con_Consent", Match.BROAD, "yes or no there"),
    FieldMatch(ServiceProvider, "name", "org_Name", Match.EXACT),
    FieldMatch(ServiceProvider, "kind", "org_Type", Match.CLOSE),
    FieldMatch(ServiceProvider, "telephone", "org_Phone", Match.CLOSE, "E.164 there"),
)
"""Fields that answer to each other; a field that is not here is ours alone."""


def list_mapped_codes() -> tuple[type[StrEnum], ...]:
    """Return our code lists that have a mapping, in the order of the table."""
    return tuple(dict.fromkeys(type(item.code) for item in MATCHES))


def map_to_htcds(code: StrEnum) -> tuple[CodeMatch, ...]:
    """Return what stands for a code of ours in the standard; nothing if it is ours alone.

    Several matches are several fields of the standard, each with its value. Raises
    :class:`~protocol.errors.LocalProtocolError` for a code of a list that has no mapping.
    """
    # Codes of different lists can be the same text, and are then equal: the list decides.
    if type(code) not in list_mapped_codes():
        raise LocalProtocolError(
            f"{type(code).__name__} has no mapping to HTCDS: leave the field out of what is "
            "exported, or add its codes to protocol.messages.htcds."
        )
    return tuple(
        item
        for item in MATCHES
        if type(item.code) is type(code) and item.code is code and item.match in _OUTWARD
    )


def parse_htcds(list_name: str, text: str) -> StrEnum:
    """Return the code of ours that a value of the standard means.

    Raises :class:`~protocol.errors.MalformedError` for a list that is not mapped, a value that the
    list does not have, a value that only theirs has, and one that says less than our codes do.
    Case and spelling count: what is nearly a value is no value.
    """
    try:
        field = HtcdsList(list_name)
    except ValueError:
        raise MalformedError(
            f"No list of that name is mapped to HTCDS {VERSION}. Mapped: {', '.join(HtcdsList)}."
        ) from None
    known = [item for item in MATCHES if item.list is field and item.value == text]
    for item in known:
        if item.match in _INWARD:
            return item.code
    if known:
        raise MalformedError(
            f"That value of {field} says less than our codes: choose one of "
            f"{', '.join(item.code for item in known)} by what the case file says."
        )
    if text in THEIRS_ALONE.get(field, ()):
        raise MalformedError(
            f"That value of {field} has no counterpart here: let somebody who knows the case "
            "choose a code, and put the value in a note."
        )
    raise MalformedError(f"{field} has no such value in HTCDS {VERSION}: correct it at its source.")
