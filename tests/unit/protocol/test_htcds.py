"""The mapping to HTCDS: total on both sides, never guessing."""

from enum import StrEnum
from typing import Final

import pytest

from protocol.errors import LocalProtocolError, MalformedError
from protocol.messages.codes import ExploitationForm, Sex, TraffickingStatus, Urgency
from protocol.messages.htcds import (
    FIELDS,
    MATCHES,
    OURS_ALONE,
    THEIRS_ALONE,
    CodeMatch,
    FieldMatch,
    HtcdsList,
    Match,
    list_mapped_codes,
    map_to_htcds,
    parse_htcds,
)
from protocol.messages.identification import ReferralReason

_REFERRAL: Final = "AdditionalServicesRequired MigrationOrChangeOfLocation Other"
PUBLISHED: Final = {
    "vic_TraffickingStatus": (
        "PossibleVictimOfTrafficking ActualVictimOfTrafficking NotAVictimOfTrafficking"
    ),
    "prs_Gender": (
        "Feminine Masculine TransgenderFeminine TransgenderMasculine NonConforming "
        "NonSpecifiedUnknown"
    ),
    "vic_TypeOfExploitation": (
        "ForcedLabour SexualExploitation ChildLabour ForcedMarriage Servitude "
        "ForcedMilitaryByNonStateActors OrganRemoval ForcedBegging ForcedAdoption Surrogacy Other"
    ),
    "vic_TypeOfSexExploitation": (
        "Prostitution Pornography RemoteInteractiveServices PrivateSexualServices"
    ),
    "vic_MethodsOfControl": (
        "PhysicalThreats ThreatsLawEnforcement ThreatensChildrenFamily DebtBondage FalsePromises "
        "PhysicalAbuse SexualAbuse TakesEarnings RestrictsFinancialAccess RestrictsMedicalCare "
        "WithholdsNecessities PsychologicalAbuse PsychoactiveSubstance ExcessiveWorkingHours "
        "WithholdsDocuments Other"
    ),
    "vic_MethodOfRecruitment": (
        "AtAPlaceOfBusiness AtAnEducationalInstitution AtWork ThroughOnlineSocialNetworks "
        "ThroughAnOnlineAdvertisement ThroughATelevisionAdvert ThroughANewspaperAdvert "
        "ThroughFamilyOrFamilyEvents ThroughFriendsOrSocialEvents Other"
    ),
    "cas_ReasonForIncomingReferral": _REFERRAL,
    "cas_ReasonForOutgoingReferral": _REFERRAL,
    "org_Type": (
        "NGO LawEnforcement HealthServiceOrganisation CentralGovernmentOrganisation "
        "LocalGovernmentOrganisation ImmigrationService LegalService CorporateBusiness "
        "SchoolOrCollege"
    ),
    "hte_Type": "Recruitment Transit Exploitation",
}
"""The lists of HTCDS 2.0 as published, in one place that the mapping does not read."""

OUR_CODES: Final = [code for codes in list_mapped_codes() for code in codes]


def name(item: object) -> str:
    """Name a code, match or field for a test's id."""
    if isinstance(item, CodeMatch):
        return f"{type(item.code).__name__}.{item.code.name}-{item.value}"
    if isinstance(item, FieldMatch):
        return f"{item.owner.__name__}.{item.field}"
    assert isinstance(item, StrEnum)
    return f"{type(item).__name__}.{item.name}"


@pytest.mark.parametrize("code", OUR_CODES, ids=name)
def test_each_code_of_ours_is_mapped_or_ours_alone(code: StrEnum) -> None:
    """Each member of each mapped list has a value to become, or is listed as having none."""
    assert bool(map_to_htcds(code)) != any(code is alone for alone in OURS_ALONE)


def test_nothing_is_listed_as_ours_that_belongs_to_no_mapped_list() -> None:
    """Whatever is ours alone is of a mapped list, and stands there once."""
    assert {type(code) for code in OURS_ALONE} <= set(list_mapped_codes())
    assert len({name(code) for code in OURS_ALONE}) == len(OURS_ALONE)


