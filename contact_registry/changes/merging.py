"""Two changes of the same contacts: brought together where they can be, shown where they cannot.

A three-way merge over the parts of a document. *Base* is what the draft was made from, *ours* the
draft, *theirs* what somebody published meanwhile. A field that one side left alone takes the other
side's value. A field that both changed, differently, is a conflict; so is an entry that one side
removed and the other changed, or that both added under one name; and so are entries that each stand
alone and do not stand together (around the clock here, hours there; a route to a desk that is
gone). A conflict is decided by people, who see base, ours and theirs. Nothing is guessed, because a
number that was mended and is quietly put back is a number that nobody answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from contact_registry.changes.content import NAMED, Content, describe, list_misfits, restore
from contact_registry.changes.errors import DraftRefusedError
from contact_registry.models import ContactsDocument

Path = tuple[str, ...]

_WHOLE: Final[Path] = ()
_ENTRY: Final = 2  # steps of the path of a named entry, whose fields are told apart


class Side(StrEnum):
    """Whose value is to stand."""

    OURS = "ours"
    """The draft's."""
    THEIRS = "theirs"
    """That of what was published meanwhile."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One part on which the sides differ. Values are JSON; None: the entry is not there.

    ``path`` begins with ``authorities``, ``agreements``, ``calendar`` or ``listed_by``; it is empty
    if the two documents as wholes do not go together, and then the values are whole documents.
    """

    path: Path
    base: Any
    ours: Any
    theirs: Any

    @property
    def key(self) -> str:
        """Its name in forms: the path with slashes."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class Merge:
    """Either the merged document, or the conflicts that keep it from being one."""

    document: ContactsDocument | None
    conflicts: tuple[Conflict, ...] = ()


Choices = Mapping[str, Side]
_NO_CHOICES: Final[Choices] = MappingProxyType({})


def merge(
    base: ContactsDocument,
    ours: ContactsDocument,
    theirs: ContactsDocument,
    *,
    choices: Choices = _NO_CHOICES,
) -> Merge:
    """Bring both sides together; ``choices`` decides conflicts by their keys.

    Entries keep the order of *theirs*; what *ours* adds comes after. Raises ``DraftRefusedError``
    if what was chosen does not go together.
    """
    sides = _Sides(describe(base), describe(ours), describe(theirs))
    if choices.get("") is not None:
        return Merge(ours if choices[""] is Side.OURS else theirs)
    merger = _Merger(choices)
    merged = merger.merge(_WHOLE, sides.base, sides.ours, sides.theirs)
    if not merger.conflicts:
        merger.settle_misfits(merged, sides)
    if merger.conflicts:
        return Merge(None, tuple(merger.conflicts))
    try:
        return Merge(restore(merged))
    except DraftRefusedError:
        if choices:
            raise
        return Merge(None, (Conflict(_WHOLE, sides.base, sides.ours, sides.theirs),))


@dataclass(frozen=True, slots=True)
class _Sides:
    base: Content
    ours: Content
    theirs: Content


_MISSING: Final = object()


@dataclass(slots=True)
class _Merger:
    choices: Choices
    conflicts: list[Conflict] = field(default_factory=list)

    def merge(self, path: Path, base: Any, ours: Any, theirs: Any) -> Any:
        """Return the merged value; notes a conflict and returns *theirs* where there is none."""
        if theirs in (ours, base):
            return ours
        if ours == base:
            return theirs
        if _has_parts(path) and all(isinstance(it, Mapping) for it in (base, ours, theirs)):
            return dict(self._merge_parts(path, base, ours, theirs))
        return self.decide(Conflict(path, _value(base), _value(ours), _value(theirs)), ours, theirs)

    def _merge_parts(
        self, path: Path, base: Content, ours: Content, theirs: Content
    ) -> Iterator[tuple[str, Any]]:
        for name in dict.fromkeys((*theirs, *ours)):
            part = (each.get(name, _MISSING) for each in (base, ours, theirs))
            merged = self.merge((*path, name), *part)
            if merged is not _MISSING:
                yield name, merged

    def decide(self, conflict: Conflict, ours: Any, theirs: Any) -> Any:
        """Return the side that was chosen, or note that somebody has to."""
        side = self.choices.get(conflict.key)
        if side is None:
            self.conflicts.append(conflict)
        return ours if side is Side.OURS else theirs

    def settle_misfits(self, merged: Content, sides: _Sides) -> None:
        """Let people decide on entries that stand on each side and do not stand together."""
        for name in list_misfits(merged):
            base, ours, theirs = (
                each["authorities"].get(name, _MISSING)
                for each in (sides.base, sides.ours, sides.theirs)
            )
            path = ("authorities", name)
            conflict = Conflict(path, _value(base), _value(ours), _value(theirs))
            chosen = self.decide(conflict, ours, theirs)
            if chosen is _MISSING:
                merged["authorities"].pop(name, None)
            else:
                merged["authorities"][name] = chosen


def _has_parts(path: Path) -> bool:
    """Whether the sides are told apart below ``path``, or compared whole."""
    if not path or path in {("calendar",), ("calendar", "holidays")}:
        return True
    return path[0] in NAMED and len(path) <= _ENTRY


def _value(value: Any) -> Any:
    return None if value is _MISSING else value
