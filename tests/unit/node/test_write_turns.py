"""Who waits for whom at the store, and who is woken by what was stored."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, text

from console.storage import database as database_module
from console.storage.database import Database
from node.service.composing import handle_send
from node.service.context import NodeContext
from tests.support.node import Network, make_draft, sqlite_urls
from tests.support.people import acting


@pytest.fixture
def url_of(tmp_path: Path) -> Callable[[str], str]:
    """SQLite alone has one writer."""
    return sqlite_urls(tmp_path)


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Return a database that refuses at once who comes while its lock is taken."""
    with monkeypatch.context() as patched:
        patched.setattr(database_module, "_BUSY_SECONDS", 0.0)
        database = Database(f"sqlite:///{tmp_path / 'node.db'}")
        with database.reading() as session:
            session.connection()
    yield database
    database.close()


def test_threads_of_one_process_take_turns(impatient: Database) -> None:
    """Who comes while another thread writes waits for its turn, and is not told "busy"."""
    asked, wrote = threading.Event(), []

    def write() -> None:
        asked.set()
        with impatient.transaction() as session:
            session.connection().exec_driver_sql("CREATE TABLE written (number INTEGER)")
        wrote.append(True)

    other = threading.Thread(target=write)
    with impatient.transaction() as session:
        session.connection().exec_driver_sql("CREATE TABLE held (number INTEGER)")
        other.start()
        asked.wait()
        other.join(0.05)
        assert not wrote
    other.join()
    assert wrote


def _ask_synchronous(session: Session) -> int:
    level: int = session.connection().execute(text("PRAGMA synchronous")).scalar_one()
    return level


def test_only_a_note_does_not_wait_for_the_disk(impatient: Database) -> None:
    """What comes after it over the same connection is on the disk again before it returns."""
    full, normal = 2, 1  # PRAGMA synchronous, https://sqlite.org/pragma.html
    levels = []
    for durable in (True, False, True):
        with impatient.transaction(durable=durable) as session:
            levels.append(_ask_synchronous(session))
    with impatient.reading() as session:
        levels.append(_ask_synchronous(session))
    assert levels == [full, normal, full, full]


async def _find_woken(context: NodeContext, work: Callable[[], object]) -> set[str]:
    """Return which signals ``work`` gives."""
    signals = context.signals
    events = {
        name: getattr(signals, name).listen()
        for name in ("outbox", "messages", "receipts", "chunks", "inbox")
    }
    work()
    await asyncio.sleep(0)
    return {name for name, event in events.items() if event.is_set()}


async def test_only_who_has_something_to_do_is_woken(network: Network) -> None:
    """An ordinary message wakes who sends receipts, an ordinary receipt wakes nobody who sends."""
    sender, recipient = network.node("AL"), network.node("XK")
    handle_send(sender, make_draft(), who=acting("anna"))
    assert await _find_woken(sender, lambda: network.collect("AL")) == {"inbox"}
    assert await _find_woken(recipient, network.settle_mailbox) == {"receipts", "inbox"}
    network.collect("XK")
    assert await _find_woken(sender, network.settle_mailbox) == {"inbox"}


async def test_a_refusal_that_asks_for_another_try_wakes_the_relay(network: Network) -> None:
    """What could not be opened is sealed again at once, so the relay hears of it."""
    sender = network.node("AL")
    handle_send(sender, make_draft(), who=acting("anna"))
    network.collect("AL")
    carried = network.mailbox.pop()
    envelope = carried.arrival.envelope[:-1] + bytes([carried.arrival.envelope[-1] ^ 1])
    network.carry(sender, carried.to, envelope)
    network.settle_mailbox()
    network.collect("XK")
    assert "outbox" in await _find_woken(sender, network.settle_mailbox)
