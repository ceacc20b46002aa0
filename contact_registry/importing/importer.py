"""Bringing a contact list into the registry: every row in, every imperfection said.

Rows that name the same desk (same authority, unit, city and post, whatever the script) become one
:class:`~contact_registry.models.Authority` with several competences. A row that cannot be taken
over as it stands is held back whole, with its reason: nothing is guessed and nothing is dropped.

1. Read the file as records (:mod:`.records`, :mod:`.workbook`), these as a table (:mod:`.table`).
2. Read each row as a desk.
3. Reconcile the desks with the documents that are there already (:mod:`.reconciling`).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final, TypeVar

from pydantic import ValidationError

from contact_registry.errors import ContactListError
from contact_registry.fields import is_mailbox
from contact_registry.founding import FOUNDING_TIME_ZONES
from contact_registry.importing.findings import Finding, FindingCode, Severity
from contact_registry.importing.folding import fold, transliterate
from contact_registry.importing.matching import ListedDesk
from contact_registry.importing.measures import map_measure
from contact_registry.importing.reconciling import Change, reconcile
from contact_registry.importing.records import Record, read_csv
from contact_registry.importing.table import HeldBackRow, ListedRow, read_table
from contact_registry.importing.telephones import ReadNumber, judge_participant, read_telephones
from contact_registry.importing.vocabulary import ListMapping, find_participant, read_yes_no
from contact_registry.importing.workbook import is_workbook, read_workbook
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
)
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    Channel,
    ParticipantCode,
    parse_language,
    parse_participant_code,
)

#: Providers at which anybody opens a mailbox in anybody's name.
_PUBLIC_WEBMAIL: Final = frozenset({
    "aol.com", "gmail.com", "gmx.com", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com",
    "live.com", "mail.com", "mail.ru", "msn.com", "outlook.com", "proton.me", "protonmail.com",
    "yahoo.com", "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
})  # fmt: skip
#: Words in a name after which the channel of a desk should not stay "assistance" unlooked at.
_OTHER_CHANNEL: Final = re.compile(
    r"\b(?:police|prosecut\w*|suppression of|witness protection|judicial)\b", re.IGNORECASE
)
_LONGEST_SLUG: Final = 90


@dataclass(frozen=True, slots=True)
class ImportDefaults:
    """What the list itself does not say. ``time_zones`` also says which Participants are known.

    ``participant`` answers for rows that name none: a Participant's own list needs no such column.
    """

    valid_from: date
    source: str
    time_zones: Mapping[ParticipantCode, str] = field(default_factory=lambda: FOUNDING_TIME_ZONES)
    listed_by: ListedBy = ListedBy.OPERATOR
    channel: Channel = Channel.ASSISTANCE
    participant: ParticipantCode | None = None
    mapping: ListMapping = field(default_factory=ListMapping)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a list. ``rows_imported`` and ``held_back`` add up to ``rows_read``.

    ``changes`` names every desk of ``contacts`` once: new, changed, unchanged, or vanished from the
    list. A vanished desk is still in ``contacts``: an import ends nothing.
    """

    contacts: Mapping[ParticipantCode, ContactsDocument]
    findings: tuple[Finding, ...]
    held_back: tuple[HeldBackRow, ...]
    rows_read: int
    rows_imported: int
    changes: tuple[Change, ...] = ()


_DeskKey = tuple[str, ...]
_Choice = TypeVar("_Choice", PersonGroup, Channel)


