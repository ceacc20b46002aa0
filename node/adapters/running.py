"""Whether a node runs on a data folder: said by a lock that ends with its process.

Processes of one node share the lock. What must find the node stopped takes it alone, so neither
begins while the other goes on.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.adapters.keystore import KeyStoreError

_LOCK_NAME: Final = ".running"


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Say that a process of the node runs, as long as the block does.

    To be entered before the key store is read. Raises ``KeyStoreError`` if it may not.
    """
    refusal = (
        "Another command needs this node stopped: wait until 'trm-node replace-keys' or 'trm-node "
        "begin-new-generation' has ended. After new keys, start it once they are published."
    )
    with _locked(folder, fcntl.LOCK_SH, refusal=refusal):
        yield


@contextmanager
def stopped(folder: Path) -> Iterator[None]:
    """Keep the node from running, as long as the block does; raises ``KeyStoreError`` if it runs.

    To be entered before the key store is read.
    """
    refusal = (
        f"The node that uses {folder} runs: stop it, and every other process of it, then repeat "
        "this command. Nothing was changed."
    )
    with _locked(folder, fcntl.LOCK_EX, refusal=refusal):
        yield


@contextmanager
def _locked(folder: Path, operation: int, *, refusal: str) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _LOCK_NAME).open("ab") as lock:
        try:
            fcntl.flock(lock, operation | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise KeyStoreError(refusal) from error
        yield  # closing the file gives the lock back, also when the process dies
