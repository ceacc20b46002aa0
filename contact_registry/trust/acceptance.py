"""Decide whether a submission may be published: a pure decision over bytes from outside.

The checks, in order, each with its :class:`~contact_registry.errors.RefusalCode`: size, shape,
signatures by the keys that the delegator names, version, expiry, paths, delegation, content,
documents. Signatures come before everything that looks inside, so that nobody without a key learns
or moves anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import CanonicalJSONSerializer

from contact_registry.errors import DocumentError, RefusalCode, SubmissionRefusedError
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    MAX_KEYS_BYTES,
    AnyDocument,
    ParticipantEntry,
    serialize_document,
)
from contact_registry.trust.layout import (
    LIMITS,
    RoleKind,
    is_proper_delegation,
    node_role,
    path_of_role,
)
from contact_registry.trust.submitting import Submission
from contact_registry.trust.verification import check_contacts, check_keys
from protocol.identifiers import ParticipantCode

_MOST_NODE_KEYS: Final = 4
_MOST_SIGNATURES: Final = 16


@dataclass(frozen=True, slots=True)
class Published:
    """What is published now, as far as a submission for one role is concerned.

    ``delegator`` is the verified metadata that delegates to the role; ``child`` is the published
    metadata of the role's own node, which must stay valid under a new delegation.
    """

    entry: ParticipantEntry
    kind: RoleKind
    delegator: Targets
    version: int
    expires_at: datetime | None
    documents: Mapping[str, bytes]
    child: Metadata[Targets] | None = None

    @property
    def code(self) -> ParticipantCode:
        """The Participant whose role it is."""
        return self.entry.code


def check_sizes(submission: Submission) -> None:
    """Refuse what is too large before anything is parsed."""
    if (
        len(submission.metadata) > LIMITS.delegation
        or len(submission.targets) > 1
        or any(len(data) > MAX_DOCUMENT_BYTES for data in submission.targets.values())
    ):
        raise SubmissionRefusedError(
            f"A submission has metadata of at most {LIMITS.delegation} bytes and one document of "
            f"at most {MAX_DOCUMENT_BYTES} bytes. Shorten notes, and send one role at a time.",
            code=RefusalCode.TOO_LARGE,
        )


def check_submission(
    submission: Submission, published: Published, *, now: datetime, longest: timedelta
) -> Mapping[str, bytes]:
    """Return the documents to publish, by path, or raise the reason why not.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    metadata = _parse(submission.metadata)
    _check_signatures(metadata, submission.role, published.delegator)
    return check_statement(metadata.signed, submission, published, now=now, longest=longest)


