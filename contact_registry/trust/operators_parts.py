"""Reading the parts of a ceremony: closed, canonical, and with nothing that is not understood.

TUF lets metadata carry fields that a reader does not know. Whoever signs must understand what they
sign, so here anything unknown is refused: the bytes must be exactly those that the TUF library
writes for what it understood. Key ids must be the ones derived from the keys, or one person's key
could stand under two names and count twice.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    SPECIFICATION_VERSION,
    Key,
    Metadata,
    Role,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import CanonicalJSONSerializer

from contact_registry.errors import DocumentError, RefusalCode, SubmissionRefusedError
from contact_registry.models import ParticipantsDocument, parse_participants, serialize_document
from contact_registry.trust.layout import (
    LIMITS,
    PARTICIPANTS_PATH,
    RoleKind,
    is_proper_delegation,
    make_tuf_key,
    participant_role,
)
from contact_registry.trust.operators import path_of
from protocol.errors import MalformedError, ProtocolError
from protocol.signing import VerifyKey

#: Most signatures on one part, and most keys of one role: a dozen operators and some room.
MOST_SIGNATURES: Final = 32
MOST_HOLDERS: Final = 16
#: How long the operators' signatures may hold at most.
LONGEST_ROOT: Final = timedelta(days=2 * 366)
LONGEST_TARGETS: Final = timedelta(days=366)
#: A version number beyond this could not be followed by many more.
HIGHEST_VERSION: Final = 100_000_000

_AGAIN: Final = "have the file prepared again, with this version's tools."
_Kind = TypeVar("_Kind", Root, Targets)


def refuse(message: str, code: RefusalCode = RefusalCode.MALFORMED) -> SubmissionRefusedError:
    """Return the error of a change that may be neither signed nor published."""
    return SubmissionRefusedError(message, code=code)


def read_part(kind: type[_Kind], role: str, data: bytes) -> Metadata[_Kind]:
    """Return the metadata of a part; raises ``SubmissionRefusedError`` unless it is canonical."""
    limit = {Root.type: LIMITS.root, Targets.type: LIMITS.targets}.get(role, LIMITS.delegation)
    if len(data) > limit:
        raise refuse(
            f"The part {role} has more than {limit} bytes: {_AGAIN}", RefusalCode.TOO_LARGE
        )
    try:
        metadata = Metadata[_Kind].from_bytes(data)
        CanonicalJSONSerializer().serialize(
            metadata.signed
        )  # only what has a canonical form is signed
        is_canonical = metadata.to_bytes() == data
    except (RepositoryError, ValueError, RecursionError) as error:
        raise refuse(f"The part {role} is no TUF metadata: {_AGAIN}") from error
    signed = metadata.signed
    if not is_canonical or signed.type != kind.type:
        raise refuse(f"The part {role} is not written in its one canonical form: {_AGAIN}")
    if (
        metadata.unrecognized_fields
        or signed.unrecognized_fields
        or signed.spec_version != ".".join(SPECIFICATION_VERSION)
        or any(signature.unrecognized_fields for signature in metadata.signatures.values())
    ):
        raise refuse(f"The part {role} holds fields that this version does not know: {_AGAIN}")
    if len(metadata.signatures) > MOST_SIGNATURES:
        raise refuse(f"The part {role} carries more than {MOST_SIGNATURES} signatures: {_AGAIN}")
    if signed.version > HIGHEST_VERSION:
        raise refuse(f"The version number of {role} is not plausible: {_AGAIN}")
    return metadata


def read_role_part(role: str, data: bytes) -> Metadata[Root] | Metadata[Targets]:
    """Return the metadata of the part of any role that a ceremony may hold; raises likewise."""
    if role == Root.type:
        return read_part(Root, role, data)
    try:
        path_of(role)
    except MalformedError as error:
        raise refuse(
            "The file holds a part that this version does not know: have it prepared again.",
            RefusalCode.UNKNOWN_ROLE,
        ) from error
    return read_part(Targets, role, data)


def is_same_statement(published: bytes, part: Metadata[Root] | Metadata[Targets]) -> bool:
    """Whether published metadata says what this part says, with whichever signatures."""
    return bool(Metadata.from_bytes(published).signed_bytes == part.signed_bytes)


def check_expiry(role: str, expires: datetime, *, now: datetime, longest: timedelta) -> None:
    """Refuse signatures that have run out, or would hold for longer than allowed."""
    if not now < expires <= now + longest:
        raise refuse(
            f"The signatures of {role} would hold until {expires:%Y-%m-%d %H:%M} UTC: it must be "
            f"later than now and within {longest.days} days. Check this machine's clock, else have "
            "the file prepared again.",
            RefusalCode.EXPIRED,
        )


def check_version(role: str, found: int, *, before: int) -> None:
    """Refuse a version that does not follow on the published one."""
    if found != before + 1:
        raise refuse(
            f"The file holds version {found} of {role}. The registry has version {before}, so "
            f"the next one is {before + 1}: another change was published meanwhile, or the "
            "registry that you hold is an old copy. Fetch the registry again; if it stays so, "
            "have the file prepared anew.",
            RefusalCode.WRONG_VERSION,
        )


def check_root(root: Root, *, now: datetime) -> None:
    """Check everything that a root says by itself."""
    check_expiry(Root.type, root.expires, now=now, longest=LONGEST_ROOT)
    if root.consistent_snapshot is not True:
        raise refuse(f"The root gives up consistent snapshots: {_AGAIN}")
    check_keys_named(Root.type, root.keys, (root.roles[name] for name in root.roles))
    for name, role in root.roles.items():
        check_holders(f"{name} of the root", role)
    for name in (Snapshot.type, Timestamp.type):
        if len(root.roles[name].keyids) != 1:
            raise refuse(f"{name} has one online key, no more and no less: {_AGAIN}")
    online = online_key_ids(root)
    if online & {*root.roles[Root.type].keyids, *root.roles[Targets.type].keyids}:
        raise refuse(
            "The root counts an online key among the operators' keys: whoever breaks into the "
            f"registry host would be an operator. Do not sign; {_AGAIN}"
        )


def online_key_ids(root: Root) -> set[str]:
    """Return the ids of the keys that lie at the registry host."""
    return {*root.roles[Snapshot.type].keyids, *root.roles[Timestamp.type].keyids}


def check_holders(name: str, role: Role) -> None:
    """Check that a threshold can be reached, and is not empty."""
    if role.unrecognized_fields or len(set(role.keyids)) != len(role.keyids):
        raise refuse(f"The holders of {name} are not written as they must be: {_AGAIN}")
    if not 1 <= role.threshold <= len(role.keyids) <= MOST_HOLDERS:
        raise refuse(
            f"{name} asks for {role.threshold} of {len(role.keyids)} keys, which cannot be: it is "
            f"1 to all of at most {MOST_HOLDERS} keys. {_AGAIN.capitalize()}"
        )


def check_keys_named(part: str, keys: Mapping[str, Key], roles: Iterable[Role]) -> None:
    """Check that the keys are exactly those that the roles name, each under its derived id."""
    wanted = {keyid for role in roles for keyid in role.keyids}
    if set(keys) != wanted:
        raise refuse(f"{part} holds other keys than its roles name: {_AGAIN}")
    for keyid, key in keys.items():
        try:
            public = VerifyKey(bytes.fromhex(str(key.keyval.get("public"))))
        except (ProtocolError, ValueError) as error:
            raise refuse(f"{part} holds a key that is no Ed25519 key: {_AGAIN}") from error
        if make_tuf_key(public).to_dict() != key.to_dict() or public.key_id != keyid:
            raise refuse(
                f"{part} names a key by an id that is not its own, so that one key could count as "
                f"two. Do not sign; {_AGAIN}"
            )


def check_targets(
    targets: Targets, document: bytes, root: Root, *, now: datetime
) -> ParticipantsDocument:
    """Check everything that the operators' targets say by themselves, with their one document."""
    check_expiry(Targets.type, targets.expires, now=now, longest=LONGEST_TARGETS)
    if set(targets.targets) != {PARTICIPANTS_PATH}:
        raise refuse(
            f"The operators sign {PARTICIPANTS_PATH} and nothing else: {_AGAIN}",
            RefusalCode.PATH_NOT_ALLOWED,
        )
    check_target(targets, PARTICIPANTS_PATH, document)
    try:
        listed = parse_participants(document)
    except DocumentError as error:
        raise refuse(str(error), RefusalCode.INVALID_DOCUMENT) from error
    if serialize_document(listed) != document:
        raise refuse(
            f"{PARTICIPANTS_PATH} is not written in its canonical form: {_AGAIN}",
            RefusalCode.INVALID_DOCUMENT,
        )
    _check_delegations(targets, listed, online_key_ids(root))
    return listed


