"""Envelopes: what binds them, and opening them with the private key that is given."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.cbor import Item, encode_array
from protocol.envelope import Envelope, SignedPayload, encode_info
from protocol.sealing import OpeningKey, pad
from protocol.signing import Context, KeyId
from tests.support.vectors.consignments import EXPIRES, FIELDS, MESSAGE_ID, make_consignment
from tests.support.vectors.family import Family, Json, Operation
from tests.support.vectors.frozen import Wanted
from tests.support.vectors.signing import KEY, describe_signed

_Given = Mapping[str, Any]

PRIVATE: Final = bytes(range(96))
OPENING_KEY: Final = OpeningKey(PRIVATE)
OTHER_PRIVATE: Final = bytes(range(96, 192))
OTHER_OPENING_KEY: Final = OpeningKey(OTHER_PRIVATE)

_CONSIGNMENT: Final = make_consignment(FIELDS).encode()
_FOR_MK: Final = encode_array([1, bytes.fromhex(MESSAGE_ID), "AL", "MK", EXPIRES])
_PAYLOAD: Final = b'{"type":"general.message","text":"Invented."}'
_KEM_BYTES: Final = 1088
_ENC_BYTES: Final = 1120


def encode_signed(
    payload: bytes, *, consignment: bytes = _CONSIGNMENT, magic: str = "TRM1-signed"
) -> bytes:
    """Sign with AL's key and encode, for whatever consignment, right or wrong."""
    signature = KEY.sign(Context.PAYLOAD, consignment, payload)
    return encode_array([magic, consignment, payload, bytes.fromhex(KEY.key_id), signature])


def make_info(
    *, consignment: bytes = _CONSIGNMENT, suite: int = 1, key: OpeningKey = OPENING_KEY
) -> bytes:
    """Make the ``info`` of the sealing."""
    return encode_info(consignment, suite=suite, recipient_key_id=key.key_id)


def encode_envelope(
    sealed: Item,
    *,
    consignment: Item = _CONSIGNMENT,
    suite: Item = 1,
    key_id: Item | None = None,
    magic: str = "TRM1",
) -> bytes:
    """Encode an envelope of any parts, right or wrong."""
    named = bytes.fromhex(OPENING_KEY.key_id) if key_id is None else key_id
    return encode_array([magic, consignment, suite, named, sealed])


_GOOD_PAYLOADS: Final = {
    "a small message": _PAYLOAD,
    "an empty payload": b"",
    "a payload of 2000 bytes": b"x" * 2000,
}
_SIGNED: Final = encode_signed(_PAYLOAD)
_WRONG_CONTENT: Final[Mapping[str, tuple[bytes, str]]] = {
    "inside, the consignment of a message for a third party": (
        pad(encode_signed(_PAYLOAD, consignment=_FOR_MK)),
        "misaddressed",
    ),
    "inside, a signed payload with another magic": (
        pad(encode_signed(_PAYLOAD, magic="TRM1")),
        "malformed",
    ),
    "inside, a byte behind the signed payload": (pad(_SIGNED + b"\x00"), "malformed"),
    "inside, no signed payload": (pad(b"nothing of ours"), "malformed"),
    "inside, nothing": (b"", "malformed"),
    "inside, no length and no padding": (_SIGNED, "malformed"),
    "inside, a length and no padding": (
        len(_SIGNED).to_bytes(4, "big") + _SIGNED,
        "malformed",
    ),
    "inside, a block more of padding": (pad(_SIGNED) + bytes(16), "malformed"),
    "inside, padding that is not zero": (pad(_SIGNED)[:-1] + b"\x01", "malformed"),
}
_WRONG_INFO: Final[Mapping[str, bytes]] = {
    "sealed without info": b"",
    "sealed with the info of another key": make_info(key=OTHER_OPENING_KEY),
    "sealed with the info of suite 2": make_info(suite=2),
    "sealed with the info of another consignment": make_info(consignment=_FOR_MK),
    "sealed with the envelope's magic left out": encode_array(
        [_CONSIGNMENT, 1, bytes.fromhex(OPENING_KEY.key_id)]
    ),
}


