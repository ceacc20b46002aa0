"""The signing file: everything that a ceremony signs, in one file that travels between signers.

::

    {"format": "trm-signing-file/1",
     "parts": [{"role": "targets", "metadata": "<base64>"}, ...],
     "documents": [{"path": "participants.json", "content": "<base64>"}, ...]}

It holds no description of what it does: nobody could trust one. What a file does is derived from
these bytes, against the registry that the signer holds. It is closed and canonical: one content has
one file, and anything else is refused.
"""

import base64
import binascii
import json
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contact_registry.ceremony.digest import digest_parts
from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.trust.operators import OperatorsChange, order_roles
from contact_registry.trust.operators_acceptance import (
    MOST_BYTES,
    MOST_PARTS,
    Examined,
    read_parts,
)

FORMAT: Final = "trm-signing-file/1"
#: Bytes of a file: its parts in base64, and the JSON around them.
MOST_FILE_BYTES: Final = MOST_BYTES * 4 // 3 + MOST_PARTS * 256
_LONGEST_ROLE: Final = 16
_LONGEST_PATH: Final = 64

_Base64 = Annotated[str, Field(max_length=MOST_BYTES * 4 // 3 + 4)]


class _Closed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _Part(_Closed):
    role: Annotated[str, Field(max_length=_LONGEST_ROLE)]
    metadata: _Base64


class _Document(_Closed):
    path: Annotated[str, Field(max_length=_LONGEST_PATH)]
    content: _Base64


class _File(_Closed):
    format: Literal["trm-signing-file/1"]
    parts: Annotated[list[_Part], Field(min_length=1, max_length=MOST_PARTS)]
    documents: Annotated[list[_Document], Field(max_length=MOST_PARTS)]


def parse_signing_file(data: bytes) -> OperatorsChange:
    """Read a signing file; raises :class:`~contact_registry.errors.SubmissionRefusedError`.

    Only its shape is looked at here: see
    :func:`~contact_registry.trust.operators_acceptance.examine_change`.
    """
    if len(data) > MOST_FILE_BYTES:
        raise _refuse(f"has more than {MOST_FILE_BYTES} bytes", RefusalCode.TOO_LARGE)
    try:
        file = _File.model_validate_json(data)
        change = OperatorsChange(
            parts=MappingProxyType({p.role: _decode(p.metadata) for p in file.parts}),
            documents=MappingProxyType({d.path: _decode(d.content) for d in file.documents}),
        )
    except (ValidationError, binascii.Error, ValueError) as error:
        raise _refuse("is no signing file of this version", RefusalCode.MALFORMED) from error
    if serialize_signing_file(change) != data:
        raise _refuse("is not written in its one canonical form", RefusalCode.MALFORMED)
    return change


def serialize_signing_file(change: OperatorsChange) -> bytes:
    """Return the one file of a change."""
    content = {
        "format": FORMAT,
        "parts": [
            {"role": role, "metadata": _encode(change.parts[role])}
            for role in order_roles(change.parts)
        ],
        "documents": [
            {"path": path, "content": _encode(change.documents[path])}
            for path in sorted(change.documents)
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode()


def digest_of(examined: Examined) -> str:
    """Return the SHA-256 that stands for what is signed, in hexadecimal.

    It covers all parts, also those that are published already, and no signatures.
    """
    return digest_parts({role: part.signed_bytes for role, part in examined.parts.items()})


def digest_change(change: OperatorsChange) -> str:
    """Return the same for a change that was not examined: for comparing two files.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    return digest_parts({role: part.signed_bytes for role, part in read_parts(change).items()})


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _refuse(why: str, code: RefusalCode) -> SubmissionRefusedError:
    return SubmissionRefusedError(
        f"The file {why}: take it again from whoever prepared it, and change nothing in it by "
        "hand.",
        code=code,
    )
