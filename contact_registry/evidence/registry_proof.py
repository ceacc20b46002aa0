"""Which key a Participant had at a past version of the registry, offline and from a trusted root.

1. The roots after the trusted one are verified in order, each by its predecessor and by itself.
2. The snapshot is the file whose SHA-256 a signed message names; its version is the one named.
3. The snapshot is signed under one of the roots, the newest that fits; so are the targets, which it
   names by hash.
4. The targets list the Participant and delegate to its directory key, that one to its node's key:
   each file signed by enough keys, and named by hash in the snapshot.
5. The node's key document lists the signing key.

Expiry is judged as of the moment that the message claims for itself, not as of today.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tuf.api.metadata import Root, Snapshot
from typing_extensions import override

from contact_registry.errors import RegistryRefusedError
from contact_registry.evidence.errors import OtherRegistryError, RegistryFileMissingError
from contact_registry.evidence.presenting import name_participant
from contact_registry.models import ListedBy, ParticipantEntry
from contact_registry.trust.layout import LIMITS
from contact_registry.trust.past import PastKeys, PastVersion, verify_past_keys, verify_past_version
from contact_registry.trust.verification import (
    DEFAULT_GRACE,
    FileSource,
    read_root,
    verify_root_chain,
)
from protocol.identifiers import ParticipantCode
from protocol.messages.head import RegistryPin
from protocol.signing import VerifyKey

FindObject = Callable[[str], bytes | None]
"""Return a registry file by the SHA-256 of its bytes, or None."""


@dataclass(frozen=True, slots=True)
class _ByHash(FileSource):
    """Feeds the trusted core from files that are named by their hash alone."""

    find: FindObject

    @override
    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return the metadata of a role."""
        return self.require(sha256, what=f"the signed metadata of {role}")

    @override
    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a document."""
        return self.require(sha256, what=path)

    def require(self, sha256: str, *, what: str) -> bytes:
        """Return a file; raises ``RegistryFileMissingError``."""
        data = self.find(sha256)
        if data is None:
            raise RegistryFileMissingError(
                f"The registry file {sha256[:16]}... ({what}) is not at hand."
            )
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RegistryRefusedError(f"A registry file stands under the hash of another: {what}.")
        return data


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A signing key as the registry listed it at one version."""

    key: VerifyKey
    #: The root under which it verified, and the newest one known.
    root_version: int
    newest_root_version: int
    held_by_operators: bool


