"""Payloads that machines send to machines: receipts, repair of links, alarms."""

from collections.abc import Mapping
from typing import Final

from tests.support.examples import COMMON_HEAD
from tests.support.vectors.family import Family, Json
from tests.support.vectors.payload_rules import write_payload

_SYSTEM_HEAD: Final = ("message_id", "sender", "recipient", "composed_at", "registry")
_RANGE: Final[Json] = {"generation": 1, "first": 3, "last": 5}
_HEAD_1: Final[Json] = {"generation": 1, "seq": 9, "digest": "1" * 64}
_ITEM: Final[Json] = {
    "message_id": "f" * 32,
    "payload_sha256": "0" * 64,
    "status": "delivered",
    "at": "2026-03-04T11:00:00Z",
}
_ANSWERED: Final[Json] = {"generation": 1, "seq": 3, "payload_sha256": "2" * 64, "fate": "again"}
_ALARM: Final[Json] = {
    "registry_version": 7,
    "held_sha256": "3" * 64,
    "named_sha256": "4" * 64,
    "verified": True,
    "message_id": "e" * 32,
    "payload_sha256": "5" * 64,
}

_SYSTEM_GOOD: Final[Mapping[str, Mapping[str, Json]]] = {
    "system.receipt": {
        "delivered": {"items": [_ITEM]},
        "read": {"items": [_ITEM | {"status": "read"}]},
        "rejected, with digest": {"items": [_ITEM | {"status": "rejected", "reason": "malformed"}]},
        "rejected, not opened": {
            "items": [
                {
                    "message_id": "f" * 32,
                    "status": "rejected",
                    "at": "2026-03-04T11:00:00Z",
                    "reason": "unopenable",
                }
            ]
        },
        "delivered and not readable": {"items": [_ITEM | {"readable": False}]},
        "512 items": {"items": [_ITEM] * 512},
    },
    "system.resend_request": {
        "numbers": {"numbers": [_RANGE]},
        "one number": {"numbers": [{"generation": 1, "first": 3, "last": 3}]},
        "chunks": {
            "chunks": [
                {
                    "message_id": "e" * 32,
                    "attachment_id": "a" * 32,
                    "ranges": [{"first": 0, "last": 1023}],
                }
            ]
        },
        "after a restore": {
            "restored": {
                "received": _HEAD_1,
                "sent": {"generation": 1, "seq": 0, "digest": "0" * 64},
            }
        },
        "64 ranges": {"numbers": [_RANGE] * 64},
    },
    "system.resend_answer": {
        "again": {"request_id": "f" * 32, "heads": [_HEAD_1], "numbers": [_ANSWERED]},
        "erased, unknown, and more": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1, _HEAD_1 | {"generation": 2}],
            "numbers": [_ANSWERED | {"fate": "erased"}],
            "unknown": [_RANGE | {"first": 4}],
            "attachments_gone": [{"attachment_id": "a" * 32, "reason": "erased"}],
            "more": True,
        },
        "taken back by its sender": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1],
            "numbers": [_ANSWERED | {"fate": "cancelled"}],
        },
        "seen, for a restored node": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1],
            "seen": [
                {
                    "generation": 1,
                    "seq": 10,
                    "message_id": "e" * 32,
                    "payload_sha256": "3" * 64,
                    "at": "2026-03-04T11:00:00Z",
                }
            ],
        },
    },
    "system.registry_conflict": {
        "verified here": _ALARM,
        "named by others": _ALARM | {"verified": False},
    },
}

_SYSTEM_BAD: Final[Mapping[str, Mapping[str, Json]]] = {
    "system.receipt": {
        "no items": {"items": []},
        "513 items": {"items": [_ITEM] * 513},
        "delivered with a reason": {"items": [_ITEM | {"reason": "expired"}]},
        "rejected without a reason": {"items": [_ITEM | {"status": "rejected"}]},
        "delivered without a digest": {"items": [_ITEM | {"payload_sha256": None}]},
        "a status that is no code": {"items": [_ITEM | {"status": "seen"}]},
        "a reason that is no code": {
            "items": [_ITEM | {"status": "rejected", "reason": "not_liked"}]
        },
        "readable as text": {"items": [_ITEM | {"readable": "yes"}]},
        "a digest in capital letters": {"items": [_ITEM | {"payload_sha256": "AB" * 32}]},
        "no items at all": {},
    },
    "system.resend_request": {
        "asks for nothing": {},
        "asks for empty lists": {"numbers": [], "chunks": []},
        "a range backwards": {"numbers": [_RANGE | {"first": 6}]},
        "number 0": {"numbers": [_RANGE | {"first": 0}]},
        "a number beyond the limit": {"numbers": [_RANGE | {"last": 2**31}]},
        "65 ranges": {"numbers": [_RANGE] * 65},
        "chunk 1024": {
            "chunks": [
                {
                    "message_id": "e" * 32,
                    "attachment_id": "a" * 32,
                    "ranges": [{"first": 0, "last": 1024}],
                }
            ]
        },
        "chunks without a range": {
            "chunks": [{"message_id": "e" * 32, "attachment_id": "a" * 32, "ranges": []}]
        },
    },
    "system.resend_answer": {
        "no head": {"request_id": "f" * 32, "heads": []},
        "generations out of order": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1 | {"generation": 2}, _HEAD_1],
        },
        "a generation twice": {"request_id": "f" * 32, "heads": [_HEAD_1, _HEAD_1]},
        "a number twice": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1],
            "numbers": [_ANSWERED, _ANSWERED | {"fate": "erased"}],
        },
        "a fate that is no code": {
            "request_id": "f" * 32,
            "heads": [_HEAD_1],
            "numbers": [_ANSWERED | {"fate": "lost"}],
        },
        "answers no request": {"heads": [_HEAD_1]},
    },
    "system.registry_conflict": {
        "two equal hashes": _ALARM | {"named_sha256": _ALARM["held_sha256"]},
        "version 0": _ALARM | {"registry_version": 0},
        "verified as a number": _ALARM | {"verified": 1},
        "no message": {name: value for name, value in _ALARM.items() if name != "message_id"},
    },
}


def add_system_cases(family: Family, tag: str) -> None:
    """Add the cases of a type that machines send to machines."""
    head = {name: COMMON_HEAD[name] for name in _SYSTEM_HEAD}
    message: Json = {"type": tag, "version": 1, **head}
    for name, body in _SYSTEM_GOOD[tag].items():
        family.good(name, "read", write_payload(message | {"body": body}))
    for name, body in _SYSTEM_BAD[tag].items():
        family.bad(
            f"bad: {name}", "read", write_payload(message | {"body": body}), error="malformed"
        )
    body = next(iter(_SYSTEM_GOOD[tag].values()))
    for name, changes in {
        "a case": {"case": COMMON_HEAD["case"]},
        "a place on a link": {"link": COMMON_HEAD["link"]},
        "a kind": {"kind": "system"},
    }.items():
        bad = write_payload(message | {"body": body} | changes)
        family.bad(f"bad: with {name}", "read", bad, error="malformed")
