"""Telling people of an item: who they are now, what is written down, and which mail waits.

Whatever rosters and contacts say, somebody is told: where an audience has nobody who may know of
the item, it widens to all who may, then to the administrators, then to whoever may sign in at all,
who learns that something waits and asks a colleague. Only a node without people tells nobody, and
says so among its alarms.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session, col, select

from console.process.tasks import describe_failure
from contact_registry.models import Authority
from node.domain.access import Permission, Principal
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.hooks import NoteKind
from node.domain.notices import REFUSED_FOR, NoticeState
from node.domain.work import Audience, Telling
from node.service.context import NodeContext
from node.service.principals import load_people
from node.service.records import add_event
from node.service.webhooks.announcing import announce
from node.service.work.items import may_have
from node.service.work.roster import Presence, Roster, judge_presence, load_roster
from node.service.work.routing import find_desk_of_ours
from node.store.account_tables import AccountRow
from node.store.bulk import in_parts, insert_rows
from node.store.work_tables import (
    MailRefusalRow,
    NoticeAddressRow,
    NoticeRow,
    WorkEventRow,
    WorkItemRow,
)
from protocol.identifiers import Channel
from protocol.messages.codes import Urgency

log = structlog.get_logger(__name__)

ROUTE: Final = "route:"
"""How a mailbox of a desk's out-of-hours route stands as a recipient: this, the desk, ``#0``."""

_ESCALATES: Final = frozenset({Audience.RESERVE, Audience.OUT_OF_HOURS, Audience.EVERYBODY})


@dataclass(frozen=True, slots=True)
class DeskNow:
    """A desk of ours at a moment; without ``authority`` it is not ours, or not any more."""

    authority: Authority | None
    roster: Roster
    presence: Presence

    @property
    def regulars(self) -> set[str]:
        """Who works there when nobody stands in."""
        return {member.account_id for member in self.roster.members if not member.is_reserve}

    @property
    def on_duty(self) -> set[str]:
        """Who is on duty; everybody who works there while no roster says who."""
        return set(self.presence.on_duty) or (set() if self.roster.shifts else self.regulars)


