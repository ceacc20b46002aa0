"""What the hub remembers of the network is a day, the newest events, and never grows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from console.storage.database import Database
from hub.network.advisories import EventKind
from hub.network.records import MOST_EVENTS, Event, NetworkRecords
from hub.store.migrating import migrate
from hub.store.network_tables import NetworkEventRow, NetworkSampleRow
from tests.support.console_face import NOON
from tests.support.hub_console import open_hub_database
from tests.support.hub_network import AL, MK, keep_a_day, make_mailbox

TEN = timedelta(minutes=10)
DAY = timedelta(hours=24)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[NetworkRecords]:
    """Open an empty memory."""
    database = open_hub_database(tmp_path)
    yield NetworkRecords(database)
    database.close()


def test_samples_are_a_ring_of_one_day(records: NetworkRecords) -> None:
    """A day later each slot is overwritten; what is older is not shown and not kept."""
    for step in range(150):
        at = NOON + step * TEN
        records.keep_samples([make_mailbox(AL, step), make_mailbox(MK, 1)], at=at)
    now = NOON + 149 * TEN
    samples = records.list_samples(now=now, participant=AL)
    assert len(samples) == 144
    assert (samples[0].waiting, samples[-1].waiting) == (6 + 2, 149 + 49)
    assert records.list_samples(now=now)[-1].stored == 149 + 49 + 1
    with records.database.reading() as session:
        assert session.exec(select(func.count()).select_from(NetworkSampleRow)).one() == 2 * 144


def test_a_hub_that_was_stopped_keeps_nothing_old(records: NetworkRecords) -> None:
    """The first sample after two days lets go of all that is older than one."""
    records.keep_samples([make_mailbox(AL, 5)], at=NOON)
    records.keep_samples([make_mailbox(AL, 1)], at=NOON + 2 * DAY + TEN)
    assert [s.stored for s in records.list_samples(now=NOON + 2 * DAY + TEN)] == [1]
    with records.database.reading() as session:
        assert session.exec(select(func.count()).select_from(NetworkSampleRow)).one() == 1


def test_the_depth_of_each_hour_is_its_most(records: NetworkRecords) -> None:
    """24 numbers for each Participant, the present hour last."""
    records.keep_samples([make_mailbox(AL, 9)], at=NOON - timedelta(minutes=70))
    records.keep_samples([make_mailbox(AL, 3)], at=NOON - timedelta(minutes=20))
    records.keep_samples([make_mailbox(AL, 6)], at=NOON - timedelta(minutes=10))
    assert records.list_depths(now=NOON) == {AL: [0] * 22 + [12, 8]}


def test_coming_and_going_are_events(records: NetworkRecords) -> None:
    """Presence says since when; a change is an event; who left the registry is forgotten."""
    records.note_presence({AL: 0, MK: 1}, at=NOON)
    records.note_presence({AL: 2, MK: 1}, at=NOON + TEN)
    records.note_presence({AL: 0}, at=NOON + 3 * TEN)
    presences = records.load_presences()
    assert set(presences) == {AL}
    found = presences[AL]
    assert (found.is_connected, found.since, found.last_seen_at) == (
        False,
        NOON + 3 * TEN,
        NOON + TEN,
    )
    told = [(event.kind, event.participant) for event in records.list_events(limit=9)]
    assert told == [
        (EventKind.NODE_WENT, AL),
        (EventKind.NODE_CAME, AL),
        (EventKind.NODE_CAME, MK),
    ]
    assert len(records.list_events(limit=9, participant=MK)) == 1


def test_the_same_again_is_counted(records: NetworkRecords) -> None:
    """A stranger who knocks all the time is one line; after a pause it is another."""

    def knock(minutes: int) -> Event:
        at = NOON + timedelta(minutes=minutes)
        return Event(
            kind=EventKind.STRANGER_REFUSED, server="b", first_at=at, last_at=at, count=100
        )

    records.keep_events([knock(0)])
    records.keep_events([knock(10)])
    records.keep_events([knock(60)])
    assert [event.count for event in records.list_events(limit=9)] == [100, 200]


def test_the_oldest_events_are_let_go(records: NetworkRecords) -> None:
    """However much happens, so many lines are kept, the newest."""
    records.keep_events(
        [
            Event(
                kind=EventKind.SERVER_STOPPED,
                server=f"s{number}",
                first_at=NOON,
                last_at=NOON + timedelta(seconds=number),
            )
            for number in range(MOST_EVENTS + 5)
        ]
    )
    with records.database.reading() as session:
        kept = session.exec(select(func.count()).select_from(NetworkEventRow)).one()
    assert kept == MOST_EVENTS
    assert records.list_events(limit=1)[0].server == f"s{MOST_EVENTS + 4}"


@pytest.mark.postgres
def test_the_memory_is_the_same_on_postgresql(postgres_url: str) -> None:
    """Samples, presence, events and their bound are what they are on SQLite."""
    database = Database(postgres_url)
    migrate(database)
    records = NetworkRecords(database)
    keep_a_day(records, samples=8)
    keep_a_day(records, samples=2)  # the same slots once more
    assert len(records.list_samples(now=NOON)) == 8
    assert records.list_samples(now=NOON, participant=AL)[0].stored == 7 + 7 // 3
    assert records.list_depths(now=NOON)[AL][-1] == 5 + 5 // 3
    assert set(records.load_presences()) == {AL, MK}
    kinds = {event.kind for event in records.list_events(limit=99)}
    assert {EventKind.NODE_WENT, EventKind.SERVER_STOPPED, EventKind.STRANGER_REFUSED} <= kinds
    records.forget_over((), at=NOON)
    database.close()
