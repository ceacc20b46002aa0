"""The command line ``trm-node``."""

import base64
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import httpx
import typer
import uvicorn
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from console.accounts.national import NationalLoginError
from console.face import ConsoleSettingsError
from console.process.file_modes import OWNER_ONLY, ExposedFileError, verify_private_folder
from console.process.logs import LogFormat, configure_logs, route_library_logs
from console.storage.migrating import SchemaError
from contact_registry.errors import RegistryError
from contact_registry.trust.signers import save_public_key
from node.adapters.backup_folder import BackupError
from node.adapters.keystore import (
    KEY_BYTES,
    FileKeyStore,
    KeyStoreError,
    load_keystore,
    save_keystore,
)
from node.adapters.registry import KeysNotPublishedError, KeysPublisher
from node.adapters.running import running, stopped
from node.bootstrap import create_app
from node.cli_backup import mount_backup
from node.cli_keys import mount_replace_keys, mount_write_keys
from node.cli_people import find_reader, mount_people
from node.cli_search import mount_rebuild_search
from node.parts import (
    HTTP_TIMEOUT,
    NodeParts,
    NodeSetupError,
    build_parts,
    migrate_database,
    read_unlock,
    utc_now,
)
from node.service import restoring
from node.service.context import NodeError
from node.service.evidence import export_case, export_message
from node.settings import KeyStoreSettings, NodeSettings
from protocol.epochs import EpochPolicy, plan_first_keys
from protocol.errors import ProtocolError
from protocol.identifiers import parse_case_reference, parse_participant_code

_USAGE: Final = 2

app = typer.Typer(
    name="trm-node",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="""One Participant's node: its keys, its people, and the service itself.

Settings come from the environment (TRM_NODE_...); 'trm-node settings' lists them. A new node is
set up in this order:

\b
  trm-node unlock-key UNLOCK-FILE     make the key that opens the key store
  trm-node init --participant AL      make the key store (once)
  trm-node registry-key KEY-FILE      write the public key by which the registry knows this node
  trm-registry publish-contacts ... --node-key KEY-FILE
                                      whoever holds the directory key: let the node take part
  trm-node publish-keys               then: bring this node's keys into the registry
  trm-node migrate                    make the database
  trm-node add-user NAME --role focal_point
  trm-node sign-in-link NAME          the person's first way in
  trm-node run                        serve console, interface, and delivery
""",
)


def _fail(problem: object) -> NoReturn:
    """Say one line on standard error and end with 2."""
    print(f"trm-node: {problem}", file=sys.stderr)
    raise typer.Exit(_USAGE)


_KNOWN: Final = (
    BackupError,
    ConsoleSettingsError,
    ExposedFileError,
    KeyStoreError,
    KeysNotPublishedError,
    NationalLoginError,
    NodeError,
    NodeSetupError,
    ProtocolError,
    RegistryError,
    SchemaError,
    OSError,
)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what an administrator can mend into one clear line."""
    try:
        yield
    except ValidationError as error:
        names = ", ".join(
            f"TRM_NODE_{'_'.join(str(step) for step in item['loc']).upper()} ({item['msg']})"
            for item in error.errors(include_input=False)
        )
        _fail(f"Settings are missing or wrong: {names}. See 'trm-node settings'.")
    except SQLAlchemyError as error:
        _fail(
            f"The database cannot be used ({type(error).__name__}): check TRM_NODE_DATABASE_URL, "
            "and that its disk has room."
        )
    except _KNOWN as error:
        _fail(error)


def _load_settings() -> NodeSettings:
    chosen = NodeSettings()
    verify_private_folder(chosen.data_dir)
    return chosen


def _load_keystore_settings() -> KeyStoreSettings:
    chosen = KeyStoreSettings()
    verify_private_folder(chosen.data_dir)
    return chosen


def _open_key_store() -> FileKeyStore:
    chosen = _load_keystore_settings()
    return load_keystore(chosen.keystore_path, unlock=read_unlock(chosen))


mount_write_keys(app, open_key_store=_open_key_store, clear_errors=_clear_errors)


def _with_parts(use: Callable[[NodeParts], None]) -> None:
    """Open the node's store for one command."""
    with _clear_errors():
        parts = build_parts(_load_settings())
        try:
            use(parts)
        finally:
            parts.close()


