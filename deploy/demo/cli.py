"""``trm-demo``: the whole network on this machine, and a scripted case across it."""

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer

from console.process.logs import LogFormat, configure_logs
from contact_registry.errors import RegistryError
from contact_registry.models import KOSOVO_FOOTNOTE
from contact_registry.trust.client import RegistryClient
from deploy.demo.processes import ProcessFailedError
from deploy.demo.scenario import NodeClient, Outcome, Scenario, ScenarioFailedError
from deploy.demo.world import CONTACT_LIST, DemoWorld, utc_now
from hub.broker.embedded import EmbeddedBrokerError
from node.adapters.registry import KeysNotPublishedError
from protocol.errors import ProtocolError

_FAILED = 1
_INTERRUPTED = 130

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

_KNOWN = (
    EmbeddedBrokerError,
    KeysNotPublishedError,
    ProcessFailedError,
    ProtocolError,
    RegistryError,
    ScenarioFailedError,
    httpx.HTTPError,
    OSError,
)


class _InterruptedError(Exception):
    """Somebody pressed Ctrl-C or asked the demo to end."""


def _say(line: str = "") -> None:
    print(line, flush=True)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into one exception, so that everything is cleaned up on the way."""
    asked = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not asked.is_set():  # a second Ctrl-C does not disturb the cleaning up
            asked.set()
            raise _InterruptedError

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _store(keep: Path | None) -> Iterator[Path]:
    """Give a folder for everything; it disappears at the end unless it is to be kept."""
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="trm-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Run the case, print a JSON summary, and end.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep everything in this new folder instead of a temporary one."),
    ] = None,
) -> None:
    """Start a broker, a hub, and a node for each of the six Participants; play a case across them.

    The real contact list of 2022 is imported, the registry is founded and signed, keys are
    published, and Albania's node refers an invented case to that of Kosovo*, which accepts it. Then
    everything stays up, and the addresses of the consoles are printed, until Ctrl-C.
    """
    status = _FAILED
    configure_logs(LogFormat.CONSOLE, strict=False, quiet=True)
    try:
        with _interruptible() as asked, _store(keep) as folder, DemoWorld(folder) as world:
            status = _run(world, once=once, asked=asked)
    except _InterruptedError:
        _say("\nStopped. No process and no temporary file is left.")
        status = _INTERRUPTED if once else 0
    except FileExistsError:
        _fail(f"{keep} exists: name a folder that does not.")
    except _KNOWN as error:
        _fail(error)
    raise typer.Exit(status)


def _fail(problem: object) -> None:
    print(f"trm-demo: {problem}", file=sys.stderr)
    raise typer.Exit(_FAILED)


def _run(world: DemoWorld, *, once: bool, asked: threading.Event) -> int:
    began = time.monotonic()
    _say(f"Everything is kept in {world.folder}")
    imported = world.contacts
    _say(
        f"Contact list {CONTACT_LIST}: {imported.rows_imported} of {imported.rows_read} rows "
        f"imported, {len(imported.findings)} findings"
    )
    world.start()
    _say(
        f"Broker {world.broker.url}, hub {world.hub.url}, {len(world.nodes)} nodes: ready in "
        f"{time.monotonic() - began:.1f} s"
    )
    _say()
    outcome = _play(world)
    _say()
    held = outcome.held and not imported.held_back
    if once:
        summary = outcome.summarize() | {
            "contacts_imported": imported.rows_imported,
            "findings": len(imported.findings),
            "participants": len(world.nodes),
        }
        world.stop()
        _say(json.dumps(summary))
        return 0 if held else _FAILED
    _print_consoles(world)
    asked.wait()
    # Only reached if the exception got lost on its way: Python drops one raised in a finalizer.
    raise _InterruptedError


def _play(world: DemoWorld) -> Outcome:
    with httpx.Client(timeout=10.0) as http:
        directory = RegistryClient(
            base_url=world.hub.url,
            cache_dir=world.folder / "demo-registry",
            trusted_root=world.trusted_root.read_bytes(),
            http=http,
            clock=utc_now,
        ).refresh()
    clients = [
        NodeClient(code=code, url=world.nodes[code].url, token=world.nodes[code].api_token)
        for code in ("AL", "XK")
    ]
    try:
        return Scenario(
            sender=clients[0], recipient=clients[1], directory=directory, say=_say
        ).play()
    finally:
        for client in clients:
            client.close()


def _print_consoles(world: DemoWorld) -> None:
    _say("Consoles. Each link works once, for the first sign-in:")
    for node in world.nodes.values():
        _say(f"  {node.display_name} ({node.code})  {node.url}")
        _say(f"      focal point    {node.focal_point_link}")
        _say(f"      administrator  {node.administrator_link}")
    _say(f"  Hub  {world.hub.url}")
    for shown, link in world.operator_links.items():
        _say(f"      {shown:17}  {link}")
    _say()
    _say(KOSOVO_FOOTNOTE)
    _say()
    _say("Ctrl-C stops everything and removes it.")


def main() -> None:
    """Run the command line."""
    app()
