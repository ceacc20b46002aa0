"""Connections to the broker with any token that an account's signing key can issue."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from nats.aio.client import Client

from console.process.tls_transport import TlsClient
from protocol.broker_credentials import Permissions, UserClaims, issue_user_token
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from tests.support.broker import BrokerPlace, TestParticipant, read_clock


def operators_hand(place: BrokerPlace) -> TestParticipant:
    """Who holds the key of the hub's own account may do anything in it."""
    key = place.material.hub_account
    return TestParticipant(ParticipantCode("HUB"), account_key=key, signing_key=key)


@asynccontextmanager
async def connect_with(
    place: BrokerPlace, participant: TestParticipant, permissions: Permissions
) -> AsyncIterator[Client]:
    """Connect as a Participant that gives itself these permissions."""
    user = Nkey.generate(NkeyKind.USER)
    token = issue_user_token(
        participant.signing_key,
        user=user.public,
        claims=UserClaims(name="intruder", permissions=permissions, account=participant.account),
        issued_at=read_clock(),
        expires_at=read_clock() + timedelta(hours=1),
    )
    client = TlsClient()
    await client.connect(
        [place.server.url],
        tls=place.tls(),
        tls_handshake_first=True,
        allow_reconnect=False,
        user_jwt_cb=lambda: bytearray(token.encode()),
        signature_cb=lambda nonce: base64.b64encode(user.sign(nonce.encode())),
    )
    try:
        yield client
    finally:
        await client.close()


async def settle(client: Client) -> None:
    """Return when the broker has handled all that was sent, and its complaints have come.

    Twice, because the question of nats-py overtakes what is still in its own buffer.
    """
    await client.flush()
    await client.flush()
