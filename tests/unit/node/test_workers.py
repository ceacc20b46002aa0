"""Relay, consumer, and their supervisor: the order of things when something fails."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from node.domain.ports import LinkDownError, MailboxFullError, NoMailboxError
from node.service import reading, receiving
from node.service.composing import handle_send
from node.store.tables import MessageRow, OutboxRow, ReceiptDueRow
from node.workers import consumer as consumer_module
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from node.workers.supervision import Supervisor
from protocol.subjects import AccountId, TrafficClass
from tests.support.node import NOON, Carried, FakeClock, Network, make_draft, sqlite_urls


@pytest.fixture
def url_of(tmp_path: Path) -> Callable[[str], str]:
    """One database will do here: the use cases below the workers are tested on both."""
    return sqlite_urls(tmp_path)


@dataclass
class Ack:
    """What a broker says to a publish."""

    sequence: int = 1
    duplicate: bool = False


@dataclass
class ScriptedLink:
    """A link whose publishes fail as told, one entry for each; then they succeed."""

    failures: list[Exception] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[Any] = field(default_factory=list)
    is_up: bool = True

    async def publish(self, **what: Any) -> Ack:
        """Fail or take it."""
        if self.failures:
            raise self.failures.pop(0)
        self.published.append(what)
        return Ack()

    async def fetch(self, *, batch: int, wait: float) -> Sequence[Any]:  # noqa: ARG002 - the port's
        """Give what waits."""
        taken, self.waiting = self.waiting[:batch], self.waiting[batch:]
        return taken


@dataclass
class Letter:
    """A delivery that records what was done with it, and what the store held at that moment."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes
    count_stored: Callable[[], int]
    stored_at_ack: int | None = None
    delayed: float | None = None
    ack_fails: bool = False

    async def ack(self) -> None:
        """Record what was stored when the broker was told."""
        self.stored_at_ack = self.count_stored()
        if self.ack_fails:
            raise LinkDownError("gone")

    async def delay(self, seconds: float) -> None:
        """Record it."""
        self.delayed = seconds


def letter(network: Network, carried: Carried) -> Letter:
    """Make a delivery of an envelope for XK."""

    def count() -> int:
        with network.node("XK").database.reading() as session:
            return len(session.exec(select(MessageRow)).all())

    arrival = carried.arrival
    return Letter(
        arrival.sender, arrival.recipient, arrival.traffic, arrival.envelope, count_stored=count
    )


async def no_refresh() -> None:
    """Do nothing: the registry is as new as it gets."""


@pytest.fixture
async def relay(network: Network) -> tuple[Relay, ScriptedLink]:
    """AL's relay over a scripted link."""
    link = ScriptedLink()
    return Relay(network.node("AL"), link), link


@pytest.mark.parametrize(
    "failure", [LinkDownError("down"), MailboxFullError("full"), NoMailboxError("none")]
)
async def test_a_failed_hand_over_is_tried_again(
    network: Network, relay: tuple[Relay, ScriptedLink], failure: Exception
) -> None:
    """The message stays, its error shows, and the next try carries the same transport id."""
    worker, link = relay
    al = network.node("AL")
    sent = handle_send(al, make_draft(), actor="u")
    link.failures = [failure]
    await worker.run_round()
    view = reading.get_message(al, sent.message_id)
    assert view.item.dispatch == "queued"
    assert view.trying is not None
    assert view.trying.last_error == str(failure)
    with al.database.reading() as session:
        transport = session.exec(select(OutboxRow)).one().transport_id
    network.clock.advance(minutes=1)
    await worker.run_round()
    assert [what["transport_id"] for what in link.published] == [transport]
    assert reading.get_message(al, sent.message_id).item.dispatch == "on_its_way"