@dataclass(slots=True)
class PastRegistry:
    """Versions of one registry, each verified when it is first asked for.

    ``roots`` are the versions after the trusted one, by number; others are not looked at.
    Raises :class:`~contact_registry.errors.RegistryRefusedError` if the chain does not verify, or
    the trusted root is none.
    """

    trusted_root: bytes
    roots: Mapping[int, bytes]
    find_object: FindObject
    _chain: list[Root] = field(init=False)
    #: What was found, refusals too: a hash may be named by every message of a bundle.
    _versions: dict[str, PastVersion | RegistryRefusedError] = field(
        init=False, default_factory=dict
    )
    _keys: dict[tuple[str, ParticipantCode], PastKeys | RegistryRefusedError | None] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Verify the chain of roots (step 1)."""
        trusted = verify_root_chain(self.trusted_root, ())[0]
        own = self.roots.get(trusted.version, self.trusted_root)
        _require_size(own, LIMITS.root, what="root")
        # What is compared is what was signed: a copy that a mail program wrapped is the same root.
        # It is not verified: the keys that it names are of nobody yet, and of any kind.
        if read_root(own) != trusted:
            raise OtherRegistryError(
                f"The root of version {trusted.version} is not the one that is trusted: this is "
                "evidence of another registry, or the wrong root was given."
            )
        newer: list[bytes] = []
        while (data := self.roots.get(trusted.version + len(newer) + 1)) is not None:
            _require_size(data, LIMITS.root, what="root")
            newer.append(data)
        self._chain = verify_root_chain(self.trusted_root, newer)

    def find_version(self, pin: RegistryPin) -> PastVersion:
        """Return the version that a message names (steps 2 and 3).

        Raises :class:`RegistryFileMissingError` or ``RegistryRefusedError``.
        """
        if pin.sha256 not in self._versions:
            self._versions[pin.sha256] = _or_refusal(lambda: self._verify_version(pin))
        found = _raise_refusal(self._versions[pin.sha256])
        if found.snapshot.version != pin.version:
            raise RegistryRefusedError(
                f"The snapshot is of version {found.snapshot.version}, where {pin.version} is "
                "named."
            )
        return found

    def list_snapshots(self) -> list[Snapshot]:
        """Return every version that was asked for and verified; what says the same, once.

        Blanks around signed JSON change the hash of a file and nothing of what it says.
        """
        different: list[Snapshot] = []
        for found in self._versions.values():
            if not isinstance(found, RegistryRefusedError) and found.snapshot not in different:
                different.append(found.snapshot)
        return different

    def _verify_version(self, pin: RegistryPin) -> PastVersion:
        source = _ByHash(self.find_object)
        snapshot = source.require(pin.sha256, what=f"the snapshot of version {pin.version}")
        _require_size(snapshot, LIMITS.snapshot, what="snapshot")
        problem: RegistryRefusedError | None = None
        for root in reversed(self._chain):
            try:
                return verify_past_version(snapshot, source, root=root)
            except RegistryRefusedError as error:
                problem = error
        raise OtherRegistryError(
            f"The registry {pin.sha256[:16]}... does not verify under the trusted root: it is "
            "another registry, or the root given is newer than what it is to prove."
        ) from problem

    def find_participant(self, pin: RegistryPin, code: ParticipantCode) -> ParticipantEntry | None:
        """Return how a version lists a Participant; None if it does not."""
        entries = self.find_version(pin).participants
        return next((entry for entry in entries if entry.code == code), None)

    def _find_keys(self, pin: RegistryPin, code: ParticipantCode) -> PastKeys | None:
        version, name = self.find_version(pin), (pin.sha256, code)
        if name not in self._keys:
            source = _ByHash(self.find_object)
            self._keys[name] = _or_refusal(lambda: verify_past_keys(version, source, code))
        return _raise_refusal(self._keys[name])

    def find_signing_key(
        self, pin: RegistryPin, code: ParticipantCode, key_id: str, *, at: datetime
    ) -> ListedKey:
        """Return the signing key of this name, as listed and valid at that moment (steps 4, 5).

        Raises :class:`RegistryFileMissingError`, or ``RegistryRefusedError`` if it is not listed,
        not valid then, or listed by what had run out then.
        """
        version = self.find_version(pin)
        keys = self._find_keys(pin, code)
        listed = keys.document.signing_keys if keys else ()
        entry = next((entry for entry in listed if entry.key_id == key_id), None)
        if keys is None or entry is None:
            raise RegistryRefusedError(
                f"Version {pin.version} of the registry does not list key {key_id} for "
                f"{name_participant(code)}."
            )
        _require_in_force(version, keys, code, at=at)
        if at < entry.valid_from or (entry.valid_to is not None and at >= entry.valid_to):
            raise RegistryRefusedError(
                f"Key {key_id} of {name_participant(code)} was not valid at the claimed time, "
                f"{_show(at)}."
            )
        participant = self.find_participant(pin, code)
        return ListedKey(
            key=VerifyKey(entry.public_bytes),
            root_version=version.root.version,
            newest_root_version=self._chain[-1].version,
            held_by_operators=participant is not None
            and participant.directory_key_held_by is ListedBy.OPERATOR,
        )


def _require_in_force(
    version: PastVersion, keys: PastKeys, code: ParticipantCode, *, at: datetime
) -> None:
    """Refuse what had run out at that moment; a Participant's own signatures have their grace."""
    none, who = timedelta(), name_participant(code)
    ends = {
        "root": (version.root.expires, none),
        "snapshot": (version.snapshot.expires, none),
        "list of Participants": (version.targets.expires, none),
        f"entry of {who}": (keys.directory_role_expires_at, DEFAULT_GRACE),
        f"keys of {who}": (keys.node_role_expires_at, DEFAULT_GRACE),
    }
    for name, (end, grace) in ends.items():
        # A difference of two moments always exists; a sum may lie after the year 9999.
        if at - end.astimezone(UTC) >= grace:
            raise RegistryRefusedError(
                f"At the claimed time, {_show(at)}, the registry's {name} of version "
                f"{version.snapshot.version} had run out ({_show(end)})."
            )


_Found = TypeVar("_Found")


def _or_refusal(verify: Callable[[], _Found]) -> _Found | RegistryRefusedError:
    try:
        return verify()
    except RegistryRefusedError as error:
        return error


def _raise_refusal(found: _Found | RegistryRefusedError) -> _Found:
    if isinstance(found, RegistryRefusedError):
        # A new one each time: an error that is raised again grows by another traceback.
        raise type(found)(str(found)) from found
    return found


def _require_size(data: bytes, limit: int, *, what: str) -> None:
    if len(data) > limit:
        raise RegistryRefusedError(f"A {what} of {len(data)} bytes is larger than any can be.")


def _show(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def collect_objects(
    registry: PastRegistry, pin: RegistryPin, codes: set[ParticipantCode]
) -> dict[str, bytes]:
    """Verify what a version says of these Participants' keys; return the files that this took.

    Raises :class:`RegistryFileMissingError` or ``RegistryRefusedError``.
    """
    taken: dict[str, bytes] = {}

    def find(sha256: str) -> bytes | None:
        data = registry.find_object(sha256)
        if data is not None:
            taken[sha256] = data
        return data

    recording = PastRegistry(
        trusted_root=registry.trusted_root, roots=registry.roots, find_object=find
    )
    version = recording.find_version(pin)
    for code in sorted(codes):
        verify_past_keys(version, _ByHash(find), code)
    return taken
