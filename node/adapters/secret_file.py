"""Writing a file of secrets in the place of another, and overwriting the other.

A new file is written beside the old one and renamed, so that a crash leaves one or the other. Then
the old one's blocks are overwritten, because a change may be the erasure of a key.

What that is worth depends on what is below. Flash memory writes elsewhere and keeps the old blocks
for a while, out of reach of everybody but a laboratory; so do file systems that copy on write; and
a snapshot or backup keeps the whole file. An old block is still encrypted: who has it needs the
passphrase or key file of the store, too. So keep those on another medium, let backups of the key
store replace each other, and let the disk be encrypted.
"""

import os
from pathlib import Path


def replace_secret_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of what is there, all at once, and overwrite what was there.

    ``path`` may be a symbolic link: the file that it leads to is replaced, and the link stays.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(path.name + ".new")
    # Not emptied first: what a crash left there is overwritten, too.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.truncate()
        os.fchmod(file.fileno(), 0o600)
        file.flush()
        os.fsync(file.fileno())
    old = _open_old(path)
    try:
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        # A second name is somebody's backup: without a key store no case can be read again.
        if old is not None and os.fstat(old).st_nlink == 0:
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
    finally:
        if old is not None:
            os.close(old)


def _open_old(path: Path) -> int | None:
    """Open a file that is about to lose its name, for writing; ``None`` if there is none."""
    try:
        path.chmod(0o600)  # its owner may have made it read-only
        return os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return None
