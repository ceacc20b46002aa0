"""The commands of ``trm-hub`` that move mailboxes between one server and a cluster."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError

from console.process.file_modes import ExposedFileError, verify_private_folder
from hub.broker.moving import MailboxMover, Moved, open_mover
from hub.broker.operator import OperatorMaterialError, load_operator_material
from hub.broker.operator_access import BrokerAccess
from hub.broker.saved_mailboxes import MovingError
from hub.broker.servers import remove_lost_server
from hub.clock import utc_now
from hub.settings import HubSettings, describe_problems

_USAGE_ERROR: Final = 2

app = typer.Typer(rich_markup_mode=None)

_Servers = Annotated[
    str | None,
    typer.Option(
        "--servers",
        help="Addresses of the broker, tls://host:port,...; default: TRM_HUB_BROKER_SERVERS, or "
        "this machine's broker.",
    ),
]


def _fail(message: object) -> NoReturn:
    typer.echo(f"trm-hub: {message}", err=True)
    raise typer.Exit(_USAGE_ERROR)


def _read_settings() -> HubSettings:
    try:
        return HubSettings()
    except ValidationError as error:
        _fail(f"the settings do not hold: {describe_problems(error)}")


def _open_access(settings: HubSettings, servers: str | None) -> BrokerAccess:
    try:
        verify_private_folder(settings.data_dir)
        tls = ssl.create_default_context(
            cafile=str(settings.broker_ca) if settings.broker_ca else None
        )
        material = load_operator_material(settings.operator_dir)
    except (ExposedFileError, OperatorMaterialError, OSError) as error:
        _fail(error)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    own = f"tls://{settings.broker_host}:{settings.broker_port}"
    addresses = (
        [each.strip() for each in servers.split(",")]
        if servers
        else list(settings.broker_servers or (own,))
    )
    if not all(address.startswith("tls://") for address in addresses):
        _fail("write broker addresses as tls://host:port: plaintext is refused.")
    return BrokerAccess(addresses, tls, material, utc_now)


def _carry_out(
    servers: str | None, work: Callable[[MailboxMover], Awaitable[list[Moved]]], *, verb: str
) -> None:
    access = _open_access(_read_settings(), servers)

    async def move() -> list[Moved]:
        async with open_mover(access) as mover:
            return await work(mover)

    try:
        moved = asyncio.run(move())
    except MovingError as error:
        _fail(error)
    for one in moved:
        note = "  (was there already)" if one.already_there else ""
        typer.echo(f"{one.name}  {one.messages} waiting  {one.size} bytes{note}")
    waiting = sum(one.messages for one in moved)
    typer.echo(f"{verb} {len(moved)} mailboxes with {waiting} envelopes.")


@app.command("save-mailboxes")
def save_mailboxes(
    directory: Annotated[Path, typer.Argument(help="New folder to write them into.")],
    servers: _Servers = None,
) -> None:
    """Write all mailboxes into files, to move them to other servers. The broker must be closed.

    \b
    Example (the hub is stopped, its data folder and TLS settings are in the environment):
      trm-hub broker-config --closed > closed.conf
      nats-server -c closed.conf &
      trm-hub save-mailboxes saved

    The files hold what the mailboxes hold: sealed envelopes, and in clear who wrote to whom when.
    Keep them private, and remove them when the mailboxes are where they belong.
    """
    _carry_out(servers, lambda mover: mover.save(directory), verb="Saved")


@app.command("restore-mailboxes")
def restore_mailboxes(
    directory: Annotated[Path, typer.Argument(help="Folder that save-mailboxes has written.")],
    servers: _Servers = None,
) -> None:
    """Put saved mailboxes into servers that hold none yet. The broker must be closed.

    \b
    Example:
      trm-hub restore-mailboxes saved --servers tls://broker-1.example.org:4222

    Repeat it after an interruption, and open the broker only when it has said how many mailboxes
    were put back: one that is there already is compared, one that came by half is begun anew.
    """
    _carry_out(servers, lambda mover: mover.restore(directory), verb="Put back")


@app.command("remove-server")
def remove_server(
    name: Annotated[str, typer.Argument(help="Name of the server that never comes back.")],
    servers: _Servers = None,
) -> None:
    """Take a lost server out of the cluster, so that another takes over its copies of mailboxes.

    \b
    Example (broker-3 burned down; broker-4 was started in its place and runs):
      trm-hub remove-server broker-3
      trm-hub status                    # until the copies are up to date

    A new machine gets a new name: under the old name, with an empty disk, it would vote as if it
    remembered what it has lost.
    """
    settings = _read_settings()
    if name in dict(settings.broker_cluster):
        _fail(
            f"{name} is named in TRM_HUB_BROKER_CLUSTER: put the server that takes its place "
            "there, under a new name, and start that one first."
        )
    access = _open_access(settings, servers)
    try:
        answering = asyncio.run(remove_lost_server(access, name, servers=settings.broker_size))
    except MovingError as error:
        _fail(error)
    typer.echo(
        f"{name} is no server of the cluster any more. Running: {', '.join(sorted(answering))}."
    )
