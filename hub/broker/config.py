"""The configuration file of nats-server, rendered from settings and the operators' keys.

It holds tokens, which are public, and names of files and of an environment variable, but no secret.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from hub.broker.accounts import hub_account_claims, system_account_claims
from hub.broker.cluster import CLUSTER_NAME, ClusterMember
from hub.broker.mailbox_plan import MAX_PAYLOAD
from hub.broker.operator import OperatorMaterial
from protocol.broker_credentials import issue_account_token

#: Let the operating system choose a port; nats-server writes it into its ports file.
FREE_PORT: Final = -1

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """What the operators decide about one nats-server.

    ``state_directory`` holds everything that it writes: messages, accounts, log, ports.
    ``store_key_variable`` names the environment variable with the key under which messages are
    encrypted at rest; ``None`` leaves that to the disk.
    """

    state_directory: Path
    certificate: Path
    private_key: Path
    host: str = "127.0.0.1"
    port: int = FREE_PORT
    server_name: str = "broker-1"
    max_store_bytes: int = 20 * 1024**3
    store_key_variable: str | None = None
    #: Its place among several servers; ``None`` for one server alone.
    cluster: ClusterMember | None = None
    #: Shut every Participant out: the server knows the operators' two accounts only. While
    #: mailboxes are saved or put back nothing may change in them. Accounts on disk are left alone.
    closed: bool = False

    def __post_init__(self) -> None:
        """Refuse a variable name that would break out of its place in the file."""
        if self.store_key_variable and not _VARIABLE.fullmatch(self.store_key_variable):
            raise ValueError(
                "Name an environment variable in capital letters, such as BROKER_STORE_KEY; the "
                "key itself does not belong into the settings."
            )

    @property
    def name(self) -> str:
        """What the server is called: among several, its name in the cluster."""
        return self.cluster.server_name if self.cluster else self.server_name

    @property
    def messages_directory(self) -> Path:
        """Where messages lie.

        Not the same folder alone and in a cluster: a server that begins to run in a cluster takes
        the streams of its former life for orphans and deletes them after half a minute.
        """
        return self.state_directory / ("messages-clustered" if self.cluster else "messages")


def render_server_config(
    config: BrokerConfig, material: OperatorMaterial, *, issued_at: datetime
) -> str:
    """Return the text of the configuration file.

    Each choice has its reason in the measurements: ``sync_interval: always`` because the default
    lost acknowledged messages in a power cut, ``handshake_first`` because without it TLS can be
    stripped, a ``full`` resolver because accounts are then admitted and expelled in milliseconds.
    """
    system, hub = material.system_account.public, material.hub_account.public
    accounts = {system: system_account_claims(), hub: hub_account_claims()}
    preload = "\n".join(
        f"  {account}: "
        + issue_account_token(
            material.signing_key, account=account, claims=claims, issued_at=issued_at
        )
        for account, claims in accounts.items()
    )
    state = config.state_directory
    cipher = (
        f"\n  cipher: chacha\n  key: ${config.store_key_variable}"
        if config.store_key_variable
        else ""
    )
    return f"""\
# Written by trm-hub: change the hub's settings instead of this file.
server_name: {_quote(config.name)}
host: {_quote(config.host)}
port: {config.port}
pid_file: {_quote(state / "broker.pid")}
ports_file_dir: {_quote(state)}
log_file: {_quote(state / "broker.log")}
logfile_size_limit: 50MB
logfile_max_num: 4
max_payload: {MAX_PAYLOAD}
ping_interval: "20s"
ping_max: 2

tls {{
  cert_file: {_quote(config.certificate)}
  key_file: {_quote(config.private_key)}
  min_version: "1.3"
  handshake_first: true
  timeout: 5
}}

jetstream {{
  store_dir: {_quote(config.messages_directory)}
  max_file_store: {config.max_store_bytes}
  max_memory_store: 64MB
  sync_interval: always{cipher}
}}
{_render_routes(config.cluster) if config.cluster else ""}
operator: {material.token}
system_account: {system}
{_render_resolver(state / "accounts", closed=config.closed)}
resolver_preload {{
{preload}
}}
"""


def _render_resolver(directory: Path, *, closed: bool) -> str:
    if closed:
        return "resolver: MEMORY  # closed: the operators only, no Participant is let in"
    return f"""\
resolver {{
  type: full
  dir: {_quote(directory)}
  allow_delete: true
  interval: "2m"
}}"""


def _render_routes(member: ClusterMember) -> str:
    """Return the part about the other servers.

    ``verify`` asks both ends for a certificate of the routes' own authority; ``no_advertise`` keeps
    the servers from telling nodes of addresses that are not in their settings.
    """
    own = member.members[member.server_name]
    routes = "\n".join(f"    {_quote(f'nats-route://{address}')}" for address in member.others)
    return f"""
# Told to go (SIGUSR2), it hands over what it leads and lets its clients go one after the other.
lame_duck_grace_period: "3s"
lame_duck_duration: "30s"

cluster {{
  name: {_quote(CLUSTER_NAME)}
  listen: {_quote(f"{member.listen_host}:{own.port}")}
  no_advertise: true
  tls {{
    cert_file: {_quote(member.certificate)}
    key_file: {_quote(member.private_key)}
    ca_file: {_quote(member.authority)}
    verify: true
    min_version: "1.3"
    timeout: 5
  }}
  routes: [
{routes}
  ]
}}
"""


def _quote(value: str | Path) -> str:
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot stand in the broker's configuration: rename it.")
    return json.dumps(text, ensure_ascii=False)
