"""Reachability drills: the hub's question, the node's signed answer, and asking for questions."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from protocol.cbor import Item, encode_array
from protocol.drill_answer import (
    AnsweredBy,
    DrillAnswer,
    DrillOutcome,
    DrillQuestion,
    DrillStatement,
)
from protocol.hub_request import HubRequest, Purpose
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.signing import Context, SigningKey, VerifyKey
from tests.support.vectors.consignments import FORMAT
from tests.support.vectors.family import Family, Json, Operation
from tests.support.vectors.signing import KEY, OTHER_KEY

_Given = Mapping[str, Any]

_ID: Final = "00112233445566778899aabbccddeeff"
_ASKED: Final = 1_773_136_800
_DUE: Final = 1_773_309_600
_QUESTION: Final[Json] = {
    "drill_id": _ID,
    "participant": "AL",
    "authority": "AL-coordination-office",
    "phase": "identification",
    "asked_at": "2026-03-10T10:00:00Z",
    "answer_by": "2026-03-12T10:00:00Z",
}
_STATEMENT: Final[Json] = {
    "outcome": "reached",
    "answered_by": "desk",
    "answered_at": "2026-03-10T12:30:00Z",
}
_ANSWERED: Final = 1_773_145_800


def _moment(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _make_question(fields: _Given) -> DrillQuestion:
    return DrillQuestion(
        drill_id=fields["drill_id"],
        participant=ParticipantCode(fields["participant"]),
        authority=AuthorityId(fields["authority"]),
        phase=Phase(fields["phase"]),
        asked_at=_moment(fields["asked_at"]),
        answer_by=_moment(fields["answer_by"]),
    )


def _make_statement(fields: _Given) -> DrillStatement:
    return DrillStatement(
        DrillOutcome(fields["outcome"]),
        AnsweredBy(fields["answered_by"]),
        _moment(fields["answered_at"]),
    )


def _describe_question(found: DrillQuestion) -> Json:
    return {
        "drill_id": found.drill_id,
        "participant": found.participant,
        "authority": found.authority,
        "phase": found.phase.value,
        "asked_at": found.asked_at.strftime(FORMAT),
        "answer_by": found.answer_by.strftime(FORMAT),
    }


def _describe_statement(found: DrillStatement) -> Json:
    return {
        "outcome": found.outcome.value,
        "answered_by": found.answered_by.value,
        "answered_at": found.answered_at.strftime(FORMAT),
    }


def _write_question(data: _Given, _: _Given) -> str:
    return _make_question(data).encode().hex()


def _read_question(data: _Given, _: _Given) -> Json:
    return _describe_question(DrillQuestion.parse(bytes.fromhex(data["bytes"])))


def _sign_answer(data: _Given, _: _Given) -> str:
    return DrillAnswer.sign(
        bytes.fromhex(data["question"]),
        statement=_make_statement(data["statement"]),
        key=SigningKey(bytes.fromhex(data["seed"])),
    ).encode().hex()  # fmt: skip


def _verify_answer(data: _Given, _: _Given) -> Json:
    answer = DrillAnswer.parse(bytes.fromhex(data["answer"]))
    key = VerifyKey(bytes.fromhex(data["public"]))
    answer.verify(key, question=bytes.fromhex(data["question"]))
    return {
        **_describe_statement(answer.statement),
        "question": _describe_question(answer.question),
    }


def _sign_request(data: _Given, _: _Given) -> str:
    return HubRequest.sign(
        Purpose(data["purpose"]),
        participant=ParticipantCode(data["participant"]),
        at=_moment(data["asked_at"]),
        key=SigningKey(bytes.fromhex(data["seed"])),
    ).encode().hex()  # fmt: skip


def _verify_request(data: _Given, _: _Given) -> Json:
    request = HubRequest.parse(bytes.fromhex(data["request"]))
    key = VerifyKey(bytes.fromhex(data["public"]))
    request.verify(key, purpose=Purpose(data["purpose"]), now=_moment(data["now"]))
    return {
        "participant": request.participant,
        "asked_at": request.asked_at.strftime(FORMAT),
    }


def _list_bad_questions() -> Iterator[tuple[str, list[Item], str]]:
    good: list[Item] = [
        1, bytes.fromhex(_ID), "AL", "AL-coordination-office", "identification", _ASKED, _DUE,
    ]  # fmt: skip

    def change(at: int, item: Item) -> list[Item]:
        return [*good[:at], item, *good[at + 1 :]]

    yield "version 2", change(0, 2), "unsupported"
    yield "version as text", change(0, "1"), "malformed"
    yield "version 65536", change(0, 65_536), "malformed"
    yield "drill id of 15 bytes", change(1, bytes(15)), "malformed"
    yield "drill id as text", change(1, _ID), "malformed"
    yield "Participant in small letters", change(2, "al"), "malformed"
    yield "desk of another Participant", change(3, "MK-coordination-office"), "malformed"
    yield "desk without a name", change(3, "AL"), "malformed"
    yield "no phase of ours", change(4, "reintegration"), "malformed"
    yield "due when it was asked", change(6, _ASKED), "malformed"
    yield "asked in milliseconds", change(5, _ASKED * 1000), "malformed"
    yield "an item less", good[:6], "malformed"
    yield "an item more", [*good, 0], "malformed"


def _list_bad_statements() -> Iterator[tuple[str, list[Item], str]]:
    yield "statement of version 2", [2, "reached", "desk", _ANSWERED], "unsupported"
    yield "no outcome of ours", [1, "asleep", "desk", _ANSWERED], "malformed"
    yield "answered by a name", [1, "reached", "A. Person", _ANSWERED], "malformed"
    yield "reached, and nobody answered", [1, "reached", "nobody", _ANSWERED], "malformed"
    yield "not reached, and the desk answered", [1, "not_reached", "desk", _ANSWERED], "malformed"
    yield "statement cut", [1, "reached", "desk"], "malformed"


def make_families() -> list[Family]:
    """Return the file about drills."""
    family = Family(
        name="drills",
        description="Reachability drills: the hub's question, the node's signed answer, and the "
        "signed request by which a node gets its questions. Bytes are hexadecimal.",
        spec=("12.7",),
        operations={
            "write_question": Operation("Encode a question; its bytes.", _write_question),
            "read_question": Operation("Read a question; what it says.", _read_question),
            "sign_answer": Operation(
                "Sign a statement about a question, as received, with the seed; the answer.",
                _sign_answer,
            ),
            "verify_answer": Operation(
                "Read an answer, and verify with the public key that it answers exactly this "
                "question; what it says.",
                _verify_answer,
            ),
            "sign_request": Operation("Sign a request with the seed; its bytes.", _sign_request),
            "verify_request": Operation(
                "Read a request, and verify it for a purpose at a moment; who asked, and when.",
                _verify_request,
            ),
        },
    )
    _add_questions(family)
    _add_answers(family)
    _add_requests(family)
    return [family]


def _add_questions(family: Family) -> None:
    for what, fields in {
        "an ordinary one": _QUESTION,
        "a Participant of eight characters": {
            **_QUESTION, "participant": "ABCDEFG1", "authority": "ABCDEFG1-x", "phase": "return",
        },
    }.items():  # fmt: skip
        family.good(f"write: {what}", "write_question", fields)
        data = {"bytes": _write_question(fields, {})}
        family.good(f"read: {what}", "read_question", data, expected=fields)
    for what, items, error in _list_bad_questions():
        family.bad(what, "read_question", {"bytes": encode_array(items).hex()}, error=error)
    family.bad("question of 257 bytes", "read_question", {"bytes": "80" * 257}, error="malformed")


def _add_answers(family: Family) -> None:
    question = _write_question(_QUESTION, {})
    for outcome, by in (
        ("reached", "desk"), ("reached", "reserve"), ("entry_wrong", "out_of_hours"),
        ("not_reached", "nobody"),
    ):  # fmt: skip
        statement = {**_STATEMENT, "outcome": outcome, "answered_by": by}
        data = {"question": question, "statement": statement, "seed": KEY.seed.hex()}
        family.good(f"sign: {outcome}, {by}", "sign_answer", data)
        checked = {
            "answer": _sign_answer(data, {}),
            "question": question,
            "public": KEY.verify_key.public.hex(),
        }
        said = {**statement, "question": _QUESTION}
        family.good(f"verify: {outcome}, {by}", "verify_answer", checked, expected=said)
    _add_bad_answers(family, question)


def _add_bad_answers(family: Family, question: str) -> None:
    public = KEY.verify_key.public.hex()
    said = _make_statement(_STATEMENT)
    asked = bytes.fromhex(question)
    answer = DrillAnswer.sign(asked, statement=said, key=KEY)

    def refuse(name: str, data: bytes, error: str, *, to: str = question) -> None:
        given = {"answer": data.hex(), "question": to, "public": public}
        family.bad(name, "verify_answer", given, error=error)

    for member, value in {
        "drill_id": "ff" * 16,
        "phase": "return",
        "authority": "AL-other-office",
        "answer_by": "2026-03-13T10:00:00Z",
    }.items():
        other = _write_question({**_QUESTION, member: value}, {})
        refuse(f"replayed for another {member}", answer.encode(), "misaddressed", to=other)
    parts = [asked, said.encode(), bytes.fromhex(KEY.key_id)]

    def seal(*items: Item) -> bytes:
        return encode_array(["TRM1-drill-answer", *items])

    refuse(
        "signed by another key", DrillAnswer.sign(asked, statement=said, key=OTHER_KEY).encode(),
        "forged",
    )  # fmt: skip
    refuse(
        "another key under this key's name",
        seal(*parts, OTHER_KEY.sign(Context.DRILL_ANSWER, *parts[:2])), "forged",
    )  # fmt: skip
    refuse(
        "signed as a message", seal(*parts, KEY.sign(Context.PAYLOAD, *parts[:2])), "forged"
    )  # fmt: skip
    later = _make_statement({**_STATEMENT, "answered_at": "2026-03-11T12:30:00Z"}).encode()
    refuse("another statement", seal(asked, later, parts[2], answer.signature), "forged")
    refuse("signature of 63 bytes", seal(*parts, answer.signature[:63]), "malformed")
    refuse("key id of 15 bytes", seal(*parts[:2], bytes(15), answer.signature), "malformed")
    refuse(
        "another magic", encode_array(["TRM1-signed", *parts, answer.signature]), "malformed"
    )  # fmt: skip
    refuse("answer of 513 bytes", bytes(513), "malformed")
    for what, items, error in _list_bad_statements():
        statement = encode_array(items)
        signature = KEY.sign(Context.DRILL_ANSWER, asked, statement)
        refuse(what, seal(asked, statement, parts[2], signature), error)


def _add_requests(family: Family) -> None:
    made: Json = {
        "purpose": "drills",
        "participant": "AL",
        "asked_at": "2026-03-10T10:00:00Z",
        "seed": KEY.seed.hex(),
    }
    family.good("sign: a request", "sign_request", made)
    request = _sign_request(made, {})
    checked: Json = {
        "request": request,
        "purpose": "drills",
        "public": KEY.verify_key.public.hex(),
        "now": made["asked_at"],
    }
    said = {"participant": "AL", "asked_at": made["asked_at"]}
    asked_at = _moment(made["asked_at"])
    for minutes, error in ((0, ""), (5, ""), (-5, ""), (6, "expired"), (-6, "expired")):
        now = (asked_at + timedelta(minutes=minutes)).strftime(FORMAT)
        data, name = {**checked, "now": now}, f"a request seen {minutes} minutes later"
        if error:
            family.bad(name, "verify_request", data, error=error)
        else:
            family.good(name, "verify_request", data, expected=said)
    other = {**checked, "public": OTHER_KEY.verify_key.public.hex()}
    family.bad("a request checked by another key", "verify_request", other, error="forged")
    strange = encode_array([1, "everything", "AL", _ASKED])
    for name, said_bytes, error in (
        ("a request for another purpose", strange, "unsupported"),
        ("a request of version 2", encode_array([2, "drills", "AL", _ASKED]), "unsupported"),
        ("a request of nobody", encode_array([1, "drills", "", _ASKED]), "malformed"),
    ):
        items: list[Item] = [
            "TRM1-hub-request",
            said_bytes,
            bytes.fromhex(KEY.key_id),
            KEY.sign(Context.HUB_REQUEST, said_bytes),
        ]  # fmt: skip
        given = {**checked, "request": encode_array(items).hex()}
        family.bad(name, "verify_request", given, error=error)