def check_statement(
    role: Targets,
    submission: Submission,
    published: Published,
    *,
    now: datetime,
    longest: timedelta,
) -> Mapping[str, bytes]:
    """Check everything but the signatures, which a signing file may still wait for.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    _check_version(role.version, published.version)
    _check_expiry(role, now=now, longest=longest)
    path = path_of_role(published.code, published.kind)
    target = _check_paths(role, path)
    _check_delegations(role, published)
    data = _check_content(submission, published.documents, target)
    if published.kind is RoleKind.NODE and len(data) > MAX_KEYS_BYTES:
        raise SubmissionRefusedError(
            f"A key document has at most {MAX_KEYS_BYTES} bytes: leave out keys that ran out.",
            code=RefusalCode.TOO_LARGE,
        )
    try:
        document: AnyDocument = (
            check_contacts(data, published.entry)
            if published.kind is RoleKind.PARTICIPANT
            else check_keys(data, published.code)
        )
    except DocumentError as error:
        raise SubmissionRefusedError(str(error), code=RefusalCode.INVALID_DOCUMENT) from error
    # Only for what is sent anew: a published document is signed again as it is, even after a later
    # version of the format gained a field.
    if submission.targets and serialize_document(document) != data:
        raise SubmissionRefusedError(
            "The document is not written in its canonical form, which has one way to say one thing "
            "and no room for anything else: build it with this version's tools.",
            code=RefusalCode.INVALID_DOCUMENT,
        )
    return {path: data}


def _parse(data: bytes) -> Metadata[Targets]:
    try:
        metadata = Metadata[Targets].from_bytes(data)
        CanonicalJSONSerializer().serialize(
            metadata.signed
        )  # only what has a canonical form is signed
    except (RepositoryError, ValueError) as error:
        raise SubmissionRefusedError(
            "The metadata is no signed TUF metadata: build it again with this version's tools.",
            code=RefusalCode.MALFORMED,
        ) from error
    unknown = (
        metadata.unrecognized_fields
        or metadata.signed.unrecognized_fields
        or len(metadata.signatures) > _MOST_SIGNATURES
    )
    if metadata.signed.type != Targets.type or unknown:
        raise SubmissionRefusedError(
            "The metadata must be of type targets and hold nothing beyond the TUF fields: build it "
            "again with this version's tools.",
            code=RefusalCode.MALFORMED,
        )
    return metadata


def _check_signatures(metadata: Metadata[Targets], role: str, delegator: Targets) -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        wanted = set(delegator.get_delegated_role(role).keyids)
    except (RepositoryError, SecureSystemsError, ValueError) as error:
        raise SubmissionRefusedError(
            f"The signatures are not those that {role} needs: sign with the key that the registry "
            "lists for it, or ask the operators to list the new key.",
            code=RefusalCode.NOT_SIGNED,
        ) from error
    if set(metadata.signatures) - wanted:
        raise SubmissionRefusedError(
            f"There is a signature by a key that {role} does not have: leave it out.",
            code=RefusalCode.NOT_SIGNED,
        )


def _check_version(found: int, current: int) -> None:
    if found != current + 1:
        raise SubmissionRefusedError(
            f"Version {current} is published, so the next one is {current + 1}, not {found}: "
            "somebody else published meanwhile. Look at the change, then sign again.",
            code=RefusalCode.WRONG_VERSION,
        )


def _check_expiry(role: Targets, *, now: datetime, longest: timedelta) -> None:
    if not now < role.expires <= now + longest:
        raise SubmissionRefusedError(
            f"The signature must run out later than now and within {longest.days} days, not on "
            f"{role.expires:%Y-%m-%d}: check the clock, then sign again.",
            code=RefusalCode.EXPIRED,
        )


def _check_paths(role: Targets, path: str) -> TargetFile:
    if set(role.targets) != {path}:
        raise SubmissionRefusedError(
            f"This role signs {path} and nothing else.", code=RefusalCode.PATH_NOT_ALLOWED
        )
    target = role.targets[path]
    if set(target.hashes) != {"sha256"} or target.unrecognized_fields:
        raise SubmissionRefusedError(
            "A file is named by its length and SHA-256 and nothing else: build the metadata again.",
            code=RefusalCode.CONTENT_MISMATCH,
        )
    return target


def _check_delegations(role: Targets, published: Published) -> None:
    delegations = role.delegations
    if delegations is None and published.child is None:
        return
    node = node_role(published.code)
    proper = (
        published.kind is RoleKind.PARTICIPANT
        and delegations is not None
        and is_proper_delegation(delegations, published.code, RoleKind.NODE)
        and set(delegations.roles or {}) == {node}
        and not delegations.unrecognized_fields
        and len(delegations.keys) <= _MOST_NODE_KEYS
        and set(delegations.keys) == set((delegations.roles or {})[node].keyids)
        and not any(key.unrecognized_fields for key in delegations.keys.values())
    )
    if not proper:
        raise SubmissionRefusedError(
            f"A Participant delegates {path_of_role(published.code, RoleKind.NODE)} to one to "
            f"{_MOST_NODE_KEYS} Ed25519 keys of its node, and nothing else; a node that has "
            "published keys keeps its delegation.",
            code=RefusalCode.DELEGATION_NOT_ALLOWED,
        )
    if published.child is not None:
        _check_child(role, node, published.child)


def _check_child(role: Targets, node: str, child: Metadata[Targets]) -> None:
    try:
        role.verify_delegate(node, child.signed_bytes, child.signatures)
    except (RepositoryError, SecureSystemsError, ValueError) as error:
        raise SubmissionRefusedError(
            "The keys that the node has published are signed by a key that this delegation drops. "
            "Name the old and the new node key, let the node publish with the new one, then drop "
            "the old one.",
            code=RefusalCode.DELEGATION_NOT_ALLOWED,
        ) from error


def _check_content(
    submission: Submission, documents: Mapping[str, bytes], target: TargetFile
) -> bytes:
    """Return the document: the submitted one, or the published one if only the signature is new."""
    if set(submission.targets) - {target.path}:
        raise SubmissionRefusedError(
            f"Send {target.path} and no other document.", code=RefusalCode.PATH_NOT_ALLOWED
        )
    data = submission.targets.get(target.path, documents.get(target.path, b""))
    try:
        target.verify_length_and_hashes(data)
    except RepositoryError as error:
        raise SubmissionRefusedError(
            f"{target.path} is missing or is not what was signed: send the very bytes that were "
            "signed.",
            code=RefusalCode.CONTENT_MISMATCH,
        ) from error
    return data
