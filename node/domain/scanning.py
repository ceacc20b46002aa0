"""The port to a malware scanner, and what it can say."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class ScanOutcome(StrEnum):
    """What a scanner made of a file."""

    CLEAN = "clean"
    FOUND = "found"
    #: It was not looked at as a whole: too large for the scanner, or locked. Never "clean".
    UNSCANNABLE = "unscannable"


TOO_LARGE: Final = "too_large"
"""Why a file could not be scanned: it is larger than this node gives its scanner."""
STREAM_LIMIT: Final = "stream_limit"
"""... larger than the scanner takes."""
BROKE_OFF: Final = "broke_off"
"""... the scanner broke off, although it answers others."""


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """What a scanner says; ``detail`` is the name of what it found, or why it could not look."""

    outcome: ScanOutcome
    detail: str | None = None


class ScannerAwayError(Exception):
    """The scanner does not answer now: the file waits, and is scanned later."""


class MalwareScanner(Protocol):
    """Looks into files."""

    def scan(self, content: Iterable[bytes], *, size: int) -> ScanVerdict:
        """Scan a file of ``size`` bytes, which comes in pieces. Blocking.

        Raises :class:`ScannerAwayError`; whatever ``content`` raises is passed on.
        """
        ...
