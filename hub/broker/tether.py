"""Run a program that ends with its parent, however that ends: ``tether.py PARENT PROGRAM ...``.

Started as a script in a bare interpreter, it asks the kernel for a signal on the parent's death
(Linux ``prctl(2)``, PR_SET_PDEATHSIG; elsewhere it does without) and becomes the program. Doing
this between fork and exec of the parent itself could deadlock as soon as the parent has threads.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> None:
    """Become ``arguments[1:]``, tied to the process ``arguments[0]``."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == parent:  # else the parent died before the kernel knew
        os.execv(program[0], program)  # noqa: S606 - the very purpose: no shell, arguments as they are


if __name__ == "__main__":
    main(sys.argv[1:])
