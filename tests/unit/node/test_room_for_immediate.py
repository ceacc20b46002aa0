"""While something immediate moves, files make room for it: one chunk at a time, with pauses."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from node.service import dispatching
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.rush import Rush
from node.workers.chunk_relay import Window
from node.workers.consumer import Consumer
from node.workers.envelopes import EnvelopeSender
from protocol.messages.codes import Urgency
from protocol.subjects import AccountId, TrafficClass
from tests.support.node import Network, make_draft
from tests.support.people import acting


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


class Hands:
    """A clock that goes when it is told to."""

    now = 100.0

    def read(self) -> float:
        """Return the moment, in seconds."""
        return self.now


@pytest.fixture
def hands() -> Hands:
    """Make the clock by which a rush ends."""
    return Hands()


@dataclass
class Letter:
    """A delivery of what was carried."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes

    async def ack(self) -> None:
        """Forget it."""

    async def delay(self, seconds: float) -> None:
        """Not asked for here."""
        raise AssertionError(seconds)


@dataclass
class Link:
    """A link that takes everything, and brings what it is given once."""

    waiting: Sequence[Any] = ()
    is_up: bool = True
    times_up: int = 1
    duplicate: bool = False
    sequence: int = 1

    async def publish(self, **_: Any) -> "Link":
        """Take it."""
        return self

    async def fetch(self, traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give what waits."""
        taken, self.waiting = self.waiting, ()
        return taken


async def no_refresh() -> None:
    """Do nothing."""


def write(network: Network, urgency: Urgency) -> None:
    """Queue a message of AL."""
    handle_send(network.node("AL"), make_draft(urgency=urgency), who=acting("u1"))


def put_clock(node: NodeContext, hands: Hands) -> None:
    """Let a node's rush end by our clock."""
    node.signals.rush = Rush(hands.read)


def test_a_rush_ends_by_itself(hands: Hands) -> None:
    """It is on for half a second after the last that was immediate, and never before the first."""
    rush = Rush(hands.read)
    seen = [rush.is_on]
    rush.note()
    for step in (0.0, 0.4, 0.2):
        hands.now += step
        seen.append(rush.is_on)
    assert seen == [False, True, True, False]


@pytest.mark.parametrize("urgency", [Urgency.IMMEDIATE, Urgency.URGENT, Urgency.STANDARD])
async def test_only_what_is_immediate_makes_others_give_way(
    network: Network, hands: Hands, urgency: Urgency
) -> None:
    """Where it leaves and where it comes, by whichever way it was claimed."""
    al, xk = network.node("AL"), network.node("XK")
    for node in (al, xk):
        put_clock(node, hands)
    write(network, urgency)
    (claimed,) = dispatching.claim_messages(al, limit=9)
    await EnvelopeSender(al, Link()).send_message(claimed)
    assert al.signals.rush.is_on is (urgency is Urgency.IMMEDIATE)

    write(network, urgency)
    network.collect("AL")
    arrived = [each.arrival for each in network.mailbox]
    link = Link([Letter(it.sender, it.recipient, it.traffic, it.envelope) for it in arrived])
    await Consumer(xk, link, refresh_registry=no_refresh).run_round()
    assert xk.signals.rush.is_on is (urgency is Urgency.IMMEDIATE)


async def test_one_chunk_at_a_time_while_a_rush_is_on(hands: Hands) -> None:
    """Of eight places one is given out; when the rush is over, the others are, too."""
    rush = Rush(hands.read)
    window = Window(largest=8, rush=rush, size=8)
    rush.note()
    stood = list[int]()

    async def stand(number: int) -> None:
        await window.take(0)
        stood.append(number)

    waiting = [asyncio.create_task(stand(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert stood == [0]
    window.give_back()
    await asyncio.sleep(0)
    assert stood == [0, 1]
    hands.now += 1
    window.give_back()
    await asyncio.gather(*waiting)
    assert stood == [0, 1, 2, 3]
