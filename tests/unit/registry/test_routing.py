"""Who is competent: on the real list, and in every rule."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.importing.importer import ImportDefaults, import_contact_list
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Telephone,
)
from contact_registry.routing import Desk, FallBack, Gap, GapReason, resolve
from protocol.identifiers import Channel, ParticipantCode, Phase
from tests.support.registry import AL, make_authority, make_entry

AT = datetime(2022, 6, 1, 12, tzinfo=UTC)
LIST = Path("contact_registry/data/trm_contacts_2022.csv")

#: The desk that a careful reader of the list picks: by Participant, then by phase in order.
EXPECTED = {
    "AL": (
        None,
        "AL-directorate-of-social-services-ministry-of-health-and-social-protection",
        "AL-ngo-different-equal",
        "AL-readmission-sector-directorate-for-border-and-migration-ministry-of-interior",
        "AL-general-prosecutor-s-office",
    ),
    "BA": ("BA-office-of-the-coordinator-for-combating-trafficking-and-illegal-migration",) * 5,
    "MK": (
        "MK-nrm-office-ministry-of-labour-and-social-policy",
        "MK-nrm-office-ministry-of-labour-and-social-policy",
        "MK-nrm-office-ministry-of-labour-and-social-policy",
        "MK-department-for-border-affairs-bureau-for-public-security-ministry-of-interior-sector-for-01d79f3b",
        "MK-public-prosecutor-s-office-department-for-prosecution-of-organised-crime-and-corruption",
    ),
    "XK": (
        "XK-ministry-of-interior-secretariat-of-strategies",
        "XK-iom-mission-in-kosovo",
        "XK-ministry-of-labour-and-social-welfare-department-for-social-policy-and-families",
        "XK-ministry-of-labour-and-social-welfare-department-for-social-policy-and-families",
        "XK-judicial-council-department-of-statistics",
    ),
    "ME": (
        "ME-ngo-montenegrin-women-s-lobby",
        "ME-coordination-team-office-for-combating-trafficking-in-human-beings-ministry-of-interior",
        "ME-ngo-montenegrin-women-s-lobby",
        "ME-iom-montenegro",
        "ME-high-prosecution",
    ),
    "RS": (
        "RS-centre-for-protection-of-victims-of-trafficking-in-human-beings",
        "RS-centre-for-protection-of-victims-of-trafficking-in-human-beings",
        "RS-centre-for-protection-of-victims-of-trafficking-in-human-beings",
        "RS-centre-for-protection-of-victims-of-trafficking-in-human-beings",
        "RS-centre-for-protection-of-victims-of-trafficking-in-human-beings",
    ),
}


def make_directory(*authorities: Authority) -> Directory:
    """Return a directory in which AL lists these."""
    document = ContactsDocument(
        participant=AL, listed_by=ListedBy.PARTICIPANT, authorities=authorities
    )
    return Directory(
        version=1,
        sha256="0" * 64,
        expires_at=AT,
        verified_at=AT,
        participants=(make_entry(AL), make_entry(ParticipantCode("QQ"))),
        contacts=MappingProxyType({AL: document}),
        keys=MappingProxyType({}),
    )


def competent(phase: Phase = Phase.RETURN, **changes: Any) -> tuple[Competence, ...]:
    """Return one competence."""
    return (Competence.model_validate({"phase": phase} | changes),)


def ask(directory: Directory, **changes: Any) -> Desk | Gap:
    """Ask AL for the return desk, with changes."""
    question: dict[str, Any] = {"participant": AL, "phase": Phase.RETURN, "at": AT}
    return resolve(directory, **(question | changes))


def ask_for_id(directory: Directory, **changes: object) -> str:
    """Return the identifier of the desk found."""
    answer = ask(directory, **changes)
    assert isinstance(answer, Desk)
    return answer.authority.id


@pytest.fixture(scope="module")
def real() -> Directory:
    """Return the directory of the real list."""
    result = import_contact_list(
        LIST.read_text(encoding="utf-8"),
        defaults=ImportDefaults(valid_from=date(2022, 1, 1), source="list"),
    )
    return Directory(
        version=1,
        sha256="0" * 64,
        expires_at=AT,
        verified_at=AT,
        participants=FOUNDING_PARTICIPANTS,
        contacts=result.contacts,
        keys=MappingProxyType({}),
    )


@pytest.mark.parametrize("participant", sorted(EXPECTED))
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("child", [False, True], ids=["adult", "child"])
def test_real_list(real: Directory, participant: str, phase: Phase, *, child: bool) -> None:
    """Each Participant and phase has the desk that a careful reader picks, or the gap there is."""
    answer = resolve(
        real, participant=ParticipantCode(participant), phase=phase, at=AT, child=child
    )
    expected = EXPECTED[participant][list(Phase).index(phase)]
    if expected is None:
        assert isinstance(answer, Gap)
        assert answer.reason_code is GapReason.NOBODY_REACHABLE
        assert len(answer.candidates) == 1
        return
    assert isinstance(answer, Desk)
    assert answer.authority.id == expected
    assert answer.fell_back_on == ()
    assert answer.is_reachable
    assert not answer.is_confirmed
    assert answer.listed_by is ListedBy.OPERATOR


def test_before_the_list_nobody_is_listed(real: Directory) -> None:
    """Asked for a day before the entries begin, the answer is a gap."""
    answer = ask(real, at=datetime(2021, 12, 30, tzinfo=UTC))
    assert isinstance(answer, Gap)
    assert answer.reason_code is GapReason.NOTHING_LISTED


def test_reachable_before_around_the_clock_unreachable() -> None:
    """A desk that can be reached comes before one that nobody can reach."""
    directory = make_directory(
        make_authority(AL, "a", competences=competent(), telephones=(), available_24_7=True),
        make_authority(AL, "b", competences=competent()),
    )
    answer = ask(directory)
    assert isinstance(answer, Desk)
    assert answer.authority.id == "AL-b"
    assert [a.id for a in answer.alternatives] == ["AL-a"]
    assert "without telephone and mailbox" in answer.reason


def test_around_the_clock_first_and_ties_by_identifier() -> None:
    """Of two reachable desks the one around the clock wins; else the identifier decides."""
    a, b = (make_authority(AL, slug, competences=competent()) for slug in "ab")
    assert ask_for_id(make_directory(b, a)) == ask_for_id(make_directory(a, b)) == "AL-a"
    b24 = make_authority(AL, "b", competences=competent(), available_24_7=True)
    assert ask_for_id(make_directory(a, b24)) == "AL-b"


def test_children_have_their_desk() -> None:
    """A desk for children is for children only, and comes first for them."""
    directory = make_directory(
        make_authority(AL, "any", competences=competent(), available_24_7=True),
        make_authority(AL, "child", competences=competent(person_group=PersonGroup.CHILD)),
        make_authority(AL, "adult", competences=competent(person_group=PersonGroup.ADULT)),
    )
    assert ask_for_id(directory, child=True) == "AL-child"
    assert ask_for_id(directory) == "AL-adult"


def test_other_channel_then_identification_desk() -> None:
    """The search goes on in the other channel, then at the identification desk, and says so."""
    police = make_authority(AL, "police", competences=competent(channel=Channel.POLICE))
    focal = make_authority(AL, "focal", competences=competent(Phase.IDENTIFICATION))
    answer = ask(make_directory(focal, police))
    assert isinstance(answer, Desk)
    assert (answer.authority.id, answer.fell_back_on) == ("AL-police", (FallBack.OTHER_CHANNEL,))
    answer = ask(make_directory(focal))
    assert isinstance(answer, Desk)
    assert answer.fell_back_on == (FallBack.IDENTIFICATION_DESK,)
    assert "nobody reachable is listed for return" in answer.reason


@pytest.mark.parametrize("channel", [Channel.WITNESS_PROTECTION, Channel.TREND])
def test_closed_channels_do_not_leak(channel: Channel) -> None:
    """Nobody outside witness protection or trend is ever named for a message of theirs."""
    directory = make_directory(make_authority(AL, "a", competences=competent()))
    answer = ask(directory, channel=channel)
    assert isinstance(answer, Gap)
    assert answer.reason_code is GapReason.NOBODY_COMPETENT


def test_toll_free_number_alone_reaches_nobody_from_abroad() -> None:
    """A number that works inside the Participant only does not make a desk reachable."""
    national = (Telephone(as_listed="0800 1", national_only=True),)
    answer = ask(
        make_directory(make_authority(AL, "a", competences=competent(), telephones=national))
    )
    assert isinstance(answer, Gap)
    assert answer.reason_code is GapReason.NOBODY_REACHABLE


def test_last_day_counts_in_local_time() -> None:
    """An entry ends with its last day where the desk is, not in UTC."""
    ending = make_authority(AL, "a", competences=competent(), valid_to=date(2022, 6, 1))
    directory = make_directory(ending)
    late = datetime(2022, 6, 1, 21, 59, tzinfo=UTC)  # 23:59 in Tirana
    assert ask_for_id(directory, at=late) == "AL-a"
    assert isinstance(ask(directory, at=datetime(2022, 6, 1, 22, 0, tzinfo=UTC)), Gap)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("ZZ", GapReason.UNKNOWN_PARTICIPANT), ("QQ", GapReason.NOTHING_LISTED)],
)
def test_unknown_and_silent_participants(code: str, reason: GapReason) -> None:
    """A Participant that does not take part, or lists nobody, is a gap with its reason."""
    answer = ask(make_directory(), participant=ParticipantCode(code))
    assert isinstance(answer, Gap)
    assert answer.reason_code is reason
