"""What breaks, mends: the broker dies, tokens run out, keys are withdrawn."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from node.adapters import jetstream, mailbox_pull
from node.adapters.jetstream import LinkState, LinkStatus
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import TrafficClass
from tests.support.broker import (
    PATIENCE,
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    connected_hub,
    kill_broker,
    make_directory,
    read_clock,
)

Pair = tuple[TestParticipant, TestParticipant]


async def test_a_killed_broker_comes_back_with_everything_it_confirmed(
    own_place: BrokerPlace,
) -> None:
    """After kill -9 and a restart both links mend, a waiting fetch included; nothing is missing."""
    first, second, offline = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB", "CC"))
    async with connected_hub(own_place) as hub:
        await hub.admission.reconcile(make_directory([first, second, offline]))
    server = own_place.server
    async with LinkedNode(own_place, first) as sender, LinkedNode(own_place, second) as recipient:
        await sender.put(second, b"before")
        (taken,) = await recipient.take()
        await taken.ack()
        stored = [await sender.put(offline, bytes([number])) for number in range(20)]
        fetching = asyncio.create_task(recipient.take())

        kill_broker(server)
        await sender.wait_for(lambda link: not link.is_up)
        publishing = asyncio.create_task(sender.put(second, b"after"))
        server.start()
        await publishing

        # What was acknowledged does not come again.
        (found,) = await fetching
        assert found.envelope == b"after"
        await found.ack()
    async with LinkedNode(own_place, offline) as late:
        waiting = await late.take(len(stored))
        assert [delivery.envelope for delivery in waiting] == [bytes([n]) for n in range(20)]
        assert [d.stream_sequence for d in waiting] == [ack.sequence for ack in stored]


async def test_the_hub_comes_back_too(own_place: BrokerPlace) -> None:
    """The hub's connections stand again after a restart, and another round changes nothing."""
    member = TestParticipant(ParticipantCode("AA"))
    async with connected_hub(own_place) as hub:
        before = await hub.admission.reconcile(make_directory([member]))
        own_place.server.stop()
        await hub.registrar.wait_until_down()
        await hub.mailbox_admin.wait_until_down()
        own_place.server.start()
        async with asyncio.timeout(PATIENCE):
            await hub.registrar.wait_until_up()
            await hub.mailbox_admin.wait_until_up()

        after = await hub.admission.reconcile(make_directory([member]))
        assert [o.action.value for o in before.outcomes] == ["admitted"]
        assert [o.action.value for o in after.outcomes] == ["unchanged"]


async def test_a_token_that_runs_out_is_replaced(place: BrokerPlace, pair: Pair) -> None:
    """The broker cuts the link off when its token expires; the link returns with a new one."""
    lifetime = timedelta(hours=1)

    def read_slow_clock() -> datetime:
        """Lag behind, so that a token of an hour has a second to live at the broker."""
        return read_clock() - lifetime + timedelta(seconds=2)

    states: list[LinkStatus] = []
    node = LinkedNode(place, pair[0], clock=read_slow_clock, credential_lifetime=lifetime)

    def note(state: LinkState) -> None:
        states.append(state.status)

    node.listen(note)
    async with node:
        await node.wait_until_up()
        await node.wait_for(lambda link: link.state.status is LinkStatus.DOWN)
        assert "expired" in str(node.link.state.last_error).lower()
        await node.wait_until_up()

    assert states[:2] == [LinkStatus.CONNECTING, LinkStatus.UP]


