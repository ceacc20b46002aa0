"""A look at a real broker: its server, who is connected, its certificate, and what it reports."""

from pathlib import Path

from hub.broker.accounts import (
    MAILBOX_ADMIN_PERMISSIONS,
    MAILBOX_EVENTS,
    REGISTRAR_PERMISSIONS,
    SERVER_EVENTS,
)
from hub.broker.admission import Admission
from hub.broker.admission_rounds import AdmissionRounds
from hub.broker.connection import AdminIdentity, BrokerConnection, Listening
from hub.broker.mailboxes import Mailboxes
from hub.monitoring.readiness import CheckResult
from hub.network.advisories import EventKind, Heard
from hub.network.records import NetworkRecords
from hub.network.watching import NetworkWatch, Watched
from hub.settings import HubSettings
from protocol.identifiers import ParticipantCode
from tests.support.broker import (
    SMALL_MAILBOX,
    BrokerPlace,
    LinkedNode,
    Running,
    TestParticipant,
    make_directory,
    read_clock,
)
from tests.support.hub_console import open_hub_database

AA, BB = (TestParticipant(ParticipantCode(code)) for code in ("AA", "BB"))


def make_watch(place: BrokerPlace, folder: Path) -> NetworkWatch:
    """Put a watch together as the hub does, over a store of its own."""
    heard, access = Heard(), place.access()
    registrar, admin = (
        BrokerConnection(
            servers=access.servers,
            tls=access.tls,
            identity=identity,
            clock=read_clock,
            listening=Listening(subjects, heard.listen()),
        )
        for identity, subjects in (
            (
                AdminIdentity("registrar", place.material.system_account, REGISTRAR_PERMISSIONS),
                SERVER_EVENTS,
            ),
            (
                AdminIdentity("mailboxes", place.material.hub_account, MAILBOX_ADMIN_PERMISSIONS),
                MAILBOX_EVENTS,
            ),
        )
    )
    mailboxes = Mailboxes(admin, limits=SMALL_MAILBOX)
    admission = Admission(
        material=place.material, registrar=registrar, mailboxes=mailboxes, clock=read_clock
    )

    async def check_nothing() -> tuple[CheckResult, ...]:
        return ()

    return NetworkWatch(
        watched=Watched(
            settings=HubSettings(data_dir=folder),
            tls=access.tls,
            registrar=registrar,
            mailboxes=mailboxes,
            rounds=AdmissionRounds(admission, load_directory=lambda: make_directory([AA, BB])),
            own=place.server,
        ),
        records=NetworkRecords(open_hub_database(folder)),
        heard=heard,
        run_checks=check_nothing,
        clock=read_clock,
    )


async def test_a_look_sees_nodes_mailboxes_and_servers(
    own_place: BrokerPlace, tmp_path: Path
) -> None:
    """Who is connected is seen coming and going, what waits is counted, advisories are kept."""
    watch = make_watch(own_place, tmp_path)
    registrar, mailboxes = watch.watched.registrar, watch.watched.mailboxes
    async with Running(registrar.run, mailboxes._connection.run):
        await registrar.wait_until_up()
        await mailboxes._connection.wait_until_up()
        await watch.compare()
        async with LinkedNode(own_place, AA) as node:
            await node.wait_until_up()
            await node.put(BB, b"envelope")
            await watch.look()
            first = watch.last
        await watch.read_certificates()
        while watch.records.load_presences()[AA.code].is_connected:
            await watch.look()
        await watch.keep_events()
    assert first is not None
    assert first.connections == {"AA": 1, "BB": 0}
    assert [one.snapshot.stored if one.snapshot else None for one in first.mailboxes or ()] == [
        0,
        1,
    ]
    assert [server.name for server in first.servers or ()] == ["broker-1"]
    assert first.problem == ""
    assert first.free_bytes is not None
    last = watch.last
    assert last is not None
    (certificate,) = last.certificates
    assert certificate.ends_at is not None
    assert certificate.ends_at > read_clock()
    told = {(event.kind, event.participant) for event in watch.records.list_events(limit=50)}
    assert {(EventKind.MAILBOX_MADE, AA.code), (EventKind.MAILBOX_MADE, BB.code)} <= told
    assert {(EventKind.NODE_CAME, AA.code), (EventKind.NODE_WENT, AA.code)} <= told
    watch.records.database.close()


async def test_a_broker_that_is_away_is_told(own_place: BrokerPlace, tmp_path: Path) -> None:
    """Without a connection the look says so, and so does the certificate."""
    watch = make_watch(own_place, tmp_path)
    own_place.server.stop()
    await watch.look()
    await watch.read_certificates()
    assert watch.last is not None
    assert watch.last.problem
    assert watch.last.servers is None
    assert [one.ends_at for one in watch.last.certificates] == [None]
    assert watch.last.certificates[0].problem
    watch.records.database.close()