mount_rebuild_search(app, with_parts=_with_parts)
mount_replace_keys(
    app,
    with_parts=_with_parts,
    load_settings=_load_keystore_settings,
    clear_errors=_clear_errors,
)
mount_backup(app, with_parts=_with_parts, clear_errors=_clear_errors)


@app.command()
def settings() -> None:
    """List every setting, what it does, and its default."""
    for name, field in NodeSettings.model_fields.items():
        known = "none" if field.default is None else field.default
        default = "required" if field.is_required() else f"default: {known}"
        print(f"TRM_NODE_{name.upper()}  ({default})\n    {field.description}")


@app.command()
def init(
    participant: Annotated[str, typer.Option(help="Code of the Participant, such as AL.")],
) -> None:
    """Make the key store of a new node. Back it up: without it no case can be read again.

    \b
    Example:
      export TRM_NODE_DATA_DIR=/var/lib/trm-node
      export TRM_NODE_UNLOCK_KEY_FILE=/etc/trm/unlock.key
      trm-node unlock-key /etc/trm/unlock.key
      trm-node init --participant AL
    """
    with _clear_errors():
        chosen = _load_keystore_settings()
        store = FileKeyStore.generate(
            parse_participant_code(participant),
            validities=plan_first_keys(utc_now(), EpochPolicy()),
        )
        save_keystore(store, chosen.keystore_path, unlock=read_unlock(chosen))
        print(f"Key store of {participant} made: {chosen.keystore_path}")
        print(f"Broker account: {store.account_key.public}")


@app.command()
def registry_key(
    file: Annotated[Path, typer.Argument(help="Where to write the public key.")],
) -> None:
    """Write the public key under which this node signs its part of the registry.

    Hand it to whoever holds the Participant's directory key, over a channel on which they know you:
    it is what makes the registry believe this node. They name it with 'trm-registry
    publish-contacts ... --node-key KEY-FILE'; after that, 'trm-node publish-keys' works.
    """
    with _clear_errors():
        chosen = _load_keystore_settings()
        store = load_keystore(chosen.keystore_path, unlock=read_unlock(chosen))
        save_public_key(file, store.registry_key.verify_key)
        fingerprint = store.registry_key.verify_key.key_id
        print(f"{file}: key {fingerprint}. Read it out when you hand it over.")


@app.command()
def publish_keys() -> None:
    """Bring this node's signing, encryption and broker keys into the registry.

    Needed once at the beginning, after 'trm-registry publish-contacts --node-key' has named this
    node; later 'trm-node run' does it by itself. Admission to the broker follows within seconds.
    """
    with _clear_errors():
        chosen = _load_settings()
        store = load_keystore(chosen.keystore_path, unlock=read_unlock(chosen))
        with httpx.Client(timeout=HTTP_TIMEOUT) as http:
            publisher = KeysPublisher(hub_url=str(chosen.hub_url), http=http)
            version = publisher.publish(store, at=utc_now().replace(microsecond=0))
        print(f"Published: registry version {version} lists this node's keys.")


mount_people(app, _with_parts)


@app.command()
def export_evidence(
    out: Annotated[Path, typer.Option(help="The bundle to write; it must not exist yet.")],
    reader: Annotated[str, typer.Option("--for", help="The person who asks for it: sign-in name.")],
    message: Annotated[str | None, typer.Option(help="A message, by its identifier.")] = None,
    case: Annotated[str | None, typer.Option(help="A whole case, by its reference.")] = None,
) -> None:
    """Write what proves a message or a case to somebody who trusts neither hub nor node.

    It is made for a person who reads cases, and holds what they may see; the audit log names them
    and your login. The messages are in clear: hand it over as carefully as the case itself. Whoever
    gets it checks it with 'trm-verify BUNDLE --root 1.root.json'. Ends with 1 if registry files are
    missing that it needs; then it is written all the same.

    \b
    Example:
      trm-node export-evidence --case TRM-7G1A0-2C028-R --for officer --out evidence.zip
    """

    def use(parts: NodeParts) -> None:
        parts.directory.complete_archive()
        who = find_reader(parts.context, reader)
        if message is not None:
            made = export_message(parts.context, parts.archive, message, who=who)
        else:
            reference = parse_case_reference(case or "")
            made = export_case(parts.context, parts.archive, reference, who=who)
        with out.open("xb") as file:
            file.write(made.data)
        print(f"{out}: {made.messages} messages, {made.receipts} receipts.")
        for line in made.missing:
            print(f"Missing: {line}", file=sys.stderr)
        if made.missing:
            raise typer.Exit(1)

    if (message is None) == (case is None):
        _fail("Say what is to be proved: --message ID or --case REFERENCE.")
    _with_parts(use)


