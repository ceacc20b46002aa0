"""What the annotations say of the fields: kinds, bounds, classes, help, rules, statistics."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

import pytest
from pydantic import Field, model_validator

from protocol.errors import LocalProtocolError
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.describing import (
    FieldDescription,
    ValueKind,
    describe_fields,
    describe_own_fields,
    list_rules,
    list_statistical_fields,
    list_unstated_rules,
)
from protocol.messages.fields import (
    AuthorityField,
    CaseField,
    DigestField,
    Instant,
    LanguageField,
    Line,
    MessageIdField,
    Model,
    Narrative,
    ParticipantField,
    Sensitivity,
    StatedClass,
    TriState,
    find_classified,
)
from tests.support.examples import EXAMPLES, as_parameters, list_good, read_as

TAGS: Final = [tag for tag in CATALOGUE if (EXAMPLES / f"{tag}.json").is_file()]


class Colour(StrEnum):
    """Colours of a parcel.

    More is not known.
    """

    RED = "red"
    BLUE = "blue"


class Label(Model):
    """What stands on a parcel."""

    text: Annotated[Line, Field(description="As printed."), Sensitivity.CONTACT]
    colours: Annotated[tuple[Colour, ...], Field(min_length=1, max_length=2), Sensitivity.NONE]


class Stamp(Model):
    """A stamp."""

    kind: Literal["stamp"] = "stamp"
    value: Annotated[int, Field(ge=1, le=9), Sensitivity.NONE]


class Seal(Model):
    """A seal."""

    kind: Literal["seal"] = "seal"
    sealed_on: Annotated[date | None, Sensitivity.NONE] = None


class Enclosure(StatedClass):
    """Something that says itself of which class it is."""

    colour: Annotated[Colour, Sensitivity.NONE]


class Parcel(Model):
    """A parcel, to try every kind of value.

    Rules: a parcel has a label or a note.
    """

    label: Label | None = None
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    colour: Annotated[Colour | None, Sensitivity.NONE] = None
    only_red: Annotated[Literal[Colour.RED, "none"], Sensitivity.NONE]
    fragile: Annotated[TriState, Sensitivity.NONE]
    paid: Annotated[bool, Sensitivity.NONE]
    sent_at: Annotated[Instant, Sensitivity.NONE]
    found_on: Annotated[date, Sensitivity.IDENTITY]
    marks: Annotated[tuple[Stamp | Seal, ...], Field(max_length=3)] = ()
    enclosed: Enclosure | None = None
    carrier: Annotated[AuthorityField, Sensitivity.NONE]
    origin: ParticipantField
    case: CaseField
    about: MessageIdField
    language: LanguageField
    sha256: DigestField
    other_names: Annotated[tuple[Line, ...], Field(max_length=4), Sensitivity.IDENTITY] = ()

    @model_validator(mode="after")
    def _verify_words(self) -> Self:
        if self.label is None and self.note is None:
            raise ValueError("Write a label or a note.")
        return self


def describe(path: str) -> FieldDescription:
    """Return the description of one field of a parcel."""
    (found,) = [field for field in describe_fields(Parcel) if field.path == path]
    return found


KINDS: Final = {
    "label": ValueKind.NESTED,
    "label.text": ValueKind.LINE,
    "label.colours[]": ValueKind.CODE,
    "note": ValueKind.NARRATIVE,
    "colour": ValueKind.CODE,
    "only_red": ValueKind.CODE,
    "fragile": ValueKind.TRI_STATE,
    "paid": ValueKind.YES_NO,
    "sent_at": ValueKind.MOMENT,
    "found_on": ValueKind.DATE,
    "marks[]": ValueKind.ALTERNATIVES,
    "marks[].<Stamp>.kind": ValueKind.FIXED,
    "marks[].<Stamp>.value": ValueKind.NUMBER,
    "marks[].<Seal>.kind": ValueKind.FIXED,
    "marks[].<Seal>.sealed_on": ValueKind.DATE,
    "enclosed": ValueKind.NESTED,
    "enclosed.sensitivity": ValueKind.CODE,
    "enclosed.colour": ValueKind.CODE,
    "carrier": ValueKind.AUTHORITY,
    "origin": ValueKind.PARTICIPANT,
    "case": ValueKind.CASE,
    "about": ValueKind.MESSAGE,
    "language": ValueKind.LANGUAGE,
    "sha256": ValueKind.PATTERN,
    "other_names[]": ValueKind.LINE,
}


def test_every_kind_of_value_is_told_apart() -> None:
    """Fields come in their order, nested ones after what holds them, each with its kind."""
    assert {field.path: field.kind for field in describe_fields(Parcel)} == KINDS
    assert [field.path for field in describe_fields(Parcel)] == list(KINDS)


def test_a_description_says_bounds_and_class() -> None:
    """Bounds of texts, lists and numbers are told apart, and the class is the annotation's."""
    text = describe("label.text")
    assert (text.min_length, text.max_length, text.sensitivity) == (1, 500, Sensitivity.CONTACT)
    colours = describe("label.colours[]")
    assert (colours.many, colours.min_items, colours.max_items) == (True, 1, 2)
    assert colours.choices == ("red", "blue")
    names = describe("other_names[]")
    assert (names.min_items, names.max_items, names.max_length) == (0, 4, 500)
    value = describe("marks[].<Stamp>.value")
    assert (value.minimum, value.maximum) == (1, 9)
    assert describe("sha256").pattern == "^[0-9a-f]{64}$"
    assert describe("label").sensitivity is None


