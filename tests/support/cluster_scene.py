"""Three servers with the hub and real nodes under load, and a transcript of what was done."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.broker import SMALL_MAILBOX, Hub, connected_hub
from tests.support.cluster import NAMES, ClusterPlace, admit, cluster_place, wait_for_copies
from tests.support.ledger import Ledger, ledger_of

BOTH_WAYS = (("AL", "XK"), ("XK", "AL"))
NEW = "broker-4"

Record = Callable[[str, object], None]
"""Pytest's ``record_property``: ``make cluster`` prints what is recorded as ``transcript``."""


class Transcript:
    """What was done when, and how many messages services had accepted and senders had receipts of.

    It is for people: nothing is decided by it.
    """

    def __init__(self, record: Record, ledger: Ledger) -> None:
        self._record = record
        self._ledger = ledger
        self._began = time.monotonic()

    def note(self, what: str) -> None:
        """Write a line."""
        seconds = time.monotonic() - self._began
        accepted = self._ledger.count_accepted()
        receipted = sum(map(self._ledger.count_receipted, self._ledger.nodes))
        self._record("transcript", f"{seconds:7.1f} {accepted:9} {receipted:9}  {what}")


@dataclass(frozen=True)
class Scene:
    """Three servers with the hub, and AL and XK, whose nodes run; MK is admitted and away."""

    place: ClusterPlace
    hub: Hub
    ledger: Ledger
    transcript: Transcript

    def note(self, what: str) -> None:
        """Write a line into the transcript."""
        self.transcript.note(what)

    async def see_that_nothing_was_lost(self) -> None:
        """Wait for the receipts; every accepted message must have come exactly once.

        Nothing is sent a second time: what the broker had taken, it must have kept.
        """
        await self.ledger.settle("AL", "XK")
        faults = self.ledger.find_faults("AL", "XK")
        self.note(f"every receipt is there; lost or twice: {len(faults)}")
        assert faults == []


@asynccontextmanager
async def set_scene(folder: Path, record: Record) -> AsyncIterator[Scene]:
    """Start everything."""
    with cluster_place(folder) as place:
        place.start(*NAMES)
        async with (
            ledger_of(
                ("AL", "XK", "MK"),
                folder=folder,
                servers=[*place.urls, place.url(NEW)],
                tls=place.tls(),
            ) as ledger,
            connected_hub(
                place.access(), limits=replace(SMALL_MAILBOX, replicas=3), servers=3
            ) as hub,
            AsyncExitStack() as stack,
        ):
            await admit(hub, ledger.directory)
            await wait_for_copies(hub, 3)
            for code in ("AL", "XK"):
                await stack.enter_async_context(ledger.nodes[code])
            yield Scene(place, hub, ledger, Transcript(record, ledger))
