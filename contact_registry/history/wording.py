"""The difference of two versions in plain sentences, one for each change, for the operators."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from contact_registry.directory import Directory
from contact_registry.history.comparing import Change, ChangeKind, Difference
from contact_registry.history.naming import Names
from contact_registry.trust.layout import RoleKind, node_role, parse_role, participant_role
from protocol.identifiers import ParticipantCode

#: Longer texts, such as notes, are shown by their beginning; the data has all of them.
LONGEST_TEXT: Final = 160
_PARTICIPANT, _ENTRY = 2, 4  # steps of the path of a Participant's part, and of a named entry
_ENTRIES: Final = {
    "authorities": "desk",
    "agreements": "agreement",
    "signing_keys": "signing key",
    "encryption_keys": "encryption key",
}
_OWN_ROLES: Final = {
    "root": "held by the operators",
    "targets": "held by the operators",
    "snapshot": "held by the registry host",
    "timestamp": "held by the registry host",
}
_LABELS: Final = {"available_24_7": "answering around the clock"}
_PARTS: Final = {"contacts": "contact list", "keys": "list of node keys"}


def word_difference(difference: Difference) -> list[str]:
    """Return the difference in sentences, then the footnotes that the names in them need."""
    names = Names((*difference.old.participants, *difference.new.participants))
    writer = _Writer(difference.old, difference.new, names)
    sentences = [writer.word(change) for change in difference.changes]
    return [*(sentences or ["Nothing differs."]), *names.footnotes()]


class _Writer:
    def __init__(self, old: Directory, new: Directory, names: Names) -> None:
        self._old = old
        self._new = new
        self._names = names

    def word(self, change: Change) -> str:
        """Return the sentence of one change."""
        section, code = change.path[:_PARTICIPANT]
        if section == "signers":
            return f"{self._name_role(code)}: {self._word_signers(change)}."
        if len(change.path) == _PARTICIPANT:
            return self._word_part(change, section, code)
        who = self._names.show(code)
        if len(change.path) >= _ENTRY and change.path[2] in _ENTRIES:
            kind, name = change.path[2], change.path[3]
            what = f"{_ENTRIES[kind]} {self._name_entry(kind, code, name)}"
            if len(change.path) == _ENTRY:
                return f"{who}: {what} {self._came_or_went(change, kind)}."
            return f"{who}, {what}: {self._word_field(change, change.path[_ENTRY:])}."
        return f"{who}: {self._word_field(change, change.path[_PARTICIPANT:])}."

    def _word_part(self, change: Change, section: str, code: str) -> str:
        """Word a Participant, its contact list or its node's keys as a whole."""
        who, added = self._names.show(code), change.kind is ChangeKind.ADDED
        if section == "participants":
            return f"{who} {'takes part' if added else 'no longer takes part'}."
        content = change.new if added else change.old
        size = ", ".join(_count(content[k], what) for k, what in _ENTRIES.items() if k in content)
        if added:
            return f"{who}: its {_PARTS[section]} is published ({size})."
        ran_out = section == "keys" and self._is_overdue(ParticipantCode(code))
        why = ", because its signature had run out" if ran_out else ""
        return f"{who}: its {_PARTS[section]} is no longer in force{why} ({size})."

    def _name_role(self, role: str) -> str:
        if role in _OWN_ROLES:
            return f"The registry's {role} ({_OWN_ROLES[role]})"
        code, kind = parse_role(role)
        what = "contact list" if kind is RoleKind.PARTICIPANT else "list of node keys"
        return f"{self._names.show(code)}, who signs its {what}"

    def _word_signers(self, change: Change) -> str:
        if len(change.path) > _PARTICIPANT:
            return self._word_field(change, change.path[_PARTICIPANT:])
        signers = change.new if change.kind is ChangeKind.ADDED else change.old
        keys = ", ".join(signers["key_ids"])
        came = "named" if change.kind is ChangeKind.ADDED else "no longer named"
        return f"{came}: {signers['threshold']} of the keys {keys}"

    def _is_overdue(self, code: ParticipantCode) -> bool:
        return bool({participant_role(code), node_role(code)} & set(self._new.overdue))

    def _name_entry(self, kind: str, code: str, name: str) -> str:
        if kind != "authorities":
            return name
        for directory in (self._new, self._old):
            document = directory.contacts.get(ParticipantCode(code))
            for authority in document.authorities if document else ():
                if authority.id == name:
                    return f"{authority.name} ({name})"
        return name

    def _came_or_went(self, change: Change, kind: str) -> str:
        if change.kind is ChangeKind.REMOVED:
            return "is no longer listed"
        if kind == "agreements":
            terms = change.new["terms"]
            parties = " and ".join(self._names.show(party) for party in terms["parties"])
            return f"is stated: {terms['instrument']}, between {parties}"
        if kind == "authorities":
            return "is listed"
        until = change.new["valid_to"]
        return f"is listed, valid from {change.new['valid_from']}" + (
            f" to {until}" if until else ""
        )

    def _word_field(self, change: Change, steps: Sequence[str]) -> str:
        label = " of ".join(_LABELS.get(s, s.replace("_", " ")) for s in reversed(steps))
        old, new = change.old, change.new
        if isinstance(old, list) and isinstance(new, list):
            return f"{label}: {self._word_items(old, new, _ITEMS.get(steps[-1]))}"
        if _is_nothing(old):
            return f"{label} is now {self._plain(new)}; there was none before"
        if _is_nothing(new):
            return f"{label} is taken out; it was {self._plain(old)}"
        return f"{label} is now {self._plain(new)}; it was {self._plain(old)}"

    def _word_items(
        self, old: list[Any], new: list[Any], show: Callable[[Mapping[str, Any]], str] | None
    ) -> str:
        shown = show or self._plain
        gone = [f"{shown(item)} removed" for item in old if item not in new]
        come = [f"{shown(item)} added" for item in new if item not in old]
        return "; ".join((*come, *gone)) or f"now in the order {self._plain(new)}"

    def _plain(self, value: Any) -> str:
        """Return any value of a document in words."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Mapping):
            told = ((key, item) for key, item in value.items() if not _is_nothing(item))
            return ", ".join(f"{key.replace('_', ' ')} {self._plain(item)}" for key, item in told)
        if isinstance(value, list):
            return ", ".join(self._plain(item) for item in value)
        text = " ".join(str(value).split())
        if self._names.knows(text):
            return self._names.show(text)
        shown = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
        return f"“{shown}”" if isinstance(value, str) else shown


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _count(entries: Mapping[str, Any], what: str) -> str:
    return f"{len(entries)} {what}{'' if len(entries) == 1 else 's'}"


def _show_telephone(item: Mapping[str, Any]) -> str:
    number = item["e164"] or item["as_listed"]
    extension = f" extension {item['extension']}" if item["extension"] else ""
    limit = ", works inside this Participant only" if item["national_only"] else ""
    return f"{item['kind'].replace('_', ' ')} {number}{extension}{limit}"


def _show_competence(item: Mapping[str, Any]) -> str:
    people = {"adult": "adults", "child": "children"}.get(item["person_group"], "any age")
    place = f" in {item['place']}" if item["place"] else ""
    phase, channel = (item[k].replace("_", " ") for k in ("phase", "channel"))
    measure = f" (“{item['measure_as_listed']}”)" if item["measure_as_listed"] else ""
    return f"{phase} for {people}{place}, channel {channel}{measure}"


def _show_schedule(item: Mapping[str, Any]) -> str:
    span = (f" {w} {item[k]}" for w, k in (("from", "valid_from"), ("to", "valid_to")) if item[k])
    return f"{' '.join(item['byday'])} {item['opens_at']}-{item['closes_at']}{''.join(span)}"


_ITEMS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "telephones": _show_telephone,
    "competences": _show_competence,
    "schedules": _show_schedule,
}
