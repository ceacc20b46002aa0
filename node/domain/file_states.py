"""The states of a received file, as tables. What is not in a table cannot happen.

``Arrival`` is how far its chunks are; ``Scan`` is what a malware scanner said of the whole file.
They are separate on purpose: what the sender is told depends on the first alone (SPEC section 13).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Arrival(StrEnum):
    """How far a received file is."""

    #: Chunks are missing, or it was not opened yet.
    ARRIVING = "arriving"
    #: Every chunk is here, and it opened without an error.
    OPENED = "opened"
    #: It is not the file that was announced, or does not open: its message is rejected.
    BROKEN = "broken"
    #: Its sender no longer has what is missing.
    GONE = "gone"
    #: What is missing was asked for in vain.
    GIVEN_UP = "given_up"


class ArrivalEvent(StrEnum):
    """What moves a received file."""

    CHUNK_CAME = "chunk_came"
    OPENED = "opened"
    DOES_NOT_OPEN = "does_not_open"
    SAID_GONE = "said_gone"
    ASKED_IN_VAIN = "asked_in_vain"
    #: Our disk lost chunks that were here.
    CHUNKS_LOST = "chunks_lost"


ARRIVAL_TABLE: Final[Mapping[tuple[Arrival, ArrivalEvent], Arrival]] = MappingProxyType(
    {
        (Arrival.ARRIVING, ArrivalEvent.CHUNK_CAME): Arrival.ARRIVING,
        (Arrival.ARRIVING, ArrivalEvent.OPENED): Arrival.OPENED,
        (Arrival.ARRIVING, ArrivalEvent.DOES_NOT_OPEN): Arrival.BROKEN,
        (Arrival.ARRIVING, ArrivalEvent.SAID_GONE): Arrival.GONE,
        (Arrival.ARRIVING, ArrivalEvent.ASKED_IN_VAIN): Arrival.GIVEN_UP,
        (Arrival.ARRIVING, ArrivalEvent.CHUNKS_LOST): Arrival.ARRIVING,
        (Arrival.OPENED, ArrivalEvent.CHUNKS_LOST): Arrival.ARRIVING,
        # What comes after all is taken in.
        (Arrival.GONE, ArrivalEvent.CHUNK_CAME): Arrival.ARRIVING,
        (Arrival.GIVEN_UP, ArrivalEvent.CHUNK_CAME): Arrival.ARRIVING,
        (Arrival.GIVEN_UP, ArrivalEvent.SAID_GONE): Arrival.GONE,
    }
)


def advance_arrival(state: Arrival, event: ArrivalEvent) -> Arrival | None:
    """Return the next state, or ``None`` if the event changes nothing (repeated, or too late)."""
    return ARRIVAL_TABLE.get((state, event))


TAKES_CHUNKS: Final = frozenset(
    state for state, event in ARRIVAL_TABLE if event is ArrivalEvent.CHUNK_CAME
)
"""States in which a chunk is of use."""


class Scan(StrEnum):
    """What a scanner said of a received file."""

    #: Nobody looked: no scanner is set up, or the file is not here.
    NONE = "none"
    #: It waits for the scanner, and nobody can open it until then.
    WAITING = "waiting"
    CLEAN = "clean"
    #: Quarantined: nobody can open it.
    FOUND = "found"
    #: Not looked at as a whole. People may open it, and are told.
    UNSCANNABLE = "unscannable"


class ScanEvent(StrEnum):
    """What moves it."""

    WANTED = "wanted"
    SAYS_CLEAN = "says_clean"
    SAYS_FOUND = "says_found"
    CANNOT_LOOK = "cannot_look"
    #: There is no scanner any more.
    SWITCHED_OFF = "switched_off"
    #: An administrator wants it looked at once more.
    WANTED_AGAIN = "wanted_again"
    FILE_LOST = "file_lost"


SCAN_TABLE: Final[Mapping[tuple[Scan, ScanEvent], Scan]] = MappingProxyType(
    {
        (Scan.NONE, ScanEvent.WANTED): Scan.WAITING,
        (Scan.WAITING, ScanEvent.SAYS_CLEAN): Scan.CLEAN,
        (Scan.WAITING, ScanEvent.SAYS_FOUND): Scan.FOUND,
        (Scan.WAITING, ScanEvent.CANNOT_LOOK): Scan.UNSCANNABLE,
        (Scan.WAITING, ScanEvent.SWITCHED_OFF): Scan.NONE,
        (Scan.FOUND, ScanEvent.WANTED_AGAIN): Scan.WAITING,
        (Scan.UNSCANNABLE, ScanEvent.WANTED_AGAIN): Scan.WAITING,
        # The same content comes again, or none: what was found in it stays found.
        **{
            (state, ScanEvent.FILE_LOST): Scan.FOUND if state is Scan.FOUND else Scan.NONE
            for state in Scan
        },
    }
)


def advance_scan(state: Scan, event: ScanEvent) -> Scan | None:
    """Return the next state, or ``None`` if the event changes nothing."""
    return SCAN_TABLE.get((state, event))


def is_for_people(arrival: Arrival, scan: Scan) -> bool:
    """Say whether people may have the file."""
    return arrival is Arrival.OPENED and scan in {Scan.NONE, Scan.CLEAN, Scan.UNSCANNABLE}
