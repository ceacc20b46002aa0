"""Reachability drills: SPEC section 12.7."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.minireader.cbor import (
    encode,
    require_version,
    take_bytes,
    take_fields,
    take_uint,
)
from tests.support.minireader.identifiers import read_identifier
from tests.support.minireader.keys import derive_key_id
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.signature import make_statement, verify_ed25519
from tests.support.minireader.texts import parse_moment, write_moment

Input = dict[str, Any]
LAST_MOMENT = 253_402_300_799
PHASES = ("identification", "first_assistance", "social_inclusion", "return", "proceedings")
OUTCOMES = ("reached", "entry_wrong", "not_reached")
ANSWERED_BY = ("desk", "reserve", "out_of_hours", "nobody")
WINDOW = dt.timedelta(minutes=5)


def _take_code(value: object, codes: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in codes:
        raise malformed("none of the codes")
    return value


def _take_identifier(kind: str, value: object) -> str:
    if not isinstance(value, str):
        raise malformed(f"no {kind}")
    return read_identifier(kind, value)


def _take_moment(value: object) -> str:
    return write_moment(dt.datetime.fromtimestamp(take_uint(value, most=LAST_MOMENT), dt.UTC))


def _seconds(text: str) -> int:
    return int(parse_moment(text).timestamp())


def read_question(encoded: bytes) -> Input:
    """Read a question."""
    if len(encoded) > 256:
        raise malformed("too long")
    version, drill_id, participant, authority, phase, asked_at, answer_by = take_fields(
        encoded, count=7
    )
    require_version(version, spoken=1, most=65_535)
    found = {
        "drill_id": take_bytes(drill_id, size=16).hex(),
        "participant": _take_identifier("participant", participant),
        "authority": _take_identifier("authority", authority),
        "phase": _take_code(phase, PHASES),
        "asked_at": _take_moment(asked_at),
        "answer_by": _take_moment(answer_by),
    }
    if found["authority"].split("-")[0] != found["participant"] or answer_by <= asked_at:
        raise malformed("a desk of another, or no time to answer")
    return found


def read_statement(encoded: bytes) -> Input:
    """Read a statement."""
    version, outcome, answered_by, answered_at = take_fields(encoded, count=4)
    require_version(version, spoken=1, most=65_535)
    found = {
        "outcome": _take_code(outcome, OUTCOMES),
        "answered_by": _take_code(answered_by, ANSWERED_BY),
        "answered_at": _take_moment(answered_at),
    }
    if (found["outcome"] == "not_reached") != (found["answered_by"] == "nobody"):
        raise malformed("nobody answers what was reached, and the reverse")
    return found


def _write_question(given: Input, _: Input) -> str:
    return encode(
        [
            1,
            bytes.fromhex(given["drill_id"]),
            given["participant"],
            given["authority"],
            given["phase"],
            _seconds(given["asked_at"]),
            _seconds(given["answer_by"]),
        ]
    ).hex()


def _sign(seed: str, magic: str, context: str, parts: list[bytes]) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    signature = key.sign(make_statement(context, *parts))
    key_id = derive_key_id(key.public_key().public_bytes_raw())
    return encode([magic, *parts, key_id, signature]).hex()


def _sign_answer(given: Input, _: Input) -> str:
    said = given["statement"]
    statement = encode([1, said["outcome"], said["answered_by"], _seconds(said["answered_at"])])
    parts = [bytes.fromhex(given["question"]), statement]
    return _sign(given["seed"], "TRM1-drill-answer", "drill-answer", parts)


def _verify_answer(given: Input, _: Input) -> Input:
    encoded = bytes.fromhex(given["answer"])
    if len(encoded) > 512:
        raise malformed("too long")
    magic, question, statement, key_id, signature = take_fields(encoded, count=5)
    if magic != "TRM1-drill-answer":
        raise malformed("no answer")
    take_bytes(key_id, size=16)
    take_bytes(signature, size=64)
    asked, said = read_question(take_bytes(question)), read_statement(take_bytes(statement))
    if question != bytes.fromhex(given["question"]):
        raise RejectedError("misaddressed", "an answer to another question")
    _verify(given["public"], key_id, make_statement("drill-answer", question, statement), signature)
    return {**said, "question": asked}


def _verify(public: str, key_id: bytes, statement: bytes, signature: bytes) -> None:
    if derive_key_id(bytes.fromhex(public)) != key_id:
        raise RejectedError("forged", "another key")
    verify_ed25519(bytes.fromhex(public), statement, signature)


def _sign_request(given: Input, _: Input) -> str:
    said = encode([1, given["purpose"], given["participant"], _seconds(given["asked_at"])])
    return _sign(given["seed"], "TRM1-hub-request", "hub-request", [said])


def _verify_request(given: Input, _: Input) -> Input:
    encoded = bytes.fromhex(given["request"])
    if len(encoded) > 256:
        raise malformed("too long")
    magic, said, key_id, signature = take_fields(encoded, count=4)
    if magic != "TRM1-hub-request":
        raise malformed("no request")
    take_bytes(key_id, size=16)
    take_bytes(signature, size=64)
    version, purpose, participant, asked_at = take_fields(take_bytes(said), count=4)
    require_version(version, spoken=1, most=65_535)
    if purpose != "drills":
        raise RejectedError("unsupported", "another purpose")
    found = {
        "participant": _take_identifier("participant", participant),
        "asked_at": _take_moment(asked_at),
    }
    _verify(given["public"], key_id, make_statement("hub-request", said), signature)
    if abs(parse_moment(given["now"]) - parse_moment(found["asked_at"])) > WINDOW:
        raise RejectedError("expired", "not of now")
    return found


OPERATIONS: dict[str, dict[str, Callable[[Input, Input], Any]]] = {
    "drills": {
        "write_question": _write_question,
        "read_question": lambda given, _: read_question(bytes.fromhex(given["bytes"])),
        "sign_answer": _sign_answer,
        "verify_answer": _verify_answer,
        "sign_request": _sign_request,
        "verify_request": _verify_request,
    }
}
