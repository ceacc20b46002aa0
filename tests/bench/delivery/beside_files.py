"""Does a large file hold an urgent message up? The same message alone, and beside a file.

::

    python -m tests.bench.delivery.beside_files [--quick] [--bytes 40960]

Real hub, broker and two nodes, each a process. An `immediate` message of 2 KiB, or of ``--bytes``
(over 32 KiB it is a large envelope), is sent again and again, one at a time: alone, beside a file
that goes the same way, and beside one that comes the other way. A latency begins with the request
and ends when the signed receipt is committed in the sender's store. Twice: over a line as quick as
the machine, and over one of ten megabits a second, which all connections of a node share fairly,
piece by piece. The last line is JSON.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import structlog
import uvloop

from protocol.identifiers import ParticipantCode
from tests.bench.delivery.http_posts import Poster
from tests.bench.delivery.path import (
    NodePath,
    StalledError,
    open_path,
)
from tests.bench.delivery.thin_line import ThinLine
from tests.bench.delivery.transfers import make_file, measure_transfer

#: Ten megabits a second, as bytes.
_THIN: Final = 1_250_000
_MESSAGE_BYTES: Final = 2_048
#: Of one text; in letters of two bytes, about 40 KB.
_MOST_CHARACTERS: Final = 20_000
_LOOK: Final = 0.001
_STALL_SECONDS: Final = 60.0
_QUESTION: Final = "SELECT 1 FROM evidence WHERE message_id = ?"
_NEWER: Final = "SELECT evidence_id, message_id FROM evidence WHERE evidence_id > ?"


@dataclass(frozen=True, slots=True)
class Beside:
    """Latencies of one situation, in milliseconds."""

    line: str
    situation: str
    count: int
    median_ms: float
    worst_ms: float

    @classmethod
    def of(cls, line: str, situation: str, seconds: Sequence[float]) -> "Beside":
        """Sum up what was measured."""
        milliseconds = [1000 * each for each in seconds]
        return cls(
            line,
            situation,
            len(seconds),
            round(median(milliseconds), 1),
            round(max(milliseconds), 1),
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How much of a line is measured."""

    line: str
    rate: int | None
    file_bytes: int
    #: Messages alone in a round.
    alone: int
    rounds: int


def _choose_plans(*, quick: bool) -> list[_Plan]:
    if quick:
        return [_Plan("machine", None, 30_000_000, 8, 1), _Plan("thin", _THIN, 8_000_000, 8, 1)]
    return [_Plan("machine", None, 100_000_000, 15, 3), _Plan("thin", _THIN, 30_000_000, 15, 1)]


class _Urgent:
    """Sends immediate messages from one node to the other, one at a time."""

    def __init__(self, path: NodePath, *, store: Path, message_bytes: int) -> None:
        self._path = path
        self._store = store
        self._bytes = message_bytes
        self._case: str | None = None

    def send(self, *, goes_on: Callable[[int], bool]) -> list[float]:
        """Send for as long as ``goes_on`` says of how many went; returns the latencies."""
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as store:
            return uvloop.run(self._send(store, goes_on))

    async def _send(self, store: sqlite3.Connection, goes_on: Callable[[int], bool]) -> list[float]:
        latencies = list[float]()
        node = self._path.sender
        async with Poster(node.url, node.api_token) as poster:
            while goes_on(len(latencies)):
                draft = self._path.make_draft(self._bytes, case=self._case)
                draft["body"]["text"] = _shorten(draft["body"]["text"])
                body = json.dumps(draft | {"urgency": "immediate"}).encode()
                began = time.perf_counter()
                sent = await poster.post(body)
                self._case = str(sent["case"])
                while not store.execute(_QUESTION, (sent["message_id"],)).fetchone():
                    if time.perf_counter() > began + _STALL_SECONDS:
                        raise StalledError(f"No receipt came for {sent['message_id']}.")
                    await asyncio.sleep(_LOOK)
                latencies.append(time.perf_counter() - began)
        return latencies


