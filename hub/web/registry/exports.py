"""The contact list as a file: which formats there are, and what each is good for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import LANGUAGE_NAMES, Language, Message, msg
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from contact_registry.exporting.cards import export_vcards
from contact_registry.exporting.layout import lay_out
from contact_registry.exporting.page import export_html
from contact_registry.exporting.printing import export_pdf, find_missing_letters
from contact_registry.exporting.structured import export_json
from contact_registry.exporting.tables import export_csv, export_xlsx
from contact_registry.exporting.wording import PrintLanguage


class ExportFormat(StrEnum):
    """What the list can be had as."""

    PDF = "pdf"
    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"
    VCARD = "vcf"
    JSON = "json"


FORMAT_NAMES: Final[Mapping[ExportFormat, tuple[Message, Message]]] = MappingProxyType(
    {
        ExportFormat.PDF: (
            msg("PDF, to print"),
            msg("By Participant and phase, with version, hash and verification code"),
        ),
        ExportFormat.HTML: (msg("Web page, to print or read"), msg("The same, in one file")),
        ExportFormat.XLSX: (msg("Workbook (XLSX)"), msg("Can be corrected and imported again")),
        ExportFormat.CSV: (msg("Table (CSV)"), msg("Can be corrected and imported again")),
        ExportFormat.VCARD: (msg("Contact cards (vCard)"), msg("For address books")),
        ExportFormat.JSON: (msg("JSON"), msg("Everything that is published, for programs")),
    }
)
"""Each format's name, and what it is good for; in the order of the page."""

_MEDIA: Final[Mapping[ExportFormat, str]] = MappingProxyType(
    {
        ExportFormat.PDF: "application/pdf",
        ExportFormat.HTML: "text/html; charset=utf-8",
        ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ExportFormat.CSV: "text/csv; charset=utf-8",
        ExportFormat.VCARD: "text/vcard; charset=utf-8",
        ExportFormat.JSON: "application/json",
    }
)


class LettersMissingError(RegistryError):
    """The fonts of the PDF lack letters of the list; it would show boxes in their place."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to download. Its name says the version, and nothing else."""

    name: str
    media_type: str
    data: bytes


def export_file(
    directory: Directory, form: ExportFormat, *, day: date, language: PrintLanguage
) -> ExportedFile:
    """Write the list; the same version, day and language give the same bytes.

    Raises :class:`LettersMissingError` for a PDF that would not show every name.
    """
    data = _WRITERS[form](directory, day, language)
    tag = f"-{language}" if form in {ExportFormat.PDF, ExportFormat.HTML} else ""
    name = f"trm-contact-list-v{directory.version}{tag}.{form}"
    return ExportedFile(name, _MEDIA[form], data)


def _write_pdf(directory: Directory, day: date, language: PrintLanguage) -> bytes:
    printed = lay_out(directory, day=day, language=language)
    missing = find_missing_letters(printed)
    if missing:
        raise LettersMissingError(
            f"The fonts of the PDF lack {' '.join(sorted(missing))[:200]}: choose the web page."
        )
    return export_pdf(printed)


_WRITERS: Final[Mapping[ExportFormat, Callable[[Directory, date, PrintLanguage], bytes]]] = (
    MappingProxyType(
        {
            ExportFormat.PDF: _write_pdf,
            ExportFormat.HTML: lambda directory, day, language: export_html(
                lay_out(directory, day=day, language=language)
            ),
            ExportFormat.XLSX: lambda directory, day, _language: export_xlsx(directory, day=day),
            ExportFormat.CSV: lambda directory, day, _language: export_csv(directory, day=day),
            ExportFormat.VCARD: lambda directory, day, _language: export_vcards(directory, day=day),
            ExportFormat.JSON: lambda directory, _day, _language: export_json(directory),
        }
    )
)


def list_languages() -> list[tuple[str, str]]:
    """List the languages of the printed list for a form, each by its own name."""
    return [(tag.value, LANGUAGE_NAMES[Language(tag.value)]) for tag in PrintLanguage]
