"""Strict CBOR: the encoding that all objects of the wire share."""

from collections.abc import Mapping
from typing import Any, Final

from protocol.cbor import Item, decode_array, encode_array
from tests.support.vectors.family import Family, Operation

_Given = Mapping[str, Any]


def _to_json(item: Item) -> Any:
    return {"bytes": item.hex()} if isinstance(item, bytes) else item


def _from_json(item: Any) -> Item:
    return bytes.fromhex(item["bytes"]) if isinstance(item, dict) else item


def _decode(data: _Given, _: _Given) -> list[Any]:
    found = decode_array(bytes.fromhex(data["bytes"]), length=data["length"])
    return [_to_json(item) for item in found]


def _encode(data: _Given, _: _Given) -> str:
    return encode_array([_from_json(item) for item in data["items"]]).hex()


_GOOD_ARRAYS: Final[Mapping[str, tuple[list[Any], str]]] = {
    "nothing": ([], "80"),
    "zero": ([0], "8100"),
    "23 in the first byte": ([23], "8117"),
    "24 in a second byte": ([24], "811818"),
    "255": ([255], "8118ff"),
    "256": ([256], "81190100"),
    "65535": ([65535], "8119ffff"),
    "65536": ([65536], "811a00010000"),
    "2^32 - 1": ([2**32 - 1], "811affffffff"),
    "2^32": ([2**32], "811b0000000100000000"),
    "2^64 - 1": ([2**64 - 1], "811bffffffffffffffff"),
    "empty bytes": ([{"bytes": ""}], "8140"),
    "bytes": ([{"bytes": "00ff"}], "814200ff"),
    "24 bytes": ([{"bytes": "aa" * 24}], "815818" + "aa" * 24),
    "empty text": ([""], "8160"),
    "text": (["AL"], "8162414c"),
    "text that is not ASCII": (["\u0161\u20ac\U0001f600"], "8169c5a1e282acf09f9880"),
    "one of each": ([1, {"bytes": "01"}, "a"], "830141016161"),
}

_BAD_ARRAYS: Final[Mapping[str, tuple[str, int]]] = {
    "no bytes at all": ("", 0),
    "cut after the head": ("81", 1),
    "cut inside a number": ("811900", 1),
    "cut inside bytes": ("814201", 1),
    "a length beyond the end": ("815bffffffffffffffff00", 1),
    "one item more than said": ("810000", 1),
    "a byte behind": ("810100", 1),
    "an item less than wanted": ("8100", 2),
    "an item more than wanted": ("820000", 1),
    "zero in two bytes": ("811800", 1),
    "23 in two bytes": ("811817", 1),
    "24 in three bytes": ("81190018", 1),
    "255 in three bytes": ("811900ff", 1),
    "65535 in five bytes": ("811a0000ffff", 1),
    "2^32 - 1 in nine bytes": ("811b00000000ffffffff", 1),
    "the array's own length in two bytes": ("98010a", 1),
    "a length of bytes in two bytes": ("81580100", 1),
    "a length of text in two bytes": ("81780161", 1),
    "an array without a length": ("9f00ff", 1),
    "bytes without a length": ("815f4100ff", 1),
    "text without a length": ("817f6161ff", 1),
    "reserved first byte 1c": ("811c", 1),
    "a negative number": ("8120", 1),
    "a map": ("81a0", 1),
    "a nested array": ("818100", 1),
    "a tag": ("81c100", 1),
    "a tag in front of all": ("d9d9f78100", 1),
    "a big number as a tag": ("81c24101", 1),
    "false": ("81f4", 1),
    "null": ("81f6", 1),
    "a float": ("81f93c00", 1),
    "the break": ("81ff", 1),
    "not an array: a number": ("01", 1),
    "not an array: bytes": ("4100", 1),
    "not an array: a map": ("a10000", 1),
    "text that is not UTF-8": ("8161ff", 1),
    "text in overlong UTF-8": ("8162c080", 1),
    "text with a surrogate": ("8163eda080", 1),
    "text cut inside a character": ("8161c5", 1),
}


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="cbor",
        description="Deterministic CBOR as every object of the wire uses it: a flat array of a "
        "length known beforehand, of unsigned integers, byte strings and texts. In `items` a "
        'number or text stands for itself and {"bytes": hex} for a byte string. Numbers go up to '
        "2^64 - 1: read them exactly, not as floating point.",
        spec=("1",),
        operations={
            "decode": Operation("Read `bytes` as an array of `length` items; the items.", _decode),
            "encode": Operation("Write the items; the bytes.", _encode),
        },
    )
    for name, (items, encoded) in _GOOD_ARRAYS.items():
        decode = {"bytes": encoded, "length": len(items)}
        family.good(f"decode: {name}", "decode", decode, expected=items)
        family.good(f"encode: {name}", "encode", {"items": items}, expected=encoded)
    for name, (encoded, length) in _BAD_ARRAYS.items():
        data = {"bytes": encoded, "length": length}
        family.bad(f"decode: {name}", "decode", data, error="malformed")
    return [family]