def list_wanted() -> Iterator[Wanted]:
    """Yield what has to be sealed for this family."""
    for name, payload in _GOOD_PAYLOADS.items():
        yield Wanted(f"envelopes: {name}", pad(encode_signed(payload)), make_info(), PRIVATE)
    for name, (plain, _) in _WRONG_CONTENT.items():
        yield Wanted(f"envelopes: {name}", plain, make_info(), PRIVATE)
    for name, info in _WRONG_INFO.items():
        yield Wanted(f"envelopes: {name}", pad(_SIGNED), info, PRIVATE)


def _make_info(data: _Given, _: _Given) -> str:
    return encode_info(
        bytes.fromhex(data["consignment"]),
        suite=data["suite"],
        recipient_key_id=KeyId(data["recipient_key_id"]),
    ).hex()


def _name_recipient(data: _Given, _: _Given) -> Json:
    key = OpeningKey(bytes.fromhex(data["private"]))
    return {"public": key.recipient_key.public.hex(), "key_id": key.key_id}


def _read(data: _Given, _: _Given) -> Json:
    envelope = Envelope.parse(bytes.fromhex(data["envelope"]))
    return {
        "consignment": envelope.consignment_bytes.hex(),
        "suite": envelope.suite,
        "recipient_key_id": envelope.recipient_key_id,
        "sealed": envelope.sealed.hex(),
    }


def _open(data: _Given, given: _Given) -> Json:
    key = OpeningKey(bytes.fromhex(given["keys"][data["key"]]["private"]))
    signed: SignedPayload = key.open(Envelope.parse(bytes.fromhex(data["envelope"])))
    return describe_signed(signed)


def make_families(sealed: Mapping[str, bytes]) -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="envelopes",
        description="Envelopes and how they are opened. All bytes are hexadecimal. A private key "
        "is the ML-KEM-768 seed (d then z of FIPS 203, 64 bytes) and the X25519 private key (32 "
        "bytes). Sealing is random, so there are no vectors for it: seal for the given public keys "
        "yourself and open that. `primitives/envelopes` has more ways to be wrong.",
        spec=("5",),
        operations={
            "info": Operation("Make the sealing-info; the bytes.", _make_info),
            "public": Operation(
                "The public half of a private key and its key id.", _name_recipient
            ),
            "read": Operation("Read an envelope without opening it; its parts.", _read),
            "open": Operation(
                "Open the envelope with the key of this name (of `given`), whatever key it names, "
                "undo the padding, read the signed payload, compare the consignments; what the "
                "signed payload holds. Its signature is not verified here.",
                _open,
            ),
        },
        given={
            "keys": {
                name: {
                    "private": key.private.hex(),
                    "public": key.recipient_key.public.hex(),
                    "key_id": key.key_id,
                }
                for name, key in {"first": OPENING_KEY, "second": OTHER_OPENING_KEY}.items()
            }
        },
    )
    for name, private in {"first": PRIVATE, "second": OTHER_PRIVATE}.items():
        family.good(f"public: {name} key", "public", {"private": private.hex()})
    for key in (OPENING_KEY, OTHER_OPENING_KEY):
        data = {"consignment": _CONSIGNMENT.hex(), "suite": 1, "recipient_key_id": key.key_id}
        family.good(f"info: for {key.key_id}", "info", data)
    for name in _GOOD_PAYLOADS:
        envelope = encode_envelope(sealed[f"envelopes: {name}"]).hex()
        family.good(f"read: {name}", "read", {"envelope": envelope})
        family.good(f"open: {name}", "open", {"envelope": envelope, "key": "first"})
    _add_bad(family, sealed)
    return [family]


