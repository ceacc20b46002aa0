"""Reading a workbook (XLSX, ECMA-376) as plain cells: nothing in it is computed, run or followed.

A workbook is a ZIP archive of XML. What it may unpack to is bounded before anything is unpacked,
entities are refused (defusedxml stands under openpyxl), macros and links to other files are not
looked at, and a formula is never computed: its row is reported instead.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, Final

from openpyxl import DEFUSEDXML, load_workbook
from openpyxl.utils import get_column_letter

from contact_registry.errors import ContactListError
from contact_registry.importing.findings import FindingCode
from contact_registry.importing.records import MAX_COLUMNS, MAX_ROWS, MAX_TEXT, Record

#: Bytes of a workbook. One of 50 thousand full rows has 5 million.
MAX_WORKBOOK_BYTES: Final = 8_000_000
#: Bytes that all its parts may unpack to, and how many parts: an office document has about 20.
_MAX_UNPACKED_BYTES: Final = 64_000_000
_MAX_PARTS: Final = 500
_MAX_SHEETS: Final = 50
_LEADING_BYTES: Final = b"PK\x03\x04"

_NOT_A_WORKBOOK: Final = (
    "The file is not a workbook that can be read (XLSX): open it in a spreadsheet program and save "
    "it as XLSX or as CSV (UTF-8)."
)


def is_workbook(data: bytes) -> bool:
    """Whether the bytes claim to be a ZIP archive, as every XLSX is."""
    return data.startswith(_LEADING_BYTES)


def read_workbook(data: bytes, *, sheet: str | None = None) -> list[Record]:
    """Return the rows of a workbook's only sheet that holds anything, or of the sheet named.

    Raises :class:`~contact_registry.errors.ContactListError`.
    """
    _check_archive(data)
    if not DEFUSEDXML:
        raise ContactListError("The package defusedxml is missing: install what is locked.")
    try:
        # The library has no error of its own for what is damaged: it raises what its parts raise.
        return _read_sheets(data, sheet)
    except ContactListError:
        raise
    except (MemoryError, RecursionError):
        raise ContactListError(_NOT_A_WORKBOOK) from None
    except Exception as error:
        raise ContactListError(_NOT_A_WORKBOOK) from error


def _check_archive(data: bytes) -> None:
    """Refuse an archive that would unpack to more than a contact list can be.

    The sizes that the archive states bind: Python unpacks no part beyond the size stated for it.
    """
    if len(data) > MAX_WORKBOOK_BYTES:
        raise ContactListError(
            f"The workbook has {len(data)} bytes; at most {MAX_WORKBOOK_BYTES} are read. Remove "
            "pictures, or save it as CSV (UTF-8)."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise ContactListError(_NOT_A_WORKBOOK) from error
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > _MAX_PARTS or unpacked > _MAX_UNPACKED_BYTES:
        raise ContactListError(
            f"The workbook unpacks to {len(parts)} parts and {unpacked} bytes; at most "
            f"{_MAX_PARTS} and {_MAX_UNPACKED_BYTES} are read. Save the list alone, as XLSX or CSV."
        )
    if any(part.flag_bits & 1 for part in parts):
        raise ContactListError("The workbook is encrypted: save it without a password.")


def _read_sheets(data: bytes, name: str | None) -> list[Record]:
    book = load_workbook(
        io.BytesIO(data), read_only=True, data_only=False, keep_vba=False, keep_links=False
    )
    try:
        sheets = list(book.worksheets)
        if len(sheets) > _MAX_SHEETS:
            raise ContactListError(f"The workbook has more than {_MAX_SHEETS} sheets: split it.")
        if name is not None:
            sheets = [sheet for sheet in sheets if sheet.title == name]
            if not sheets:
                raise ContactListError("The workbook has no sheet of that name: look it up.")
        filled = [rows for rows in map(_read_rows, sheets) if rows]
    finally:
        book.close()
    if len(filled) > 1:
        raise ContactListError(
            f"{len(filled)} sheets of the workbook hold something: say which one is the list "
            "(--sheet NAME), and import the others one by one."
        )
    return filled[0] if filled else []


def _read_rows(sheet: Any) -> list[Record]:
    """Return the rows that hold anything; one row and column past the bounds tell what is more."""
    records: list[Record] = []
    characters = 0
    rows: Iterable[tuple[Any, ...]] = sheet.iter_rows(
        min_row=1, max_row=MAX_ROWS + 2, min_col=1, max_col=MAX_COLUMNS + 1
    )
    for number, cells in enumerate(rows, start=1):
        record = _read_row(number, cells)
        characters += sum(map(len, record.cells))
        if characters > MAX_TEXT:
            raise ContactListError(
                f"The sheet has more than {MAX_TEXT} characters. Split it into several lists."
            )
        if not record.is_blank or record.fault:
            records.append(record)
    return records


def _read_row(number: int, cells: tuple[Any, ...]) -> Record:
    values = [_read_value(cell.value) for cell in cells]
    while values and not values[-1]:
        values.pop()
    formulas = ", ".join(_find_formulas(number, cells))
    fault = None
    if formulas:
        reason = (
            f"There is a formula in {formulas[:60]}, and formulas are not computed: put its value "
            "in its place (copy, then paste values only)."
        )
        fault = (FindingCode.FORMULA, reason)
    return Record(number, tuple(values), fault)


def _find_formulas(number: int, cells: tuple[Any, ...]) -> Iterator[str]:
    for column, cell in enumerate(cells, start=1):
        if cell.value is not None and cell.data_type == "f":
            yield f"{get_column_letter(column)}{number}"


def _read_value(value: object) -> str:
    """Return a cell as the text that its writer meant."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
