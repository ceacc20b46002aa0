"""The procedures: each returns the unsigned parts of one ceremony, ready to be signed.

Whoever prepares needs no key and is not trusted: signers derive what a file does from its bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from tuf.api.metadata import Metadata, Root, Targets

from contact_registry.ceremony.shapes import Holders, RootShape, TargetsShape, read_key
from contact_registry.errors import RegistryError
from contact_registry.models import ContactsDocument, ParticipantEntry
from contact_registry.trust.layout import PARTICIPANTS_PATH, ExpiryPeriods, node_role
from contact_registry.trust.operators import OperatorsChange, Standing
from contact_registry.trust.submitting import Submission, build_contacts_submission
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey

_EXPIRY: Final = ExpiryPeriods()


@dataclass(frozen=True, slots=True)
class Periods:
    """From when, and for how long, the signatures are to hold."""

    now: datetime
    root: timedelta = _EXPIRY.root
    targets: timedelta = _EXPIRY.targets
    contacts: timedelta = _EXPIRY.delegations

    def until(self, span: timedelta) -> datetime:
        """Return when signatures of this span run out."""
        return (self.now + span).astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What a Participant signs itself within a ceremony.

    ``contacts`` None leaves the published list as it is, as far as that can stay; ``node_keys``
    None keeps the node's keys; ``keys`` is the node's own statement, signed by it.
    """

    contacts: ContactsDocument | None = None
    node_keys: tuple[VerifyKey, ...] | None = None
    keys: Submission | None = None


@dataclass(frozen=True, slots=True)
class OperatorsEdit:
    """A change of who holds root and targets; thresholds of None stay as they are."""

    add: tuple[VerifyKey, ...] = ()
    remove: frozenset[str] = frozenset()
    threshold: int | None = None
    roles: frozenset[str] = field(default=frozenset({Root.type, Targets.type}))


def prepare_founding(
    shape: RootShape, participants: Sequence[tuple[ParticipantEntry, Holders]], periods: Periods
) -> OperatorsChange:
    """Found a registry with these operators, and with Participants or without."""
    targets = TargetsShape((), MappingProxyType({}))
    for entry, holders in participants:
        targets = targets.admit(entry, holders)
    root = shape.write(version=1, expires=periods.until(periods.root))
    data, document = targets.write(version=1, expires=periods.until(periods.targets))
    return _change({Root.type: root, Targets.type: data}, {PARTICIPANTS_PATH: document})


def prepare_admission(
    standing: Standing,
    entry: ParticipantEntry,
    holders: Holders,
    *,
    own: OwnParts,
    periods: Periods,
) -> OperatorsChange:
    """Admit a Participant, or take one back that had left: then with its contacts, signed anew."""
    if standing.directory.participant(entry.code) is not None:
        raise RegistryError(
            f"{entry.code} takes part already: change its key with directory-key instead."
        )
    if standing.version_of(str(entry.code)) and own.contacts is None:
        raise RegistryError(
            f"{entry.code} took part before: bring its contacts with --contacts, so that its "
            "people sign them anew and nothing old comes back unseen."
        )
    shape = TargetsShape.read(standing).admit(entry, holders)
    parts, documents = _write_targets(standing, shape, periods)
    _add_own(standing, entry.code, own, periods, (parts, documents))
    return _change(parts, documents)


def prepare_departure(
    standing: Standing, code: ParticipantCode, periods: Periods
) -> OperatorsChange:
    """Let a Participant leave; its files stay in the registry's past."""
    require_listed(standing, code)
    return _change(*_write_targets(standing, TargetsShape.read(standing).leave_out(code), periods))


def prepare_directory_key(
    standing: Standing,
    entry: ParticipantEntry,
    holders: Holders,
    *,
    own: OwnParts,
    periods: Periods,
) -> OperatorsChange:
    """Replace the keys that sign for a Participant; its contacts are signed anew with them.

    ``entry`` is the published one, or differs from it in who holds the key.
    """
    code = entry.code
    shape = TargetsShape.read(standing).admit(entry, holders)
    parts, documents = _write_targets(standing, shape, periods)
    if standing.version_of(str(code)):
        published = standing.directory.contacts[code]
        own = replace(
            own,
            contacts=own.contacts or published,
            node_keys=_held_node_keys(standing, code) if own.node_keys is None else own.node_keys,
        )
    _add_own(standing, code, own, periods, (parts, documents))
    return _change(parts, documents)


def prepare_node_key(
    standing: Standing, code: ParticipantCode, *, own: OwnParts, periods: Periods
) -> OperatorsChange:
    """Replace the keys of a Participant's node in one step: its people and its node sign alone."""
    require_listed(standing, code)
    if own.node_keys is None or own.keys is None:
        raise RegistryError("Bring the new node's key and what it signed: --node-key, --keys.")
    if code not in standing.directory.contacts:
        raise RegistryError(f"{code} has published no contacts yet: publish them with the key.")
    parts: dict[str, bytes] = {}
    documents: dict[str, bytes] = {}
    own = replace(own, contacts=own.contacts or standing.directory.contacts[code])
    _add_own(standing, code, own, periods, (parts, documents))
    return _change(parts, documents)


