"""A real node on a large store: hub, broker, and ``trm-node run``, which has nothing to do then."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from typing_extensions import override

from deploy.demo.processes import ServiceProcess
from deploy.demo.world import DemoWorld
from node.parts import NodeParts, build_parts
from protocol.identifiers import ParticipantCode
from tests.support.postgres import PostgresCluster, running_cluster

_CODE: Final = ParticipantCode("AL")
_READY_SECONDS: Final = 300.0
#: How long the node is left alone before its memory is read, and how often it is read then.
_ALONE_SECONDS, _READINGS = 20.0, 5
_SERVER: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "256MB",
}


class _World(DemoWorld):
    """The network of the demo, with the stores in PostgreSQL if there is a server."""

    def __init__(self, folder: Path, server: PostgresCluster | None) -> None:
        self._server = server
        super().__init__(folder)

    @override
    def choose_settings(self, code: ParticipantCode) -> dict[str, str]:
        chosen = super().choose_settings(code)
        if self._server is not None:
            chosen["database_url"] = make_database(self._server, f"node_{code.lower()}")
        return chosen


def make_database(server: PostgresCluster, name: str) -> str:
    """Make an empty database; its SQLAlchemy URL."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.url(name)


@dataclass(frozen=True, slots=True)
class RealNode:
    """A node that does not run now, with its parts open in this process."""

    parts: NodeParts
    process: ServiceProcess
    #: Gives the address of another empty store on the same kind of database.
    make_url: Callable[[str], str]

    def read_idle_memory(self) -> float:
        """Run the node, leave it alone, and return its resident memory in MB (proc(5))."""
        self.process.start()
        self.process.wait_until("/readyz", seconds=_READY_SECONDS)
        found = []
        for _ in range(_READINGS):
            time.sleep(_ALONE_SECONDS / _READINGS)
            found.append(_read_resident(self.process))
        self.process.ask_to_stop()
        self.process.wait_stopped()
        return max(found)


def _read_resident(process: ServiceProcess) -> float:
    status = Path(f"/proc/{process.process_id}/status").read_text("ascii")
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    if resident is None:
        raise RuntimeError("The node ended while it was measured: look at its log.")
    return int(resident[1]) * 1024 / 1e6


@contextmanager
def open_node(folder: Path, *, database: str) -> Iterator[RealNode]:
    """Set a network up, stop its node again, and open its store here."""
    with ExitStack() as stack:
        server = None
        if database == "postgresql":
            server = stack.enter_context(running_cluster(_SERVER))
        world = stack.enter_context(_World(folder / "world", server))
        world.start([_CODE])
        node = world.nodes[_CODE]
        node.process.ask_to_stop()
        node.process.wait_stopped()
        parts = build_parts(node.settings)
        stack.callback(parts.close)

        def make_url(name: str) -> str:
            if server is None:
                return f"sqlite:///{folder / f'{name}.db'}"
            return make_database(server, name)

        yield RealNode(parts, node.process, make_url)
