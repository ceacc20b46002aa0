"""Two workers of one node on one PostgreSQL: a killed one's intake, and both at once."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from sqlmodel import col, select

from console.storage.database import Database
from node.service import dispatching, reading
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.receipts import claim_receipts
from node.store.tables import EventRow, MessageRow, ReceiptDueRow
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.messages.codes import Urgency
from protocol.subjects import AccountId, TrafficClass, parse_account_id
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

COUNT = 12


class KilledError(BaseException):
    """The process ends here: nothing after this line is done."""


@dataclass
class Broker:
    """XK's mailbox: what was fetched and not acknowledged is offered again in the end.

    It holds what AL's relays publish, and knows transport ids for as long as the test lasts.
    """

    network: Network
    waiting: list["Letter"] = field(default_factory=list)
    fetched: list["Letter"] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    #: Whether acknowledgements come through.
    hears: bool = True
    is_up: bool = True
    times_up: int = 1

    async def publish(
        self,
        *,
        recipient: AccountId,
        traffic: TrafficClass,
        transport_id: str,
        envelope: bytes,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> "Ack":
        """Store it, once per name."""
        del timeout
        self.names[transport_id] += 1
        is_known = self.names[transport_id] > 1
        if not is_known:
            keys = self.network.directory.current().keys
            sender = parse_account_id(keys[self.network.node("AL").participant].broker.account)
            self.waiting.append(Letter(self, sender, recipient, traffic, envelope))
        return Ack(duplicate=is_known)

    async def fetch(
        self,
        _traffic: TrafficClass,
        *,
        batch: int,
        wait: float,
    ) -> Sequence[Any]:
        """Give what waits."""
        taken, self.waiting = self.waiting[:batch], self.waiting[batch:]
        self.fetched += taken
        return taken

    def offer_again(self) -> None:
        """Let the time pass after which the broker takes a worker for lost."""
        self.waiting, self.fetched = self.fetched + self.waiting, []


@dataclass
class Ack:
    """What the broker says to a publish."""

    duplicate: bool
    sequence: int = 1


@dataclass(eq=False)
class Letter:
    """One delivery."""

    broker: Broker
    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes

    async def ack(self) -> None:
        """Forget it, unless its worker is killed before the word leaves."""
        if not self.broker.hears:
            raise KilledError
        if self in self.broker.fetched:
            self.broker.fetched.remove(self)

    async def delay(self, seconds: float) -> None:
        """Not asked for here."""
        raise AssertionError(seconds)


@dataclass
class Pair:
    """A network in which AL and XK have a second process each, on the same stores."""

    network: Network
    second: dict[str, NodeContext]

    def both(self, code: str) -> tuple[NodeContext, NodeContext]:
        """Return both processes of a node."""
        return self.network.node(code), self.second[code]


@pytest.fixture
def pair(postgres_cluster: PostgresCluster) -> Iterator[Pair]:
    """AL and XK, twice each."""
    with postgres_cluster.schemas() as new_url:
        urls: dict[str, str] = {}

        def url_of(code: str) -> str:
            return urls.setdefault(code, new_url(code))

        network = make_network(["AL", "XK"], url_of=url_of)
        second = {
            code: replace(
                context,
                database=Database(urls[code]),
                random=Random(f"second {code}").randbytes,
            )
            for code, context in network.nodes.items()
        }
        yield Pair(network, second)
        network.close()
        for context in second.values():
            context.database.close()


def write(context: NodeContext, count: int) -> None:
    """Queue messages to XK."""
    for _ in range(count):
        handle_send(context, make_draft(urgency=Urgency.STANDARD), who=acting("u1"))


def relays(pair: Pair, link: Any) -> list[Relay]:
    """Return a relay of messages in each process of AL."""
    return [Relay(context, link) for context in pair.both("AL")]


def consumers(pair: Pair, link: Any) -> list[Consumer]:
    """Return a consumer in each process of XK."""
    return [Consumer(context, link, refresh_registry=no_refresh) for context in pair.both("XK")]


async def no_refresh() -> None:
    """Do nothing."""


def numbers(pair: Pair) -> list[int | None]:
    """Return which numbers of the link XK holds."""
    with pair.network.node("XK").database.reading() as session:
        return list(session.exec(select(MessageRow.link_seq).order_by(col(MessageRow.link_seq))))


def owed(pair: Pair) -> int:
    """Return how many receipts XK owes."""
    with pair.network.node("XK").database.reading() as session:
        return len(session.exec(select(ReceiptDueRow)).all())


@pytest.mark.parametrize("stored", [True, False], ids=["after the commit", "before it"])
async def test_what_a_killed_process_had_fetched_is_taken_in_by_the_other(
    pair: Pair,
    stored: bool,
) -> None:
    """Killed before or after its commit, without a word to the broker: all is here, and once."""
    broker = Broker(pair.network)
    write(pair.network.node("AL"), COUNT)
    await relays(pair, broker)[0].run_round()
    killed, other = consumers(pair, broker)
    broker.hears = False
    if stored:
        with pytest.raises(KilledError):
            await killed.run_round()
    else:
        await broker.fetch(TrafficClass.MESSAGE, batch=COUNT, wait=0)
    assert numbers(pair) == (list(range(1, COUNT + 1)) if stored else [])
    broker.hears = True
    assert len(broker.fetched) == COUNT
    broker.offer_again()
    await other.run_round()
    assert (broker.fetched, broker.waiting) == ([], [])
    assert numbers(pair) == list(range(1, COUNT + 1))
    assert owed(pair) == COUNT


async def test_both_take_in_the_same_at_once(pair: Pair) -> None:
    """The broker takes a slow process for lost while it works: both store, and it is there once."""
    broker = Broker(pair.network)
    write(pair.network.node("AL"), COUNT)
    await relays(pair, broker)[0].run_round()
    broker.waiting *= 2
    one, other = consumers(pair, broker)
    slow = Broker(pair.network, waiting=broker.waiting[:COUNT])
    del broker.waiting[:COUNT]
    one._link = slow
    await asyncio.gather(one.run_round(), other.run_round())
    assert numbers(pair) == list(range(1, COUNT + 1))
    assert owed(pair) == COUNT


async def test_both_hand_over_and_nothing_is_handed_over_twice(pair: Pair) -> None:
    """Written at both, handed over by both at once: one name at the broker each, and one entry."""
    broker = Broker(pair.network)
    al, second = pair.both("AL")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (al, second), (COUNT, COUNT)))
    await asyncio.gather(*(relay.run_round() for relay in relays(pair, broker)))
    assert set(broker.names.values()) == {1}
    assert len(broker.names) == 2 * COUNT
    with al.database.reading() as session:
        kinds = Counter(session.exec(select(EventRow.kind)).all())
    assert kinds["message_on_its_way"] == 2 * COUNT
    (consumer, _) = consumers(pair, broker)
    await consumer.run_round()
    assert numbers(pair) == list(range(1, 2 * COUNT + 1))
    with ThreadPoolExecutor(2) as pool:
        parcels = [each for found in pool.map(claim_receipts, pair.both("XK")) for each in found]
    items = [item.message_id for parcel in parcels for item in parcel.items]
    assert len(items) == len(set(items)) == 2 * COUNT


async def test_what_a_killed_process_had_claimed_waits_for_its_lease(pair: Pair) -> None:
    """Killed between claim and hand-over: the other takes it over once the lease has ended."""
    broker = Broker(pair.network)
    al, second = pair.both("AL")
    write(al, COUNT)
    assert len(dispatching.claim_messages(al, limit=COUNT)) == COUNT
    relay = Relay(second, broker)
    assert dispatching.claim_messages(second, limit=COUNT) == []
    pair.network.clock.advance(seconds=second.rules.lease.total_seconds() + 1)
    await relay.run_round()
    assert len(broker.waiting) == COUNT
    states = {item.dispatch for item in reading.list_items(al, direction="out", who=STAFF)}
    assert states == {"on_its_way"}
