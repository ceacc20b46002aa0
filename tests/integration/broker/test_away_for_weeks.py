"""A mailbox whose owner is away for weeks: nobody else is harmed, and nothing is lost unseen."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest

from hub.broker.mailbox_plan import MailboxLimits
from node.domain.ports import MailboxFullError
from node.domain.states import Dispatch
from node.service import reading
from node.service.attention import Waiting, list_outbox
from node.service.composing import handle_send
from node.service.dead_letters import LetterKind, list_dead_letters
from node.service.due_rows import next_due
from node.workers import clock_watch
from node.workers.consumer import Consumer
from node.workers.relay import TABLES, Relay
from protocol.messages.codes import Urgency
from protocol.subjects import TrafficClass
from tests.support.broker import BrokerPlace, Hub, LinkedNode, connected_hub
from tests.support.link_repair import member_of, received
from tests.support.node import FixedDirectory, Network, make_draft, make_network
from tests.support.people import STAFF, acting

AL, MK, XK = CODES = ("AL", "MK", "XK")
#: How many of one sender a mailbox takes.
ROOM: Final = 4
LIMITS: Final = MailboxLimits(
    messages_per_sender_and_class=ROOM, total_bytes=64 * 1024**2, participants=3
)


@dataclass
class Scene:
    """Three nodes with their relays and consumers at one broker; XK works when the test says."""

    network: Network
    hub: Hub
    nodes: dict[str, LinkedNode]
    relays: dict[str, Relay] = field(default_factory=dict)
    consumers: dict[tuple[str, TrafficClass], Consumer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the workers."""
        for code, node in self.nodes.items():
            context = self.network.node(code)
            self.relays[code] = Relay(context, node.link)
            for traffic in (TrafficClass.MESSAGE, TrafficClass.RECEIPT):
                self.consumers[code, traffic] = Consumer(
                    context, node.link, traffic=traffic, refresh_registry=_look
                )

    def write(self, sender: str, recipient: str, *, count: int = 1, **changes: object) -> list[str]:
        """Let people write; nothing is handed over yet."""
        draft = make_draft(recipient=recipient, **changes)
        context = self.network.node(sender)
        return [handle_send(context, draft, who=acting("u")).message_id for _ in range(count)]

    async def pass_time(self, *working: str, **span: float) -> None:
        """Let time pass, with a registry that is fresh, and these nodes do what is due then."""
        clock, source = self.network.clock, self.network.directory
        clock.advance(**span)
        assert isinstance(source, FixedDirectory)
        source.directory = replace(
            source.directory, verified_at=clock(), expires_at=clock() + timedelta(days=1)
        )
        await self.work(*working)

    async def work(self, *working: str) -> None:
        """Let these nodes hand over what is due and take in what lies there, until all is quiet."""
        while sum([await self._hand_over(code) + await self._take_in(code) for code in working]):
            pass

    async def _hand_over(self, code: str) -> int:
        rounds, context = 0, self.network.node(code)
        while timedelta(0) in await asyncio.to_thread(next_due, context, [*TABLES.values()]):
            await self.relays[code].run_round()
            rounds += 1
        return rounds

    async def _take_in(self, code: str) -> int:
        taken = 0
        for traffic, count in (await self.count(code)).items():
            if count:
                await self.consumers[code, traffic].run_round()
                taken += count
        return taken

    async def count(self, code: str) -> Counter[TrafficClass]:
        """Count what lies in a mailbox."""
        snapshot = await self.hub.mailboxes.count(self.nodes[code].participant.account)
        assert snapshot is not None
        return Counter({each.traffic: each.stored for each in snapshot.classes if each.stored})

    def waiting(self, sender: str) -> Waiting | None:
        """Return what a sender's page says of its outbox to XK."""
        found = list_outbox(self.network.node(sender))
        return next((each for each in found if each.peer == XK), None)

    def states(self, sender: str, messages: list[str]) -> Counter[str | None]:
        """Count what a sender sees of its messages."""
        context = self.network.node(sender)
        return Counter(
            reading.get_message(context, each, who=STAFF).item.dispatch for each in messages
        )


