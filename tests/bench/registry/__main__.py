"""What a registry costs: the first verification, a look when nothing changed, an update, a look-up.

::

    python -m tests.bench.registry [--quick]

A real registry host serves on the loopback interface, a real client reads over HTTP with a cache on
the disk. Two registries are measured, one ten times the other: an update that costs what changed
costs about the same in both. Everything is measured several times; the table gives medians. CPU is
that of client and host together, bytes are those of the answers, headers included, as the host sent
them. The registries are made once and lie in the machine's temporary folder, where the next
run finds them. The last line is JSON.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contact_registry.directory import Directory
from contact_registry.routing import resolve
from contact_registry.trust.client import RegistryClient
from hub.registry_host.router import create_router
from protocol.identifiers import Phase
from tests.support.large_registry import AUTHORITIES, PARTICIPANTS, LargeRegistry
from tests.support.registry import serve

_TENTH: Final = 10
_LOOK_UPS: Final = 20_000


@dataclass
class CountingHost:
    """Counts the bytes of what an application answers."""

    app: ASGIApp
    requests: int = 0
    bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests += 1
                self.bytes += sum(len(name) + len(value) + 4 for name, value in message["headers"])
            elif message["type"] == "http.response.body":
                self.bytes += len(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, count)


@dataclass
class Cost:
    """What one thing cost, each time that it was done."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Median:
    """One row of the table: milliseconds, bytes."""

    cpu_ms: float
    wall_ms: float
    bytes: int
    requests: int


@dataclass
class Bench:
    """One registry of some size, its host, and what was measured."""

    registry: LargeRegistry
    host: CountingHost
    address: str
    folder: Path
    http: httpx.Client
    costs: dict[str, Cost] = field(default_factory=dict)

    def client(self, cache: str) -> RegistryClient:
        """Return a client as a process has that starts with this cache."""
        return RegistryClient(
            base_url=self.address,
            cache_dir=self.folder / cache,
            trusted_root=self.registry.repository.read_root(),
            http=self.http,
            clock=self.registry.clock,
        )

    def measure(self, name: str, do: Callable[[], object]) -> None:
        """Do it, and note what it cost."""
        cost = self.costs.setdefault(name, Cost())
        before = (self.host.bytes, self.host.requests)
        cpu, wall = time.process_time(), time.perf_counter()
        do()
        cost.wall.append(time.perf_counter() - wall)
        cost.cpu.append(time.process_time() - cpu)
        cost.bytes.append(self.host.bytes - before[0])
        cost.requests.append(self.host.requests - before[1])

    def run(self, rounds: int) -> dict[str, Median]:
        """Measure everything so many times."""
        codes = self.registry.codes
        self.registry.change(codes[0], "warm")  # what the host verifies once is verified
        for number in range(rounds):
            client = self.client(f"cache-{number}")
            self.measure("first verification", client.refresh)
            self.measure("nothing changed", client.refresh)
            for place in range(3):
                code = codes[(7 * number + place) % len(codes)]
                submission = self.registry.next_contacts(code, note=f"round {number} {place}")
                self.measure(
                    "publication of one change",
                    lambda: self.registry.repository.accept(submission, self.registry.online),  # noqa: B023 - called at once
                )
                self.measure("update after one change", client.refresh)
            self.measure("start without network", self.client(f"cache-{number}").load_cached)
        return {
            name: Median(
                cpu_ms=round(median(cost.cpu) * 1e3, 1),
                wall_ms=round(median(cost.wall) * 1e3, 1),
                bytes=round(median(cost.bytes)),
                requests=round(median(cost.requests)),
            )
            for name, cost in self.costs.items()
        }


def _make(folder: Path, participants: int, authorities: int) -> None:
    """Make a registry aside, so that what stands at its place is whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        LargeRegistry(Path(aside) / folder.name, participants, authorities).open_or_make()
        (Path(aside) / folder.name).rename(folder)


@contextmanager
def open_bench(participants: int, authorities: int) -> Iterator[Bench]:
    """Serve a copy of the registry of this size, made now or by an earlier run."""
    made = Path(tempfile.gettempdir()) / f"trm-bench-registry-{participants}x{authorities}"
    if not made.exists():
        _make(made, participants, authorities)
    with tempfile.TemporaryDirectory() as scratch, httpx.Client(trust_env=False) as http:
        shutil.copytree(made, Path(scratch) / "registry")
        registry = LargeRegistry(Path(scratch) / "registry", participants, authorities)
        registry.open_or_make()
        app = FastAPI()
        app.include_router(create_router(registry.repository, registry.online))
        host = CountingHost(app)
        with serve(host) as address:
            yield Bench(registry, host, address, Path(scratch), http)


def measure_look_ups(directory: Directory, *, times: int) -> dict[str, float]:
    """Return what one look-up of each kind takes of CPU, in microseconds."""
    now = directory.verified_at
    entries = directory.participants
    desks = [d.id for c in directory.contacts.values() for d in c.authorities]

    def one(do: Callable[[int], object], count: int) -> float:
        do(0)  # what is made at the first question is made before it counts
        began = time.thread_time()
        for place in range(count):
            do(place)
        return (time.thread_time() - began) / count * 1e6

    phases = tuple(Phase)
    return {
        "a Participant by its code": one(
            lambda n: directory.participant(entries[n % len(entries)].code), times
        ),
        "an authority by its identifier": one(
            lambda n: directory.authority(desks[n * 37 % len(desks)]), times
        ),
        "the competent desk": one(
            lambda n: resolve(
                directory,
                participant=entries[n % len(entries)].code,
                phase=phases[n % len(phases)],
                at=now,
                child=n % 2 == 0,
            ),
            max(times // 20, 1),
        ),
    }


def _show(sizes: list[str], rows: list[dict[str, Median]], look_ups: dict[str, float]) -> None:
    write = sys.stdout.write
    write(f"{'':28}{sizes[0]:>32}{sizes[1]:>34}\n")
    write(f"{'':28}" + f"{'CPU ms':>10}{'ms':>9}{'bytes':>13}" * 2 + "   ratio of CPU, bytes\n")
    for name in rows[0]:
        small, large = rows[0][name], rows[1][name]
        write(f"{name:28}")
        for row in (small, large):
            write(f"{row.cpu_ms:>10.1f}{row.wall_ms:>9.1f}{row.bytes:>13,}")
        ratio = f"{large.bytes / small.bytes:.1f}" if small.bytes else "-"
        write(f"{large.cpu_ms / max(small.cpu_ms, 0.1):>12.1f}{ratio:>7}\n")
    write("\nlook-ups in the larger one, microseconds of CPU each\n")
    for name, span in look_ups.items():
        write(f"  {name:34}{span:>10.2f}\n")


def main() -> None:
    """Measure, print the table, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a small registry, one round")
    quick = parser.parse_args().quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    participants, authorities = (20, 4) if quick else (PARTICIPANTS, AUTHORITIES)
    sizes, rows, look_ups = [], [], {}
    for count in (participants // _TENTH, participants):
        with open_bench(count, authorities) as bench:
            rows.append(bench.run(1 if quick else 5))
            sizes.append(f"{count} Participants x {authorities}")
            directory = bench.client("cache-0").load_cached()
            if directory is not None:
                look_ups = measure_look_ups(directory, times=200 if quick else _LOOK_UPS)
    _show(sizes, rows, look_ups)
    result = {
        "participants": participants,
        "authorities": authorities,
        "small": {name: asdict(row) for name, row in rows[0].items()},
        "large": {name: asdict(row) for name, row in rows[1].items()},
        "look_up_us": {name: round(span, 3) for name, span in look_ups.items()},
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
