"""A signing file, its effects and its signatures, as the lines that a signer reads."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from contact_registry.ceremony.digest import speak_digest
from contact_registry.ceremony.effects import Effects
from contact_registry.errors import KeyFileError
from contact_registry.trust.operators import Standing
from contact_registry.trust.operators_acceptance import Examined
from contact_registry.trust.operators_signatures import Requirement
from contact_registry.trust.signers import load_public_key

_KEY_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_DIGEST_ROW: Final = 6
_SOON: Final = timedelta(days=30)
_MOST_KNOWN: Final = 500
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class KeyNames:
    """The signer's own names of keys, from public key files that the signer keeps."""

    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, folder: Path | None) -> "KeyNames":
        """Read every ``*.pub`` of a folder; raises ``KeyFileError`` if one does not read."""
        if folder is None:
            return cls()
        files = sorted(folder.glob("*.pub"))[:_MOST_KNOWN]
        if not files:
            raise KeyFileError(f"{folder} holds no public keys (*.pub): check --known.")
        return cls({load_public_key(path).key_id: path.stem for path in files})

    def show(self, line: str) -> str:
        """Return a line with the name of each known key behind its id, and nothing unprintable.

        Control characters and marks that turn text around could make a line look like another one.
        """
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
        named = _KEY_ID.sub(lambda found: self._name(found[0]), clean)
        indent = " " * (len(named) - len(named.lstrip(" -")))
        return (
            textwrap.fill(
                named,
                _WIDTH,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
                replace_whitespace=False,
            )
            if len(named) > _WIDTH
            else named
        )

    def _name(self, key_id: str) -> str:
        name = self.names.get(key_id)
        return f"{key_id} [{name}]" if name is not None else key_id


def format_file(examined: Examined, effects: Effects, standing: Standing | None) -> Iterator[str]:
    """Yield what a file does, and who has signed it.

    Its digest is left to the caller: who signs hears it from another signer.
    """
    yield _word_ground(standing)
    yield ""
    for warning in effects.warnings:
        yield f"WARNING: {warning}"
        yield ""
    if not examined.changed:
        yield "Everything in this file is published already: there is nothing to sign."
    for topic, sentences in effects.by_topic.items():
        yield f"{topic}:"
        for sentence in sentences:
            yield f"  - {sentence}"
        yield ""
    yield from format_signatures(examined.requirements)
    for role in examined.unchecked:
        yield (
            f"Not checked here: whether what {role} published before still fits. The registry host "
            "checks it before it publishes."
        )
    yield from effects.footnotes
    if examined.unchecked or effects.footnotes:
        yield ""


def _word_ground(standing: Standing | None) -> str:
    if standing is None:
        return "Compared with nothing: a new registry is founded."
    top = standing.top
    return (
        f"Compared with the registry that you hold: version {top.snapshot.version} "
        f"({top.snapshot_sha256[:16]}), signed as the newest until "
        f"{top.timestamp.expires:%Y-%m-%d %H:%M} UTC, verified from your trusted root."
    )


def format_signatures(requirements: Sequence[Requirement]) -> Iterator[str]:
    """Yield who may sign what, and who has."""
    yield "Signatures:"
    for requirement in requirements:
        who = ", the holders so far" if requirement.of_before else ""
        missing = f"{requirement.missing} more needed" if requirement.missing else "complete"
        count = f"{requirement.needed} of {len(requirement.holders)} needed"
        yield f"  {requirement.role}{who}: {count}; {missing}"
        for holder in requirement.holders:
            yield f"    {'signed' if holder in requirement.signed else '  -   '}  {holder}"
    yield ""


def format_digest(sha256: str) -> Iterator[str]:
    """Yield the digest in two rows."""
    groups = speak_digest(sha256).split()
    yield "Digest. Read it to the other signers over the telephone before anybody signs:"
    yield "  " + " ".join(groups[:_DIGEST_ROW])
    yield "  " + " ".join(groups[_DIGEST_ROW:])


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role, whose signatures count for it, and until when the present ones hold."""

    role: str
    version: int
    threshold: int
    key_ids: tuple[str, ...]
    expires: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether the signatures run out soon, or have. The registry host renews its own."""
        own = self.role in {Snapshot.type, Timestamp.type}
        return self.expires is not None and not own and self.expires < now + _SOON


def list_roles(standing: Standing) -> list[RoleLine]:
    """Return every role of the registry that is held."""
    top = standing.top
    expires = {
        Root.type: top.root.expires,
        Targets.type: top.targets.expires,
        Snapshot.type: top.snapshot.expires,
        Timestamp.type: top.timestamp.expires,
    }
    versions = {
        Root.type: top.root.version,
        Targets.type: top.targets.version,
        Snapshot.type: top.snapshot.version,
        Timestamp.type: top.timestamp.version,
    }
    lines = [
        RoleLine(
            name,
            versions[name],
            top.root.roles[name].threshold,
            tuple(top.root.roles[name].keyids),
            moment,
        )
        for name, moment in expires.items()
    ]
    delegators = [top.targets]
    read = {
        role: Metadata[Targets].from_bytes(data).signed for role, data in standing.roles.items()
    }
    delegators += read.values()
    for delegator in delegators:
        delegations = delegator.delegations
        for name, role in ((delegations.roles or {}) if delegations is not None else {}).items():
            moment = read[name].expires if name in read else None
            version = standing.version_of(name)
            lines.append(RoleLine(name, version, role.threshold, tuple(role.keyids), moment))
    return lines


def list_left(standing: Standing) -> list[tuple[str, int]]:
    """Return the roles that count no more, with their last version: their Participants left."""
    counted = {line.role for line in list_roles(standing)}
    named = {name.removesuffix(".json"): m for name, m in standing.top.snapshot.meta.items()}
    return [(name, meta.version) for name, meta in sorted(named.items()) if name not in counted]


def format_roles(standing: Standing, *, now: datetime) -> Iterator[str]:
    """Yield who holds which role, and until when its signatures hold."""
    yield _word_ground(standing)
    yield ""
    for line in list_roles(standing):
        until = (
            f"holds until {line.expires:%Y-%m-%d %H:%M} UTC"
            if line.expires is not None
            else "nothing published yet"
        )
        due = "  <- RENEW" if line.is_due(now) else ""
        count = f"{line.threshold} of {len(line.key_ids)}"
        named = f"{line.role}, version {line.version}" if line.version else line.role
        yield f"{named}: {count}; {until}{due}"
        for key_id in line.key_ids:
            yield f"    {key_id}"
    for name, version in list_left(standing):
        yield f"{name}, version {version}: no longer takes part"
