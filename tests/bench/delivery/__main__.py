"""How fast messages and files get through, beside the bare broker and beside mail.

::

    python -m tests.bench.delivery [--quick] [--only messages|files|growth] [--pictures FOLDER]

Paths take turns, round by round, so that a busy machine slows all alike: ratios count, absolute
figures are of this machine and this moment. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import structlog

from tests.bench.delivery.charts import draw_curve
from tests.bench.delivery.files import FileRow, measure_files
from tests.bench.delivery.growth import Point, measure_cases, measure_participants
from tests.bench.delivery.messages import Row, compare, measure_messages

SECTIONS: Final = ("messages", "files", "growth")
_PARTICIPANTS: Final = ((2, 20, 200), (2, 10, 50, 200))
_CASES: Final = ((0, 2_000), (0, 1_000, 10_000, 100_000))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show_messages(rows: Sequence[Row]) -> None:
    for row in rows:
        cpu = "  ".join(f"{name} {each}" for name, each in row.cpu_us.items())
        _say(
            f"{row.path:18}{row.size:>8}{row.in_flight:>6}{row.rate:>10.1f}"
            f"{row.median_ms:>11.2f}{row.p99_ms:>11.2f}   {cpu}"
        )


def _show_file(row: FileRow) -> None:
    _say(
        f"{row.size:>12,}{row.bare:>9.2f}{row.delivered:>9.2f}{row.ratio:>9.2f}"
        f"{row.brought_in:>12.2f}"
    )


def run_messages(*, quick: bool) -> dict[str, Any]:
    """Measure messages; returns what the last line says of them."""
    _say(
        f"{'path':18}{'bytes':>8}{'at a time':>10}{'per s':>6}{'median ms':>11}{'p99 ms':>11}"
        "   CPU us a message"
    )
    rows = measure_messages(quick=quick, show=_show_messages)
    ratios = compare(rows)
    _say(f"\n{'ratio of':58}{'rates':>8}{'latencies':>11}")
    for name, each in ratios.items():
        _say(f"{name:58}{each['rate']:>8.2f}{each['latency']:>11.2f}")
    return {"ratios": ratios, "messages": [asdict(row) for row in rows]}


def run_files(*, quick: bool) -> dict[str, Any]:
    """Measure files."""
    _say(f"\n{'file, bytes':>12}{'bare s':>9}{'ours s':>9}{'share':>9}{'brought in s':>13}")
    rows = measure_files(quick=quick, show=_show_file)
    return {"files": [asdict(row) | {"share": row.ratio} for row in rows]}


def run_growth(*, quick: bool, pictures: Path | None) -> dict[str, Any]:
    """Measure how the cost of a message grows, and draw it."""
    index, rounds = (0, 3) if quick else (1, 5)
    curves = {
        "Participants in the registry": measure_participants(_PARTICIPANTS[index], rounds=rounds),
        "cases in both stores": measure_cases(_CASES[index], rounds=rounds),
    }
    for across, points in curves.items():
        _say(f"\n{across:>28}   CPU ms a message, both nodes")
        for point in points:
            _say(f"{point.size:>28,}   {point.milliseconds:.2f}")
        if pictures is not None:
            name = across.split()[0].lower()
            draw_curve(points, across=across, to=pictures / f"bench-growth-{name}.svg")
    return {
        "growth": {
            across: {"points": [asdict(each) for each in points], "ratio": _grown(points)}
            for across, points in curves.items()
        }
    }


def _grown(points: Sequence[Point]) -> float:
    """Return the cost at the largest size as a multiple of that at the smallest."""
    return round(points[-1].milliseconds / points[0].milliseconds, 3)


def main(arguments: Sequence[str]) -> None:
    """Measure, print the tables, and one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure how fast delivery is.")
    parser.add_argument("--quick", action="store_true", help="small numbers, two minutes")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a part of it")
    parser.add_argument("--pictures", type=Path, help="folder for the growth curves (SVG)")
    chosen = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sections = chosen.only or SECTIONS
    result: dict[str, Any] = {}
    if "messages" in sections:
        result |= run_messages(quick=chosen.quick)
    if "files" in sections:
        result |= run_files(quick=chosen.quick)
    if "growth" in sections:
        result |= run_growth(quick=chosen.quick, pictures=chosen.pictures)
    _say(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
