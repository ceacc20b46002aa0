"""Who else on this machine may read a file: secrets and stores are for their owner only."""

import stat
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o077
"""The mask for new files (umask), and the bits that a secret's file must not have."""


class ExposedFileError(Exception):
    """Others may read what only its owner should. The message has the command that mends it."""


def verify_private_file(path: Path) -> None:
    """Raise :class:`ExposedFileError` if others may read it, ``OSError`` if it is not there."""
    if path.stat().st_mode & OWNER_ONLY:
        raise ExposedFileError(f"{path} can be read by others: run 'chmod 600 {path}' first.")


def verify_private_folder(path: Path) -> None:
    """Raise :class:`ExposedFileError` if others may look into a folder that holds anything."""
    if not path.is_dir() or not any(path.iterdir()):
        return
    if stat.S_IMODE(path.stat().st_mode) & OWNER_ONLY:
        raise ExposedFileError(f"{path} can be read by others: run 'chmod 700 {path}' first.")
