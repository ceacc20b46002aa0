"""Identifiers: Participants, authorities, messages, languages, case references."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import (
    make_case_reference,
    parse_authority_id,
    parse_case_reference,
    parse_language,
    parse_message_id,
    parse_participant_code,
)
from tests.support.vectors.family import Family, Operation, Run


def _reader(parse: Callable[[str], str]) -> Run:
    def run(data: Mapping[str, Any], _: Mapping[str, Any]) -> str:
        return str(parse(data["text"]))

    return run


def _read_case_on_the_wire(text: str) -> str:
    if parse_case_reference(text) != text:
        raise MalformedError("A case reference travels in its canonical form.")
    return text


def _add_check_character(data: Mapping[str, Any], _: Mapping[str, Any]) -> str | None:
    """Let the maker draw exactly these ten characters, lowest five bits first, again and again."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = sum(alphabet.index(char) << (5 * at) for at, char in enumerate(data["characters"]))
    try:
        return str(make_case_reference(lambda size: number.to_bytes(size, "big")))
    except LocalProtocolError:
        return None


_OPERATIONS: Final = {
    "participant": Operation("Read a Participant code; the code.", _reader(parse_participant_code)),
    "authority": Operation("Read an authority identifier; it.", _reader(parse_authority_id)),
    "message_id": Operation(
        "Read a message identifier as JSON has it; it.", _reader(parse_message_id)
    ),
    "language": Operation("Read a language; it.", _reader(parse_language)),
    "case_on_the_wire": Operation(
        "Read a case reference that travels in a message: only the exact form is one.",
        _reader(_read_case_on_the_wire),
    ),
    "case_as_typed": Operation(
        "Read a case reference that a person typed, with mercy; the exact form.",
        _reader(parse_case_reference),
    ),
    "case_check": Operation(
        "Write the case reference of ten characters that were drawn; null: they must be drawn "
        "again, for their check character is not in the alphabet.",
        _add_check_character,
    ),
}

_GOOD: Final[Mapping[str, tuple[str, ...]]] = {
    "participant": ("AL", "XK", "EU27", "A1", "ABCDEFGH", "Z9999999"),
    "authority": (
        "AL-police",
        "XK-different-and-equal",
        "EU27-0",
        "AL-1-2-3",
        "AL-" + "a" * 117,
    ),
    "message_id": ("0" * 32, "f" * 32, "0123456789abcdef" * 2),
    "language": ("sq", "en", "rom", "sr-Cyrl", "sr-Latn"),
    "case_on_the_wire": ("TRM-7G1A0-2C028-R",),
}

_BAD: Final[Mapping[str, Mapping[str, str]]] = {
    "participant": {
        "nothing": "",
        "one letter": "A",
        "nine characters": "ABCDEFGHI",
        "small letters": "al",
        "a digit first": "1A",
        "a blank behind": "AL ",
        "a line end behind": "AL\n",
        "a Cyrillic letter": "\u0410L",
        "a full-width digit": "A\uff11",
        "a hyphen": "A-L",
    },
    "authority": {
        "no name": "AL-",
        "no hyphen": "AL",
        "capital letters in the name": "AL-Police",
        "two hyphens": "AL-a--b",
        "a hyphen at the end": "AL-a-",
        "an underscore": "AL-a_b",
        "121 characters": "AL-" + "a" * 118,
        "no Participant": "-police",
        "a line end behind": "AL-police\n",
        "a letter that is not ASCII": "AL-polici\u00e9",
    },
    "message_id": {
        "nothing": "",
        "31 characters": "0" * 31,
        "33 characters": "0" * 33,
        "capital letters": "F" * 32,
        "hyphens as in a UUID": "01234567-89ab-cdef-0123-456789abcdef",
        "no hexadecimal": "g" * 32,
        "a line end behind": "0" * 32 + "\n",
        "full-width digits": "\uff10" * 32,
    },
    "language": {
        "nothing": "",
        "one letter": "s",
        "four letters": "serb",
        "capital letters": "SQ",
        "a script in small letters": "sr-cyrl",
        "a region": "sr-RS",
        "script and region": "sr-Cyrl-RS",
        "an underscore": "sr_Cyrl",
        "a line end behind": "sq\n",
    },
    "case_on_the_wire": {
        "small letters": "trm-7g1a0-2c028-r",
        "no hyphens": "TRM7G1A02C028R",
        "O for 0": "TRM-7G1AO-2C028-R",
        "a blank behind": "TRM-7G1A0-2C028-R ",
        "another check character": "TRM-7G1A0-2C028-S",
        "without TRM": "7G1A0-2C028-R",
        "nothing": "",
    },
    "case_as_typed": {
        "nothing": "",
        "only TRM": "TRM",
        "one character wrong": "TRM-7G1B0-2C028-R",
        "neighbours swapped": "TRM-7G1A0-C2028-R",
        "another check character": "TRM-7G1A0-2C028-Q",
        "no check character": "TRM-7G1A0-2C028",
        "a character too many": "TRM-7G1A0-2C028-RR",
        "the letter U, which is in no reference": "TRM-7G1A0-2C02U-R",
        "TRM twice": "TRM-TRM-7G1A0-2C028-R",
        "a slash for a hyphen": "TRM/7G1A0/2C028/R",
    },
}

_EXACT: Final = "TRM-7G1A0-2C028-R"
_AS_TYPED: Final[Mapping[str, str]] = {
    "as it is": _EXACT,
    "small letters": "trm-7g1a0-2c028-r",
    "without hyphens": "TRM7G1A02C028R",
    "without TRM": "7G1A0-2C028-R",
    "bare": "7g1a02c028r",
    "O for 0": "TRM-7G1AO-2CO28-R",
    "I for 1": "TRM-7GIA0-2C028-R",
    "small L for 1": "TRM-7GlA0-2C028-R",
    "blanks around and inside": "  TRM 7G1A0 2C0 28 R ",
    "hyphens elsewhere": "TRM7-G1A02-C028R",
}

_DRAWN: Final = (
    "7G1A02C028", "0000000000", "ZZZZZZZZZZ", "0123456789", "ABCDEFGHJK", "MNPQRSTVWX",
    "TRM0000000", "9876543210", "0000000001", "1000000000", "5KKKKKKKK5", "QQQQQQQQQQ",
)  # fmt: skip


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="identifiers",
        description="Names as they travel and as people type them. A text is either read, and "
        "then written in its one form, or malformed.",
        spec=("2.1", "2.2"),
        operations=_OPERATIONS,
    )
    for operation, texts in _GOOD.items():
        for text in texts:
            name = text if len(text) < 40 else f"{len(text)} characters"
            family.good(f"{operation}: {name}", operation, {"text": text}, expected=text)
    for name, text in _AS_TYPED.items():
        family.good(f"case_as_typed: {name}", "case_as_typed", {"text": text}, expected=_EXACT)
    for operation, bad in _BAD.items():
        for name, text in bad.items():
            family.bad(f"{operation}: {name}", operation, {"text": text}, error="malformed")
    for characters in _DRAWN:
        family.good(f"case_check: {characters}", "case_check", {"characters": characters})
    return [family]
