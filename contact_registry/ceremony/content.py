"""What a ceremony changes in what is listed, in sentences: every desk, number and key.

A contact list that is new to the signer is told in full, not as a count: whoever signs it answers
for each number in it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from contact_registry.directory import Directory
from contact_registry.history.comparing import (
    Change,
    ChangeKind,
    Content,
    Difference,
    compare,
    describe_content,
)
from contact_registry.history.naming import Names
from contact_registry.history.wording import word_difference
from contact_registry.trust.operators import Standing
from contact_registry.trust.operators_acceptance import Examined

_NOTHING: Final = Directory(
    version=0,
    sha256="",
    expires_at=datetime.min.replace(tzinfo=UTC),
    verified_at=datetime.min.replace(tzinfo=UTC),
    participants=(),
    contacts=MappingProxyType({}),
    keys=MappingProxyType({}),
)
_ENTRY: Final = 4  # steps of the path of a desk: contacts, AL, authorities, id
_WHOLE: Final = 2  # steps of the path of a whole document: contacts, AL
_SAID_BY_THE_PATH: Final = frozenset({"format", "participant"})


def word_content(examined: Examined, standing: Standing | None, names: Names) -> list[str]:
    """Return what differs between the registry that is held and the one after the change."""
    old = standing.directory if standing is not None else _NOTHING
    new = replace(
        old,
        participants=examined.entries,
        contacts=MappingProxyType(dict(examined.contacts)),
        keys=MappingProxyType(dict(examined.keys)),
    )
    before = describe_content(old)
    if standing is not None:
        # A node's keys that are long overdue are left out of the view, but not of the registry.
        new = replace(new, keys=MappingProxyType(_without_overdue(old, examined)))
    changes = compare(before, describe_content(new))
    told = _tell_in_full(changes)
    footnotes = {entry.footnote for entry in (*old.participants, *new.participants)}
    for entry in (*old.participants, *new.participants):
        if any(str(entry.code) in change.path for change in told):
            names.show(str(entry.code))  # its footnote is due
    sentences = word_difference(Difference(old, new, tuple(told)))
    return [s for s in sentences if s not in footnotes and s != "Nothing differs."]


def _without_overdue(old: Directory, examined: Examined) -> dict[Any, Any]:
    """Leave out what the held view leaves out, unless this change signs it anew."""
    return {
        code: document
        for code, document in examined.keys.items()
        if code in old.keys or f"{code}-node" in examined.changed
    }


def _tell_in_full(changes: Iterable[Change]) -> list[Change]:
    """Tell everything that stands in a document or a desk that is new, and not only that it is."""
    told: list[Change] = []
    for change in changes:
        told.append(change)
        is_new = change.kind is ChangeKind.ADDED and change.path[0] in {"contacts", "keys"}
        if is_new and len(change.path) == _WHOLE:
            told += _tell_in_full(_take_apart(change))
        elif is_new and len(change.path) == _ENTRY and change.path[2] == "authorities":
            told += _take_apart(change)
    return told


def _take_apart(change: Change) -> list[Change]:
    """Return one change for each member of something new that says anything."""
    blank: Content = {
        name: [] if isinstance(value, list) else {} if isinstance(value, dict) else None
        for name, value in change.new.items()
    }
    return [
        replace(part, path=(*change.path, *part.path))
        for part in compare(blank, change.new)
        if part.new not in (None, "", [], {}, False)
        and part.path[0] not in _SAID_BY_THE_PATH
        and part.path != ("id",)
    ]
