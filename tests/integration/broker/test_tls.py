"""The connection to the broker cannot silently fall back to plaintext, whoever sits on the wire."""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trustme
from nats.aio.client import Client

from hub.broker import embedded
from hub.broker.accounts import REGISTRAR_PERMISSIONS
from hub.broker.config import BrokerConfig, render_server_config
from hub.broker.connection import AdminIdentity, BrokerConnection
from hub.broker.operator import OperatorMaterial
from node.adapters.jetstream import LinkStatus
from protocol.identifiers import ParticipantCode
from tests.support.broker import (
    BrokerPlace,
    LinkedNode,
    Running,
    TestParticipant,
    eventually,
    read_clock,
    running_broker,
    write_certificates,
)
from tests.support.wire import Wire, tapped_wire

#: What a client says in clear when it gives itself away: the command, or the start of any token.
GIVEAWAYS = (b"CONNECT", b"eyJ", b"jwt", b"sig")


def render_without_tls(
    config: BrokerConfig, material: OperatorMaterial, *, issued_at: datetime
) -> str:
    """Configure the same broker, whose operators forgot TLS."""
    text = render_server_config(config, material, issued_at=issued_at)
    stripped, found = re.subn(r"^tls \{.*?^\}\n", "", text, flags=re.DOTALL | re.MULTILINE)
    assert found == 1
    return stripped


@pytest.fixture
def plaintext_place(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokerPlace]:
    """Run a broker of the same configuration without its TLS block."""
    monkeypatch.setattr(embedded, "render_server_config", render_without_tls)
    with running_broker(tmp_path_factory.mktemp("plain")) as running:
        yield running


def registrar(place: BrokerPlace, url: str, tls: ssl.SSLContext | None = None) -> BrokerConnection:
    """Make one of the hub's connections."""
    return BrokerConnection(
        servers=[url],
        tls=tls or place.tls(),
        identity=AdminIdentity("registrar", place.material.system_account, REGISTRAR_PERMISSIONS),
        clock=read_clock,
    )


async def test_the_naive_client_gives_its_credentials_away(
    plaintext_place: BrokerPlace,
) -> None:
    """The same library, asked for TLS in the usual way, sends its token in clear: the tap sees it.

    This is the control: the other tests of this file would notice.
    """
    identity = TestParticipant(ParticipantCode("AA")).identity
    token = identity.issue_token(issued_at=read_clock(), lifetime=timedelta(hours=1))

    async def swallow(_error: Exception) -> None:
        """Take no notice."""

    async with tapped_wire(plaintext_place.server.url) as wire:
        client = Client()
        with pytest.raises(Exception, match="Authorization Violation"):
            await client.connect(
                wire.url,
                tls=plaintext_place.tls(),
                allow_reconnect=False,
                user_jwt_cb=lambda: bytearray(token.encode()),
                signature_cb=lambda nonce: base64.b64encode(identity.user_key.sign(nonce.encode())),
                error_cb=swallow,
            )
        await client.close()
        assert token.encode() in wire.from_client


async def test_a_node_tells_a_plaintext_broker_nothing(plaintext_place: BrokerPlace) -> None:
    """The node's link stays down, and not one byte of its credentials goes over the wire."""
    member = TestParticipant(ParticipantCode("AA"))
    async with tapped_wire(plaintext_place.server.url) as wire:
        async with LinkedNode(plaintext_place, member, servers=[wire.url]) as node:
            await node.wait_for(lambda link: link.state.last_error is not None)
            await eventually(lambda: wire.connections > 1)  # it keeps trying, and keeps silent

            assert node.link.state.status is not LinkStatus.UP
            assert "ssl" in str(node.link.state.last_error).lower()
        assert_nothing_in_clear(wire)


