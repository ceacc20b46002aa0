"""A list that is imported again makes no duplicates, ends nothing, and says what it changes."""

from datetime import date

import pytest

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import FindingCode, Severity
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_list
from contact_registry.importing.reconciling import ChangeKind
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    Telephone,
)
from contact_registry.particulars import AuthorityType, LocalName
from contact_registry.schedules import Schedule, Weekday
from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase

RS, AL = ParticipantCode("RS"), ParticipantCode("AL")
DEFAULTS = ImportDefaults(valid_from=date(2026, 1, 1), source="New list", participant=RS)
HEAD = "trm_measure,authority,unit,city,post,phone,email,available_24_7,note"


def make_desk(slug: str, **changes: object) -> Authority:
    """Return a confirmed desk of Serbia in Niš, with ``changes``."""
    fields: dict[str, object] = {
        "id": AuthorityId(f"RS-{slug}"),
        "name": "Ministarstvo unutrašnjih poslova",
        "city": "Niš",
        "post": "Koordinator",
        "competences": (Competence(phase=Phase.RETURN, channel=Channel.POLICE),),
        "telephones": (Telephone(as_listed="+381 11 3008000", e164="+381113008000"),),
        "mailboxes": ("desk@mup.example",),
        "time_zone": "Europe/Belgrade",
        "valid_from": date(2022, 1, 1),
        "last_confirmed": date(2025, 6, 1),
    }
    return Authority.model_validate(fields | changes)


def bring_onto(*rows: str, desks: tuple[Authority, ...]) -> ImportResult:
    """Import rows onto a document with these desks."""
    document = ContactsDocument(participant=RS, listed_by=ListedBy.PARTICIPANT, authorities=desks)
    return import_contact_list("\n".join([HEAD, *rows]), defaults=DEFAULTS, onto={RS: document})


def kinds(result: ImportResult) -> list[tuple[str, ChangeKind]]:
    """Return what becomes of each desk."""
    return [(change.authority, change.kind) for change in result.changes]


def codes(result: ImportResult) -> set[FindingCode]:
    """Return the kinds of findings."""
    return {finding.code for finding in result.findings}


@pytest.mark.parametrize(
    "row",
    [
        "return,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,+381 11 300 80 00,,,",
        "return,MINISTARSTVO UNUTRASNJIH POSLOVA,,Nis,Koordinator,,desk@mup.example,,",
        "return,Министарство унутрашњих послова,,Ниш,Координатор,+381113008000,DESK@mup.example,,",
    ],
)
def test_spelling_makes_no_duplicate(row: str) -> None:
    """The same desk in another script, without marks or in capitals is the same, unchanged."""
    desk = make_desk("mup")
    result = bring_onto(row, desks=(desk,))
    assert kinds(result) == [("RS-mup", ChangeKind.UNCHANGED)]
    assert result.contacts[RS].authorities == (desk,)


def test_alias_is_the_same_desk() -> None:
    """A desk is found by another of its names, which is reported, and keeps its name."""
    desk = make_desk("mup", alternate_names=(LocalName(name="Ministry of Interior"),))
    row = "return,Ministry of interior,,Niš,Koordinator,+381 11 3008001,,,"
    result = bring_onto(row, desks=(desk,))
    (change,) = result.changes
    assert (change.kind, change.fields, change.rows) == (ChangeKind.CHANGED, ("telephones",), (2,))
    (updated,) = result.contacts[RS].authorities
    assert updated.name == desk.name
    assert updated.telephones[0].e164 == "+381113008001"
    assert updated.mailboxes == desk.mailboxes
    assert (updated.last_confirmed, updated.source) == (None, "New list, row 2")
    assert FindingCode.MATCHED_BY_ALIAS in codes(result)


def test_new_post_and_lacking_city_are_the_same_desk() -> None:
    """A desk with another post, or with a city on one side only, is found and reported."""
    row = "return,Ministarstvo unutrašnjih poslova,,,Načelnik,+381113008000,,,"
    result = bring_onto(row, desks=(make_desk("mup"),))
    (change,) = result.changes
    assert (change.kind, change.fields) == (ChangeKind.CHANGED, ("post",))
    assert result.contacts[RS].authorities[0].city == "Niš"
    assert FindingCode.POST_CHANGED in codes(result)


def test_another_city_is_another_desk() -> None:
    """Two cities are two desks: one is new, and the other vanished but stays."""
    row = "return,Ministarstvo unutrašnjih poslova,,Šabac,Koordinator,,,,"
    desk = make_desk("mup")
    result = bring_onto(row, desks=(desk,))
    assert kinds(result) == [
        ("RS-mup", ChangeKind.VANISHED),
        ("RS-ministarstvo-unutrasnjih-poslova", ChangeKind.NEW),
    ]
    assert result.contacts[RS].authorities[0] == desk
    (finding,) = [f for f in result.findings if f.code is FindingCode.DESK_VANISHED]
    assert (finding.row, finding.severity) == (1, Severity.FIX_SOON)


