"""Two sides of a change brought together: what is merged, and what people have to decide."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_registry.changes.content import describe, restore
from contact_registry.changes.errors import DraftRefusedError
from contact_registry.changes.merging import Merge, Side, merge
from contact_registry.models import Authority, ContactsDocument, ListedBy, Route
from contact_registry.schedules import Holiday, Schedule, Weekday, WorkCalendar
from protocol.identifiers import AuthorityId
from tests.support.registry import AL, make_authority
from tests.support.registry_content import FULL_CONTACTS, make_terms, state

OFFICE = AuthorityId("AL-office")


def make(*authorities: Authority, **members: Any) -> ContactsDocument:
    """Return contacts of AL."""
    fields: dict[str, Any] = {
        "participant": AL, "listed_by": ListedBy.PARTICIPANT, "authorities": authorities,
    }  # fmt: skip
    return ContactsDocument.model_validate(fields | members)


def office(**changes: object) -> Authority:
    """Return AL's office."""
    return make_authority(AL, "office", **changes)


def keys(merged: Merge) -> list[str]:
    """Return what is to be decided."""
    assert merged.document is None
    return [conflict.key for conflict in merged.conflicts]


BASE = make(office())
HOURS = Schedule(byday=(Weekday.MONDAY,), opens_at="08:00", closes_at="16:00")


def test_every_document_survives_its_description() -> None:
    """Taken apart and put together again, a document that says everything says the same."""
    document = ContactsDocument.model_validate_json(json.dumps(FULL_CONTACTS))
    assert restore(describe(document)) == document


def test_fields_of_one_entry_are_merged() -> None:
    """Each side's field stands; so does an entry that one side added and one that it removed."""
    base = make(office(), make_authority(AL, "old"))
    ours = make(office(city="Tirana"), make_authority(AL, "old"), make_authority(AL, "new"))
    theirs = make(office(note="Ring twice."))
    merged = merge(base, ours, theirs).document
    assert merged == make(office(city="Tirana", note="Ring twice."), make_authority(AL, "new"))


def test_holidays_are_merged_day_by_day() -> None:
    """Two people who add different holidays are not in each other's way; the same day is."""
    first, second = Holiday(day=date(2026, 1, 1)), Holiday(day=date(2026, 11, 28))
    base = make(office(), calendar=WorkCalendar())
    ours = make(office(), calendar=WorkCalendar(holidays=(first,)))
    theirs = make(office(), calendar=WorkCalendar(holidays=(second,)))
    merged = merge(base, ours, theirs).document
    assert merged is not None
    assert merged.calendar == WorkCalendar(holidays=(second, first))
    named = make(office(), calendar=WorkCalendar(holidays=(Holiday(day=first.day, name="Day"),)))
    assert keys(merge(base, ours, named)) == ["calendar/holidays/2026-01-01"]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "wanted"),
    [
        (BASE, make(office(note="a")), make(office(note="b")), ["authorities/AL-office/note"]),
        (BASE, make(), make(office(note="b")), ["authorities/AL-office"]),
        (BASE, make(office(note="a")), make(), ["authorities/AL-office"]),
        (make(), make(office(note="a")), make(office(note="b")), ["authorities/AL-office"]),
        (
            make(office()),
            make(office(), agreements=(state(make_terms()),)),
            make(office(), agreements=(state(make_terms(instrument="Other")),)),
            ["agreements/al-mk-2026"],
        ),
        (
            BASE,
            make(office(), calendar=WorkCalendar()),
            make(office(), calendar=WorkCalendar(weekend=())),
            ["calendar"],
        ),
    ],
)
def test_what_both_changed_is_a_conflict(
    base: ContactsDocument, ours: ContactsDocument, theirs: ContactsDocument, wanted: list[str]
) -> None:
    """A field, an entry, an agreement, the calendar: named, and each side can be chosen."""
    merged = merge(base, ours, theirs)
    assert keys(merged) == wanted
    for side, whole in ((Side.OURS, ours), (Side.THEIRS, theirs)):
        chosen = merge(base, ours, theirs, choices=dict.fromkeys(wanted, side)).document
        assert chosen == whole


def test_entries_that_do_not_stand_together() -> None:
    """Around the clock here, hours there: each is right alone, both together are nobody's word."""
    ours = make(office(available_24_7=True))
    theirs = make(office(schedules=(HOURS,)))
    merged = merge(BASE, ours, theirs)
    assert keys(merged) == ["authorities/AL-office"]
    (conflict,) = merged.conflicts
    assert conflict.ours["available_24_7"]
    assert conflict.theirs["schedules"]
    assert merge(BASE, ours, theirs, choices={conflict.key: Side.OURS}).document == ours


def test_a_route_to_a_desk_that_the_other_side_removed() -> None:
    """The desk that is gone is decided on; a choice that leaves the route in the air is refused."""
    reserve = make_authority(AL, "reserve")
    base = make(office(), reserve)
    ours = make(office(reserve=Route(authority=reserve.id)), reserve)
    theirs = make(office())
    assert keys(merge(base, ours, theirs)) == ["authorities/AL-reserve"]
    kept = merge(base, ours, theirs, choices={"authorities/AL-reserve": Side.OURS}).document
    assert kept == ours
    with pytest.raises(DraftRefusedError, match="route"):
        merge(base, ours, theirs, choices={"authorities/AL-reserve": Side.THEIRS})


def test_documents_that_are_too_large_together() -> None:
    """Where only the whole does not stand, the whole is decided on."""
    base = make()
    ours = make(*(make_authority(AL, f"our-{number}") for number in range(300)))
    theirs = make(*(make_authority(AL, f"their-{number}") for number in range(300)))
    assert keys(merge(base, ours, theirs)) == [""]
    assert merge(base, ours, theirs, choices={"": Side.THEIRS}).document == theirs


entries = st.builds(
    lambda name, note, city, always: make_authority(
        AL, name, note=note, city=city, available_24_7=always
    ),
    st.sampled_from(["one", "two", "three"]),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "Tirana"]),
    st.booleans(),
)
documents = st.lists(entries, max_size=3, unique_by=lambda entry: entry.id).map(
    lambda it: make(*it)
)


def by_name(document: ContactsDocument) -> dict[str, Authority]:
    """Return the entries of a document, whatever their order."""
    return {entry.id: entry for entry in document.authorities}


@given(documents, documents, documents)
def test_a_merge_invents_nothing_and_loses_nothing(
    base: ContactsDocument, ours: ContactsDocument, theirs: ContactsDocument
) -> None:
    """One side alone wins; both sides get the same answer; every value is somebody's."""
    assert by_name(merge(base, ours, base).document or make()) == by_name(ours)
    assert by_name(merge(base, base, theirs).document or make()) == by_name(theirs)
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    assert sorted(c.key for c in one.conflicts) == sorted(c.key for c in other.conflicts)
    if one.document is None or other.document is None:
        assert one.document is other.document
        for side in Side:
            chosen = {conflict.key: side for conflict in one.conflicts}
            assert merge(base, ours, theirs, choices=chosen).document is not None
        return
    merged = by_name(one.document)
    assert merged == by_name(other.document)
    sides = [by_name(document) for document in (base, ours, theirs)]
    for name, entry in merged.items():
        said = [side[name] for side in sides if name in side]
        assert entry.note in {it.note for it in said}
        assert entry.city in {it.city for it in said}