@dataclass(slots=True)
class Hall:
    """The people and desks of a node at one moment, looked up once for many items."""

    context: NodeContext
    session: Session
    now: datetime
    people: Mapping[str, Principal]
    mailed: frozenset[str]
    desks: dict[str | None, DeskNow] = field(default_factory=dict)
    #: What is to be written into the history of items, by item: who was told.
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: Notices to be mailed, by item and reader; one that waits already is not queued again.
    mail: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    #: What writes down elsewhere that somebody was told, by item: timelines, notes for webhooks.
    elsewhere: dict[str, list[Callable[[], None]]] = field(default_factory=dict)

    @classmethod
    def enter(cls, context: NodeContext, session: Session) -> "Hall":
        """Look up who may sign in now, and who gets mail."""
        names = session.exec(select(AccountRow.account_id).where(col(AccountRow.is_active))).all()
        mailed = frozenset[str]()
        if context.postman is not None:
            since = context.clock() - REFUSED_FOR
            refused = select(MailRefusalRow.account_id).where(MailRefusalRow.at > since)
            mailed = frozenset(
                session.exec(
                    select(NoticeAddressRow.account_id).where(
                        col(NoticeAddressRow.account_id).not_in(refused)
                    )
                )
            )
        return cls(context, session, context.clock(), load_people(session, names), mailed)

    def forget(self, item_id: str) -> None:
        """Tell nobody of an item after all: its look failed."""
        self.history.pop(item_id, None)
        self.mail.pop(item_id, None)
        self.elsewhere.pop(item_id, None)

    def write(self) -> set[str]:
        """Write down who was told of the items that were looked at, and queue what is to be mailed.

        Returns the items of which the store refuses that, and forgets them: each is tried alone
        then, so that one keeps nobody from being told of the others. What another transaction is in
        the way of is raised: all of it is tried again.
        """
        self.session.flush()  # what was done with an item comes before who was told of it
        items = [*self.history]
        if not items or self._write_of(items):
            return set()
        refused = {item_id for item_id in items if not self._write_of([item_id])}
        for item_id in refused:
            self.forget(item_id)
        return refused

    def _write_of(self, items: Sequence[str]) -> bool:
        try:
            with self.session.begin_nested():
                rows = [row for item_id in items for row in self.history[item_id]]
                insert_rows(self.session, WorkEventRow, rows)
                waiting = self._list_waiting_mail([it for it in items if self.mail.get(it)])
                letters = [
                    row
                    for item_id in items
                    for reader, row in self.mail.get(item_id, {}).items()
                    if (item_id, reader) not in waiting
                ]
                insert_rows(self.session, NoticeRow, letters)
                for item_id in items:
                    for write in self.elsewhere.get(item_id, ()):
                        write()
        except OperationalError:
            raise
        except DBAPIError as error:
            log.warning("items_not_told", count=len(items), error=describe_failure(error))
            return False
        return True

    def _list_waiting_mail(self, items: Sequence[str]) -> set[tuple[str, str]]:
        """Return item and reader of notices that wait, about any of these items."""
        return {
            (item_id, reader)
            for part in in_parts(items)
            for item_id, reader in self.session.exec(
                select(NoticeRow.item_id, NoticeRow.recipient).where(
                    col(NoticeRow.item_id).in_(part), NoticeRow.state == NoticeState.WAITING
                )
            )
        }

    def desk(self, name: str | None) -> DeskNow:
        """Return a desk as it is now."""
        if name not in self.desks:
            authority = find_desk_of_ours(self.context, name, at=self.now)
            roster = load_roster(self.session, name) if name else Roster("")
            presence = judge_presence(self.context, roster, authority, at=self.now)
            self.desks[name] = DeskNow(authority, roster, presence)
        return self.desks[name]

    def gather(self, row: WorkItemRow, audience: Audience) -> set[str]:
        """Return who belongs to an audience, whether they may know of the item or not."""
        desk = self.desk(row.desk)
        match audience:
            case Audience.OWNER:
                owner = row.claimed_by
                return {owner} if owner is not None and owner in self.people else desk.on_duty
            case Audience.DUTY:
                return desk.on_duty
            case Audience.DESK:
                return desk.regulars
            case Audience.RESERVE:
                reserve = {each.account_id for each in desk.roster.members if each.is_reserve}
                return reserve | self._stand_ins(desk, out_of_hours=False)
            case Audience.OUT_OF_HOURS:
                return self._stand_ins(desk, out_of_hours=True)
            case Audience.EVERYBODY:
                return self._who_may(row) | self._administrators()

    def _stand_ins(self, desk: DeskNow, *, out_of_hours: bool) -> set[str]:
        """Return the people of the desk of ours that the registry names as standing in."""
        if desk.authority is None:
            return set()
        route = desk.authority.out_of_hours if out_of_hours else desk.authority.reserve
        if route is None or route.authority is None:
            return set()
        there = self.desk(route.authority)
        return there.on_duty or there.regulars

    def _who_may(self, row: WorkItemRow) -> set[str]:
        return {name for name, who in self.people.items() if may_have(who, row)}

    def _administrators(self) -> set[str]:
        return {name for name, who in self.people.items() if who.may(Permission.WATCH_DELIVERY)}

    def choose(self, row: WorkItemRow, audience: Audience) -> set[str]:
        """Return those of an audience who may know of the item."""
        gathered = self.gather(row, audience)
        may = self._of_these(row, gathered)
        if not may and audience is Audience.DUTY:
            may = self._of_these(row, self.desk(row.desk).regulars)
        return may | (self._administrators() if audience is Audience.EVERYBODY else set())

    def _of_these(self, row: WorkItemRow, names: set[str]) -> set[str]:
        return {name for name in names if name in self.people and may_have(self.people[name], row)}

    def widen(self, row: WorkItemRow) -> set[str]:
        """Return whom to tell where an audience has nobody."""
        return self._who_may(row) or self._administrators() or set(self.people)


