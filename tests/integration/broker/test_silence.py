"""A consumer that goes silent, for whatever reason, is noticed and bound again."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import pytest
from nats.aio.client import Client

from node.adapters import mailbox_pull
from node.adapters.jetstream import LinkState, LinkStatus
from node.domain.ports import LinkDownError
from protocol.broker_credentials import Permissions
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass, mailbox_consumer, mailbox_stream
from tests.support.broker import (
    PATIENCE,
    BrokerPlace,
    Hub,
    LinkedNode,
    Running,
    TestParticipant,
    connected_hub,
    make_directory,
)
from tests.support.intrusion import connect_with, operators_hand

Pair = tuple[TestParticipant, TestParticipant]
_ALL = Permissions(publish=(">",), subscribe=(">",))


@dataclass
class Taking:
    """A node that empties its mailbox, as the consumer does, until it is told to stop."""

    node: LinkedNode
    received: list[bytes] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Fetch and acknowledge."""
        while True:
            for delivery in await self.node.link.fetch(TrafficClass.MESSAGE, batch=8, wait=10):
                self.received.append(delivery.envelope)
                with suppress(LinkDownError):  # then it is offered again
                    await delivery.ack()
            if self.received:
                self.some.set()

    async def wait_for(self, wanted: set[bytes]) -> None:
        """Return when all of them came."""
        async with asyncio.timeout(PATIENCE):
            while not wanted <= set(self.received):
                self.some.clear()
                await self.some.wait()


@asynccontextmanager
async def taking(node: LinkedNode) -> AsyncIterator[Taking]:
    """Let a node empty its mailbox for the time of a block."""
    made = Taking(node)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def put_many(sender: LinkedNode, to: TestParticipant, count: int) -> set[bytes]:
    """Publish different envelopes; returns them."""
    envelopes = {secrets.token_bytes(8) for _ in range(count)}
    for envelope in envelopes:
        await sender.put(to, envelope)
    return envelopes


@pytest.mark.parametrize("what", ["CONSUMER", "STREAM"])
async def test_a_mailbox_that_vanishes_under_load_is_said_and_found_again(
    place: BrokerPlace, hub: Hub, pair: Pair, what: str
) -> None:
    """Its deletion is shown at once; when admission has made it again, delivery goes on by itself.

    With the consumer nothing is lost; with the whole stream, what comes afterwards arrives.
    """
    first, second = pair
    stream = mailbox_stream(second.account, TrafficClass.MESSAGE)
    consumer = mailbox_consumer(second.account)
    subject = (
        f"STREAM.DELETE.{stream}" if what == "STREAM" else f"CONSUMER.DELETE.{stream}.{consumer}"
    )
    told = asyncio.Event()

    def note(state: LinkState) -> None:
        if state.last_error and "refuses to hand out" in state.last_error:
            told.set()

    recipient = LinkedNode(place, second)
    recipient.listen(note)
    async with (
        LinkedNode(place, first) as sender,
        recipient,
        taking(recipient) as mailbox,
        connect_with(place, operators_hand(place), _ALL) as operator,
    ):
        await mailbox.wait_for(await put_many(sender, second, 20))
        answer = await operator.request(f"$JS.API.{subject}", b"", timeout=20)
        assert b'"success":true' in answer.data
        async with asyncio.timeout(PATIENCE):
            await told.wait()
        meanwhile = set() if what == "STREAM" else await put_many(sender, second, 20)
        session = recipient.link._session

        report = await hub.admission.reconcile(make_directory(pair))

        assert [each.action.value for each in report.outcomes] == ["unchanged", "updated"]
        await mailbox.wait_for(meanwhile | await put_many(sender, second, 20))
        await recipient.wait_for(lambda link: link.state.last_error is None)
        assert recipient.link._session is session  # the connection itself was never at fault


async def test_a_paused_broker_is_noticed_by_a_waiting_fetch(
    own_place: BrokerPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch misses the broker's heartbeat, the link goes down and says why, and comes back."""
    monkeypatch.setattr(mailbox_pull, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(mailbox_pull, "ANSWER_SECONDS", 1.0)
    first, second = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))
    async with connected_hub(own_place) as hub:
        await hub.admission.reconcile(make_directory([first, second]))
    process = own_place.server.process_id
    assert process is not None
    recipient = LinkedNode(own_place, second)
    said: list[str | None] = []
    recipient.listen(lambda state: said.append(state.last_error))
    async with (
        LinkedNode(own_place, first) as sender,
        recipient,
        taking(recipient) as mailbox,
    ):
        await mailbox.wait_for(await put_many(sender, second, 3))
        os.kill(process, signal.SIGSTOP)
        try:
            await recipient.wait_for(lambda link: link.state.status is not LinkStatus.UP)
            assert any("did not answer" in word for word in said if word)
        finally:
            os.kill(process, signal.SIGCONT)
        await recipient.wait_until_up()
        await mailbox.wait_for(await put_many(sender, second, 3))


async def test_a_broker_that_sends_without_end_is_left(
    place: BrokerPlace, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was never asked for is dropped at a bound, and the connection is made anew."""
    first, second = pair
    monkeypatch.setattr(mailbox_pull, "_MOST_UNREAD", 4)
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await recipient.wait_until_up()
        session = recipient.link._session
        assert session is not None
        pull = session._pulls[TrafficClass.MESSAGE]
        client: Client = session.client
        for _ in range(6):
            await sender.put(second, b"unasked")
        # The broker's part is played by a request that nobody waits for.
        await client.publish(pull._question, b'{"batch":6}', reply=f"{pull._inbox}.0")
        async with asyncio.timeout(PATIENCE):
            while not pull._is_flooded:
                await client.flush()
        assert await recipient.link.fetch(TrafficClass.MESSAGE, batch=1, wait=0) == []
        await recipient.wait_for(lambda link: "far more" in str(link.state.last_error))
        assert len(pull._ready) <= 4
        monkeypatch.undo()
        await recipient.wait_until_up()


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_connection_that_ends_badly_is_made_anew(
    place: BrokerPlace, pair: Pair, *, says_so: bool
) -> None:
    """What it had still to say cannot be sent, or the client ends without a word: both are seen."""
    async with LinkedNode(place, pair[0]) as sender, LinkedNode(place, pair[1]) as recipient:
        await recipient.wait_until_up()
        session = recipient.link._session
        assert session is not None
        client: Any = session.client
        if says_so:
            client._transport.drain = _fail
            client._pending, client._pending_data_size = [b"PING"], 4
            await client._process_op_err(nats.errors.UnexpectedEOF())
        else:
            client._status = Client.CLOSED
        taking = Taking(recipient)
        async with Running(taking.run):
            await recipient.wait_for(lambda link: link.times_up == 2)
            await sender.put(pair[1], b"after it")
            await taking.wait_for({b"after it"})


async def _fail() -> None:
    raise ConnectionResetError
