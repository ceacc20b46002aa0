"""The printed contact list in words: by Participant and phase, the same for HTML and PDF."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import phonenumbers

from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.exporting.wording import PrintLanguage, Wording, load_wording
from contact_registry.importing.folding import fold
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ParticipantEntry,
    Route,
    Telephone,
    TelephoneKind,
)
from contact_registry.particulars import PostalAddress
from contact_registry.schedules import Schedule, Weekday
from protocol.identifiers import AuthorityId, Phase

_WEEK: Final = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One way to reach a desk: what it is, and the number or mailbox with its remark."""

    label: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class PrintedDesk:
    """A desk in one phase."""

    name: str
    place: tuple[str, ...]
    contact: tuple[PrintedLine, ...]
    competence: tuple[str, ...]
    remarks: tuple[str, ...]
    warning: str


@dataclass(frozen=True, slots=True)
class PrintedPhase:
    """A phase with its desks; none is an answer too."""

    title: str
    desks: tuple[PrintedDesk, ...]


@dataclass(frozen=True, slots=True)
class PrintedParticipant:
    """A Participant with its phases. ``remark`` says who answers for what is listed."""

    code: str
    title: str
    remark: str
    phases: tuple[PrintedPhase, ...]


@dataclass(frozen=True, slots=True)
class PrintedList:
    """The whole list. ``footnotes`` stand on every page."""

    language: PrintLanguage
    day: date
    wording: Wording
    as_of: str
    version: str
    hash: str
    code: str
    participants: tuple[PrintedParticipant, ...]
    footnotes: tuple[str, ...]


def lay_out(directory: Directory, *, day: date, language: PrintLanguage) -> PrintedList:
    """Put the registry into words: the desks that are valid on ``day``."""
    words = load_wording(language)
    code = make_verification_code(directory.version, directory.sha256)
    entries = sorted(directory.participants, key=lambda e: (fold(e.name_in(language)), e.code))
    footnotes = (entry.footnote_in(language) for entry in entries)
    return PrintedList(
        language=language,
        day=day,
        wording=words,
        as_of=words.as_of.format(day=day.isoformat()),
        version=words.version.format(version=directory.version),
        hash=words.hash.format(sha256=directory.sha256),
        code=words.code.format(code=code),
        participants=tuple(
            _lay_out_participant(
                entry, directory.contacts.get(entry.code), day=day, language=language
            )
            for entry in entries
        ),
        footnotes=tuple(dict.fromkeys(filter(None, footnotes))),
    )


def _lay_out_participant(
    entry: ParticipantEntry,
    document: ContactsDocument | None,
    *,
    day: date,
    language: PrintLanguage,
) -> PrintedParticipant:
    words = load_wording(language)
    title = entry.name_in(language)
    if document is None:
        return PrintedParticipant(entry.code, title, words.no_document, ())
    desks = [authority for authority in document.authorities if authority.is_valid_on(day)]
    writer = _DeskWriter(words, {desk.id: desk.name for desk in document.authorities})
    return PrintedParticipant(
        code=entry.code,
        title=title,
        remark=words.listed_by(document.listed_by),
        phases=tuple(
            PrintedPhase(
                words.phase(phase),
                tuple(
                    writer.write(desk, phase)
                    for desk in sorted(desks, key=lambda desk: (fold(desk.name), desk.id))
                    if any(competence.phase is phase for competence in desk.competences)
                ),
            )
            for phase in Phase
        ),
    )


