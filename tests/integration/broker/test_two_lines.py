"""Small and large things have a connection each: neither waits for the other's."""

import asyncio
import secrets

import pytest

from node.adapters.jetstream import LinkStatus
from node.adapters.two_lines import TwoLines
from node.domain.ports import NoLinkError
from protocol.limits import LIMITS
from protocol.subjects import AccountId, TrafficClass
from tests.support.broker import BrokerPlace, LinkedNode, Running, TestParticipant

Pair = tuple[TestParticipant, TestParticipant]

SMALL = b"urgent"
LARGE = bytes(LIMITS.small_envelope + 1)


async def put(lines: TwoLines, to: AccountId, envelope: bytes, traffic: TrafficClass) -> None:
    """Publish once."""
    await lines.publish(
        recipient=to,
        traffic=traffic,
        transport_id=secrets.token_hex(16),
        envelope=envelope,
        timeout=30.0,
    )


async def test_what_is_small_goes_while_the_other_line_is_down(
    place: BrokerPlace, pair: Pair
) -> None:
    """A message leaves and comes; chunks and large envelopes wait, and the node says so."""
    first, second = pair
    idle = LinkedNode(place, first).link
    async with LinkedNode(place, first) as small, LinkedNode(place, second) as recipient:
        await small.wait_until_up()
        lines = TwoLines(small.link, idle)
        await put(lines, second.account, SMALL, TrafficClass.MESSAGE)
        for envelope, traffic in (
            (b"chunk", TrafficClass.CHUNK),
            (LARGE, TrafficClass.MESSAGE),
        ):
            with pytest.raises(NoLinkError):
                await put(lines, second.account, envelope, traffic)
        assert lines.is_up
        assert lines.state.status is LinkStatus.DOWN

        (delivery,) = await recipient.take()
        assert delivery.envelope == SMALL
        await delivery.ack()
        await recipient.put(first, b"answer")
        (answer,) = await lines.fetch(TrafficClass.MESSAGE, batch=1, wait=30)
        await answer.ack()


async def test_both_lines_run_and_end_together(place: BrokerPlace, pair: Pair) -> None:
    """One task keeps both up; what is large leaves and comes over the one for large things."""
    first, second = pair
    small, large = LinkedNode(place, first), LinkedNode(place, first)
    lines = TwoLines(small.link, large.link)
    async with LinkedNode(place, second) as other, Running(lines.run):
        await asyncio.gather(small.wait_until_up(), large.wait_until_up())
        assert lines.state.status is LinkStatus.UP
        assert lines.times_up == 2
        await put(lines, second.account, LARGE, TrafficClass.MESSAGE)
        await put(lines, second.account, b"chunk", TrafficClass.CHUNK)
        for traffic in (TrafficClass.LARGE, TrafficClass.CHUNK):
            (there,) = await other.take(traffic=traffic)
            await there.ack()
        await other.put(first, b"chunk back", traffic=TrafficClass.CHUNK)
        (back,) = await lines.fetch(TrafficClass.CHUNK, batch=1, wait=30)
        assert back._session is large.link._session
        await back.ack()
    assert {small.link.state.status, large.link.state.status} == {LinkStatus.DOWN}
