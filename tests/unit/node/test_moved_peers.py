"""What lies in a mailbox that its owner has left follows it at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from node.service.composing import handle_send
from node.service.moved_peers import follow_moved, list_accounts
from node.workers.registry_refresh import RegistryRefresh
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from tests.support.link_repair import received
from tests.support.node import Network, make_draft
from tests.support.people import acting


def move(network: Network, code: str) -> int:
    """Let the registry name another broker account of a Participant; returns its version."""
    directory, participant = network.directory.directory, ParticipantCode(code)
    keys = directory.keys[participant]
    account = Nkey.generate(NkeyKind.ACCOUNT).public
    moved = keys.model_copy(update={"broker": keys.broker.model_copy(update={"account": account})})
    network.directory.directory = replace(directory, keys={**directory.keys, participant: moved})
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


def test_who_is_new_or_was_unknown_has_not_moved(network: Network) -> None:
    """Nothing is brought forward for a Participant that had no account before."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=acting("u"))
    network.collect("AL")
    assert follow_moved(al, {}) == 0
    assert follow_moved(al, list_accounts(al)) == 0
    assert follow_moved(al, {"XK": "another"}) == 1
