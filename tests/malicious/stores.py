"""Two nodes over a real nats-server, whose administrator holds the key of the hub's own account."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from protocol.broker_credentials import Permissions
from protocol.subjects import (
    AccountId,
    TrafficClass,
    mailbox_consumer,
    mailbox_pattern,
    mailbox_stream,
    mailbox_subject,
)
from tests.malicious.workers import CODES, Workers
from tests.support.broker import PATIENCE, BrokerPlace, Hub, Running, connected_hub
from tests.support.intrusion import connect_with, operators_hand
from tests.support.node import Network, make_network

_EVERYTHING = Permissions(publish=(">",), subscribe=(">",))
_MESSAGE = TrafficClass.MESSAGE


@dataclass
class Stored:
    """An envelope as it lies in a mailbox."""

    subject: str
    envelope: bytes


@dataclass(kw_only=True)
class Stores(Workers):
    """The nodes, the honest hands of the hub, and the administrator's."""

    place: BrokerPlace
    hub: Hub
    admin: Client

    def account(self, code: str) -> AccountId:
        """Return a Participant's account."""
        return AccountId(self.links[code]._identity.account)

    async def ask(self, question: str, **details: Any) -> dict[str, Any]:
        """Order something of the broker as nobody else can; it must be done."""
        answer = await self.admin.request(
            f"$JS.API.{question}", json.dumps(details).encode(), timeout=PATIENCE
        )
        told: dict[str, Any] = json.loads(answer.data)
        assert "error" not in told, told
        return told

    async def wipe(self, code: str) -> None:
        """Delete a mailbox with all that waits in it, and make it anew."""
        await self.ask(f"STREAM.DELETE.{mailbox_stream(self.account(code), _MESSAGE)}")
        await self.hub.mailboxes.ensure(self.account(code))

    async def remove(self, code: str) -> None:
        """Delete a mailbox."""
        await self.ask(f"STREAM.DELETE.{mailbox_stream(self.account(code), _MESSAGE)}")

    async def read(self, code: str) -> list[Stored]:
        """Read what waits in a mailbox, without taking it out."""
        stream = mailbox_stream(self.account(code), _MESSAGE)
        state = (await self.ask(f"STREAM.INFO.{stream}"))["state"]
        found = []
        for number in range(state["first_seq"], state["last_seq"] + 1):
            message = (await self.ask(f"STREAM.MSG.GET.{stream}", seq=number))["message"]
            found.append(Stored(message["subject"], base64.b64decode(message["data"])))
        return found

    async def put(self, envelope: bytes, *, to: str, sender: str) -> None:
        """Put an envelope into a mailbox under anybody's name."""
        subject = mailbox_subject(
            recipient=self.account(to), sender=self.account(sender), traffic=_MESSAGE
        )
        answer = json.loads((await self.admin.request(subject, envelope, timeout=PATIENCE)).data)
        assert "seq" in answer, answer

    async def change_consumer(self, code: str, **changes: Any) -> None:
        """Change how a mailbox is handed out."""
        stream = mailbox_stream(self.account(code), _MESSAGE)
        consumer = mailbox_consumer(self.account(code))
        config = (await self.ask(f"CONSUMER.INFO.{stream}.{consumer}"))["config"]
        await self.ask(
            f"CONSUMER.DURABLE.CREATE.{stream}.{consumer}",
            stream_name=stream,
            config=config | changes,
        )

    async def confirm_everything(self, code: str) -> None:
        """Answer whatever is put into a mailbox as stored, and store nothing."""

        async def confirm(message: Msg) -> None:
            await self.admin.publish(
                message.reply, json.dumps({"stream": self.account(code), "seq": 7}).encode()
            )

        await self.admin.subscribe(mailbox_pattern(recipient=self.account(code)), cb=confirm)
        await self.admin.flush()


@asynccontextmanager
async def open_stores(place: BrokerPlace, url_of: Callable[[str], str]) -> AsyncIterator[Stores]:
    """Admit two fresh nodes, and nobody else."""
    network: Network = make_network(CODES, url_of=url_of)
    async with AsyncExitStack() as stack:
        stack.callback(network.close)
        hub = await stack.enter_async_context(connected_hub(place))
        report = await hub.admission.reconcile(network.directory.directory)
        assert report.is_complete
        admin = await stack.enter_async_context(
            connect_with(place, operators_hand(place), _EVERYTHING)
        )
        stores = Stores(network, place=place, hub=hub, admin=admin)
        for code in CODES:
            link = stores.connect(code, servers=[place.server.url], tls=place.tls())
            await stack.enter_async_context(Running(link.run))
        await stores.wait_until_up()
        yield stores
