"""What changes, in words: added, removed, changed, and nothing left out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from babel.support import NullTranslations

from console.i18n import translate
from contact_registry.directory import Directory
from contact_registry.history.comparing import Change, ChangeKind, diff
from contact_registry.history.versions import RoleSigners
from contact_registry.models import Authority, ContactsDocument, ListedBy, Route
from contact_registry.particulars import (
    AppointmentDecision,
    AuthorityType,
    License,
    LocalName,
    PostalAddress,
)
from contact_registry.schedules import Holiday, Schedule, Weekday, WorkCalendar
from directory_pages.codes import Words
from directory_pages.differences import Part, describe_changes
from directory_pages.field_labels import FIELD_LABELS
from protocol.identifiers import AuthorityId
from protocol.signing import SigningKey
from tests.support.registry import AL, make_authority, make_entry, make_keys
from tests.support.registry_content import make_terms

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
EMPTY = Directory(
    version=1, sha256="a" * 64, expires_at=NOON, verified_at=NOON,
    participants=(make_entry(AL),), contacts={}, keys={},
)  # fmt: skip


def say(words: Words) -> str:
    """Say words in English."""
    return translate(words, NullTranslations())


def list_desks(*desks: Authority, calendar: WorkCalendar | None = None) -> Directory:
    """Return a registry in which AL lists these desks."""
    document = ContactsDocument(
        participant=AL, listed_by=ListedBy.PARTICIPANT, authorities=desks, calendar=calendar
    )
    return replace(EMPTY, contacts={AL: document})


def describe(old: Directory, new: Directory, **signers: Mapping[str, RoleSigners]) -> list[Part]:
    """Put the difference of two registries in words."""
    return describe_changes(diff(old, new, **signers).changes, old=old, new=new)


def rows_of(part: Part) -> dict[str, tuple[list[str], list[str]]]:
    """Return the rows of a part: field to what it was and is."""
    return {
        say(row.field): ([say(w) for w in row.was], [say(w) for w in row.now]) for row in part.rows
    }


FULL: dict[str, Any] = {
    "name": "Other name",
    "alternate_names": (LocalName(name="Zyra", language="sq"), LocalName(name="Old")),
    "type": AuthorityType.POLICE,
    "unit": "Unit 4",
    "city": "Tirana",
    "post": "Duty officer",
    "competences": (),
    "telephones": (),
    "mailboxes": ("desk@authority.example",),
    "addresses": (PostalAddress(address_1="Street 1", city="Tirana"),),
    "schedules": (Schedule(byday=(Weekday.MONDAY,), opens_at="08:00", closes_at="16:00"),),
    "open_on_holidays": True,
    "reserve": Route(authority=AuthorityId("AL-other")),
    "out_of_hours": Route(mailboxes=("night@authority.example",), note="Ring twice"),
    "languages": ("sq", "zz"),
    "time_zone": "Europe/Belgrade",
    "valid_from": date(2023, 1, 1),
    "valid_to": date(2027, 1, 2),
    "last_confirmed": date(2026, 2, 1),
    "review_due": date(2026, 8, 1),
    "appointment_decision": AppointmentDecision(reference="12/3", issued_on=date(2021, 5, 6)),
    "licenses": (License(number="L1", valid_to=date(2028, 1, 1)),),
    "note": "Ring first.",
    "source": "List of 2026",
}
SAID = {
    "alternate_names": ["Zyra (Albanian)", "Old"],
    "schedules": ["Monday: 08:00 to 16:00"],
    "reserve": ["Desk other"],
    "out_of_hours": ["night@authority.example, Ring twice"],
    "languages": ["Albanian", "zz"],
    "appointment_decision": ["12/3, 6 May 2021"],
    "licenses": ["L1, to 1 January 2028"],
    "addresses": ["Street 1, Tirana"],
    "open_on_holidays": ["Yes"],
    "type": ["Police"],
    "valid_to": ["2 January 2027"],
}


@pytest.mark.parametrize("field", sorted(FULL))
def test_every_field_of_a_desk_has_words(field: str) -> None:
    """A change of any one field is one row with the field's own name, said in words."""
    before, other = make_authority(AL), make_authority(AL, "other")
    after = before.model_copy(update={field: FULL[field]})
    (part,) = describe(list_desks(before, other), list_desks(after, other))
    assert say(part.title) == (FULL["name"] if field == "name" else "Desk desk")
    ((label, (was, now)),) = rows_of(part).items()
    assert label == say(FIELD_LABELS[field])
    assert was != now
    assert now == SAID.get(field, now)


