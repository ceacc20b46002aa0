"""A whole signed registry as one JSON tree that a fuzzer changes, and everybody's keys to sign it.

The threat is not a stranger, whom signatures stop at once, but an operator, a Participant or a
registry host that signs nonsense with a good key. So whatever the tree says is signed again, and
where it says ``"pin"`` for a hash the right length and hash are put in: a change deep inside
reaches the rule that is about it.
"""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from contact_registry.errors import RegistryRefusedError
from contact_registry.models import (
    AnyDocument,
    BrokerIdentity,
    EncryptionKeyEntry,
    KeysDocument,
    ParticipantsDocument,
    SigningKeyEntry,
    serialize_document,
)
from contact_registry.trust.layout import (
    RoleKind,
    contacts_path,
    keys_path,
    make_delegation,
    make_tuf_key,
)
from contact_registry.trust.signers import RegistrySigner
from protocol.identifiers import ParticipantCode
from protocol.sealing import OpeningKey
from protocol.signing import SigningKey
from tests.support.registry import ACCOUNT_KEY, make_contacts, make_entry

Universe = dict[str, Any]

AL: Final = ParticipantCode("AL")
AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_SIGNER: Final = RegistrySigner(SigningKey(b"r" * 32))
_EXPIRES: Final = AT + timedelta(days=30)
_PIN: Final = {"sha256": "pin"}


def _describe_documents() -> dict[str, Any]:
    keys = KeysDocument(
        participant=AL,
        issued_at=AT,
        signing_keys=(
            SigningKeyEntry.of(
                SigningKey(b"s" * 32).verify_key, valid_from=AT, valid_to=AT + timedelta(days=700)
            ),
        ),
        encryption_keys=(
            EncryptionKeyEntry.of(
                OpeningKey(bytes(range(96))).recipient_key.public,
                valid_from=AT,
                valid_to=AT + timedelta(days=7),
            ),
        ),
        broker=BrokerIdentity.of(AL, ACCOUNT_KEY),
    )
    documents: dict[str, AnyDocument] = {
        "participants.json": ParticipantsDocument(participants=(make_entry(AL),)),
        contacts_path(AL): make_contacts(AL, note="Ring twice."),
        keys_path(AL): keys,
    }
    return {path: json.loads(serialize_document(each)) for path, each in documents.items()}


def _delegations(kind: RoleKind) -> Delegations:
    role = make_delegation(AL, kind, keys=(_SIGNER.verify_key,), threshold=1)
    key = make_tuf_key(_SIGNER.verify_key)
    return Delegations(keys={key.keyid: key}, roles={role.name: role})


def _targets(path: str, delegations: Delegations | None) -> dict[str, Any]:
    target = TargetFile(length=1, hashes=dict(_PIN), path=path)
    signed = Targets(version=1, expires=_EXPIRES, targets={path: target}, delegations=delegations)
    return signed.to_dict()


def _describe_universe() -> Universe:
    key = make_tuf_key(_SIGNER.verify_key)
    roles = {name: Role([key.keyid], 1) for name in ("root", "timestamp", "snapshot", "targets")}
    files = ("targets.json", "AL.json", "AL-node.json")
    meta = {name: MetaFile(1, length=1, hashes=dict(_PIN)) for name in files}
    root = Root(version=1, expires=_EXPIRES, keys={key.keyid: key}, roles=roles)
    newer = Root(version=2, expires=_EXPIRES, keys={key.keyid: key}, roles=roles)
    pinned = MetaFile(1, length=1, hashes=dict(_PIN))
    return {
        "trusted_root": root.to_dict(),
        "roots": [newer.to_dict()],
        "timestamp": Timestamp(1, expires=_EXPIRES, snapshot_meta=pinned).to_dict(),
        "snapshot": Snapshot(1, expires=_EXPIRES, meta=meta).to_dict(),
        "targets": _targets("participants.json", _delegations(RoleKind.PARTICIPANT)),
        "roles": {
            "AL": _targets(contacts_path(AL), _delegations(RoleKind.NODE)),
            "AL-node": _targets(keys_path(AL), None),
        },
        "documents": DOCUMENTS,
    }


DOCUMENTS: Final = _describe_documents()
UNIVERSE: Final = _describe_universe()


@dataclass(frozen=True, slots=True)
class PublishedTree:
    """The bytes of a registry; also the source that the verification reads from."""

    trusted_root: bytes
    roots: Sequence[bytes]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    roles: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return a delegated role's metadata, as a client's download does."""
        return _bounded(self.roles.get(role), length)

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a document, as a client's download does."""
        return _bounded(self.documents.get(path), length)


def _bounded(data: bytes | None, length: int) -> bytes:
    if data is None or len(data) > length:
        raise RegistryRefusedError(
            "The host sent more than it may, or nothing: tell its operators."
        )
    return data


def sign_tree(signed: Any, files: Mapping[str, bytes]) -> bytes:
    """Return metadata with this content and a good signature, however odd the content is."""
    filled = _pin(copy.deepcopy(signed), files)
    try:
        metadata: Metadata[Any] = Metadata.from_dict(
            {"signatures": [], "signed": copy.deepcopy(filled)}
        )
        metadata.sign(_SIGNER)
        return metadata.to_bytes()
    except Exception:  # noqa: BLE001 - what cannot be signed is served unsigned
        return json.dumps({"signatures": [], "signed": filled}).encode()


def _pin(signed: Any, files: Mapping[str, bytes]) -> Any:
    """Put right lengths and hashes where the tree asks for them."""
    for field in ("meta", "targets"):
        listed = signed.get(field) if isinstance(signed, dict) else None
        for name, entry in listed.items() if isinstance(listed, dict) else ():
            if isinstance(entry, dict) and entry.get("hashes") == _PIN and name in files:
                entry["length"] = len(files[name])
                entry["hashes"] = {"sha256": hashlib.sha256(files[name]).hexdigest()}
    return signed


def publish_tree(tree: Universe) -> PublishedTree:
    """Sign the tree from its leaves to its root."""
    return _publish_same() if tree is UNIVERSE else _publish(tree)


@cache
def _publish_same() -> PublishedTree:
    return _publish(UNIVERSE)


def _publish(tree: Universe) -> PublishedTree:
    documents = {
        str(path): json.dumps(document).encode() for path, document in _items(tree.get("documents"))
    }
    roles = {str(role): sign_tree(signed, documents) for role, signed in _items(tree.get("roles"))}
    targets = sign_tree(tree.get("targets"), documents)
    files = {f"{role}.json": data for role, data in roles.items()} | {"targets.json": targets}
    snapshot = sign_tree(tree.get("snapshot"), files)
    roots = tree.get("roots")
    return PublishedTree(
        trusted_root=sign_tree(tree.get("trusted_root"), {}),
        roots=[sign_tree(each, {}) for each in roots] if isinstance(roots, list) else [],
        timestamp=sign_tree(tree.get("timestamp"), {"snapshot.json": snapshot}),
        snapshot=snapshot,
        targets=targets,
        roles=roles,
        documents=documents,
    )


def _items(part: Any) -> Sequence[tuple[Any, Any]]:
    return list(part.items()) if isinstance(part, dict) else []


@cache
def make_delegator(kind: RoleKind) -> Targets:
    """Return metadata that delegates to the role, as it stands published."""
    path = "participants.json" if kind is RoleKind.PARTICIPANT else contacts_path(AL)
    signed: Targets = Targets.from_dict(_targets(path, _delegations(kind)))
    return signed
