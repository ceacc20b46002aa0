"""What the operators can set. Each comes from the environment, prefix ``TRM_HUB_``."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AnyHttpUrl, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from console.process.logs import LogFormat
from hub.broker.cluster import ClusterMember, RouteAddress, check_replicas, parse_members
from hub.broker.config import FREE_PORT, BrokerConfig
from hub.broker.mailbox_plan import MailboxLimits
from hub.drills.mail_security import MailSecurity


class BrokerMode(StrEnum):
    """Who runs nats-server."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"


def describe_problems(error: ValidationError) -> str:
    """Say what is wrong with the settings, by the names of their variables, never by value."""
    return "; ".join(
        f"TRM_HUB_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}"
        if item["loc"]
        else str(item["msg"])
        for item in error.errors(include_url=False, include_input=False)
    )


class HubSettings(BaseSettings):
    """Settings of the hub."""

    model_config = SettingsConfigDict(
        env_prefix="TRM_HUB_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        description="Folder of the hub: operators' broker keys, registry, embedded broker."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on for HTTP.")
    port: int = Field(default=8450, ge=0, le=65535, description="Port to listen on; 0: any.")
    http_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) for HTTPS; without it, plain HTTP."
    )
    http_private_key: Path | None = Field(
        default=None, description="Private key (PEM) that fits the certificate for HTTPS."
    )
    public_url: AnyHttpUrl | None = Field(
        default=None,
        description="Address of the operators' console as people open it; https unless it is this "
        "machine. Default: http(s)://127.0.0.1:<port>.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses of reverse proxies, separated by commas, whose word on a visitor's "
        "address counts. Unset behind a proxy on another machine, all visitors look like one.",
    )
    time_zone: ZoneInfo = Field(
        default=ZoneInfo("UTC"),
        description="Time that the operators' console shows, as in Europe/Vienna.",
    )
    city: str = Field(
        default="", description="City beside each time; default: that of the time zone."
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the hub's own store (operators, audit log); default: SQLite "
        "in the data folder. PostgreSQL: postgresql+psycopg://user@host/name.",
    )
    accounts_key: Path | None = Field(
        default=None,
        description="Key file that seals the operators' second factors; made by 'trm-hub migrate'; "
        "default: <data_dir>/accounts.key. Keep a copy apart from the database's backup.",
    )
    broker_mode: BrokerMode = Field(
        default=BrokerMode.EMBEDDED,
        description="embedded: the hub runs nats-server itself; external: it runs elsewhere, with "
        "the configuration that `trm-hub broker-config` prints.",
    )
    broker_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses of the external broker, tls://host:port, separated by commas.",
    )
    broker_host: str = Field(
        default="127.0.0.1", description="Address that the broker listens on (embedded, config)."
    )
    broker_port: int = Field(
        default=4222,
        ge=FREE_PORT,
        le=65535,
        description="Port that the broker listens on (embedded, config); -1: a free one.",
    )
    broker_certificate: Path | None = Field(
        default=None, description="The broker's certificate chain (PEM); embedded and config."
    )
    broker_private_key: Path | None = Field(
        default=None, description="The broker's private key (PEM); embedded and config."
    )
    broker_ca: Path | None = Field(
        default=None, description="CA certificates (PEM) of the broker; default: the system's."
    )
    broker_store_key_variable: str | None = Field(
        default=None,
        description="Name of the environment variable with the key for encryption of the broker's "
        "store; default: no encryption of its own.",
    )
    broker_max_store_bytes: int = Field(
        default=20 * 1024**3,
        ge=1024**2,
        description="Most bytes that the broker keeps on disk, divided among the mailboxes.",
    )
    broker_state_dir: Path | None = Field(
        default=None,
        description="Folder that nats-server writes to, on the machine that it runs on; default: "
        "<data_dir>/broker.",
    )
    broker_cluster: Annotated[tuple[tuple[str, RouteAddress], ...], NoDecode] = Field(
        default=(),
        description="The 3 or 5 servers of a cluster with their route addresses, the same on every "
        "machine: broker-1=host:6222,broker-2=host:6222,broker-3=host:6222; default: one server.",
    )
    broker_route_certificate: Path | None = Field(
        default=None,
        description="Certificate chain (PEM) that this server shows to the others of the cluster; "
        "for server and client use, and for the host of its route address.",
    )
    broker_route_private_key: Path | None = Field(
        default=None, description="Private key (PEM) that fits the route certificate."
    )
    broker_route_ca: Path | None = Field(
        default=None,
        description="CA certificate (PEM) of the routes: an authority that signs nothing else, for "
        "whoever holds a certificate of it counts as a server of the cluster.",
    )
    mailbox_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="Copies of each mailbox: 1, or 3 in a cluster. Changed at any time; the hub "
        "brings every mailbox to it.",
    )
    mailbox_messages: int = Field(
        default=5_000,
        ge=1,
        description="Most messages of one sender and class that may wait in one mailbox; fewer "
        "where the store is small: all senders together must fit.",
    )
    mailbox_bytes: int | None = Field(
        default=None,
        ge=1024**2,
        description="Bytes that may wait for one Participant; default: an equal part of the "
        "broker's store.",
    )
    mailbox_participants: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Participants for which the broker's store is divided. When more are listed, "
        "it is doubled until it suffices.",
    )
    admission_interval: timedelta = Field(
        default=timedelta(minutes=1),
        description="Pause between two comparisons of broker and registry (ISO 8601, PT1M); each "
        "publication brings one at once besides.",
    )
    registry_online_key: Path | None = Field(
        default=None,
        description="Key file that signs snapshot and timestamp; default: "
        "<data_dir>/registry-online.key.",
    )
    timestamp_margin: timedelta = Field(
        default=timedelta(hours=2),
        description="The hub is not ready when the registry's timestamp runs out sooner than this "
        "(ISO 8601, PT2H).",
    )
    operator_token_file: Path | None = Field(
        default=None,
        description="File with the bearer token for /monitoring; without it these are closed.",
    )
    drills_by_schedule: bool = Field(
        default=True,
        description="Whether the hub asks desks by itself to confirm that they can be reached; an "
        "operator can always ask.",
    )
    drill_interval: timedelta = Field(
        default=timedelta(days=90),
        ge=timedelta(days=7),
        description="From one reachability drill of a desk and phase to the next (ISO 8601, P90D).",
    )
    mail_host: str | None = Field(
        default=None,
        description="Mail server for reminders, which say only that something waits; without it "
        "none are sent.",
    )
    mail_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server.")
    mail_security: MailSecurity = Field(
        default=MailSecurity.STARTTLS,
        description="starttls, tls, or none for a mail server on this machine.",
    )
    mail_from: str | None = Field(
        default=None, description="Mailbox that reminders come from, as in hub@operator.example."
    )
    mail_user: str | None = Field(default=None, description="User at the mail server.")
    mail_password_file: Path | None = Field(
        default=None, description="File that holds the password of that user."
    )
    log_format: LogFormat = Field(
        default=LogFormat.JSON, description="Log lines: json for programs, console for people."
    )

    @field_validator("broker_servers", mode="before")
    @classmethod
    def _split_servers(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("broker_cluster", mode="before")
    @classmethod
    def _parse_cluster(cls, value: object) -> object:
        return tuple(parse_members(value).items()) if isinstance(value, str) else value

    @field_validator("broker_servers")
    @classmethod
    def _check_servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        if not all(server.startswith("tls://") for server in servers):
            raise ValueError("Write broker addresses as tls://host:port: plaintext is refused.")
        return servers

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: AnyHttpUrl | None) -> AnyHttpUrl | None:
        parts = () if url is None else (url.username, url.password, url.query, url.fragment)
        if url is not None and (any(parts) or url.path not in {None, "", "/"}):
            raise ValueError(
                "Write scheme and name only, as https://hub.example.org: the console lies at the "
                "top of its address."
            )
        return url

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        if self.broker_mode is BrokerMode.EXTERNAL and not self.broker_servers:
            raise ValueError("Set TRM_HUB_BROKER_SERVERS: an external broker needs its addresses.")
        check_replicas(self.mailbox_replicas, servers=len(self.broker_cluster))
        if (self.http_certificate is None) != (self.http_private_key is None):
            raise ValueError(
                "Set both TRM_HUB_HTTP_CERTIFICATE and TRM_HUB_HTTP_PRIVATE_KEY, or neither."
            )
        return self

    @property
    def operator_dir(self) -> Path:
        """Where the operators' broker keys lie."""
        return self.data_dir / "operator"

    @property
    def effective_database_url(self) -> str:
        """Where the hub's own store is."""
        return self.database_url or f"sqlite:///{self.data_dir / 'hub.db'}"

    @property
    def accounts_key_path(self) -> Path:
        """Where the key of the second factors lies."""
        return self.accounts_key or self.data_dir / "accounts.key"

    @property
    def effective_public_url(self) -> str:
        """Where people open the console."""
        if self.public_url is not None:
            return str(self.public_url)
        scheme = "https" if self.http_certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def registry_dir(self) -> Path:
        """Where the signed registry lies."""
        return self.data_dir / "registry"

    @property
    def online_key_path(self) -> Path:
        """Where the key for snapshot and timestamp lies."""
        return self.registry_online_key or self.data_dir / "registry-online.key"

    @property
    def mailbox_limits(self) -> MailboxLimits:
        """How much one mailbox takes."""
        return MailboxLimits(
            messages_per_sender_and_class=self.mailbox_messages,
            total_bytes=self.mailbox_bytes,
            store_bytes=self.broker_max_store_bytes,
            participants=self.mailbox_participants,
            replicas=self.mailbox_replicas,
        )

    @property
    def broker_size(self) -> int:
        """How many servers the broker has."""
        return max(1, len(self.broker_cluster))

    def describe_broker(self, *, server: str | None = None) -> BrokerConfig:
        """Return what to run nats-server with, in a cluster the one with this name.

        Raises ``ValueError`` with what to set if TLS or the cluster is not set up.
        """
        if self.broker_certificate is None or self.broker_private_key is None:
            raise ValueError(
                "Set TRM_HUB_BROKER_CERTIFICATE and TRM_HUB_BROKER_PRIVATE_KEY: the broker speaks "
                "TLS only."
            )
        return BrokerConfig(
            state_directory=(self.broker_state_dir or self.data_dir / "broker").absolute(),
            certificate=self.broker_certificate.absolute(),
            private_key=self.broker_private_key.absolute(),
            host=self.broker_host,
            port=self.broker_port,
            max_store_bytes=self.broker_max_store_bytes,
            store_key_variable=self.broker_store_key_variable,
            cluster=self._describe_member(server),
        )

    def _describe_member(self, server: str | None) -> ClusterMember | None:
        if not self.broker_cluster:
            if server is None:
                return None
            raise ValueError(
                "Set TRM_HUB_BROKER_CLUSTER to all servers: without it there is one, without name."
            )
        names = ", ".join(name for name, _ in self.broker_cluster)
        if server is None:
            raise ValueError(
                f"Say which server of the cluster it is: --server, one of {names}. A cluster runs "
                "with TRM_HUB_BROKER_MODE=external."
            )
        files = (
            self.broker_route_certificate,
            self.broker_route_private_key,
            self.broker_route_ca,
        )
        certificate, private_key, authority = files
        if certificate is None or private_key is None or authority is None:
            raise ValueError(
                "Set TRM_HUB_BROKER_ROUTE_CERTIFICATE, TRM_HUB_BROKER_ROUTE_PRIVATE_KEY and "
                "TRM_HUB_BROKER_ROUTE_CA: servers of a cluster know each other by certificates."
            )
        return ClusterMember(
            server_name=server,
            members=dict(self.broker_cluster),
            certificate=certificate.absolute(),
            private_key=private_key.absolute(),
            authority=authority.absolute(),
        )
