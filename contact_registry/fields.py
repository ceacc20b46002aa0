"""The kinds of values that stand in registry documents, each with its check and its bound."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, Field

from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    ParticipantCode,
    parse_authority_id,
    parse_language,
    parse_participant_code,
)
from protocol.signing import derive_key_id

#: Longest mailbox that mail can be sent to (RFC 5321 4.5.3.1.3, less the angle brackets).
LONGEST_MAILBOX: Final = 254
_TIME_ZONES: Final = frozenset(available_timezones())
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EXTENSION: Final = re.compile(r"[0-9]{1,8}")
# Deliberately narrower than RFC 5321: no quoted local parts, no address literals. A mailbox is
# shown to people and dialled by programs, so it must not be able to carry anything else.
_MAILBOX: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}")
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_AGREEMENT: Final = re.compile(r"(?=.{1,80}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_NKEY_ACCOUNT: Final = re.compile(r"A[A-Z2-7]{55}")

_Text = TypeVar("_Text", bound=str)


def _checked(parse: Callable[[str], _Text]) -> Callable[[str], _Text]:
    """Let pydantic collect what the protocol's parsers refuse."""

    def check(text: str) -> _Text:
        try:
            return parse(text)
        except MalformedError as error:
            raise ValueError(str(error)) from error

    return check


def _matching(pattern: re.Pattern[str], hint: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(hint)
        return text

    return check


def _check_line(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("One line of text, without control characters or space around it.")
    return text


def _check_text(text: str) -> str:
    if any(not (character.isprintable() or character == "\n") for character in text):
        raise ValueError("Text without control characters other than line ends.")
    return text


def _check_time_zone(text: str) -> str:
    if text not in _TIME_ZONES:
        raise ValueError("A time zone is an IANA name such as Europe/Tirane.")
    return text


def _check_moment(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0) or moment.microsecond:
        raise ValueError("A moment is in UTC and whole seconds.")
    return moment


def parse_clock(text: str) -> str:
    """Return a time of day, 00:00 to 24:00, or raise ``ValueError``."""
    if not _CLOCK.fullmatch(text):
        raise ValueError("A time of day is written as 08:00, in 24 hours; the end of a day 24:00.")
    return text


def decode_base64(text: str) -> bytes:
    """Return the bytes of canonical standard base64, or raise ``ValueError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("A public key is written in standard base64 with padding.") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("A public key is written in canonical base64: write it again.")
    return data


def check_key(public: str, *, key_id: str, size: int | None) -> None:
    """Raise ``ValueError`` unless ``key_id`` names this public key, of ``size`` bytes if given."""
    data = decode_base64(public)
    if size is not None and len(data) != size:
        raise ValueError(f"A public key of this kind has {size} bytes, not {len(data)}.")
    if derive_key_id(data) != key_id:
        raise ValueError("key_id does not name this public key: derive it again.")


Participant = Annotated[ParticipantCode, AfterValidator(_checked(parse_participant_code))]
Language = Annotated[str, AfterValidator(_checked(parse_language))]
Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_line)]
OptionalLine = Annotated[str, Field(max_length=500), AfterValidator(_check_line)]
Moment = Annotated[AwareDatetime, AfterValidator(_check_moment)]
Mailbox = Annotated[
    str,
    Field(max_length=LONGEST_MAILBOX),
    AfterValidator(_matching(_MAILBOX, "A mailbox is one address such as desk@authority.example.")),
]
AccountKey = Annotated[
    str,
    AfterValidator(_matching(_NKEY_ACCOUNT, "A broker account key is an nkey of 56 letters: A...")),
]
E164 = Annotated[
    str, AfterValidator(_matching(_E164, "A number is written as +35544541821 (E.164)."))
]
Extension = Annotated[str, AfterValidator(_matching(_EXTENSION, "An extension is 1 to 8 digits."))]
Text = Annotated[str, AfterValidator(_check_text)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_check_time_zone)]
AgreementName = Annotated[
    str,
    AfterValidator(
        _matching(_AGREEMENT, "An agreement is named by small letters, digits and single hyphens.")
    ),
]
AuthorityName = Annotated[AuthorityId, AfterValidator(_checked(parse_authority_id))]


def is_mailbox(text: str) -> bool:
    """Whether ``text`` is one mailbox as the registry takes it."""
    return len(text) <= LONGEST_MAILBOX and _MAILBOX.fullmatch(text) is not None
