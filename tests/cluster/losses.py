"""What a broker of three servers must survive under load: ``make cluster`` runs it.

It takes minutes, mostly in elections, which no setting makes faster; so it is no part of
``make test``, which has growth and the loss of one server (tests/integration/broker).
"""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hub.broker.admission import AdmissionAction
from hub.broker.moving import open_mover
from hub.broker.saved_mailboxes import MovingError
from hub.broker.servers import remove_lost_server
from hub.monitoring.quorum import QuorumWatch
from protocol.subjects import AccountId
from tests.support.broker import Hub
from tests.support.cluster import (
    NAMES,
    ClusterPlace,
    find_leader,
    reconcile,
    until,
    wait_for_copies,
)
from tests.support.cluster_scene import BOTH_WAYS, NEW, Record, Scene, set_scene

ALONE = "broker-1"


@pytest.fixture
async def scene(tmp_path: Path, record_property: Record) -> AsyncIterator[Scene]:
    """Set the scene."""
    async with set_scene(tmp_path, record_property) as found:
        yield found


async def test_each_server_is_restarted_in_turn(scene: Scene) -> None:
    """Messages go on, also after the leader of a mailbox was killed and came back."""
    place, hub, ledger = scene.place, scene.hub, scene.ledger
    async with ledger.under_load(*BOTH_WAYS):
        await ledger.see_progress("AL", 2)
        place.kill(leader := await find_leader(hub, ledger.nodes["XK"].account))
        await ledger.see_progress("AL", 10)
        place.start(leader)
        await wait_for_copies(hub, 3)
        scene.note("a leader was killed and is back, every copy is up to date")
        for name in NAMES:
            place.stop(name)
            place.start(name)
            scene.note(f"{name} was stopped and started")
            await wait_for_copies(hub, 3)
            scene.note("every copy is up to date")
        await ledger.see_progress("AL", 5)
    await scene.see_that_nothing_was_lost()


async def test_with_two_of_three_away_nothing_is_taken_and_nothing_lost(scene: Scene) -> None:
    """Hub and nodes say so, messages wait at their senders, and go on when one is back."""
    place, hub, ledger = scene.place, scene.hub, scene.ledger
    watch = QuorumWatch(hub.mailbox_admin, servers=3)
    async with ledger.under_load(*BOTH_WAYS):
        await ledger.see_progress("AL", 3)
        place.kill("broker-2", "broker-3")
        scene.note("two servers are killed")

        async def is_told() -> bool:
            """Look anew: the server that is left gives up leading by itself."""
            await watch.look()
            return watch.found is None

        await until(is_told)
        assert "more than half must run" in (await watch.check()).detail
        scene.note("the hub says that too few servers run")

        before = ledger.count_receipted("AL")
        await ledger.see_problem("AL")
        assert ledger.count_receipted("AL") == before
        scene.note("AL's node says so, too, and keeps what it sends")
        place.start("broker-2")
        scene.note("one is back")
        await ledger.see_progress("AL", 5)
        scene.note("messages and receipts go on")

        async def is_one_missed() -> bool:
            """Look anew: the one that came back may still be catching up."""
            await watch.look()
            found = await watch.check()
            return found.is_ok and "lack a copy (away or behind: broker-3)" in found.detail

        await until(is_one_missed)
        place.start("broker-3")
        await wait_for_copies(hub, 3)
        scene.note("all three run, every copy is up to date")
    await scene.see_that_nothing_was_lost()