def test_the_table_above_names_every_field() -> None:
    """A field that a desk gains needs words, and a line in the table."""
    left_out = {"id", "available_24_7"}
    assert set(FULL) == set(Authority.model_fields) - left_out


def test_desks_come_and_go() -> None:
    """A desk that is added or removed is spelled out; what it leaves open is not said."""
    gone, come = make_authority(AL, "gone"), make_authority(AL, "come")
    parts = describe(list_desks(gone), list_desks(come))
    assert [(say(part.title), part.kind) for part in parts] == [
        ("Desk come", ChangeKind.ADDED),
        ("Desk gone", ChangeKind.REMOVED),
    ]
    assert rows_of(parts[0])["Telephones"] == ([], ["Telephone +35544541821"])
    assert rows_of(parts[1])["Telephones"] == (["Telephone +35544541821"], [])
    assert "Note" not in rows_of(parts[0])
    assert parts[0].about == "AL-come"


def test_of_a_long_list_only_what_differs_is_shown() -> None:
    """Of forty holidays of which one moved, two days are shown, and how many stayed."""
    days = [Holiday(day=date(2026, 1, 1) + timedelta(days=7 * n)) for n in range(40)]
    moved = [*days[:-1], Holiday(day=date(2026, 12, 31))]
    parts = describe(
        list_desks(calendar=WorkCalendar(holidays=tuple(days))),
        list_desks(calendar=WorkCalendar(holidays=tuple(moved))),
    )
    (row,) = parts[0].rows
    assert [say(w) for w in row.was] == ["1 October 2026"]
    assert [say(w) for w in row.now] == ["31 December 2026"]
    assert say(row.rest) == "and 39 entries as before"


def test_whose_signatures_count_comes_first() -> None:
    """Keys and thresholds stand before Participants, node keys, and desks."""
    new = replace(
        list_desks(make_authority(AL)),
        keys={AL: make_keys(AL, NOON, signing=SigningKey.generate())},
    )
    signers = {"AL": RoleSigners(threshold=2, key_ids=("a", "b"))}
    parts = describe(EMPTY, new, new_signers=signers)
    assert [say(part.title) for part in parts] == [
        "Whose signatures count: contact list of Albania",
        "Keys of the node of Albania",
        "Contact list of Albania",
    ]
    assert rows_of(parts[0])["How many must sign"] == ([], ["2"])


def test_an_agreement_is_named_by_its_instrument_and_shows_its_hash() -> None:
    """Whoever states an agreement sees the hash that the parties compare by telephone."""
    terms = make_terms()
    old = list_desks(make_authority(AL))
    document = old.contacts[AL].model_copy(update={"agreements": ({"terms": terms},)})
    document = ContactsDocument.model_validate_json(document.model_dump_json(warnings=False))
    (part,) = describe(old, replace(old, contacts={AL: document}))
    assert say(part.title) == f"Agreement: {terms.instrument}"
    assert rows_of(part)["Hash of the terms"][1][0].replace(" ", "") == terms.sha256


def test_a_value_that_nobody_foresaw_is_shown_as_it_is() -> None:
    """A later version's field has its own name and its plain value, and breaks nothing."""
    path = ("contacts", "AL", "authorities", "AL-desk", "new_field")
    change = Change(ChangeKind.CHANGED, path, {"a": "1", "b": None}, "2026-13-99")
    (part,) = describe_changes([change], old=EMPTY, new=EMPTY)
    assert rows_of(part) == {"new field": (["1"], ["2026-13-99"])}
