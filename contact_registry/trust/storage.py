"""Files that survive a crash: written aside, flushed, then moved into place."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from contact_registry.errors import RepositoryStateError
from contact_registry.trust.layout import is_target_name, parse_metadata_name

WriteFile = Callable[[Path, bytes], None]
"""Writes a whole file so that a crash leaves the old content or the new, never a part."""

_LOCK_NAME: Final = ".lock"


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it has its old content or the new one, and nothing else.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    moved over ``path``; then the folder itself is flushed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except OSError:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for one writer at a time, across threads and processes; waits its turn."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_NAME).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also when the process dies


class RepositoryFiles:
    """The files of a TUF repository in a folder: ``metadata/`` and ``targets/``.

    Every version stays. A versioned file that no published version names yet is what a crash left
    behind: the next publication may write over it, because nobody was ever served it.
    """

    def __init__(self, folder: Path, *, write: WriteFile = write_durably) -> None:
        self.folder = folder
        self._metadata = folder / "metadata"
        self._targets = folder / "targets"
        self._write = write
        self._newest: dict[str, int] = {}

    def read_metadata(self, role: str, version: int | None) -> bytes | None:
        """Return a metadata file, or None if there is none."""
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        return _read(self._metadata / name)

    def read_target(self, name: str) -> bytes | None:
        """Return a target file by its published name (with its hash), or None."""
        return _read(self._targets / name) if is_target_name(name) else None

    def newest_version(self, role: str) -> int:
        """Return the highest version of a role on disk, published or left behind; 0 if none.

        The folder is searched once: it has every version since the beginning. Each new version is
        one more than the highest, so later it is enough to look whether there is a next one.
        """
        newest = self._newest.get(role, 0)
        if not newest or not self._has(role, newest):
            found = (parse_metadata_name(p.name) for p in self._metadata.glob(f"*.{role}.json"))
            newest = max((name[1] or 0 for name in found if name and name[0] == role), default=0)
        while self._has(role, newest + 1):
            newest += 1
        self._newest[role] = newest
        return newest

    def _has(self, role: str, version: int) -> bool:
        return (self._metadata / f"{version}.{role}.json").exists()

    def write_metadata(self, role: str, version: int | None, data: bytes) -> None:
        """Write a metadata file. The caller makes sure that the version was never published."""
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        self._write(self._metadata / name, data)

    def write_target(self, name: str, data: bytes) -> None:
        """Write a target file; its name holds its hash, so what is there already is the same."""
        if not is_target_name(name):
            raise RepositoryStateError(f"{name} is no target file name: this is a defect.")
        if self.read_target(name) != data:
            self._write(self._targets / name, data)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RepositoryStateError(
            f"{path} cannot be read ({error.strerror}): check the disk and the folder's owner."
        ) from error
