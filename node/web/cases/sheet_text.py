"""What stands on a case's sheet, before it is set: apart, because what sets it is large.

The library that writes PDF takes thirty megabytes of memory: it is loaded when somebody prints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is, and what it says."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with lines under it."""

    title: str
    rows: tuple[Row, ...] = ()
    subtitle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document, every word in the reader's language already."""

    title: str
    #: What stands on top of each page: the code of the case.
    code: str
    #: Says which page of how many it is.
    say_page: Callable[[int, int], str]
    #: Who printed it and when; until when it is to be destroyed.
    foot: tuple[str, str]
    sections: tuple[Section, ...]
    footnotes: tuple[str, ...]
    language: str
    made_at: datetime
