"""Files of several sizes, ours beside a bare secretstream, in turns."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.delivery.path import open_path
from tests.bench.delivery.transfers import make_file, measure_transfer, open_bare_files

SIZES: Final = (1_000_000, 10_000_000, 100_000_000)


@dataclass(frozen=True, slots=True)
class FileRow:
    """Seconds for a file (medians): bare, ours from sending to receipt, and bringing it in."""

    size: int
    bare: float
    delivered: float
    brought_in: float

    @property
    def ratio(self) -> float:
        """Our speed as a share of the bare one's."""
        return round(self.bare / self.delivered, 3)


def measure_files(*, quick: bool, show: Callable[[FileRow], None]) -> list[FileRow]:
    """Measure; ``show`` gets each size as it is known."""
    sizes, rounds = (SIZES[:2], 2) if quick else (SIZES, 3)
    rows = []
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="trm-files-")))
        (folder / "ours").mkdir()
        bare = running.enter_context(open_bare_files(folder / "bare"))
        ours = running.enter_context(open_path(folder / "ours", database="sqlite"))
        first = make_file(folder, size=100_000)
        bare.measure(first)
        measure_transfer(ours, first)  # what is made at the first file counts for nobody
        for size in sizes:
            file = make_file(folder, size=size)
            turns = [(bare.measure(file), measure_transfer(ours, file)) for _ in range(rounds)]
            rows.append(
                FileRow(
                    size=size,
                    bare=median(seconds for seconds, _ in turns),
                    delivered=median(each.delivered for _, each in turns),
                    brought_in=median(each.brought_in for _, each in turns),
                )
            )
            show(rows[-1])
    return rows
