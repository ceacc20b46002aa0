"""``trm-hub``: sets up and runs the operators' side."""

import os
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
import uvicorn
from pydantic import ValidationError

from console.face import ConsoleSettingsError
from console.process.file_modes import OWNER_ONLY, ExposedFileError, verify_private_folder
from console.process.logs import LogFormat, configure_logs, route_library_logs
from console.storage.migrating import SchemaError
from console.storage.secret_box import SecretBoxError
from contact_registry.errors import RegistryError
from hub.bootstrap import HubSetupError, build_parts, create_app
from hub.broker import cli as broker_cli
from hub.broker.config import render_server_config
from hub.broker.embedded import EmbeddedBrokerError
from hub.broker.operator import (
    ROOT_SEED,
    OperatorMaterialError,
    create_operator_material,
    load_operator_material,
)
from hub.clock import utc_now
from hub.opening import StoreUnavailableError
from hub.operators import cli as operators_cli
from hub.settings import HubSettings, describe_problems

_USAGE_ERROR = 2
_NOT_READY = 1
#: Open connections and running requests, above which the hub answers 503.
_MOST_CONNECTIONS = 200

_SETUP_TROUBLE = (
    HubSetupError,
    OperatorMaterialError,
    EmbeddedBrokerError,
    RegistryError,
    SchemaError,
    SecretBoxError,
    StoreUnavailableError,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="""\
Run the hub of a referral network: host the signed contact registry, let Participants' nodes into
the broker as the registry says, keep their mailboxes. The hub never sees what is in a message.

Settings come from the environment (TRM_HUB_...); list them with: trm-hub settings

First time, on one machine:

\b
  export TRM_HUB_DATA_DIR=/var/lib/trm-hub
  trm-hub init                      # the operators' broker keys
  trm-registry --help               # the registry itself, made by its key holders; the hub expects
                                    #   it in /var/lib/trm-hub/registry and its online key in
                                    #   /var/lib/trm-hub/registry-online.key
  export TRM_HUB_BROKER_CERTIFICATE=/etc/trm/broker.pem   # for the broker's host name
  export TRM_HUB_BROKER_PRIVATE_KEY=/etc/trm/broker.key
  export TRM_HUB_BROKER_CA=/etc/trm/ca.pem                # unless the system knows the CA
  trm-hub migrate                   # the hub's own store: operators, audit log
  trm-hub add-operator NAME --role hub_admin
  trm-hub run
  trm-hub sign-in-link NAME         # opens the operators' console the first time
""",
)
app.add_typer(operators_cli.app)
app.add_typer(broker_cli.app)


def _fail(message: object) -> NoReturn:
    typer.echo(f"trm-hub: {message}", err=True)
    raise typer.Exit(_USAGE_ERROR)


def _load_settings() -> HubSettings:
    try:
        return HubSettings()
    except ValidationError as error:
        _fail(f"the settings do not hold: {describe_problems(error)}")


def _check_data_folder(settings: HubSettings) -> None:
    try:
        verify_private_folder(settings.data_dir)
    except (ExposedFileError, OSError) as error:
        _fail(error)


@app.command()
def init(
    operator: Annotated[
        str, typer.Option(help="Name of the operator as it stands in the broker's tokens.")
    ] = "TRM hub operator",
) -> None:
    """Make the operators' broker keys, once, in the folder "operator" of the data folder.

    \b
    Example:
      TRM_HUB_DATA_DIR=/var/lib/trm-hub trm-hub init --operator "TRM secretariat"

    The registry is made apart, by its key holders: see trm-registry init --help.
    """
    settings = _load_settings()
    _check_data_folder(settings)
    folder = settings.operator_dir
    try:
        create_operator_material(folder, name=operator, issued_at=utc_now())
    except OperatorMaterialError as error:
        _fail(error)
    typer.echo(f"Broker keys written to {folder}.")
    typer.echo(f"Now move {folder / ROOT_SEED} to offline storage: the hub runs without it.")


