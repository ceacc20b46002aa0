"""The command of ``trm-node`` that builds the index of words anew."""

from collections.abc import Callable

import typer

from node.parts import NodeParts
from node.service.search.rebuilding import handle_rebuild


def mount_rebuild_search(
    app: typer.Typer, *, with_parts: Callable[[Callable[[NodeParts], None]], None]
) -> None:
    """Add the command; the port is that of the other commands."""

    @app.command()
    def rebuild_search() -> None:
        """Build the index of words anew, while the node runs or not.

        Needed after a restore that brought an older key store or database, or when a search does
        not find what is there. Until it ends, searches find less and say so; interrupted, it goes
        on where it ended when it is started again.
        """

        def rebuild(parts: NodeParts) -> None:
            count = handle_rebuild(parts.context, tell=_tell)
            typer.echo(f"Search finds {count} messages, notes and cases again.")

        with_parts(rebuild)


def _tell(looked_at: int) -> None:
    if not looked_at % 6_400:
        typer.echo(f"{looked_at} looked at")
