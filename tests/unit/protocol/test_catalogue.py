"""The catalogue as practitioners agreed on it: which types, what they do, when to answer."""

from typing import Any, Final

import pytest
from pydantic import BaseModel

from protocol.conversation.table import Act, Side, list_possible, start_state
from protocol.errors import LocalProtocolError
from protocol.identifiers import Phase
from protocol.messages.catalogue import CATALOGUE, parse_payload
from protocol.messages.codes import Kind
from protocol.messages.describing import list_unstated_rules
from protocol.messages.entries import RETIRED_TAGS, CatalogueEntry, Expectation, register
from protocol.messages.fields import Sensitivity
from protocol.messages.general import TextMessage
from protocol.messages.head import CaseMessage, CasePersonBody, Head, PersonBody
from protocol.messages.response import ResponseBody
from protocol.messages.social_inclusion_follow_up import CaseFollowUp
from tests.support.checkout import ROOT
from tests.support.examples import (
    EXAMPLES,
    as_parameters,
    find_refused_places,
    list_bad,
    list_bad_answers,
    list_fields,
    list_filled,
    list_good,
    list_good_answers,
    list_models,
    list_wrongly_marked,
    read_as,
)

# kind: N notification, R referral, Q request, U update; then working days until an answer is due.
AGREED: Final = """
identification.presumed_victim_notification N 2
identification.initial_referral R 1
identification.identity_check Q 3
identification.trafficking_information Q/N 5
identification.early_risk_assessment Q/N 1
identification.interpretation_support Q 1
identification.formal_status N -
identification.joint_investigation Q 10
identification.evidence_request Q 10
first_assistance.options_information Q/N 2
first_assistance.needs_assessment N -
first_assistance.social_protection_history Q 5
first_assistance.family_situation Q 5
first_assistance.statement_request Q 10
first_assistance.security_assessment Q/N 3
first_assistance.medical_records Q 5
social_inclusion.assistance_plan N/U 5
social_inclusion.security_family_check Q 5
social_inclusion.service_contacts Q 3
social_inclusion.provider_credibility Q 5
social_inclusion.civil_documents Q 10
social_inclusion.case_follow_up N/U -
return.return_notification N 2
return.risk_assessment Q/N 3
return.family_tracing Q 10
return.travel_documents Q 5
return.assisted_voluntary_return Q 5
return.arrival_reception Q 2
return.arrival_confirmation N -
proceedings.evidence_exchange Q 10
proceedings.witness_support Q 5
proceedings.witness_condition Q 5
proceedings.case_file_copies Q 10
proceedings.asset_tracing Q 10
proceedings.compensation_support Q 10
general.decision U -
general.response U -
general.message U -
general.consent_withdrawn N 1
general.correction N -
general.erasure Q 5
general.case_closed N -
general.trend_alert N -
"""

LETTERS: Final = {
    "N": Kind.NOTIFICATION,
    "R": Kind.REFERRAL,
    "Q": Kind.REQUEST,
    "U": Kind.UPDATE,
}
ROWS: Final = [tuple(row.split()) for row in AGREED.strip().splitlines()]
TAGS: Final = tuple(tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage))
ANSWERED: Final = tuple(tag for tag, entry in CATALOGUE.items() if entry.answer is not None)


RESPONSE: Final = "general.response"
ANSWERS: Final = [
    (tag, name, fields) for tag in ANSWERED for name, fields in list_good_answers(tag)
]


