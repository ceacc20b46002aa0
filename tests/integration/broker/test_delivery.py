"""From one node's link into another's mailbox, over a real broker."""

import asyncio

import pytest

from hub.broker.mailbox_plan import MailboxLimits
from node.adapters import mailbox_pull
from node.domain.ports import LinkDownError, MailboxFullError, NoMailboxError
from protocol.errors import LocalProtocolError
from protocol.identifiers import ParticipantCode
from protocol.limits import LIMITS
from protocol.subjects import TrafficClass, mailbox_subject
from tests.support.broker import (
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    connected_hub,
    make_directory,
)

Pair = tuple[TestParticipant, TestParticipant]


async def test_an_envelope_arrives_with_the_names_that_the_broker_enforced(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """Bytes, sender, recipient and class come out as they went in; an ack empties the mailbox."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        ack = await sender.put(second, b"sealed", traffic=TrafficClass.RECEIPT)
        (delivery,) = await recipient.take(traffic=TrafficClass.RECEIPT)

        assert (ack.sequence, ack.duplicate) == (1, False)
        assert (delivery.sender, delivery.recipient) == (first.account, second.account)
        assert (delivery.traffic, delivery.envelope) == (TrafficClass.RECEIPT, b"sealed")
        assert (delivery.redelivered, delivery.stream_sequence) == (False, 1)
        waiting = await hub.mailboxes.count(second.account)
        assert waiting is not None
        assert (waiting.stored, waiting.unconfirmed, waiting.waiting) == (1, 1, 0)
        assert waiting.oldest_at is not None

        await delivery.ack()

        emptied = await hub.mailboxes.count(second.account)
        assert emptied is not None
        assert (emptied.stored, emptied.unconfirmed, emptied.oldest_at) == (0, 0, None)


async def test_an_envelope_never_shows_in_a_representation(place: BrokerPlace, pair: Pair) -> None:
    """Printing a delivery prints no bytes of it."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await sender.put(second, b"sealed-bytes")
        (delivery,) = await recipient.take()

        assert "sealed-bytes" not in repr(delivery)
        await delivery.ack()


async def test_one_fetch_brings_what_waits_up_to_the_batch(place: BrokerPlace, pair: Pair) -> None:
    """Waiting envelopes come in order, no more than asked for."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        for number in range(5):
            await sender.put(second, bytes([number]))
        await recipient.wait_until_up()
        early = await recipient.link.fetch(TrafficClass.MESSAGE, batch=3, wait=5)
        rest = await recipient.link.fetch(TrafficClass.MESSAGE, batch=3, wait=5)

        assert [d.envelope for d in early + rest] == [bytes([n]) for n in range(5)]
        await asyncio.gather(*(d.ack() for d in early + rest))


async def test_one_fetch_brings_no_more_bytes_than_memory_has_room_for(
    place: BrokerPlace, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the batch, bytes are bounded, and the rest comes with the next fetches."""
    first, second = pair
    monkeypatch.setattr(mailbox_pull, "_MOST_BYTES", 4_000)
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        envelopes = [bytes([number]) * 1_000 for number in range(7)]
        for envelope in envelopes:
            await sender.put(second, envelope)
        await recipient.wait_until_up()
        parts: list[int] = []
        while sum(parts) < len(envelopes):
            found = await recipient.link.fetch(TrafficClass.MESSAGE, batch=100, wait=10)
            assert [one.envelope for one in found] == envelopes[sum(parts) :][: len(found)]
            await asyncio.gather(*(one.ack() for one in found))
            parts.append(len(found))
            assert recipient.link.state.last_error is None

        assert max(parts) < 4


async def test_an_empty_mailbox_gives_nothing(place: BrokerPlace, pair: Pair) -> None:
    """A fetch that waited in vain returns an empty list, and so does one without waiting."""
    async with LinkedNode(place, pair[0]) as node:
        await node.wait_until_up()

        assert await node.link.fetch(TrafficClass.MESSAGE, batch=10, wait=0.2) == []
        assert await node.link.fetch(TrafficClass.MESSAGE, batch=10, wait=0) == []


async def test_a_waiting_fetch_is_woken_by_an_arrival(place: BrokerPlace, pair: Pair) -> None:
    """An envelope that comes during a fetch ends it at once, long before its time is over."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await recipient.wait_until_up()
        async with asyncio.timeout(60):
            fetching = asyncio.create_task(
                recipient.link.fetch(TrafficClass.MESSAGE, batch=8, wait=3600)
            )
            await sender.put(second, b"urgent")
            (delivery,) = await fetching

        assert delivery.envelope == b"urgent"
        await delivery.ack()


async def test_a_cancelled_fetch_loses_nothing(place: BrokerPlace, pair: Pair) -> None:
    """What the broker hands out to a fetch that was given up comes with the next one."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await recipient.wait_until_up()
        given_up = asyncio.create_task(recipient.link.fetch(TrafficClass.MESSAGE, batch=1, wait=60))
        assert (
            await recipient.link.fetch(TrafficClass.MESSAGE, batch=1, wait=0.1) == []
        )  # behind the first in line
        given_up.cancel()
        await asyncio.wait([given_up])
        await sender.put(second, b"kept")

        (delivery,) = await recipient.take()
        assert (delivery.envelope, delivery.redelivered) == (b"kept", False)
        await delivery.ack()


async def test_a_delayed_envelope_comes_again(place: BrokerPlace, pair: Pair) -> None:
    """What the node could not take now is offered again, and marked as such."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await sender.put(second, b"later")
        (delivery,) = await recipient.take()
        await delivery.delay(0.1)

        (again,) = await recipient.take()
        assert (again.envelope, again.redelivered) == (b"later", True)
        await again.ack()


async def test_the_same_transport_id_is_stored_once(place: BrokerPlace, pair: Pair) -> None:
    """Trying again with the same transport id is told apart and stores nothing."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        one = await sender.put(second, b"x", transport_id="0" * 32)
        two = await sender.put(second, b"x", transport_id="0" * 32)

        assert (two.sequence, two.duplicate) == (one.sequence, True)
        (delivery,) = await recipient.take()
        await delivery.ack()


async def test_the_largest_envelope_fits_and_a_larger_one_is_ours_to_fix(
    place: BrokerPlace, pair: Pair
) -> None:
    """The broker's limit leaves room for the protocol's."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await sender.put(second, bytes(LIMITS.envelope))
        (delivery,) = await recipient.take(traffic=TrafficClass.LARGE)
        assert len(delivery.envelope) == LIMITS.envelope
        await delivery.ack()
        with pytest.raises(LocalProtocolError, match="attachment"):
            await sender.put(second, bytes(LIMITS.envelope + 1))


async def test_a_recipient_without_mailbox_is_known_at_once(place: BrokerPlace, pair: Pair) -> None:
    """Publishing to somebody who was never admitted is not a matter of trying again."""
    stranger = TestParticipant(ParticipantCode("ZZ"))
    async with LinkedNode(place, pair[0]) as sender:
        with pytest.raises(NoMailboxError):
            await sender.put(stranger, b"x")


async def test_a_full_mailbox_pushes_back_on_who_filled_it(
    own_place: BrokerPlace,
) -> None:
    """A quota used up stops one sender in one class; others, and other classes, go on."""
    first, second, third = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB", "CC"))
    limits = MailboxLimits(messages_per_sender_and_class=2)
    async with connected_hub(own_place, limits=limits) as hub:
        await hub.admission.reconcile(make_directory([first, second, third]))
    async with LinkedNode(own_place, first) as flooding, LinkedNode(own_place, third) as other:
        await flooding.put(second, b"1")
        await flooding.put(second, b"2")
        with pytest.raises(MailboxFullError):
            await flooding.put(second, b"3")

        await flooding.put(second, b"receipt", traffic=TrafficClass.RECEIPT)
        await other.put(second, b"from another")


async def test_a_sender_cannot_speak_with_the_brokers_voice(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """A message that carries the broker's status header is delivered like any other."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await sender.wait_until_up()
        client = sender.link._session.client  # type: ignore[union-attr]  # it is up
        subject = mailbox_subject(
            recipient=second.account, sender=first.account, traffic=TrafficClass.MESSAGE
        )
        await client.request(subject, b"", timeout=60, headers={"Status": "404"})
        await sender.put(second, b"after")

        found = await recipient.take(2)
        assert [delivery.envelope for delivery in found] == [b"", b"after"]
        await asyncio.gather(*(delivery.ack() for delivery in found))
        emptied = await hub.mailboxes.count(second.account)
        assert emptied is not None
        assert emptied.stored == 0


async def test_a_link_that_is_down_says_so(place: BrokerPlace, pair: Pair) -> None:
    """Without a connection publishing fails at once and a fetch waits in vain."""
    node = LinkedNode(place, pair[0])

    assert not node.link.is_up
    assert await node.link.fetch(TrafficClass.MESSAGE, batch=1, wait=0.05) == []
    with pytest.raises(LinkDownError):
        await node.link.publish(
            recipient=pair[1].account,
            traffic=TrafficClass.MESSAGE,
            transport_id="0" * 32,
            envelope=b"x",
            timeout=1,
        )
