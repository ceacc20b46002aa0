"""Files under the data folder, for content that is too large for a database.

``<data folder>/files/<first two characters>/<name>``, readable by the node's user only. Content is
encrypted by whoever writes it. Several processes of one node share the folder: what one wrote and
synced, the others read.
"""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from console.i18n import msg
from node.domain.files import NoRoomError

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderBlobStore:
    """Implements ``node.domain.files.BlobStore``. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        self._folder = folder

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """Write, making the file if it is not there; raises ``NoRoomError``."""
        try:
            descriptor = self._open(name)
            try:
                rest = memoryview(data)
                while rest:  # one call may write less than asked, near a full disk
                    written = os.pwrite(descriptor, rest, offset)
                    rest, offset = rest[written:], offset + written
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _say(error) from error

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        """Read; shorter at the end. Raises ``FileNotFoundError``."""
        descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            parts = []
            while length > 0:
                part = os.pread(descriptor, length, offset)
                if not part:
                    break
                parts.append(part)
                length, offset = length - len(part), offset + len(part)
        finally:
            os.close(descriptor)
        return b"".join(parts)

    def sync(self, name: str) -> None:
        """Return when content and name are on the disk for good; raises ``NoRoomError``."""
        path = self._path(name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _sync_folder(path.parent)
            _sync_folder(self._folder)
        except OSError as error:
            raise _say(error) from error

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep every other writer of this name out: ``flock(2)``, which also works between threads.

        A process that is killed gives its lock back.
        """
        try:
            descriptor = self._open(name)
        except OSError as error:
            raise _say(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def size(self, name: str) -> int | None:
        """Return the length in bytes; None if there is no such file."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Delete; nothing happens if there is no such file."""
        self._path(name).unlink(missing_ok=True)

    def list_names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name, and when it was written to last."""
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            for path in folder.iterdir():
                with suppress(FileNotFoundError):  # deleted meanwhile
                    written = path.stat().st_mtime
                    if _NAME.fullmatch(path.name):
                        yield path.name, datetime.fromtimestamp(written, UTC)

    def free_bytes(self) -> int:
        """Return how many bytes more the disk takes from this user."""
        room = os.statvfs(self._folder)
        return room.f_bavail * room.f_frsize

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("A blob is named by 32 hexadecimal characters: this is our mistake.")
        return self._folder / name[:2] / name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _say(error: OSError) -> Exception:
    """Say that the disk is full; anything else speaks for itself."""
    if error.errno not in _NO_ROOM:
        return error
    return NoRoomError(
        msg(
            "The disk of this node is full: nothing was lost, and nothing more can be stored. "
            "Tell its "
            "administrator to make room."
        )
    )