def test_ambiguity_is_never_guessed() -> None:
    """A row that may mean two desks blocks, and its identifier settles it."""
    desks = (make_desk("a", post="First"), make_desk("b", post="Second"))
    row = "return,Ministarstvo unutrašnjih poslova,,Niš,Third,+381113008000,,,"
    result = bring_onto(row, desks=desks)
    (finding,) = [f for f in result.findings if f.code is FindingCode.AMBIGUOUS_DESK]
    assert (finding.row, finding.severity) == (2, Severity.BLOCKS)
    assert "RS-a, RS-b" in finding.message
    assert [kind for _, kind in kinds(result)].count(ChangeKind.NEW) == 1
    text = f"{HEAD},id\n{row},RS-b\n"
    document = ContactsDocument(participant=RS, listed_by=ListedBy.PARTICIPANT, authorities=desks)
    settled = import_contact_list(text, defaults=DEFAULTS, onto={RS: document})
    assert kinds(settled) == [("RS-a", ChangeKind.VANISHED), ("RS-b", ChangeKind.CHANGED)]
    assert settled.changes[1].fields == ("post",)


def test_new_identifiers_do_not_collide() -> None:
    """A new desk whose identifier is taken gets another; a free one that the list gives is used."""
    taken = make_desk("zavod", name="Other", city="Bor")
    result = bring_onto("return,Zavod,,Niš,,,,,", desks=(taken,))
    assert kinds(result)[1] == ("RS-zavod-2", ChangeKind.NEW)
    document = ContactsDocument(participant=RS, listed_by=ListedBy.PARTICIPANT, authorities=())
    text = f"{HEAD},id\nreturn,Zavod,,Niš,,,,,,RS-own-name\n"
    given = import_contact_list(text, defaults=DEFAULTS, onto={RS: document})
    assert kinds(given) == [("RS-own-name", ChangeKind.NEW)]


def test_competences_are_added_and_kept() -> None:
    """A list adds phases; a channel that people set and a phase that it lacks are kept."""
    desk = make_desk("mup")
    row = "identification,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,+381113008000,,,"
    result = bring_onto(row, desks=(desk,))
    (change,) = result.changes
    assert change.fields == ("competences",)
    (updated,) = result.contacts[RS].authorities
    assert updated.competences == (
        *desk.competences,
        Competence(phase=Phase.IDENTIFICATION),
    )
    assert FindingCode.COMPETENCE_VANISHED in codes(result)


def test_empty_cells_erase_nothing() -> None:
    """What a list leaves out stays as the registry has it, and is said for numbers."""
    desk = make_desk("mup", note="Ask for the duty officer", languages=("sr", "en"))
    row = "return,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,,,,"
    result = bring_onto(row, desks=(desk,))
    assert result.contacts[RS].authorities == (desk,)
    assert FindingCode.VALUE_KEPT in codes(result)


def test_what_the_list_states_is_taken_over() -> None:
    """Mailboxes, hours and note that the list states replace the registry's."""
    row = "return,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,,new@mup.example,da,New"
    result = bring_onto(row, desks=(make_desk("mup"),))
    (change,) = result.changes
    assert change.fields == ("available_24_7", "mailboxes", "note")
    (updated,) = result.contacts[RS].authorities
    assert (updated.mailboxes, updated.available_24_7) == (("new@mup.example",), True)


def test_what_only_the_registry_knows_is_kept() -> None:
    """Hours are not undone by a yes or no, and no list puts a shelter on the map."""
    hours = Schedule(byday=(Weekday.MONDAY,), opens_at="08:00", closes_at="16:00")
    desk = make_desk("mup", schedules=(hours,), type=AuthorityType.SHELTER, city="")
    row = "return,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,+381113008000,,yes,"
    result = bring_onto(row, desks=(desk,))
    assert result.contacts[RS].authorities == (desk,)


def test_ended_desk_stays_ended() -> None:
    """A list cannot bring back a desk that has ended; it is reported."""
    ended = make_desk("mup", valid_to=date(2025, 1, 1))
    other = make_desk("old", name="Old", valid_to=date(2025, 1, 1))
    row = "return,Ministarstvo unutrašnjih poslova,,Niš,Koordinator,+381113008000,,,"
    result = bring_onto(row, desks=(ended, other))
    assert result.contacts[RS].authorities == (ended, other)
    assert FindingCode.ENDED_DESK in codes(result)
    assert FindingCode.DESK_VANISHED not in codes(result)


def test_participant_that_is_not_listed_is_left_alone() -> None:
    """A list of one Participant does not touch another's document."""
    other = ContactsDocument(participant=AL, listed_by=ListedBy.PARTICIPANT, authorities=())
    text = f"{HEAD}\nreturn,Zavod,,Niš,,,,,\n"
    result = import_contact_list(text, defaults=DEFAULTS, onto={AL: other})
    assert set(result.contacts) == {RS}
    assert FindingCode.PARTICIPANT_NOT_LISTED in codes(result)


def test_too_many_desks_are_refused() -> None:
    """A document that would hold more desks than one can is refused with what to do."""
    desks = tuple(make_desk(f"d{number}", name=f"Desk {number}") for number in range(500))
    with pytest.raises(ContactListError, match="ended"):
        bring_onto("return,Zavod,,Niš,,,,,", desks=desks)
