"""Which role may sign which file: the shape of the TUF repository (TUF specification, section 4).

::

    root                     operators, threshold, offline
    ├── timestamp            the hub, online: "this snapshot is the newest"
    ├── snapshot             the hub, online: the version and hash of every file below
    └── targets              operators, threshold, offline; signs participants.json
        └── <P>              P's directory key, held by people; signs participants/<P>/contacts.json
            └── <P>-node     P's node, online; signs participants/<P>/keys.json

A target is looked for in preorder (specification section 5.6.7), so under the bare specification
``<P>`` could list ``keys.json`` itself and thereby override its node. We do not allow that: the
repository refuses and the client refuses a role that lists any file but its own one, so that keys
have one source, and a stolen node key is answered by replacing the delegation. All delegations are
terminating and name one exact path: no other role is ever asked for a Participant's files.

Role names become file names. A Participant's code is capital letters and digits, so a role name
holds nothing but these and ``-node``; codes that would collide with a top-level role on a file
system that ignores case are refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from securesystemslib.signer import ED25519, KEY_TYPE_ED25519, SSlibKey
from tuf.api.metadata import DelegatedRole, Delegations

from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode, parse_participant_code
from protocol.signing import VerifyKey

PARTICIPANTS_PATH: Final = "participants.json"
METADATA_URL: Final = "registry/metadata/"
TARGETS_URL: Final = "registry/targets/"

_NODE_SUFFIX: Final = "-node"
_RESERVED: Final = frozenset({"ROOT", "TARGETS", "SNAPSHOT"})  # TIMESTAMP is too long for a code
_METADATA_NAME: Final = re.compile(
    r"(?:(?P<version>[1-9][0-9]{0,8})\."
    r"(?P<role>root|targets|snapshot|timestamp|[A-Z][A-Z0-9]{1,7}(?:-node)?)|timestamp)\.json"
)
_TARGET_NAME: Final = re.compile(
    r"(?P<folder>participants/[A-Z][A-Z0-9]{1,7}/)?(?P<sha256>[0-9a-f]{64})\."
    r"(?P<name>participants|contacts|keys)\.json"
)


class RoleKind(StrEnum):
    """What a delegated role speaks about."""

    PARTICIPANT = "participant"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class ExpiryPeriods:
    """How long a signature of each role holds before it must be renewed.

    The timestamp's is how long a cut-off client may be kept on an old version unnoticed, so it is
    short; what people sign by hand is long. ``longest_delegation`` bounds what a Participant may
    ask for.
    """

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=180)
    delegations: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=7)
    timestamp: timedelta = timedelta(days=1)
    longest_delegation: timedelta = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class RegistryLimits:
    """Bounds on what is read from the network or taken from a submission, in bytes."""

    #: Root metadata: a dozen operator keys take about 4 kB.
    root: int = 64_000
    #: Timestamp metadata has one entry.
    timestamp: int = 16_000
    #: Snapshot metadata: 150 bytes for each role; 1000 Participants with nodes take 300 kB.
    snapshot: int = 1_000_000
    #: Top-level targets: 600 bytes for each delegation.
    targets: int = 2_000_000
    #: Metadata of one Participant or node: one target, a few keys.
    delegation: int = 64_000


LIMITS: Final = RegistryLimits()


def participant_role(code: ParticipantCode) -> str:
    """Return the name of the role that signs a Participant's contacts."""
    if code in _RESERVED:
        raise MalformedError(f"{code} cannot be a Participant code: choose another one.")
    return str(code)


def node_role(code: ParticipantCode) -> str:
    """Return the name of the role that signs a Participant's node keys."""
    return participant_role(code) + _NODE_SUFFIX


def contacts_path(code: ParticipantCode) -> str:
    """Return the target path of a Participant's contacts."""
    return f"participants/{code}/contacts.json"


def keys_path(code: ParticipantCode) -> str:
    """Return the target path of a Participant's node keys."""
    return f"participants/{code}/keys.json"


def parse_role(role: str) -> tuple[ParticipantCode, RoleKind]:
    """Read a delegated role's name; raises :class:`~protocol.errors.MalformedError`."""
    kind = RoleKind.NODE if role.endswith(_NODE_SUFFIX) else RoleKind.PARTICIPANT
    code = parse_participant_code(role.removesuffix(_NODE_SUFFIX))
    participant_role(code)
    return code, kind


def path_of_role(code: ParticipantCode, kind: RoleKind) -> str:
    """Return the one path that a delegated role may sign."""
    return contacts_path(code) if kind is RoleKind.PARTICIPANT else keys_path(code)


def parse_metadata_name(name: str) -> tuple[str, int | None] | None:
    """Read a metadata file name: role and version (None: the unversioned timestamp), or None."""
    match = _METADATA_NAME.fullmatch(name)
    if match is None:
        return None
    if match["version"] is None:
        return "timestamp", None
    return match["role"], int(match["version"])


def is_target_name(path: str) -> bool:
    """Whether ``path`` names a published target file: its hash stands before its name."""
    match = _TARGET_NAME.fullmatch(path)
    return match is not None and (match["folder"] is None) == (match["name"] == "participants")


def name_in_set(published_name: str) -> str | None:
    """Return what a file is called in every version, from its published name: role or path."""
    metadata = parse_metadata_name(published_name)
    if metadata is not None:
        return metadata[0]
    match = _TARGET_NAME.fullmatch(published_name)
    return f"{match['folder'] or ''}{match['name']}.json" if match is not None else None


def target_file_name(path: str, sha256: str) -> str:
    """Return where a target of this content is published (consistent snapshots, section 6.2)."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{sha256}.{name}"


def make_tuf_key(key: VerifyKey) -> SSlibKey:
    """Return a key as it stands in TUF metadata, named by our own key id."""
    return SSlibKey(key.key_id, KEY_TYPE_ED25519, ED25519, {"public": key.public.hex()})


def make_delegation(
    code: ParticipantCode, kind: RoleKind, *, keys: Sequence[VerifyKey], threshold: int
) -> DelegatedRole:
    """Return the terminating delegation of a Participant's one file to ``keys``."""
    name = participant_role(code) if kind is RoleKind.PARTICIPANT else node_role(code)
    return DelegatedRole(
        name=name,
        keyids=[key.key_id for key in keys],
        threshold=threshold,
        terminating=True,
        paths=[path_of_role(code, kind)],
    )


def is_proper_delegation(
    delegations: Delegations | None, code: ParticipantCode, kind: RoleKind
) -> bool:
    """Whether the delegation to this role is exactly as this layout wants it."""
    role = (delegations.roles or {}).get(_name(code, kind)) if delegations is not None else None
    return (
        role is not None
        and role.terminating
        and role.paths == [path_of_role(code, kind)]
        and not role.unrecognized_fields
        and delegations is not None
        and all(
            (key := delegations.keys.get(keyid)) is not None
            and (key.keytype, key.scheme) == (KEY_TYPE_ED25519, ED25519)
            for keyid in role.keyids
        )
    )


def _name(code: ParticipantCode, kind: RoleKind) -> str:
    return participant_role(code) if kind is RoleKind.PARTICIPANT else node_role(code)
