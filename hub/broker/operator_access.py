"""Connecting to the broker in the operators' name, for a command and as long as it runs."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from console.process.tls_transport import Credentials, TlsClient
from hub.broker.accounts import HUB_INBOX
from hub.broker.connection import AdminIdentity, Clock
from hub.broker.operator import OperatorMaterial
from hub.broker.saved_mailboxes import MovingError
from protocol.broker_credentials import UserClaims, issue_user_token
from protocol.nkeys import Nkey, NkeyKind

#: The longest move: a terabyte, at some 50 MB a second.
_TOKEN_LIFETIME: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """How to reach a broker in the operators' name."""

    servers: Sequence[str]
    tls: ssl.SSLContext
    material: OperatorMaterial
    clock: Clock


@asynccontextmanager
async def connect_as(access: BrokerAccess, identity: AdminIdentity) -> AsyncIterator[TlsClient]:
    """Connect as one user for the time of a block; raises :class:`MovingError`."""
    user, now = Nkey.generate(NkeyKind.USER), access.clock()
    token = issue_user_token(
        identity.account,
        user=user.public,
        claims=UserClaims(name=identity.name, permissions=identity.permissions),
        issued_at=now,
        expires_at=now + _TOKEN_LIFETIME,
    )
    client = TlsClient()

    async def note_closed() -> None:
        """Take no notice: what waits for an answer hears of it."""

    try:
        await client.establish(
            access.servers,
            tls=access.tls,
            credentials=Credentials(token=token, sign=user.sign, inbox_prefix=HUB_INBOX),
            on_closed=note_closed,
        )
        yield client
    except ConnectionError as error:
        raise MovingError(f"{error}. Check the address, and that the servers run.") from error
    finally:
        await client.close()
