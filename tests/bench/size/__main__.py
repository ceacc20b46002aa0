"""What people do on a large store beside a small one, and the memory of an idle node.

::

    python -m tests.bench.size [--quick] [--only sqlite|postgresql]

The two stores take turns, round by round: ratios count, absolute figures are of this machine and
this moment. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import structlog

from console.storage.database import Database
from node.store.migrating import migrate
from tests.bench.size.filling import fill
from tests.bench.size.idle import open_node
from tests.bench.size.measuring import Cost, Store, find_worst, measure

DATABASES: Final = ("sqlite", "postgresql")
SMALL: Final = 1_000
LARGE: Final = {True: 10_000, False: 100_000}
ROUNDS: Final = {True: 15, False: 41}
#: The aims of the size that a node is built for.
MOST_TIMES, MOST_MB = 1.5, 200


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(database: str, *, quick: bool) -> dict[str, Any]:
    """Measure on one kind of database; returns what the last line says of it."""
    with (
        tempfile.TemporaryDirectory(prefix="trm-size-") as folder,
        open_node(Path(folder), database=database) as node,
    ):
        small_store = Database(node.make_url("small"))
        migrate(small_store)
        small = replace(node.parts.context, database=small_store)
        stores = [
            Store(small, fill(small, cases=SMALL)),
            Store(node.parts.context, fill(node.parts.context, cases=LARGE[quick])),
        ]
        for store in stores:
            filled = store.filled
            say(
                f"{database}: {filled.cases:,} cases, {filled.messages:,} messages, "
                f"{filled.terms:,} terms in the index"
            )
        say(f"\n{'':42}{'small ms':>10}{'large ms':>10}{'times':>8}")
        costs = measure(stores[0], stores[1], rounds=ROUNDS[quick])
        for cost in costs:
            show(cost)
        small_store.close()
        memory = node.read_idle_memory()
    worst = find_worst(costs)
    say(
        f"\n{database}: at most {worst.ratio:.2f} times ({worst.name}), the aim is {MOST_TIMES}; "
        f"an idle node has {memory:.0f} MB, the aim is {MOST_MB}\n"
    )
    return {
        "cases": [store.filled.cases for store in stores],
        "messages": [store.filled.messages for store in stores],
        "costs": [asdict(cost) | {"ratio": round(cost.ratio, 2)} for cost in costs],
        "worst": round(worst.ratio, 2),
        "idle_mb": round(memory),
    }


def show(cost: Cost) -> None:
    """Print one row of the table."""
    aim = "" if cost.counts else "  (bounded)"
    say(f"{cost.name:42}{cost.small_ms:>10.2f}{cost.large_ms:>10.2f}{cost.ratio:>8.2f}{aim}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.size", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="10,000 cases instead of 100,000")
    parser.add_argument("--only", choices=DATABASES, help="one kind of database alone")
    chosen = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    found = {
        database: run(database, quick=chosen.quick)
        for database in DATABASES
        if chosen.only in {None, database}
    }
    say(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