def check_target(targets: Targets, path: str, document: bytes) -> None:
    """Check that a document is the one that metadata names."""
    target = targets.targets[path]
    if set(target.hashes) != {"sha256"} or target.unrecognized_fields:
        raise refuse(
            f"{path} is not named by length and SHA-256 alone: {_AGAIN}",
            RefusalCode.CONTENT_MISMATCH,
        )
    try:
        target.verify_length_and_hashes(document)
    except RepositoryError as error:
        raise refuse(
            f"{path} is missing, or is not what the signatures are for: {_AGAIN}",
            RefusalCode.CONTENT_MISMATCH,
        ) from error


def _check_delegations(targets: Targets, listed: ParticipantsDocument, online: set[str]) -> None:
    delegations = targets.delegations
    roles = dict(delegations.roles or {}) if delegations is not None else {}
    code = RefusalCode.DELEGATION_NOT_ALLOWED
    if set(roles) != {participant_role(entry.code) for entry in listed.participants}:
        raise refuse(
            "The list of Participants and the list of who signs for them do not name the same "
            f"Participants: {_AGAIN}",
            code,
        )
    if delegations is None:
        return
    if delegations.unrecognized_fields or delegations.succinct_roles is not None:
        raise refuse(f"The delegations hold what this version does not know: {_AGAIN}", code)
    for entry in listed.participants:
        if not is_proper_delegation(delegations, entry.code, RoleKind.PARTICIPANT):
            raise refuse(f"{entry.code} is delegated more than its own contacts: {_AGAIN}", code)
        check_holders(str(entry.code), roles[participant_role(entry.code)])
    check_keys_named(Targets.type, delegations.keys, roles.values())
    if online & set(delegations.keys):
        raise refuse(
            "A Participant's directory key is a key of the registry host, which could then write "
            f"its contacts: do not sign; {_AGAIN}",
            code,
        )