@dataclass(frozen=True, slots=True)
class _DeskWriter:
    """Puts the desks of one Participant into the words of one language."""

    words: Wording
    names: dict[AuthorityId, str]

    def write(self, desk: Authority, phase: Phase) -> PrintedDesk:
        contact = [*map(self._write_telephone, desk.telephones)]
        contact += [PrintedLine(self.words.mailbox, mailbox) for mailbox in desk.mailboxes]
        contact += map(self._write_address, desk.addresses)
        if desk.available_24_7:
            contact.append(PrintedLine(self.words.hours, self.words.around_the_clock))
        contact += [
            PrintedLine(self.words.hours, self._write_schedule(schedule))
            for schedule in desk.schedules
        ]
        contact += self._write_route(self.words.reserve, desk.reserve)
        contact += self._write_route(self.words.out_of_hours, desk.out_of_hours)
        competent = [c for c in desk.competences if c.phase is phase]
        return PrintedDesk(
            name=desk.name,
            place=tuple(filter(None, (desk.unit, desk.post, desk.city))),
            contact=tuple(contact),
            competence=tuple(dict.fromkeys(map(self._write_competence, competent))),
            remarks=tuple(self._write_remarks(desk)),
            warning="" if desk.is_reachable else self.words.unreachable,
        )

    def _write_telephone(self, telephone: Telephone) -> PrintedLine:
        words = self.words
        label = {
            TelephoneKind.VOICE: words.telephone,
            TelephoneKind.FAX: words.fax,
            TelephoneKind.VOICE_AND_FAX: f"{words.telephone}/{words.fax}",
            TelephoneKind.TOLL_FREE: words.toll_free,
        }[telephone.kind]
        number = _group_digits(telephone.e164) if telephone.e164 else telephone.as_listed
        if telephone.e164 and telephone.extension:
            number += f" {words.extension} {telephone.extension}"
        remark = ""
        if telephone.national_only:
            remark = words.national_only
        elif telephone.e164 is None:
            remark = words.not_valid_number
        return PrintedLine(label, number, remark)

    def _write_address(self, address: PostalAddress) -> PrintedLine:
        town = " ".join(filter(None, (address.postal_code, address.city)))
        parts = (address.attention, address.address_1, address.address_2, town, address.region)
        return PrintedLine(self.words.address, ", ".join(filter(None, parts)))

    def _write_schedule(self, schedule: Schedule) -> str:
        """Write hours as ``Mo-Fr 08:00-16:00``."""
        names = self.words.days.split()
        numbers = sorted(_WEEK.index(day) for day in schedule.byday)
        spans: list[str] = []
        for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
            days = [number for _, number in run]
            last = f"\N{EN DASH}{names[days[-1]]}" if len(days) > 1 else ""
            spans.append(names[days[0]] + last)
        season = ""
        if schedule.valid_from or schedule.valid_to:
            season = f" ({schedule.valid_from or ''}\N{EN DASH}{schedule.valid_to or ''})"
        hours = f"{schedule.opens_at}\N{EN DASH}{schedule.closes_at}"
        return f"{', '.join(spans)} {hours}{season}"

    def _write_route(self, label: str, route: Route | None) -> Iterator[PrintedLine]:
        if route is None:
            return
        if route.authority is not None:
            yield PrintedLine(label, self.names[route.authority], route.note)
        for telephone in route.telephones:
            line = self._write_telephone(telephone)
            yield PrintedLine(label, line.value, line.remark or route.note)
        for mailbox in route.mailboxes:
            yield PrintedLine(label, mailbox, route.note)

    def _write_competence(self, competence: Competence) -> str:
        parts = (
            self.words.person_group(competence.person_group),
            self.words.channel(competence.channel),
            competence.place,
        )
        return ", ".join(filter(None, parts))

    def _write_remarks(self, desk: Authority) -> Iterator[str]:
        if desk.languages:
            yield f"{self.words.languages}: {', '.join(desk.languages)}"
        if desk.last_confirmed:
            yield self.words.last_confirmed.format(day=desk.last_confirmed.isoformat())
        else:
            yield self.words.never_confirmed
        if desk.note:
            yield f"{self.words.note}: {desk.note}"


def _group_digits(e164: str) -> str:
    """Write a number in groups as its numbering plan has them, so that it can be read out."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:  # of a prefix that the library does not know
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
