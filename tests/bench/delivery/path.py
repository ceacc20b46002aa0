"""Our path: from the accepted API call to the signed receipt in the sender's store.

A real hub, a real broker, and two real nodes (``trm-node run``), each a process of its own. The
client is this process: it posts to the sender's JSON interface over HTTP and looks into the
sender's database, so that a message counts as done when its receipt is committed there.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import uvloop
from psycopg import sql

from contact_registry.directory import Directory
from deploy.demo.world import DemoNode, DemoWorld
from node.parts import build_parts
from protocol.identifiers import ParticipantCode, Phase
from tests.bench.delivery.http_posts import Poster
from tests.bench.delivery.meters import Measured, read_cpu, read_tree_cpu
from tests.support.consent import ON_FILE
from tests.support.postgres import PostgresCluster, running_cluster

SENDER: Final = ParticipantCode("AL")
RECIPIENT: Final = ParticipantCode("XK")
#: What a payload says besides its text, in bytes.
_HEAD_BYTES: Final = 870
_TEXT: Final = "An invented case. "
_STALL_SECONDS: Final = 60.0
_GIVEN_AT: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
#: A server that keeps what it confirmed through a power cut, as a node's must.
_DURABLE: Final = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "60",
    "shared_buffers": "128MB",
}

FindReceipted = Callable[[int], list[tuple[int, str]]]
"""Receipts in the sender's store after a number: their numbers, and the messages they confirm."""

Lead = Callable[[ParticipantCode, str], str]
"""Says at which address a node finds the broker that has the given one: behind a line, say."""

_QUESTION: Final = (
    "SELECT evidence_id, message_id FROM evidence WHERE evidence_id > {} ORDER BY evidence_id"
)


class StalledError(Exception):
    """No receipt came for long: the nodes' logs say why."""


@dataclass
class _Receipts:
    """Looks into the sender's store, often enough for the latencies that are to be told apart."""

    find: FindReceipted
    pause: float
    newest: int = 0

    def __post_init__(self) -> None:
        """Leave aside what was receipted before."""
        self.waiting: dict[str, asyncio.Future[float]] = {}
        self.early: dict[str, float] = {}
        self.look()
        self.early.clear()

    def look(self) -> None:
        """Settle what is new."""
        for number, message_id in self.find(self.newest):
            self.newest = max(self.newest, number)
            waiting = self.waiting.pop(message_id, None)
            if waiting is None:
                self.early[message_id] = time.perf_counter()
            else:
                waiting.set_result(time.perf_counter())

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self.pause)

    async def wait(self, message_id: str) -> float:
        """Return the moment at which a message's receipt was seen."""
        if message_id in self.early:
            return self.early.pop(message_id)
        self.waiting[message_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_STALL_SECONDS):
                return await self.waiting[message_id]
        except TimeoutError as error:
            raise StalledError(f"No receipt came for {message_id}.") from error


