"""A list as it comes, before anybody knows its headings: numbered rows of cells, bounded."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import FindingCode

#: Characters of a whole list. The regional list has 10 thousand.
MAX_TEXT: Final = 2_000_000
#: Rows of a list. 200 Participants with 40 desks in five phases would be 40 thousand.
MAX_ROWS: Final = 50_000
MAX_COLUMNS: Final = 64

#: A comma as RFC 4180 has it; Excel writes semicolons where the comma marks decimals, as it does in
#: all working languages but English.
_DELIMITERS: Final = (",", ";", "\t")
#: What a spreadsheet may compute when it opens the text, with the apostrophes that keep it from it.
#: With one apostrophe more it is text; that one is taken off again here.
GUARDED: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Record:
    """One row as listed. ``fault`` says why it cannot be read as it stands, if so."""

    row: int
    cells: tuple[str, ...]
    fault: tuple[FindingCode, str] | None = None

    @property
    def is_blank(self) -> bool:
        """Whether no cell says anything."""
        return not any(cell.strip() for cell in self.cells)


def read_csv(text: str) -> Iterator[Record]:
    """Yield the records of comma-, semicolon- or tab-separated text (RFC 4180).

    Raises :class:`~contact_registry.errors.ContactListError` if it is no such text.
    """
    if len(text) > MAX_TEXT:
        raise ContactListError(
            f"The list has {len(text)} characters; at most {MAX_TEXT} are read at once. Split it."
        )
    text = text.removeprefix("\ufeff")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_find_delimiter(text), strict=True)
    try:
        for row, cells in enumerate(lines, start=1):
            yield Record(row, tuple(map(_take_off_guard, cells)))
    except csv.Error as error:
        raise ContactListError(
            f"The list is not comma-separated text ({error}): save it as CSV (UTF-8) and try again."
        ) from error


def _find_delimiter(text: str) -> str:
    """Return the character that parts the first line that has any; a comma if none does."""
    for line in text[:20_000].splitlines():
        counts = {delimiter: line.count(delimiter) for delimiter in _DELIMITERS}
        if any(counts.values()):
            return max(_DELIMITERS, key=counts.__getitem__)
    return ","


def _take_off_guard(cell: str) -> str:
    """Remove the apostrophe that keeps a spreadsheet from computing a cell, as our exports do."""
    return cell[1:] if cell.startswith("'") and GUARDED.match(cell) else cell
