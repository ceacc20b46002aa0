"""Payloads of no type in particular: encoding, JSON, the outline, the head."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.messages.catalogue import UnreadableMessage, parse_payload
from tests.support.vectors.family import Family, Json, Operation
from tests.support.vectors.receiving import MESSAGE, encode_json

_Given = Mapping[str, Any]

ENCODING: Final = (
    "The payload is `text` in UTF-8, or, where it is no text, the bytes of `hex`. Exactly these "
    "bytes are what is signed, hashed and read: never write the JSON anew."
)
_READ: Final = (
    "Read the payload, with nothing around it. The result names type and version; `readable` is "
    "false if they are not known in this version of the protocol, and then the outline follows; "
    "`sha256` is the digest of the message. Everything that is refused is malformed."
)


def _read(data: _Given, _: _Given) -> Json:
    payload = data["text"].encode() if "text" in data else bytes.fromhex(data["hex"])
    message = parse_payload(payload)
    found: Json = {
        "type": message.type,
        "version": message.version,
        "readable": not isinstance(message, UnreadableMessage),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    if isinstance(message, UnreadableMessage):
        outline = {name: getattr(message, name) for name in ("message_id", "sender", "recipient")}
        outline["case"] = message.case
        outline["link"] = message.link and message.link.model_dump(mode="json")
        found["outline"] = {name: value for name, value in outline.items() if value is not None}
    return found


OPERATIONS: Final = {"read": Operation(_READ, _read)}


def write_payload(fields: Mapping[str, Any]) -> Json:
    """Write a message as the input of the operation ``read``."""
    try:
        text = encode_json(fields).decode()
    except UnicodeEncodeError:  # half a character: JSON can say it, UTF-8 cannot
        text = json.dumps(fields, separators=(",", ":"))
    return {"text": text}


_UNKNOWN: Final = MESSAGE | {"type": "general.of_tomorrow"}
_FILE: Final[Json] = {
    "attachment_id": "0" * 32,
    "sensitivity": "protection",
    "name": "letter.pdf",
    "media_type": "application/pdf",
    "size": 9,
    "chunk_size": 8192,
    "chunk_count": 1,
    "sha256": "ab" * 32,
    "chunk_sha256": base64.b64encode(bytes(32)).decode(),
    "key": base64.b64encode(bytes(32)).decode(),
    "header": base64.b64encode(bytes(24)).decode(),
}
_TEXT: Final = encode_json(MESSAGE).decode()
_UNKNOWN_TEXT: Final = encode_json(_UNKNOWN).decode()


def _insert(member: str, *, into: str = _UNKNOWN_TEXT) -> str:
    """Put one more member at the end of the outermost object."""
    return into[:-1] + "," + member + "}"


def _list_good_texts() -> Iterator[tuple[str, str]]:
    yield "a message", _TEXT
    yield "white space around and between", " \n\t\r" + _TEXT.replace(",", " ,\r\n\t ") + "\n"
    yield "its members in another order", encode_json(dict(reversed(MESSAGE.items()))).decode()
    yield (
        "names and texts with escapes",
        _TEXT.replace('"body"', '"b\\u006fdy"').replace("-", "\\u002d"),
    )
    yield "text that is not ASCII, bare", _TEXT.replace("Thursday", "četvrtak 😀")
    yield (
        "text that is not ASCII, in escapes",
        _TEXT.replace("Thursday", "\\u010detvrtak \\ud83d\\ude00"),
    )
    yield "null for an optional field", _insert('"answer_by":null,"seen":null', into=_TEXT)
    yield (
        "a moment with an offset",
        _TEXT.replace('"2026-03-03T11:00:00Z"', '"2026-03-03T12:00:00+01:00"'),
    )
    yield "a line feed and a tab in a narrative", _TEXT.replace("her on", "her\\non\\tthat")
    yield "an unknown type", _UNKNOWN_TEXT
    yield "a newer version of a known type", encode_json(MESSAGE | {"version": 2}).decode()
    yield "the highest version", encode_json(MESSAGE | {"version": 10_000}).decode()
    yield "an unknown type, with nothing but the outline", _outline()
    yield "an unknown type, without a case", _outline(case=None)
    yield "an unknown type, without a link", _outline(link=None)
    yield "an unknown type, with any other field", _insert('"body2":[{"a":1.5e3},null,true,-0]')
    yield "an unknown type, with text that no field may have", _insert('"note":"\\u0000\\u202e "')
    yield "an unknown type of the family system", _outline(type="system.of_tomorrow")
    yield "a type with the longest name", _outline(type="a" * 40 + "." + "b" * 60)
    yield "an empty list at the deepest place", _insert('"x":' + "[" * 16 + "]" * 16)
    yield "a number at the deepest place", _insert('"x":' + "[" * 15 + "1" + "]" * 15)
    yield "an object at the deepest place", _insert('"x":' + '{"a":' * 15 + "{}" + "}" * 15)
    yield "a file beside it", encode_json(MESSAGE | {"attachments": [_FILE]}).decode()
    yield "the same name in two objects", _insert('"x":[{"a":1},{"a":2}]')


def _outline(**changes: Any) -> str:
    names = ("type", "version", "message_id", "sender", "recipient", "case", "link")
    outline = {name: _UNKNOWN[name] for name in names} | changes
    return encode_json({name: each for name, each in outline.items() if each is not None}).decode()


def _list_bad_texts() -> Iterator[tuple[str, str]]:
    yield "nothing", ""
    yield "only white space", " \n"
    yield "null", "null"
    yield "a list", f"[{_TEXT}]"
    yield "a text", '"general.message"'
    yield "an empty object", "{}"
    yield "cut by a character", _TEXT[:-1]
    yield "something behind it", _TEXT + "x"
    yield "another object behind it", _TEXT + _TEXT
    yield "a byte order mark", "\ufeff" + _TEXT
    yield "a form feed before it", "\f" + _TEXT
    yield "a comma too many", _TEXT[:-1] + ",}"
    yield "a comment", "/* */" + _TEXT
    yield "names in single quotes", _TEXT.replace('"body"', "'body'")
    yield "a tab inside a text, bare", _TEXT.replace("her on", "her\ton")
    yield "half a surrogate pair in an escape", _insert('"x":"\\ud800"')
    yield "an escape that does not exist", _insert('"x":"\\x41"')
    for number in ("NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "0x10", "1e"):
        yield f"{number} as a number", _insert(f'"x":{number}')
    yield "a name twice", _insert('"version":1')
    yield "a name twice in a known type", _insert('"version":1', into=_TEXT)
    yield "a name twice, once with an escape", _insert('"x":1,"\\u0078":1')
    yield "a name twice in an object inside", _insert('"x":{"a":1,"b":2,"a":1}')
    yield "a name twice, deep inside", _insert('"x":[[{"y":{"a":1,"a":1}}]]')
    yield "a list too deep", _insert('"x":' + "[" * 17 + "]" * 17)
    yield "a number too deep", _insert('"x":' + "[" * 16 + "1" + "]" * 16)
    yield "nested 10 000 times", _insert('"x":' + "[" * 10_000 + "]" * 10_000)
    yield from _list_bad_fields()


def _list_bad_fields() -> Iterator[tuple[str, str]]:
    changes: dict[str, Json] = {
        "version 1.0": {"version": 1.0},
        "version true": {"version": True},
        "version as text": {"version": "1"},
        "version 0": {"version": 0},
        "version 10001": {"version": 10_001},
        "null for a required field": {"case": None},
        "a field that the type does not have": {"priority": "high"},
        "a moment without an offset": {"composed_at": "2026-03-03T11:00:00"},
        "a moment with half a second": {"composed_at": "2026-03-03T11:00:00.5Z"},
        "a moment as a number": {"composed_at": 1_772_535_600},
        "only a date for a moment": {"composed_at": "2026-03-03"},
        "the 29th of February 2026": {"composed_at": "2026-02-29T11:00:00Z"},
        "a leap second": {"composed_at": "2026-06-30T23:59:60Z"},
        "sender and recipient the same": {"sender": "XK", "from_authority": "XK-police"},
        "an authority of another Participant": {"from_authority": "MK-police"},
        "a code that is none": {"urgency": "soon"},
        "a code in capital letters": {"urgency": "Standard"},
        "formal without an instrument": {"formality": "formal"},
        "informal with an instrument": {"instrument": "A protocol"},
        "the channel of trends": {"channel": "trend"},
        "link number 0": {"link": MESSAGE["link"] | {"seq": 0}},
        "link number 2147483648": {"link": MESSAGE["link"] | {"seq": 2**31}},
        "generation 0": {"link": MESSAGE["link"] | {"generation": 0}},
        "a link with a field too many": {"link": MESSAGE["link"] | {"next": ""}},
        "a text with a blank behind": {"body": {"text": "Good day. "}},
        "an empty text": {"body": {"text": ""}},
        "a text with a bell": {"body": {"text": "Good\u0007day"}},
        "a text that turns the reading order": {"body": {"text": "Good \u202eyad"}},
        "a text that isolates the reading order": {"body": {"text": "Good \u2066day"}},
        "a text of 20 001 characters": {"body": {"text": "x" * 20_001}},
        "a number for a text": {"body": {"text": 1}},
        "a consent for another recipient": {
            "legal_basis": MESSAGE["legal_basis"] | {"recipients": ["MK"]}
        },
        "a consent for another phase": {
            "legal_basis": MESSAGE["legal_basis"] | {"phases": ["return"]}
        },
        "a consent for another class": {
            "legal_basis": MESSAGE["legal_basis"] | {"classes": ["health"]}
        },
        "no personal data, with some": {"legal_basis": {"kind": "no_personal_data"}},
        "an authority listed that the scope does not list": {
            "onward": {"scope": "ask_first", "authorities": ["XK-police"]}
        },
        "a link that is a text": {"link": "1"},
        "a file twice": {"attachments": [_FILE, _FILE]},
        "17 files": {
            "attachments": [_FILE | {"attachment_id": f"{number:032x}"} for number in range(17)]
        },
        "a file of a class that the consent does not name": {
            "attachments": [_FILE | {"sensitivity": "health"}]
        },
        "a file without a key": {
            "attachments": [{name: each for name, each in _FILE.items() if name != "key"}]
        },
        "seen at number 0": {"seen": {"generation": 1, "seq": 0}},
    }
    for name, change in changes.items():
        yield name, encode_json(MESSAGE | change).decode()
    for name in ("type", "version", "message_id", "sender", "recipient", "link", "body", "kind"):
        without = {key: value for key, value in MESSAGE.items() if key != name}
        yield f"without {name}", encode_json(without).decode()
    for name in ("message_id", "sender", "recipient"):
        yield f"an unknown type without {name}", _outline(**{name: None})
    yield "an unknown type with a link of two fields", _outline(link={"generation": 1, "seq": 1})
    yield "an unknown type with a case that is none", _outline(case="TRM-7G1A0-2C028-Q")
    for tag in ("general", "general.", ".message", "general.Message", "a.b.c", "general.m1"):
        yield f"the type '{tag}'", _outline(type=tag)
    yield "a type with a name too long", _outline(type="a" * 41 + ".b")


def _list_bad_bytes() -> Iterator[tuple[str, bytes]]:
    plain = _TEXT.encode()
    yield "a byte that is not UTF-8", plain.replace(b"Thursday", b"\xff")
    yield "Latin-1", _TEXT.replace("Thursday", "Dürres").encode("latin-1")
    yield "UTF-16", _TEXT.encode("utf-16")
    yield "UTF-16 without a mark", _TEXT.encode("utf-16-be")
    yield "UTF-32", _TEXT.encode("utf-32-le")
    yield "an overlong character", plain.replace(b"Thursday", b"\xc0\xaf")
    yield "half a surrogate pair in UTF-8", plain.replace(b"Thursday", b"\xed\xa0\x80")
    yield "a character cut off", plain.replace(b"Thursday", b"\xc4")
    yield "a byte order mark in bytes", b"\xef\xbb\xbf" + plain


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="payload_rules",
        description="What is true of payloads of all types: the encoding, JSON, the outline of "
        f"messages that cannot be read, and the head. {ENCODING}",
        spec=("9.1", "9.2", "9.4", "10.1"),
        operations=OPERATIONS,
    )
    for name, text in _list_good_texts():
        family.good(name, "read", {"text": text})
    for name, text in _list_bad_texts():
        data = {"text": text}
        family.bad(f"bad: {name}", "read", data, error="malformed")
    for name, data_bytes in _list_bad_bytes():
        family.bad(f"bad: {name}", "read", {"hex": data_bytes.hex()}, error="malformed")
    return [family]