def prepare_operators(standing: Standing, edit: OperatorsEdit, periods: Periods) -> OperatorsChange:
    """Change who holds root and targets, or how many must sign; targets are signed anew too."""
    before = RootShape.read(standing.top.root)
    unknown = edit.remove - {*before.root.key_ids(), *before.targets.key_ids()}
    if unknown:
        raise RegistryError(
            f"No operator holds the key {', '.join(sorted(unknown))}: see trm-registry ceremony "
            "keys."
        )

    def change(name: str, held: Holders) -> Holders:
        if name not in edit.roles:
            return held
        return held.change(add=edit.add, remove=edit.remove, threshold=edit.threshold)

    shape = replace(
        before,
        root=change(Root.type, before.root),
        targets=change(Targets.type, before.targets),
    )
    if shape == before:
        raise RegistryError("Nothing would change: name keys to add or remove, or a threshold.")
    parts = _write_root(standing, shape, periods)
    documents: dict[str, bytes] = {}
    if shape.targets != before.targets:
        more, documents = _write_targets(standing, TargetsShape.read(standing), periods)
        parts |= more
    return _change(parts, documents)


def prepare_online_key(standing: Standing, key: VerifyKey, periods: Periods) -> OperatorsChange:
    """Replace the registry host's online key, for snapshot and timestamp both."""
    before = RootShape.read(standing.top.root)
    if key.key_id in {before.snapshot.key_id, before.timestamp.key_id}:
        raise RegistryError("This is the present online key: make a new one on the registry host.")
    shape = replace(before, snapshot=key, timestamp=key)
    return _change(_write_root(standing, shape, periods), {})


def prepare_renewal(
    standing: Standing, periods: Periods, *, roles: frozenset[str]
) -> OperatorsChange:
    """Sign root, targets or both again as they are, before their signatures run out."""
    parts: dict[str, bytes] = {}
    documents: dict[str, bytes] = {}
    if Root.type in roles:
        parts |= _write_root(standing, RootShape.read(standing.top.root), periods)
    if Targets.type in roles:
        more, documents = _write_targets(standing, TargetsShape.read(standing), periods)
        parts |= more
    return _change(parts, documents)


def _write_root(standing: Standing, shape: RootShape, periods: Periods) -> dict[str, bytes]:
    version = standing.version_of(Root.type) + 1
    return {Root.type: shape.write(version=version, expires=periods.until(periods.root))}


def _write_targets(
    standing: Standing, shape: TargetsShape, periods: Periods
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    data, document = shape.write(
        version=standing.version_of(Targets.type) + 1, expires=periods.until(periods.targets)
    )
    return {Targets.type: data}, {PARTICIPANTS_PATH: document}


def _add_own(
    standing: Standing,
    code: ParticipantCode,
    own: OwnParts,
    periods: Periods,
    into: tuple[dict[str, bytes], dict[str, bytes]],
) -> None:
    """Add what the Participant itself signs."""
    parts, documents = into
    if own.contacts is not None:
        if own.contacts.participant != code:
            raise RegistryError(
                f"--contacts holds those of {own.contacts.participant}, not of {code}."
            )
        submission = build_contacts_submission(
            own.contacts,
            previous_version=standing.version_of(str(code)),
            signers=(),
            expires=periods.until(periods.contacts),
            node_keys=own.node_keys or (),
        )
        parts[submission.role] = submission.metadata
        documents |= submission.targets
    if own.keys is not None:
        if own.keys.role != node_role(code):
            raise RegistryError(f"--keys was made by {own.keys.role}, not by the node of {code}.")
        parts[own.keys.role] = own.keys.metadata
        documents |= own.keys.targets


def _held_node_keys(standing: Standing, code: ParticipantCode) -> tuple[VerifyKey, ...]:
    delegations = Metadata[Targets].from_bytes(standing.roles[str(code)]).signed.delegations
    return tuple(read_key(key) for key in delegations.keys.values()) if delegations else ()


def require_listed(standing: Standing, code: ParticipantCode) -> ParticipantEntry:
    """Return the entry of a Participant that takes part, or say that it does not."""
    entry = standing.directory.participant(code)
    if entry is None:
        raise RegistryError(f"{code} does not take part: check the code.")
    return entry


def _change(parts: Mapping[str, bytes], documents: Mapping[str, bytes]) -> OperatorsChange:
    return OperatorsChange(MappingProxyType(dict(parts)), MappingProxyType(dict(documents)))