def tell(
    hall: Hall, row: WorkItemRow, audiences: Sequence[Audience], *, repeated: bool = False
) -> None:
    """Tell these audiences of an item: once each person, whichever they belong to.

    ``repeated``: they were told before, so the timeline of the case need not say it again. Call
    :meth:`Hall.write` in the end.
    """
    told: dict[str, Audience] = {}
    route_told = False
    for audience in audiences:
        for name in sorted(hall.choose(row, audience)):
            told.setdefault(name, audience)
        if audience is Audience.OUT_OF_HOURS:
            route_told = _tell_route(hall, row) or route_told
        if not repeated and audience not in {Audience.OWNER, Audience.DUTY}:
            _note_in_case(hall, row, audience)
    if not told:
        told = dict.fromkeys(sorted(hall.widen(row)), Audience.EVERYBODY)
    for name, audience in told.items():
        _write(hall, row, Telling.TOLD, target=name, code=audience)
        if name in hall.mailed:
            _queue_mail(hall, row, recipient=name)
    if not told and not route_told:
        _write(hall, row, Telling.NOBODY_TOLD, target=None, code=None)
    row.told_at = hall.now
    if not repeated:
        _announce(hall, row, audiences)


def _announce(hall: Hall, row: WorkItemRow, audiences: Sequence[Audience]) -> None:
    """Let webhooks know of items of no case; of those of a case its timeline tells them."""
    if row.case_id is not None:
        return
    escalates = bool(_ESCALATES & set(audiences))
    note = partial(
        announce,
        hall.session,
        NoteKind.ITEM_ESCALATED if escalates else NoteKind.ITEM_REMINDED,
        at=hall.now,
        subject=row.item_id,
        channel=Channel(row.channel) if row.channel else None,
    )
    hall.elsewhere.setdefault(row.item_id, []).append(note)


def _tell_route(hall: Hall, row: WorkItemRow) -> bool:
    """Let each mailbox of the desk's own out-of-hours route have a notice, if it lists any."""
    authority = hall.desk(row.desk).authority
    route = authority.out_of_hours if authority else None
    if authority is None or route is None or not route.mailboxes:
        return False
    if hall.context.postman is None:
        return False
    _write(hall, row, Telling.ROUTE_TOLD, target=authority.id, code=Audience.OUT_OF_HOURS)
    for number in range(len(route.mailboxes)):
        _queue_mail(hall, row, recipient=f"{ROUTE}{authority.id}#{number}")
    return True


def _write(
    hall: Hall, row: WorkItemRow, kind: Telling, *, target: str | None, code: str | None
) -> None:
    hall.history.setdefault(row.item_id, []).append(
        {
            "item_id": row.item_id,
            "at": hall.now,
            "kind": kind,
            "actor": SYSTEM_ACTOR,
            "target": target,
            "code": code,
        }
    )


def _queue_mail(hall: Hall, row: WorkItemRow, *, recipient: str) -> None:
    hall.mail.setdefault(row.item_id, {})[recipient] = {
        "item_id": row.item_id,
        "recipient": recipient,
        "urgent": row.urgency != Urgency.STANDARD or row.due_at <= hall.now,
        "state": NoticeState.WAITING,
        "created_at": hall.now,
        "next_attempt_at": hall.now,
    }


def _note_in_case(hall: Hall, row: WorkItemRow, audience: Audience) -> None:
    if row.case_id is None:
        return
    escalates = audience in _ESCALATES
    entry = partial(
        add_event,
        hall.session,
        kind=EventKind.ITEM_ESCALATED if escalates else EventKind.ITEM_REMINDED,
        at=hall.now,
        actor=SYSTEM_ACTOR,
        case_id=row.case_id,
        message_id=row.message_id,
        code=audience,
        channel=row.channel,
    )
    hall.elsewhere.setdefault(row.item_id, []).append(entry)
