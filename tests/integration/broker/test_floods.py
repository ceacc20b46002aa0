"""Who sends too much, or never fetches, harms nobody else, and nothing is lost."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator

import pytest

from hub.broker.mailbox_plan import MailboxLimits, plan_mailbox
from hub.broker.mailboxes import Mailboxes
from node.domain.ports import MailboxFullError
from protocol.identifiers import ParticipantCode
from protocol.limits import LIMITS
from protocol.subjects import TrafficClass
from tests.support.broker import (
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    connected_hub,
    make_directory,
    running_broker,
)

#: Three Participants, so three senders: the owner of a mailbox may write to itself.
TIGHT = MailboxLimits(total_bytes=16 * 1024**2, participants=3)
LARGEST = {
    TrafficClass.MESSAGE: LIMITS.small_envelope,
    TrafficClass.RECEIPT: LIMITS.small_envelope,
    TrafficClass.LARGE: LIMITS.envelope,
    TrafficClass.CHUNK: LIMITS.chunk + 81,
}


@pytest.fixture(scope="module")
def tight_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerPlace]:
    """Run a broker with a store that three such mailboxes fill."""
    with running_broker(
        tmp_path_factory.mktemp("tight"), max_store_bytes=3 * 16 * 1024**2
    ) as running:
        yield running


async def fill(node: LinkedNode, to: TestParticipant, traffic: TrafficClass, size: int) -> int:
    """Publish until the mailbox refuses; returns how many it took."""
    taken = 0
    while True:
        try:
            await node.put(to, bytes(size), traffic=traffic)
        except MailboxFullError:
            return taken
        taken += 1


async def start_anew(hub: Hub) -> None:
    """Put out who is left of another test, and in a second round what they leave behind."""
    for _ in range(2):
        await hub.admission.reconcile(make_directory([]))


async def empty(node: LinkedNode, traffic: TrafficClass, count: int) -> Counter[str]:
    """Take and acknowledge so many; returns how many of each sender."""
    found: Counter[str] = Counter()
    while sum(found.values()) < count:
        deliveries = await node.take(min(64, count - sum(found.values())), traffic=traffic)
        await asyncio.gather(*(delivery.ack() for delivery in deliveries))
        found.update(delivery.sender for delivery in deliveries)
    return found


@pytest.mark.parametrize("is_large", [False, True], ids=["smallest", "largest"])
async def test_whoever_fills_its_part_takes_nothing_of_the_others(
    tight_place: BrokerPlace, *, is_large: bool
) -> None:
    """A flood in every class ends at the flooder's own part; each other has all of its own."""
    flooder, other, owner = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB", "CC"))
    plan = plan_mailbox(TIGHT, participants=3)
    async with connected_hub(tight_place, limits=TIGHT) as hub:
        await start_anew(hub)
        report = await hub.admission.reconcile(make_directory([flooder, other, owner]))
        assert report.is_complete
        async with (
            LinkedNode(tight_place, flooder) as first,
            LinkedNode(tight_place, other) as second,
            LinkedNode(tight_place, owner) as third,
        ):
            for traffic in TrafficClass:
                size = LARGEST[traffic] if is_large else 1
                room = plan.classes[traffic].per_sender
                # Whoever puts what is small into the class of large ones fills its own part of it.
                for node in (first, second, third):
                    assert await fill(node, owner, traffic, size) == room
            waiting = await hub.mailboxes.count(owner.account)
            assert waiting is not None
            assert {part.traffic: sorted(part.full_for) for part in waiting.classes} == {
                traffic: sorted(one.account for one in (flooder, other, owner))
                for traffic in TrafficClass
            }
            for traffic in TrafficClass:
                room = plan.classes[traffic].per_sender
                found = await empty(third, traffic, 3 * room)
                assert set(found.values()) == {room}
            # ... and who was refused gets through as soon as there is room.
            await first.put(owner, b"at last")
            await empty(third, TrafficClass.MESSAGE, 1)


