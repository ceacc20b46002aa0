"""The whole way of an envelope at its recipient, up to the point where something is stored."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from protocol.cbor import encode_array
from protocol.envelope import Envelope
from protocol.errors import (
    ExpiredError,
    MalformedError,
    MisaddressedError,
    RejectionCode,
    RemoteProtocolError,
    UnopenableError,
)
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.nkeys import Nkey, NkeyKind
from protocol.sealing import OpeningKey, pad
from protocol.signing import Context, SigningKey, VerifyKey
from tests.support.vectors.consignments import EXPIRES, FORMAT, MESSAGE_ID
from tests.support.vectors.family import Family, Json, Operation
from tests.support.vectors.frozen import Wanted
from tests.support.vectors.sealing import (
    OTHER_OPENING_KEY,
    PRIVATE,
    encode_envelope,
    make_info,
)
from tests.support.vectors.signing import KEY, OTHER_KEY

_Given = Mapping[str, Any]

ACCOUNTS: Final = {
    code: Nkey(NkeyKind.ACCOUNT, SigningKey(letter * 32)).public
    for code, letter in {"AL": b"a", "MK": b"m", "nobody": b"n"}.items()
}
_NOW: Final = "2026-03-10T08:00:00Z"

MESSAGE: Final[Json] = {
    "type": "general.message",
    "version": 1,
    "message_id": MESSAGE_ID,
    "sender": "AL",
    "recipient": "XK",
    "composed_at": "2026-03-03T11:00:00Z",
    "registry": {"version": 7, "sha256": "ab" * 32},
    "kind": "update",
    "channel": "assistance",
    "case": "TRM-7G1A0-2C028-R",
    "from_authority": "AL-anti-trafficking-desk",
    "to_authority": "XK-anti-trafficking-desk",
    "phase": "identification",
    "formality": "informal",
    "urgency": "standard",
    "language": "en",
    "legal_basis": {
        "kind": "consent",
        "given_by": "person",
        "given_at": "2026-03-03T09:00:00Z",
        "explained_in": "sq",
        "classes": ["protection"],
        "phases": ["identification"],
        "recipients": ["XK"],
    },
    "link": {"generation": 1, "seq": 1, "prev": "0" * 64},
    "body": {"text": "We can receive her on Thursday."},
}
_HEAD: Final = ("message_id", "sender", "recipient", "composed_at", "registry")
RECEIPT: Final[Json] = {
    "type": "system.receipt",
    "version": 1,
    **{name: MESSAGE[name] for name in _HEAD},
    "body": {
        "items": [
            {
                "message_id": "f" * 32,
                "payload_sha256": "cd" * 32,
                "status": "delivered",
                "at": "2026-03-03T10:59:00Z",
            }
        ]
    },
}


def encode_json(message: Mapping[str, Any]) -> bytes:
    """Write a message as a payload."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


class _UnknownSenderError(RemoteProtocolError):
    code = RejectionCode.UNKNOWN_SENDER


def _consign(sender: str, recipient: str) -> bytes:
    return encode_array([1, bytes.fromhex(MESSAGE_ID), sender, recipient, EXPIRES])


def _sign(
    payload: bytes, *, consignment: bytes, key: SigningKey = KEY, wrong: bool = False
) -> bytes:
    signature = key.sign(Context.PAYLOAD, consignment, payload + (b" " if wrong else b""))
    key_id = bytes.fromhex(key.key_id)
    return encode_array(["TRM1-signed", consignment, payload, key_id, signature])


_AL_XK: Final = _consign("AL", "XK")
_UNLISTED: Final = SigningKey(b"u" * 32)

