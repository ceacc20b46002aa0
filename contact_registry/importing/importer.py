"""Bringing a contact list into the registry: every row in, every imperfection said.

Rows that name the same desk (same authority, unit, city and post) become one
:class:`~contact_registry.models.Authority` with several competences. A row that cannot be taken
over as it stands is held back whole, with its reason: nothing is guessed and nothing is dropped.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from contact_registry.errors import ContactListError
from contact_registry.fields import is_mailbox
from contact_registry.founding import FOUNDING_TIME_ZONES
from contact_registry.importing.findings import Finding, FindingCode, Severity
from contact_registry.importing.measures import map_measure
from contact_registry.importing.table import HeldBackRow, ListedRow, read_table
from contact_registry.importing.telephones import ReadNumber, judge_participant, read_telephones
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
)
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    Channel,
    ParticipantCode,
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
#: Letters that Unicode does not decompose into a Latin letter and a mark.
_LATIN: Final = str.maketrans({"đ": "d", "Đ": "D", "ø": "o", "ł": "l", "ß": "ss", "æ": "ae"})
_LONGEST_SLUG: Final = 90


@dataclass(frozen=True, slots=True)
class ImportDefaults:
    """What the list itself does not say. ``time_zones`` also says which Participants are known."""

    valid_from: date
    source: str
    time_zones: Mapping[ParticipantCode, str] = field(default_factory=lambda: FOUNDING_TIME_ZONES)
    listed_by: ListedBy = ListedBy.OPERATOR
    channel: Channel = Channel.ASSISTANCE


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a list. ``rows_imported`` and ``held_back`` add up to ``rows_read``."""

    contacts: Mapping[ParticipantCode, ContactsDocument]
    findings: tuple[Finding, ...]
    held_back: tuple[HeldBackRow, ...]
    rows_read: int
    rows_imported: int


_DeskKey = tuple[str, str, str, str, str]


@dataclass
class _Import:
    """The state of one import while it runs."""

    defaults: ImportDefaults
    desks: dict[_DeskKey, Authority] = field(default_factory=dict)
    first_rows: dict[_DeskKey, int] = field(default_factory=dict)
    identifiers: set[AuthorityId] = field(default_factory=set)
    numbers: dict[ParticipantCode, list[ReadNumber]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    held_back: list[HeldBackRow] = field(default_factory=list)

    def report(self, row: int, code: FindingCode, severity: Severity, message: str) -> None:
        self.findings.append(Finding(row, code, severity, message))

    def hold_back(self, row: ListedRow, code: FindingCode, reason: str) -> None:
        self.held_back.append(HeldBackRow(row.row, reason, tuple(row.cells.values())))
        self.report(row.row, code, Severity.BLOCKS, reason)


def import_contact_list(text: str, *, defaults: ImportDefaults) -> ImportResult:
    """Read a contact list (comma-separated, see ``contact_registry/data/README.md``).

    Raises :class:`~contact_registry.errors.ContactListError` if it is no such table at all.
    """
    table = read_table(text)
    state = _Import(defaults, findings=list(table.findings), held_back=list(table.held_back))
    for row in table.rows:
        _import_row(state, row)
    for participant, numbers in state.numbers.items():
        state.findings += judge_participant(participant, numbers)
    contacts = _gather(state)
    return ImportResult(
        contacts=MappingProxyType(contacts),
        findings=tuple(sorted(state.findings)),
        held_back=tuple(sorted(state.held_back, key=lambda held: held.row)),
        rows_read=table.rows_read,
        rows_imported=table.rows_read - len(state.held_back),
    )


def _gather(state: _Import) -> dict[ParticipantCode, ContactsDocument]:
    grouped: dict[ParticipantCode, list[Authority]] = {}
    for key, authority in state.desks.items():
        grouped.setdefault(ParticipantCode(key[0]), []).append(authority)
    try:
        return {
            participant: ContactsDocument(
                participant=participant,
                listed_by=state.defaults.listed_by,
                authorities=tuple(authorities),
            )
            for participant, authorities in grouped.items()
        }
    except ValidationError as error:
        raise ContactListError(
            "The list has more desks of one Participant than a registry document holds (500): "
            "remove those that ended."
        ) from error


def _import_row(state: _Import, row: ListedRow) -> None:
    cells = row.cells
    participant = _read_participant(state, row)
    if participant is None:
        return
    numbers, findings = read_telephones(
        cells["phone"], cells["note"], participant=participant, row=row.row
    )
    mailboxes, leftover = _read_mailboxes(state, row)
    competences = _read_competences(state, row)
    name, unit, city, post = (cells[h] for h in ("authority", "unit", "city", "post"))
    key = (participant, name.casefold(), unit.casefold(), city.casefold(), post.casefold())
    known = state.desks.get(key)
    try:
        listed = Authority(
            id=known.id if known else _make_id(state, participant, row),
            name=name,
            unit=unit,
            city=city,
            post=post,
            competences=competences,
            telephones=tuple(number.telephone for number in numbers),
            mailboxes=mailboxes,
            available_24_7=_read_yes_no(state, row),
            time_zone=state.defaults.time_zones[participant],
            valid_from=state.defaults.valid_from,
            note="; ".join(filter(None, (cells["note"], *leftover))),
            source=f"{state.defaults.source}, row {row.row}",
        )
        authority = _merge(known, listed) if known else listed
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
    _judge_row(state, row, known=known, listed=listed, first_row=state.first_rows.get(key))
    state.desks[key] = authority
    state.identifiers.add(authority.id)
    state.first_rows.setdefault(key, row.row)


def _read_participant(state: _Import, row: ListedRow) -> ParticipantCode | None:
    text = row.cells["participant"]
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
    mapped = map_measure(measure)
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
        Competence(phase=phase, channel=state.defaults.channel, measure_as_listed=measure[:500]),
    )


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


