"""The registry as a table (CSV, XLSX): one row for each desk and competence.

The columns are those that an import reads, so that a table can be corrected in a spreadsheet and
brought back. No cell can be taken for a formula: in CSV an apostrophe stands before what begins
like one, in a workbook such a cell is marked as text.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.importing.records import GUARDED
from contact_registry.importing.vocabulary import EXPORTED_ONLY, KNOWN
from contact_registry.models import Authority, Competence, Telephone, TelephoneKind

COLUMNS: Final = (*KNOWN, *EXPORTED_ONLY)
_WIDTHS: Final[Mapping[str, int]] = {
    "authority": 50,
    "unit": 30,
    "phone": 30,
    "email": 30,
    "id": 40,
}
_USUAL_WIDTH: Final = 16
#: The day that every part of a workbook claims to be from: the first that a ZIP archive can state.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODIFIED: Final = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def export_csv(directory: Directory, *, day: date) -> bytes:
    """Return the desks that are valid on ``day`` as CSV (RFC 4180, UTF-8 with a byte order mark).

    The mark makes spreadsheet programs read the letters as they are.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in _make_rows(directory, day):
        writer.writerow([_guard(row[column]) for column in COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def export_xlsx(directory: Directory, *, day: date) -> bytes:
    """Return the desks that are valid on ``day`` as a workbook (ECMA-376) with one sheet."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Contacts"
    for number, row in enumerate((dict(zip(COLUMNS, COLUMNS, strict=True)),
                                  *_make_rows(directory, day)), start=1):  # fmt: skip
        for index, column in enumerate(COLUMNS, start=1):
            cell = sheet.cell(number, index, row[column])
            cell.data_type = "s"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if number == 1:
                cell.font = Font(bold=True)
            elif GUARDED.match(row[column]):
                cell.quotePrefix = True
    for index, column in enumerate(COLUMNS, start=1):
        width = _WIDTHS.get(column, _USUAL_WIDTH)
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    code = make_verification_code(directory.version, directory.sha256)
    book.properties.creator = "trm-registry"
    book.properties.created = datetime.combine(day, time(), UTC)
    book.properties.title = f"TRM contact list, registry version {directory.version}"
    book.properties.description = f"SHA-256 {directory.sha256}, verification code {code}"
    written = io.BytesIO()
    book.save(written)
    return _take_out_time(written, day)


def _take_out_time(written: io.BytesIO, day: date) -> bytes:
    """Return the workbook without the moment at which it was written: same content, same bytes."""
    result = io.BytesIO()
    with zipfile.ZipFile(written) as before, zipfile.ZipFile(result, "w") as after:
        for part in before.infolist():
            data = before.read(part)
            if part.filename == "docProps/core.xml":
                data = _MODIFIED.sub(rb"\g<1>" + f"{day}T00:00:00Z".encode(), data)
            plain = zipfile.ZipInfo(part.filename, _NO_TIME)
            plain.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(plain, data)
    return result.getvalue()


def _make_rows(directory: Directory, day: date) -> Iterator[dict[str, str]]:
    for _, document in sorted(directory.contacts.items()):
        for authority in document.authorities:
            if authority.is_valid_on(day):
                shared = _describe(authority) | {"participant": document.participant}
                for competence in authority.competences or (None,):
                    yield shared | _describe_competence(competence)


def _describe(authority: Authority) -> dict[str, str]:
    fax = [t for t in authority.telephones if t.kind is TelephoneKind.FAX]
    return {
        "id": authority.id,
        "authority": authority.name,
        "unit": authority.unit,
        "city": authority.city,
        "post": authority.post,
        "phone": "; ".join(_write(t) for t in authority.telephones if t not in fax),
        "fax": "; ".join(map(_write, fax)),
        "email": "; ".join(authority.mailboxes),
        "available_24_7": "yes" if authority.available_24_7 else "no",
        "languages": ", ".join(authority.languages),
        "note": authority.note,
        "time_zone": authority.time_zone,
        "valid_from": authority.valid_from.isoformat(),
        "valid_to": authority.valid_to.isoformat() if authority.valid_to else "",
        "last_confirmed": authority.last_confirmed.isoformat() if authority.last_confirmed else "",
    }


def _describe_competence(competence: Competence | None) -> dict[str, str]:
    if competence is None:
        return {"trm_measure": "", "person_group": "", "channel": ""}
    return {
        "trm_measure": competence.phase,
        "person_group": competence.person_group,
        "channel": competence.channel,
    }


def _write(telephone: Telephone) -> str:
    """Return the number as listed, unless that would be read back as several."""
    if not any(separator in telephone.as_listed for separator in ";,"):
        return telephone.as_listed
    if telephone.e164 is None:
        return telephone.as_listed.replace(";", " ").replace(",", " ")
    return telephone.e164 + (f" ext. {telephone.extension}" if telephone.extension else "")


def _guard(cell: str) -> str:
    return f"'{cell}" if GUARDED.match(cell) else cell