@dataclass(frozen=True, slots=True)
class NodePath:
    """A running network of two nodes, ready to be measured."""

    world: DemoWorld
    find: FindReceipted
    desks: Mapping[ParticipantCode, str]
    #: The database server's process, if there is one.
    database: int | None
    source: ParticipantCode = SENDER
    recipient: ParticipantCode = RECIPIENT

    @property
    def sender(self) -> DemoNode:
        """The node that sends."""
        return self.world.nodes[self.source]

    def measure(self, size: int, *, count: int, in_flight: int) -> Measured:
        """Post ``count`` messages of ``size`` bytes, ``in_flight`` without receipt at a time."""
        return uvloop.run(self._exchange(size, count=count, in_flight=in_flight))

    async def _exchange(self, size: int, *, count: int, in_flight: int) -> Measured:
        receipts = _Receipts(self.find, pause=0.001 if in_flight == 1 else 0.003)
        left, latencies = iter(range(count)), list[float]()
        before, began = self._read_cpu(), 0.0

        async def converse(poster: Poster, case: str) -> None:
            body = json.dumps(self.make_draft(size, case=case)).encode()
            for _ in left:
                sent = await poster.post(body)
                accepted = time.perf_counter()
                latencies.append(await receipts.wait(sent["message_id"]) - accepted)

        watching = asyncio.create_task(receipts.watch())
        async with AsyncExitStack() as posters:
            first = json.dumps(self.make_draft(size)).encode()

            async def open_case() -> tuple[Poster, str]:
                poster = Poster(self.sender.url, self.sender.api_token)
                sent = await (await posters.enter_async_context(poster)).post(first)
                await receipts.wait(sent["message_id"])
                return poster, str(sent["case"])

            opened = await asyncio.gather(*(open_case() for _ in range(in_flight)))
            before, began = self._read_cpu(), time.perf_counter()
            await asyncio.gather(*(converse(*each) for each in opened))
            seconds = time.perf_counter() - began
        watching.cancel()
        return Measured(latencies, seconds, _subtract(self._read_cpu(), before))

    def _read_cpu(self) -> dict[str, float]:
        nodes = self.world.nodes
        pids = {
            "sender": nodes[SENDER].process.process_id,
            "recipient": nodes[RECIPIENT].process.process_id,
            "broker": self.world.broker.process_id,
        }
        found = {name: read_cpu(pid) for name, pid in pids.items() if pid is not None}
        found["client"] = time.process_time()
        if self.database is not None:
            found["database"] = read_tree_cpu(self.database)
        return found

    def make_draft(self, size: int, *, case: str | None = None) -> dict[str, Any]:
        """Return a message whose payload has about ``size`` bytes: free text in a case."""
        # The first message of a case brings the consent that the others stand on.
        on_file = {"consent": dict(ON_FILE)} if case is None else {}
        return on_file | {
            "type": "general.message",
            "recipient": self.recipient,
            "case": case,
            "from_authority": self.desks[self.source],
            "to_authority": self.desks[self.recipient],
            "legal_basis": {
                "kind": "consent",
                "given_by": "person",
                "given_at": _GIVEN_AT.isoformat().replace("+00:00", "Z"),
                "explained_in": "sq",
                "classes": ["protection"],
                "phases": ["identification"],
                "recipients": [self.recipient],
            },
            "body": {
                "text": ("An invented case. " * (size // 18 + 1))[: size - _HEAD_BYTES].strip()
            },
        }


def _subtract(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before.get(name, 0.0) for name in after}


class _World(DemoWorld):
    """The network of the demo, with its nodes' stores where they are to be measured."""

    def __init__(self, folder: Path, server: PostgresCluster | None, lead: Lead | None) -> None:
        self._server = server
        self._lead = lead
        super().__init__(folder)

    def choose_settings(self, code: ParticipantCode) -> dict[str, str]:
        """Put the store into a database of the node's own."""
        chosen = super().choose_settings(code)
        if self._lead is not None:
            chosen["broker_servers"] = self._lead(code, chosen["broker_servers"])
        if self._server is not None:
            name = f"node_{code.lower()}"
            with psycopg.connect(self._server.conninfo("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            chosen["database_url"] = self._server.url(name)
        return chosen


def _find_process(server: PostgresCluster) -> int:
    """Return the server's first process (postmaster.pid, PostgreSQL manual 19.3)."""
    with psycopg.connect(server.conninfo("postgres")) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    if row is None:
        raise StalledError("The database server does not say which process it is.")
    return int(row[0].split()[0])


@contextmanager
def open_path(folder: Path, *, database: str, lead: Lead | None = None) -> Iterator[NodePath]:
    """Start a network whose nodes keep their stores in ``sqlite`` or ``postgresql``."""
    with ExitStack() as running:
        server = None
        if database == "postgresql":
            server = running.enter_context(running_cluster(_DURABLE))
        world = running.enter_context(_World(folder / "world", server, lead))
        world.start([SENDER, RECIPIENT])
        settings = world.nodes[SENDER].settings
        find = running.enter_context(
            _look_into(settings.effective_database_url, settings.data_dir / "node.db")
        )
        parts = build_parts(settings)
        try:
            parts.directory.refresh()
            directory = parts.directory.current()
        finally:
            parts.close()
        desks = {code: _find_desk(directory, code) for code in (SENDER, RECIPIENT)}
        yield NodePath(world, find, desks, _find_process(server) if server else None)


def _find_desk(directory: Directory, code: ParticipantCode) -> str:
    return next(
        authority.id
        for authority in directory.contacts[code].authorities
        if any(competence.phase is Phase.IDENTIFICATION for competence in authority.competences)
    )


@contextmanager
def _look_into(url: str, file: Path) -> Iterator[FindReceipted]:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as lite:
            yield lambda after: lite.execute(_QUESTION.format("?"), (after,)).fetchall()
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            yield lambda after: connection.execute(_QUESTION.format("%s"), (after,)).fetchall()
