"""Typed messages: strict, kept when unknown, never interpreted in two ways."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.errors import LocalProtocolError, MalformedError
from protocol.messages.catalogue import (
    CATALOGUE,
    UnreadableMessage,
    encode_payload,
    get_entry,
    parse_payload,
)
from tests.support.messages import CONSENT, TAGS, make_fields


def parse_fields(fields: dict[str, Any]) -> Any:
    """Parse what these fields give as JSON."""
    return parse_payload(json.dumps(fields).encode())


@pytest.mark.parametrize("tag", TAGS)
def test_every_type_reads_back(tag: str) -> None:
    """A valid message of each type is read, written, and read as the same."""
    message = parse_fields(make_fields(tag))
    assert message.type == tag
    assert parse_payload(encode_payload(message)) == message


@pytest.mark.parametrize("tag", TAGS)
def test_unknown_fields_are_refused(tag: str) -> None:
    """A field that the type does not have is refused at the top and in the body."""
    with pytest.raises(MalformedError, match="extra"):
        parse_fields(make_fields(tag, extra=1))
    fields = make_fields(tag)
    fields["body"] = {**fields["body"], "extra": 1}
    with pytest.raises(MalformedError, match="extra"):
        parse_fields(fields)


@pytest.mark.parametrize("tag", TAGS)
def test_every_field_is_needed_or_has_a_default(tag: str) -> None:
    """Leaving out any one field is either refused by name or means a documented default."""
    fields = make_fields(tag)
    for name in fields:
        shorter = {key: value for key, value in fields.items() if key != name}
        try:
            message = parse_fields(shorter)
        except MalformedError as error:
            assert name in str(error)
        else:
            assert not CATALOGUE[tag].model.model_fields[name].is_required()
            assert message.type == tag


@settings(max_examples=300)
@given(st.binary(max_size=300))
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
@example(b'{"type": NaN}')
@example(b"\xff\xfe")
@example(b"1e999999")
@example(b"9" * 5000)
@example(b'{"type":"a.b","type":"a.c"}')
def test_garbage_is_refused_in_one_way(data: bytes) -> None:
    """Any bytes are a message or malformed, never anything else."""
    try:
        parse_payload(data)
    except MalformedError:
        return
    pytest.fail("garbage was read as a message")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(tag=st.sampled_from(TAGS), data=st.data(), value=json_values)
def test_any_value_in_any_field_is_read_or_refused(
    tag: str, data: st.DataObject, value: object
) -> None:
    """Whatever stands in one field, the message is typed, unreadable, or malformed."""
    fields = make_fields(tag)
    place = data.draw(st.sampled_from([*fields, *(f"body.{name}" for name in fields["body"])]))
    if place.startswith("body."):
        fields["body"] = {**fields["body"], place.removeprefix("body."): value}
    else:
        fields[place] = value
    try:
        message = parse_fields(fields)
    except MalformedError as error:
        assert len(str(error)) < 4000
        return
    if not isinstance(message, UnreadableMessage):
        assert parse_payload(encode_payload(message)) == message


def test_errors_name_fields_and_never_contents() -> None:
    """A refusal can be logged: it does not repeat what somebody wrote."""
    fields = make_fields("general.message", body={"text": "SECRET-NAME \x00"})
    with pytest.raises(MalformedError) as caught:
        parse_fields(fields)
    assert "SECRET-NAME" not in str(caught.value)
    assert "body.text" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "version"),
    [({"type": "return.something_new"}, 1), ({"version": 2}, 2)],
)
def test_unknown_types_and_newer_versions_are_kept(changes: dict[str, Any], version: int) -> None:
    """What this version cannot read comes back whole, with what everybody must be able to read."""
    fields = make_fields("general.message") | changes | {"novelty": {"a": [1]}}
    message = parse_fields(fields)
    assert isinstance(message, UnreadableMessage)
    assert message.version == version
    assert message.case == fields["case"]
    assert message.link is not None
    assert json.loads(message.raw) == fields


def test_a_name_may_not_stand_twice() -> None:
    """Two readers could take different ones of two fields with one name: refused."""
    payload = json.dumps(make_fields("general.message"))
    doubled = payload[:-1] + ', "urgency": "immediate"}'
    with pytest.raises(MalformedError, match="twice"):
        parse_payload(doubled.encode())


@pytest.mark.parametrize(
    "text",
    ["", " blank", "a\x07b", "a\u202eb", "a\u2066b", "x" * 20_001],
    ids=["empty", "blank in front", "control", "bidi override", "bidi isolate", "too long"],
)
def test_text_hygiene(text: str) -> None:
    """Text that is empty, too long, or reads as something else than it says is refused."""
    with pytest.raises(MalformedError):
        parse_fields(make_fields("general.message", body={"text": text}))


def test_text_is_normalized() -> None:
    """One spelling for one text: letters and marks are composed (Unicode NFC)."""
    message = parse_fields(make_fields("general.message", body={"text": "e\u0308\nnew line"}))
    assert message.body.text == "ë\nnew line"


REFUSALS: list[tuple[str, str, dict[str, Any], str]] = [
    ("to oneself", "general.message", {"recipient": "AL"}, "another Participant"),
    ("foreign desk", "general.message", {"from_authority": "MK-desk"}, "not an authority of AL"),
    ("formal without instrument", "general.message", {"formality": "formal"}, "instrument"),
    ("informal with one", "general.message", {"instrument": "MoU 2021"}, "instrument"),
    (
        "text without basis",
        "general.message",
        {"legal_basis": {"kind": "no_personal_data"}},
        "legal basis covers text",
    ),
    (
        "consent for others",
        "general.message",
        {"legal_basis": {**CONSENT, "recipients": ["MK"]}},
        "does not name XK",
    ),
    (
        "consent for less",
        "general.message",
        {"legal_basis": {**CONSENT, "classes": ["health"]}},
        "protection",
    ),
    (
        "local time",
        "general.message",
        {"composed_at": "2026-03-04T11:00:00"},
        "composed_at",
    ),
    ("fractions", "general.message", {"composed_at": "2026-03-04T11:00:00.5Z"}, "whole seconds"),
    ("numbers as text", "general.message", {"version": "1"}, "version"),
    (
        "decision without reason",
        "general.decision",
        {"body": {"outcome": "declined"}},
        "decline reason",
    ),
    (
        "acceptance without case manager",
        "general.decision",
        {"body": {"outcome": "accepted"}},
        "case manager",
    ),
    ("decision about nothing", "general.decision", {"in_reply_to": None}, "in_reply_to"),
]


@pytest.mark.parametrize(
    ("tag", "changes", "says"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_rules_are_refused_by_name(tag: str, changes: dict[str, Any], says: str) -> None:
    """Each rule of the catalogue refuses what breaks it, and says which rule it is."""
    with pytest.raises(MalformedError, match=says):
        parse_fields(make_fields(tag, **changes))


CHILD = {"guardian": "not_yet_appointed", "child_informed": "no"}


@pytest.mark.parametrize(
    "age",
    [
        ("under_18", "yes"),
        ("under_18", "no"),
        ("unknown", "unknown"),
        ("unknown", "yes"),
        ("18_22", "yes"),
    ],
)
def test_children_have_their_rules(age: tuple[str, str]) -> None:
    """Under 18, or possibly: at least urgent, and somebody acts for the child who may consent.

    An age group that somebody noted does not outweigh the doubt.
    """
    tag = "identification.presumed_victim_notification"
    body = {**make_fields(tag)["body"], "age_group": age[0], "possibly_under_18": age[1]}
    with pytest.raises(MalformedError, match="who acts for the child"):
        parse_fields(make_fields(tag, body=body, urgency="urgent"))
    body["child"] = CHILD
    with pytest.raises(MalformedError, match="at least urgent"):
        parse_fields(make_fields(tag, body=body))
    assert parse_fields(make_fields(tag, body=body, urgency="urgent")).body.treated_as_child
    body["needs_note"] = "Asthma."
    consent = {**CONSENT, "given_by": "person"}
    with pytest.raises(MalformedError, match="guardian"):
        parse_fields(make_fields(tag, body=body, urgency="urgent", legal_basis=consent))
    consent["given_by"] = "guardian"
    parse_fields(make_fields(tag, body=body, urgency="urgent", legal_basis=consent))


def test_a_type_that_does_not_exist_is_a_local_error() -> None:
    """Asking the catalogue for an unknown type lists the known ones."""
    with pytest.raises(LocalProtocolError, match=r"general\.message"):
        get_entry("general.gossip")
