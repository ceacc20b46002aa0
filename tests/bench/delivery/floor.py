"""The floor: bare JetStream both ways through nats-py, without cryptography and database.

Two programs and a nats-server of their own, as a node-to-node path has them: publish, fetch, a
small receipt published back, fetched, acknowledged. Every publish is on the disk before it is
confirmed (``sync_interval: always``), as in the product; the connections are plain TCP.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nats
from nats.aio.client import Client
from nats.errors import NoServersError
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from deploy.demo.processes import find_free_port
from hub.broker.embedded import find_server_binary
from tests.bench.delivery.meters import Measured, read_cpu

_TRIES: Final = 500
_TRY_SECONDS: Final = 0.02
_ACK_PENDING: Final = 10_000


@dataclass(frozen=True, slots=True)
class Floor:
    """A server and both ends, ready to be measured."""

    server: "subprocess.Popen[str]"
    recipient: "subprocess.Popen[str]"
    sender: "subprocess.Popen[str]"

    def measure(self, size: int, *, count: int, in_flight: int) -> Measured:
        """Send ``count`` messages of ``size`` bytes, ``in_flight`` at a time."""
        others = {"broker": self.server.pid, "recipient": self.recipient.pid}
        before = {name: read_cpu(pid) for name, pid in others.items()}
        asked = {"size": size, "count": count, "in_flight": in_flight}
        if self.sender.stdin is None or self.sender.stdout is None:
            raise RuntimeError("The floor's sender was started without pipes.")
        self.sender.stdin.write(json.dumps(asked) + "\n")
        self.sender.stdin.flush()
        line = self.sender.stdout.readline()
        if not line:
            raise RuntimeError("The floor's sender ended: a receipt did not come for two minutes.")
        answer: dict[str, Any] = json.loads(line)
        cpu = {name: read_cpu(pid) - before[name] for name, pid in others.items()}
        return Measured(
            latencies=answer["latencies"],
            seconds=answer["seconds"],
            cpu={"sender": answer["cpu"], **cpu},
        )


@contextmanager
def open_floor(folder: Path) -> Iterator[Floor]:
    """Start the floor with its files in ``folder``; all of it ends with the block."""
    with ExitStack() as running:
        server, url = start_server(running, folder)
        peers = [
            start_program(
                running, [sys.executable, "-m", "tests.bench.delivery.floor_peer", role, url]
            )
            for role in ("recipient", "sender")
        ]
        yield Floor(server, *peers)


def start_server(running: ExitStack, folder: Path) -> "tuple[subprocess.Popen[str], str]":
    """Start a bare server with one stream for each way; returns it and its address."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"nats://127.0.0.1:{find_free_port()}"
    file = folder / "floor.conf"
    file.write_text(
        f'listen: "{url.removeprefix("nats://")}"\n'
        f'jetstream {{ store_dir: "{folder / "store"}", sync_interval: always }}\n'
    )
    server = start_program(running, [str(find_server_binary()), "-c", str(file)])
    asyncio.run(_make_streams(url))
    return server, url


def start_program(running: ExitStack, command: list[str]) -> "subprocess.Popen[str]":
    """Start one of our programs, with pipes for lines of text; it ends with ``running``."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    running.enter_context(process)
    running.callback(process.kill)
    return process


async def _connect(url: str) -> Client:
    """Connect as soon as the server is there."""
    for _ in range(_TRIES):
        try:
            return await nats.connect(url, allow_reconnect=False, error_cb=_say_nothing)
        except (NoServersError, OSError):
            await asyncio.sleep(_TRY_SECONDS)
    raise TimeoutError("The floor's server did not start: run nats-server by hand and look.")


async def _make_streams(url: str) -> None:
    client = await _connect(url)
    stream = client.jetstream()
    for name in ("messages", "receipts"):
        await stream.add_stream(
            StreamConfig(
                name=name,
                subjects=[f"floor.{name}"],
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.FILE,
            )
        )
        await stream.add_consumer(
            name, ConsumerConfig(durable_name="node", max_ack_pending=_ACK_PENDING)
        )
    await client.close()


async def _say_nothing(_error: Exception) -> None:
    """Leave unsaid that the server is not there yet."""