def _read_yes_no(state: _Import, row: ListedRow) -> bool:
    text = row.cells["available_24_7"].casefold()
    if text not in {"", "yes", "no"}:
        state.report(
            row.row,
            FindingCode.UNKNOWN_VALUE,
            Severity.FIX_SOON,
            f"available_24_7 is yes or no, not {text[:40]!r}: no was entered.",
        )
    return text == "yes"


def _judge_row(
    state: _Import,
    row: ListedRow,
    *,
    known: Authority | None,
    listed: Authority,
    first_row: int | None,
) -> None:
    if not listed.telephones and not listed.mailboxes:
        state.report(
            row.row,
            FindingCode.NOBODY_REACHABLE,
            Severity.FIX_SOON,
            "Neither a telephone nor a mailbox is listed: nobody can be reached here.",
        )
    if known is None:
        if _OTHER_CHANNEL.search(f"{listed.name} {listed.unit}"):
            state.report(
                row.row,
                FindingCode.CHANNEL_TO_CONFIRM,
                Severity.FIX_SOON,
                f"The list names no channel, so {state.defaults.channel} was entered; by its name "
                "this desk may belong to another one. Confirm the channel.",
            )
    elif set(listed.competences) <= set(known.competences):
        state.report(
            row.row,
            FindingCode.REPEATED_ROW,
            Severity.NOTE,
            f"Row {first_row} names the same desk and measure: nothing was added twice.",
        )
    else:
        state.report(
            row.row,
            FindingCode.MERGED_AUTHORITY,
            Severity.NOTE,
            f"The same desk as in row {first_row}: entered once, with both rows' competences.",
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
        time_zone=known.time_zone,
        valid_from=known.valid_from,
        note="; ".join(notes),
        source=known.source,
    )


def _make_id(state: _Import, participant: ParticipantCode, row: ListedRow) -> AuthorityId:
    """Make a readable identifier from name and unit that a later import makes again."""
    name = " ".join(filter(None, (row.cells["authority"], row.cells["unit"])))
    plain = unicodedata.normalize("NFKD", name.translate(_LATIN)).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain.lower()))
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
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
