"""A mailbox of three copies goes on when the server that leads it is killed under load.

Other losses take their time, mostly in elections: ``make cluster`` (tests/cluster/losses.py).
"""

import ssl
from pathlib import Path

import pytest

from tests.support.cluster import ClusterPlace, find_leader, wait_for_copies
from tests.support.cluster_scene import BOTH_WAYS, Record, set_scene


async def test_a_mailbox_goes_on_when_its_leader_is_killed(
    tmp_path: Path, record_property: Record
) -> None:
    """Messages and receipts go on with two servers; everything accepted comes, once."""
    async with set_scene(tmp_path, record_property) as scene:
        place, hub, ledger = scene.place, scene.hub, scene.ledger
        recipient = ledger.nodes["XK"].account
        assert_strangers_are_no_servers(place)
        async with ledger.under_load(*BOTH_WAYS):
            await ledger.see_progress("AL", 2)
            leader = await find_leader(hub, recipient)
            place.kill(leader)
            scene.note("the leader of XK's mailbox is killed")
            await ledger.see_progress("AL", 10)
            scene.note("messages and receipts go on with two servers")
            assert await find_leader(hub, recipient) != leader
            place.start(leader)
            scene.note("it is back")
            await wait_for_copies(hub, 3)
            scene.note("every copy is up to date")
        await scene.see_that_nothing_was_lost()


def assert_strangers_are_no_servers(place: ClusterPlace) -> None:
    """Show that the port of the routes speaks to certificates of its own authority only."""
    assert place.greet_route("broker-1", place.folder / "route-tls" / "server.pem") == b"INFO"
    for certificate in (None, place.folder / "tls" / "server.pem"):
        with pytest.raises(ssl.SSLError):
            place.greet_route("broker-1", certificate)
