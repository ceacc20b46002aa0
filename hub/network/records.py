"""Keeps what the hub saw of the network: a day of samples, presence, the newest events, alerts.

Nothing grows: samples lie in a ring of ten-minute slots, presence is one row for each Participant,
of events the newest are kept, and an alert that is over is forgotten. What is kept of mailboxes is
the sum over all senders: who writes to whom is in none of these tables. What is noted again and
again does not wait for the disk: after a power cut the next look says it anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from console.storage.database import Database
from hub.monitoring.mailbox_watch import ParticipantMailbox
from hub.network.advisories import EventKind
from hub.store.network_tables import (
    NetworkEventRow,
    NetworkSampleRow,
    NodePresenceRow,
    TakenAlertRow,
)
from protocol.identifiers import ParticipantCode

SLOT: Final = timedelta(minutes=10)
DAY: Final = timedelta(hours=24)
#: Events that are kept: weeks of a quiet network.
MOST_EVENTS: Final = 500
#: The same event again within this time is counted, not listed anew.
SAME_EVENT: Final = timedelta(minutes=15)
_OVER: Final = timedelta(hours=1)
_LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Whether a node is connected, since when, and when it was last seen (None: never)."""

    participant: ParticipantCode
    is_connected: bool
    since: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened ``count`` times between two moments."""

    kind: EventKind
    participant: ParticipantCode | None = None
    server: str = ""
    first_at: datetime
    last_at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What lay in the mailboxes of one Participant, or of all, at one moment."""

    taken_at: datetime
    stored: int
    waiting: int
    stored_bytes: int
    oldest_seconds: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Who looks after an alert, since when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NetworkRecords:
    """The hub's memory of the network. Everything here may block."""

    database: Database

    # ------------------------------------------------------------------------- samples

    def keep_samples(self, mailboxes: Iterable[ParticipantMailbox], *, at: datetime) -> None:
        """Keep one sample of each Participant that has a mailbox, in the slot of ``at``."""
        at = at.astimezone(UTC)
        slot = (at.hour * 60 + at.minute) // 10
        rows = [_sample(mailbox, slot, at) for mailbox in mailboxes if mailbox.snapshot]
        with self.database.transaction(durable=False) as session:
            session.exec(delete(NetworkSampleRow).where(col(NetworkSampleRow.slot) == slot))
            session.exec(delete(NetworkSampleRow).where(col(NetworkSampleRow.taken_at) <= at - DAY))
            session.add_all(rows)

    def list_samples(
        self, *, now: datetime, participant: ParticipantCode | None = None
    ) -> Sequence[Sample]:
        """Give the last day of one Participant, or of all together, the earliest first."""
        table = NetworkSampleRow
        found = (
            sqlalchemy.select(
                col(table.taken_at),
                func.sum(col(table.stored)),
                func.sum(col(table.waiting)),
                func.sum(col(table.stored_bytes)),
                func.max(col(table.oldest_seconds)),
            )
            .where(col(table.taken_at) > now - DAY)
            .group_by(col(table.taken_at))
            .order_by(col(table.taken_at))
        )
        if participant is not None:
            found = found.where(col(table.participant) == participant)
        with self.database.reading() as session:
            return [
                Sample(
                    taken_at=at,
                    stored=int(stored),
                    waiting=int(waiting),
                    stored_bytes=int(stored_bytes),
                    oldest_seconds=int(oldest),
                )
                for at, stored, waiting, stored_bytes, oldest in session.connection().execute(found)
            ]

    def list_depths(self, *, now: datetime) -> Mapping[ParticipantCode, Sequence[int]]:
        """Give the most that lay in each Participant's mailboxes in each hour of the last day.

        24 numbers each, the earliest first; an hour without samples counts as none.
        """
        table = NetworkSampleRow
        found = sqlalchemy.select(
            col(table.participant), col(table.taken_at), col(table.stored)
        ).where(col(table.taken_at) > now - DAY)
        depths: dict[ParticipantCode, list[int]] = {}
        with self.database.reading() as session:
            for code, at, stored in session.connection().execute(found):
                hours = depths.setdefault(ParticipantCode(code), [0] * 24)
                hour = 23 - min(max(int((now - at) / timedelta(hours=1)), 0), 23)
                hours[hour] = max(hours[hour], stored)
        return depths

    # ------------------------------------------------------------------------ presence

    def note_presence(self, connections: Mapping[ParticipantCode, int], *, at: datetime) -> None:
        """Note who is connected; coming and going become events. Others are forgotten."""
        with self.database.transaction(durable=False) as session:
            rows = {row.participant: row for row in session.exec(select(NodePresenceRow))}
            for code, count in connections.items():
                row, is_connected = rows.pop(code, None), count > 0
                if row is None:
                    row = NodePresenceRow(participant=code, is_connected=False, since=at)
                if row.is_connected is not is_connected:
                    row.is_connected, row.since = is_connected, at
                    kind = EventKind.NODE_CAME if is_connected else EventKind.NODE_WENT
                    _keep_event(session, _event(kind, at, participant=code))
                if is_connected:
                    row.last_seen_at = at
                session.add(row)
            for gone in rows.values():
                session.delete(gone)

    def load_presences(self) -> Mapping[ParticipantCode, Presence]:
        """Give what is known of each node."""
        with self.database.reading() as session:
            return {
                ParticipantCode(row.participant): Presence(
                    participant=ParticipantCode(row.participant),
                    is_connected=row.is_connected,
                    since=row.since,
                    last_seen_at=row.last_seen_at,
                )
                for row in session.exec(select(NodePresenceRow))
            }

    # -------------------------------------------------------------------------- events

    def keep_events(self, events: Sequence[Event]) -> None:
        """Keep what happened; the oldest beyond the limit are let go."""
        if not events:
            return
        with self.database.transaction() as session:
            for event in events:
                _keep_event(session, event)
            session.flush()
            newest = (
                select(NetworkEventRow.event_id)
                .order_by(col(NetworkEventRow.event_id).desc())
                .limit(MOST_EVENTS)
            )
            session.exec(
                delete(NetworkEventRow).where(col(NetworkEventRow.event_id).not_in(newest))
            )

    def list_events(
        self, *, limit: int, participant: ParticipantCode | None = None
    ) -> Sequence[Event]:
        """Give the newest events, the last first."""
        found = select(NetworkEventRow).order_by(
            col(NetworkEventRow.last_at).desc(), col(NetworkEventRow.event_id).desc()
        )
        if participant is not None:
            found = found.where(col(NetworkEventRow.participant) == participant)
        with self.database.reading() as session:
            return [_read_event(row) for row in session.exec(found.limit(limit))]

    # -------------------------------------------------------------------------- alerts

    def load_taken(self) -> Mapping[str, Taken]:
        """Say who looks after which alert, by its key."""
        with self.database.reading() as session:
            return {
                row.alert_key: Taken(row.taken_by, row.taken_at)
                for row in session.exec(select(TakenAlertRow))
            }

    def forget_over(self, present: Iterable[str], *, at: datetime) -> None:
        """Let go who looked after an alert that has not been true for an hour."""
        keys = set(present)
        if not self.load_taken():
            return
        with self.database.transaction(durable=False) as session:
            for row in session.exec(select(TakenAlertRow)):
                if row.alert_key in keys:
                    row.true_at = at
                    session.add(row)
                elif at - row.true_at > _OVER:
                    session.delete(row)


