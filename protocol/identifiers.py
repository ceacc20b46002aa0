"""Names that travel: Participants, authorities, messages, cases, languages.

A parser takes text from outside and returns the canonical form or raises
:class:`~protocol.errors.MalformedError`. A maker takes randomness from its caller.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NewType

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from protocol.errors import LocalProtocolError, MalformedError

ParticipantCode = NewType("ParticipantCode", str)
"""A Participant: two to eight capital letters or digits, a letter first (``AL``, ``XK``)."""

AuthorityId = NewType("AuthorityId", str)
"""An authority within the registry: ``<participant>-<slug>``, such as ``AL-ngo-vatra``."""

MessageId = NewType("MessageId", str)
"""128 random bits as 32 lower-case hex characters."""

CaseReference = NewType("CaseReference", str)
"""``TRM-XXXXX-XXXXX-C``: 50 random bits and a check character. See :func:`make_case_reference`."""

RandomBytes = Callable[[int], bytes]
"""The port for randomness: ``os.urandom`` or ``secrets.token_bytes``."""


class Phase(StrEnum):
    """The five phases of a transnational referral. They need not run in this order."""

    IDENTIFICATION = "identification"
    FIRST_ASSISTANCE = "first_assistance"
    SOCIAL_INCLUSION = "social_inclusion"
    RETURN = "return"
    PROCEEDINGS = "proceedings"


class Channel(StrEnum):
    """The need-to-know channels: who works on one does not see another's messages."""

    ASSISTANCE = "assistance"
    POLICE = "police"
    WITNESS_PROTECTION = "witness_protection"
    TREND = "trend"


_PARTICIPANT: Final = re.compile(r"[A-Z][A-Z0-9]{1,7}")
_AUTHORITY: Final = re.compile(r"[A-Z][A-Z0-9]{1,7}-[a-z0-9]+(?:-[a-z0-9]+)*")
_AUTHORITY_LENGTH: Final = 120
_MESSAGE: Final = re.compile(r"[0-9a-f]{32}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?")

# Crockford's base 32: no I, L, O, U, so that nothing read out over a bad line is misheard as
# something else, and no word is spelt by accident.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_REFERENCE_CHARACTERS: Final = 10
_REFERENCE_BYTES: Final = 7
#: Eight draws of nine are good: so many bad ones in a row means that nothing is drawn.
_DRAWS: Final = 200


def parse_participant_code(text: str) -> ParticipantCode:
    """Return the code, or say what a code looks like."""
    if not _PARTICIPANT.fullmatch(text):
        raise MalformedError(
            "A Participant code is two to eight capital letters or digits, such as AL or XK."
        )
    return ParticipantCode(text)


def parse_authority_id(text: str) -> AuthorityId:
    """Return the identifier, or say what one looks like."""
    if len(text) > _AUTHORITY_LENGTH or not _AUTHORITY.fullmatch(text):
        raise MalformedError(
            "An authority identifier is the Participant's code, a hyphen, and a name in lower-case "
            "letters, digits and hyphens, such as AL-different-and-equal."
        )
    return AuthorityId(text)


def get_participant_of(authority: AuthorityId) -> ParticipantCode:
    """Return the Participant in whose part of the registry an authority is listed."""
    return ParticipantCode(authority.split("-", 1)[0])


def parse_message_id(text: str) -> MessageId:
    """Return the identifier, or say what one looks like."""
    if not _MESSAGE.fullmatch(text):
        raise MalformedError("A message identifier is 32 lower-case hexadecimal characters.")
    return MessageId(text)


def make_message_id(random: RandomBytes) -> MessageId:
    """Make a new identifier from 16 random bytes.

    It is random because the broker's deduplication is shared by all senders to a mailbox: a
    guessable one would let another sender suppress the message.
    """
    return MessageId(random(16).hex())


def parse_language(text: str) -> str:
    """Return a language tag (BCP 47, language and optional script: ``sq``, ``sr-Cyrl``)."""
    if not _LANGUAGE.fullmatch(text):
        raise MalformedError("A language is a code such as en, sq, mk or sr-Cyrl (BCP 47).")
    return text


def make_case_reference(random: RandomBytes) -> CaseReference:
    """Make a new case reference: derived from nothing about anybody.

    50 random bits: with a hundred thousand cases in the whole network the chance that any two share
    a reference is below one in two hundred thousand, and a node refuses a reference that it knows.
    The check character is ISO/IEC 7064 MOD 37,36, which catches every single wrong character and
    nearly every swap of neighbours; a draw whose check character would be one of the misread
    letters is thrown away.
    """
    for _ in range(_DRAWS):
        number = int.from_bytes(random(_REFERENCE_BYTES), "big")
        body = "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in range(_REFERENCE_CHARACTERS))
        check = str(mod_37_36.calc_check_digit(body))
        if check in _ALPHABET:
            return CaseReference(f"TRM-{body[:5]}-{body[5:]}-{check}")
    raise LocalProtocolError("The source of randomness repeats itself: it must not be used.")


def parse_case_reference(text: str) -> CaseReference:
    """Read a case reference as people write it.

    In capitals or not, with or without hyphens and ``TRM``, O for 0, I or L for 1.

    Raises :class:`~protocol.errors.MalformedError` if the check character does not fit: a
    character was misread or swapped.
    """
    compact = text.strip().upper().translate(_MISREAD)
    if len(compact) == len("TRM") + _REFERENCE_CHARACTERS + 1:
        compact = compact.removeprefix("TRM")
    if len(compact) != _REFERENCE_CHARACTERS + 1 or set(compact) - set(_ALPHABET):
        raise MalformedError(
            "A case reference looks like TRM-4Q7KD-9XW2M-H: compare it with the message it came in."
        )
    try:
        mod_37_36.validate(compact)
    except ValidationError as error:
        raise MalformedError(
            "The last character of the case reference does not fit the others: one was misread or "
            "two were swapped. Ask for it again."
        ) from error
    return CaseReference(f"TRM-{compact[:5]}-{compact[5:10]}-{compact[10]}")
