"""Reading the list as a table: headings understood, cells cleaned, every row accounted for."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Final

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import Finding, FindingCode, Severity
from contact_registry.importing.folding import fold
from contact_registry.importing.records import MAX_COLUMNS, MAX_ROWS, Record
from contact_registry.importing.vocabulary import (
    EXPORTED_ONLY,
    KNOWN,
    OPTIONAL,
    REQUIRED,
    ListMapping,
    find_heading,
)

#: How many rows may stand above the headings: a title, a date, an empty line.
_LONGEST_TITLE: Final = 10


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


@dataclass
class _Table:
    """The state of one reading. ``columns`` has our name of each column, or None."""

    columns: Sequence[str | None]
    unknown: Mapping[int, str]
    row: int
    findings: list[Finding]
    rows: list[ListedRow] = field(default_factory=list)
    held_back: list[HeldBackRow] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        if record.fault is not None:
            self._hold_back(record, *record.fault)
            return
        if len(record.cells) > len(self.columns):
            reason = "It has more cells than there are headings: quote cells that hold commas."
            self._hold_back(record, FindingCode.ROW_HELD_BACK, reason)
            return
        cleaned = [_clean(cell) for cell in record.cells]
        if any(map(_is_unreadable, record.cells)):
            self.findings.append(
                Finding(
                    record.row,
                    FindingCode.UNREADABLE_CHARACTERS,
                    Severity.FIX_SOON,
                    "Invisible or unreadable characters were left out: compare the row with its "
                    "source.",
                )
            )
        cells = dict.fromkeys(KNOWN, "")
        for index, cell in enumerate(cleaned):
            column = self.columns[index]
            if column is not None:
                cells[column] = cell
            elif index in self.unknown and cell:
                self.lost[index] = self.lost.get(index, 0) + 1
        self.rows.append(ListedRow(record.row, MappingProxyType(cells)))

    def _hold_back(self, record: Record, code: FindingCode, reason: str) -> None:
        self.held_back.append(HeldBackRow(record.row, reason, record.cells))
        self.findings.append(Finding(record.row, code, Severity.BLOCKS, reason))

    def report_unknown(self) -> None:
        for index, heading in self.unknown.items():
            if not heading and index not in self.lost:
                continue
            self.findings.append(
                Finding(
                    self.row,
                    FindingCode.UNKNOWN_HEADING,
                    Severity.BLOCKS,
                    f"The column {heading[:60]!r} is not known, and its {self.lost.get(index, 0)} "
                    "filled cells were not taken over. Rename it to one of "
                    f"{', '.join(KNOWN)}, map it (--map), or remove it.",
                )
            )


def read_table(
    records: Iterable[Record],
    *,
    mapping: ListMapping | None = None,
    given: Iterable[str] = (),
) -> ContactTable:
    """Read rows under headings; ``given`` names required headings that the caller answers.

    Raises :class:`~contact_registry.errors.ContactListError` if it is no such table.
    """
    remaining = iter(records)
    table = _find_headings(
        remaining, mapping or ListMapping(), [h for h in REQUIRED if h not in set(given)]
    )
    for record in remaining:
        if len(table.rows) + len(table.held_back) >= MAX_ROWS and not record.is_blank:
            raise ContactListError(f"The list has more than {MAX_ROWS} rows. Split it.")
        if not record.is_blank:
            table.take(record)
    table.report_unknown()
    rows_read = len(table.rows) + len(table.held_back)
    return ContactTable(tuple(table.rows), tuple(table.held_back), tuple(table.findings), rows_read)


def _find_headings(
    records: Iterator[Record], mapping: ListMapping, required: Sequence[str]
) -> _Table:
    """Take the first row that has all required headings; a title above it is reported."""
    title: list[Record] = []
    missing = list(required)
    filled = (record for record in records if not record.is_blank)
    for record in islice(filled, _LONGEST_TITLE):
        if len(record.cells) > MAX_COLUMNS:
            raise ContactListError(
                f"The list has more than {MAX_COLUMNS} columns: remove what is empty."
            )
        headings = [_clean(cell) for cell in record.cells]
        columns = [_name_column(heading, mapping) for heading in headings]
        lacks = [heading for heading in required if heading not in columns]
        if not lacks:
            return _start(record.row, headings, columns, mapping=mapping, title=title)
        missing = min(missing, lacks, key=len)
        title.append(record)
    if not title:
        raise ContactListError("The list is empty: it needs a heading row and at least one row.")
    raise ContactListError(
        f"The heading row lacks {', '.join(missing)}. It needs {', '.join(REQUIRED)}, and may have "
        f"{', '.join(OPTIONAL)}: rename its headings, or map them (--map FILE). A list of one "
        "Participant needs no column for it (--participant CODE)."
    )


def _name_column(heading: str, mapping: ListMapping) -> str | None:
    if not heading:
        return None
    folded = fold(heading)
    if folded in mapping.headings:
        return mapping.headings[folded]
    return find_heading(heading)


def _start(
    row: int,
    headings: Sequence[str],
    columns: Sequence[str | None],
    *,
    mapping: ListMapping,
    title: Sequence[Record],
) -> _Table:
    named = [heading.casefold() for heading in headings if heading]
    known = [column for column in columns if column]
    if len(set(known)) != len(known) or len(set(named)) != len(named):
        raise ContactListError(
            "A heading is there twice, or two headings mean the same: give each column its own "
            "heading, or map one of them to null (--map)."
        )
    findings = [
        Finding(
            record.row,
            FindingCode.ABOVE_HEADINGS,
            Severity.NOTE,
            "The row stands above the headings: it was read as a title, not as a desk.",
        )
        for record in title
    ]
    unknown: dict[int, str] = {}
    for index, (heading, column) in enumerate(zip(headings, columns, strict=True)):
        if column is not None:
            findings += _report_mapped(row, heading, column)
        elif fold(heading) in mapping.headings:
            findings.append(_report_left_out(row, heading, "The mapping leaves"))
        elif heading.casefold() in EXPORTED_ONLY:
            findings.append(_report_left_out(row, heading, "The registry itself keeps"))
        else:
            unknown[index] = heading
    return _Table(columns, unknown, row, findings)


def _report_mapped(row: int, heading: str, column: str) -> list[Finding]:
    if heading.casefold().replace(" ", "_") == column:
        return []
    message = f"The column {heading[:60]!r} was read as {column}."
    return [Finding(row, FindingCode.HEADING_MAPPED, Severity.NOTE, message)]


def _report_left_out(row: int, heading: str, who: str) -> Finding:
    return Finding(
        row,
        FindingCode.COLUMN_LEFT_OUT,
        Severity.NOTE,
        f"{who} the column {heading[:60]!r}: its cells were not taken over.",
    )


def _clean(cell: str) -> str:
    """One line of readable text in Unicode's composed form (NFC)."""
    text = " ".join(unicodedata.normalize("NFC", cell).split())
    return "".join(character for character in text if character.isprintable()).strip()


def _is_unreadable(cell: str) -> bool:
    return any(not (character.isprintable() or character.isspace()) for character in cell)