async def test_lower_limits_never_delete_what_lies_there(place: BrokerPlace, hub: Hub) -> None:
    """A limit below what one sender has waiting is brought in when its mailbox has been emptied."""
    sender, owner = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))
    await start_anew(hub)
    await hub.admission.reconcile(make_directory([sender, owner]))
    lower = Mailboxes(
        hub.mailbox_admin,
        limits=MailboxLimits(messages_per_sender_and_class=3, total_bytes=2**26, participants=4),
    )

    async def read_limits() -> tuple[int, int]:
        snapshot = await hub.mailboxes.count(owner.account)
        assert snapshot is not None
        return snapshot.classes[0].per_sender, snapshot.classes[0].total_bytes

    before = await read_limits()
    async with LinkedNode(place, sender) as one, LinkedNode(place, owner) as other:
        for number in range(5):
            await one.put(owner, bytes([number]))
        assert await lower.ensure(owner.account)
        assert await read_limits() == before  # together: many others may fill theirs, too
        await one.put(owner, b"\5")  # the earlier limit holds until what lies there fits
        found = await other.take(6)
        assert [each.envelope for each in found] == [bytes([n]) for n in range(6)]
        await asyncio.gather(*(each.ack() for each in found))
        assert await lower.ensure(owner.account)
        assert not await lower.ensure(owner.account)
        limits = lower.plan.classes[TrafficClass.MESSAGE]
        assert await read_limits() == (3, limits.total_bytes) != before
        assert await fill(one, owner, TrafficClass.MESSAGE, 1) == 3
        await empty(other, TrafficClass.MESSAGE, 3)


async def test_limits_change_under_load_without_loss(place: BrokerPlace, hub: Hub) -> None:
    """While a sender publishes, limits go up and down: what was accepted is all delivered."""
    sender, owner = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))
    await start_anew(hub)
    await hub.admission.reconcile(make_directory([sender, owner]))
    plans = [
        Mailboxes(
            hub.mailbox_admin,
            limits=MailboxLimits(messages_per_sender_and_class=most, participants=4),
        )
        for most in (8, 200)
    ]
    accepted: set[bytes] = set()

    async def publish(node: LinkedNode) -> None:
        for _ in range(100):
            envelope = secrets.token_bytes(8)
            try:
                await node.put(owner, envelope)
            except MailboxFullError:  # for a moment, or up to the lower limit
                continue
            accepted.add(envelope)

    async with LinkedNode(place, sender) as one, LinkedNode(place, owner) as other:
        publishing = [asyncio.create_task(publish(one)) for _ in range(4)]
        while not all(task.done() for task in publishing):
            for plan in plans:
                await plan.ensure(owner.account)
        await asyncio.gather(*publishing)
        received: set[bytes] = set()
        while len(received) < len(accepted):
            for delivery in await other.take():
                received.add(delivery.envelope)
                await delivery.ack()
    assert received == accepted


async def test_new_participants_make_every_part_smaller(tight_place: BrokerPlace) -> None:
    """When more are listed than was planned for, the store is divided anew, in one round."""
    few = [TestParticipant(ParticipantCode(code)) for code in ("AA", "BB", "CC")]
    more = [TestParticipant(ParticipantCode(code)) for code in ("DD", "EE", "FF")]
    limits = MailboxLimits(store_bytes=3 * 16 * 1024**2, participants=3)
    async with connected_hub(tight_place, limits=limits) as hub:
        await start_anew(hub)
        await hub.admission.reconcile(make_directory(few))
        before = await hub.mailboxes.count(few[0].account)
        report = await hub.admission.reconcile(make_directory([*more, *few]))
        after = await hub.mailboxes.count(few[0].account)
        assert report.is_complete
        assert before is not None
        assert after is not None
        for was, now in zip(before.classes, after.classes, strict=True):
            assert now.total_bytes < was.total_bytes or now.per_sender == was.per_sender == 1
            assert now.per_sender <= was.per_sender