async def test_a_token_is_renewed_in_time_without_a_gap(
    place: BrokerPlace, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link makes the new connection before it gives up the old one, and never goes down."""
    first, second = pair
    monkeypatch.setattr(jetstream, "_RENEWAL", 0.01)
    node = LinkedNode(place, first, credential_lifetime=timedelta(seconds=20))
    states: list[LinkStatus] = []
    node.listen(lambda state: states.append(state.status))
    sessions: set[object] = set()
    published = 0
    async with LinkedNode(place, second) as recipient:
        async with node, asyncio.timeout(PATIENCE):
            while len(sessions) < 3:
                await node.put(second, b"x")
                published += 1
                sessions.add(node.link._session)
            assert states == [LinkStatus.CONNECTING, LinkStatus.UP]
        while published:
            found = await recipient.take(min(published, 100))
            await asyncio.gather(*(delivery.ack() for delivery in found))
            published -= len(found)


async def test_withdrawn_keys_cut_off_at_once_and_new_ones_are_let_in(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """Dropping a signing key ends its connections; whoever holds its successor gets the mail."""
    first, second = pair
    successor = replace(
        second,
        signing_key=Nkey.generate(NkeyKind.ACCOUNT),
        user_key=Nkey.generate(NkeyKind.USER),
    )
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as withdrawn:
        await withdrawn.wait_until_up()
        await sender.put(second, b"for whoever holds the keys now")

        report = await hub.admission.reconcile(make_directory([first, successor]))

        assert [outcome.action.value for outcome in report.outcomes] == ["unchanged", "updated"]
        await withdrawn.wait_for(lambda link: not link.is_up)
        async with LinkedNode(place, successor) as recipient:
            (delivery,) = await recipient.take()
            await delivery.ack()
        # ... and the withdrawn key does not get back in, until the registry names it again.
        await withdrawn.wait_for(
            lambda link: "authorization violation" in str(link.state.last_error).lower()
        )
        await hub.admission.reconcile(make_directory([first, second]))
        await withdrawn.wait_until_up()


async def test_an_expelled_participant_is_cut_off(place: BrokerPlace, hub: Hub, pair: Pair) -> None:
    """Who is no longer in the registry is disconnected, and what waits for it is not destroyed."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as expelled:
        await expelled.wait_until_up()
        await sender.put(second, b"unread")

        await hub.admission.reconcile(make_directory([first]))

        await expelled.wait_for(lambda link: not link.is_up)
        kept = await hub.mailboxes.count(second.account)
        assert kept is not None
        assert kept.stored == 1


async def test_a_broker_that_falls_silent_is_left(
    place: BrokerPlace, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a pull gets no sign of life the connection is given up, and a new one works."""
    first, second = pair
    async with LinkedNode(place, first) as sender, LinkedNode(place, second) as recipient:
        await recipient.wait_until_up()
        session = recipient.link._session
        assert session is not None
        pull = session._pulls[TrafficClass.MESSAGE]
        pull._question = f"{pull._question}.nowhere"  # the broker hears nothing
        monkeypatch.setattr(mailbox_pull, "ANSWER_SECONDS", 0.2)

        assert await recipient.link.fetch(TrafficClass.MESSAGE, batch=1, wait=0) == []
        monkeypatch.undo()
        await sender.put(second, b"heard")
        (delivery,) = await recipient.take()
        assert recipient.link._session is not session
        await delivery.ack()


async def test_stopping_works_at_every_moment_of_connecting(place: BrokerPlace, pair: Pair) -> None:
    """One cancellation ends a link, however far its connection has come."""
    for turns in range(0, 80, 4):
        running = asyncio.create_task(LinkedNode(place, pair[0]).link.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        _, left = await asyncio.wait({running}, timeout=60)
        assert not left


async def test_stopping_takes_no_time_even_while_fetching(place: BrokerPlace, pair: Pair) -> None:
    """A link is stopped in the middle of a long fetch, which then returns."""
    async with asyncio.timeout(60):
        async with LinkedNode(place, pair[0]) as node:
            await node.wait_until_up()
            fetching = asyncio.create_task(
                node.link.fetch(TrafficClass.MESSAGE, batch=1, wait=3600)
            )
            await asyncio.sleep(0)
        assert await fetching == []
    assert node.link.state.last_error == "The link was stopped."
