"""Comparing what two Participants were shown of the registry (SPEC section 12).

Every message names the version of the registry its sender acted on, and the hash of that version's
snapshot. A registry host that shows one Participant another directory than the rest has to keep
doing so, and each message between the two sides of the split then names two hashes for one version.

How much a difference proves depends on who saw what:

- *certain* that two registries exist, or that the sender's node is at fault: the message, signed by
  its sender, names another hash than the one that this node verified itself.
- *suspected*: two peers name different hashes for a version that this node never had. Each is one
  Participant's word, and this node cannot say which of them was misled.

A pin of a version that is not known here proves nothing by itself. It is remembered, and judged
when this node verifies that version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from protocol.errors import LocalProtocolError
from protocol.identifiers import ParticipantCode

#: Versions that are remembered of each, the newest ones: the registry changes some times a day, and
#: messages live for three weeks.
REMEMBERED: Final = 1024


class Pin(Protocol):
    """What a message says about the registry (:class:`protocol.messages.head.RegistryPin`)."""

    @property
    def version(self) -> int:
        """Of the snapshot role."""
        ...

    @property
    def sha256(self) -> str:
        """Of the snapshot file, hex."""
        ...


class PinVerdict(StrEnum):
    """How a pin compares with what is known."""

    SAME = "same"
    CONFLICT = "conflict"
    #: Newer than anything known: refreshing the registry will tell.
    NEWER = "newer"
    #: Older than anything remembered.
    OLDER = "older"
    #: Between known versions: this node never saw that one.
    UNKNOWN_VERSION = "unknown_version"


def judge_pin(pin: Pin, known: Mapping[int, str]) -> PinVerdict:
    """Compare a pin with versions and hashes that are known; says nothing about who is right."""
    held = known.get(pin.version)
    if held is not None:
        return PinVerdict.SAME if held == pin.sha256 else PinVerdict.CONFLICT
    if not known or pin.version > max(known):
        return PinVerdict.NEWER
    return PinVerdict.OLDER if pin.version < min(known) else PinVerdict.UNKNOWN_VERSION


@dataclass(frozen=True, slots=True)
class PinConflict:
    """Two hashes for one version."""

    version: int
    #: What was verified here, or what the first peer named.
    held: str
    named: str
    #: Who named the second, and who the first: ``None`` is this node.
    named_by: ParticipantCode
    held_by: ParticipantCode | None

    @property
    def is_certain(self) -> bool:
        """Whether one of the two was verified here, rather than both named by others."""
        return self.held_by is None


@dataclass(frozen=True, slots=True)
class PinBook:
    """What this node knows of versions and hashes: verified by itself, and named by each peer."""

    verified: Mapping[int, str] = field(default_factory=dict)
    named: Mapping[ParticipantCode, Mapping[int, str]] = field(default_factory=dict)

    def verify(self, version: int, sha256: str) -> tuple["PinBook", tuple[PinConflict, ...]]:
        """Remember a version that this node verified; returns what peers named otherwise before.

        Raises ``LocalProtocolError`` if this node verified another hash for it before: its registry
        client refuses that, so something is wrong with the node itself.
        """
        if self.verified.get(version, sha256) != sha256:
            raise LocalProtocolError(
                f"Registry version {version} was verified with two hashes: stop this node, and "
                "compare its registry cache with another Participant's."
            )
        conflicts = tuple(
            PinConflict(version, held=sha256, named=other, named_by=peer, held_by=None)
            for peer, other in self._list_named(version)
            if other != sha256
        )
        return replace(self, verified=_keep({**self.verified, version: sha256})), conflicts

    def hear(self, peer: ParticipantCode, pin: Pin) -> tuple["PinBook", tuple[PinConflict, ...]]:
        """Remember what a verified message of ``peer`` names; returns what that conflicts with.

        Against a hash that was verified here there is one conflict at most, and it is certain.
        Otherwise there is one for each peer that named another hash, all of them suspected; a peer
        that contradicts itself is among them.
        """
        version, named = pin.version, pin.sha256
        held = self.verified.get(version)
        if held is not None:
            against: list[tuple[ParticipantCode | None, str]] = [(None, held)]
        else:
            against = list(self._list_named(version))
        conflicts = tuple(
            PinConflict(version, held=other, named=named, named_by=peer, held_by=who)
            for who, other in against
            if other != named
        )
        heard = self.named.get(peer, {})
        if version in heard:  # the first word stays: another one is a conflict, not a correction
            return self, conflicts
        return (
            replace(self, named={**self.named, peer: _keep({**heard, version: named})}),
            conflicts,
        )

    def _list_named(self, version: int) -> Iterator[tuple[ParticipantCode, str]]:
        for peer, heard in sorted(self.named.items()):
            if version in heard:
                yield peer, heard[version]


def _keep(versions: Mapping[int, str]) -> Mapping[int, str]:
    """Keep the newest; a peer that invents versions pushes out its own words only."""
    return {version: versions[version] for version in sorted(versions)[-REMEMBERED:]}
