"""The folder of saved mailboxes: a snapshot of each, and a signed list of what belongs to it.

The list is what makes a folder complete: without it, with a file of it missing or changed, or with
the list of another broker, nothing is put back. It is signed with the operators' account key, since
a snapshot also says what a mailbox may do and who reads from it.
"""

import hashlib
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console.process.file_modes import ExposedFileError, verify_private_folder
from protocol.errors import ProtocolError
from protocol.nkeys import Nkey, PublicNkey, decode_public_nkey

_LIST: Final = "mailboxes.json"
_SIGNATURE: Final = "mailboxes.signature"
_UNFINISHED: Final = "unfinished"
_SIGNED_AS: Final = b"trm-saved-mailboxes-1\n"
_SIGNATURE_BYTES: Final = 64
_MOST_NAME_BYTES: Final = 80
#: Some 3 KB for each of four mailboxes of some thousand Participants.
_MOST_LIST_BYTES: Final = 16 * 1024**2


class MovingError(Exception):
    """Mailboxes cannot be saved or put back; the message says what to do. Nothing was lost."""


class SavedMailbox(BaseModel):
    """What belongs to one snapshot; ``config`` and ``state`` are the broker's own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Z0-9a-z_-]{1,80}$")
    config: dict[str, Any]
    state: dict[str, Any]
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def messages(self) -> int:
        """How many envelopes it holds."""
        return int(self.state.get("messages", 0))


class SavedMailboxes(BaseModel):
    """The whole list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    saved_at: datetime
    mailboxes: tuple[SavedMailbox, ...]


def make_draft_folder(directory: Path) -> Path:
    """Make the private folder that becomes ``directory`` once it is complete."""
    if directory.exists():
        raise MovingError(f"{directory} exists already and was left as it is: name another.")
    if not directory.name.strip("."):
        raise MovingError(f"{directory} is no name for a new folder: name another.")
    draft = directory.with_name(f"{directory.name}.unfinished")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
    except FileExistsError as error:
        raise MovingError(
            f"{draft} is left of a try that was cut off, unless another runs now: remove it (it "
            "may hold envelopes), then try again."
        ) from error
    except OSError as error:
        raise MovingError(f"{draft} cannot be made ({error.strerror}): check the path.") from error
    return draft


def open_snapshot(directory: Path, name: str) -> IO[bytes]:
    """Open the file of one mailbox's snapshot for writing anew, for its owner only."""
    _locate_snapshot(directory, name).unlink(missing_ok=True)
    return _open_private(_locate_snapshot(directory, name))


def sync_file(file: IO[bytes]) -> None:
    """Return when what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def finish_folder(draft: Path, directory: Path, saved: SavedMailboxes, *, key: Nkey) -> None:
    """Write the signed list, and give the folder its name: it is complete from then on."""
    text = saved.model_dump_json(indent=1).encode()
    for name, data in ((_LIST, text), (_SIGNATURE, key.sign(_SIGNED_AS + text))):
        with _open_private(draft / name) as file:
            file.write(data)
            sync_file(file)
    _sync_folder(draft)
    draft.rename(directory)
    _sync_folder(directory.parent)


def remove_draft(draft: Path) -> None:
    """Remove what an interrupted try has written."""
    shutil.rmtree(draft, ignore_errors=True)


def read_saved(directory: Path, *, signed_by: PublicNkey) -> SavedMailboxes:
    """Return what the folder holds, every file looked at; raises :class:`MovingError`.

    ``signed_by`` is the operators' account at this broker.
    """
    try:
        verify_private_folder(directory)
        text = _read(directory / _LIST, most=_MOST_LIST_BYTES)
        signature = _read(directory / _SIGNATURE, most=_SIGNATURE_BYTES)
    except (OSError, ValueError) as error:
        raise MovingError(
            f"{directory} is no complete folder of `trm-hub save-mailboxes` ({error}): name the "
            "folder that it has made, with all that it holds."
        ) from error
    except ExposedFileError as error:
        raise MovingError(str(error)) from error
    try:
        decode_public_nkey(signed_by)[1].verify_raw(_SIGNED_AS + text, signature=signature)
        saved = SavedMailboxes.model_validate_json(text)
    except (ProtocolError, ValidationError) as error:
        raise MovingError(
            f"{directory / _LIST} is damaged, or was not saved with the broker keys of this hub: "
            "nothing was put back. Save the mailboxes again."
        ) from error
    for one in saved.mailboxes:
        _verify_snapshot(one, directory)
    return saved


def read_pieces(directory: Path, name: str) -> IO[bytes]:
    """Open a snapshot for reading."""
    return _locate_snapshot(directory, name).open("rb")


def note_unfinished(directory: Path, name: str) -> None:
    """Write down, before it begins, which mailbox is being put back; no name: none is any more."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(directory / _UNFINISHED, flags, 0o600), "wb") as file:
        file.write(name.encode())
        sync_file(file)
    _sync_folder(directory)


def read_unfinished(directory: Path) -> str:
    """Return which mailbox was being put back when it was cut off, or nothing."""
    try:
        return _read(directory / _UNFINISHED, most=_MOST_NAME_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return ""


def _read(path: Path, *, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path.name} is larger than {most} bytes")
    return data


def _verify_snapshot(one: SavedMailbox, directory: Path) -> None:
    path = _locate_snapshot(directory, one.name)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MovingError(f"{path} cannot be read: save the mailboxes again.") from error
    if digest != one.sha256:
        raise MovingError(f"{path} is damaged: save the mailboxes again.")


def _locate_snapshot(directory: Path, name: str) -> Path:
    return directory / f"{name}.snapshot"


def _open_private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync_folder(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
