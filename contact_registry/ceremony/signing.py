"""Adding a signature to a ceremony, joining the signatures of several, and remembering both.

A signer's *notebook* lies beside the key file. It holds which version of which part the key has
signed, and the newest registry that was seen then. With it, somebody who controls the registry host
and the mail between signers cannot obtain two different statements under one version number from
the same people, and show one of them to some Participants and one to the others.
"""

import fcntl
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tuf.api.metadata import Metadata

from contact_registry.ceremony.digest import is_same_digest, speak_digest
from contact_registry.ceremony.signing_file import digest_change, digest_of
from contact_registry.errors import KeyFileError, RefusalCode, RegistryError, SubmissionRefusedError
from contact_registry.files import read_bounded, using
from contact_registry.trust.operators import OperatorsChange, Standing
from contact_registry.trust.operators_acceptance import Examined
from contact_registry.trust.operators_parts import MOST_SIGNATURES
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.storage import write_durably

_LONGEST: Final = 200_000
_MOST: Final = 1_000
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    """One part that was signed: which version, in which file (both digests hexadecimal)."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    role: Annotated[str, Field(max_length=16)]
    version: Annotated[int, Field(ge=1)]
    file: _Sha256


class Notebook(BaseModel):
    """What a key has signed, oldest first, and the newest registry version seen while signing."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    format: Literal["trm-signed/1"] = "trm-signed/1"
    registry: Annotated[int, Field(ge=0)] = 0
    signed: Annotated[list[_Entry], Field(max_length=_MOST)] = []


def notebook_path(key_file: Path) -> Path:
    """Return where the notebook of a key file lies."""
    return key_file.with_name(f"{key_file.name}.signed.json")


def load_notebook(path: Path) -> Notebook:
    """Return a notebook, an empty one if there is none; raises ``KeyFileError`` if damaged."""
    if not path.exists():
        return Notebook()
    try:
        return Notebook.model_validate_json(read_bounded(path, _LONGEST))
    except ValidationError as error:
        raise KeyFileError(
            f"{path} does not read any more: restore it from a copy. It says what this key has "
            "signed; without it you could be made to sign two things under one number."
        ) from error


def check_notebook(
    notebook: Notebook, examined: Examined, standing: Standing | None, *, instead_of: str | None
) -> None:
    """Refuse what contradicts the notebook.

    ``instead_of`` is the digest, as read by people, of an earlier file that was given up.
    Raises :class:`~contact_registry.errors.RegistryError`.
    """
    seen = standing.top.snapshot.version if standing is not None else 0
    if seen < notebook.registry:
        raise RegistryError(
            f"You hold version {seen} of the registry, and when this key signed last it was "
            f"version {notebook.registry}: somebody shows you an old state, or the copy is old. "
            "Fetch the registry again, and ask the other operators if it stays so."
        )
    file = digest_of(examined)
    for role in examined.changed:
        version = examined.parts[role].signed.version
        highest = max((e.version for e in notebook.signed if e.role == role), default=0)
        if version < highest:
            raise RegistryError(
                f"This key has signed version {highest} of {role} already, and the file holds "
                f"version {version}: the registry that you hold lacks it. Fetch it again, and ask "
                "the other operators what became of that version."
            )
        others = {e.file for e in notebook.signed if (e.role, e.version) == (role, version)}
        for other in others - {file}:
            if instead_of is None or not is_same_digest(instead_of, other):
                raise RegistryError(
                    f"This key has signed another version {version} of {role}, in the file with "
                    f"the digest {speak_digest(other)}. Two statements under one number could be "
                    "shown to different Participants. If all signers gave that file up and have "
                    "destroyed it, repeat the command with --instead-of and that digest."
                )


def _note(
    notebook: Notebook, examined: Examined, standing: Standing | None, roles: Iterable[str]
) -> Notebook:
    file = digest_of(examined)
    new = [
        _Entry(role=role, version=examined.parts[role].signed.version, file=file) for role in roles
    ]
    known = [entry for entry in notebook.signed if entry not in new]
    seen = standing.top.snapshot.version if standing is not None else 0
    return Notebook(registry=max(notebook.registry, seen), signed=[*known, *new][-_MOST:])


def enter_signature(
    key_file: Path,
    examined: Examined,
    standing: Standing | None,
    roles: Iterable[str],
    *,
    instead_of: str | None,
) -> None:
    """Write into the notebook, durably, what is about to be signed.

    It is read and checked anew, alone on this machine: while a person read and typed, the same key
    may have signed another file in another window. Raises as :func:`check_notebook` does.
    """
    path = notebook_path(key_file)
    with using(path), key_file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # given back when the file is closed
        notebook = load_notebook(path)
        check_notebook(notebook, examined, standing, instead_of=instead_of)
        noted = _note(notebook, examined, standing, roles)
        write_durably(path, (noted.model_dump_json(indent=1) + "\n").encode())


def list_wanted(examined: Examined, key_id: str) -> list[str]:
    """Return the parts that this key has a say in, signed by it already or not."""
    return [
        role
        for role in examined.changed
        if any(r.role == role and key_id in r.holders for r in examined.requirements)
    ]


def sign_change(
    change: OperatorsChange, examined: Examined, signer: RegistrySigner
) -> OperatorsChange:
    """Return the change with this signer's signature on every part that wants it.

    ``examined`` is what was made of this very change and shown to the signer.
    Raises :class:`~contact_registry.errors.SubmissionRefusedError` if no part wants it.
    """
    wanted = list_wanted(examined, signer.public_key.keyid)
    if not wanted:
        raise SubmissionRefusedError(
            f"The key {signer.public_key.keyid} has no say in this file: use the key that is "
            "listed under signatures, or send the file on.",
            code=RefusalCode.NOT_SIGNED,
        )
    parts = dict(change.parts)
    for role in wanted:
        metadata = Metadata.from_bytes(parts[role])
        metadata.sign(signer, append=True)
        parts[role] = metadata.to_bytes()
    return OperatorsChange(MappingProxyType(parts), change.documents)


def combine_changes(changes: Sequence[OperatorsChange]) -> OperatorsChange:
    """Join the signatures of copies of one signing file.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError` if they are not copies of one.
    Whether the signatures are good is seen when the result is examined.
    """
    first, digest = changes[0], digest_change(changes[0])
    for other in changes[1:]:
        others = digest_change(other)
        if others != digest or dict(other.documents) != dict(first.documents):
            raise SubmissionRefusedError(
                "The files are not copies of one signing file: their digests are "
                f"{speak_digest(digest)} and {speak_digest(others)}. Combine those with the same "
                "digest, and ask whoever sent the other one.",
                code=RefusalCode.CONTENT_MISMATCH,
            )
    parts = {role: _join([change.parts[role] for change in changes]) for role in first.parts}
    return OperatorsChange(MappingProxyType(parts), first.documents)


def _join(copies: Sequence[bytes]) -> bytes:
    joined = Metadata.from_bytes(copies[0])
    for data in copies[1:]:
        for keyid, signature in Metadata.from_bytes(data).signatures.items():
            joined.signatures.setdefault(keyid, signature)
    if len(joined.signatures) > MOST_SIGNATURES:
        raise SubmissionRefusedError(
            f"Together they carry more than {MOST_SIGNATURES} signatures: combine fewer files.",
            code=RefusalCode.TOO_LARGE,
        )
    result: bytes = joined.to_bytes()
    return result