async def test_the_hub_tells_a_plaintext_broker_nothing(plaintext_place: BrokerPlace) -> None:
    """The hub's connections stay down as well, and say why."""
    async with tapped_wire(plaintext_place.server.url) as wire:
        connection = registrar(plaintext_place, wire.url)
        async with Running(connection.run):
            await eventually(lambda: connection.state.last_error is not None)

            assert not connection.state.is_up
            assert "ssl" in str(connection.state.last_error).lower()
        assert_nothing_in_clear(wire)


def assert_nothing_in_clear(wire: Wire) -> None:
    """Show that there was a conversation, and that it began with TLS and went no further."""
    assert wire.from_server.startswith(b"INFO ")
    assert wire.from_client.startswith(b"\x16\x03")  # a TLS handshake record
    for giveaway in GIVEAWAYS:
        assert giveaway not in wire.from_client


async def test_over_tls_the_tap_sees_neither_side(place: BrokerPlace) -> None:
    """With a proper broker the connection stands, and what passes by is TLS from the first byte."""
    async with tapped_wire(place.server.url) as wire:
        connection = registrar(place, wire.url)
        async with Running(connection.run):
            async with asyncio.timeout(60):
                await connection.wait_until_up()
            await connection.request("$SYS.REQ.CLAIMS.LIST")

        assert wire.from_client.startswith(b"\x16\x03")
        assert wire.from_server.startswith(b"\x16\x03")
        for said in (*GIVEAWAYS, b"INFO ", b"CLAIMS", b"PING"):
            assert said not in wire.from_client
            assert said not in wire.from_server


async def test_a_stranger_with_a_certificate_of_its_own_is_refused(
    place: BrokerPlace, tmp_path: Path
) -> None:
    """A broker whose certificate another authority signed gets no credentials."""
    authority, _, _ = write_certificates(tmp_path)
    stranger = ssl.create_default_context(cafile=str(authority))
    member = TestParticipant(ParticipantCode("AA"))
    async with LinkedNode(place, member, tls=stranger) as node:
        await node.wait_for(lambda link: link.state.last_error is not None)
        assert "certificate" in str(node.link.state.last_error).lower()
    connection = registrar(place, place.server.url, stranger)
    async with Running(connection.run):
        await eventually(lambda: connection.state.last_error is not None)
        assert "certificate" in str(connection.state.last_error).lower()


@asynccontextmanager
async def old_tls_server() -> AsyncIterator[tuple[str, ssl.SSLContext, bytearray]]:
    """Serve TLS 1.2 with a good certificate; yields its address, who trusts it, what it heard."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    trusting.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(trusting)
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"auth_required":true,"nonce":"n","headers":true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}", trusting, heard
    finally:
        server.close()
        await server.wait_closed()


async def test_tls_older_than_1_3_is_refused_even_if_the_settings_would_allow_it(
    place: BrokerPlace,
) -> None:
    """The transport itself insists on TLS 1.3 before anything is said."""
    member = TestParticipant(ParticipantCode("AA"))
    async with old_tls_server() as (url, trusting, heard):
        async with LinkedNode(place, member, servers=[url], tls=trusting) as node:
            await node.wait_for(lambda link: link.state.last_error is not None)
            assert "TLS 1.3" in str(node.link.state.last_error)
        connection = registrar(place, url, trusting)
        async with Running(connection.run):
            await eventually(lambda: connection.state.last_error is not None)
            assert "TLS 1.3" in str(connection.state.last_error)
        assert heard == b""


@pytest.mark.parametrize("address", ["nats://127.0.0.1:4222", "127.0.0.1:4222", "ws://x", ""])
def test_an_address_that_does_not_say_tls_is_refused(place: BrokerPlace, address: str) -> None:
    """Neither side can be set up without TLS by a slip in its settings."""
    with pytest.raises(ValueError, match="tls://"):
        registrar(place, address)
    with pytest.raises(ValueError, match="tls://"):
        LinkedNode(place, TestParticipant(ParticipantCode("AA")), servers=[address])
