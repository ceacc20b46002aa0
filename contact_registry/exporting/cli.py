"""``trm-registry export``: the registry as data, tables, contact cards, or a list to print."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer

from contact_registry.directory import Directory
from contact_registry.exporting.cards import export_vcards
from contact_registry.exporting.layout import lay_out
from contact_registry.exporting.page import export_html
from contact_registry.exporting.printing import export_pdf, find_missing_letters
from contact_registry.exporting.structured import export_json
from contact_registry.exporting.tables import export_csv, export_xlsx
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.exporting.wording import PrintLanguage
from contact_registry.files import using
from contact_registry.trust.repository import RegistryRepository

_NEEDS_A_PERSON: Final = 1


class ExportFormat(StrEnum):
    """What the registry can be written as."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    VCARD = "vcard"
    HTML = "html"
    PDF = "pdf"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _html(directory: Directory, day: date, language: PrintLanguage) -> bytes:
    return export_html(lay_out(directory, day=day, language=language))


def _pdf(directory: Directory, day: date, language: PrintLanguage) -> bytes:
    return export_pdf(lay_out(directory, day=day, language=language))


_WRITERS: Final[Mapping[ExportFormat, Callable[[Directory, date, PrintLanguage], bytes]]] = (
    MappingProxyType(
        {
            ExportFormat.JSON: lambda directory, _day, _language: export_json(directory),
            ExportFormat.CSV: lambda directory, day, _language: export_csv(directory, day=day),
            ExportFormat.XLSX: lambda directory, day, _language: export_xlsx(directory, day=day),
            ExportFormat.VCARD: lambda directory, day, _language: export_vcards(directory, day=day),
            ExportFormat.HTML: _html,
            ExportFormat.PDF: _pdf,
        }
    )
)


def export_list(
    repository: Annotated[Path, typer.Option("--repository", help="Folder of the repository.")],
    out: Annotated[Path, typer.Option(help="File to write; an older one is replaced.")],
    format: Annotated[ExportFormat, typer.Option(help="What to write.")],  # noqa: A002 - the option's name
    language: Annotated[
        PrintLanguage, typer.Option(help="Language of a printed list (html, pdf).")
    ] = PrintLanguage.ENGLISH,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Desks valid on this day; today if not given."),
    ] = None,
) -> None:
    """Write the registry as a printed list (html, pdf), a table (csv, xlsx), vcard or json.

    The same version, day and language give the same bytes. Each carries the registry's version,
    hash and verification code, but for csv and vcard, which have no place for them. Exit code 1
    means that letters of the list are missing in the PDF's fonts: use html instead.

    Example: trm-registry export --format pdf --language sq --out list.pdf --repository registry
    """
    directory = RegistryRepository(repository, clock=_now).load_directory()
    day = (at or _now()).date()
    data = _WRITERS[format](directory, day, language)
    with using(out):
        out.write_bytes(data)
    code = make_verification_code(directory.version, directory.sha256)
    typer.echo(f"{out}: {len(data)} bytes; version {directory.version}, verification code {code}")
    if format is ExportFormat.PDF:
        missing = find_missing_letters(lay_out(directory, day=day, language=language))
        if missing:
            letters = " ".join(sorted(missing))
            typer.echo(f"The fonts of the PDF lack {letters[:200]}: write --format html instead.")
            raise typer.Exit(_NEEDS_A_PERSON)
