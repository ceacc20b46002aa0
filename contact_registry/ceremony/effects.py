"""What a signing file does, derived from its bytes and from the registry that the signer holds.

Nothing in a signing file says what it is for, and nothing that its preparer says is asked. Key,
threshold and expiry changes come before everything else: they decide who may change the registry
from then on. Warnings are about what a signer cannot know from verified bytes alone, and must ask
people about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tuf.api.metadata import Metadata, Role, Root, Snapshot, Targets, Timestamp

from contact_registry.ceremony.content import word_content
from contact_registry.history.naming import Names
from contact_registry.models import ListedBy, ParticipantEntry
from contact_registry.trust.layout import RoleKind, parse_role, participant_role
from contact_registry.trust.operators import Standing
from contact_registry.trust.operators_acceptance import Examined
from protocol.identifiers import ParticipantCode


class Topic(StrEnum):
    """Kinds of effects, in the order in which they are shown."""

    OPERATORS = "Who decides over the registry"
    ONLINE = "Keys of the registry host"
    PARTICIPANTS = "Who takes part, and who signs for whom"
    NODES = "Keys of nodes"
    EXPIRY = "How long signatures hold"
    CONTENT = "What is listed"


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change does: warnings first, then sentences by topic, then footnotes of names."""

    warnings: tuple[str, ...]
    by_topic: Mapping[Topic, tuple[str, ...]]
    footnotes: tuple[str, ...]


_SHORT: Final = timedelta(days=30)
_ROLES: Final = {
    Root.type: "keys and thresholds (root)",
    Targets.type: "the list of Participants (targets)",
}
_ONLINE: Final = {
    Snapshot.type: "which files belong together (snapshot)",
    Timestamp.type: "which state is the newest (timestamp)",
}
_NO_ROLE: Final = Role([], 1)


def derive_effects(examined: Examined, standing: Standing | None, *, now: datetime) -> Effects:
    """Return what publishing this change would do to the registry that is held."""
    return _Deriving(examined, standing, now).run()


