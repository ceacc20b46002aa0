"""``python -m deploy.examples.csv_register``: one round; let cron or a timer repeat it."""

from pathlib import Path
from typing import Annotated

import httpx
import typer

from deploy.examples.csv_register.sheets import SheetError
from deploy.examples.csv_register.syncing import sync
from node.client.client import NodeClient
from node.client.problems import NodeProblemError


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with sent.csv and received.csv.")],
    url: Annotated[str, typer.Option(help="Address of the node.")] = "http://127.0.0.1:8440",
    token_file: Annotated[Path, typer.Option(help="File that holds the token.")] = Path("token"),
) -> None:
    """Keep a register in two CSV files in step with its node, both ways, once."""
    try:
        token = token_file.read_text(encoding="utf-8").strip()
        with NodeClient.connect(url, token) as client:
            tally = sync(client, folder)
    except (OSError, httpx.TransportError, SheetError, NodeProblemError) as error:
        typer.echo(f"Nothing is lost; the next round goes on. {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"sent {tally.sent}, refused {tally.refused}, received {tally.received}, "
        f"decided {tally.decided}"
    )


if __name__ == "__main__":
    typer.run(main)
