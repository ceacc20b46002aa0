"""Write the vectors of protocol/vectors, for people who implement the specification elsewhere.

usage: ``python scripts/generate_vectors.py [--check | --count | --seal-again]``

Without an argument all files are written. ``--check`` writes nothing: it exits with 1 and names
what differs. ``--count`` tells how many vectors there are. ``--seal-again`` first seals anew what
is sealed; sealing is random, so that all envelopes in the files change.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.vectors import frozen
from tests.support.vectors.family import VectorError
from tests.support.vectors.generating import (
    count,
    find_differences,
    list_wanted,
    make_families,
    render,
    write,
)

ROOT: Final = Path(__file__).resolve().parents[1]
_USAGE: Final = "usage: python scripts/generate_vectors.py [--check | --count | --seal-again]"
_HINT: Final = "run scripts/generate_vectors.py"


def main(arguments: list[str], *, root: Path = ROOT, report: Callable[[str], None] = print) -> int:
    """Write, check, or count; the exit code."""
    if arguments not in ([], ["--check"], ["--count"], ["--seal-again"]):
        report(_USAGE)
        return 2
    if arguments == ["--seal-again"]:
        frozen.save(frozen.seal_all(list_wanted()))
    try:
        families = make_families()
    except VectorError as error:
        report(f"vectors: {error} Correct the code or the case.")
        return 1
    if arguments == ["--count"]:
        for line in count(families):
            report(line)
        return 0
    files = render(families)
    if arguments != ["--check"]:
        write(root, files)
    problems = list(find_differences(root, files))
    for problem in problems:
        report(f"vectors: {problem}: {_HINT}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
