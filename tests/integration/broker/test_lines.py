"""Small things, large things and files have a connection each: none waits for another's."""

import asyncio
import secrets

import pytest

from node.adapters.jetstream import LinkStatus
from node.adapters.lines import Lines
from node.domain.ports import NoLinkError
from protocol.limits import LIMITS
from protocol.subjects import AccountId, TrafficClass
from tests.support.broker import BrokerPlace, LinkedNode, Running, TestParticipant

Pair = tuple[TestParticipant, TestParticipant]

SMALL = b"urgent"
LARGE = bytes(LIMITS.small_envelope + 1)


async def put(lines: Lines, to: AccountId, envelope: bytes, traffic: TrafficClass) -> None:
    """Publish once."""
    await lines.publish(
        recipient=to,
        traffic=traffic,
        transport_id=secrets.token_hex(16),
        envelope=envelope,
        timeout=30.0,
    )


async def test_what_is_small_goes_while_the_other_lines_are_down(
    place: BrokerPlace, pair: Pair
) -> None:
    """A message leaves and comes; chunks and large envelopes wait, and the node says so."""
    first, second = pair
    idle = LinkedNode(place, first).link
    async with LinkedNode(place, first) as small, LinkedNode(place, second) as recipient:
        await small.wait_until_up()
        lines = Lines(small=small.link, large=idle, files=idle)
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


async def test_what_is_large_goes_while_files_have_no_line(place: BrokerPlace, pair: Pair) -> None:
    """A large envelope leaves and comes; only chunks wait, and the node says so."""
    first, second = pair
    idle = LinkedNode(place, first).link
    async with LinkedNode(place, first) as linked, LinkedNode(place, second) as recipient:
        await linked.wait_until_up()
        lines = Lines(small=linked.link, large=linked.link, files=idle)
        await put(lines, second.account, LARGE, TrafficClass.MESSAGE)
        with pytest.raises(NoLinkError):
            await put(lines, second.account, b"chunk", TrafficClass.CHUNK)
        assert lines.state.status is LinkStatus.DOWN
        (delivery,) = await recipient.take(traffic=TrafficClass.LARGE)
        await delivery.ack()


async def test_all_lines_run_and_end_together(place: BrokerPlace, pair: Pair) -> None:
    """One task keeps all up; each class leaves and comes over its own line."""
    first, second = pair
    small, large, files = (LinkedNode(place, first) for _ in range(3))
    lines = Lines(small=small.link, large=large.link, files=files.link)
    async with LinkedNode(place, second) as other, Running(lines.run):
        await asyncio.gather(*(each.wait_until_up() for each in (small, large, files)))
        assert lines.state.status is LinkStatus.UP
        assert lines.times_up == 2  # a file's line brings no message another chance
        for link, envelope, traffic in (
            (small.link, SMALL, TrafficClass.MESSAGE),
            (large.link, LARGE, TrafficClass.LARGE),
            (files.link, b"chunk", TrafficClass.CHUNK),
        ):
            await put(lines, second.account, envelope, traffic)
            (there,) = await other.take(traffic=traffic)
            await there.ack()
            await other.put(first, envelope, traffic=traffic)
            (back,) = await lines.fetch(traffic, batch=1, wait=30)
            assert back.envelope == envelope
            assert back._session is link._session
            await back.ack()
    assert {each.link.state.status for each in (small, large, files)} == {LinkStatus.DOWN}
