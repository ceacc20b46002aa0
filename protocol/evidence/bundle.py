"""The members of an evidence bundle, as bytes and back. How they lie in a zip is not known here.

::

    manifest.json                     what is in it, about what, made by whom
    manifest.sig                      the maker's signature over the manifest
    events.json                       the maker's own log: claims
    messages/<sender>-<id>.signed     signed payloads, as they were signed
    receipts/<signer>-<id>.signed     signed receipts that name them
    registry/objects/<sha256>.json    signed registry files, each under its own hash
    registry/roots/<version>.json     the chain of roots
    report.html                       for people; proves nothing

A registry file is named by its hash, and hashes are all that refers to it: snapshot by the message,
everything below by the file above. So a file that did not change is in a bundle once, however many
messages rest on it, and two registries of one version can stand beside each other.

``attachments/`` is kept free for a later format; this one refuses it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol.envelope import SignedPayload
from protocol.errors import ForgedError, LocalProtocolError, MalformedError
from protocol.evidence.manifest import (
    EVENTS_PATH,
    MANIFEST_PATH,
    PATTERNS,
    REPORT_PATH,
    SIGNATURE_PATH,
    CoversCase,
    CoversMessage,
    EventLog,
    Exporter,
    FileEntry,
    FileKind,
    Manifest,
    ManifestSignature,
    encode_text,
    parse_events,
    parse_manifest,
)
from protocol.limits import LIMITS
from protocol.signing import KeyId

_COMPILED: Final = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


def name_signed(signed: SignedPayload) -> str:
    """Return what a signed payload is called in a bundle: its sender and its id."""
    consignment = signed.consignment
    return f"{consignment.sender}-{consignment.message_id}"


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What goes into a bundle. Keys of ``messages`` and ``receipts`` are :func:`name_signed`."""

    messages: Mapping[str, SignedPayload]
    receipts: Mapping[str, SignedPayload]
    #: By version.
    roots: Mapping[int, bytes]
    #: By SHA-256.
    objects: Mapping[str, bytes]
    events: EventLog
    report: bytes


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """A bundle whose members are those that its manifest lists. No signature is checked yet."""

    manifest: Manifest
    manifest_bytes: bytes
    signature: ManifestSignature | None
    contents: BundleContents

    def verify_manifest(self) -> None:
        """Raise :class:`~protocol.errors.ForgedError` unless the manifest is as it was signed.

        Whose key signed it is for the registry to say.
        """
        if self.manifest.signer is not None and self.signature is not None:
            self.signature.verify(self.manifest_bytes, signer=KeyId(self.manifest.signer))


def encode_bundle(
    contents: BundleContents, *, covers: CoversMessage | CoversCase, exporter: Exporter
) -> dict[str, bytes]:
    """Return the members of a bundle, in the order in which they stand.

    Raises :class:`~protocol.errors.LocalProtocolError` if it would be larger than anybody reads.
    """
    members = {
        EVENTS_PATH: encode_text(contents.events),
        REPORT_PATH: contents.report,
        **{f"messages/{name}.signed": it.encode() for name, it in contents.messages.items()},
        **{f"receipts/{name}.signed": it.encode() for name, it in contents.receipts.items()},
        **{f"registry/roots/{version}.json": it for version, it in contents.roots.items()},
        **{f"registry/objects/{sha256}.json": it for sha256, it in contents.objects.items()},
    }
    manifest = encode_text(
        Manifest(
            covers=covers,
            made_by=exporter.participant,
            made_at=exporter.at,
            registry=exporter.registry,
            signer=exporter.key.key_id if exporter.key else None,
            files=tuple(
                FileEntry.of(path, find_kind(path), members[path]) for path in sorted(members)
            ),
        )
    )
    made = {MANIFEST_PATH: manifest}
    if exporter.key is not None:
        made[SIGNATURE_PATH] = ManifestSignature.sign(manifest, key=exporter.key).encode()
    made |= {path: members[path] for path in sorted(members)}
    if sum(map(len, made.values())) > LIMITS.evidence_bundle or len(made) > LIMITS.evidence_files:
        raise LocalProtocolError(
            "The bundle would be larger than a verifier reads: export the messages one by one."
        )
    return made


def find_kind(path: str) -> FileKind:
    """Return what a member of this name is; raises :class:`~protocol.errors.MalformedError`."""
    for kind, pattern in _COMPILED.items():
        if pattern.fullmatch(path):
            return kind
    raise MalformedError("The bundle has a member of a name that no bundle has.")


def order_members(paths: Mapping[str, bytes]) -> list[str]:
    """Return the names in the one order that they stand in: the manifest first, then sorted."""
    first = [path for path in (MANIFEST_PATH, SIGNATURE_PATH) if path in paths]
    return first + sorted(path for path in paths if path not in first)


def parse_bundle(members: Mapping[str, bytes]) -> EvidenceBundle:
    """Read the members of a bundle: exactly those that its manifest lists, each with its hash.

    Raises :class:`~protocol.errors.MalformedError` or :class:`~protocol.errors.ForgedError`.
    """
    manifest_bytes = _require(members, MANIFEST_PATH)
    manifest = parse_manifest(manifest_bytes)
    signature = None
    if manifest.signer is not None:
        signature = ManifestSignature.parse(_require(members, SIGNATURE_PATH))
    own = {MANIFEST_PATH, SIGNATURE_PATH} if signature else {MANIFEST_PATH}
    listed = [entry.path for entry in manifest.files]
    if listed != sorted(set(listed)) or set(members) != own | set(listed):
        raise ForgedError("The members of the bundle are not those that its manifest lists.")
    found: dict[FileKind, dict[str, bytes]] = {kind: {} for kind in FileKind}
    for entry in manifest.files:
        data = members[entry.path]
        if entry != FileEntry.of(entry.path, find_kind(entry.path), data):
            raise ForgedError(f"{entry.path} is not the file that the manifest lists.")
        found[entry.kind][_stem(entry)] = data
    for sha256, data in found[FileKind.REGISTRY_OBJECT].items():
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ForgedError("A registry file stands under another hash than its own.")
    events = parse_events(_require(members, EVENTS_PATH))
    if events.claimed_by != manifest.made_by:
        raise ForgedError("The event log is not of the node that made the bundle.")
    return EvidenceBundle(
        manifest=manifest,
        manifest_bytes=manifest_bytes,
        signature=signature,
        contents=BundleContents(
            messages=_parse_signed(found[FileKind.MESSAGE]),
            receipts=_parse_signed(found[FileKind.RECEIPT]),
            roots=MappingProxyType(
                {int(stem): data for stem, data in found[FileKind.REGISTRY_ROOT].items()}
            ),
            objects=MappingProxyType(found[FileKind.REGISTRY_OBJECT]),
            events=events,
            report=_require(members, REPORT_PATH),
        ),
    )


def _require(members: Mapping[str, bytes], path: str) -> bytes:
    try:
        return members[path]
    except KeyError:
        raise MalformedError(f"The bundle lacks {path}: it is not whole.") from None


def _stem(entry: FileEntry) -> str:
    match = _COMPILED[entry.kind].fullmatch(entry.path)
    if match is None:
        raise MalformedError("The bundle has a member of a name that no bundle has.")
    return match[1]


def _parse_signed(files: Mapping[str, bytes]) -> Mapping[str, SignedPayload]:
    parsed = {name: SignedPayload.parse(data) for name, data in files.items()}
    for name, signed in parsed.items():
        if name_signed(signed) != name:
            raise ForgedError("A signed message stands under another name than its own.")
    return MappingProxyType(parsed)
