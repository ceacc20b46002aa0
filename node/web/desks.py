"""Desks as people see them: what they are, whether anybody answers now, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from console.i18n import Message, msg, nmsg, pmsg
from contact_registry.directory import Directory
from contact_registry.models import Authority, ContactsDocument, ListedBy, PersonGroup, Telephone
from contact_registry.routing import Desk, Gap, GapReason, resolve
from node.web.duty import DutyCard, describe_duty
from node.web.labels import say_code
from node.web.states import Look
from protocol.identifiers import Channel, ParticipantCode, Phase, get_participant_of

_FRESH: timedelta = timedelta(days=180)
_NIGHT_ENDS = 7
_NIGHT_BEGINS = 21


@dataclass(frozen=True, slots=True)
class DeskCard:
    """A desk, ready to be shown."""

    authority: Authority
    #: What the clock says where it is.
    local_time: datetime
    #: None on a card of a past day.
    duty: DutyCard | None
    is_night: bool
    confirmation: Look
    dialable: tuple[Telephone, ...]
    national: tuple[Telephone, ...]

    @property
    def place(self) -> str:
        """Unit and city, as far as they are listed."""
        return ", ".join(part for part in (self.authority.unit, self.authority.city) if part)

    @property
    def reaches_nobody(self) -> bool:
        """Whether there is no number and no mailbox that works from abroad."""
        return not self.authority.is_reachable


def make_card(
    authority: Authority, document: ContactsDocument, *, now: datetime, is_past: bool = False
) -> DeskCard:
    """Describe a desk as of ``now``; ``document`` is that of its Participant.

    A card of a past day does not say whom to ring.
    """
    local = now.astimezone(ZoneInfo(authority.time_zone))
    knows_hours = authority.available_24_7 or bool(authority.schedules)
    return DeskCard(
        authority=authority,
        local_time=local,
        duty=None if is_past else describe_duty(authority, document, now=now),
        is_night=not is_past and not _NIGHT_ENDS <= local.hour < _NIGHT_BEGINS and not knows_hours,
        confirmation=confirmation_of(
            authority, document.listed_by, today=local.date(), is_past=is_past
        ),
        dialable=tuple(t for t in authority.telephones if t.is_dialable_from_abroad),
        national=tuple(t for t in authority.telephones if not t.is_dialable_from_abroad),
    )


def find_card(
    directory: Directory | None, authority: Authority | None, *, now: datetime
) -> DeskCard | None:
    """Describe a desk as of ``now``; None without one, or without a directory that lists it."""
    if directory is None or authority is None:
        return None
    document = directory.contacts.get(get_participant_of(authority.id))
    return None if document is None else make_card(authority, document, now=now)


def describe_post(authority: Authority) -> dict[str, str]:
    """Say who coordinates at a desk, by its entry: post, telephone, and mailbox."""
    phones = [phone for phone in authority.telephones if phone.is_dialable_from_abroad]
    return {
        "post": ", ".join(part for part in (authority.post, authority.name) if part),
        "telephone": (phones[0].e164 or "") if phones else "",
        "mailbox": authority.mailboxes[0] if authority.mailboxes else "",
    }


def confirmation_of(
    authority: Authority, listed_by: ListedBy, *, today: date, is_past: bool = False
) -> Look:
    """Say who answers for an entry, and since when; of a past ``today`` by the date."""
    if listed_by is ListedBy.OPERATOR:
        return Look(pmsg("directory", "Listed by the operator"), "neutral", "building-2")
    if authority.last_confirmed is None:
        return Look(pmsg("directory", "Listed by the Participant"), "neutral", "building-2")
    age = today - authority.last_confirmed
    if is_past:
        word = msg("Confirmed on %(day)s", day=authority.last_confirmed.isoformat())
        is_old = age > _FRESH
        return Look(word, "warn" if is_old else "ok", "hourglass" if is_old else "circle-check")
    if age > _FRESH:
        word = nmsg("Not confirmed for %(count)s day", "Not confirmed for %(count)s days", age.days)
        return Look(word, "warn", "hourglass")
    if age.days < 1:
        return Look(pmsg("directory", "Confirmed today"), "ok", "circle-check")
    word = nmsg("Confirmed %(count)s day ago", "Confirmed %(count)s days ago", age.days)
    return Look(word, "ok", "circle-check")


def explain_choice(desk: Desk) -> Iterator[Message | str]:
    """Say why this desk is proposed, one reason a line."""
    competence = desk.competence
    yield msg("Competent for: %(phase)s", phase=say_code(competence.phase))
    if competence.person_group is not PersonGroup.ANY:
        yield say_code(competence.person_group)
    if competence.channel is not Channel.ASSISTANCE:
        yield msg("Channel: %(channel)s", channel=say_code(competence.channel))
    if competence.place:
        yield msg("Only for %(place)s", place=competence.place)
    for step in desk.fell_back_on:
        yield say_code(step)


@dataclass(frozen=True, slots=True)
class Cell:
    """Who is competent in one Participant for one phase: a desk or a gap."""

    phase: Phase
    desk: DeskCard | None
    look: Look


def describe_coverage(
    directory: Directory,
    participant: ParticipantCode,
    *,
    now: datetime,
    child: bool = False,
    is_past: bool = False,
) -> list[Cell]:
    """Say for each phase who is competent in a Participant."""
    cells = []
    for phase in Phase:
        answer = resolve(directory, participant=participant, phase=phase, at=now, child=child)
        if isinstance(answer, Gap):
            cells.append(Cell(phase, None, look_of_gap(answer)))
            continue
        document = directory.contacts[participant]
        card = make_card(answer.authority, document, now=now, is_past=is_past)
        look = card.confirmation
        if answer.fell_back_on:
            look = Look(pmsg("directory", "Stand-in desk"), "warn", "corner-up-left")
        cells.append(Cell(phase, card, look))
    return cells


def look_of_gap(gap: Gap) -> Look:
    """Say what is missing."""
    if gap.reason_code is GapReason.NOBODY_REACHABLE:
        return Look(pmsg("directory", "Reaches nobody"), "danger", "circle-alert")
    return Look(pmsg("directory", "No desk"), "danger", "circle-alert")
