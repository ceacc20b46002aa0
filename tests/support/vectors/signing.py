"""Key ids, signing statements, signatures, and the signed payload."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from protocol.cbor import Item, encode_array
from protocol.envelope import SignedPayload
from protocol.signing import Context, SigningKey, VerifyKey, derive_key_id
from tests.support.vectors.consignments import (
    EXPIRES,
    FIELDS,
    MESSAGE_ID,
    describe_consignment,
    make_consignment,
)
from tests.support.vectors.family import Family, Json, Operation

_Given = Mapping[str, Any]

SEED: Final = bytes(range(32))
KEY: Final = SigningKey(SEED)
OTHER_KEY: Final = SigningKey(bytes(range(32, 64)))


def describe_key(key: SigningKey) -> Json:
    """Return a signing key in the words of the vectors."""
    public = key.verify_key.public.hex()
    return {"seed": key.seed.hex(), "public": public, "key_id": key.key_id}


def _name_key(data: _Given, _: _Given) -> str:
    return derive_key_id(bytes.fromhex(data["public"]))


def _make_statement(data: _Given, _: _Given) -> str:
    """Follow SPEC 4: what is signed cannot be asked of a key, which only signs it."""
    parts = (bytes.fromhex(part) for part in data["parts"])
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    context: str = data["context"]
    return (b"TRM1\x00" + context.encode() + b"\x00" + digests).hex()


def _sign(data: _Given, _: _Given) -> str:
    parts = (bytes.fromhex(part) for part in data["parts"])
    key = SigningKey(bytes.fromhex(data["seed"]))
    return key.sign(Context(data["context"]), *parts).hex()


def _verify(data: _Given, _: _Given) -> str:
    parts = (bytes.fromhex(part) for part in data["parts"])
    VerifyKey(bytes.fromhex(data["public"])).verify(
        Context(data["context"]), *parts, signature=bytes.fromhex(data["signature"])
    )
    return "verified"


def make_signing() -> Family:
    """Return the vectors of key ids, statements, and signatures."""
    family = Family(
        name="signing",
        description="Key ids, signing statements, and Ed25519 signatures over them. All bytes are "
        "hexadecimal; a seed is the 32-byte private key of RFC 8032. `primitives/signatures` has "
        "many more ways in which a signature can be wrong.",
        spec=("1", "4"),
        operations={
            "key_id": Operation("Name the public key; its key id.", _name_key),
            "statement": Operation(
                "Make the signing statement of a context and its parts; the bytes.",
                _make_statement,
            ),
            "sign": Operation("Sign the statement with the seed; the signature.", _sign),
            "verify": Operation('Verify a signature over the statement; "verified".', _verify),
        },
    )
    for key in (KEY, OTHER_KEY):
        described = describe_key(key)
        data = {"public": described["public"]}
        family.good(f"key_id: {described['key_id']}", "key_id", data, expected=described["key_id"])
    consignment = make_consignment(FIELDS).encode()
    for context in Context:
        for what, parts in {
            "a consignment and a payload": [consignment.hex(), b'{"a":1}'.hex()],
            "two empty parts": ["", ""],
        }.items():
            made: Json = {"context": context.value, "parts": parts}
            family.good(f"statement: {context}, {what}", "statement", made)
            for name, key in (("first key", KEY), ("second key", OTHER_KEY)):
                signed = made | {"seed": key.seed.hex()}
                family.good(f"sign: {context}, {what}, {name}", "sign", signed)
                checked = made | {
                    "public": key.verify_key.public.hex(),
                    "signature": _sign(signed, {}),
                }
                family.good(
                    f"verify: {context}, {what}, {name}", "verify", checked, expected="verified"
                )
    _add_bad_signatures(family, consignment)
    return family


def _add_bad_signatures(family: Family, consignment: bytes) -> None:
    payload = b'{"a":1}'
    signature = KEY.sign(Context.PAYLOAD, consignment, payload)
    good: Json = {
        "context": "payload",
        "parts": [consignment.hex(), payload.hex()],
        "public": KEY.verify_key.public.hex(),
        "signature": signature.hex(),
    }
    wrong: Mapping[str, Json] = {
        "another context": {"context": "evidence-bundle"},
        "another payload": {"parts": [consignment.hex(), b'{"a":2}'.hex()]},
        "the parts exchanged": {"parts": [payload.hex(), consignment.hex()]},
        "a part less": {"parts": [consignment.hex()]},
        "a part more": {"parts": [consignment.hex(), payload.hex(), ""]},
        "both parts in one": {"parts": [(consignment + payload).hex()]},
        "another key": {"public": OTHER_KEY.verify_key.public.hex()},
        "the first bit changed": {"signature": bytes([signature[0] ^ 1, *signature[1:]]).hex()},
        "the last bit changed": {"signature": bytes([*signature[:-1], signature[-1] ^ 128]).hex()},
        "cut by a byte": {"signature": signature[:-1].hex()},
        "a byte more": {"signature": signature.hex() + "00"},
        "nothing": {"signature": ""},
        "over the parts without a statement": {
            "signature": KEY.sign_raw(consignment + payload).hex()
        },
        "over the statement without TRM1": {
            "signature": KEY.sign_raw(
                b"payload\x00"
                + hashlib.sha256(consignment).digest()
                + hashlib.sha256(payload).digest()
            ).hex()
        },
    }
    for name, changes in wrong.items():
        family.bad(f"verify: {name}", "verify", good | changes, error="forged")


def _read_signed(data: _Given, _: _Given) -> Json:
    return describe_signed(SignedPayload.parse(bytes.fromhex(data["bytes"])))


def describe_signed(signed: SignedPayload) -> Json:
    """Return a signed payload in the words of the vectors."""
    return {
        "consignment": describe_consignment(signed.consignment),
        "payload": signed.payload.hex(),
        "payload_sha256": signed.digest,
        "signer_key_id": signed.signer,
        "signature": signed.signature.hex(),
    }


def _verify_signed(data: _Given, _: _Given) -> str:
    signed = SignedPayload.parse(bytes.fromhex(data["bytes"]))
    signed.verify(VerifyKey(bytes.fromhex(data["public"])))
    return "verified"


def _write_signed(data: _Given, _: _Given) -> str:
    return (
        SignedPayload.sign(
            bytes.fromhex(data["payload"]),
            consignment=make_consignment(data["consignment"]),
            key=SigningKey(bytes.fromhex(data["seed"])),
        )
        .encode()
        .hex()
    )


def make_signed_payloads() -> Family:
    """Return the vectors of the signed payload."""
    family = Family(
        name="signed_payloads",
        description="The signed payload: reading it, and verifying it with the public key that "
        "the registry has for its signer. All bytes are hexadecimal.",
        spec=("4",),
        operations={
            "write": Operation("Sign the payload for the consignment; the bytes.", _write_signed),
            "read": Operation("Read `bytes`; what it holds. Nothing is verified.", _read_signed),
            "verify": Operation(
                'Read `bytes` and verify it with the public key; "verified".', _verify_signed
            ),
        },
    )
    public = KEY.verify_key.public.hex()
    for name, payload in {
        "a small payload": b'{"type":"general.message"}',
        "text in three scripts": '{"text":"Ditën e mirë. Добар дан. Good day."}'.encode(),
        "an empty payload: no message, and yet well signed": b"",
        "a payload of 300 bytes": b"x" * 300,
    }.items():
        data = {"seed": SEED.hex(), "consignment": FIELDS, "payload": payload.hex()}
        encoded = _write_signed(data, {})
        family.good(f"write: {name}", "write", data, expected=encoded)
        family.good(f"read: {name}", "read", {"bytes": encoded})
        family.good(
            f"verify: {name}", "verify", {"bytes": encoded, "public": public}, expected="verified"
        )
    _add_bad_signed(family, make_consignment(FIELDS).encode(), public)
    return family


def _add_bad_signed(family: Family, consignment: bytes, public: str) -> None:
    payload = b'{"type":"general.message"}'
    good: list[Item] = [
        "TRM1-signed",
        consignment,
        payload,
        bytes.fromhex(KEY.key_id),
        KEY.sign(Context.PAYLOAD, consignment, payload),
    ]

    def change(at: int, item: Item) -> bytes:
        return encode_array([*good[:at], item, *good[at + 1 :]])

    encoded = encode_array(good)
    other = encode_array([1, bytes.fromhex(MESSAGE_ID), "AL", "MK", EXPIRES])
    for name, data, error in (
        ("another magic", change(0, "TRM1"), "malformed"),
        ("the magic as bytes", change(0, b"TRM1-signed"), "malformed"),
        ("a consignment that is none", change(1, b"\x80"), "malformed"),
        ("a consignment with a byte behind", change(1, consignment + b"\x00"), "malformed"),
        ("a consignment of version 2", change(1, b"\x85\x02" + consignment[2:]), "unsupported"),
        ("a payload that is text", change(2, payload.decode()), "malformed"),
        ("a key id of 15 bytes", change(3, bytes(15)), "malformed"),
        ("a signature of 63 bytes", change(4, bytes(63)), "malformed"),
        ("a signature of 65 bytes", change(4, bytes(65)), "malformed"),
        ("an item less", encode_array(good[:4]), "malformed"),
        ("an item more", encode_array([*good, 0]), "malformed"),
        ("a byte behind", encoded + b"\x00", "malformed"),
        ("cut by a byte", encoded[:-1], "malformed"),
    ):
        family.bad(f"read: {name}", "read", {"bytes": data.hex()}, error=error)
    for name, data, key in (
        ("another recipient", change(1, other), public),
        ("another payload", change(2, payload + b" "), public),
        ("a signature of zeros", change(4, bytes(64)), public),
        ("another key id, of nobody", change(3, bytes(16)), public),
        (
            "the key id of another key",
            change(3, bytes.fromhex(OTHER_KEY.key_id)),
            OTHER_KEY.verify_key.public.hex(),
        ),
        (
            "another key than it names",
            change(3, bytes.fromhex(OTHER_KEY.key_id)),
            public,
        ),
        (
            "a signature for another context",
            change(4, KEY.sign(Context.EVIDENCE_BUNDLE, consignment, payload)),
            public,
        ),
    ):
        family.bad(
            f"verify: {name}", "verify", {"bytes": data.hex(), "public": key}, error="forged"
        )


def make_families() -> list[Family]:
    """Return the files of this module."""
    return [make_signing(), make_signed_payloads()]
