"""Reading telephone numbers as people write them, and saying what is wrong with them.

The ``phonenumbers`` library (Google's libphonenumber metadata) decides what is a number and whose
prefix it has. What it cannot read is kept as listed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from contact_registry.importing.findings import Finding, FindingCode, Severity
from contact_registry.models import Telephone, TelephoneKind
from protocol.identifiers import ParticipantCode

_SEPARATOR: Final = re.compile(r"[;,\n]")
_TEL_AND_FAX: Final = re.compile(r"\btel(?:\.|ephone)?\s*/\s*fax\b", re.IGNORECASE)
_FAX_NUMBER: Final = re.compile(r"\bfax[:.]?\s*(\+[0-9][0-9 ()/-]{5,28}[0-9])", re.IGNORECASE)
_EXTENSION: Final = re.compile(r"\s*(?:ext|extension|x)\b.*$", re.IGNORECASE)
_LONGEST_EXTENSION: Final = 8
#: What the registry holds of a number as it was listed; nothing that long is a number.
_LONGEST_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number with what the Participant-wide findings need to know of it."""

    row: int
    telephone: Telephone
    country_code: int | None
    style: str


def get_own_prefix(participant: ParticipantCode) -> int | None:
    """Return the Participant's country calling code, or None where the library knows none."""
    return phonenumbers.country_code_for_region(participant) or None


def read_telephones(
    cell: str, note: str, *, participant: ParticipantCode, row: int, fax: str = ""
) -> tuple[list[ReadNumber], list[Finding]]:
    """Read the numbers of a row from its telephone cell, its note, and its cell for fax numbers."""
    findings: list[Finding] = []
    listed = _split(cell)
    kind = TelephoneKind.VOICE
    if _TEL_AND_FAX.search(note) and listed:
        kind = TelephoneKind.VOICE_AND_FAX
        findings.append(
            Finding(
                row,
                FindingCode.FAX_IN_NOTE,
                Severity.NOTE,
                "The note says tel/fax: the number was entered as telephone and fax.",
            )
        )
    if len(listed) > 1:
        findings.append(
            Finding(
                row,
                FindingCode.SEVERAL_NUMBERS,
                Severity.NOTE,
                f"{len(listed)} numbers stand in one cell: each was entered, in the order listed.",
            )
        )
    numbers = [
        _read_number(text, kind, participant=participant, row=row, findings=findings)
        for text in listed
    ]
    numbers += [
        _read_number(text, TelephoneKind.FAX, participant=participant, row=row, findings=findings)
        for text in _split(fax)
    ]
    for match in _FAX_NUMBER.finditer(note):
        if any(number.telephone.as_listed == match[1] for number in numbers):
            continue
        findings.append(
            Finding(
                row,
                FindingCode.FAX_IN_NOTE,
                Severity.NOTE,
                f"The fax number {match[1]} stands in the note: it was entered as a fax.",
            )
        )
        numbers.append(
            _read_number(
                match[1], TelephoneKind.FAX, participant=participant, row=row, findings=findings
            )
        )
    return numbers, findings


def _split(cell: str) -> list[str]:
    return [part.strip() for part in _SEPARATOR.split(cell) if part.strip()]


def _read_number(
    text: str,
    kind: TelephoneKind,
    *,
    participant: ParticipantCode,
    row: int,
    findings: list[Finding],
) -> ReadNumber:
    number = _parse(text, participant)
    if number is None:
        findings.append(
            Finding(
                row,
                FindingCode.INVALID_NUMBER,
                Severity.FIX_SOON,
                f"{text[:60]} is not a valid number: it was kept as listed, up to "
                f"{_LONGEST_LISTED} characters. Ask the authority for the right one.",
            )
        )
        kept = Telephone(as_listed=text[:_LONGEST_LISTED], kind=kind)
        return ReadNumber(row, kept, None, _style(text))
    is_toll_free = phonenumbers.number_type(number) == PhoneNumberType.TOLL_FREE
    national_only = is_toll_free or not phonenumbers.can_be_internationally_dialled(number)
    extension = number.extension
    telephone = Telephone(
        as_listed=text,
        e164=None if national_only else phonenumbers.format_number(number, PhoneNumberFormat.E164),
        extension=extension if extension and len(extension) <= _LONGEST_EXTENSION else None,
        national_only=national_only,
        kind=TelephoneKind.TOLL_FREE if is_toll_free else kind,
    )
    findings += _judge(number, telephone, participant=participant, row=row)
    return ReadNumber(row, telephone, number.country_code, _style(text))