def _add_bad(family: Family, sealed: Mapping[str, bytes]) -> None:
    for name, (_, error) in _WRONG_CONTENT.items():
        data = {"envelope": encode_envelope(sealed[f"envelopes: {name}"]).hex(), "key": "first"}
        family.bad(f"open: {name}", "open", data, error=error)
    for name in _WRONG_INFO:
        data = {"envelope": encode_envelope(sealed[f"envelopes: {name}"]).hex(), "key": "first"}
        family.bad(f"open: {name}", "open", data, error="unopenable")
    good = sealed["envelopes: a small message"]
    for name, envelope, error in _alter_clear_parts(good):
        data = {"envelope": envelope.hex()}
        if error == "unopenable":
            family.bad(f"open: {name}", "open", data | {"key": "first"}, error=error)
        else:
            family.bad(f"read: {name}", "read", data, error=error)
    for name, changed in _alter_sealed(good):
        data = {"envelope": encode_envelope(changed).hex(), "key": "first"}
        family.bad(f"open: {name}", "open", data, error="unopenable")
    data = {"envelope": encode_envelope(good).hex(), "key": "second"}
    family.bad("open: with another key", "open", data, error="unopenable")


def _alter_clear_parts(good: bytes) -> Iterator[tuple[str, bytes, str]]:
    envelope = encode_envelope(good)
    yield "another recipient", encode_envelope(good, consignment=_FOR_MK), "unopenable"
    earlier = encode_array([1, bytes.fromhex(MESSAGE_ID), "AL", "XK", EXPIRES - 1])
    yield "another expiry", encode_envelope(good, consignment=earlier), "unopenable"
    other_id = encode_array([1, bytes(16), "AL", "XK", EXPIRES])
    yield "another message id", encode_envelope(good, consignment=other_id), "unopenable"
    other_key = bytes.fromhex(OTHER_OPENING_KEY.key_id)
    yield "another key named", encode_envelope(good, key_id=other_key), "unopenable"
    for suite in (0, 2, 65_535):
        yield f"suite {suite}", encode_envelope(good, suite=suite), "unsupported"
    yield "suite 65536", encode_envelope(good, suite=65_536), "malformed"
    yield "suite as text", encode_envelope(good, suite="1"), "malformed"
    later = b"\x85\x02" + _CONSIGNMENT[2:]
    yield "consignment of version 2", encode_envelope(good, consignment=later), "unsupported"
    yield "consignment as text", encode_envelope(good, consignment="AL"), "malformed"
    yield "a key id of 15 bytes", encode_envelope(good, key_id=bytes(15)), "malformed"
    yield "another magic", encode_envelope(good, magic="TRM2"), "malformed"
    yield "the magic of a signed payload", encode_envelope(good, magic="TRM1-signed"), "malformed"
    yield "sealed part as text", encode_envelope("sealed"), "malformed"
    yield "a byte behind", envelope + b"\x00", "malformed"
    yield "cut by a byte", envelope[:-1], "malformed"
    yield "nothing", b"", "malformed"
    yield "an array without a length", b"\x9f" + envelope[1:] + b"\xff", "malformed"


def _alter_sealed(good: bytes) -> Iterator[tuple[str, bytes]]:
    for name, at in {
        "the first byte of the ML-KEM ciphertext": 0,
        "the last byte of the ML-KEM ciphertext": _KEM_BYTES - 1,
        "the first byte of the X25519 share": _KEM_BYTES,
        "the first byte of the content": _ENC_BYTES,
        "the first byte of the tag": len(good) - 16,
        "the last byte of the tag": len(good) - 1,
    }.items():
        yield f"{name} changed", good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    yield "sealed part empty", b""
    yield "sealed part cut in the ML-KEM ciphertext", good[:1000]
    yield "sealed part without content", good[:_ENC_BYTES]
    yield "sealed part cut by a byte", good[:-1]
    yield "sealed part with a byte behind", good + b"\x00"
    share = good[_KEM_BYTES:_ENC_BYTES]
    yield "X25519 share in front", share + good[:_KEM_BYTES] + good[_ENC_BYTES:]
    yield "X25519 share of zeros", good[:_KEM_BYTES] + bytes(32) + good[_ENC_BYTES:]