@app.command("broker-config")
def broker_config(
    server: Annotated[
        str | None, typer.Option(help="Which server of TRM_HUB_BROKER_CLUSTER it is for.")
    ] = None,
    *,
    closed: Annotated[
        bool,
        typer.Option("--closed", help="Let in operators only, while mailboxes move."),
    ] = False,
) -> None:
    """Print the configuration of nats-server, to run the broker apart from the hub.

    \b
    Example:
      trm-hub broker-config > /etc/nats/broker.conf
      nats-server -c /etc/nats/broker.conf
      TRM_HUB_BROKER_MODE=external TRM_HUB_BROKER_SERVERS=tls://broker.example.org:4222 trm-hub run
      trm-hub broker-config --server broker-2 > broker-2.conf     # one of three: broker-cluster.md

    It holds no secret: keys are named by file, the store's key by environment variable.
    """
    settings = _load_settings()
    _check_data_folder(settings)
    try:
        text = render_server_config(
            replace(settings.describe_broker(server=server), closed=closed),
            load_operator_material(settings.operator_dir),
            issued_at=utc_now(),
        )
    except (OperatorMaterialError, ValueError) as error:
        _fail(error)
    typer.echo(text, nl=False)


@app.command()
def run() -> None:
    """Run the hub until it is stopped (Ctrl-C, SIGTERM).

    \b
    Example:
      export TRM_HUB_DATA_DIR=/var/lib/trm-hub
      export TRM_HUB_BROKER_CERTIFICATE=/etc/trm/broker.pem
      export TRM_HUB_BROKER_PRIVATE_KEY=/etc/trm/broker.key
      export TRM_HUB_BROKER_CA=/etc/trm/ca.pem
      trm-hub run

    GET /healthz says that it lives, GET /readyz what is missing.
    """
    settings = _load_settings()
    _check_data_folder(settings)
    configure_logs(settings.log_format, strict=False)
    route_library_logs()
    try:
        parts = build_parts(settings, environment=os.environ)
    except _SETUP_TROUBLE as error:
        _fail(error)
    try:
        uvicorn.run(
            create_app(parts),
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.http_certificate,
            ssl_keyfile=settings.http_private_key,
            server_header=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            limit_concurrency=_MOST_CONNECTIONS,
            forwarded_allow_ips=settings.trusted_proxies,
        )
    except ConsoleSettingsError as error:
        _fail(f"TRM_HUB_PUBLIC_URL: {error}")
    finally:
        parts.close()


@app.command()
def status(
    url: Annotated[
        str | None,
        typer.Option(help="Address of the hub; default: that of the settings on this machine."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="CA certificate (PEM) of the hub's HTTPS address.")
    ] = None,
) -> None:
    """Ask a running hub whether it is ready; exit 0 if so, 1 if not.

    \b
    Example:
      trm-hub status --url https://hub.example.org
    """
    base = url or _local_address(_load_settings())
    try:
        verify = ssl.create_default_context(cafile=str(ca)) if ca else True
        answer = httpx.get(f"{base.rstrip('/')}/readyz", timeout=10.0, verify=verify)
        checks = answer.json()["checks"]
        lines = [
            f"{'ok  ' if check['ok'] else 'FAIL'}  {check['check']}  {check['detail']}".rstrip()
            for check in checks
        ]
    except (httpx.HTTPError, OSError) as error:
        _fail(f"no answer from {base} ({error}): is the hub running there?")
    except (ValueError, KeyError, TypeError):
        _fail(f"{base} answers, but not as a hub does: check the address.")
    typer.echo("\n".join(lines))
    if not answer.is_success:
        raise typer.Exit(_NOT_READY)


@app.command("settings")
def list_settings() -> None:
    """List every setting with its default and meaning."""
    for name, field in HubSettings.model_fields.items():
        known = "none" if field.default in {None, ()} else field.default
        default = "required" if field.is_required() else f"default: {known}"
        typer.echo(f"TRM_HUB_{name.upper()}  ({default})\n    {field.description}")


def _local_address(settings: HubSettings) -> str:
    scheme = "https" if settings.http_certificate else "http"
    return f"{scheme}://{settings.host}:{settings.port}"


def main() -> None:
    """Run the command line. What it writes is for its owner only."""
    os.umask(OWNER_ONLY)
    configure_logs(LogFormat.CONSOLE, strict=False, quiet=True)  # "run" says more
    app()