def test_required_means_that_the_sender_fills_it_in() -> None:
    """A field with a default is not required, one without is."""
    assert describe("fragile").required
    assert not describe("colour").required
    assert not describe("other_names[]").required
    assert describe("label.text").required


def test_help_comes_from_the_field_its_codes_or_its_part() -> None:
    """A field's own description wins; else the first paragraph of its code list or model speaks."""
    assert describe("label.text").help == "As printed."
    assert describe("colour").help == "Colours of a parcel."
    assert describe("label").help == "What stands on a parcel."
    assert describe("carrier").help == ""


def test_the_name_is_the_last_step_of_the_path() -> None:
    """A description knows the name under which its field stands in the object."""
    assert describe("label.colours[]").name == "colours"
    assert describe("marks[].<Seal>.sealed_on").name == "sealed_on"


def test_own_fields_do_not_open_what_is_nested() -> None:
    """A model's own fields are its own only."""
    assert [field.name for field in describe_own_fields(Parcel)] == list(Parcel.model_fields)


def test_statistics_count_codes_and_dates_of_class_none_only() -> None:
    """A text, a number, a part, a date of another class, and what states its class stay out."""
    assert [field.path for field in list_statistical_fields(Parcel)] == [
        "label.colours[]",
        "colour",
        "only_red",
        "fragile",
        "paid",
        "sent_at",
        "marks[].<Seal>.sealed_on",
    ]


class Strange(Model):
    """A model with a field that no form knows."""

    number: Annotated[float, Sensitivity.NONE]


def test_a_type_that_no_form_knows_is_our_own_mistake() -> None:
    """A field of a foreign type is refused with its path and what to do."""
    with pytest.raises(LocalProtocolError, match=r"number is of a type .* use one of"):
        describe_fields(Strange)


class Letter(Parcel):
    """A parcel with a rule of its own that nothing states."""

    @model_validator(mode="after")
    def _verify_weight(self) -> Self:
        if self.paid and self.note is not None:
            raise ValueError("Weigh it again.")
        return self


def test_rules_in_words_come_from_every_class_that_checks_one() -> None:
    """Inherited rules are told with the class's own; a rule without words is named."""
    assert list_rules(Parcel) == ("a parcel has a label or a note.",)
    assert list_unstated_rules(Parcel) == ()
    assert list_rules(Letter) == ("a parcel has a label or a note.",)
    assert list_unstated_rules(Letter) == ("Letter",)


@pytest.mark.parametrize("tag", CATALOGUE)
def test_every_type_can_be_described(tag: str) -> None:
    """Each type of the catalogue consists of values that forms know, each named once."""
    paths = [field.path for field in describe_fields(CATALOGUE[tag].model)]
    assert len(set(paths)) == len(paths)
    assert "body" in paths


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_a_description_exists_for_all_that_a_message_holds(
    tag: str, fields: dict[str, Any]
) -> None:
    """Whatever a good example holds is described, with the class that policy sees."""
    model = CATALOGUE[tag].model
    described = {
        "".join(step for step in field.path.split(".") if not step.startswith("<")).replace(
            "[]", ""
        ): field.sensitivity
        for field in describe_fields(model)
    }
    held = [
        (
            "".join(step for step in path.replace("[", ".").split(".") if not step[0].isdigit()),
            mark,
        )
        for path, mark in find_classified(read_as(model, fields))
    ]
    # An attachment states its class itself: no annotation can know it.
    assert all(described[path] is mark for path, mark in held if path != "attachments")