async def test_nothing_is_claimed_while_the_broker_is_away(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """Down: no attempt is used up. Up again: what had failed goes at once, without its pause."""
    worker, link = relay
    handle_send(network.node("AL"), make_draft(), actor="u")
    link.is_up = False
    await worker.run_round()
    link.is_up = True
    link.failures = [LinkDownError("down")]
    await worker.run_round()
    link.is_up = False
    await worker.run_round()
    link.is_up = True
    await worker.run_round()
    assert len(link.published) == 1


async def test_the_relay_rests_until_it_is_woken(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """With nothing to do a round waits, and a new message ends the wait at once."""
    worker, link = relay
    await worker.run_round()
    resting = asyncio.create_task(worker.run_round())
    await asyncio.to_thread(handle_send, network.node("AL"), make_draft(), actor="u")
    await resting
    await worker.run_round()
    assert len(link.published) == 1


async def test_the_broker_forgets_only_after_the_commit(network: Network) -> None:
    """When the acknowledgement is sent, message and owed receipt are already in the store."""
    for _ in range(3):
        handle_send(network.node("AL"), make_draft(), actor="u")
    network.collect("AL")
    letters = [letter(network, carried) for carried in network.mailbox]
    link = ScriptedLink(waiting=list(letters))
    await Consumer(network.node("XK"), link, refresh_registry=no_refresh).run_round()
    assert [each.stored_at_ack for each in letters] == [3, 3, 3]
    with network.node("XK").database.reading() as session:
        assert len(session.exec(select(ReceiptDueRow)).all()) == 3


async def test_a_lost_acknowledgement_shows_nothing_twice(network: Network) -> None:
    """The broker did not hear us and delivers again: known, receipted, not shown again."""
    handle_send(network.node("AL"), make_draft(), actor="u")
    network.collect("AL")
    first = letter(network, network.mailbox[0])
    first.ack_fails = True
    again = letter(network, network.mailbox[0])
    link = ScriptedLink(waiting=[first])
    worker = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    await worker.run_round()
    link.waiting = [again]
    await worker.run_round()
    assert again.stored_at_ack == 1
    assert len(reading.list_items(network.node("XK"), direction="in")) == 1


async def test_a_crash_before_the_commit_stores_and_acknowledges_nothing(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails in the middle of a transaction: nothing is kept, nothing acknowledged."""
    handle_send(network.node("AL"), make_draft(), actor="u")
    network.collect("AL")
    waiting = letter(network, network.mailbox[0])

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(receiving, "owe_receipt", fail)
    link = ScriptedLink(waiting=[waiting])
    worker = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    with pytest.raises(OSError, match="disk full"):
        await worker.run_round()
    assert waiting.stored_at_ack is None
    assert waiting.delayed is not None
    assert reading.list_items(network.node("XK"), direction="in") == []
    monkeypatch.undo()
    link.waiting = [letter(network, network.mailbox[0])]
    await worker.run_round()
    assert len(reading.list_items(network.node("XK"), direction="in")) == 1


async def test_one_envelope_that_breaks_us_does_not_hold_up_the_others(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours hits one of three: the two others are taken in, the failure shows."""
    sent = [handle_send(network.node("AL"), make_draft(), actor="u") for _ in range(3)]
    network.collect("AL")
    letters = [letter(network, carried) for carried in network.mailbox]
    real = receiving.handle_arrivals
    broken = letters[1].envelope

    def stumble(context: Any, arrivals: Any) -> Any:
        if any(arrival.envelope == broken for arrival in arrivals):
            raise ZeroDivisionError
        return real(context, arrivals)

    monkeypatch.setattr(consumer_module, "handle_arrivals", stumble)
    worker = Consumer(
        network.node("XK"), ScriptedLink(waiting=list(letters)), refresh_registry=no_refresh
    )
    with pytest.raises(ZeroDivisionError):
        await worker.run_round()
    shown = {item.message_id for item in reading.list_items(network.node("XK"), direction="in")}
    assert shown == {sent[0].message_id, sent[2].message_id}
    assert [each.stored_at_ack is None for each in letters] == [False, True, False]
    assert letters[1].delayed is not None


async def test_a_failing_task_is_restarted_and_shows() -> None:
    """A task that raises is run again; until it succeeds its trouble can be read."""
    clock = FakeClock()
    supervisor = Supervisor(clock=clock)
    tries: list[int] = []
    good = asyncio.Event()

    async def round_() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("broken")
        good.set()
        await asyncio.sleep(3600)

    supervisor.add("worker", round_, expected_every=timedelta(minutes=1))
    running = asyncio.create_task(supervisor.run())
    await good.wait()
    report = supervisor.reports["worker"]
    assert report.failures_in_a_row == 1
    assert "RuntimeError" in str(report.describe_trouble(clock()))
    report.failures_in_a_row = 0
    assert report.describe_trouble(clock()) is None
    assert "no finished round" in str(report.describe_trouble(NOON + timedelta(minutes=2)))
    running.cancel()
    await asyncio.wait([running])
