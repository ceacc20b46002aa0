"""Real nodes on a real broker, and a ledger of what they accepted, kept outside of both."""

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from sqlmodel import select

from contact_registry.directory import Directory
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.jetstream import BrokerLink
from node.adapters.keystore import FileKeyStore
from node.service.composing import handle_send
from node.service.context import DeliveryRules, NodeContext
from node.store.tables import MessageRow, OutboxRow
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass
from tests.support.broker import Running, read_clock
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    make_context,
    make_directory,
    make_draft,
    make_keystore,
)
from tests.support.people import acting

#: What was handed over is not sent again while a test runs: what arrives, the broker kept.
#: What the broker did not take is tried again soon, so that no test waits for a long pause.
NEVER_AGAIN = DeliveryRules(
    resend_pauses=(timedelta(days=1),),
    retry_pauses=(timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)),
)


class RealClock(FakeClock):
    """A clock that goes."""

    def __call__(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)


@dataclass(slots=True)
class LedgerNode:
    """One Participant's node: store, keys and workers, all real; it runs while it is entered."""

    store: FileKeyStore
    context: NodeContext
    link: BrokerLink
    _running: Running | None = None

    @property
    def account(self) -> AccountId:
        """Its account at the broker."""
        return AccountId(self.store.account_key.public)

    async def __aenter__(self) -> Self:
        """Connect, and let the workers work."""
        relay = Relay(self.context, self.link)
        consumers = [
            Consumer(self.context, self.link, traffic=traffic, refresh_registry=_no_newer_registry)
            for traffic in (TrafficClass.MESSAGE, TrafficClass.RECEIPT)
        ]
        rounds = [relay.run_round, *(consumer.run_round for consumer in consumers)]
        self._running = Running(self.link.run, *(partial(_repeat, each) for each in rounds))
        await self._running.__aenter__()
        return self

    async def __aexit__(self, *_ending: object) -> None:
        """Stop; failures show."""
        if self._running is not None:
            await self._running.__aexit__(None, None, None)

    def list_messages(self, direction: str) -> list[MessageRow]:
        """Return what its store holds, received or sent."""
        with self.context.database.reading() as session:
            return list(
                session.exec(select(MessageRow).where(MessageRow.direction == direction)).all()
            )


async def _repeat(work: Callable[[], Awaitable[None]]) -> None:
    """Do one round after the other."""
    while True:
        await work()


async def _no_newer_registry() -> None:
    """Know nothing newer."""


@dataclass(slots=True)
class Ledger:
    """What every node's service accepted, by recipient; and whether it came, once."""

    nodes: dict[str, LedgerNode]
    directory: Directory
    accepted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _turn: int = 0

    async def send(self, sender: str, recipient: str) -> None:
        """Let a node accept a message: from now on it must arrive."""
        context = self.nodes[sender].context
        sent = await asyncio.to_thread(
            handle_send, context, make_draft(recipient=recipient), who=acting("u1")
        )
        self.accepted[recipient].append(sent.message_id)

    async def send_along(self, routes: Sequence[tuple[str, str]], stop: asyncio.Event) -> None:
        """Send along these routes in turn until told to stop."""
        while not stop.is_set():
            await self.send(*routes[self._turn % len(routes)])
            self._turn += 1
            await asyncio.sleep(0.08)  # the load: some ten messages a second

    @asynccontextmanager
    async def under_load(self, *routes: tuple[str, str]) -> AsyncIterator[None]:
        """Keep sending for the time of a block."""
        stop = asyncio.Event()
        sending = asyncio.create_task(self.send_along(routes, stop))
        try:
            yield
        finally:
            stop.set()
            await sending

    def count_accepted(self) -> int:
        """Return how many messages were accepted so far."""
        return sum(map(len, self.accepted.values()))

    def count_receipted(self, sender: str) -> int:
        """Return of how many messages the sender has the recipient's signed receipt."""
        sent = self.nodes[sender].list_messages("out")
        return sum(row.dispatch in {"delivered", "read"} for row in sent)

    async def see_progress(self, sender: str, count: int) -> None:
        """Return when so many more of a sender's messages have their receipt; two minutes."""
        wanted = await asyncio.to_thread(self.count_receipted, sender) + count
        async with asyncio.timeout(120):
            while await asyncio.to_thread(self.count_receipted, sender) < wanted:  # noqa: ASYNC110 - another task's commits have no event
                await asyncio.sleep(0.1)

    async def see_problem(self, sender: str) -> str:
        """Return what a sender's outbox says of a message that the broker did not take."""
        async with asyncio.timeout(120):
            while True:
                with self.nodes[sender].context.database.reading() as session:
                    for row in session.exec(select(OutboxRow)).all():
                        if row.last_error and "too few of the broker's servers" in row.last_error:
                            return row.last_error
                await asyncio.sleep(0.1)  # as above

    async def settle(self, *recipients: str) -> None:
        """Return when every message to these nodes is receipted at its sender; two minutes."""
        wanted = {one for code in recipients for one in self.accepted[code]}
        async with asyncio.timeout(120):
            while True:
                done = {
                    row.message_id
                    for node in self.nodes.values()
                    for row in await asyncio.to_thread(node.list_messages, "out")
                    if row.dispatch in {"delivered", "read"}
                }
                if wanted <= done:
                    return
                await asyncio.sleep(0.1)  # another task's commits have no event

    def find_faults(self, *recipients: str) -> list[str]:
        """Return what is not as it must be: every accepted message there, exactly once."""
        faults: list[str] = []
        for code in recipients:
            came = Counter(row.wire_id for row in self.nodes[code].list_messages("in"))
            wanted = Counter(self.accepted[code])
            faults += [f"{code} lacks {one}" for one in wanted - came]
            faults += [f"{code} has {one} twice" for one in came - wanted]
        return faults


@asynccontextmanager
async def ledger_of(
    codes: Sequence[str],
    *,
    folder: Path,
    servers: Sequence[str],
    tls: ssl.SSLContext,
    rules: DeliveryRules = NEVER_AGAIN,
) -> AsyncIterator[Ledger]:
    """Prepare nodes that know each other; none runs until it is entered."""
    now = read_clock().replace(microsecond=0)
    stores = {code: make_keystore(code, at=now) for code in codes}
    directory = make_directory(stores.values(), at=now)
    nodes: dict[str, LedgerNode] = {}
    async with AsyncExitStack() as stack:
        for code, store in stores.items():
            context = make_context(
                store,
                FixedDirectory(directory),
                database_url=f"sqlite:///{folder / f'{code}.db'}",
                clock=RealClock(),
                rules=rules,
            )
            stack.callback(context.database.close)
            identity = NodeBrokerIdentity(
                AccountId(store.account_key.public),
                store.account_signing_key,
                Nkey.generate(NkeyKind.USER),
            )
            link = BrokerLink(servers=servers, tls=tls, identity=identity, clock=read_clock)
            nodes[code] = LedgerNode(store, context, link)
        yield Ledger(nodes, directory)
