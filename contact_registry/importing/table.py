"""Reading the list as a table: bounded, cleaned, every row numbered as a spreadsheet numbers it."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import Finding, FindingCode, Severity

#: Characters of a whole list. The regional list has 10 thousand.
MAX_TEXT: Final = 2_000_000
#: Rows of a list. 200 Participants with 40 desks in five phases would be 40 thousand.
MAX_ROWS: Final = 50_000
MAX_COLUMNS: Final = 64

REQUIRED: Final = ("participant", "trm_measure", "authority")
OPTIONAL: Final = ("unit", "city", "post", "phone", "email", "available_24_7", "note")


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row: ``row`` as a spreadsheet numbers it, and a cell for every heading."""

    row: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HeldBackRow:
    """A row that could not be taken over as it stands: nothing of it is lost, all of it is here."""

    row: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactTable:
    """A list, read."""

    rows: tuple[ListedRow, ...]
    held_back: tuple[HeldBackRow, ...]
    findings: tuple[Finding, ...]
    rows_read: int


def read_table(text: str) -> ContactTable:
    """Read comma-separated text with a heading row (RFC 4180).

    Raises :class:`~contact_registry.errors.ContactListError` if it is no such table.
    """
    if len(text) > MAX_TEXT:
        raise ContactListError(
            f"The list has {len(text)} characters; at most {MAX_TEXT} are read at once. Split it."
        )
    records = _read_records(text.removeprefix("\ufeff"))
    first = next(records, None)
    if first is None:
        raise ContactListError("The list is empty: it needs a heading row and at least one row.")
    headings = _read_headings(first)
    findings: list[Finding] = []
    rows: list[ListedRow] = []
    held_back: list[HeldBackRow] = []
    unknown: dict[str, int] = {h: 0 for h in headings if h not in (*REQUIRED, *OPTIONAL)}
    for row, record in enumerate(records, start=2):
        if row > MAX_ROWS + 1:
            raise ContactListError(f"The list has more than {MAX_ROWS} rows. Split it.")
        if not any(cell.strip() for cell in record):
            continue
        if len(record) > len(headings):
            reason = "It has more cells than there are headings: quote cells that hold commas."
            held_back.append(HeldBackRow(row, reason, tuple(record)))
            findings.append(Finding(row, FindingCode.ROW_HELD_BACK, Severity.BLOCKS, reason))
            continue
        cells = dict(zip(headings, map(_clean, record), strict=False))
        if any(map(_is_unreadable, record)):
            findings.append(
                Finding(
                    row,
                    FindingCode.UNREADABLE_CHARACTERS,
                    Severity.FIX_SOON,
                    "Invisible or unreadable characters were left out: compare the row with its "
                    "source.",
                )
            )
        for heading in unknown:
            unknown[heading] += bool(cells.get(heading))
        known = {h: cells.get(h, "") for h in (*REQUIRED, *OPTIONAL)}
        rows.append(ListedRow(row, MappingProxyType(known)))
    findings += [_report_unknown(heading, filled) for heading, filled in unknown.items()]
    return ContactTable(tuple(rows), tuple(held_back), tuple(findings), len(rows) + len(held_back))


def _read_records(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise ContactListError(
            f"The list is not comma-separated text ({error}): save it as CSV (UTF-8) and try again."
        ) from error


def _read_headings(record: list[str]) -> list[str]:
    if len(record) > MAX_COLUMNS:
        raise ContactListError(
            f"The list has more than {MAX_COLUMNS} columns: remove what is empty."
        )
    headings = [_clean(cell).casefold().replace(" ", "_") for cell in record]
    missing = [h for h in REQUIRED if h not in headings]
    if missing:
        raise ContactListError(
            f"The heading row lacks {', '.join(missing)}. It needs {', '.join(REQUIRED)}, and may "
            f"have {', '.join(OPTIONAL)}."
        )
    if len(set(headings)) != len(headings):
        raise ContactListError("A heading is there twice: give each column its own heading.")
    return headings


def _report_unknown(heading: str, filled: int) -> Finding:
    return Finding(
        1,
        FindingCode.UNKNOWN_HEADING,
        Severity.BLOCKS,
        f"The column {heading[:60]!r} is not known, and its {filled} filled cells were not taken "
        f"over. Rename it to one of {', '.join((*REQUIRED, *OPTIONAL))}, or remove it.",
    )


def _clean(cell: str) -> str:
    """One line of readable text in Unicode's composed form (NFC)."""
    text = " ".join(unicodedata.normalize("NFC", cell).split())
    return "".join(character for character in text if character.isprintable()).strip()


def _is_unreadable(cell: str) -> bool:
    return any(not (character.isprintable() or character.isspace()) for character in cell)
