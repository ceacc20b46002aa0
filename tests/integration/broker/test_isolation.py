"""A Participant whose node is in hostile hands harms nobody else at the broker.

The intruder here issues itself a token for everything (``>``) with its own account signing key,
which is the most that a compromised node can do.
"""

from contextlib import AbstractAsyncContextManager

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from hub.broker.accounts import HUB_INBOX
from protocol.broker_credentials import Permissions
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import (
    AccountId,
    TrafficClass,
    inbox_prefix,
    mailbox_pull_subject,
    mailbox_subject,
)
from tests.support.broker import BrokerPlace, Hub, LinkedNode, TestParticipant
from tests.support.intrusion import connect_with, settle

Pair = tuple[TestParticipant, TestParticipant]


def intruder(
    place: BrokerPlace, participant: TestParticipant
) -> AbstractAsyncContextManager[Client]:
    """Connect as a Participant that allows itself everything."""
    return connect_with(place, participant, Permissions(publish=(">",), subscribe=(">",)))


async def stored(hub: Hub, account: AccountId) -> tuple[int, int]:
    """Count (stored, handed out) in a mailbox."""
    found = await hub.mailboxes.count(account)
    assert found is not None
    return found.stored, found.unconfirmed


async def test_nobody_can_publish_as_another(place: BrokerPlace, hub: Hub, pair: Pair) -> None:
    """A message under another's name, or in a class that does not exist, reaches no mailbox."""
    attacker, victim = pair
    other = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
    async with intruder(place, attacker) as client:
        for subject in (
            mailbox_subject(recipient=victim.account, sender=other, traffic=TrafficClass.MESSAGE),
            mailbox_subject(
                recipient=attacker.account, sender=victim.account, traffic=TrafficClass.MESSAGE
            ),
            f"trm.mbx.{victim.account}.{attacker.account}.x",
            f"trm.mbx.{victim.account}.{attacker.account}",
        ):
            with pytest.raises(nats.errors.NoRespondersError):
                await client.request(subject, b"false", timeout=60)

    assert await stored(hub, victim.account) == (0, 0)
    assert await stored(hub, attacker.account) == (0, 0)


async def test_nobody_can_read_manage_or_destroy_anothers_mailbox(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """Pulling, acknowledging, reading, purging, deleting: nothing answers, nothing changes."""
    attacker, victim = pair
    mailbox = victim.account
    async with LinkedNode(place, attacker) as sender, intruder(place, attacker) as client:
        await sender.put(victim, b"for the victim only")
        for subject, body in (
            (mailbox_pull_subject(mailbox, TrafficClass.MESSAGE), b'{"batch":1,"no_wait":true}'),
            (f"$JS.ACK.{mailbox}.{mailbox}.1.1.1.1.0", b"+ACK"),
            (f"$JS.API.STREAM.MSG.GET.{mailbox}", b'{"seq":1}'),
            (f"$JS.API.DIRECT.GET.{mailbox}", b'{"seq":1}'),
            (f"$JS.API.STREAM.PURGE.{mailbox}", b""),
            (f"$JS.API.STREAM.DELETE.{mailbox}", b""),
            (f"$JS.API.CONSUMER.DELETE.{mailbox}.{mailbox}", b""),
            (f"$JS.API.CONSUMER.CREATE.{mailbox}", b"{}"),
        ):
            try:
                answer = await client.request(subject, body, timeout=60)
            except nats.errors.NoRespondersError:
                continue
            assert b'"error"' in answer.data, subject
            assert b"for the victim" not in answer.data

    assert await stored(hub, mailbox) == (1, 0)
    async with LinkedNode(place, victim) as recipient:
        (delivery,) = await recipient.take()
        assert (delivery.envelope, delivery.redelivered) == (b"for the victim only", False)
        await delivery.ack()


async def test_a_forged_reply_subject_reaches_nobody(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """The broker's own answers cannot be aimed at another's mailbox, consumer or inbox."""
    attacker, victim = pair
    put_to_self = mailbox_subject(
        recipient=attacker.account, sender=attacker.account, traffic=TrafficClass.MESSAGE
    )
    put_to_victim = mailbox_subject(
        recipient=victim.account, sender=attacker.account, traffic=TrafficClass.MESSAGE
    )
    async with LinkedNode(place, victim) as node, intruder(place, attacker) as client:
        await node.wait_until_up()
        await client.request(put_to_victim, b"honest", timeout=60)
        (held,) = await node.take()
        overheard: list[Msg] = []

        async def overhear(message: Msg) -> None:
            overheard.append(message)

        victim_client = node.link._session.client  # type: ignore[union-attr]  # it is up
        await victim_client.subscribe(f"{inbox_prefix(victim.account)}.private", cb=overhear)
        await settle(victim_client)
        targets = (
            mailbox_subject(
                recipient=victim.account, sender=victim.account, traffic=TrafficClass.MESSAGE
            ),
            mailbox_pull_subject(victim.account, TrafficClass.MESSAGE),
            f"$JS.ACK.{victim.account}.{victim.account}.1.1.1.1.0",
            f"{inbox_prefix(victim.account)}.private",
        )
        for target in targets:
            await client.publish(put_to_self, b"bait", reply=target)
            await client.publish(
                mailbox_pull_subject(attacker.account, TrafficClass.MESSAGE),
                b'{"batch":1}',
                reply=target,
            )
        await settle(client)
        # A request that goes the same way after them has been answered, so they have been handled.
        await client.request(put_to_self, b"last", timeout=60)
        await settle(victim_client)

        assert overheard == []
        assert await stored(hub, victim.account) == (1, 1)
        await held.ack()
        assert await stored(hub, victim.account) == (0, 0)


async def test_nobody_hears_what_goes_on_between_others(place: BrokerPlace, pair: Pair) -> None:
    """Listening to everything brings nothing but one's own."""
    listener, victim = pair
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    async with intruder(place, listener) as client, LinkedNode(place, victim) as node:
        await client.subscribe(">", cb=hear)
        await settle(client)
        await node.put(victim, b"note to self")
        (delivery,) = await node.take()
        await delivery.ack()
        await settle(client)

    assert heard == []


async def test_the_hub_itself_cannot_take_or_read_a_message(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """The mailbox administrator makes and counts mailboxes; reading one is not among its rights."""
    first, second = pair
    async with LinkedNode(place, first) as sender:
        await sender.put(second, b"sealed")
    client = hub.mailbox_admin._client
    assert client is not None
    for subject in (
        f"$JS.API.STREAM.MSG.GET.{second.account}",
        mailbox_pull_subject(second.account, TrafficClass.MESSAGE),
        f"$JS.API.STREAM.PURGE.{second.account}",
        mailbox_subject(
            recipient=second.account, sender=first.account, traffic=TrafficClass.MESSAGE
        ),
    ):
        await client.publish(subject, b'{"seq":1}', reply=f"{HUB_INBOX}.answer")
        await settle(client)
        assert "permissions violation" in str(client.last_error)
        assert subject.lower() in str(client.last_error)

    assert await stored(hub, second.account) == (1, 0)
    async with LinkedNode(place, second) as recipient:
        (delivery,) = await recipient.take()
        await delivery.ack()