def _sample(mailbox: ParticipantMailbox, slot: int, at: datetime) -> NetworkSampleRow:
    snapshot = mailbox.snapshot
    if snapshot is None:
        raise ValueError(f"{mailbox.participant} has no mailbox: there is nothing to keep of it.")
    age = at - snapshot.oldest_at if snapshot.oldest_at else timedelta()
    return NetworkSampleRow(
        slot=slot,
        participant=mailbox.participant,
        taken_at=at,
        stored=snapshot.stored,
        waiting=snapshot.waiting,
        stored_bytes=snapshot.stored_bytes,
        oldest_seconds=min(max(int(age.total_seconds()), 0), _LARGEST),
    )


def _event(kind: EventKind, at: datetime, *, participant: ParticipantCode) -> Event:
    return Event(kind=kind, participant=participant, first_at=at, last_at=at)


def _keep_event(session: Session, event: Event) -> None:
    row = NetworkEventRow
    last = session.exec(
        select(row)
        .where(
            col(row.kind) == event.kind.value,
            col(row.participant) == (event.participant or ""),
            col(row.server) == event.server,
            col(row.last_at) > event.first_at - SAME_EVENT,
        )
        .order_by(col(row.event_id).desc())
        .limit(1)
    ).first()
    if last is None:
        last = NetworkEventRow(
            kind=event.kind.value,
            participant=event.participant or "",
            server=event.server,
            first_at=event.first_at,
            last_at=event.last_at,
            count=0,
        )
    last.last_at = event.last_at
    last.count = min(last.count + event.count, _LARGEST)
    session.add(last)


def _read_event(row: NetworkEventRow) -> Event:
    return Event(
        kind=EventKind(row.kind),
        participant=ParticipantCode(row.participant) if row.participant else None,
        server=row.server,
        first_at=row.first_at,
        last_at=row.last_at,
        count=row.count,
    )
