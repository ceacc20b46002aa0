"""Changes on the disk: the same on each database that the product runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.orm import Session

from console.storage.columns import Moment
from console.storage.database import Database
from contact_registry.changes.change import Change, ChangeEvent
from contact_registry.changes.errors import StaleChangeError
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.changes.states import ChangeState, Step
from contact_registry.changes.tables import make_change_tables
from contact_registry.errors import RefusalCode
from tests.support.changes import DeskWorld, move
from tests.support.registry import make_signer


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give an empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    yield made
    made.close()


class AuditError(Exception):
    """What stands beside the store could not be written."""


def test_what_is_kept_is_what_was_given(database: Database, desks: DeskWorld) -> None:
    """A change with everything in it, its story, a stale save, and a step that is undone."""
    metadata = MetaData()
    tables = make_change_tables(metadata, Moment())
    metadata.create_all(database.engine)
    told: list[Step] = []

    def note(_session: Session, _change: Change, event: ChangeEvent) -> None:
        if event.step is Step.WITHDRAWN:
            raise AuditError
        told.append(event.step)

    store = SqlChangeStore(tables, database, on_event=note)
    change = desks.make_signed(desks.draft(note="kept"))
    events = desks.read_events(change)
    store.add(change, events[0])
    with pytest.raises(StaleChangeError, match="repeat the request"):
        store.add(change, events[0])
    full = move(
        change,
        row_version=change.row_version + 1,
        state=ChangeState.REFUSED,
        theirs_version=7,
        is_renewal=True,
        node_keys=(make_signer().verify_key, make_signer().verify_key),
        refusal=RefusalCode.EXPIRED,
        refusal_detail="ran out",
        registry_version=9,
    )
    store.save(full, seen=change.row_version, events=events[1:])
    assert store.load(change.id) == full
    assert store.list_events(change.id) == events
    with pytest.raises(StaleChangeError):
        store.save(full, seen=change.row_version, events=events)
    with pytest.raises(AuditError):
        store.save(
            move(full, row_version=99),
            seen=full.row_version,
            events=[move_event(events[0], Step.WITHDRAWN)],
        )
    assert store.load(change.id) == full
    assert store.list_events(change.id) == events
    assert told == [event.step for event in events]
    assert [it.id for it in store.list(states={ChangeState.REFUSED})] == [change.id]
    assert store.load(type(change.id)("0" * 32)) is None
    assert store.list(states={ChangeState.DRAFTED}) == []
    assert store.list(skip=1) == []


def move_event(event: ChangeEvent, step: Step) -> ChangeEvent:
    """Return an event as if another step had been made."""
    return ChangeEvent(at=event.at, actor=event.actor, step=step)
