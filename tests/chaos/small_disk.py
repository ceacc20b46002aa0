"""A disk of its own for one node, so small that it can be full: a tmpfs, where root may mount one.

It is as large as one likes until it is made as small as what lies in it: then each write fails with
ENOSPC, as on a real disk, and what is written stays.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

_ROOMY: Final = 4 << 30
_TRIES: Final = 200


class SmallDisk:
    """A mounted tmpfs; close it, and what it held lies in an ordinary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def mount(cls, folder: Path) -> "SmallDisk | None":
        """Put one under a folder and what lies in it; ``None`` where that may not be done."""
        aside = folder.with_suffix(".aside")
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        options = f"size={_ROOMY},mode=700"
        if os.geteuid() != 0 or not _call("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder):
            folder.rmdir()
            aside.rename(folder)
            return None
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        shutil.rmtree(aside)
        return cls(folder)

    def fill(self) -> None:
        """Leave no room."""
        disk = os.statvfs(self._folder)
        self._resize((disk.f_blocks - disk.f_bfree) * disk.f_frsize)

    def free(self) -> None:
        """Leave much room."""
        self._resize(_ROOMY)

    def close(self) -> None:
        """Unmount it; nothing may be in use there."""
        kept = self._folder.with_suffix(".kept")
        shutil.copytree(self._folder, kept)
        if _call("umount", self._folder) or _call("umount", "-l", self._folder):
            self._folder.rmdir()
            kept.rename(self._folder)

    def _resize(self, size: int) -> None:
        # Where it was written to meanwhile, the kernel refuses: what is there does not fit.
        for more in range(_TRIES):
            if _call("mount", "-o", f"remount,size={size + (more << 16)}", self._folder):
                return
        raise OSError(f"{self._folder} cannot be made {size} bytes large: look at its mount.")


def _call(*command: str | Path) -> bool:
    program = shutil.which(str(command[0]))
    if program is None:
        return False
    done = subprocess.run([program, *map(str, command[1:])], capture_output=True, check=False)
    return done.returncode == 0
