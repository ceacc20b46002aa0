"""An installation from before mailboxes had classes is brought over without losing anything."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import nats.errors
import pytest
from nats.aio.client import Client

from hub.broker import accounts, config
from hub.broker.connection import BrokerConnection, BrokerUnavailableError
from hub.broker.mailboxes import Mailboxes
from node.domain.ports import NoMailboxError
from protocol.broker_credentials import (
    AccountClaims,
    AccountLimits,
    Permissions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    issue_account_token,
)
from protocol.identifiers import ParticipantCode
from protocol.subjects import SENDER_TOKEN, TrafficClass
from tests.support.broker import (
    SMALL_MAILBOX,
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    connected_hub,
    make_directory,
    read_clock,
    running_broker,
)
from tests.support.intrusion import connect_with

_EARLIER = ("m", "r", "b")


def _earlier_hub_claims() -> AccountClaims:
    """Describe the hub's account as the first version did."""
    put = [
        ServiceExport(
            name=f"put-{letter}",
            subject=f"trm.mbx.*.*.{letter}",
            account_token_position=SENDER_TOKEN,
        )
        for letter in _EARLIER
    ]
    pull = ServiceExport("pull", "$JS.API.CONSUMER.MSG.NEXT.*.node", 6, ResponseType.STREAM)
    return AccountClaims(
        name=accounts.HUB_ACCOUNT_NAME,
        limits=AccountLimits(jetstream=True),
        exports=(*put, pull, ServiceExport("ack", "$JS.ACK.*.node.>", 3)),
    )


def _earlier_claims(place: BrokerPlace, one: TestParticipant) -> AccountClaims:
    """Describe a Participant's account as the first version did."""
    services = (
        *(f"trm.mbx.*.{one.account}.{letter}" for letter in _EARLIER),
        f"$JS.API.CONSUMER.MSG.NEXT.{one.account}.node",
        f"$JS.ACK.{one.account}.node.>",
    )
    hub = place.material.hub_account.public
    return AccountClaims(
        name=one.code,
        limits=AccountLimits(imports=len(services), exports=0),
        imports=tuple(ServiceImport(subject, hub) for subject in services),
        signing_keys=(one.signing_key.public,),
    )


@pytest.fixture
def earlier_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokerPlace]:
    """Run a broker whose configuration was written by the first version, an hour ago."""
    monkeypatch.setattr(config, "hub_account_claims", _earlier_hub_claims)
    with running_broker(tmp_path) as place:
        place.server.stop()
        place.server._clock = lambda: read_clock() - timedelta(hours=1)
        place.server.start()
        yield place


async def _admit_as_before(place: BrokerPlace, hub: Hub, one: TestParticipant) -> None:
    """Let one in and make its one mailbox, as the first version did."""
    token = issue_account_token(
        place.material.signing_key,
        account=one.account,
        claims=_earlier_claims(place, one),
        issued_at=read_clock() - timedelta(minutes=30),
    )
    done = await hub.registrar.request_json("$SYS.REQ.CLAIMS.UPDATE", token.encode())
    assert done["data"]["code"] == 200
    stream = {
        "name": one.account,
        "subjects": [f"trm.mbx.{one.account}.*.*"],
        "storage": "file",
        "retention": "workqueue",
        "discard": "new",
        "discard_new_per_subject": True,
        "max_msgs_per_subject": 5_000,
        "max_bytes": 1024**3,
        "max_msg_size": 1024**2,
        "max_age": 30 * 86_400 * 10**9,
        "duplicate_window": 86_400 * 10**9,
        "deny_delete": True,
        "deny_purge": True,
        "num_replicas": 1,
    }
    consumer = {
        "durable_name": "node",
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "max_deliver": -1,
        "max_ack_pending": 256,
    }
    for order, details in (
        (f"STREAM.CREATE.{one.account}", stream),
        (
            f"CONSUMER.DURABLE.CREATE.{one.account}.node",
            {"stream_name": one.account, "config": consumer},
        ),
    ):
        answer = await hub.mailbox_admin.request_json(
            f"$JS.API.{order}", json.dumps(details).encode()
        )
        assert "error" not in answer


async def _put_as_before(
    client: Client,
    sender: TestParticipant,
    to: TestParticipant,
    sizes: Sequence[int] = (10, 2_000, 600_000),
) -> None:
    """Put envelopes of each class into the one mailbox; some are large."""
    for letter in _EARLIER:
        for size in sizes:
            subject = f"trm.mbx.{to.account}.{sender.account}.{letter}"
            answer = await client.request(subject, letter.encode() * size, timeout=60)
            assert b"error" not in answer.data


async def _expect_patience(
    place: BrokerPlace, sender: TestParticipant, recipient: TestParticipant
) -> None:
    """Let nodes of this version meet a hub that was not updated: it waits, and says for what."""
    async with LinkedNode(place, sender) as one, LinkedNode(place, recipient) as other:
        await one.put(recipient, b"early")
        with pytest.raises(NoMailboxError):
            await one.put(recipient, bytes(600_000))
        await other.wait_until_up()
        assert await other.link.fetch(TrafficClass.MESSAGE, batch=1, wait=0) == []
        assert "refuses to hand out" in str(other.link.state.last_error)


