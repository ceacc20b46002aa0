"""What a forger with every key could make: registries and bundles that are signed, and yet wrong.

Each tool leaves all signatures good, so that one check of a verifier alone stands against what is
made with it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Snapshot, Targets

from protocol.envelope import Consignment, SignedPayload
from protocol.evidence.bundle import find_kind
from protocol.evidence.manifest import (
    MANIFEST_PATH,
    SIGNATURE_PATH,
    CoversCase,
    CoversMessage,
    EventLog,
    FileEntry,
    ManifestSignature,
)
from protocol.messages.head import RegistryPin
from protocol.signing import SigningKey
from tests.support.evidence import AL, CASE, EvidenceWorld

Members = dict[str, bytes]
Change = Callable[[Any], None]


def write_moment(moment: datetime) -> str:
    """Write a moment as it stands in a payload."""
    return moment.isoformat().replace("+00:00", "Z")


def name_hash(data: bytes) -> str:
    """Return the SHA-256 that a registry file stands under."""
    return hashlib.sha256(data).hexdigest()


def seal(members: Mapping[str, bytes], key: SigningKey, **changes: Any) -> Members:
    """Return members with a manifest that fits them, as short as it can be, signed by ``key``.

    ``changes`` are what else the manifest says.
    """
    manifest = json.loads(members[MANIFEST_PATH])
    rest = {
        path: data for path, data in members.items() if path not in {MANIFEST_PATH, SIGNATURE_PATH}
    }
    manifest["signer"] = key.key_id
    manifest["files"] = [
        FileEntry.of(path, find_kind(path), rest[path]).model_dump(mode="json")
        for path in sorted(rest)
    ]
    return rest | sign_manifest(manifest | changes, key)


def sign_manifest(manifest: Mapping[str, Any], key: SigningKey, *, blanks: int = 0) -> Members:
    """Return a manifest and its signature, whatever it says; blanks may stand behind it."""
    data = json.dumps(manifest, separators=(",", ":")).encode() + b" " * blanks
    return {MANIFEST_PATH: data, SIGNATURE_PATH: ManifestSignature.sign(data, key=key).encode()}


def sign_as(signed: SignedPayload, key: SigningKey, payload: bytes | None = None) -> SignedPayload:
    """Return a payload, this one or another, signed under the consignment of ``signed``."""
    taken = signed.payload if payload is None else payload
    return SignedPayload.sign(taken, consignment=signed.consignment, key=key)


def change_payload(signed: SignedPayload, key: SigningKey, **changes: Any) -> SignedPayload:
    """Return a signed payload that says something else inside; its consignment stays."""
    return sign_as(signed, key, json.dumps(json.loads(signed.payload) | changes).encode())


def readdress(signed: SignedPayload, key: SigningKey, **changes: Any) -> SignedPayload:
    """Return a signed payload that says something else inside and outside."""
    consignment: Consignment = replace(signed.consignment, **changes)
    payload = json.dumps(json.loads(signed.payload) | changes).encode()
    return SignedPayload.sign(payload, consignment=consignment, key=key)


def put_target(signed: Targets, path: str, data: bytes) -> None:
    """Let a role list these bytes under this path."""
    target = next(iter(signed.targets.values()))
    listed = target.from_dict({"length": len(data), "hashes": {"sha256": name_hash(data)}}, path)
    signed.targets[path] = listed


@dataclass(frozen=True, slots=True)
class Published:
    """Another registry: how a message names it, and the files that only it has."""

    pin: RegistryPin
    files: Mapping[str, bytes]


@dataclass
class Forger:
    """Makes registries and bundles with the keys of a whole invented registry."""

    world: EvidenceWorld
    #: A message and its receipt, where nothing depends on them.
    message: SignedPayload
    receipt: SignedPayload
    #: The log that all bundles have: it is a claim, whatever it is about.
    log: EventLog
    _last_version: int = field(default=100, init=False)

    def publish(
        self,
        *,
        signers: Mapping[str, Sequence[Signer]] | None = None,
        files: Sequence[bytes] = (),
        sizes: Mapping[str, int] | None = None,
        **changes: Change,
    ) -> Published:
        """Return the registry of now with changed roles, each signed by its own keys or by others.

        Roles are named ``snapshot``, ``targets``, ``own`` (AL) and ``node`` (AL-node). The snapshot
        names what became of the others, before it is changed itself; its version is a new one.
        ``sizes`` are reached by blanks behind the file.
        """
        world, size = self.world, dict(sizes or {})
        snapshot = Metadata[Snapshot].from_bytes(world.objects()[world.pin().sha256])
        self._last_version += 1
        snapshot.signed.version = self._last_version
        made = list(files)
        roles = {"node": f"{AL}-node", "own": str(AL), "targets": "targets"}
        wanted = {*changes, *(signers or {}), *size} - {"snapshot"}
        for name in sorted(wanted):
            meta = snapshot.signed.meta[f"{roles[name]}.json"]
            data = self._change_role(meta.hashes, changes.get(name), self._pick(signers, name))
            data = data.ljust(size.get(name, 0))
            meta.length, meta.hashes = len(data), {"sha256": name_hash(data)}
            made.append(data)
        changes.get("snapshot", _keep)(snapshot.signed)
        _sign(snapshot, self._pick(signers, "snapshot"))
        data = snapshot.to_bytes().ljust(size.get("snapshot", 0))
        pin = RegistryPin(version=snapshot.signed.version, sha256=name_hash(data))
        return Published(pin, {name_hash(file): file for file in (*made, data)})

    def _pick(self, signers: Mapping[str, Sequence[Signer]] | None, name: str) -> Sequence[Signer]:
        own: dict[str, Sequence[Signer]] = {
            "snapshot": [self.world.online.snapshot],
            "targets": self.world.operators[:2],
            "own": [self.world.directory_keys[AL]],
            "node": [self.world.node_keys[AL]],
        }
        return (own | dict(signers or {}))[name]

    def _change_role(
        self,
        hashes: Mapping[str, str] | None,
        change: Change | None,
        signers: Sequence[Signer],
    ) -> bytes:
        metadata = Metadata[Targets].from_bytes(self.world.objects()[(hashes or {})["sha256"]])
        (change or _keep)(metadata.signed)
        _sign(metadata, signers)
        return metadata.to_bytes()

    def publish_keys(self, document: Mapping[str, Any]) -> Published:
        """Return a registry in which AL's node lists this document as its keys."""
        data = json.dumps(document).encode()
        path = f"participants/{AL}/keys.json"
        return self.publish(node=lambda signed: put_target(signed, path, data), files=[data])

    def sign_root(
        self, before: bytes, *, keys: Sequence[Signer], change: Change | None = None
    ) -> bytes:
        """Return the root that follows another one."""
        root = Metadata[Root].from_bytes(before)
        root.signed.version += 1
        (change or _keep)(root.signed)
        _sign(root, keys)
        return root.to_bytes()

    # ------------------------------------------------------------------ bundles

    def bundle(
        self,
        messages: Sequence[SignedPayload],
        receipts: Sequence[SignedPayload],
        *registries: Published,
        roots: Mapping[int, bytes] | None = None,
        **manifest: Any,
    ) -> Members:
        """Return the members of AL's bundle of these, about the first of the messages."""
        contents = self.world.make_contents(
            messages, receipts, skip=[registry.pin for registry in registries]
        )
        objects = dict(contents.objects)
        for registry in registries:
            objects |= registry.files
        contents = replace(
            contents,
            objects=objects,
            roots=contents.roots if roots is None else roots,
            events=self.log,
        )
        case = len(messages) > 1
        covers: CoversCase | CoversMessage | None = CoversCase(case=CASE) if case else None
        members = self.world.make_members(contents, covers=covers)
        return seal(members, self.world.keys[AL], **manifest)

    def rest_on(self, published: Published, **message: Any) -> Members:
        """Return a bundle whose message rests on this registry, and nothing else does."""
        made = self.world.make_message(registry=published.pin.model_dump(), **message)
        return self.bundle([made], [self.world.make_receipt(made)], published)

    def rest_all_on(self, published: Published, **options: Any) -> Members:
        """Return a bundle of which everything rests on this registry."""
        made = self.world.make_message(registry=published.pin.model_dump())
        receipt = self.world.make_receipt(made, pin=published.pin)
        pin = published.pin.model_dump()
        return self.bundle([made], [receipt], published, registry=pin, **options)

    def read_keys(self, code: str) -> dict[str, Any]:
        """Return the key document of a Participant as it is published now."""
        for data in self.world.objects().values():
            found: dict[str, Any] = json.loads(data)
            if (found.get("format"), found.get("participant")) == ("trm-keys/1", code):
                return found
        raise LookupError(f"The registry has no keys of {code}: publish them first.")


def _keep(_signed: object) -> None:
    """Change nothing: only who signs it differs."""


def _sign(metadata: Metadata[Any], signers: Sequence[Signer]) -> None:
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