def _shorten(text: str) -> str:
    """Return as many bytes in half as many characters, if it has more than a text may have."""
    return text if len(text) <= _MOST_CHARACTERS else "ж" * (len(text) // 2)


def _measure_beside(urgent: _Urgent, carrier: NodePath, file: Path) -> list[float]:
    """Send messages for as long as a file is on its way."""
    has_arrived, sending = threading.Event(), list[Future[list[float]]]()
    with ThreadPoolExecutor(1) as beside:

        def begin() -> None:
            sending.append(beside.submit(urgent.send, goes_on=lambda _: not has_arrived.is_set()))

        try:
            measure_transfer(carrier, file, when_sent=begin)
        finally:
            has_arrived.set()
        return sending[0].result()[:-1]  # the last one may have been alone in part


def _measure_line(plan: _Plan, folder: Path, *, message_bytes: int) -> Iterator[Beside]:
    with _open(plan, folder) as (path, back):
        store = path.sender.settings.data_dir / "node.db"
        urgent = _Urgent(path, store=store, message_bytes=message_bytes)
        file = make_file(folder, size=plan.file_bytes)
        for warm in (path, back):
            measure_transfer(warm, make_file(folder, size=100_000))
        urgent.send(goes_on=lambda count: count < 5)
        found: dict[str, list[float]] = {"alone": [], "file the same way": [], "other way": []}
        for _ in range(plan.rounds):
            found["alone"] += urgent.send(goes_on=lambda count: count < plan.alone)
            found["file the same way"] += _measure_beside(urgent, path, file)
            found["alone"] += urgent.send(goes_on=lambda count: count < plan.alone)
            found["other way"] += _measure_beside(urgent, back, file)
        for situation, seconds in found.items():
            yield Beside.of(plan.line, situation, seconds)


@contextmanager
def _open(plan: _Plan, folder: Path) -> Iterator[tuple[NodePath, NodePath]]:
    """Start both nodes, each behind a line of its own; yields the path there and the path back."""
    with ExitStack() as running:

        def lead(_: ParticipantCode, server: str) -> str:
            if plan.rate is None:
                return server
            port = int(server.rpartition(":")[2])
            line = running.enter_context(ThinLine(port, rate=plan.rate))
            return f"{server.rpartition(':')[0]}:{line.port}"

        path = running.enter_context(open_path(folder, database="sqlite", lead=lead))
        store = path.world.nodes[path.recipient].settings.data_dir / "node.db"
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as back:
            yield (
                path,
                replace(
                    path,
                    find=lambda after: back.execute(_NEWER, (after,)).fetchall(),
                    source=path.recipient,
                    recipient=path.source,
                ),
            )


def measure(
    *,
    quick: bool,
    line: str | None = None,
    message_bytes: int = _MESSAGE_BYTES,
    show: Callable[[Beside], None],
) -> list[Beside]:
    """Measure both lines, or one; ``show`` gets each row as it is known."""
    rows = []
    plans = [plan for plan in _choose_plans(quick=quick) if line in {None, plan.line}]
    for plan in plans:
        with tempfile.TemporaryDirectory(prefix="trm-beside-") as folder:
            for row in _measure_line(plan, Path(folder), message_bytes=message_bytes):
                rows.append(row)
                show(row)
    return rows


def main(arguments: Sequence[str]) -> None:
    """Measure, print the table, and one line of JSON."""
    parser = argparse.ArgumentParser(
        prog="beside_files", description="Measure whether a file holds an urgent message up."
    )
    parser.add_argument("--line", choices=("machine", "thin"), help="this line only")
    parser.add_argument("--quick", action="store_true", help="smaller files, one round")
    parser.add_argument(
        "--bytes", type=int, default=_MESSAGE_BYTES, help="size of the message (default: 2048)"
    )
    chosen = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    _say(f"{'line':10}{'situation':20}{'count':>7}{'median ms':>11}{'worst ms':>10}")
    rows = measure(quick=chosen.quick, line=chosen.line, message_bytes=chosen.bytes, show=_show)
    result: dict[str, Any] = {"beside_files": [asdict(row) for row in rows]}
    _say(json.dumps(result))


def _show(row: Beside) -> None:
    _say(f"{row.line:10}{row.situation:20}{row.count:>7}{row.median_ms:>11}{row.worst_ms:>10}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