async def _look() -> None:
    """Look at the registry: there is nothing newer."""


@pytest.fixture
async def scene(
    place: BrokerPlace, node_url_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    """Admit three nodes to the shared broker, and nobody else."""
    # The clock is set by the test; a node gives up nothing before its clock has run evenly.
    monkeypatch.setattr(clock_watch, "_STEADY_AFTER", timedelta(0))
    async with AsyncExitStack() as stack:
        network = make_network(CODES, url_of=node_url_of)
        stack.callback(network.close)
        hub = await stack.enter_async_context(connected_hub(place, limits=LIMITS))
        report = await hub.admission.reconcile(network.directory.directory)
        assert report.is_complete
        nodes = {}
        for code in CODES:
            nodes[code] = await stack.enter_async_context(
                LinkedNode(place, member_of(network.node(code)))
            )
            await nodes[code].wait_until_up()
        yield Scene(network, hub, nodes)


async def test_weeks_without_an_owner_cost_what_expired_and_nothing_else(scene: Scene) -> None:
    """The mailbox fills up to each sender's part; what waits is seen; all comes, or is reported."""
    early = scene.write(AL, XK, count=10)
    of_another = scene.write(MK, XK, count=2)
    await scene.work(AL, MK)

    # A full part stops its own sender, whose page says so; it takes nothing of anybody else.
    assert await scene.count(XK) == {TrafficClass.MESSAGE: ROOM + len(of_another)}
    waiting = scene.waiting(AL)
    assert waiting is not None
    assert (waiting.count, waiting.handed_over) == (10, ROOM)
    assert waiting.refused == len(early) - ROOM
    assert waiting.last_error == MailboxFullError.TEXT
    other = scene.waiting(MK)
    assert other is not None
    assert (other.count, other.refused) == (2, 0)
    between = scene.write(AL, MK, count=3) + scene.write(AL, MK, urgency=Urgency.IMMEDIATE)
    back = scene.write(MK, AL, count=3)
    await scene.work(AL, MK)
    assert scene.states(AL, between) == {Dispatch.DELIVERED: 4}
    assert scene.states(MK, back) == {Dispatch.DELIVERED: 3}

    # Two weeks with what is written then, and the tries of what waits: the mailbox stays as it is.
    late: list[str] = []
    for _ in range(7):
        late += scene.write(AL, XK)
        await scene.pass_time(AL, MK, days=2)
    assert await scene.count(XK) == {TrafficClass.MESSAGE: 2 * ROOM}
    assert scene.states(AL, early + late) == {Dispatch.ON_ITS_WAY: ROOM, Dispatch.QUEUED: 13}

    # In the fourth week what was written first is over. Its sender is told of each.
    await scene.pass_time(AL, MK, days=8)
    over = {*early, late.pop(0)}
    assert scene.states(AL, [*over]) == {Dispatch.EXPIRED: 11}
    assert scene.states(MK, of_another) == {Dispatch.EXPIRED: 2}
    letters = list_dead_letters(scene.network.node(AL))
    assert {each.message_id for each in letters if each.kind is LetterKind.EXPIRED} == over

    # The owner is back: all that has not expired comes, though only so many lie there at a time.
    for _ in range(len(late)):
        await scene.pass_time(*CODES, minutes=2)
    assert scene.states(AL, late) == {Dispatch.DELIVERED: 6}
    assert sorted(received(scene.network, XK)) == sorted(late)
    assert scene.waiting(AL) is None
    assert scene.waiting(MK) is None
    assert not await scene.count(XK)
    again = scene.write(AL, XK) + scene.write(AL, XK, urgency=Urgency.IMMEDIATE)
    await scene.work(*CODES)
    assert scene.states(AL, again) == {Dispatch.DELIVERED: 2}
