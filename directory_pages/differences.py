"""What a change changes, in words: Field, Was, Now; Added, Removed, Changed.

Out of the data of :mod:`contact_registry.history.comparing`, for a draft and for two versions
alike. What says whose signatures count comes first: it decides about everything else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from console.i18n import Message, msg, nmsg, pmsg
from contact_registry.agreements import AgreementTerms
from contact_registry.directory import Directory
from contact_registry.history.comparing import Change, ChangeKind
from contact_registry.trust.layout import RoleKind, parse_role
from directory_pages.codes import Words
from directory_pages.field_labels import find_place, say_field
from directory_pages.looks import Look
from directory_pages.wording import Lines, Names, group_hash, word_value

#: Lists longer than this, both sides together, are shown by what differs in them.
_MOST_LINES: Final = 12
_ENTRY: Final = 4  # steps of the path of a desk, an agreement or a key
_NAMED: Final = frozenset({"authorities", "agreements", "signing_keys", "encryption_keys"})
_OPERATORS: Final = frozenset({"root", "targets"})

KIND_LOOKS: Final[Mapping[ChangeKind, Look]] = {
    ChangeKind.ADDED: Look(pmsg("difference", "Added"), "ok", "plus"),
    ChangeKind.REMOVED: Look(pmsg("difference", "Removed"), "warn", "ban"),
    ChangeKind.CHANGED: Look(pmsg("difference", "Changed"), "info", "pencil"),
}


@dataclass(frozen=True)
class Row:
    """One field: what it was and what it is now, in lines; none means nothing is listed."""

    kind: ChangeKind
    field: Words
    was: Lines
    now: Lines
    unchanged: int = 0
    """How many entries of a long list are the same on both sides, and left out."""

    @property
    def look(self) -> Look:
        """Added, Removed or Changed, with its icon."""
        return KIND_LOOKS[self.kind]

    @property
    def rest(self) -> Message:
        """Say how many entries were left out."""
        return nmsg(
            "and %(count)s entry as before", "and %(count)s entries as before", self.unchanged
        )


@dataclass(frozen=True)
class Part:
    """One entry that differs, such as a desk: ``about`` is its identifier, if it has one."""

    title: Words
    kind: ChangeKind
    rows: tuple[Row, ...]
    about: str = ""

    @property
    def look(self) -> Look:
        """Added, Removed or Changed, with its icon."""
        return KIND_LOOKS[self.kind]


def describe_changes(changes: Iterable[Change], *, old: Directory, new: Directory) -> list[Part]:
    """Put changes in words, entry by entry: signatures, Participants, keys, lists, desks."""
    participants = {str(e.code): e.display_name for e in (*old.participants, *new.participants)}
    names = Names.of([*old.contacts.values(), *new.contacts.values()], participants)
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        groups.setdefault(_find_entry(change.path), []).append(change)
    parts = [_describe_group(path, found, names) for path, found in groups.items()]
    return [part for _, part in sorted(zip(map(_rank, groups), parts, strict=True), key=_by_rank)]


def _by_rank(ranked: tuple[int, Part]) -> int:
    return ranked[0]


def _find_entry(path: Sequence[str]) -> tuple[str, ...]:
    """Return which entry a path belongs to."""
    if len(path) >= _ENTRY and path[2] in _NAMED:
        return tuple(path[:_ENTRY])
    return tuple(path[:2])


_ORDER: Final = ("signers", "participants", "keys", "contacts")


def _rank(entry: Sequence[str]) -> int:
    place = _ORDER.index(entry[0]) * 10
    return place + (5 if len(entry) >= _ENTRY and entry[2] == "agreements" else len(entry) // 2)


def _describe_group(entry: tuple[str, ...], changes: Sequence[Change], names: Names) -> Part:
    title = _title(entry, names)
    whole = next((change for change in changes if change.path == entry), None)
    if whole is not None:
        content = whole.new if whole.kind is ChangeKind.ADDED else whole.old
        rows = tuple(_spell_out(whole.kind, content, names))
        if entry[2:3] == ("agreements",):
            rows = (*rows, _show_hash(whole.kind, content["terms"]))
        return Part(title, whole.kind, rows, about=_about(entry))
    found = [(c, c.path[len(entry) :]) for c in changes]
    found.sort(key=lambda pair: find_place(pair[1][-1]))
    rows = tuple(row for change, steps in found for row in _describe(change, steps, names))
    return Part(title, ChangeKind.CHANGED, rows, about=_about(entry))


def _show_hash(kind: ChangeKind, terms: Mapping[str, Any]) -> Row:
    """Show the hash that the parties compare by telephone before they state the same terms."""
    digest = group_hash(AgreementTerms.model_validate_json(json.dumps(terms)).sha256)
    was, now = ((), (digest,)) if kind is ChangeKind.ADDED else ((digest,), ())
    return Row(kind, msg("Hash of the terms"), was, now)


def _about(entry: Sequence[str]) -> str:
    return entry[3] if len(entry) >= _ENTRY else ""


def _title(entry: Sequence[str], names: Names) -> Words:
    section, code = entry[:2]
    if section == "signers":
        return _title_of_signers(code, names)
    who = names.participant(code)
    if len(entry) < _ENTRY:
        return {
            "participants": msg("Participant: %(participant)s", participant=who),
            "contacts": msg("Contact list of %(participant)s", participant=who),
        }.get(section, msg("Keys of the node of %(participant)s", participant=who))
    kind, identifier = entry[2:4]
    if kind == "authorities":
        return names.desk(identifier)
    if kind == "agreements":
        return msg("Agreement: %(name)s", name=names.agreement(identifier))
    if kind == "signing_keys":
        return msg("Signing key of %(participant)s: %(key)s", participant=who, key=identifier)
    return msg("Encryption key of %(participant)s: %(key)s", participant=who, key=identifier)


def _title_of_signers(role: str, names: Names) -> Words:
    if role in _OPERATORS:
        return msg("Whose signatures count: the operators (%(role)s)", role=role)
    if role in {"snapshot", "timestamp"}:
        return msg("Whose signatures count: the registry host (%(role)s)", role=role)
    code, kind = parse_role(role)
    who = names.participant(code)
    if kind is RoleKind.PARTICIPANT:
        return msg("Whose signatures count: contact list of %(participant)s", participant=who)
    return msg("Whose signatures count: node keys of %(participant)s", participant=who)


def _describe(change: Change, steps: tuple[str, ...], names: Names) -> Iterator[Row]:
    """Describe a field; an object that came or went is spelled out field by field."""
    if steps[-1] in {"calendar", "terms"} and isinstance(change.new or change.old, Mapping):
        yield from _spell_out(change.kind, change.new or change.old, names, is_new=bool(change.new))
        return
    yield _compare(steps, change.old, change.new, names)


def _spell_out(
    kind: ChangeKind, content: Mapping[str, Any], names: Names, *, is_new: bool | None = None
) -> Iterator[Row]:
    """Describe each field of an entry that came or went as a whole; what it leaves open is not."""
    came = kind is ChangeKind.ADDED if is_new is None else is_new
    for field, found in content.items():
        if field in {"format", "participant"} or found is False:
            continue
        # Many entries at once are listed by their names.
        value = list(found) if field in _NAMED and isinstance(found, Mapping) else found
        if field in {"calendar", "terms"} and isinstance(value, Mapping):
            yield from _spell_out(kind, value, names, is_new=came)
            continue
        lines = _name_entries(field, value, names)
        if lines:
            was, now = ((), lines) if came else (lines, ())
            row_kind = ChangeKind.ADDED if came else ChangeKind.REMOVED
            yield Row(row_kind, say_field(field), was, now)


def _name_entries(field: str, value: Any, names: Names) -> Lines:
    if field == "authorities":
        return tuple(names.desk(str(identifier)) for identifier in value)
    return word_value(field, value, names)


def _compare(steps: tuple[str, ...], old: Any, new: Any, names: Names) -> Row:
    field = steps[-1]
    was, now = word_value(field, old, names), word_value(field, new, names)
    unchanged = 0
    if isinstance(old, list) and isinstance(new, list) and len(was) + len(now) > _MOST_LINES:
        gone = tuple(w for item, w in zip(old, was, strict=True) if item not in new)
        come = tuple(w for item, w in zip(new, now, strict=True) if item not in old)
        if gone or come:
            unchanged, was, now = len(now) - len(come), gone, come
    kind = ChangeKind.CHANGED
    if not was and not unchanged:
        kind = ChangeKind.ADDED
    elif not now and not unchanged:
        kind = ChangeKind.REMOVED
    return Row(kind, say_field(*_shown_steps(steps)), was, now, unchanged)


def _shown_steps(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what only groups fields: people read "Holidays", not "Calendar: Holidays"."""
    return steps[1:] if len(steps) > 1 and steps[0] in {"calendar", "terms"} else steps
