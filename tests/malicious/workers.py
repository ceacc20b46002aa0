"""Two real nodes with their relays, consumers and links, for brokers that are not to be trusted."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlmodel import select

from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.jetstream import BrokerLink
from node.adapters.keystore import FileKeyStore
from node.service import reading
from node.service.composing import handle_send
from node.store.tables import OutboxRow, QuarantineRow
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.subjects import AccountId, TrafficClass
from tests.support import link_repair
from tests.support.broker import eventually, read_clock
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

CODES: Final = ("AL", "XK")


@dataclass
class Workers:
    """AL and XK, whose relays and consumers work over a real connection."""

    network: Network
    links: dict[str, BrokerLink] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)

    def connect(self, code: str, *, servers: Sequence[str], tls: ssl.SSLContext) -> BrokerLink:
        """Make a node's link and its relay; the link is to be run."""
        keys = self.network.node(code).keys
        assert isinstance(keys, FileKeyStore)
        link = self.links[code] = BrokerLink(
            servers=servers,
            tls=tls,
            identity=NodeBrokerIdentity(
                account=AccountId(keys.account_key.public),
                account_signing_key=keys.account_signing_key,
                user_key=keys.user_key,
            ),
            clock=read_clock,
        )
        self.relays[code] = Relay(self.network.node(code), link)
        return link

    async def wait_until_up(self) -> None:
        """Return when all links stand."""
        await eventually(lambda: all(link.is_up for link in self.links.values()))

    def write(self, *, count: int = 1) -> list[str]:
        """Let people at AL write to XK; nothing is handed over yet."""
        sent = [
            handle_send(self.network.node("AL"), make_draft(), who=acting("u1"))
            for _ in range(count)
        ]
        return link_repair.names(sent)

    async def hand_over(self, code: str = "AL") -> None:
        """Let a node's relay do one round; something must be due."""
        await self.relays[code].run_round()

    async def take_in(self, code: str, traffic: TrafficClass = TrafficClass.MESSAGE) -> None:
        """Let a node's consumer do one round; something must lie in its mailbox."""
        consumer = Consumer(
            self.network.node(code), self.links[code], traffic=traffic, refresh_registry=_look
        )
        await consumer.run_round()

    async def finish(self) -> None:
        """Let what is due arrive, and its receipt come back."""
        await self.hand_over("AL")
        await self.take_in("XK")
        await self.hand_over("XK")
        await self.take_in("AL", TrafficClass.RECEIPT)

    def shown(self) -> list[str]:
        """Return what XK shows."""
        return link_repair.received(self.network, "XK")

    def state(self, message_id: str) -> str | None:
        """Return what AL sees of its message."""
        return reading.get_message(self.network.node("AL"), message_id, who=STAFF).item.dispatch

    def waiting(self) -> OutboxRow:
        """Return the one message that AL's outbox owes."""
        with self.network.node("AL").database.reading() as session:
            return session.exec(select(OutboxRow)).one()

    def pass_time(self, **span: float) -> None:
        """Let time pass for the nodes."""
        self.network.clock.advance(**span)

    def quarantine(self) -> list[str]:
        """Return why XK put envelopes aside."""
        with self.network.node("XK").database.reading() as session:
            return [row.reason for row in session.exec(select(QuarantineRow)).all()]


async def _look() -> None:
    """Look at the registry: there is nothing newer."""
