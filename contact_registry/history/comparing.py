"""The difference of two versions as data: exact, and the same whatever the order of the lists.

A version's *content* is plain data, as JSON has it::

    participants / <P>                            the operators' entry
    contacts / <P> / authorities / <id>           a desk
    contacts / <P> / agreements / <id>            a statement
    contacts / <P> / ...                          the rest of the document
    keys / <P> / signing_keys / <key id>          until when it is valid; never the key itself
    keys / <P> / encryption_keys / <key id>
    keys / <P> / ...                              the rest of the document
    signers / <role>                              whose signatures count, by key id

Where an entry has a name it stands under it, so that a desk that was moved in its list has not
changed. Other lists, such as the telephones of a desk, are compared whole: their order is a
statement of its own. A key's identifier is derived from the key, so that nothing is lost by leaving
the key out; proofs and bytes are left out with it.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from contact_registry.directory import Directory
from contact_registry.history.errors import OtherContentError
from contact_registry.history.versions import RoleSigners
from contact_registry.models import ContactsDocument, KeysDocument

Content = dict[str, Any]
"""What one version says, as data."""

_MISSING: Final = object()


class ChangeKind(StrEnum):
    """What became of a field or an entry."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``old`` is None if it was added, ``new`` is None if it was removed."""

    kind: ChangeKind
    path: tuple[str, ...]
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """What was changed from one version to another, by path."""

    old: Directory
    new: Directory
    changes: tuple[Change, ...]


Signers = Mapping[str, RoleSigners]
"""Whose signatures count, by role."""

_NOT_TOLD: Final[Signers] = MappingProxyType({})


def diff(
    old: Directory,
    new: Directory,
    *,
    old_signers: Signers = _NOT_TOLD,
    new_signers: Signers = _NOT_TOLD,
) -> Difference:
    """Compare what two versions say; signatures, expiry and version numbers are left aside."""
    before, after = describe_content(old, old_signers), describe_content(new, new_signers)
    return Difference(old, new, compare(before, after))


def describe_content(directory: Directory, signers: Signers = _NOT_TOLD) -> Content:
    """Return what a version says, as data."""
    return {
        "signers": {
            role: {"threshold": it.threshold, "key_ids": list(it.key_ids)}
            for role, it in signers.items()
        },
        "participants": {e.code: e.model_dump(mode="json") for e in directory.participants},
        "contacts": {c: _describe_contacts(d) for c, d in directory.contacts.items()},
        "keys": {c: _describe_keys(d) for c, d in directory.keys.items()},
    }


def _describe_contacts(document: ContactsDocument) -> Content:
    return document.model_dump(mode="json", exclude={"authorities", "agreements"}) | {
        "authorities": {a.id: a.model_dump(mode="json") for a in document.authorities},
        "agreements": {s.terms.id: s.model_dump(mode="json") for s in document.agreements},
    }


def _describe_keys(document: KeysDocument) -> Content:
    data = document.model_dump(mode="json", exclude={"broker": {"account_proof"}})
    for name in ("signing_keys", "encryption_keys"):
        data[name] = {
            entry["key_id"]: {key: value for key, value in entry.items() if key != "public"}
            for entry in data[name]
        }
    return data


def compare(old: Content, new: Content) -> tuple[Change, ...]:
    """Return what turns ``old`` into ``new``, ordered by path."""
    return tuple(_compare((), old, new))


def _compare(
    path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old.get(name, _MISSING), new.get(name, _MISSING)
        here = (*path, name)
        if before is _MISSING:
            yield Change(ChangeKind.ADDED, here, None, after)
        elif after is _MISSING:
            yield Change(ChangeKind.REMOVED, here, before, None)
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _compare(here, before, after)
        elif before != after:
            yield Change(ChangeKind.CHANGED, here, before, after)


def apply_changes(content: Content, changes: Iterable[Change]) -> Content:
    """Return ``content`` with the changes made, itself left as it is.

    Raises :class:`~contact_registry.history.errors.OtherContentError` if they were made from
    another content.
    """
    result = copy.deepcopy(content)
    for change in changes:
        place: Any = result
        for step in change.path[:-1]:
            place = place.get(step) if isinstance(place, dict) else None
        expected = _MISSING if change.kind is ChangeKind.ADDED else change.old
        if not isinstance(place, dict) or place.get(change.path[-1], _MISSING) != expected:
            raise OtherContentError(
                f"{'/'.join(change.path)} is not what the changes begin with: apply them to the "
                "version that they name as the old one."
            )
        if change.kind is ChangeKind.REMOVED:
            del place[change.path[-1]]
        else:
            place[change.path[-1]] = copy.deepcopy(change.new)
    return result