#: Name, what is sealed, and the consignment around it.
_SEALED: Final[Mapping[str, tuple[bytes, bytes]]] = {
    name: (_sign(payload, consignment=_AL_XK), _AL_XK)
    for name, payload in {
        "a message": encode_json(MESSAGE),
        "a receipt": encode_json(RECEIPT),
        "a message of an unknown type": encode_json(MESSAGE | {"type": "general.of_tomorrow"}),
        "a message between machines, of an unknown type": encode_json(
            {name: MESSAGE[name] for name in _HEAD} | {"type": "system.of_tomorrow", "version": 1}
        ),
        "a message of a newer version": encode_json(MESSAGE | {"version": 2, "new": [1.5, None]}),
        "a message composed in 1999": encode_json(
            MESSAGE | {"composed_at": "1999-01-01T00:00:00Z"}
        ),
        "a message composed in 2099": encode_json(
            MESSAGE | {"composed_at": "2099-01-01T00:00:00Z"}
        ),
        "a payload that is no JSON": b"Good day",
        "a payload with a field too many": encode_json(MESSAGE | {"priority": 1}),
        "another message id in the payload": encode_json(MESSAGE | {"message_id": "0" * 32}),
        "another sender in the payload": encode_json(
            MESSAGE | {"sender": "MK", "from_authority": "MK-anti-trafficking-desk"}
        ),
        "another recipient in the payload": encode_json(
            MESSAGE
            | {
                "recipient": "RS",
                "to_authority": "RS-anti-trafficking-desk",
                "legal_basis": MESSAGE["legal_basis"] | {"recipients": ["RS"]},
            }
        ),
        "another sender in a payload of an unknown type": encode_json(
            MESSAGE | {"type": "general.of_tomorrow", "sender": "MK"}
        ),
    }.items()
} | {
    "a message for MK": (
        _sign(encode_json(MESSAGE), consignment=_consign("AL", "MK")),
        _consign("AL", "MK"),
    ),
    "a message that MK signed as AL": (
        _sign(encode_json(MESSAGE), consignment=_AL_XK, key=OTHER_KEY),
        _AL_XK,
    ),
    "a message signed with a key that is not listed": (
        _sign(encode_json(MESSAGE), consignment=_AL_XK, key=_UNLISTED),
        _AL_XK,
    ),
    "a message whose signature is of another payload": (
        _sign(encode_json(MESSAGE), consignment=_AL_XK, wrong=True),
        _AL_XK,
    ),
    "a payload that is no JSON and whose signature is of another": (
        _sign(b"Good day", consignment=_AL_XK, wrong=True),
        _AL_XK,
    ),
    "a signed payload for MK inside an envelope for XK": (
        _sign(encode_json(MESSAGE), consignment=_consign("AL", "MK")),
        _AL_XK,
    ),
}


def list_wanted() -> Iterator[Wanted]:
    """Yield what has to be sealed for this family."""
    for name, (signed, consignment) in _SEALED.items():
        info = make_info(consignment=consignment)
        yield Wanted(f"receiving: {name}", pad(signed), info, PRIVATE)


def _receive(data: _Given, given: _Given) -> Json:
    """Follow the steps 1 to 8 of SPEC 8.2."""
    envelope = Envelope.parse(bytes.fromhex(data["envelope"]))
    listed = given["registry"]
    peer = next((code for code, each in listed.items() if each["account"] == data["account"]), None)
    if peer is None:
        raise _UnknownSenderError("No Participant has this account.")
    consignment = envelope.consignment
    if (consignment.recipient, consignment.sender) != (given["participant"], peer):
        raise MisaddressedError("It is for somebody else, or travelled as somebody else.")
    key = OpeningKey(bytes.fromhex(given["private_key"]))
    if envelope.recipient_key_id != key.key_id:
        raise UnopenableError("The key that it names is not held.")
    signed = key.open(envelope)
    keys = {each.key_id: each for each in map(_load, listed[peer]["signing_keys"])}
    if signed.signer not in keys:
        raise _UnknownSenderError("The sender lists no such signing key.")
    signed.verify(keys[signed.signer])
    if datetime.strptime(data["now"], FORMAT).replace(tzinfo=UTC) > consignment.expires_at:
        raise ExpiredError("It came after its expiry.")
    message = parse_payload(signed.payload)
    if (message.message_id, message.sender, message.recipient) != (
        consignment.message_id,
        consignment.sender,
        consignment.recipient,
    ):
        raise MisaddressedError("Payload and consignment name different parties.")
    if data["class"] != ("r" if message.type.startswith("system.") else "m"):
        raise MalformedError("It travelled in the wrong class.")
    return {
        "message_id": consignment.message_id,
        "sender": consignment.sender,
        "type": message.type,
        "version": message.version,
        "readable": not isinstance(message, UnreadableMessage),
        "payload": signed.payload.decode(),
        "payload_sha256": signed.digest,
    }


def _load(public: str) -> VerifyKey:
    return VerifyKey(bytes.fromhex(public))


def make_families(sealed: Mapping[str, bytes]) -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="receiving",
        description="What a recipient makes of an envelope out of its mailbox, before it looks "
        "whether it knows the message: the steps 1 to 8 of section 8.2, of which the first that "
        "fails decides the code. Envelopes and keys are hexadecimal. `account` and `class` are of "
        "the subject in which the envelope came; `now` is the recipient's clock.",
        spec=("8.2", "5", "7.3"),
        operations={
            "receive": Operation(
                "Take the envelope in as the Participant of `given`, which holds this one private "
                "key and knows of the registry what is given; the message. `readable` is false for "
                "one of an unknown type or version.",
                _receive,
            )
        },
        given={
            "participant": "XK",
            "private_key": PRIVATE.hex(),
            "registry": {
                "AL": {"account": ACCOUNTS["AL"], "signing_keys": [KEY.verify_key.public.hex()]},
                "MK": {
                    "account": ACCOUNTS["MK"],
                    "signing_keys": [OTHER_KEY.verify_key.public.hex()],
                },
            },
        },
    )
    for name, changes in _list_good():
        family.good(name, "receive", _make_input(sealed, changes))
    for name, changes, error in _list_bad():
        family.bad(name, "receive", _make_input(sealed, changes), error=error)
    return [family]


