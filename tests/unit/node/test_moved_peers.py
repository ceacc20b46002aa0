"""What lies in a mailbox that its owner has left follows it at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from node.service import moved_peers
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.dispatching import Attempt, claim_messages, record_attempts
from node.service.moved_peers import follow_moved
from node.workers.registry_refresh import RegistryRefresh
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import parse_account_id
from tests.support.link_repair import received
from tests.support.node import FixedDirectory, Network, make_draft
from tests.support.people import acting


def move(network: Network, code: str) -> int:
    """Let the registry name another broker account of a Participant; returns its version."""
    directory, participant = network.directory.directory, ParticipantCode(code)
    keys = directory.keys[participant]
    account = Nkey.generate(NkeyKind.ACCOUNT).public
    moved = keys.model_copy(update={"broker": keys.broker.model_copy(update={"account": account})})
    network.directory.directory = replace(
        directory, version=directory.version + 1, keys={**directory.keys, participant: moved}
    )
    return network.directory.directory.version


async def test_whoever_moved_gets_again_what_waits_at_the_old_place(network: Network) -> None:
    """With the very registry that names another account; whoever did not move waits as before."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u")).message_id
    network.collect("AL")
    network.mailbox.clear()  # it lies where nobody can fetch it any more
    assert network.collect("AL") == 0

    refresh = RegistryRefresh(al, refresh=lambda: 7, interval=timedelta(minutes=1))
    await refresh.refresh_now()
    assert network.collect("AL") == 0
    network.clock.advance(minutes=1)
    refresh = RegistryRefresh(
        al, refresh=lambda: move(network, "XK"), interval=timedelta(minutes=1)
    )
    await refresh.refresh_now()
    assert network.collect("AL") == 1
    await asyncio.to_thread(network.settle_mailbox)
    assert received(network, "XK") == [sent]


def test_who_is_new_has_not_moved(network: Network) -> None:
    """Nothing is brought forward for a Participant that had no account before, nor twice."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    network.collect("AL")
    assert follow_moved(al) == 0
    move(network, "XK")
    assert follow_moved(al) == 1
    assert follow_moved(al) == 0


async def test_a_move_that_somebody_else_fetched_is_followed(network: Network) -> None:
    """Signing a change of the directory looked at the registry first; the next look sees it."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    network.collect("AL")
    assert follow_moved(al) == 0
    version = move(network, "XK")
    refresh = RegistryRefresh(al, refresh=lambda: version, interval=timedelta(minutes=1))
    await refresh.refresh_now()
    assert network.collect("AL") == 1


async def test_a_store_that_fails_loses_no_move(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the registry fails, and the next one follows; also without a hub to ask."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    network.collect("AL")
    assert follow_moved(al) == 0
    fetch = RegistryRefresh(al, refresh=lambda: move(network, "XK"), interval=timedelta(minutes=1))
    with monkeypatch.context() as broken:
        broken.setattr(moved_peers, "_bring_forward", _fail)
        with pytest.raises(OSError, match="no room"):
            await fetch.refresh_now()
    assert network.collect("AL") == 0
    without_hub = RegistryRefresh(al, refresh=_fail, interval=timedelta(minutes=1))
    with pytest.raises(OSError, match="no room"):
        await without_hub.refresh_now()
    assert network.collect("AL") == 1


def test_a_process_with_an_older_view_leads_nothing_back(network: Network) -> None:
    """It cannot refresh: each of its looks, and the other's after it, leaves all where it is."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    network.collect("AL")
    assert follow_moved(al) == 0
    behind = replace(al, directory=FixedDirectory(network.directory.directory))
    move(network, "XK")
    assert follow_moved(al) == 1
    assert _hand_over(al, network.directory) == 1
    assert (follow_moved(behind), follow_moved(al)) == (0, 0)
    move(network, "XK")
    assert follow_moved(al) == 1


@pytest.mark.parametrize("is_replaced", [False, True])
def test_what_an_older_view_led_astray_is_followed_by_another(
    network: Network, *, is_replaced: bool
) -> None:
    """Whether the process that handed over still runs, or died and never saw the newer view."""
    al = network.node("AL")
    older = FixedDirectory(network.directory.directory)
    behind = replace(al, directory=older)
    assert follow_moved(behind) == 0
    move(network, "XK")
    assert follow_moved(al) == 0  # nothing waits yet
    handle_send(behind, make_draft(), who=acting("u"))
    assert _hand_over(behind, older) == 1
    assert _hand_over(al, network.directory) == 0
    other = replace(al) if is_replaced else al
    assert (follow_moved(other), follow_moved(other)) == (1, 0)
    assert _hand_over(other, network.directory) == 1
    assert (follow_moved(other), follow_moved(behind)) == (0, 0)


def test_what_left_as_its_recipient_moved_is_not_waited_for(network: Network) -> None:
    """Sealed for the account of before, recorded with the registry of after: it leaves again."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    before = FixedDirectory(network.directory.directory)
    assert _hand_over(al, before, then=lambda: move(network, "XK")) == 1
    assert _hand_over(al, network.directory) == 1
    assert _hand_over(al, network.directory) == 0
    network.clock.advance(seconds=30)
    assert _hand_over(al, network.directory) == 0


def test_an_older_view_hunts_nothing(network: Network) -> None:
    """A process that cannot see the move hands over once, and waits as planned."""
    al = network.node("AL")
    older = FixedDirectory(network.directory.directory)
    behind = replace(al, directory=older)
    move(network, "XK")
    handle_send(behind, make_draft(), who=acting("u"))
    assert [_hand_over(behind, older) for _ in range(3)] == [1, 0, 0]


def _hand_over(
    context: NodeContext, view: FixedDirectory, *, then: Callable[[], object] = lambda: None
) -> int:
    """Hand over what is due to the accounts of a view, and record it when ``then`` has happened."""
    claimed = claim_messages(context, limit=10)
    listed = view.directory.keys
    attempts = [
        Attempt(
            each.message_id,
            each.transport_id,
            first=each.first,
            claimed_until=each.claimed_until,
            recipient=parse_account_id(listed[each.peer].broker.account),
        )
        for each in claimed
    ]
    then()
    record_attempts(context, attempts)
    return len(claimed)


def _fail(*_: object, **__: object) -> int:
    raise OSError("no room")
