"""The Participant's side of a change: signed metadata and documents, ready to be sent.

Pure: keys and moments come in, bytes go out. The role's next version is one more than the version
that the registry host names for it (``GET /registry/roles/{role}``; 0 if it has none).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.signer import Signer
from tuf.api.metadata import Delegations, Metadata, TargetFile, Targets

from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    ContactsDocument,
    KeysDocument,
    serialize_document,
)
from contact_registry.trust.layout import (
    LIMITS,
    RoleKind,
    contacts_path,
    keys_path,
    make_delegation,
    make_tuf_key,
    node_role,
    participant_role,
)
from protocol.signing import VerifyKey

#: Bytes of a submission: metadata and one document in base64, and the JSON around them.
MAX_SUBMISSION_BYTES: Final = (LIMITS.delegation + MAX_DOCUMENT_BYTES) * 4 // 3 + 4_096


class SubmissionBody(BaseModel):
    """A submission as JSON: bytes are in standard base64."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    role: Annotated[str, Field(max_length=16)]
    metadata: Annotated[str, Field(max_length=LIMITS.delegation * 2)]
    targets: Annotated[dict[Annotated[str, Field(max_length=64)], str], Field(max_length=1)] = {}


@dataclass(frozen=True, slots=True)
class Submission:
    """A change of one role: its signed metadata, and the documents that it names, by path."""

    role: str
    metadata: bytes
    targets: Mapping[str, bytes]

    def to_json(self) -> dict[str, object]:
        """Return the body of ``POST /registry/submissions``: bytes in standard base64."""
        return {
            "role": self.role,
            "metadata": base64.b64encode(self.metadata).decode(),
            "targets": {
                path: base64.b64encode(data).decode() for path, data in self.targets.items()
            },
        }


def build_contacts_submission(
    document: ContactsDocument,
    *,
    previous_version: int,
    signers: Sequence[Signer],
    expires: datetime,
    node_keys: Sequence[VerifyKey] = (),
) -> Submission:
    """Sign a Participant's contacts with its directory key, and delegate to its node's keys.

    ``node_keys`` are the online keys of which any one may sign ``keys.json``. To rotate: name old
    and new, publish ``keys.json`` signed by the new one, then name the new one alone. An empty list
    means that the Participant has no node.
    """
    code = document.participant
    delegations = None
    if node_keys:
        role = make_delegation(code, RoleKind.NODE, keys=node_keys, threshold=1)
        delegations = Delegations(
            keys={key.key_id: make_tuf_key(key) for key in node_keys}, roles={role.name: role}
        )
    return _build(
        participant_role(code),
        path=contacts_path(code),
        data=serialize_document(document),
        version=previous_version + 1,
        expires=expires,
        signers=signers,
        delegations=delegations,
    )


def build_keys_submission(
    document: KeysDocument, *, previous_version: int, signer: Signer, expires: datetime
) -> Submission:
    """Sign a node's keys with its online key."""
    code = document.participant
    return _build(
        node_role(code),
        path=keys_path(code),
        data=serialize_document(document),
        version=previous_version + 1,
        expires=expires,
        signers=(signer,),
        delegations=None,
    )


def _build(  # noqa: PLR0913 - the parts of one signed statement
    role: str,
    *,
    path: str,
    data: bytes,
    version: int,
    expires: datetime,
    signers: Sequence[Signer],
    delegations: Delegations | None,
) -> Submission:
    target = TargetFile(
        length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()}, path=path
    )
    metadata = Metadata(
        Targets(version=version, expires=expires, targets={path: target}, delegations=delegations)
    )
    for signer in signers:
        metadata.sign(signer, append=True)
    return Submission(
        role=role, metadata=metadata.to_bytes(), targets=MappingProxyType({path: data})
    )


def parse_submission(data: bytes) -> Submission:
    """Read a submission from JSON; nothing in it is verified.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    try:
        parsed = SubmissionBody.model_validate_json(data)
        return Submission(
            role=parsed.role,
            metadata=base64.b64decode(parsed.metadata, validate=True),
            targets={
                path: base64.b64decode(text, validate=True) for path, text in parsed.targets.items()
            },
        )
    except (ValidationError, binascii.Error, ValueError) as error:
        raise SubmissionRefusedError(
            "The body is JSON with role, metadata and targets, bytes in base64: build it with this "
            "version's tools.",
            code=RefusalCode.MALFORMED,
        ) from error