def _make_input(sealed: Mapping[str, bytes], changes: Mapping[str, Any]) -> Json:
    name = changes.get("sealed", "a message")
    envelope = encode_envelope(
        sealed[f"receiving: {name}"],
        consignment=_SEALED[name][1],
        suite=changes.get("suite", 1),
        key_id=changes.get("key_id"),
    )
    cut = changes.get("cut", 0)
    return {
        "envelope": envelope[: len(envelope) - cut].hex(),
        "account": changes.get("account", ACCOUNTS["AL"]),
        "class": changes.get("class", "m"),
        "now": changes.get("now", _NOW),
    }


def _list_good() -> Iterator[tuple[str, Json]]:
    for name in ("a message", "a message composed in 1999", "a message composed in 2099"):
        yield name, {"sealed": name}
    yield "a receipt, in its class", {"sealed": "a receipt", "class": "r"}
    for name in ("a message of an unknown type", "a message of a newer version"):
        yield name, {"sealed": name}
    name = "a message between machines, of an unknown type"
    yield name, {"sealed": name, "class": "r"}
    yield "in the second in which it expires", {"now": "2026-03-24T11:00:00Z"}
    yield "with a clock that is years behind", {"now": "2020-01-01T00:00:00Z"}


def _list_bad() -> Iterator[tuple[str, Json, str]]:
    nobody, mk = {"account": ACCOUNTS["nobody"]}, {"account": ACCOUNTS["MK"]}
    late = {"now": "2026-03-24T11:00:01Z"}
    yield "from an account that nobody lists", nobody, "unknown_sender"
    yield "from the account of another Participant", mk, "misaddressed"
    yield "for another Participant", {"sealed": "a message for MK"}, "misaddressed"
    other = {"key_id": bytes.fromhex(OTHER_OPENING_KEY.key_id)}
    yield "for a key that is not held", other, "unopenable"
    yield "a second after its expiry", late, "expired"
    for name, error in (
        ("a signed payload for MK inside an envelope for XK", "misaddressed"),
        ("a message that MK signed as AL", "unknown_sender"),
        ("a message signed with a key that is not listed", "unknown_sender"),
        ("a message whose signature is of another payload", "forged"),
        ("a payload that is no JSON", "malformed"),
        ("a payload with a field too many", "malformed"),
        ("another message id in the payload", "misaddressed"),
        ("another sender in the payload", "misaddressed"),
        ("another recipient in the payload", "misaddressed"),
        ("another sender in a payload of an unknown type", "misaddressed"),
    ):
        yield name, {"sealed": name}, error
    yield "a message in the class of receipts", {"class": "r"}, "malformed"
    yield "a message in the class of chunks", {"class": "b"}, "malformed"
    yield (
        "a message of an unknown type in the class of receipts",
        {"sealed": "a message of an unknown type", "class": "r"},
        "malformed",
    )
    yield (
        "a message between machines, of an unknown type, in the class of messages",
        {"sealed": "a message between machines, of an unknown type"},
        "malformed",
    )
    yield "a receipt in the class of messages", {"sealed": "a receipt"}, "malformed"
    # Which failure comes first.
    yield "cut, and from an unknown account", nobody | {"cut": 1}, "malformed"
    yield "suite 2, and from an unknown account", nobody | {"suite": 2}, "unsupported"
    yield (
        "from an unknown account, and for another Participant",
        nobody | {"sealed": "a message for MK"},
        "unknown_sender",
    )
    yield "from another account, and for a key that is not held", mk | other, "misaddressed"
    yield "for a key that is not held, and expired", late | other, "unopenable"
    forged = {"sealed": "a message whose signature is of another payload"}
    yield "forged, and expired", late | forged, "forged"
    yield "expired, and no JSON", late | {"sealed": "a payload that is no JSON"}, "expired"
    both = {"sealed": "a payload that is no JSON and whose signature is of another"}
    yield "forged, and no JSON", both, "forged"
    yield "expired, and in the wrong class", late | {"class": "r"}, "expired"
