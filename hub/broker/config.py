"""The configuration file of nats-server, rendered from settings and the operators' keys.

It holds tokens, which are public, and names of files and of an environment variable, but no secret.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from hub.broker.accounts import MAX_PAYLOAD, hub_account_claims, system_account_claims
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

    def __post_init__(self) -> None:
        """Refuse a variable name that would break out of its place in the file."""
        if self.store_key_variable and not _VARIABLE.fullmatch(self.store_key_variable):
            raise ValueError(
                "Name an environment variable in capital letters, such as BROKER_STORE_KEY; the "
                "key itself does not belong into the settings."
            )


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
server_name: {_quote(config.server_name)}
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
  store_dir: {_quote(state / "messages")}
  max_file_store: {config.max_store_bytes}
  max_memory_store: 64MB
  sync_interval: always{cipher}
}}

operator: {material.token}
system_account: {system}
resolver {{
  type: full
  dir: {_quote(state / "accounts")}
  allow_delete: true
  interval: "2m"
}}
resolver_preload {{
{preload}
}}
"""


def _quote(value: str | Path) -> str:
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot stand in the broker's configuration: rename it.")
    return json.dumps(text, ensure_ascii=False)