class _DyingConnection:
    """The mailbox administrator's connection, whose process is killed after some orders."""

    def __init__(self, connection: BrokerConnection, *, orders: int) -> None:
        self._connection = connection
        self._left = orders

    async def request_json(self, subject: str, payload: bytes = b"") -> dict[str, Any]:
        """Pass it on, unless the end has come."""
        if ".INFO." not in subject:
            self._left -= 1
        if self._left < 0:
            raise BrokerUnavailableError("killed")
        return await self._connection.request_json(subject, payload)


async def test_a_conversion_that_is_killed_at_any_step_is_completed_later(
    earlier_place: BrokerPlace,
) -> None:
    """After however many of its orders the hub dies: the next round ends it, nothing is lost."""
    place = earlier_place
    sender = TestParticipant(ParticipantCode("AA"))
    everything = Permissions(publish=(">",), subscribe=(">",))
    async with connected_hub(place) as hub:
        await _admit_as_before(place, hub, sender)
        interrupted = 0
        while True:
            owner = TestParticipant(ParticipantCode("BB"))
            await _admit_as_before(place, hub, owner)
            async with connect_with(place, sender, everything) as client:
                await _put_as_before(client, sender, owner, sizes=(10,))
            dying = cast(
                "BrokerConnection", _DyingConnection(hub.mailbox_admin, orders=interrupted)
            )
            try:
                await Mailboxes(dying, limits=SMALL_MAILBOX).ensure(owner.account)
            except BrokerUnavailableError:
                interrupted += 1
            else:
                break
            assert await hub.mailboxes.ensure(owner.account)
            assert not await hub.mailboxes.ensure(owner.account)
            found = await hub.mailboxes.count(owner.account)
            assert found is not None
            assert [part.traffic for part in found.classes] == list(TrafficClass)
            assert (found.stored, found.waiting) == (len(_EARLIER), len(_EARLIER))
    # Twice the first stream, its old consumer, its new one; the other three with their consumers.
    assert interrupted == 2 + 2 + 3 * 2


async def test_what_lay_in_the_one_mailbox_comes_out_of_the_new_ones(
    earlier_place: BrokerPlace,
) -> None:
    """Admission divides a mailbox while it is full and in use; every envelope is delivered once."""
    place = earlier_place
    sender, recipient = people = [TestParticipant(ParticipantCode(code)) for code in ("AA", "BB")]
    everything = Permissions(publish=(">",), subscribe=(">",))
    async with connected_hub(place) as hub:
        for one in people:
            await _admit_as_before(place, hub, one)
        async with connect_with(place, sender, everything) as client:
            await _put_as_before(client, sender, recipient)
        async with connect_with(place, recipient, everything) as client:
            pull = f"$JS.API.CONSUMER.MSG.NEXT.{recipient.account}.node"
            inbox = await client.subscribe(f"_INBOX.{recipient.account}.x")
            await client.publish(pull, b'{"batch":1,"no_wait":true}', reply=inbox.subject)
            held = await inbox.next_msg(timeout=20)
            assert held.data == b"m" * 10  # handed out to a node that is then updated

        await _expect_patience(place, sender, recipient)
        report = await hub.admission.reconcile(make_directory(people))
        assert [outcome.action.value for outcome in report.outcomes] == ["updated", "updated"]
        again = await hub.admission.reconcile(make_directory(people))
        assert [outcome.action.value for outcome in again.outcomes] == ["unchanged", "unchanged"]

        async with LinkedNode(place, sender) as old, LinkedNode(place, recipient) as new:
            for traffic in TrafficClass:
                await old.put(recipient, b"new", traffic=traffic)
            found = await new.take(11)
            expected = [letter.encode() * n for letter in _EARLIER for n in (10, 2_000, 600_000)]
            assert [each.envelope for each in found] == [*expected, b"early", b"new"]
            letters = [each.traffic.value for each in found]
            assert letters == ["m", "m", "m", "r", "r", "r", "b", "b", "b", "m", "m"]
            for traffic in (TrafficClass.RECEIPT, TrafficClass.LARGE, TrafficClass.CHUNK):
                found += await new.take(traffic=traffic)
            for delivery in found:
                await delivery.ack()
        emptied = await hub.mailboxes.count(recipient.account)
        assert emptied is not None
        assert (emptied.stored, len(emptied.classes)) == (0, len(TrafficClass))


async def test_the_new_offer_survives_a_restart_with_the_old_configuration(
    earlier_place: BrokerPlace,
) -> None:
    """A broker whose file still holds the old token goes on with the one that it was given."""
    place = earlier_place
    one = TestParticipant(ParticipantCode("AA"))
    async with connected_hub(place) as hub:
        await hub.admission.reconcile(make_directory([one]))
    place.server.stop()
    place.server.start()
    async with LinkedNode(place, one) as node:
        await node.put(one, b"receipt", traffic=TrafficClass.RECEIPT)
        (delivery,) = await node.take(traffic=TrafficClass.RECEIPT)
        await delivery.ack()
    async with connect_with(place, one, Permissions(publish=(">",), subscribe=(">",))) as client:
        with pytest.raises(nats.errors.NoRespondersError):
            await client.request(
                f"$JS.API.CONSUMER.MSG.NEXT.{one.account}.node", b'{"batch":1}', timeout=60
            )
