"""Options that the commands of a ceremony share, and the reading of them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from contact_registry.ceremony.held import load_held
from contact_registry.clock import Clock
from contact_registry.errors import RegistryError
from contact_registry.files import using
from contact_registry.trust.operators import Standing

_REGISTRY_HELP = "The registry that you hold: a copied folder, or the registry host's address."
_ROOT_HELP = "The trusted root (1.root.json) that you were given by hand, and keep."

Registry = Annotated[str, typer.Option("--registry", help=_REGISTRY_HELP)]
TrustedRoot = Annotated[Path, typer.Option("--root", help=_ROOT_HELP)]
MaybeRegistry = Annotated[str | None, typer.Option("--registry", help=_REGISTRY_HELP)]
MaybeRoot = Annotated[Path | None, typer.Option("--root", help=_ROOT_HELP)]
Known = Annotated[
    Path | None,
    typer.Option(help="Folder with public keys (*.pub) that you know: shown by their file names."),
]
Out = Annotated[Path, typer.Option("--out", help="Where to write the signing file.")]


def load_standing(
    registry: str | None, root: Path | None, *, founding: bool, clock: Clock
) -> Standing | None:
    """Return the registry that is held, or None for a founding; raises ``RegistryError``."""
    if founding and registry is None and root is None:
        return None
    if founding or registry is None or root is None:
        raise RegistryError(
            "Name the registry that you hold with --registry and --root; only where there is none "
            "yet, say --founding instead."
        )
    return load_held(registry, root, clock=clock)


def require_new(path: Path) -> None:
    """Refuse a name that is taken, before anybody does any work; raises ``RegistryError``."""
    if path.exists():
        raise RegistryError(f"{path} is there already and was left as it is: choose another --out.")


def write_new(path: Path, data: bytes) -> None:
    """Write a new file; one that is there already stays as it is. Raises ``RegistryError``."""
    with using(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as error:
            raise RegistryError(
                f"{path} is there already and was left as it is: choose another --out."
            ) from error
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