@dataclass
class _Import:
    """The state of one import while it runs."""

    defaults: ImportDefaults
    desks: dict[_DeskKey, ListedDesk] = field(default_factory=dict)
    identifiers: set[AuthorityId] = field(default_factory=set)
    numbers: dict[ParticipantCode, list[ReadNumber]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    held_back: list[HeldBackRow] = field(default_factory=list)

    def report(self, row: int, code: FindingCode, severity: Severity, message: str) -> None:
        self.findings.append(Finding(row, code, severity, message))

    def hold_back(self, row: ListedRow, code: FindingCode, reason: str) -> None:
        self.held_back.append(HeldBackRow(row.row, reason, tuple(row.cells.values())))
        self.report(row.row, code, Severity.BLOCKS, reason)


def import_contact_file(
    data: bytes,
    *,
    defaults: ImportDefaults,
    onto: Mapping[ParticipantCode, ContactsDocument] | None = None,
    sheet: str | None = None,
) -> ImportResult:
    """Read a contact list as a file: a workbook (XLSX) or comma-separated text in UTF-8.

    ``onto`` holds the documents that are there already, ``sheet`` the sheet to read.

    Raises :class:`~contact_registry.errors.ContactListError` if it is neither, or no such table.
    """
    if is_workbook(data):
        return _import_records(read_workbook(data, sheet=sheet), defaults, onto or {})
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContactListError("The list is not UTF-8: save it as CSV (UTF-8) or XLSX.") from error
    return import_contact_list(text, defaults=defaults, onto=onto)


def import_contact_list(
    text: str,
    *,
    defaults: ImportDefaults,
    onto: Mapping[ParticipantCode, ContactsDocument] | None = None,
) -> ImportResult:
    """Read a contact list (comma-separated, see ``contact_registry/data/README.md``).

    Raises :class:`~contact_registry.errors.ContactListError` if it is no such table at all.
    """
    return _import_records(read_csv(text), defaults, onto or {})


def _import_records(
    records: Iterable[Record],
    defaults: ImportDefaults,
    onto: Mapping[ParticipantCode, ContactsDocument],
) -> ImportResult:
    given = ["participant"] if defaults.participant else []
    table = read_table(records, mapping=defaults.mapping, given=given)
    state = _Import(defaults, findings=list(table.findings), held_back=list(table.held_back))
    for row in table.rows:
        _import_row(state, row)
    for participant, numbers in state.numbers.items():
        state.findings += judge_participant(participant, numbers)
    grouped: dict[ParticipantCode, list[ListedDesk]] = {}
    for key, desk in state.desks.items():
        grouped.setdefault(ParticipantCode(key[0]), []).append(desk)
    reconciled = reconcile(grouped, onto, day=defaults.valid_from, listed_by=defaults.listed_by)
    return ImportResult(
        contacts=MappingProxyType(dict(reconciled.contacts)),
        findings=tuple(sorted((*state.findings, *reconciled.findings))),
        held_back=tuple(sorted(state.held_back, key=lambda held: held.row)),
        rows_read=table.rows_read,
        rows_imported=table.rows_read - len(state.held_back),
        changes=reconciled.changes,
    )


def _import_row(state: _Import, row: ListedRow) -> None:
    cells = row.cells
    participant = _read_participant(state, row)
    if participant is None:
        return
    numbers, findings = read_telephones(
        cells["phone"], cells["note"], fax=cells["fax"], participant=participant, row=row.row
    )
    mailboxes, leftover = _read_mailboxes(state, row)
    competences = _read_competences(state, row)
    name, unit, city, post = (cells[h] for h in ("authority", "unit", "city", "post"))
    listed_id = cells["id"]
    key = (participant, *(map(fold, (name, unit, city, post))), listed_id)
    known = state.desks.get(key)
    try:
        listed = Authority(
            id=known.authority.id if known else _make_id(state, participant, row),
            name=name,
            unit=unit,
            city=city,
            post=post,
            competences=competences,
            telephones=tuple(number.telephone for number in numbers),
            mailboxes=mailboxes,
            available_24_7=_read_available(state, row),
            languages=_read_languages(state, row),
            time_zone=state.defaults.time_zones[participant],
            valid_from=state.defaults.valid_from,
            note="; ".join(filter(None, (cells["note"], *leftover))),
            source=f"{state.defaults.source}, row {row.row}",
        )
        desk = ListedDesk(
            authority=_merge(known.authority, listed) if known else listed,
            rows=(*(known.rows if known else ()), row.row),
            stated=(known.stated if known else frozenset()) | {h for h, c in cells.items() if c},
            listed_id=listed_id,
        )
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        state.hold_back(
            row,
            FindingCode.ROW_HELD_BACK,
            f"The row does not fit a registry entry ({', '.join(fields)}): shorten or correct it.",
        )
        return
    state.findings += findings
    state.numbers.setdefault(participant, []).extend(numbers)
    _judge_row(state, row, known=known, listed=listed)
    state.desks[key] = desk
    state.identifiers.add(desk.authority.id)


def _read_participant(state: _Import, row: ListedRow) -> ParticipantCode | None:
    text = row.cells["participant"]
    if not text and state.defaults.participant:
        return state.defaults.participant
    participant = state.defaults.mapping.participants.get(fold(text)) or find_participant(text)
    if participant is not None and participant in state.defaults.time_zones:
        state.report(
            row.row,
            FindingCode.PARTICIPANT_MAPPED,
            Severity.NOTE,
            f"{text[:40]!r} was read as the Participant {participant}.",
        )
        return participant
    try:
        participant = parse_participant_code(text)
    except MalformedError:
        participant = None
    if participant is None or participant not in state.defaults.time_zones:
        known = ", ".join(sorted(state.defaults.time_zones))
        state.hold_back(
            row,
            FindingCode.UNKNOWN_PARTICIPANT,
            f"{text[:40] or 'An empty cell'} is no known Participant code ({known}): correct it, "
            "or admit the Participant first.",
        )
        return None
    return participant


def _read_competences(state: _Import, row: ListedRow) -> tuple[Competence, ...]:
    measure = row.cells["trm_measure"]
    mapped = map_measure(measure, state.defaults.mapping.measures)
    if mapped is None:
        state.report(
            row.row,
            FindingCode.UNKNOWN_MEASURE,
            Severity.BLOCKS,
            f"The measure {measure[:60]!r} is not known: the desk was entered without a "
            "competence. Say which of the five phases is meant.",
        )
        return ()
    phase, is_standard = mapped
    if not is_standard:
        state.report(
            row.row,
            FindingCode.MEASURE_MAPPED,
            Severity.NOTE,
            f"The measure {measure[:60]!r} was read as the phase {phase}.",
        )
    return (
        Competence(
            phase=phase,
            person_group=_read_choice(state, row, "person_group", PersonGroup.ANY),
            channel=_read_choice(state, row, "channel", state.defaults.channel),
            measure_as_listed="" if measure == phase else measure[:500],
        ),
    )


def _read_choice(state: _Import, row: ListedRow, heading: str, default: _Choice) -> _Choice:
    """Read one of our own words; what is none is reported and the default entered."""
    text = fold(row.cells[heading]).replace(" ", "_")
    choices = type(default)
    if text in {choice.value for choice in choices}:
        return choices(text)
    if text:
        state.report(
            row.row,
            FindingCode.UNKNOWN_VALUE,
            Severity.FIX_SOON,
            f"{heading} is one of {', '.join(choices)}: {default} was entered.",
        )
    return default


def _read_languages(state: _Import, row: ListedRow) -> tuple[str, ...]:
    languages: list[str] = []
    for text in re.split(r"[;,\s]+", row.cells["languages"]):
        try:
            languages += [parse_language(text)] if text else []
        except MalformedError:
            state.report(
                row.row,
                FindingCode.UNKNOWN_VALUE,
                Severity.FIX_SOON,
                f"{text[:40]!r} is no language code such as sq or sr-Cyrl: it was not entered.",
            )
    return tuple(dict.fromkeys(languages))


def _read_mailboxes(state: _Import, row: ListedRow) -> tuple[tuple[str, ...], list[str]]:
    """Return the mailboxes, and what stood in their place and is none."""
    mailboxes: list[str] = []
    leftover: list[str] = []
    for text in re.split(r"[;,\s]+", row.cells["email"]):
        if not text:
            continue
        if not is_mailbox(text):
            state.report(
                row.row,
                FindingCode.INVALID_MAILBOX,
                Severity.FIX_SOON,
                f"{text[:60]} is no mailbox: it was kept in the note. Ask for the right one.",
            )
            leftover.append(f"mailbox as listed: {text}")
            continue
        mailboxes.append(text)
        if text.rpartition("@")[2].casefold() in _PUBLIC_WEBMAIL:
            state.report(
                row.row,
                FindingCode.PUBLIC_WEBMAIL,
                Severity.FIX_SOON,
                f"{text} is at a public webmail provider: ask for a mailbox of the authority.",
            )
    return tuple(dict.fromkeys(mailboxes)), leftover


def _read_available(state: _Import, row: ListedRow) -> bool:
    text = row.cells["available_24_7"]
    answer = read_yes_no(text)
    if text and answer is None:
        state.report(
            row.row,
            FindingCode.UNKNOWN_VALUE,
            Severity.FIX_SOON,
            f"available_24_7 is yes or no, not {text[:40]!r}: no was entered.",
        )
    return bool(answer)


def _judge_row(
    state: _Import, row: ListedRow, *, known: ListedDesk | None, listed: Authority
) -> None:
    if not listed.telephones and not listed.mailboxes:
        state.report(
            row.row,
            FindingCode.NOBODY_REACHABLE,
            Severity.FIX_SOON,
            "Neither a telephone nor a mailbox is listed: nobody can be reached here.",
        )
    if known is None:
        name = f"{listed.name} {listed.unit}"
        if not row.cells["channel"] and _OTHER_CHANNEL.search(name):
            state.report(
                row.row,
                FindingCode.CHANNEL_TO_CONFIRM,
                Severity.FIX_SOON,
                f"The list names no channel, so {state.defaults.channel} was entered; by its name "
                "this desk may belong to another one. Confirm the channel.",
            )
    elif set(listed.competences) <= set(known.authority.competences):
        state.report(
            row.row,
            FindingCode.REPEATED_ROW,
            Severity.NOTE,
            f"Row {known.rows[0]} names the same desk and measure: nothing was added twice.",
        )
    else:
        state.report(
            row.row,
            FindingCode.MERGED_AUTHORITY,
            Severity.NOTE,
            f"The same desk as in row {known.rows[0]}: entered once, with both rows' competences.",
        )


def _merge(known: Authority, listed: Authority) -> Authority:
    """Return one authority that says all that both say."""
    notes = dict.fromkeys(filter(None, (*known.note.split("; "), *listed.note.split("; "))))
    return Authority(
        id=known.id,
        name=known.name,
        unit=known.unit,
        city=known.city,
        post=known.post,
        competences=tuple(dict.fromkeys((*known.competences, *listed.competences))),
        telephones=tuple(dict.fromkeys((*known.telephones, *listed.telephones))),
        mailboxes=tuple(dict.fromkeys((*known.mailboxes, *listed.mailboxes))),
        available_24_7=known.available_24_7 or listed.available_24_7,
        languages=tuple(dict.fromkeys((*known.languages, *listed.languages))),
        time_zone=known.time_zone,
        valid_from=known.valid_from,
        note="; ".join(notes),
        source=known.source,
    )


def _make_id(state: _Import, participant: ParticipantCode, row: ListedRow) -> AuthorityId:
    """Make a readable identifier from name and unit that a later import makes again."""
    name = " ".join(filter(None, (row.cells["authority"], row.cells["unit"])))
    plain = transliterate(name)
    slug = "-".join(re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode().lower()))
    mark = hashlib.sha256(plain.encode(errors="replace")).hexdigest()[:8]
    if not slug:
        slug = f"desk-{mark}"
    elif len(slug) > _LONGEST_SLUG:
        slug = f"{slug[:_LONGEST_SLUG].rpartition('-')[0] or slug[:_LONGEST_SLUG]}-{mark}"
    candidate = AuthorityId(f"{participant}-{slug}")
    number = 2
    while candidate in state.identifiers:
        candidate = AuthorityId(f"{participant}-{slug}-{number}")
        number += 1
    return candidate
