"""What a registry document can say, and what it is refused for saying."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contact_registry.errors import DocumentError
from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.models import (
    KOSOVO_FOOTNOTE,
    MAX_DOCUMENT_BYTES,
    ContactsDocument,
    ParticipantsDocument,
    parse_contacts,
    parse_participants,
    serialize_document,
)
from contact_registry.schedules import Weekday, WorkCalendar
from tests.support.registry_content import FULL_CONTACTS, dump_contacts


def parse(document: Mapping[str, Any]) -> ContactsDocument:
    """Read a document written as JSON."""
    return parse_contacts(json.dumps(document).encode())


def test_everything_that_can_be_said_comes_back() -> None:
    """A document that uses every field is parsed to itself, in one canonical form."""
    document = parse(FULL_CONTACTS)
    desk = document.authorities[0]
    assert all(desk.model_dump()[field] for field in type(desk).model_fields if field not in {
        "available_24_7", "valid_to", "open_on_holidays",
    })  # fmt: skip
    again = parse_contacts(serialize_document(document))
    assert again == document
    assert serialize_document(again) == serialize_document(document)


def test_a_document_that_says_the_least_is_valid() -> None:
    """What was valid before desks had hours, routes and agreements is valid still."""
    bare = {
        "format": "trm-contacts/1",
        "participant": "AL",
        "listed_by": "operator",
        "authorities": [
            {
                "id": "AL-desk",
                "name": "Desk",
                "time_zone": "Europe/Tirane",
                "valid_from": "2022-01-01",
            }
        ],
    }
    document = parse(bare)
    (desk,) = document.authorities
    assert (document.calendar, document.agreements) == (None, ())
    assert (desk.type, desk.schedules, desk.reserve, desk.out_of_hours) == (None, (), None, None)


def test_four_hundred_full_desks_fit() -> None:
    """400 desks with hours, routes, addresses, names and languages stay below the bound."""
    desk, other = dump_contacts()["authorities"]
    desks = [desk | {"id": f"AL-coordination-office-{number}"} for number in range(399)]
    document = parse(dump_contacts() | {"authorities": [*desks, other]})
    assert len(serialize_document(document)) <= MAX_DOCUMENT_BYTES


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"type": "shelter"}, "Where a shelter stands is never listed"),
        ({"type": "shelter", "addresses": []}, "Where a shelter stands is never listed"),
        ({"type": "shelter", "city": ""}, "Where a shelter stands is never listed"),
        ({"type": "country_office"}, "type"),
        ({"available_24_7": True}, "around the clock or has hours"),
        ({"reserve": {"authority": "AL-coordination-office"}}, "does not stand in for itself"),
        ({"reserve": {"authority": "AL-nobody"}}, "of the same document"),
        ({"out_of_hours": {"authority": "MK-desk"}}, "of the same document"),
        ({"reserve": {}}, "names an authority, or telephones"),
        (
            {"reserve": {"authority": "AL-duty-office", "mailboxes": ["a@desk.example"]}},
            "names an authority, or telephones",
        ),
        ({"licenses": [{"number": "1", "valid_from": "2026-02-01", "valid_to": "2026-01-01"}]},
         "licence cannot end"),
        ({"appointment_decision": {"issued_on": "2026-01-01"}}, "reference"),
        ({"addresses": [{"address_1": "Street 1"}]}, "city"),
        ({"alternate_names": [{"name": "Old", "language": "albanian"}]}, "language"),
        ({"competences": [{"phase": "return", "place": "a\nb"}]}, "place"),
    ],
)  # fmt: skip
def test_desks_that_cannot_be(change: dict[str, object], advice: str) -> None:
    """Each rule about a desk refuses, and says what to do."""
    document = dump_contacts()
    document["authorities"][0] |= change
    with pytest.raises(DocumentError, match=advice):
        parse(document)


def test_a_shelter_without_a_place_can_be_listed() -> None:
    """A shelter has a code, telephones and hours like any desk, and no address."""
    document = dump_contacts()
    document["authorities"][0] |= {"type": "shelter", "addresses": [], "city": ""}
    assert parse(document).authorities[0].type == "shelter"


@pytest.mark.parametrize(
    "hours",
    [
        {"byday": []},
        {"byday": ["MO", "MO"]},
        {"byday": ["MONDAY"]},
        {"opens_at": "8:00"},
        {"opens_at": "24:00"},
        {"opens_at": "08:60"},
        {"closes_at": "24:01"},
        {"closes_at": "08:00"},
        {"closes_at": "16:00\n"},
        {"closes_at": "\u0661\u0666:\u0660\u0660"},
        {"valid_from": "2026-09-01", "valid_to": "2026-08-31"},
    ],
)
def test_hours_that_cannot_be(hours: dict[str, object]) -> None:
    """Hours have a day, a beginning and another end, written in one way."""
    document = dump_contacts()
    schedule = {"byday": ["MO"], "opens_at": "08:00", "closes_at": "16:00"} | hours
    document["authorities"][0] |= {"schedules": [schedule]}
    with pytest.raises(DocumentError):
        parse(document)


@pytest.mark.parametrize(
    "calendar",
    [
        {"weekend": list(Weekday)},
        {"weekend": ["SA", "SA"]},
        {"holidays": [{"day": "2026-01-01"}, {"day": "2026-01-01", "name": "New Year"}]},
        {"holidays": [{"day": "2026-02-30"}]},
        {"holidays": [{"day": f"{2000 + n // 365}-01-01"} for n in range(401)]},
    ],
)
def test_calendars_that_cannot_be(calendar: dict[str, object]) -> None:
    """A week keeps a working day, and a holiday is a real day that is listed once."""
    with pytest.raises(DocumentError):
        parse(dump_contacts() | {"calendar": calendar})


def test_a_participant_without_a_weekend_and_with_another() -> None:
    """Weekends are what the Participant says; unsaid, Saturday and Sunday."""
    assert WorkCalendar().weekend_numbers == {5, 6}
    assert WorkCalendar(weekend=(Weekday.FRIDAY,)).weekend_numbers == {4}
    assert WorkCalendar(weekend=()).weekend_numbers == set()


def test_founding_participants_have_their_names() -> None:
    """Each has a name in every working language, and a star stands in all of its names or none."""
    languages = {"en", "sq", "bs", "hr", "cnr", "mk", "sr-Latn", "sr-Cyrl"}
    for entry in FOUNDING_PARTICIPANTS:
        assert {name.language for name in entry.names} == languages
    albania, kosovo = FOUNDING_PARTICIPANTS[0], FOUNDING_PARTICIPANTS[2]
    assert albania.name_in("sq") == "Shqipëria"
    assert albania.name_in("de") == "Albania"
    assert all(name.name.endswith("*") for name in kosovo.names)
    assert kosovo.footnote_in("sq") == KOSOVO_FOOTNOTE


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"names": [{"name": "Kosova", "language": "sq"}]}, "asterisk in every language"),
        ({"names": [{"name": "Kosova*"}]}, "says its language"),
        ({"names": [{"name": "A*", "language": "sq"}, {"name": "B*", "language": "sq"}]},
         "one name"),
        ({"footnotes": [{"text": "* a", "language": "sq"}, {"text": "* b", "language": "sq"}]},
         "one footnote"),
    ],
)  # fmt: skip
def test_names_that_cannot_be(change: dict[str, object], advice: str) -> None:
    """A Participant's name keeps its star in every language, and each language has one name."""
    listed = json.loads(
        serialize_document(ParticipantsDocument(participants=FOUNDING_PARTICIPANTS))
    )
    listed["participants"][2] |= change
    with pytest.raises(DocumentError, match=advice):
        parse_participants(json.dumps(listed).encode())


def test_a_footnote_in_its_language() -> None:
    """Where a translation is listed it is shown, and otherwise the common footnote."""
    listed = json.loads(
        serialize_document(ParticipantsDocument(participants=FOUNDING_PARTICIPANTS))
    )
    listed["participants"][2] |= {"footnotes": [{"text": "* Shënim", "language": "sq"}]}
    entry = parse_participants(json.dumps(listed).encode()).participants[2]
    assert entry.footnote_in("sq") == "* Shënim"
    assert entry.footnote_in("mk") == KOSOVO_FOOTNOTE
