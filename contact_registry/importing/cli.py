"""``trm-registry import``: a contact list becomes drafts, with a finding for every imperfection."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from contact_registry.errors import ContactListError, RegistryError
from contact_registry.files import read_bounded, using
from contact_registry.importing.findings import Severity
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_file
from contact_registry.importing.vocabulary import MAX_MAPPING_BYTES, ListMapping, parse_mapping
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    ContactsDocument,
    parse_contacts,
    serialize_document,
)
from contact_registry.presenting import describe_import, format_import
from protocol.identifiers import ParticipantCode, parse_participant_code

_LARGEST_LIST: Final = 8_000_000
_NEEDS_A_PERSON: Final = 1


def import_list(
    file: Annotated[Path, typer.Argument(help="Contact list: CSV (UTF-8) or a workbook (XLSX).")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show findings, write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the drafts, one <P>.json per Participant.")
    ] = None,
    onto: Annotated[
        list[Path] | None,
        typer.Option(help="Contacts document that is there already; repeat for each Participant."),
    ] = None,
    heading_map: Annotated[
        Path | None, typer.Option("--map", help="JSON file that says what their words mean.")
    ] = None,
    participant: Annotated[
        str | None, typer.Option(help="Whose list it is, if it does not say so itself.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of the workbook, if several hold something.")
    ] = None,
    valid_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; today if not given.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where the list comes from.")] = "Contact list",
) -> None:
    """Read a contact list: every row in, and a finding with its row for everything imperfect.

    Writes one draft per Participant, to be signed and published with publish-contacts. With --onto
    desks keep their identifiers, and what is new, changed, unchanged or vanished is listed; a
    vanished desk stays. Headings may be in English or a working language. Exit code 1 means that a
    finding blocks: a row was held back, or a measure or column is not known.

    Example: trm-registry import contacts.xlsx --onto drafts/AL.json --dry-run --json
    """
    if out is None and not dry_run:
        raise RegistryError("Say where the drafts go (--out FOLDER), or ask for --dry-run.")
    mapping = ListMapping()
    if heading_map is not None:
        mapping = parse_mapping(read_bounded(heading_map, MAX_MAPPING_BYTES))
    result = import_contact_file(
        read_bounded(file, _LARGEST_LIST),
        defaults=ImportDefaults(
            (valid_from or datetime.now(UTC)).date(),
            source,
            participant=parse_participant_code(participant) if participant else None,
            mapping=mapping,
        ),
        onto=_load_documents(onto or []),
        sheet=sheet,
    )
    if out is not None and not dry_run:
        _write_drafts(result, out)
    if as_json:
        typer.echo(json.dumps(describe_import(result), ensure_ascii=False))
    else:
        typer.echo("\n".join(format_import(result)))
    if any(finding.severity is Severity.BLOCKS for finding in result.findings):
        raise typer.Exit(_NEEDS_A_PERSON)


def _load_documents(paths: list[Path]) -> dict[ParticipantCode, ContactsDocument]:
    documents: dict[ParticipantCode, ContactsDocument] = {}
    for path in paths:
        document = parse_contacts(read_bounded(path, MAX_DOCUMENT_BYTES))
        if document.participant in documents:
            raise ContactListError(
                f"Two documents are of {document.participant}: give one of each Participant."
            )
        documents[document.participant] = document
    return documents


def _write_drafts(result: ImportResult, out: Path) -> None:
    with using(out):
        out.mkdir(parents=True, exist_ok=True)
        taken = [code for code in result.contacts if (out / f"{code}.json").exists()]
        if taken:
            raise RegistryError(
                f"{out} holds drafts of {', '.join(taken)} already: choose another folder, so that "
                "nobody's corrections are lost."
            )
        for code, document in result.contacts.items():
            (out / f"{code}.json").write_bytes(serialize_document(document))
