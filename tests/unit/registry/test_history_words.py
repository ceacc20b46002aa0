"""Each kind of change as an operator reads it, with the footnote that a name needs."""

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.history.comparing import (
    Change,
    ChangeKind,
    apply_changes,
    describe_content,
    diff,
)
from contact_registry.history.errors import OtherContentError
from contact_registry.history.wording import word_difference
from contact_registry.models import (
    KOSOVO_FOOTNOTE,
    Authority,
    Competence,
    PersonGroup,
    Route,
    Telephone,
)
from contact_registry.schedules import Schedule, Weekday
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.signing import SigningKey
from tests.support.registry import AL, Timepiece, make_authority, make_keys
from tests.support.registry_content import list_contacts, make_terms, make_view, state

XK = ParticipantCode("XK")
NUMBER = Telephone(as_listed="+355 44541821", e164="+35544541821")
OTHER = Telephone(as_listed="+355 44541822", e164="+35544541822", extension="7")


def word(old: Directory, new: Directory) -> list[str]:
    """Return the sentences."""
    return word_difference(diff(old, new))


def view(changes: dict[str, Any] | None = None) -> Directory:
    """Return a view of AL's one desk."""
    return make_view(list_contacts(AL, make_authority(AL, **(changes or {}))))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ({}, {"telephones": (NUMBER, OTHER)},
         "telephones: voice +35544541822 extension 7 added"),
        ({"telephones": (NUMBER, OTHER)}, {"telephones": (OTHER,)},
         "telephones: voice +35544541821 removed"),
        ({"languages": ("en", "sq")}, {"languages": ("sq", "en")},
         "languages: now in the order “sq”, “en”"),
        ({}, {"competences": (Competence(phase=Phase.RETURN, person_group=PersonGroup.CHILD,
                                         place="Tirana"),)},
         ("competences: return for children in Tirana, channel assistance added; identification "
          "for any age, channel assistance removed")),
        ({}, {"available_24_7": True}, "answering around the clock is now yes; it was no"),
        ({}, {"valid_to": date(2026, 3, 1)},
         "valid to is now “2026-03-01”; there was none before"),
        ({"city": "Tirana"}, {}, "city is taken out; it was “Tirana”"),
        ({"note": "a"}, {"note": "b" * 200}, f"note is now “{'b' * 160}...”; it was “a”"),
        ({}, {"schedules": (Schedule(byday=(Weekday("MO"), Weekday("TU")), opens_at="08:00",
                                     closes_at="16:00"),)},
         "schedules: MO TU 08:00-16:00 added"),
        ({}, {"reserve": Route(mailboxes=("night@desk.example",))},
         "reserve is now mailboxes “night@desk.example”; there was none before"),
        ({"reserve": Route(mailboxes=("a@desk.example",))},
         {"reserve": Route(mailboxes=("b@desk.example",))},
         "mailboxes of reserve: “b@desk.example” added; “a@desk.example” removed"),
    ],
    ids=["number_added", "number_removed", "order", "competence", "bool", "end", "taken_out",
         "long", "hours", "route", "inside_route"],
)  # fmt: skip
def test_a_field_of_a_desk(old: dict[str, object], new: dict[str, object], sentence: str) -> None:
    """The sentence names Participant, desk and field, and what it was."""
    (line,) = word(view(old), view(new))
    assert line == f"Part. AL (AL), desk Desk desk (AL-desk): {sentence}."


def test_desks_come_and_go() -> None:
    """A desk is named when it is listed, and when it is no longer."""
    one, other = make_authority(AL, "one"), make_authority(AL, "other")
    assert word(make_view(list_contacts(AL, one)), make_view(list_contacts(AL, other))) == [
        "Part. AL (AL): desk Desk one (AL-one) is no longer listed.",
        "Part. AL (AL): desk Desk other (AL-other) is listed.",
    ]


def test_names_with_a_footnote_bring_it() -> None:
    """XK reads Kosovo*, and its footnote stands once below; without the name there is none."""
    entry = next(entry for entry in FOUNDING_PARTICIPANTS if entry.code == XK)
    empty = make_view()
    listed = replace(empty, participants=(entry,))
    assert word(empty, listed) == ["Kosovo* (XK) takes part.", KOSOVO_FOOTNOTE]
    assert word(listed, empty) == ["Kosovo* (XK) no longer takes part.", KOSOVO_FOOTNOTE]
    assert word(listed, listed) == ["Nothing differs."]


def test_a_party_of_an_agreement_is_named_with_its_footnote() -> None:
    """An agreement is told with its instrument and parties by name."""
    terms = make_terms(id="al-xk-2026", parties=["AL", "XK"], deadlines=[], instrument="Memorandum")
    desk = make_authority(AL)
    old = make_view(list_contacts(AL, desk), silent=[XK])
    new = make_view(list_contacts(AL, desk, agreements=[state(terms)]), silent=[XK])
    assert word(old, new) == [
        (
            "Part. AL (AL): agreement al-xk-2026 is stated: Memorandum, between Part. AL (AL) and "
            "Kosovo* (XK)."
        ),
        KOSOVO_FOOTNOTE,
    ]


def test_keys_that_ran_out_are_told_as_such() -> None:
    """Keys that were left out because a signature ran out are not told as taken back."""
    document = make_keys(AL, Timepiece()(), signing=SigningKey.generate())
    with_keys = replace(view(), keys=MappingProxyType({AL: document}))
    gone = "Part. AL (AL): its list of node keys is no longer in force"
    size = "(1 signing key, 1 encryption key)."
    assert word(with_keys, view()) == [f"{gone} {size}"]
    overdue = replace(view(), overdue=MappingProxyType({"AL": Timepiece()()}))
    assert word(with_keys, overdue) == [f"{gone}, because its signature had run out {size}"]


@pytest.mark.parametrize(
    "change",
    [
        Change(ChangeKind.ADDED, ("contacts", "AL"), None, {}),
        Change(ChangeKind.CHANGED, ("contacts", "AL", "listed_by"), "operator", "participant"),
        Change(ChangeKind.REMOVED, ("contacts", "MK"), {}, None),
        Change(ChangeKind.ADDED, ("contacts", "AL", "listed_by", "deeper"), None, 1),
        Change(ChangeKind.ADDED, ("nowhere", "AL"), None, 1),
    ],
    ids=["there_already", "other_value", "not_there", "no_place", "no_section"],
)
def test_changes_of_another_content_are_refused(change: Change) -> None:
    """Changes are applied to the content that they begin with, and to no other."""
    with pytest.raises(OtherContentError, match="old one"):
        apply_changes(describe_content(view()), [change])


def test_an_authority_of_another_name_is_not_renamed() -> None:
    """A desk with a new name keeps its identifier, and is told as one desk that changed."""
    old = Authority.model_validate(make_authority(AL).model_dump() | {"name": "Old Desk"})
    assert AuthorityId("AL-desk") == old.id
    assert word(make_view(list_contacts(AL, old)), view()) == [
        "Part. AL (AL), desk Desk desk (AL-desk): name is now “Desk desk”; it was “Old Desk”."
    ]