@app.command()
def migrate() -> None:
    """Make the database, or bring it to the tables of this version.

    'trm-node run' does so by itself. Several processes may do it at once.
    """
    with _clear_errors():
        migrate_database(_load_settings())
        print("The database is up to date.")


@app.command()
def begin_new_generation() -> None:
    """Begin all links anew after a restore from a backup, before the node is started again.

    Every Participant is asked to send again what the backup lacks, until it has answered.
    """

    def use(parts: NodeParts) -> None:
        try:
            parts.directory.refresh()  # the backup's may not know yet who takes part
        except RegistryError as error:
            print(f"The registry was not refreshed: {error}", file=sys.stderr)
        peers = restoring.begin_new_generation(parts.context)
        print(f"New generation on {len(peers)} links; start the node to ask what was lost.")

    with _clear_errors(), stopped(_load_settings().data_dir):
        _with_parts(use)


@app.command()
def unlock_key(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
) -> None:
    """Make a random unlock key file (32 bytes), readable by its owner only."""
    with _clear_errors():
        data = base64.b64encode(os.urandom(KEY_BYTES))
        file.touch(mode=0o600, exist_ok=False)
        file.write_bytes(data + b"\n")
        print(f"{file}: keep a copy in a safe; the key store cannot be opened without it.")


class _Readiness(BaseModel):
    """What ``/readyz`` answers."""

    status: str
    troubles: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@app.command()
def status(
    url: Annotated[str, typer.Option(help="The node's address.")] = "http://127.0.0.1:8440",
) -> None:
    """Ask a running node whether it does its work; ends with 1 if it does not."""
    with _clear_errors():
        try:
            answer = httpx.get(f"{url.rstrip('/')}/readyz", timeout=HTTP_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _fail(f"No node answers at {url} ({type(error).__name__}): is it running?")
        try:
            body = _Readiness.model_validate_json(answer.content)
        except ValidationError:
            _fail(
                f"{url} answers ({answer.status_code}), but not as a node does: check the address."
            )
        print(body.status.replace("_", " "))
        for line in (*body.troubles, *body.notices):
            print(f"  {line}")
        if not answer.is_success:
            raise typer.Exit(1)


@app.command()
def run() -> None:
    """Serve the console, the JSON interface, and delivery, until stopped.

    \b
    Example:
      TRM_NODE_DATA_DIR=/var/lib/trm-node TRM_NODE_HUB_URL=https://hub.example.org \\
      TRM_NODE_TRUSTED_ROOT=/etc/trm/1.root.json \\
      TRM_NODE_BROKER_SERVERS=tls://broker.example.org:4222 \\
      TRM_NODE_UNLOCK_KEY_FILE=/run/credentials/unlock.key trm-node run
    """
    with ExitStack() as held:
        with _clear_errors():
            chosen = _load_settings()
            held.enter_context(running(chosen.data_dir))
            configure_logs(chosen.log_format, strict=False)
            route_library_logs()
            application = create_app(chosen)
        _spare_what_stays()
        uvicorn.run(
            application,
            host=chosen.host,
            port=chosen.port,
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=chosen.trusted_proxies,
            timeout_graceful_shutdown=5,
        )


def _spare_what_stays() -> None:
    """Let the garbage collector leave alone what was made at the start and stays until the end.

    Looking through it took a tenth of a second and more, again and again, while nothing else ran.
    """
    gc.collect()
    gc.freeze()


def main() -> None:
    """Run the command line. What it writes is for its owner only."""
    os.umask(OWNER_ONLY)
    # Until 'run' says otherwise: what a command answers stands alone on standard output.
    configure_logs(LogFormat.JSON, strict=False, quiet=True)
    app()
