"""A registry with a past: changes, a rotated key of each kind, and a Participant that left."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import DelegatedRole, Delegations, Key, Metadata, Root, TargetFile, Targets

from contact_registry.models import ParticipantsDocument, serialize_document
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    RoleKind,
    make_delegation,
    make_tuf_key,
)
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import OnlineSigners, _sha256, _sign
from contact_registry.trust.signers import RegistrySigner
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.registry import AL, MK, RegistryWorld, make_entry, make_signer

HOUR = timedelta(hours=1)


def publish_delegations(
    world: RegistryWorld, holders: dict[ParticipantCode, Sequence[RegistrySigner]]
) -> PublishedVersion:
    """Let the operators sign who takes part, and whose directory keys count."""
    repository = world.repository
    keys: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for code, signers in holders.items():
        public = [signer.verify_key for signer in signers]
        keys |= {key.key_id: make_tuf_key(key) for key in public}
        roles[str(code)] = make_delegation(code, RoleKind.PARTICIPANT, keys=public, threshold=1)
    data = serialize_document(
        ParticipantsDocument(participants=tuple(make_entry(code) for code in holders))
    )
    top = repository.load_top()
    targets = Targets(
        version=top.targets.version + 1,
        expires=repository._after(world.expiry.targets),
        targets={
            PARTICIPANTS_PATH: TargetFile(len(data), {"sha256": _sha256(data)}, PARTICIPANTS_PATH)
        },
        delegations=Delegations(keys=keys, roles=roles),
    )
    signed = _sign(targets, world.operators)
    return repository._publish(
        top, {Targets.type: (targets.version, signed)}, {PARTICIPANTS_PATH: data}, world.online
    )


def rotate_online_key(world: RegistryWorld) -> PublishedVersion:
    """Let the operators put another online key into a new root, and publish under it."""
    old = Metadata[Root].from_bytes(world.repository.read_root()).signed
    signer: Signer = make_signer()
    for role, before in (
        ("snapshot", world.online.snapshot),
        ("timestamp", world.online.timestamp),
    ):
        old.revoke_key(before.public_key.keyid, role)
        old.add_key(signer.public_key, role)
    old.version += 1
    top = world.repository.load_top()
    world.online = OnlineSigners(snapshot=signer, timestamp=signer)
    world.repository._files.write_metadata(Root.type, old.version, _sign(old, world.operators))
    return world.repository._publish(top, {}, {}, world.online)


def make_past(folder: Path, *, begun_before: timedelta = timedelta()) -> RegistryWorld:
    """Publish, an hour apart each:

    1 the founding with AL and MK; 2 and 3 AL's contacts and keys; 4 and 5 MK's;
    6 AL's note; 7 AL's node with another signing key; 8 AL's new directory key beside the old one;
    9 AL's contacts signed with the new one; 10 the old one is gone, and so is MK;
    11 another online key.
    """  # noqa: D400 - a list is what this shows
    world = RegistryWorld(folder)
    world.clock.move(-begun_before)

    def then(_published: PublishedVersion) -> None:
        world.clock.move(HOUR)

    then(world.create())
    for code in (AL, MK):
        then(world.publish(world.contacts_submission(code)))
        then(world.publish(world.keys_submission(code)))
    then(world.publish(world.contacts_submission(AL, note="Ring twice.")))
    world.message_keys[AL] = SigningKey.generate()
    then(world.publish(world.keys_submission(AL)))
    old, new = world.directory_keys[AL], make_signer()
    then(publish_delegations(world, {AL: [old, new], MK: [world.directory_keys[MK]]}))
    world.directory_keys[AL] = new
    then(world.publish(world.contacts_submission(AL, note="Ring once.")))
    then(publish_delegations(world, {AL: [new]}))
    then(rotate_online_key(world))
    return world