class _Deriving:
    """One run over one examined change."""

    def __init__(self, examined: Examined, standing: Standing | None, now: datetime) -> None:
        self._after = examined
        self._before = standing
        self._now = now
        self._warnings: list[str] = []
        self._found: dict[Topic, list[str]] = {topic: [] for topic in Topic}
        held = standing.entries if standing is not None else ()
        self._held = {entry.code: entry for entry in held}
        self._listed = {entry.code: entry for entry in examined.entries}
        self._names = Names((*held, *examined.entries))

    def run(self) -> Effects:
        """Derive all effects, topic by topic."""
        self._warn_of_copy()
        if Root.type in self._after.changed:
            self._tell_operators()
            self._tell_online()
        self._tell_expiry()
        self._tell_participants()
        if Targets.type in self._after.changed or Root.type in self._after.changed:
            self._warn_of_shared_keys()
        for role in self._after.changed:
            if role not in {Root.type, Targets.type}:
                self._tell_role(role)
        self._found[Topic.CONTENT] += word_content(self._after, self._before, self._names)
        return Effects(
            warnings=tuple(self._warnings),
            by_topic={topic: tuple(lines) for topic, lines in self._found.items() if lines},
            footnotes=tuple(self._names.footnotes()),
        )

    def _say(self, topic: Topic, sentence: str) -> None:
        self._found[topic].append(sentence)

    def _warn(self, sentence: str) -> None:
        self._warnings.append(sentence)

    # ------------------------------------------------------------------ the registry that is held

    def _warn_of_copy(self) -> None:
        if self._before is None:
            self._warn(
                "You compare with nothing: this founds a registry. Every key id below must be "
                "compared with its holder, by voice or in person, before anybody signs."
            )
            return
        top = self._before.top
        if top.timestamp.expires <= self._now:
            self._warn(
                f"The registry that you hold was signed as the newest until "
                f"{_show(top.timestamp.expires)} and no longer: it may be an old copy. Ask the "
                f"other operators whether version {top.snapshot.version} is the newest that they "
                "see, or fetch it again."
            )
        if len(self._after.changed) < len(self._after.parts):
            self._say(
                Topic.EXPIRY,
                "Published already, and not touched: "
                + ", ".join(r for r in self._after.parts if r not in self._after.changed),
            )

    # ------------------------------------------------------------------ root

    def _tell_operators(self) -> None:
        for whats, old, new in self._pair(_ROLES):
            what = f"Who decides over {' and '.join(whats)}"
            self._tell_holders(Topic.OPERATORS, what, old, new)
            self._warn_of_majority(what, old, new)
            self._warn_of_new_keys(what, old, new)

    def _warn_of_majority(self, what: str, old: Role, new: Role) -> None:
        """Warn where a few, or only new ones, can decide."""
        if new.threshold == 1:
            self._warn(
                f"{what}: one person alone. A single stolen key will be enough to change it."
            )
        elif 2 * new.threshold <= len(new.keyids):
            self._warn(
                f"{what}: {new.threshold} of {len(new.keyids)} is not more than half. Two groups "
                "that share nobody could each sign, and nobody would notice that the registry is "
                "told in two ways. Let more than half sign."
            )
        if not old.keyids:
            return
        stay = set(new.keyids) & set(old.keyids)
        if len(stay) < old.threshold:
            self._warn(
                f"{what}: of those so far, fewer stay than were needed. This hands the registry to "
                "others; be certain that it is what you all decided."
            )
        elif len(new.keyids) - len(stay) >= new.threshold:
            self._warn(
                f"{what}: those who are added are enough by themselves, without any of you. This "
                "hands the registry to others; be certain that it is what you all decided."
            )

    def _tell_online(self) -> None:
        for whats, old, new in self._pair(_ONLINE):
            what = f"The key that says {' and '.join(whats)}"
            self._tell_holders(Topic.ONLINE, what, old, new)
            self._warn_of_new_keys(what, old, new)

    def _pair(self, roles: Mapping[str, str]) -> list[tuple[list[str], Role, Role]]:
        """Return what roles decide over, before and after; roles of the same keys together."""
        before = self._before.top.root.roles if self._before is not None else {}
        pairs: list[tuple[list[str], Role, Role]] = []
        for name, what in roles.items():
            old, new = before.get(name, _NO_ROLE), self._after.root.roles[name]
            alike = next((whats for whats, *both in pairs if both == [old, new]), None)
            if alike is not None:
                alike.append(what)
            else:
                pairs.append(([what], old, new))
        return pairs

    def _warn_of_new_keys(self, what: str, old: Role, new: Role) -> None:
        added = [keyid for keyid in new.keyids if keyid not in old.keyids]
        if old.keyids and added:
            self._warn(
                f"{what}: {_keys(added)} was named by whoever prepared this file. Have its holder "
                "read the key id to you, by voice or in person, before you sign."
            )

    def _tell_holders(self, topic: Topic, what: str, old: Role, new: Role) -> None:
        if not old.keyids:
            self._say(topic, f"{what}: {_holders(new)}.")
            return
        for keyid in new.keyids:
            if keyid not in old.keyids:
                self._say(topic, f"{what}: key {keyid} is ADDED.")
        for keyid in old.keyids:
            if keyid not in new.keyids:
                self._say(topic, f"{what}: key {keyid} is TAKEN AWAY.")
        if (old.threshold, len(old.keyids)) != (new.threshold, len(new.keyids)):
            self._say(
                topic,
                f"{what}: {new.threshold} of {len(new.keyids)} signatures are needed from now on; "
                f"so far {old.threshold} of {len(old.keyids)}.",
            )
        if new.threshold < old.threshold:
            self._warn(f"{what}: fewer signatures than so far will be enough.")

    # ------------------------------------------------------------------ expiry

    def _tell_expiry(self) -> None:
        for role in self._after.changed:
            expires = self._after.parts[role].signed.expires
            old = self._before.file_of(role) if self._before is not None else None
            so_far = (
                f"; so far until {_show(Metadata.from_bytes(old).signed.expires)}" if old else ""
            )
            version = self._after.parts[role].signed.version
            self._say(
                Topic.EXPIRY, f"{role}, version {version}: holds until {_show(expires)}{so_far}."
            )
            if expires < self._now + _SHORT:
                self._warn(f"The signatures of {role} run out within {_SHORT.days} days.")

    # ------------------------------------------------------------------ Participants

    def _tell_participants(self) -> None:
        for code, entry in self._listed.items():
            new = self._delegation(self._after.targets, code)
            if code in self._held and self._before is not None:
                old = self._delegation(self._before.top.targets, code)
                what = f"Who signs for {self._names.show(code)}"
                self._tell_hands(entry, self._held[code])
                self._tell_holders(Topic.PARTICIPANTS, what, old, new)
                if not set(old.keyids) & set(new.keyids):
                    self._warn(
                        f"All who sign for {self._names.show(code)} change. Ask this Participant "
                        "for the new key ids over a telephone number that you know. If the old key "
                        "was stolen, numbers in its contact list may be the thief's, and so may "
                        "what stays as it is: its contacts, and its node's key."
                    )
                else:
                    self._warn_of_new_keys(what, old, new)
            else:
                self._tell_arrival(entry, new)
        for code in self._held:
            if code not in self._listed:
                self._say(
                    Topic.PARTICIPANTS,
                    f"{self._names.show(code)} LEAVES: its contacts and its node's keys are no "
                    "longer listed, and nobody can send to it or hear from it.",
                )

    def _tell_arrival(self, entry: ParticipantEntry, role: Role) -> None:
        who = self._names.show(entry.code)
        returns = self._before is not None and bool(self._before.version_of(str(entry.code)))
        holder = (
            "the operators hold this key for it"
            if entry.directory_key_held_by is ListedBy.OPERATOR
            else "its own people hold this key"
        )
        self._say(
            Topic.PARTICIPANTS,
            f"{who} {'RETURNS' if returns else 'TAKES PART'}. Its contacts are signed by "
            f"{_holders(role)} ({holder}).",
        )
        self._warn(
            f"Compare the key that signs for {who} with this Participant's people, by voice: "
            "nothing that you hold vouches for it."
        )

    def _tell_hands(self, entry: ParticipantEntry, before: ParticipantEntry) -> None:
        """Tell whose hands are said to hold a directory key from now on."""
        if entry.directory_key_held_by is before.directory_key_held_by:
            return
        who = self._names.show(entry.code)
        self._say(
            Topic.PARTICIPANTS,
            f"{who}: its directory key is held by the {entry.directory_key_held_by} from now on, "
            f"so far by the {before.directory_key_held_by}.",
        )

    def _warn_of_shared_keys(self) -> None:
        """Warn where a key that a Participant's people hold, as it is said, is another's too."""
        operators = {keyid for name in _ROLES for keyid in self._after.root.roles[name].keyids}
        seen: dict[str, ParticipantCode] = {}
        for code, entry in self._listed.items():
            for keyid in self._delegation(self._after.targets, code).keyids:
                if entry.directory_key_held_by is ListedBy.PARTICIPANT and (
                    keyid in operators or keyid in seen
                ):
                    whose = "an operator" if keyid in operators else self._names.show(seen[keyid])
                    self._warn(
                        f"The key {keyid}, which the people of {self._names.show(code)} are said "
                        f"to hold alone, is also that of {whose}."
                    )
                seen.setdefault(keyid, code)

    def _delegation(self, targets: Targets, code: ParticipantCode) -> Role:
        delegations = targets.delegations
        role = (delegations.roles or {}).get(participant_role(code)) if delegations else None
        return role if role is not None else _NO_ROLE

    # ------------------------------------------------------------------ Participants' own parts

    def _tell_role(self, role: str) -> None:
        code, kind = parse_role(role)
        who = self._names.show(code)
        if kind is RoleKind.NODE:
            self._say(
                Topic.NODES,
                f"The keys that messages to {who} are sealed for, and that its messages are signed "
                "with, are replaced by those in this file.",
            )
            self._warn(f"Only {who} itself can say whether these are its node's keys: ask it.")
            return
        old, new = _node_role(self._old_role(code)), _node_role(self._after.roles[role])
        for keyid in new.keyids:
            if keyid in old.keyids:
                self._say(Topic.NODES, f"{who}: its node's key {keyid} stays.")
            else:
                self._say(Topic.NODES, f"{who}: the key {keyid} is ADDED as its node's.")
        for keyid in old.keyids:
            if keyid not in new.keyids:
                self._say(Topic.NODES, f"{who}: its node's key {keyid} is TAKEN AWAY.")
        if not new.keyids:
            self._say(Topic.NODES, f"{who}: it has no node.")
        elif new.threshold > 1:
            self._say(Topic.NODES, f"{who}: {new.threshold} of its node's keys must sign.")
        held = self._before.directory.contacts.get(code) if self._before is not None else None
        if held == self._after.contacts[code]:
            self._say(Topic.CONTENT, f"{who}: its contacts stay as they are, signed anew.")
        self._warn_of_node_keys(code, [k for k in new.keyids if k not in old.keyids])

    def _warn_of_node_keys(self, code: ParticipantCode, unknown: Sequence[str]) -> None:
        if not unknown:
            return
        who = self._names.show(code)
        why = (
            f"{who} did not take part until now, so the registry that you hold vouches for none of "
            "its keys."
            if code not in self._held
            else "The registry that you hold does not list it."
        )
        self._warn(
            f"WHOSE NODE IS IT? As the node of {who}, {_keys(unknown)} was named by whoever "
            f"prepared this file. {why} Whoever holds it reads what is sent to {who}. Have its "
            "people read the key id of their own node to you (trm-node registry-key) before you "
            "sign."
        )

    def _old_role(self, code: ParticipantCode) -> Targets | None:
        data = self._before.roles.get(participant_role(code)) if self._before is not None else None
        return Metadata[Targets].from_bytes(data).signed if data is not None else None


def _node_role(role: Targets | None) -> Role:
    """Return whose signatures count for a Participant's node; nobody's if it has none."""
    if role is None or role.delegations is None:
        return _NO_ROLE
    return next(iter((role.delegations.roles or {}).values()), _NO_ROLE)


def _holders(role: Role) -> str:
    if len(role.keyids) == 1:
        return f"the key {role.keyids[0]}"
    return f"{role.threshold} of the {len(role.keyids)} keys {', '.join(role.keyids)}"


def _keys(keyids: Sequence[str]) -> str:
    return f"{'the key' if len(keyids) == 1 else 'each of the keys'} {', '.join(keyids)}"


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
