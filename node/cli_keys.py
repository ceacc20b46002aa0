"""The commands of ``trm-node`` for ceremonies of the registry, and for keys that were stolen."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from contact_registry.files import using
from contact_registry.trust.storage import exclusive
from node.adapters.keystore import FileKeyStore, load_unlock_key, save_keystore
from node.adapters.new_keys import make_anew
from node.adapters.registry import sign_keys
from node.adapters.running import stopped
from node.cli_people import find_local
from node.parts import NodeParts, read_unlock, utc_now
from node.service.replacing_keys import give_up_what_is_open
from node.settings import KeyStoreSettings
from protocol.epochs import EpochPolicy, plan_first_keys


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


def mount_replace_keys(
    app: typer.Typer,
    *,
    with_parts: Callable[[Callable[[NodeParts], None]], None],
    load_settings: Callable[[], KeyStoreSettings],
    clear_errors: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the command; the ports are those of the other commands."""

    @app.command()
    def replace_keys(
        new_unlock_key: Annotated[
            Path | None,
            typer.Option(
                help="Seal the key store for this unlock key from now on (made by 'unlock-key'), "
                "because the old one may be in wrong hands, too.",
                exists=True,
                dir_okay=False,
            ),
        ] = None,
    ) -> None:
        """Make all keys anew, because somebody may have a copy of the key store.

        Stop the node first; while it runs, nothing is done. Signing, encryption, registry and
        broker keys are new, and so is the broker account. What was sealed for the old encryption
        keys opens until it has expired; cases stay readable. What this node signed and nobody has
        confirmed yet would be refused: it is given up now, and stands in its desk's inbox, to be
        written again.

        \b
        Then, with whoever holds the directory key (docs/ceremonies.md, "Stolen node key"):
          trm-node registry-key AL-node-2.pub
          trm-node write-keys AL-keys.json --version 4
          trm-registry ceremony prepare node-key AL --node-key AL-node-2.pub --keys AL-keys.json ...
        and start the node once that is published.
        """

        def replace(parts: NodeParts) -> None:
            unlock = (
                read_unlock(parts.settings)
                if new_unlock_key is None
                else load_unlock_key(new_unlock_key)
            )
            # First what people have to know: broken off in between, all of it is done again.
            count = give_up_what_is_open(parts.context, actor=find_local().actor)
            path, now = parts.settings.keystore_path, utc_now()
            fresh = make_anew(parts.keystore, validities=plan_first_keys(now, EpochPolicy()))
            save_keystore(fresh, path, unlock=unlock, overwrite=True)
            if new_unlock_key is not None:
                typer.echo(f"It opens with {new_unlock_key} alone: set TRM_NODE_UNLOCK_KEY_FILE.")
            typer.echo(f"{path}: all keys are new. Nobody knows them before they are published.")
            typer.echo(f"Given up, to be written again: {count} messages.")
            typer.echo("Make a new backup, and destroy the old ones: they hold the stolen keys.")

        with clear_errors():
            chosen = load_settings()
            # Before the key store is read: what another command writes to it meanwhile would be
            # lost, and a node that starts now would run with the stolen keys.
            with stopped(chosen.data_dir), exclusive(chosen.keystore_path.resolve().parent):
                with_parts(replace)
