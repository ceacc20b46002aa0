"""The command of ``trm-node`` that takes part in a ceremony of the registry."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from contact_registry.files import using
from node.adapters.keystore import FileKeyStore
from node.adapters.registry import sign_keys
from node.parts import utc_now


def mount_write_keys(
    app: typer.Typer,
    *,
    open_key_store: Callable[[], FileKeyStore],
    clear_errors: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the command; both ports are those of the other commands."""

    @app.command()
    def write_keys(
        file: Annotated[Path, typer.Argument(help="Where to write the signed keys.")],
        version: Annotated[
            int, typer.Option(min=1, help="Their number: the operators tell, the last one plus 1.")
        ],
    ) -> None:
        """Write this node's signed keys to a file, for a ceremony that brings them with it.

        Needed only where 'trm-node publish-keys' cannot work: after somebody else published keys in
        this node's name, or when its Participant returns (docs/ceremonies.md).
        """
        with clear_errors():
            store = open_key_store()
            signed = sign_keys(store, version=version, at=utc_now().replace(microsecond=0))
            with using(file), file.open("x", encoding="ascii") as opened:
                json.dump(signed.to_json(), opened)
            typer.echo(f"{file}: version {version}, signed with key {store.registry_key.key_id}.")
