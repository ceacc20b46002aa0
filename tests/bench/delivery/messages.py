"""Messages: bare broker, our nodes and mail take turns, so that a busy machine slows all alike."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Final, Protocol

from tests.bench.delivery.floor import open_floor
from tests.bench.delivery.mail import MailPath, open_mail_path
from tests.bench.delivery.meters import Measured
from tests.bench.delivery.path import open_path

FLOOR: Final = "floor"
OURS: Final = "sqlite"
SIZES: Final = (2_048, 16_384)
_MAIL_WORKERS: Final = 8
#: Messages of one round by path and how many are in flight.
COUNTS: Final[Mapping[str, Mapping[int, int]]] = {
    FLOOR: {1: 200, 16: 1_500, 256: 4_000},
    OURS: {1: 200, 16: 1_000, 256: 3_000},
    "postgresql": {1: 150, 16: 600, 256: 2_000},
    "mail, GnuPG": {1: 30, _MAIL_WORKERS: 120},
    "mail, in process": {1: 120, _MAIL_WORKERS: 480},
}
_QUICK_SHARE: Final = 5


class Carrier(Protocol):
    """What carries messages and receipts."""

    def measure(self, size: int, *, count: int, in_flight: int) -> Measured:
        """Exchange ``count`` messages of ``size`` bytes, so many at a time."""
        ...


@dataclass(frozen=True, slots=True)
class MailMeter:
    """Mail as one of the paths."""

    path: MailPath

    def measure(self, size: int, *, count: int, in_flight: int) -> Measured:
        """Exchange mails whose content cannot be compressed much, as names and reports cannot."""
        content = Random(size).randbytes(size // 2).hex().encode()
        latencies, seconds = self.path.measure(content, count=count, in_flight=in_flight)
        return Measured(latencies, seconds, {})


@dataclass(frozen=True, slots=True)
class Row:
    """One path at one size, so many in flight: the medians of its rounds."""

    path: str
    size: int
    in_flight: int
    rate: float
    median_ms: float
    p99_ms: float
    cpu_us: dict[str, int]

    @classmethod
    def of(cls, path: str, size: int, in_flight: int, rounds: Sequence[Measured]) -> "Row":
        """Summarize."""
        return cls(
            path=path,
            size=size,
            in_flight=in_flight,
            rate=round(median(each.rate for each in rounds), 1),
            median_ms=round(median(each.median_ms for each in rounds), 2),
            p99_ms=round(median(each.p99_ms for each in rounds), 2),
            cpu_us={
                name: round(median(each.cpu_us(name) for each in rounds)) for name in rounds[0].cpu
            },
        )


def measure_messages(*, quick: bool, show: Callable[[Sequence[Row]], None]) -> list[Row]:
    """Measure all paths in turns; ``show`` gets the rows of one size and number as they come."""
    sizes, rounds = (SIZES[:1], 1) if quick else (SIZES, 3)
    share = _QUICK_SHARE if quick else 1
    rows: list[Row] = []
    with ExitStack() as running:
        paths = _open_paths(running)
        for name, path in paths.items():  # what is made at the first message counts for nobody
            warm = 100 if name not in COUNTS or max(COUNTS[name]) > _MAIL_WORKERS else 8
            path.measure(sizes[0], count=warm, in_flight=8)
        for size in sizes:
            for in_flight in sorted({each for counts in COUNTS.values() for each in counts}):
                turns = [name for name in paths if in_flight in COUNTS[name]]
                found: dict[str, list[Measured]] = {name: [] for name in turns}
                for _ in range(rounds):
                    for name in turns:
                        count = max(20, COUNTS[name][in_flight] // share)
                        found[name].append(
                            paths[name].measure(size, count=count, in_flight=in_flight)
                        )
                rows += [Row.of(name, size, in_flight, each) for name, each in found.items()]
                show(rows[-len(turns) :])
    return rows


def _open_paths(running: ExitStack) -> dict[str, Carrier]:
    folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="trm-bench-")))
    paths: dict[str, Carrier] = {FLOOR: running.enter_context(open_floor(folder / FLOOR))}
    for database in (OURS, "postgresql"):
        (folder / database).mkdir()
        paths[database] = running.enter_context(open_path(folder / database, database=database))
    for name, gnupg in (("mail, GnuPG", True), ("mail, in process", False)):
        mail = running.enter_context(open_mail_path(gnupg=gnupg, workers=_MAIL_WORKERS))
        paths[name] = MailMeter(mail)
    return paths


def compare(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return how each path of ours stands: rate and latency beside others' (rate: more is better).

    Beside the floor with as many in flight; beside mail one to one, and each at its best rate.
    """
    by_place = {(row.path, row.size, row.in_flight): row for row in rows}
    ratios: dict[str, dict[str, float]] = {}
    for ours, other in _list_pairs(rows):
        row, beside = by_place[ours], by_place[other]
        ratios[f"{row.path} {row.size} {row.in_flight} : {beside.path} {beside.in_flight}"] = {
            "rate": round(row.rate / beside.rate, 3),
            "latency": round(row.median_ms / beside.median_ms, 2),
        }
    return ratios


_Place = tuple[str, int, int]


def _list_pairs(rows: Sequence[Row]) -> Iterator[tuple[_Place, _Place]]:
    for row in rows:
        if row.path in {OURS, "postgresql"}:
            yield (row.path, row.size, row.in_flight), (FLOOR, row.size, row.in_flight)
    for size in sorted({row.size for row in rows}):
        for mail in ("mail, GnuPG", "mail, in process"):
            yield (OURS, size, 1), (mail, size, 1)
            yield (OURS, size, 256), (mail, size, _MAIL_WORKERS)
