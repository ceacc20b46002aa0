"""Parts of documents as fields of a form, and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_registry.agreements import AgreementStatement
from contact_registry.document import Document
from contact_registry.editing.forms import count_rows, read_form, write_form
from contact_registry.models import Authority, ContactsDocument
from contact_registry.schedules import WorkCalendar
from tests.support.registry_content import FULL_CONTACTS

FULL = ContactsDocument.model_validate_json(json.dumps(FULL_CONTACTS))
PARTS: list[Document] = [*FULL.authorities, *FULL.agreements, FULL.calendar or WorkCalendar()]
OFFICE = FULL.authorities[0]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_everything_that_can_be_said_survives_a_form(part: Document) -> None:
    """Written as fields and read again, under a prefix too, a part says the same."""
    assert read_form(type(part), write_form(part)).value == part
    assert read_form(type(part), write_form(part, prefix="it."), prefix="it.").value == part


def typed(**changes: list[str]) -> dict[str, list[str]]:
    """Return the office's form as somebody typed it; an empty list takes a field out."""
    fields: dict[str, list[str]] = write_form(OFFICE)
    for name, values in changes.items():
        fields[name.replace("__", ".")] = values
    return fields


def test_blank_rows_and_blank_parts_are_left_out() -> None:
    """A row of which only a choice was left as it stood is none; so is a part that is all blank."""
    fields = typed(
        telephones__7__as_listed=[""], telephones__7__kind=["voice"],
        competences__9__phase=[""], competences__9__person_group=["any"],
        reserve__authority=["  "], reserve__note=[""],
        mailboxes=["desk@coordination.example", "", " "],
    )  # fmt: skip
    read = read_form(Authority, fields).value
    assert read == OFFICE.model_copy(update={"reserve": None})
    assert count_rows(fields, "telephones") == 8


def test_days_in_three_fields() -> None:
    """A day that was typed as day, month and year is that day; half of one is refused as such."""
    fields = typed(
        valid_from=[], valid_from_day=["1"], valid_from_month=["2"], valid_from_year=["2022"]
    )
    read = read_form(Authority, fields).value
    assert read is not None
    assert read.valid_from.isoformat() == "2022-02-01"
    fields["valid_from_month"] = [""]
    (problem,) = read_form(Authority, fields).problems
    assert problem.field == "valid_from"


def test_what_is_wrong_is_named_where_it_was_typed() -> None:
    """Rows that were left out before it, values of a list, a part as a whole: the right field."""
    fields = typed(
        telephones__0__as_listed=[""], telephones__0__e164=[""], telephones__0__extension=[""],
        telephones__5__as_listed=["+355 1"], telephones__5__e164=["12"],
        mailboxes=["desk@coordination.example", "not a mailbox"],
        out_of_hours__authority=["AL-duty-office"], name=[""], time_zone=["Mars/Olympus"],
    )  # fmt: skip
    problems = {problem.field: problem for problem in read_form(Authority, fields).problems}
    assert set(problems) == {"telephones.5.e164", "mailboxes", "out_of_hours", "name", "time_zone"}
    assert problems["name"].code == "missing"
    assert problems["mailboxes"].message.startswith("A mailbox is one address")
    prefixed = {f"it.{name}": values for name, values in fields.items()}
    found = read_form(Authority, prefixed, prefix="it.").problems
    assert {problem.field for problem in found} == {f"it.{name}" for name in problems}


def test_members_that_no_form_decides() -> None:
    """What is fixed stands, whatever a form says."""
    read = read_form(Authority, typed(id=["AL-forged"]), fixed={"id": OFFICE.id})
    assert read.value == OFFICE


names = st.sampled_from(
    [
        *write_form(OFFICE),
        *(name for part in PARTS for name in write_form(part)),
        "telephones.x.e164",
    ]
)
answers = st.dictionaries(names, st.lists(st.text(max_size=8), max_size=3), max_size=12)


@given(answers, st.sampled_from([Authority, WorkCalendar, AgreementStatement]))
def test_any_form_is_read_or_told_what_is_wrong(
    fields: dict[str, list[str]], model: type[Any]
) -> None:
    """Whatever is typed: a value that can be written as a form again, or problems."""
    read = read_form(model, fields)
    assert (read.value is None) == bool(read.problems)
    if read.value is not None:
        assert read_form(model, write_form(read.value)).value == read.value


@given(st.sets(st.sampled_from(sorted(write_form(OFFICE)))))
def test_taking_fields_away_never_invents_any(taken: set[str]) -> None:
    """A form with fields missing says no more than the whole one."""
    fields = {name: values for name, values in write_form(OFFICE).items() if name not in taken}
    read = read_form(Authority, fields).value
    if read is not None:
        whole = write_form(OFFICE)
        for values in write_form(read).values():
            assert all(any(value in known for known in whole.values()) for value in values)
