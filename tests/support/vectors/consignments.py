"""The consignment: who sends which message to whom, and until when it is good."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from protocol.cbor import Item, encode_array
from protocol.envelope import Consignment
from protocol.identifiers import MessageId, ParticipantCode
from tests.support.vectors.family import Family, Json, Operation

_Given = Mapping[str, Any]
FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

MESSAGE_ID: Final = "00112233445566778899aabbccddeeff"
EXPIRES: Final = 1_774_350_000
FIELDS: Final = {
    "message_id": MESSAGE_ID,
    "sender": "AL",
    "recipient": "XK",
    "expires_at": "2026-03-24T11:00:00Z",
}
"""An ordinary consignment, in the words of the vectors."""


def _read_consignment(data: _Given, _: _Given) -> Json:
    return describe_consignment(Consignment.parse(bytes.fromhex(data["bytes"])))


def describe_consignment(found: Consignment) -> Json:
    """Return a consignment in the words of the vectors."""
    return {
        "message_id": found.message_id,
        "sender": found.sender,
        "recipient": found.recipient,
        "expires_at": found.expires_at.strftime(FORMAT).zfill(len("2026-03-24T11:00:00Z")),
    }


def make_consignment(fields: Mapping[str, Any]) -> Consignment:
    """Make a consignment of what the vectors say."""
    return Consignment(
        message_id=MessageId(fields["message_id"]),
        sender=ParticipantCode(fields["sender"]),
        recipient=ParticipantCode(fields["recipient"]),
        expires_at=datetime.strptime(fields["expires_at"], FORMAT).replace(tzinfo=UTC),
    )


def _write_consignment(data: _Given, _: _Given) -> str:
    return make_consignment(data).encode().hex()


def _list_bad_consignments() -> Iterator[tuple[str, list[Any], str]]:
    good: list[Item] = [1, bytes.fromhex(MESSAGE_ID), "AL", "XK", EXPIRES]

    def change(at: int, item: Item) -> list[Item]:
        return [*good[:at], item, *good[at + 1 :]]

    for number in (0, 2, 23, 24, 65_535):
        yield f"version {number}", change(0, number), "unsupported"
    yield "version 65536", change(0, 65_536), "malformed"
    yield "version 2^32", change(0, 2**32), "malformed"
    yield "version as text", change(0, "1"), "malformed"
    yield "message id of 15 bytes", change(1, bytes(15)), "malformed"
    yield "message id of 17 bytes", change(1, bytes(17)), "malformed"
    yield "message id as text", change(1, MESSAGE_ID), "malformed"
    for at, party in ((2, "sender"), (3, "recipient")):
        yield f"{party} as bytes", change(at, b"AL"), "malformed"
        yield f"{party} in small letters", change(at, "al"), "malformed"
        yield f"{party} empty", change(at, ""), "malformed"
        yield f"{party} with a line end", change(at, "AL\n"), "malformed"
        yield f"{party} of nine characters", change(at, "ABCDEFGHI"), "malformed"
    yield "expiry in the year 10000", change(4, 253_402_300_800), "malformed"
    yield "expiry in milliseconds", change(4, EXPIRES * 1000), "malformed"
    yield "expiry as text", change(4, "2026-03-24T11:00:00Z"), "malformed"
    yield "an item less", good[:4], "malformed"
    yield "an item more", [*good, 0], "malformed"


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="consignments",
        description="The consignment. `bytes` is hexadecimal; moments are UTC.",
        spec=("3",),
        operations={
            "read": Operation("Read `bytes` as a consignment; its fields.", _read_consignment),
            "write": Operation(
                "Write a consignment of these fields; the bytes.", _write_consignment
            ),
        },
    )
    for name, fields in {
        "an ordinary one": FIELDS,
        "long codes": {
            "message_id": "f" * 32,
            "sender": "ABCDEFGH",
            "recipient": "EU27",
            "expires_at": "2099-12-31T23:59:59Z",
        },
        "expires in 1970": FIELDS | {"expires_at": "1970-01-01T00:00:00Z"},
        "expires after 32 bits of seconds": FIELDS | {"expires_at": "2106-02-07T06:28:16Z"},
        "the last moment": FIELDS | {"expires_at": "9999-12-31T23:59:59Z"},
        "to oneself: that is not for the consignment to refuse": FIELDS | {"recipient": "AL"},
    }.items():
        encoded = _write_consignment(fields, {})
        family.good(f"write: {name}", "write", fields, expected=encoded)
        family.good(f"read: {name}", "read", {"bytes": encoded}, expected=fields)
    for name, items, error in _list_bad_consignments():
        data = {"bytes": encode_array(items).hex()}
        family.bad(f"read: {name}", "read", data, error=error)
    good = _write_consignment(FIELDS, {})
    for name, encoded in {
        "a byte behind": good + "00",
        "cut by a byte": good[:-2],
        "its version in two bytes": good[:2] + "1801" + good[4:],
        "version -1": good[:2] + "20" + good[4:],
        "version true": good[:2] + "f5" + good[4:],
        "without a length": "9f" + good[2:] + "ff",
    }.items():
        family.bad(f"read: {name}", "read", {"bytes": encoded}, error="malformed")
    return [family]