def respond(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a response that carries this answer."""
    return {"completeness": "full", "answer": answer}


@pytest.mark.parametrize(
    ("tag", "answer"), [pytest.param(tag, a, id=f"{tag}: {name}") for tag, name, a in ANSWERS]
)
def test_a_response_carries_every_answer(tag: str, answer: dict[str, Any]) -> None:
    """A response takes each good answer to each type, as that type's own model."""
    body = read_as(ResponseBody, respond(answer))
    assert type(body.answer) is CATALOGUE[tag].answer


def test_the_catalogue_has_what_was_agreed_and_nothing_else() -> None:
    """Every type that people send is one of the agreed ones, and none is missing."""
    assert set(TAGS) == {tag for tag, *_ in ROWS}


@pytest.mark.parametrize(("tag", "kinds", "days"), ROWS)
def test_each_type_does_what_was_agreed(tag: str, kinds: str, days: str) -> None:
    """Kind and deadline of each type are those of the agreed table."""
    entry = CATALOGUE[tag]
    assert set(entry.kinds) == {LETTERS[letter] for letter in kinds.split("/")}
    assert entry.answer_working_days == (None if days == "-" else int(days))


@pytest.mark.parametrize("tag", TAGS)
def test_who_asks_gets_a_typed_answer(tag: str) -> None:
    """A request expects a response, a referral a decision; only what is awaited has a deadline."""
    entry = CATALOGUE[tag]
    for kind in entry.kinds:
        expected = entry.expectation_of(kind)
        assert (kind is not Kind.REQUEST) or expected is Expectation.RESPONSE
        assert (kind is not Kind.REFERRAL) or expected is Expectation.DECISION
    assert (entry.answer_working_days is None) == (entry.expects is Expectation.NOTHING)
    assert entry.answer is None or entry.answer.model_fields["answers"].default == tag


@pytest.mark.parametrize("tag", CATALOGUE)
def test_a_type_lives_in_the_file_of_its_phase(tag: str) -> None:
    """The first half of a tag is the phase that its messages name, or general, or system."""
    model = CATALOGUE[tag].model
    family = tag.split(".", maxsplit=1)[0]
    assert model.model_fields["type"].default == tag
    if family not in {"general", "system"}:
        assert f"{family.upper()}" in repr(model.model_fields["phase"].annotation)


def test_a_tag_is_never_used_again() -> None:
    """A tag that is taken, or was withdrawn, is refused."""
    entry = CatalogueEntry(TextMessage)
    assert dict(register(entry, retired=RETIRED_TAGS)) == {"general.message": entry}
    with pytest.raises(LocalProtocolError, match="never used for a second meaning"):
        register(entry, entry)
    with pytest.raises(LocalProtocolError, match="never used for a second meaning"):
        register(entry, retired=frozenset({"general.message"}))
    with pytest.raises(LocalProtocolError, match="without a typed answer"):
        register(CatalogueEntry(TextMessage, expects=Expectation.RESPONSE))


def test_no_example_is_an_orphan() -> None:
    """Every file of examples belongs to a type of the catalogue."""
    assert {file.stem for file in EXAMPLES.glob("*.json")} <= set(CATALOGUE)


def assert_refused_at(place: str, refused: set[str]) -> None:
    """Only this place is refused; a list whose only item is refused may be so as too short."""
    assert place in refused
    assert all(place == other or place.startswith(f"{other}.") for other in refused)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_a_good_message_is_read(tag: str, fields: dict[str, Any]) -> None:
    """Each good example is a message of its type, and comes back from the wire as it was."""
    message = read_as(CATALOGUE[tag].model, fields)
    assert isinstance(message, Head)
    assert parse_payload(message.model_dump_json(exclude_none=True).encode()) == message


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(TAGS, list_bad))
def test_a_bad_message_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad example is refused, in the place that is named and nowhere else."""
    assert_refused_at(place, find_refused_places(CATALOGUE[tag].model, fields))


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(ANSWERED, list_bad_answers))
def test_a_bad_answer_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad answer is refused, in the place that is named and nowhere else."""
    answer = CATALOGUE[tag].answer
    assert answer is not None
    assert_refused_at(place, find_refused_places(answer, fields))


@pytest.mark.parametrize("tag", TAGS)
def test_every_field_is_shown_in_an_example_and_classified(tag: str) -> None:
    """No field of a body or answer is without an example, and none without its sensitivity."""
    entry = CATALOGUE[tag]
    body = entry.body
    assert isinstance(body, type)
    shown: list[tuple[type[BaseModel], Any]]
    shown = [(body, fields["body"]) for _, fields in list_good(tag)]
    if entry.answer is not None:
        shown += [(entry.answer, fields) for _, fields in list_good_answers(tag)]
    if tag == RESPONSE:
        shown += [(body, respond(fields)) for _, _, fields in ANSWERS]
    models = [model for model in (body, entry.answer) if model is not None]
    filled = set().union(*(list_filled(read_as(model, fields)) for model, fields in shown))
    assert set().union(*(list_fields(model) for model in models)) - filled == set()
    assert set().union(*(list_wrongly_marked(model) for model in models)) == set()


