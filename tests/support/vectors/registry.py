"""What is made of the registry: pins, the choice of a key and suite, key documents."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from contact_registry.errors import DocumentError
from contact_registry.models import KeysDocument, parse_keys
from protocol.account_proof import sign_account_proof
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode
from protocol.messages.head import RegistryPin
from protocol.nkeys import Nkey, NkeyKind
from protocol.registry_pins import Pin, PinBook, PinConflict, judge_pin
from protocol.sealing import OpeningKey
from protocol.signing import SigningKey, derive_key_id
from protocol.suites import SuiteTable
from tests.support.vectors.family import Family, Json, Operation, VectorError
from tests.support.vectors.links import read_moment
from tests.support.vectors.signing import KEY, OTHER_KEY

_Given = Mapping[str, Any]
_A, _B, _C = ("a" * 64, "b" * 64, "c" * 64)


# ------------------------------------------------------------------ pins


def _read_pin(data: Mapping[str, Any]) -> Pin:
    return RegistryPin(version=data["version"], sha256=data["sha256"])


def _judge(data: _Given, _: _Given) -> str:
    known = {each["version"]: each["sha256"] for each in data["known"]}
    return judge_pin(_read_pin(data["pin"]), known)


def _write_conflict(conflict: PinConflict) -> Json:
    return {
        "version": conflict.version,
        "held": conflict.held,
        "held_by": conflict.held_by,
        "named": conflict.named,
        "named_by": conflict.named_by,
        "certain": conflict.is_certain,
    }


def _follow(data: _Given, _: _Given) -> list[Json]:
    book, found = PinBook(), []
    for event in data["events"]:
        pin = _read_pin(event)
        if "peer" in event:
            book, conflicts = book.hear(ParticipantCode(event["peer"]), pin)
        else:
            book, conflicts = book.verify(pin.version, pin.sha256)
        found += [_write_conflict(each) for each in conflicts]
    return found


def make_pins() -> Family:
    """Return the vectors of comparing registries."""
    family = Family(
        name="registry_pins",
        description="Comparing the registry that a message names with what is known. Hashes stand "
        "for themselves.",
        spec=("12.3",),
        operations={
            "judge": Operation("How a pin compares with the versions that are known.", _judge),
            "follow": Operation(
                "All conflicts that come up as a node verifies versions itself (no `peer`) and "
                "hears from peers, in this order. `held_by` null is the node itself; a conflict is "
                "certain if one of the two hashes was verified by the node. The first word of a "
                "peer on a version is what is remembered of it.",
                _follow,
            ),
        },
    )
    known = [{"version": 5, "sha256": _A}, {"version": 8, "sha256": _B}]
    for name, held, version, sha256, verdict in (
        ("the same", known, 8, _B, "same"),
        ("the same, an older one", known, 5, _A, "same"),
        ("another hash", known, 8, _C, "conflict"),
        ("another hash of an older one", known, 5, _B, "conflict"),
        ("newer than all", known, 9, _B, "newer"),
        ("older than all", known, 4, _A, "older"),
        ("one in between that was never seen", known, 6, _A, "unknown_version"),
        ("nothing is known", [], 1, _A, "newer"),
    ):
        data = {"pin": {"version": version, "sha256": sha256}, "known": held}
        family.good(f"judge: {name}", "judge", data, expected=verdict)
    for name, events, count in (
        ("all agree", [(None, 5, _A), ("AL", 5, _A), ("MK", 5, _A)], 0),
        ("a peer names another hash", [(None, 5, _A), ("AL", 5, _B)], 1),
        ("a peer named another hash before", [("AL", 5, _B), (None, 5, _A)], 1),
        ("two peers differ, the node has neither", [("AL", 5, _A), ("MK", 5, _B)], 1),
        ("three peers differ", [("AL", 5, _A), ("MK", 5, _B), ("RS", 5, _C)], 3),
        ("a peer contradicts itself", [("AL", 5, _A), ("AL", 5, _B)], 1),
        (
            "a peer contradicts itself, and its first word was right",
            [("AL", 5, _A), ("AL", 5, _B), (None, 5, _A)],
            1,
        ),
        (
            "two peers differ, then the node verifies",
            [("AL", 5, _A), ("MK", 5, _B), (None, 5, _A)],
            2,
        ),
        ("different versions", [("AL", 5, _A), ("MK", 6, _B), (None, 7, _C)], 0),
    ):
        listed = [
            {"version": version, "sha256": sha256} | ({"peer": peer} if peer else {})
            for peer, version, sha256 in events
        ]
        family.good(f"follow: {name}", "follow", {"events": listed})
        if len(family.cases[-1]["expected"]) != count:
            raise VectorError(f"follow: '{name}' has not {count} conflicts.")
    return family


# ------------------------------------------------------------------ suites


def _table(data: Mapping[str, Any]) -> SuiteTable:
    return SuiteTable(strongest_first=tuple(data["strongest_first"]), floor=data["floor"])


def _choose(data: _Given, _: _Given) -> int:
    return _table(data).choose(data["offered"])


def _accept(data: _Given, _: _Given) -> str:
    _table(data).verify_key_suite(data["suite"], key_suite=data["key_suite"])
    return "accepted"


def make_suites() -> Family:
    """Return the vectors of choosing and refusing suites."""
    family = Family(
        name="suites",
        description="Encryption suites: which is chosen, which is refused. This version speaks "
        "suite 1 alone; cases with other numbers show the rule for later versions. "
        "`strongest_first` is what a node speaks, `floor` the weakest that is good enough.",
        spec=("5",),
        operations={
            "choose": Operation(
                "The suite to seal with, where `offered` are the suites of the recipient's keys "
                "that are valid now.",
                _choose,
            ),
            "accept": Operation(
                "Whether an envelope of this suite is opened with a key that was published for "
                '`key_suite`; "accepted".',
                _accept,
            ),
        },
    )
    one: Json = {"strongest_first": [1], "floor": 1}
    three: Json = {"strongest_first": [3, 2, 1], "floor": 2}
    for name, table, offered, chosen in (
        ("the only one", one, [1], 1),
        ("the one that both speak", one, [1, 2, 3], 1),
        ("the strongest of all", three, [1, 2, 3], 3),
        ("the strongest that is offered", three, [2, 1], 2),
        ("strength is no number", {"strongest_first": [2, 9], "floor": 9}, [9, 2], 2),
    ):
        family.good(f"choose: {name}", "choose", table | {"offered": offered}, expected=chosen)
    for name, table, offered in (
        ("nothing is offered", one, []),
        ("nothing that is spoken", one, [2, 3]),
        ("nothing above the floor", three, [1]),
    ):
        data = table | {"offered": offered}
        family.bad(f"choose: {name}", "choose", data, error="unsupported")
    accepted = {"suite": 1, "key_suite": 1}
    family.good("accept: suite 1", "accept", one | accepted, expected="accepted")
    second = {"suite": 2, "key_suite": 2}
    family.good("accept: at the floor", "accept", three | second, expected="accepted")
    for name, table, suite, key_suite in (
        ("suite 0", one, 0, 1),
        ("suite 2, which is not spoken", one, 2, 1),
        ("below the floor", three, 1, 1),
        ("weaker than the key", three, 2, 3),
        ("stronger than the key", three, 3, 2),
    ):
        data = table | {"suite": suite, "key_suite": key_suite}
        family.bad(f"accept: {name}", "accept", data, error="unsupported")
    return family


# ------------------------------------------------------------------ key documents

_ACCOUNT_KEY: Final = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))
_KEYS: Final = tuple(OpeningKey(bytes([number]) * 96) for number in (1, 2, 3))


def _parse(text: str) -> KeysDocument:
    try:
        return parse_keys(text.encode())
    except DocumentError as error:
        raise MalformedError(str(error)) from error


def _read_document(data: _Given, _: _Given) -> Json:
    document = _parse(data["text"])
    return {
        "participant": document.participant,
        "account": document.broker.account,
        "signing_keys": [each.key_id for each in document.signing_keys],
        "encryption_keys": [each.key_id for each in document.encryption_keys],
    }


def _choose_key(data: _Given, given: _Given) -> str | None:
    at = read_moment(data["at"])
    valid = [
        (each.valid_from, each.key_id)
        for each in _parse(given["document"]).encryption_keys
        if each.suite == 1 and each.valid_from <= at < each.valid_to
    ]
    return max(valid)[1] if valid else None


def _make_document(*, later_suite: bool = False) -> Json:
    later = {
        "key_id": derive_key_id(bytes(100)),
        "suite": 2,
        "public": base64.b64encode(bytes(100)).decode(),
        "valid_from": "2026-03-01T00:00:00Z",
        "valid_to": "2026-12-31T00:00:00Z",
    }
    periods = (
        ("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
        ("2026-03-08T00:00:00Z", "2026-03-15T00:00:00Z"),
        ("2026-03-08T00:00:00Z", "2026-03-22T00:00:00Z"),
    )
    return {
        "format": "trm-keys/1",
        "participant": "AL",
        "issued_at": "2026-03-01T00:00:00Z",
        "signing_keys": [
            {
                "key_id": key.key_id,
                "public": base64.b64encode(key.verify_key.public).decode(),
                "valid_from": "2026-01-01T00:00:00Z",
                "valid_to": None,
            }
            for key in (KEY, OTHER_KEY)
        ],
        "encryption_keys": [
            {
                "key_id": key.key_id,
                "suite": 1,
                "public": base64.b64encode(key.recipient_key.public).decode(),
                "valid_from": start,
                "valid_to": end,
            }
            for key, (start, end) in zip(_KEYS, periods, strict=True)
        ]
        + ([later] if later_suite else []),
        "broker": {
            "account": _ACCOUNT_KEY.public,
            "account_proof": sign_account_proof(ParticipantCode("AL"), _ACCOUNT_KEY),
            "account_signing_keys": [],
        },
        "protocol_versions": [1],
        "max_envelope_bytes": 1_000_000,
    }


def make_key_documents() -> Family:
    """Return the vectors of key documents."""
    document = _make_document()
    family = Family(
        name="key_documents",
        description="Key documents, as they stand in the registry, and which of their keys a "
        "sender takes. Raw keys are base64. How the registry signs its documents is TUF and not "
        "shown here.",
        spec=("12",),
        operations={
            "read": Operation("Read a key document; what it names.", _read_document),
            "newest_key": Operation(
                "The newest encryption key of suite 1 at this moment in the document of `given`, "
                "which has a key of a later suite, too; null if there is none.",
                _choose_key,
            ),
        },
        given={"document": json.dumps(_make_document(later_suite=True))},
    )
    short = document | {"encryption_keys": document["encryption_keys"][:1]}
    for name, fields in {
        "three encryption keys": document,
        "no encryption key": document | {"encryption_keys": []},
        "the smallest envelopes": short | {"max_envelope_bytes": 16_384},
        "what files it takes": short
        | {
            "max_attachment_bytes": 10_485_760,
            "attachment_types": ["application/pdf", "image/jpeg"],
        },
        "no files at all": short | {"max_attachment_bytes": 0},
        "32 kinds of files": short
        | {"attachment_types": [f"application/x-{number}" for number in range(32)]},
        "an encryption key of an unknown suite": _make_document(later_suite=True),
    }.items():
        family.good(f"read: {name}", "read", {"text": json.dumps(fields)})
    ids = [key.key_id for key in _KEYS]
    for name, at, expected in (
        ("before all", "2026-02-28T23:59:59Z", None),
        ("the first second of the first", "2026-03-01T00:00:00Z", ids[0]),
        ("the last second of the first", "2026-03-07T23:59:59Z", ids[0]),
        ("two that began together: the highest key id", "2026-03-08T00:00:00Z", max(ids[1:])),
        ("the one that lasts longer", "2026-03-15T00:00:00Z", ids[2]),
        ("after all", "2026-03-22T00:00:00Z", None),
    ):
        family.good(f"newest_key: {name}", "newest_key", {"at": at}, expected=expected)
    for name, fields in _list_bad_documents(short).items():
        data = {"text": fields if isinstance(fields, str) else json.dumps(fields)}
        family.bad(f"read: {name}", "read", data, error="malformed")
    return family


def _list_bad_documents(good: Json) -> Mapping[str, Any]:
    signing, encryption = good["signing_keys"][0], good["encryption_keys"][0]
    broker = good["broker"]
    other_proof = sign_account_proof(ParticipantCode("MK"), _ACCOUNT_KEY)
    return {
        "nothing": "",
        "another format": good | {"format": "trm-keys/2"},
        "a field too many": good | {"note": ""},
        "another Participant than the account was proven for": good | {"participant": "MK"},
        "a proof for another Participant": good
        | {"broker": broker | {"account_proof": other_proof}},
        "no signing key": good | {"signing_keys": []},
        "a signing key twice": good | {"signing_keys": [signing, signing]},
        "a key id of another key": good
        | {"signing_keys": [signing | {"key_id": OTHER_KEY.key_id}]},
        "a signing key of 31 bytes": good
        | {"signing_keys": [signing | {"public": base64.b64encode(bytes(31)).decode()}]},
        "an encryption key of 1215 bytes": good
        | {"encryption_keys": [encryption | {"public": base64.b64encode(bytes(1215)).decode()}]},
        "an encryption key of suite 0": good | {"encryption_keys": [encryption | {"suite": 0}]},
        "an encryption key of suite 65536": good
        | {"encryption_keys": [encryption | {"suite": 65_536}]},
        "an encryption key of an unknown suite whose key id is another's": good
        | {"encryption_keys": [encryption | {"suite": 2, "key_id": KEY.key_id}]},
        "an encryption key that never ends": good
        | {"encryption_keys": [encryption | {"valid_to": None}]},
        "an encryption key that ends as it begins": good
        | {"encryption_keys": [encryption | {"valid_to": encryption["valid_from"]}]},
        "33 encryption keys": good | {"encryption_keys": [encryption] * 33},
        "envelopes too small": good | {"max_envelope_bytes": 16_383},
        "envelopes too large": good | {"max_envelope_bytes": 1_000_001},
        "no version": good | {"protocol_versions": []},
        "files that are larger than any": good | {"max_attachment_bytes": 104_857_601},
        "files of less than nothing": good | {"max_attachment_bytes": -1},
        "null instead of no greatest file": good | {"max_attachment_bytes": None},
        "null instead of any kinds of files": good | {"attachment_types": None},
        "no kinds of files": good | {"attachment_types": []},
        "a kind of file twice": good | {"attachment_types": ["text/plain", "text/plain"]},
        "a kind of file in capitals": good | {"attachment_types": ["Text/plain"]},
        "a kind of file with a parameter": good | {"attachment_types": ["text/plain;q=1"]},
        "33 kinds of files": good
        | {"attachment_types": [f"application/x-{number}" for number in range(33)]},
    }


def make_families() -> list[Family]:
    """Return the files of this module."""
    return [make_pins(), make_suites(), make_key_documents()]
