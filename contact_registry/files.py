"""Reading the files that a command line names: bounded, and with errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contact_registry.errors import RegistryError


@contextmanager
def using(what: Path) -> Iterator[None]:
    """Turn the system's refusal to open or write ``what`` into a sentence of ours."""
    try:
        yield
    except OSError as error:
        raise RegistryError(
            f"{what} cannot be used ({error.strerror}): check the name and whose it is."
        ) from error


def read_bounded(path: Path, limit: int) -> bytes:
    """Return a file's bytes; raises :class:`RegistryError` if it has more than ``limit``."""
    with using(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise RegistryError(f"{path} has more than {limit} bytes: it is not what is asked for.")
    return data