@pytest.mark.parametrize("field", HtcdsList, ids=str)
def test_each_value_of_theirs_is_mapped_or_theirs_alone(field: HtcdsList) -> None:
    """Each published value of a mapped list stands in the table or is listed as theirs alone."""
    mapped = {item.value for item in MATCHES if item.list is field}
    alone = set(THEIRS_ALONE.get(field, ()))
    assert mapped.isdisjoint(alone)
    assert mapped | alone == set(PUBLISHED[field].split())


@pytest.mark.parametrize("item", MATCHES, ids=name)
def test_the_kind_of_match_decides_the_directions(item: CodeMatch) -> None:
    """Exact and close matches are translated both ways, broad and narrow ones one way."""
    assert (item in map_to_htcds(item.code)) == (item.match is not Match.NARROW)
    if item.match is Match.BROAD:
        try:
            assert parse_htcds(item.list, item.value) is not item.code
        except MalformedError as error:
            assert "says less than our codes" in str(error)
    else:
        assert parse_htcds(item.list, item.value) is item.code


def test_a_code_can_become_values_of_several_fields() -> None:
    """Prostitution of others is sexual exploitation there, and in a second field which one."""
    found = map_to_htcds(ExploitationForm.PROSTITUTION_OF_OTHERS)
    assert {(item.list.value, item.value) for item in found} == {
        ("vic_TypeOfExploitation", "SexualExploitation"),
        ("vic_TypeOfSexExploitation", "Prostitution"),
    }


def test_codes_of_the_same_text_are_told_apart() -> None:
    """Other sex is ours alone though another form of exploitation, the same text, is not."""
    assert map_to_htcds(Sex.OTHER) == ()
    assert [item.value for item in map_to_htcds(ExploitationForm.OTHER)] == ["Other"]
    assert parse_htcds("cas_ReasonForOutgoingReferral", "Other") is ReferralReason.OTHER


def test_a_person_at_risk_does_not_become_a_possible_victim() -> None:
    """Potential is ours alone, and their possible victim is our presumed one."""
    assert map_to_htcds(TraffickingStatus.POTENTIAL) == ()
    found = parse_htcds("vic_TraffickingStatus", "PossibleVictimOfTrafficking")
    assert found is TraffickingStatus.PRESUMED


def test_a_list_without_a_mapping_is_our_own_mistake() -> None:
    """Asking for a code of a list that is not mapped says so, instead of giving nothing."""
    with pytest.raises(LocalProtocolError, match="Urgency has no mapping"):
        map_to_htcds(Urgency.URGENT)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("vic_Vulnerabilities", "Poverty", "No list of that name"),
        ("vic_TypeOfExploitation", "SexualExploitation", "says less than our codes"),
        ("vic_TypeOfExploitation", "ForcedAdoption", "no counterpart here"),
        ("vic_TypeOfExploitation", "Piracy", "no such value"),
        ("vic_TypeOfExploitation", "forcedlabour", "no such value"),
        ("vic_TypeOfExploitation", "forced_labour_or_services", "no such value"),
        ("prs_Gender", "NonConforming", "no counterpart here"),
        ("prs_Gender", "", "no such value"),
    ],
)
def test_what_cannot_be_translated_is_refused(field: str, value: str, said: str) -> None:
    """What is unknown, theirs alone, or says too little is refused, and not quoted."""
    with pytest.raises(MalformedError, match=said) as refusal:
        parse_htcds(field, value)
    assert not value or value not in str(refusal.value)


@pytest.mark.parametrize("item", FIELDS, ids=name)
def test_a_mapped_field_exists(item: FieldMatch) -> None:
    """Our side of each pair of fields is a field of the model that it names."""
    assert item.field in item.owner.model_fields
    assert item.htcds[:4] in {"prs_", "vic_", "cas_", "con_", "org_"}
