"""Starting programs that end with this process, without losing one to an interrupt."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Final

from hub.broker import tether

_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let what handles SIGINT and SIGTERM wait until the end of the block.

    A handler that raises while a program is being started would leave it running, known to nobody:
    start it, and keep what was returned, inside of this. Handlers run in the main thread, so
    elsewhere nothing is held.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {each: found for each in _INTERRUPTS if callable(found := signal.getsignal(each))}
    noted: list[int] = []
    try:
        for each in handlers:
            signal.signal(each, lambda number, _frame: noted.append(number))
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in noted:
            signal.raise_signal(number)


def start_tethered(
    program: Sequence[str], *, environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program (its path first) that ends with this process; raises ``OSError``.

    It is in a session of its own: Ctrl-C is for this process, which ends its parts in order.
    """
    return subprocess.Popen(  # noqa: S603 - our own programs, no shell
        [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *program],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
