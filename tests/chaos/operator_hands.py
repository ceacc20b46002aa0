"""What an operator with the broker's keys can do to mailboxes, by mistake or in an emergency."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from deploy.demo.world import utc_now
from hub.broker.accounts import HUB_INBOX
from hub.broker.connection import AdminIdentity, BrokerConnection, BrokerUnavailableError
from hub.broker.operator import load_operator_material
from protocol.broker_credentials import Permissions
from protocol.subjects import AccountId, TrafficClass, mailbox_stream

if TYPE_CHECKING:
    from tests.chaos.arena import Arena

_UP_SECONDS = 20.0
#: More than the hub's own users have: who holds the keys can make such a user.
_EVERYTHING = Permissions(publish=("$JS.API.>",), subscribe=(f"{HUB_INBOX}.>",))


class OperatorHands:
    """Connects for one act at a time, past the proxies. Blocking."""

    def __init__(self, arena: "Arena") -> None:
        self._arena = arena

    def wipe(self, code: str, classes: Collection[TrafficClass]) -> dict[str, int]:
        """Delete a Participant's mailboxes of these classes and make them again as they were.

        Returns how many envelopes were in each, by class. Raises ``BrokerUnavailableError``.
        """
        return asyncio.run(self._wipe(code, classes))

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[BrokerConnection]:
        material = load_operator_material(self._arena.folder / "hub" / "operator")
        tls = ssl.create_default_context(cafile=str(self._arena.certificate_authority))
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        connection = BrokerConnection(
            servers=[self._arena.broker.url],
            tls=tls,
            identity=AdminIdentity("hands", material.hub_account, _EVERYTHING),
            clock=utc_now,
        )
        running = asyncio.create_task(connection.run())
        try:
            async with asyncio.timeout(_UP_SECONDS):
                await connection.wait_until_up()
            yield connection
        except TimeoutError as error:
            raise BrokerUnavailableError("The broker did not answer the operator.") from error
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _wipe(self, code: str, classes: Collection[TrafficClass]) -> dict[str, int]:
        account = AccountId(self._arena.nodes[code].keystore.account_key.public)
        gone: dict[str, int] = {}
        async with self._connect() as connection:
            for traffic in classes:
                name = mailbox_stream(account, traffic)
                stream = await _ask(connection, f"STREAM.INFO.{name}")
                consumers = await _ask(connection, f"CONSUMER.LIST.{name}")
                gone[traffic.value] = int(stream["state"]["messages"])
                await _ask(connection, f"STREAM.DELETE.{name}")
                await _ask(connection, f"STREAM.CREATE.{name}", stream["config"])
                for consumer in consumers.get("consumers") or []:
                    await _ask(
                        connection,
                        f"CONSUMER.DURABLE.CREATE.{name}.{consumer['name']}",
                        {"stream_name": name, "config": consumer["config"]},
                    )
        return gone


async def _ask(
    connection: BrokerConnection, question: str, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    answer = await connection.request_json(
        f"$JS.API.{question}", json.dumps(details or {}).encode()
    )
    if "error" in answer:
        raise BrokerUnavailableError(f"{question}: {answer['error'].get('description')}")
    return answer
