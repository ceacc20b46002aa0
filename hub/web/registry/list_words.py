"""A dry run in words: findings by row, and what the list does to each desk."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.importing.findings import FindingCode, Severity
from contact_registry.importing.importer import ImportResult
from contact_registry.importing.reconciling import Change, ChangeKind
from directory_pages.codes import Words
from directory_pages.field_labels import say_field
from directory_pages.looks import Look
from hub.web.registry.looks import LISTED_CHANGES, SEVERITIES
from protocol.identifiers import AuthorityId

COLUMN_WORDS: Final[Mapping[str, Message]] = {
    "participant": msg("Participant"),
    "trm_measure": msg("Measure or phase"),
    "authority": msg("Authority"),
    "unit": msg("Unit"),
    "city": msg("City or town"),
    "post": msg("Post that answers"),
    "phone": msg("Telephones"),
    "fax": msg("Fax"),
    "email": msg("Mailboxes"),
    "available_24_7": msg("Answers around the clock"),
    "languages": msg("Languages"),
    "person_group": msg("Adults or children"),
    "channel": msg("Need-to-know channel"),
    "note": msg("Note"),
    "id": msg("Identifier"),
}
"""What each column of a list holds."""

FINDING_WORDS: Final[Mapping[FindingCode, Message]] = {
    FindingCode.NOBODY_REACHABLE: msg("Nobody can be reached"),
    FindingCode.MIXED_PREFIXES: msg("Several country prefixes"),
    FindingCode.FOREIGN_PREFIX: msg("Prefix of another place"),
    FindingCode.MIXED_STYLES: msg("Numbers are written in several ways"),
    FindingCode.NATIONAL_FORMAT: msg("Number without country prefix"),
    FindingCode.NATIONAL_ONLY: msg("Number works inside one Participant only"),
    FindingCode.INVALID_NUMBER: msg("Not a valid number"),
    FindingCode.EXTENSION_KEPT: msg("Extension"),
    FindingCode.SEVERAL_NUMBERS: msg("Several numbers in one cell"),
    FindingCode.FAX_IN_NOTE: msg("Fax number in the note"),
    FindingCode.PUBLIC_WEBMAIL: msg("Mailbox at a public provider"),
    FindingCode.INVALID_MAILBOX: msg("Not a mailbox"),
    FindingCode.MEASURE_MAPPED: msg("Measure understood"),
    FindingCode.UNKNOWN_MEASURE: msg("Measure not known"),
    FindingCode.UNKNOWN_PARTICIPANT: msg("Participant not known"),
    FindingCode.UNKNOWN_HEADING: msg("Column not known"),
    FindingCode.UNKNOWN_VALUE: msg("Value not known"),
    FindingCode.MERGED_AUTHORITY: msg("Same desk as another row"),
    FindingCode.REPEATED_ROW: msg("Row stands there twice"),
    FindingCode.CHANNEL_TO_CONFIRM: msg("Channel to confirm"),
    FindingCode.UNREADABLE_CHARACTERS: msg("Unreadable characters"),
    FindingCode.ROW_HELD_BACK: msg("Row held back"),
    FindingCode.FORMULA: msg("Formula"),
    FindingCode.ABOVE_HEADINGS: msg("Above the headings"),
    FindingCode.HEADING_MAPPED: msg("Column understood"),
    FindingCode.COLUMN_LEFT_OUT: msg("Column left out"),
    FindingCode.PARTICIPANT_MAPPED: msg("Participant understood"),
    FindingCode.SPELLING_KEPT: msg("Other spelling"),
    FindingCode.MATCHED_BY_ALIAS: msg("Known by another name"),
    FindingCode.POST_CHANGED: msg("Other post"),
    FindingCode.AMBIGUOUS_DESK: msg("Could be several desks"),
    FindingCode.ENDED_DESK: msg("Desk has ended"),
    FindingCode.VALUE_KEPT: msg("Value of the registry kept"),
    FindingCode.COMPETENCE_VANISHED: msg("Competence not in the list"),
    FindingCode.DESK_VANISHED: msg("Desk not in the list"),
    FindingCode.PARTICIPANT_NOT_LISTED: msg("Participant not in the list"),
}

_ORDER: Final = (Severity.BLOCKS, Severity.FIX_SOON, Severity.NOTE)


@dataclass(frozen=True, slots=True)
class ListFinding:
    """One finding of a dry run. ``message`` is the importer's own sentence, in English."""

    row: int
    look: Look
    what: Words
    message: str


@dataclass(frozen=True, slots=True)
class DeskChange:
    """What the list does to one desk."""

    participant: str
    name: str
    look: Look
    fields: tuple[Words, ...]
    rows: tuple[int, ...]


def describe_findings_of_list(result: ImportResult) -> list[ListFinding]:
    """Return all findings: what blocks first, then by row."""
    findings = sorted(result.findings, key=lambda f: (_ORDER.index(f.severity), f.row))
    return [
        ListFinding(f.row, SEVERITIES[f.severity], FINDING_WORDS[f.code], f.message)
        for f in findings
    ]


def count_severities(result: ImportResult) -> list[tuple[Look, int]]:
    """Return how many findings there are of each severity."""
    counts = Counter(finding.severity for finding in result.findings)
    return [(SEVERITIES[severity], counts[severity]) for severity in _ORDER]


def count_changes(result: ImportResult) -> list[tuple[Look, int]]:
    """Return how many desks are new, changed, unchanged, or not in the list."""
    counts = Counter(change.kind for change in result.changes)
    return [(LISTED_CHANGES[kind], counts[kind]) for kind in ChangeKind]


def describe_changes_of_list(
    result: ImportResult, name: Callable[[str], str], directory: Directory
) -> list[DeskChange]:
    """Return what happens to each desk but to those that stay as they are."""
    named = {
        authority.id: authority.name
        for document in result.contacts.values()
        for authority in document.authorities
    }
    return [
        _describe(change, named, name)
        for change in result.changes
        if change.kind is not ChangeKind.UNCHANGED and directory.participant(change.participant)
    ]


def _describe(
    change: Change, named: Mapping[AuthorityId, str], name: Callable[[str], str]
) -> DeskChange:
    return DeskChange(
        participant=change.participant,
        name=named.get(change.authority) or name(change.authority),
        look=LISTED_CHANGES[change.kind],
        fields=tuple(say_field(field) for field in change.fields),
        rows=change.rows,
    )
