"""What people do, measured on a small store and on a large one, taking turns."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import quantiles
from typing import Final

from node.service import attention, reading
from node.service.cases import listing
from node.service.context import NodeContext
from node.service.search.finding import search
from tests.bench.size.filling import Filled
from tests.support.people import STAFF


@dataclass(frozen=True, slots=True)
class Store:
    """A full store, and a node on it."""

    context: NodeContext
    filled: Filled


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one thing that people do, in both stores.

    What a quarter of the rounds stayed below: other work on the machine makes the rest slower.
    """

    name: str
    small_ms: float
    large_ms: float
    #: Whether the aim holds for it; the others are shown beside.
    counts: bool = True

    @property
    def ratio(self) -> float:
        """How many times as much it costs in the large store."""
        return self.large_ms / self.small_ms


Act = Callable[[Store], object]


def _search(ask: Callable[[Filled], str], *, limit: int = 50) -> Act:
    return lambda store: search(store.context, ask(store.filled), who=STAFF, limit=limit)


ACTS: Final[Mapping[str, Act]] = {
    "inbox: what waits": lambda store: attention.list_waiting(store.context, who=STAFF),
    "inbox: how much waits": lambda store: attention.count_waiting(store.context, who=STAFF),
    "inbox: sent, in trouble": lambda store: attention.list_sent_troubles(store.context, who=STAFF),
    "received, newest": lambda store: reading.list_items(store.context, who=STAFF, direction="in"),
    "cases, last touched": lambda store: listing.list_cases(store.context, who=STAFF, limit=50),
    "case page": lambda store: reading.get_case(store.context, store.filled.case_id, who=STAFF),
    "search: reference": _search(lambda filled: filled.reference),
    "search: part of one": _search(lambda filled: filled.reference[4:9]),
    "search: a number": _search(lambda filled: filled.file_number),
    "search: a name": _search(lambda filled: filled.person),
    # A page that both stores fill: the small one has 35 hits, and what is shown costs by the hit.
    "search: its beginning, 25 hits": _search(
        lambda filled: filled.person.split()[1][:3], limit=25
    ),
    "search: a frequent word": _search(lambda filled: filled.person.split()[0]),
    "search: nothing": _search(lambda _filled: "nowhere"),
}
"""What is measured; the aim is about these."""

BOUNDED: Final = "search: frequent words that seldom meet"
"""Costs what the documents cost that one question looks at: see ``node.domain.search``."""


def measure(small: Store, large: Store, *, rounds: int) -> list[Cost]:
    """Measure every act in both stores, in an order that changes from round to round."""
    acts: dict[str, Act] = {
        **ACTS,
        BOUNDED: _search(lambda filled: f"{filled.person.split()[0]} dahi"),
    }
    random = Random(7)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in acts}
    for round_ in range(rounds + 1):
        for name in random.sample(sorted(acts), len(acts)):
            for place in random.sample((0, 1), 2):
                begin = time.perf_counter()
                acts[name]((small, large)[place])
                if round_:  # the first one compiles and caches
                    times[name][place].append(time.perf_counter() - begin)
    return [
        Cost(
            name,
            quantiles(times[name][0], n=4)[0] * 1e3,
            quantiles(times[name][1], n=4)[0] * 1e3,
            counts=name != BOUNDED,
        )
        for name in acts
    ]


def find_worst(costs: Sequence[Cost]) -> Cost:
    """Return what grew most among what counts."""
    return max((cost for cost in costs if cost.counts), key=lambda cost: cost.ratio)
