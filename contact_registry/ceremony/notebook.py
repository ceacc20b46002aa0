"""What a key has signed, noted beside its file, so that it never says two things under one number.

A *notebook* holds which version of which part the key has signed, and the newest registry that was
seen then. With it, somebody who controls the registry host and the mail between signers cannot
obtain two different statements under one version number from the same people, and show one of them
to some Participants and one to the others. Operators' keys and directory keys have the same one.
"""

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contact_registry.ceremony.digest import is_same_digest, speak_digest
from contact_registry.errors import KeyFileError, RegistryError
from contact_registry.files import read_bounded, using
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
    """What a key has signed, oldest first, and the newest registry version seen while signing.

    ``registry`` was counted under the host's key ``online``, which ``root`` names (0 and empty:
    nobody noted it). A host key in wrong hands counts as high as it likes, so the number begins
    anew under another key of a newer root, as it does for every client.
    """

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    format: Literal["trm-signed/1"] = "trm-signed/1"
    registry: Annotated[int, Field(ge=0)] = 0
    root: Annotated[int, Field(ge=0)] = 0
    online: Annotated[str, Field(max_length=64)] = ""
    signed: Annotated[list[_Entry], Field(max_length=_MOST)] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be signed: roles by the versions that they would be, in which file.

    ``file`` is the SHA-256 by which people know the signing file, ``seen`` the version of the
    registry that the signer holds (0: there is none yet). ``instead_of`` is the digest, as read by
    people, of an earlier file that was given up. ``root`` and ``online`` are the version of the
    root that is held and the host's key that it names, where the signer's tool knows them.
    """

    versions: Sequence[tuple[str, int]]
    file: str
    seen: int
    root: int = 0
    online: str = ""
    instead_of: str | None = None


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


def check_intent(notebook: Notebook, intent: Intent) -> None:
    """Refuse what contradicts the notebook; raises :class:`~contact_registry.errors.RegistryError`.

    An earlier file under the same version does, unless the intent says that it was given up.
    """
    for what, held, noted in (
        ("root", intent.root or notebook.root, notebook.root),
        ("the registry", intent.seen, 0 if _begins_anew(notebook, intent) else notebook.registry),
    ):
        if held < noted:
            raise RegistryError(
                f"You hold version {held} of {what}, and when this key signed last it was version "
                f"{noted}: somebody shows you an old state, or the copy is old. Fetch the registry "
                "again, and ask the other operators if it stays so."
            )
    for role, version in intent.versions:
        highest = max((e.version for e in notebook.signed if e.role == role), default=0)
        if version < highest:
            raise RegistryError(
                f"This key has signed version {highest} of {role} already, and the file holds "
                f"version {version}: the registry that you hold lacks it. Fetch it again, and ask "
                "the other operators what became of that version."
            )
        others = {e.file for e in notebook.signed if (e.role, e.version) == (role, version)}
        for other in others - {intent.file}:
            if intent.instead_of is None or not is_same_digest(intent.instead_of, other):
                raise RegistryError(
                    f"This key has signed another version {version} of {role}, in the file with "
                    f"the digest {speak_digest(other)}. Two statements under one number could be "
                    "shown to different Participants. If all signers gave that file up and have "
                    "destroyed it, repeat the command with --instead-of and that digest."
                )


def _begins_anew(notebook: Notebook, intent: Intent) -> bool:
    """Whether a newer root names another key of the registry host than the one that was noted."""
    is_known = bool(notebook.online and intent.online)
    return is_known and intent.root > notebook.root and intent.online != notebook.online


def _note(notebook: Notebook, intent: Intent) -> Notebook:
    new = [
        _Entry(role=role, version=version, file=intent.file) for role, version in intent.versions
    ]
    known = [entry for entry in notebook.signed if entry not in new]
    return Notebook(
        registry=max(0 if _begins_anew(notebook, intent) else notebook.registry, intent.seen),
        root=max(notebook.root, intent.root),
        online=intent.online or notebook.online,
        signed=[*known, *new][-_MOST:],
    )


def enter_intent(key_file: Path, intent: Intent) -> None:
    """Write into the key's notebook, durably, what is about to be signed.

    It is read and checked anew, alone on this machine: while a person read and typed, the same key
    may have signed another file in another window. Raises as :func:`check_intent` does.
    """
    path = notebook_path(key_file)
    with using(path), key_file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # given back when the file is closed
        notebook = load_notebook(path)
        check_intent(notebook, intent)
        write_durably(path, (_note(notebook, intent).model_dump_json(indent=1) + "\n").encode())
