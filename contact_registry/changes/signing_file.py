"""The file that travels between a desk and whoever holds a directory key.

One closed JSON document: the role's TUF metadata with the signatures collected so far, and the
contacts document that it names. Nothing in it describes what it does: that is derived from these
bytes, by everybody anew (:mod:`contact_registry.changes.review`). Two files are about the same
change if, and only if, the signed part of their metadata is the same bytes; its SHA-256 is what
people compare by telephone.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization.json import CanonicalJSONSerializer

from contact_registry.changes.errors import SigningFileError
from contact_registry.changes.published_role import PublishedRole
from contact_registry.errors import DocumentError
from contact_registry.models import MAX_DOCUMENT_BYTES, ContactsDocument, parse_contacts
from contact_registry.trust.layout import (
    LIMITS,
    RoleKind,
    contacts_path,
    is_proper_delegation,
    participant_role,
)
from contact_registry.trust.submitting import Submission
from protocol.errors import ProtocolError
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey

#: Metadata and document in base64, and the JSON around them.
MAX_SIGNING_FILE: Final = (LIMITS.delegation + MAX_DOCUMENT_BYTES) * 4 // 3 + 1_000
_MOST_SIGNATURES: Final = 16
_AGAIN: Final = "get the signing file again from the desk where the change was made"


class _File(BaseModel):
    """The members of a signing file."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    format: Literal["trm-change/1"] = "trm-change/1"
    metadata: Annotated[str, Field(max_length=LIMITS.delegation * 4 // 3 + 4)]
    document: Annotated[str, Field(max_length=MAX_DOCUMENT_BYTES * 4 // 3 + 4)]


@dataclass(frozen=True, slots=True)
class SigningFile:
    """A change to sign: what is signed, by whom so far, and the contacts that it names."""

    metadata: Metadata[Targets]
    data: bytes
    document: ContactsDocument

    @property
    def participant(self) -> ParticipantCode:
        """Whose contacts these are."""
        return self.document.participant

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        return self.metadata.signed_bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 of what is signed, in hexadecimal."""
        return hashlib.sha256(self.statement).hexdigest()

    @property
    def version(self) -> int:
        """The version of the Participant's role that it would be."""
        return self.metadata.signed.version

    def to_bytes(self) -> bytes:
        """Return the file."""
        file = _File(
            metadata=base64.b64encode(self.metadata.to_bytes()).decode(),
            document=base64.b64encode(self.data).decode(),
        )
        return file.model_dump_json(indent=1).encode() + b"\n"

    def to_submission(self) -> Submission:
        """Return what the registry host is sent."""
        return Submission(
            role=participant_role(self.participant),
            metadata=self.metadata.to_bytes(),
            targets={contacts_path(self.participant): self.data},
        )


def make_signing_file(metadata: bytes, data: bytes) -> SigningFile:
    """Put a file together from metadata and document; raises ``SigningFileError``.

    Checked here is that both can be read and belong together. Whether they may be published is
    for :func:`~contact_registry.trust.acceptance.check_statement`, who signed it for
    :meth:`~contact_registry.changes.published_role.PublishedRole.find_signers`.
    """
    try:
        document = parse_contacts(data)
        parsed = Metadata[Targets].from_bytes(metadata)
        _require_plain(parsed, contacts_path(document.participant), data)
        _require_node_keys(parsed.signed, document.participant)
    except (RepositoryError, DocumentError, ProtocolError, ValueError) as error:
        raise SigningFileError(
            f"The signing file is damaged, or of another version of this program: {_AGAIN}."
        ) from error
    return SigningFile(parsed, data, document)


def _require_plain(metadata: Metadata[Targets], path: str, data: bytes) -> None:
    role = metadata.signed
    if (
        role.type != Targets.type
        or metadata.unrecognized_fields
        or role.unrecognized_fields
        or len(metadata.signatures) > _MOST_SIGNATURES
        or set(role.targets) != {path}
    ):
        raise ValueError("more or other than the contacts of one Participant")
    CanonicalJSONSerializer().serialize(metadata.signed)  # only what has a canonical form is signed
    role.targets[path].verify_length_and_hashes(data)


def _require_node_keys(role: Targets, code: ParticipantCode) -> None:
    """Refuse a delegation to anything but keys that can be named to whoever is asked to sign."""
    delegations = role.delegations
    if delegations is None:
        return
    if (
        not is_proper_delegation(delegations, code, RoleKind.NODE)
        or len(delegations.roles or {}) != 1
    ):
        raise ValueError("a delegation to something else than the node")
    for key in delegations.keys.values():
        VerifyKey(bytes.fromhex(str(key.keyval.get("public"))))


def parse_signing_file(data: bytes) -> SigningFile:
    """Read a signing file; raises ``SigningFileError``. Its contents are not repeated in errors."""
    if len(data) > MAX_SIGNING_FILE:
        raise SigningFileError(
            f"This has {len(data)} bytes, more than any signing file: choose the file that was "
            "downloaded from the change's page."
        )
    try:
        file = _File.model_validate_json(data)
        metadata = base64.b64decode(file.metadata, validate=True)
        document = base64.b64decode(file.document, validate=True)
    except (ValidationError, ValueError) as error:
        raise SigningFileError(
            "This is no signing file of this version: choose the file that was downloaded from "
            "the change's page, and nothing else."
        ) from error
    return make_signing_file(metadata, document)


def is_same_statement(one: bytes, other: bytes) -> bool:
    """Whether two metadata files sign the same, whoever signed them."""
    return _statement(one) is not None and _statement(one) == _statement(other)


def _statement(metadata: bytes) -> bytes | None:
    try:
        return Metadata[Targets].from_bytes(metadata).signed_bytes
    except (RepositoryError, ValueError):
        return None


def add_signatures(file: SigningFile, signers: Iterable[Signer]) -> SigningFile:
    """Return the file with these signatures added."""
    metadata = _copy(file.metadata)
    for signer in signers:
        metadata.sign(signer, append=True)
    return SigningFile(metadata, file.data, file.document)


def combine(files: Sequence[SigningFile]) -> SigningFile:
    """Return one file with the signatures of all; raises ``SigningFileError`` if they differ."""
    first = files[0]
    if any(other.statement != first.statement for other in files):
        raise SigningFileError(
            "These files are not about the same change: compare the digests that "
            "'trm-registry change show' prints, and let everybody sign the same file."
        )
    metadata = _copy(first.metadata)
    for other in files[1:]:
        for key_id, signature in other.metadata.signatures.items():
            held = metadata.signatures.setdefault(key_id, signature)
            # Ed25519 has one signature for one key and one message.
            if held.signature != signature.signature:
                raise SigningFileError(
                    f"The files hold two different signatures of key {key_id}: one of them is "
                    "damaged. Let its holder sign again."
                )
    return SigningFile(metadata, first.data, first.document)


def keep_good_signatures(file: SigningFile, published: PublishedRole) -> SigningFile:
    """Return the file with the signatures that count, and no other: these alone are published."""
    metadata = _copy(file.metadata)
    good = set(published.find_signers(metadata))
    for key_id in set(metadata.signatures) - good:
        del metadata.signatures[key_id]
    return SigningFile(metadata, file.data, file.document)


def _copy(metadata: Metadata[Targets]) -> Metadata[Targets]:
    return Metadata[Targets].from_bytes(metadata.to_bytes())
