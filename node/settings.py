"""What an administrator can set. Each comes from the environment, prefix ``TRM_NODE_``."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AnyHttpUrl, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from console.process.logs import LogFormat
from contact_registry.file_limits import MediaTypeName
from contact_registry.trust.staleness import (
    DEFAULT_AGE_LIMIT,
    DEFAULT_STALE_AFTER,
    DEFAULT_WARN_AFTER,
    GREATEST_AGE_LIMIT,
    LEAST_AGE_LIMIT,
    AgeLimits,
)
from node.domain.hooks import Network
from protocol.limits import LIMITS


class SmtpTls(StrEnum):
    """How the way to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"


class KeyStoreSettings(BaseSettings):
    """What is needed to make and open the key store, before anything else is known."""

    model_config = SettingsConfigDict(
        env_prefix="TRM_NODE_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(description="Folder for database, key store and registry cache.")
    unlock_key_file: Path | None = Field(
        default=None, description="32-byte key file or service credential that opens the key store."
    )
    passphrase_file: Path | None = Field(
        default=None, description="File that holds the passphrase of the key store."
    )

    @property
    def keystore_path(self) -> Path:
        """Where the key store lies."""
        return self.data_dir / "keystore.json"


class NodeSettings(KeyStoreSettings):
    """Settings of one node."""

    hub_url: AnyHttpUrl = Field(
        description="Address of the hub (registry host), such as https://hub.example.org."
    )
    trusted_root: Path = Field(
        description="The registry's 1.root.json, received from the operators out of band."
    )
    broker_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        description="Broker addresses, tls://host:port, separated by commas."
    )
    broker_ca: Path | None = Field(
        default=None, description="CA certificates (PEM) of the broker; default: the system's."
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL; default: SQLite in the data folder. "
        "PostgreSQL: postgresql+psycopg://user@host/name.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8440, ge=0, le=65535, description="Port to listen on; 0: any.")
    public_url: AnyHttpUrl | None = Field(
        default=None,
        description="Address that people open; https unless it is this machine. "
        "Default: http://127.0.0.1:<port>.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses of reverse proxies, separated by commas, whose word on a visitor's "
        "address counts. Unset behind a proxy on another machine, all visitors look like one.",
    )
    registry_refresh: timedelta = Field(
        default=timedelta(minutes=1), description="Pause between two looks at the registry."
    )
    registry_age_limit: timedelta = Field(
        default=DEFAULT_AGE_LIMIT,
        ge=LEAST_AGE_LIMIT,
        le=GREATEST_AGE_LIMIT,
        description="Age of the registry from which on messages with data about persons wait "
        "(ISO 8601, P14D; 3 to 21 days). It is shown as stale after a day, whatever is set.",
    )
    drills_refresh: timedelta = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        description="Pause between two looks for reachability drills at the hub (ISO 8601, PT5M); "
        "an answer goes out at once besides.",
    )
    keys_renewal: timedelta = Field(
        default=timedelta(hours=1),
        gt=timedelta(0),
        description="Pause between two looks whether this node's keys have to be published anew "
        "(ISO 8601, PT1H).",
    )
    resend_first: timedelta | None = Field(
        default=None,
        description="First pause before a message without receipt is sent again (default 5 min).",
    )
    lease: timedelta = Field(
        default=timedelta(minutes=1),
        ge=timedelta(seconds=10),
        le=timedelta(minutes=10),
        description="How long what one process of this node has claimed waits for it, before "
        "another process takes it over (ISO 8601, PT1M).",
    )
    repair_first: timedelta | None = Field(
        default=None,
        gt=timedelta(0),
        description="First pause before asking for what a link lost (default 10 min); the pauses "
        "after it, and the time in which a peer's questions are counted, follow in proportion.",
    )
    malware_scanner: str | None = Field(
        default=None,
        pattern=r"^(unix:/.+|tcp:.+:[0-9]{1,5})$",
        description="Where ClamAV's clamd listens: unix:/run/clamav/clamd.ctl or "
        "tcp:127.0.0.1:3310. Default: none, and received files are not scanned.",
    )
    malware_scanner_max_bytes: int = Field(
        default=25 * 1024**2,
        gt=0,
        description="Larger files are shown as not scanned. Never more than clamd's "
        "StreamMaxLength, MaxFileSize and MaxScanSize: what is larger clamd calls clean unread.",
    )
    files_of_one_participant: int = Field(
        default=20 * 1024**3,
        ge=LIMITS.attachment,
        description="Bytes on the disk that files received from one Participant may take.",
    )
    max_attachment_bytes: int | None = Field(
        default=None,
        ge=0,
        le=LIMITS.attachment,
        description="Greatest file that this node takes, in bytes, told to all in the registry; 0: "
        "none (default: 104857600).",
    )
    attachment_types: Annotated[tuple[MediaTypeName, ...] | None, NoDecode] = Field(
        default=None,
        description="Kinds of files that this node takes, separated by commas, told to all in the "
        "registry, such as application/pdf,image/jpeg (default: whatever may be sent).",
    )
    calendar_file: Path | None = Field(
        default=None,
        description="TOML file of days off that the built-in calendar of this Participant lacks or "
        "has too many of; see docs/duty.md.",
    )
    smtp_host: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.:-]{1,253}$",
        description="Mail server for notices that something waits. Default: none are sent.",
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_tls: SmtpTls = Field(
        default=SmtpTls.STARTTLS,
        description="starttls (port 587), or tls from the first byte (port 465). Never in clear.",
    )
    smtp_ca: Path | None = Field(
        default=None, description="CA certificates (PEM) of the mail server; default: the system's."
    )
    smtp_from: str | None = Field(
        default=None,
        pattern=r"^[^@\s<>]{1,64}@[A-Za-z0-9.-]{1,253}$",
        description="Address that notices come from; needed with a mail server.",
    )
    smtp_user: str | None = Field(default=None, description="Name to sign in there with, if any.")
    smtp_password_file: Path | None = Field(
        default=None, description="File that holds the password for it."
    )
    oidc_issuer: str | None = Field(
        default=None,
        max_length=300,
        description="Issuer of the national login (OpenID Connect), as it names itself. People "
        "link their account to it once. Default: none. See docs/access.md.",
    )
    oidc_client_id: str | None = Field(
        default=None, max_length=200, description="This node's name there."
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="File that holds this node's secret there."
    )
    oidc_name: str = Field(
        default="National login", max_length=60, description="What people call it."
    )
    oidc_acr_values: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Levels (acr) that count as two factors, separated by commas. Default: none, "
        "and the code of the own app is asked for besides.",
    )
    oidc_amr_values: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Methods (amr) that together count as two factors, separated by commas.",
    )
    webhook_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Private networks whose programs may receive webhooks, also without TLS, "
        "separated by commas, such as 10.20.0.0/16 (default: none, public addresses only).",
    )
    log_format: LogFormat = Field(
        default=LogFormat.JSON, description="Log lines: json for programs, console for people."
    )

    @field_validator(
        "broker_servers",
        "attachment_types",
        "webhook_networks",
        "oidc_acr_values",
        "oidc_amr_values",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(v.strip() for v in value.split(",") if v.strip())
            if isinstance(value, str)
            else value
        )

    @property
    def age_limits(self) -> AgeLimits:
        """From which age on the registry warns, is stale, and holds back data about persons.

        Who lets the node look seldom is not warned between two looks.
        """
        seldom = min(3 * self.registry_refresh, DEFAULT_STALE_AFTER / 2)
        return AgeLimits(warn=max(DEFAULT_WARN_AFTER, seldom), too_old=self.registry_age_limit)

    @property
    def effective_database_url(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{self.data_dir / 'node.db'}"

    @property
    def registry_cache(self) -> Path:
        """Where the verified registry is kept."""
        return self.data_dir / "registry"

    @property
    def files_dir(self) -> Path:
        """Where files lie, encrypted."""
        return self.data_dir / "files"

    @property
    def effective_public_url(self) -> str:
        """The address that people open."""
        return str(self.public_url) if self.public_url else f"http://127.0.0.1:{self.port}"