def _parse(text: str, participant: ParticipantCode) -> PhoneNumber | None:
    region = participant if participant in phonenumbers.SUPPORTED_REGIONS else None
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _judge(
    number: PhoneNumber, telephone: Telephone, *, participant: ParticipantCode, row: int
) -> list[Finding]:
    text = telephone.as_listed[:60]
    own = get_own_prefix(participant)
    findings: list[Finding] = []
    if telephone.national_only:
        findings.append(
            Finding(
                row,
                FindingCode.NATIONAL_ONLY,
                Severity.FIX_SOON,
                f"{text} works inside {participant} only: it was kept and marked. Ask for a number "
                "that can be dialled from abroad.",
            )
        )
    elif not text.startswith(("+", "00")):
        findings.append(
            Finding(
                row,
                FindingCode.NATIONAL_FORMAT,
                Severity.FIX_SOON,
                f"{text} has no prefix: it was read as {telephone.e164}. Confirm it.",
            )
        )
    if own is not None and number.country_code != own:
        findings.append(
            Finding(
                row,
                FindingCode.FOREIGN_PREFIX,
                Severity.FIX_SOON,
                f"{text} has the prefix +{number.country_code}; that of {participant} is +{own}. "
                "It was kept as listed. Ask whether it still answers.",
            )
        )
    if telephone.extension:
        findings.append(
            Finding(
                row,
                FindingCode.EXTENSION_KEPT,
                Severity.NOTE,
                f"Extension {telephone.extension} was kept apart from the number.",
            )
        )
    return findings


def judge_participant(participant: ParticipantCode, numbers: Sequence[ReadNumber]) -> list[Finding]:
    """Return what shows only when all numbers of a Participant are seen together."""
    findings: list[Finding] = []
    prefixes = _first_rows((n.country_code, n.row) for n in numbers if n.country_code is not None)
    if len(prefixes) > 1:
        shown = " and ".join(f"+{prefix}" for prefix in sorted(prefixes))
        findings.append(
            Finding(
                max(prefixes.values()),
                FindingCode.MIXED_PREFIXES,
                Severity.FIX_SOON,
                f"The numbers of {participant} have different prefixes: {shown}. Ask which of them "
                "still answer.",
            )
        )
    styles = _first_rows((n.style, n.row) for n in numbers)
    if len(styles) > 1:
        findings.append(
            Finding(
                max(styles.values()),
                FindingCode.MIXED_STYLES,
                Severity.NOTE,
                f"The numbers of {participant} are written in {len(styles)} styles "
                f"({', '.join(sorted(map(str, styles)))}): all were brought into one form.",
            )
        )
    return findings


def _style(text: str) -> str:
    number = _EXTENSION.sub("", text).strip()
    if not number.startswith(("+", "00")):
        return "without prefix"
    return "in groups" if len(number.split()) > 2 else "in one block"  # noqa: PLR2004 - prefix and rest


_Key = TypeVar("_Key", int, str)


def _first_rows(pairs: Iterable[tuple[_Key, int]]) -> dict[_Key, int]:
    """Return the first row in which each value stands."""
    rows: dict[_Key, int] = {}
    for value, row in pairs:
        rows.setdefault(value, row)
    return rows