async def test_a_server_lost_for_good_is_replaced_by_another(scene: Scene, tmp_path: Path) -> None:
    """With a new name it takes over the copies; one that still runs is not taken out."""
    place, hub, ledger = scene.place, scene.hub, scene.ledger
    async with ledger.under_load(*BOTH_WAYS):
        with pytest.raises(MovingError, match="still runs"):
            await remove_lost_server(place.access("broker-1"), "broker-3", servers=3)
        place.kill("broker-3")
        scene.note("a server is killed, its disk is gone")
        with pytest.raises(MovingError, match="start the server that takes its place"):
            await remove_lost_server(place.access("broker-1"), "broker-3", servers=3)
        shutil.rmtree(tmp_path / "broker-3")
        place.members = {name: place.route(name) for name in ("broker-1", "broker-2", NEW)}
        place.start(NEW)
        scene.note("broker-4 runs in its place")

        async def is_taken_out() -> bool:
            """Try: it succeeds when the servers agree on a leader again."""
            return NEW in await take_out(place, "broker-3")

        await until(is_taken_out)
        scene.note("the lost one is taken out")
        await wait_for_copies(hub, 3)
        scene.note("every copy is up to date")
        # The two old ones are told of the new one by their configuration, too.
        for name in ("broker-1", "broker-2"):
            place.stop(name)
            place.start(name)
            await wait_for_copies(hub, 3)
        scene.note("the others are restarted with their new configuration")
        await ledger.see_progress("AL", 5)
    await scene.see_that_nothing_was_lost()


async def take_out(place: ClusterPlace, name: str) -> frozenset[str]:
    """Try to take a server out of the cluster; returns nobody if it did not succeed."""
    try:
        return await remove_lost_server(place.access("broker-1"), name, servers=3)
    except MovingError:
        return frozenset()


async def test_three_servers_become_one_again(scene: Scene, tmp_path: Path) -> None:
    """What waited on three servers is on the one that stays, also for MK, whose node is away."""
    ledger = scene.ledger
    async with ledger.under_load(*BOTH_WAYS, ("AL", "MK")):
        await ledger.see_progress("AL", 3)
        await shrink(scene, tmp_path / "saved")
        await ledger.see_progress("AL", 3)
    assert ledger.accepted["MK"]
    async with ledger.nodes["MK"]:
        await ledger.settle("AL", "XK", "MK")
        assert ledger.find_faults("AL", "XK", "MK") == []
    scene.note("MK's node came, every receipt is there; lost or twice: 0")


async def shrink(scene: Scene, saved: Path) -> None:
    """Go back to one server: three copies of each become one."""
    place = scene.place
    place.stop(*NAMES)
    place.start(*NAMES, closed=True)
    async with open_mover(place.access()) as mover:
        await mover.save(saved)
    place.stop(*NAMES)
    place.start(ALONE, clustered=False, closed=True)
    async with open_mover(place.access(ALONE)) as mover:
        await mover.restore(saved)
    place.stop(ALONE)
    place.start(ALONE, clustered=False)
    scene.note("saved from three, put back into one, open")


async def test_who_was_removed_while_a_server_was_away_stays_out(scene: Scene) -> None:
    """The server brings the account back with it, and the next round of admission removes it."""
    place, hub, ledger = scene.place, scene.hub, scene.ledger
    account = ledger.nodes["MK"].account
    without = replace(
        ledger.directory,
        participants=tuple(p for p in ledger.directory.participants if p.code != "MK"),
        keys={code: keys for code, keys in ledger.directory.keys.items() if code != "MK"},
    )
    place.stop("broker-3")
    report = await reconcile(hub, without)
    assert [o.account for o in report.having(AdmissionAction.REMOVED)] == [account]
    assert not await is_listed(hub, account)
    place.start("broker-3")
    scene.note("MK is removed while a server is away; it is started again")
    await until(partial(is_listed, hub, account))  # when its routes stand
    scene.note("it has brought MK's account back")

    report = await reconcile(hub, without)

    assert [o.account for o in report.having(AdmissionAction.REMOVED)] == [account]
    assert not await is_listed(hub, account)
    scene.note("the next round has removed it")
    async with ledger.under_load(*BOTH_WAYS):
        await ledger.see_progress("AL", 2)
    await scene.see_that_nothing_was_lost()


async def is_listed(hub: Hub, account: AccountId) -> bool:
    """Whether any server of the broker holds the account."""
    lists = await hub.registrar.request_all("$SYS.REQ.CLAIMS.LIST", most=3)
    return any(account.encode() in each for each in lists)
