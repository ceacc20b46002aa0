"""A broker that could not write is noticed, and a restart with room mends it without loss."""

import resource
import sys
from contextlib import suppress

from hub.monitoring.broker_disk import DiskWatch
from node.domain.ports import LinkDownError
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass
from tests.support.broker import (
    BrokerPlace,
    LinkedNode,
    TestParticipant,
    connected_hub,
    make_directory,
)

_ENVELOPE = bytes(30_000)
_LIMIT = 400_000
_MOST = 2 * _LIMIT // len(_ENVELOPE)


def limit_files(process: int, most: int) -> None:
    """Let the process write no file beyond so many bytes, as a full disk would."""
    assert sys.platform == "linux"
    resource.prlimit(process, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def test_a_full_disk_of_the_broker_is_said_until_it_was_restarted(
    own_place: BrokerPlace,
) -> None:
    """The check fails and says what to do; after the restart all that was confirmed is there."""
    sender, owner = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))
    server = own_place.server
    async with connected_hub(own_place) as hub:
        await hub.admission.reconcile(make_directory([sender, owner]))
        watch = DiskWatch(hub.registrar, servers=1)
        await watch.look()
        assert (await watch.check()).is_ok
        assert server.process_id is not None
        limit_files(server.process_id, _LIMIT)
        confirmed = 0
        async with LinkedNode(own_place, sender) as node:
            await node.wait_until_up()
            with suppress(LinkDownError):
                while confirmed < _MOST:
                    await node.link.publish(
                        recipient=owner.account,
                        traffic=TrafficClass.MESSAGE,
                        transport_id=f"{confirmed:032x}",
                        envelope=_ENVELOPE,
                        timeout=10,  # a broker whose disk is full says nothing at all
                    )
                    confirmed += 1
            assert 0 < confirmed < _MOST
            limit_files(server.process_id, resource.RLIM_INFINITY)
            await watch.look()
            found = await watch.check()
            assert not found.is_ok
            assert "Make room, then restart it" in found.detail

            never = DiskWatch(hub.registrar, servers=1, own=server, enough=2**62)
            await never.look()  # still too little room: it is left running
            assert server.process_id is not None
            assert "restarts it by itself" in (await never.check()).detail
            await DiskWatch(hub.registrar, servers=1, own=server).look()  # asks it to end
            await hub.registrar.wait_until_down()
            server.stop()  # it has ended, or is about to
            await watch.look()
            assert not (await watch.check()).is_ok  # nobody says that it can write again
            server.start()
            await hub.registrar.wait_until_up()
            await watch.look()
            assert (await watch.check()).is_ok
            await node.put(owner, b"after")
        async with LinkedNode(own_place, owner) as node:
            taken = await node.take(confirmed + 1)
    assert [each.envelope for each in taken] == [*[_ENVELOPE] * confirmed, b"after"]
