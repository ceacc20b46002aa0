"""Messages that mend links: what they say together, and what no node has to listen to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.limits import LIMITS
from protocol.link_repair import Fate, NumberFate
from protocol.links import LinkGap, LinkHead
from protocol.messages.head import Head
from protocol.messages.link_repair import (
    HeadField,
    NumberAnswer,
    NumbersField,
    RegistryConflict,
    ResendAnswer,
    ResendRequest,
)
from tests.support.messages import MESSAGE_ID

HEAD: dict[str, Any] = {
    "version": 1,
    "message_id": MESSAGE_ID,
    "sender": "AL",
    "recipient": "XK",
    "composed_at": "2026-03-04T11:00:00Z",
    "registry": {"version": 7, "sha256": "ab" * 32},
}
PLACE = {"generation": 1, "seq": 4, "digest": "a" * 64}
NUMBERS = {"generation": 1, "first": 2, "last": 3}
CHUNKS = {
    "message_id": "e" * 32,
    "attachment_id": "f" * 32,
    "ranges": [{"first": 0, "last": 7}],
}
ANSWER = {"generation": 1, "seq": 2, "payload_sha256": "b" * 64, "fate": "again"}
SEEN = {
    "generation": 1,
    "seq": 2,
    "message_id": "e" * 32,
    "payload_sha256": "b" * 64,
    "at": "2026-03-04T11:00:00Z",
}
CONFLICT = {
    "registry_version": 7,
    "held_sha256": "a" * 64,
    "named_sha256": "b" * 64,
    "verified": True,
    "message_id": "e" * 32,
    "payload_sha256": "c" * 64,
}
REQUEST = {
    "numbers": [NUMBERS],
    "chunks": [CHUNKS],
    "restored": {"received": PLACE, "sent": PLACE},
}
FULL_ANSWER = {
    "request_id": "d" * 32,
    "heads": [PLACE, {**PLACE, "generation": 2, "seq": 0}],
    "numbers": [ANSWER],
    "unknown": [NUMBERS],
    "attachments_gone": [{"attachment_id": "f" * 32, "reason": "erased"}],
    "seen": [SEEN],
    "more": True,
}
GOOD: dict[str, tuple[type[Head], dict[str, Any]]] = {
    "request": (ResendRequest, REQUEST),
    "answer": (ResendAnswer, FULL_ANSWER),
    "conflict": (RegistryConflict, CONFLICT),
}


def read(model: type[Head], body: dict[str, Any]) -> Head:
    """Read a message of this type from its JSON fields."""
    fields = {**HEAD, "type": model.model_fields["type"].default, "body": body}
    return model.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize("name", GOOD)
def test_each_reads_back(name: str) -> None:
    """What is written is read as itself."""
    model, body = GOOD[name]
    message = read(model, body)
    assert model.model_validate_json(message.model_dump_json(exclude_none=True)) == message


@pytest.mark.parametrize("field", ["numbers", "chunks", "restored"])
def test_each_thing_can_be_asked_for_alone(field: str) -> None:
    """Numbers, chunks, or everything after a restore."""
    message = read(ResendRequest, {field: REQUEST[field]})
    assert message.model_dump(include={"body": {field}})["body"][field]


BAD: dict[str, tuple[type[Head], dict[str, Any]]] = {
    "nothing-asked": (ResendRequest, {}),
    "range-downwards": (ResendRequest, {"numbers": [{**NUMBERS, "last": 1}]}),
    "number-0": (ResendRequest, {"numbers": [{**NUMBERS, "first": 0}]}),
    "too-many-ranges": (ResendRequest, {"numbers": [NUMBERS] * (LIMITS.ranges + 1)}),
    "too-many-files": (
        ResendRequest,
        {"chunks": [{**CHUNKS, "attachment_id": f"{number:032x}"} for number in range(17)]},
    ),
    "one-file-twice": (ResendRequest, {"chunks": [CHUNKS, CHUNKS]}),
    "chunks-downwards": (
        ResendRequest,
        {"chunks": [{**CHUNKS, "ranges": [{"first": 2, "last": 1}]}]},
    ),
    "chunk-beyond": (
        ResendRequest,
        {"chunks": [{**CHUNKS, "ranges": [{"first": 0, "last": LIMITS.chunks}]}]},
    ),
    "no-head": (ResendAnswer, {**FULL_ANSWER, "heads": []}),
    "heads-unsorted": (ResendAnswer, {**FULL_ANSWER, "heads": [{**PLACE, "generation": 2}, PLACE]}),
    "two-heads": (ResendAnswer, {**FULL_ANSWER, "heads": [PLACE, PLACE]}),
    "two-answers": (
        ResendAnswer,
        {**FULL_ANSWER, "numbers": [ANSWER, {**ANSWER, "fate": "erased"}]},
    ),
    "too-many-answers": (
        ResendAnswer,
        {**FULL_ANSWER, "numbers": [{**ANSWER, "seq": n} for n in range(1, LIMITS.items + 2)]},
    ),
    "fate-unknown": (ResendAnswer, {**FULL_ANSWER, "numbers": [{**ANSWER, "fate": "lost"}]}),
    "same-hash": (RegistryConflict, {**CONFLICT, "named_sha256": "a" * 64}),
    "unknown-field": (RegistryConflict, {**CONFLICT, "note": "x"}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    """Empty, contradicting, downwards, or beyond the bounds."""
    model, body = BAD[name]
    with pytest.raises(ValidationError):
        read(model, body)


def test_an_answer_lists_every_number_it_speaks_of() -> None:
    """Known and unknown ones, as the link rules take them."""
    message = read(ResendAnswer, FULL_ANSWER)
    assert isinstance(message, ResendAnswer)
    assert message.body.told == (LinkGap(1, 2, 2), LinkGap(1, 2, 3))


@given(st.integers(1, LIMITS.number), st.integers(1, LIMITS.number), st.sampled_from(Fate))
def test_fields_and_rules_say_the_same(generation: int, seq: int, fate: Fate) -> None:
    """A gap, a head, and a fate come back from their field as they went in."""
    gap = LinkGap(generation, seq, seq)
    head = LinkHead(generation, seq, "a" * 64)
    answer = NumberFate(generation, seq, "a" * 64, fate)
    assert NumbersField.of(gap).gap == gap
    assert HeadField.of(head).head == head
    assert NumberAnswer.of(answer).number_fate == answer
