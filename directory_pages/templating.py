"""Where this package's templates and static files lie: a face adds both to its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

DIRECTORY_TEMPLATES: Final = Path(__file__).parent / "templates"
DIRECTORY_STATIC: Final = Path(__file__).parent / "static"

#: Path prefix -> bytes, for ``ConsoleSettings.larger_bodies``: signing files are sent there.
DIRECTORY_BODIES: Final[Mapping[str, int]] = {"/changes/": 2_000_000}