@pytest.mark.parametrize("tag", CATALOGUE)
def test_every_rule_is_said_in_words(tag: str) -> None:
    """Each class that checks a rule says it in its docstring, for forms and other readers."""
    entry = CATALOGUE[tag]
    models = [model for model in (entry.model, entry.answer) if model is not None]
    unsaid = {
        name
        for model in models
        for part in list_models(model)
        for name in list_unstated_rules(part)
    }
    assert unsaid == set()


@pytest.mark.parametrize("tag", TAGS)
def test_the_rules_for_children_are_shown(tag: str) -> None:
    """Of each type that is about the person of a case one good example is about a child."""
    body = CATALOGUE[tag].body
    assert isinstance(body, type)
    messages = [read_as(CATALOGUE[tag].model, fields) for _, fields in list_good(tag)]
    about_child = [m for m in messages if isinstance(m, CaseMessage) and m.body.treated_as_child]
    assert bool(about_child) == issubclass(body, CasePersonBody | PersonBody)


def test_the_confidential_part_alone_says_who_the_person_is() -> None:
    """Without part I, the fullest follow-up form names the person nowhere."""
    (fields,) = [
        fields
        for name, fields in list_good("social_inclusion.case_follow_up")
        if name == "everything filled"
    ]
    secrets = [
        value
        for part in ("identity", "contact")
        for value in fields["body"]["confidential"][part].values()
        if isinstance(value, str) and len(value) > len("unknown")
    ]
    del fields["body"]["confidential"]
    shorter = read_as(CaseFollowUp, fields).model_dump_json()
    assert secrets
    assert not any(f'"{secret}"' in shorter for secret in secrets)


@pytest.mark.parametrize(
    ("tag", "kind", "followed_as"),
    [
        ("general.consent_withdrawn", Kind.NOTIFICATION, Kind.REQUEST),
        ("general.erasure", Kind.REQUEST, Kind.REQUEST),
        ("identification.presumed_victim_notification", Kind.NOTIFICATION, Kind.NOTIFICATION),
        ("identification.trafficking_information", Kind.NOTIFICATION, Kind.NOTIFICATION),
        ("social_inclusion.assistance_plan", Kind.UPDATE, Kind.UPDATE),
    ],
)
def test_what_is_answered_is_followed_as_a_request(tag: str, kind: Kind, followed_as: Kind) -> None:
    """The answer to a withdrawal of consent is in order, though the withdrawal only notifies."""
    entry = CATALOGUE[tag]
    assert entry.conversation_of(kind) is followed_as
    expects_response = entry.expectation_of(kind) is Expectation.RESPONSE
    state = start_state(entry.conversation_of(kind), expects_decision=True)
    possible = list_possible(entry.conversation_of(kind), state, Side.RECIPIENT)
    assert (Act.ANSWER in possible) is expects_response


@pytest.mark.parametrize(
    ("tag", "name", "value"),
    [
        ("identification.identity_check", "under_18", "yes"),
        (
            "return.risk_assessment",
            "best_interest",
            {
                "outcome": "not_yet_determined",
                "child_heard": "unknown",
                "guardian_agrees": "unknown",
                "guardian_after_return": "unknown",
            },
        ),
    ],
)
def test_an_answer_that_finds_a_child_is_about_a_child(tag: str, name: str, value: Any) -> None:
    """Who is found to be under 18 is treated as a child from that answer on, not only later."""
    answer = {**list_good_answers(tag)[0][1], name: value}
    _, fields = list_good("general.response")[0]
    fields |= {
        "urgency": "urgent",
        "body": {"completeness": "full", "answer": answer},
        "legal_basis": {
            "kind": "consent",
            "given_by": "guardian",
            "given_at": "2026-03-03T09:00:00Z",
            "explained_in": "sq",
            "classes": list(Sensitivity),
            "phases": list(Phase),
            "recipients": [fields["recipient"]],
        },
    }
    model = CATALOGUE["general.response"].model
    response = read_as(model, fields)
    assert isinstance(response, CaseMessage)
    assert response.body.treated_as_child
    with pytest.raises(ValueError, match="at least urgent"):
        read_as(model, fields | {"urgency": "standard"})


def test_the_annex_has_each_heading_once() -> None:
    """Links of the annex lead to headings by their words: two of one name, and one is not found."""
    annex = (ROOT / "protocol" / "MESSAGES.md").read_text(encoding="utf-8")
    headings = [line for line in annex.splitlines() if line.startswith("### ")]
    assert len(headings) > 200
    assert [line for line in set(headings) if headings.count(line) > 1] == []
