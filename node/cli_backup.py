"""The commands of ``trm-node`` that make a backup, and try whether one can be restored."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Final

import typer

from node.adapters.backup_folder import (
    BackupError,
    finish_backup,
    read_manifest,
    try_backup,
    write_backup,
)
from node.cli_people import find_local
from node.domain.backups import BackupKind
from node.parts import NodeParts, read_unlock, utc_now
from node.service.backups import NewBackup, handle_note_backup, handle_note_test, list_backups

#: As long as the record takes.
_PLACE: Final = 200


def mount_backup(
    app: typer.Typer,
    *,
    with_parts: Callable[[Callable[[NodeParts], None]], None],
    clear_errors: Callable[[], AbstractContextManager[None]],
) -> None:
    """Add the commands; both ports are those of the other commands."""
    _mount_making(app, with_parts)
    _mount_trying(app, with_parts, clear_errors)


def _mount_making(
    app: typer.Typer, with_parts: Callable[[Callable[[NodeParts], None]], None]
) -> None:
    @app.command()
    def backup(
        folder: Annotated[Path, typer.Argument(help="A new folder for this backup.")],
    ) -> None:
        """Copy database and key store into a new folder, while the node runs or not.

        The page 'Backups' then says when that was. Two things are not in it: what opens the key
        store (keep it elsewhere), and the folder 'files' (copy it besides). For PostgreSQL the
        programs pg_dump and pg_restore are needed.

        \b
        Example, once a day:
          trm-node backup /var/backups/trm-node/$(date +%F)
          trm-node check-backup /var/backups/trm-node/$(date +%F)
        """

        def make(parts: NodeParts) -> None:
            at = utc_now().replace(microsecond=0)
            size = write_backup(
                folder, parts.context.database, keystore=parts.settings.keystore_path
            )
            backup_id = parts.context.random(16).hex()
            finish_backup(folder, backup_id=backup_id, participant=parts.context.participant, at=at)
            new = NewBackup(
                made_at=at,
                place=str(folder.resolve())[-_PLACE:],
                kind=BackupKind.MADE,
                size=size,
                backup_id=backup_id,
            )
            handle_note_backup(parts.context, new, who=find_local())
            typer.echo(f"{folder}: {size} bytes. Next: trm-node check-backup {folder}")
            typer.echo(f"Copy besides: {parts.settings.files_dir}")

        with_parts(make)


def _mount_trying(
    app: typer.Typer,
    with_parts: Callable[[Callable[[NodeParts], None]], None],
    clear_errors: Callable[[], AbstractContextManager[None]],
) -> None:
    @app.command()
    def check_backup(
        folder: Annotated[Path, typer.Argument(help="The folder of a backup.")],
    ) -> None:
        """Try whether a backup can be restored, without touching the running node.

        Opens its key store and its newest messages; of a PostgreSQL dump it reads the table of
        contents. Ends with 1 if it does not hold. The page 'Backups' says what came of it.
        """

        def check(parts: NodeParts) -> None:
            manifest = read_manifest(folder)
            known = {each.backup_id for each in list_backups(parts.context, who=find_local())}
            problem, opened = None, 0
            try:
                opened = try_backup(folder, manifest, unlock=read_unlock(parts.settings))
            except BackupError as error:
                problem = error
            if manifest.backup_id in known:
                handle_note_test(
                    parts.context, manifest.backup_id, passed=problem is None, who=find_local()
                )
            if problem is not None:
                typer.echo(f"trm-node: {problem}", err=True)
                raise typer.Exit(1)
            typer.echo(
                f"{folder}: made {manifest.made_at:%Y-%m-%d %H:%M} UTC, whole, and "
                f"{opened} of its newest messages open."
            )

        with clear_errors():
            with_parts(check)
