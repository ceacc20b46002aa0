"""A node's parts: settings in, key store, database and registry out; nothing runs yet."""

import os
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from console.storage.database import Database
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.over_http import HttpPublisher, KeptSource
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.trust.client import RegistryClient
from node.adapters.blob_store import FolderBlobStore
from node.adapters.calendars import CalendarError, LibraryCalendar, load_calendar_file
from node.adapters.keystore import (
    FileKeyStore,
    KeyStoreError,
    Unlock,
    load_keystore,
    load_passphrase,
    load_unlock_key,
)
from node.adapters.registry import RegistryDirectory
from node.adapters.smtp import SmtpPostman, SmtpRules
from node.service.context import DeliveryRules, NodeContext
from node.service.registry_archive import RegistryArchive
from node.service.registry_as_of import PastDirectories
from node.settings import KeyStoreSettings, NodeSettings, SmtpTls
from node.store.change_tables import CHANGES
from node.store.migrating import migrate, verify_schema
from protocol.identifiers import ParticipantCode
from protocol.link_repair import RepairRules

HTTP_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
#: Set by the service manager (systemd.exec(5)) if it hands over credentials.
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


class NodeSetupError(Exception):
    """The node cannot be put together; the message says what to set or run."""


def utc_now() -> datetime:
    """Return the present moment: the one clock of the process."""
    return datetime.now(UTC)


def read_unlock(settings: KeyStoreSettings) -> Unlock:
    """Return what opens the key store; raises ``KeyStoreError`` if the settings name nothing."""
    handed_over = os.environ.get(_CREDENTIALS)
    credentials = Path(handed_over) if handed_over else None
    if settings.unlock_key_file is not None:
        return load_unlock_key(settings.unlock_key_file, credentials=credentials)
    if settings.passphrase_file is not None:
        return load_passphrase(settings.passphrase_file, credentials=credentials)
    raise KeyStoreError(
        "Nothing is set that opens the key store: set TRM_NODE_UNLOCK_KEY_FILE or "
        "TRM_NODE_PASSPHRASE_FILE."
    )


@dataclass(frozen=True, slots=True)
class NodeParts:
    """A node whose background tasks have not been started."""

    settings: NodeSettings
    context: NodeContext
    directory: RegistryDirectory
    archive: RegistryArchive
    changes: ChangeDesk
    keystore: FileKeyStore
    registry: httpx.Client
    #: For reading alone: a host that keeps a reader waiting has all of its connections cut.
    registry_reading: httpx.Client

    def close(self) -> None:
        """Give the connections back."""
        self.registry.close()
        self.registry_reading.close()
        self.context.database.close()


def migrate_database(settings: NodeSettings) -> None:
    """Bring the node's database to today's tables; makes it if there is none. Blocking."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    try:
        migrate(database)
    finally:
        database.close()


def _read_trusted_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NodeSetupError(
            f"The registry's trusted root {path} cannot be read ({error.strerror}): get "
            "1.root.json from the operators and set TRM_NODE_TRUSTED_ROOT to it."
        ) from error


def _load_calendar(settings: NodeSettings, participant: ParticipantCode) -> LibraryCalendar:
    try:
        path = settings.calendar_file
        return LibraryCalendar(participant, None if path is None else load_calendar_file(path))
    except CalendarError as error:
        raise NodeSetupError(str(error)) from error


def build_postman(settings: NodeSettings) -> SmtpPostman | None:
    """Return who takes notices to the mail server, if one is set.

    Raises :class:`NodeSetupError` for settings that do not fit.
    """
    if settings.smtp_host is None:
        return None
    if settings.smtp_from is None:
        raise NodeSetupError(
            "A mail server is set, but not the address that notices come from: set "
            "TRM_NODE_SMTP_FROM."
        )
    try:
        ca, secret = settings.smtp_ca, settings.smtp_password_file
        tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        password = None if secret is None else secret.read_text("utf-8").strip()
    except OSError as error:
        raise NodeSetupError(
            f"A file of the mail server's settings cannot be read ({error.strerror}): correct "
            "TRM_NODE_SMTP_CA and TRM_NODE_SMTP_PASSWORD_FILE."
        ) from error
    rules = SmtpRules(
        host=settings.smtp_host,
        port=settings.smtp_port,
        implicit_tls=settings.smtp_tls is SmtpTls.TLS,
        sender=settings.smtp_from,
        tls=tls,
        user=settings.smtp_user,
        password=password,
    )
    return SmtpPostman(rules, clock=utc_now)


def _open_database(url: str) -> Database:
    """Open a database that has today's tables; raises ``SchemaError``, and leaves nothing open."""
    database = Database(url)
    try:
        verify_schema(database)
    except BaseException:
        database.close()
        raise
    return database


def build_parts(settings: NodeSettings) -> NodeParts:
    """Open key store and database and what is known of the registry. Blocking.

    Raises ``SchemaError`` for a database without today's tables: see :func:`migrate_database`;
    :class:`NodeSetupError`, ``KeyStoreError``.
    """
    keystore = load_keystore(settings.keystore_path, unlock=read_unlock(settings))
    trusted_root = _read_trusted_root(settings.trusted_root)
    database = _open_database(settings.effective_database_url)
    tls = httpx.create_ssl_context()
    http, reading = (httpx.Client(timeout=HTTP_TIMEOUT, verify=tls) for _ in range(2))
    archive = RegistryArchive(database, trusted_root=trusted_root, clock=utc_now)
    client = RegistryClient(
        base_url=str(settings.hub_url),
        cache_dir=settings.registry_cache,
        trusted_root=trusted_root,
        http=reading,
        clock=utc_now,
    )
    directory = RegistryDirectory(client, archive=archive)
    rules = DeliveryRules(lease=settings.lease)
    if settings.resend_first is not None:
        pauses = tuple(settings.resend_first * factor for factor in (1, 2, 4, 8, 16, 32))
        rules = replace(rules, resend_pauses=pauses)
    if settings.repair_first is not None:
        rules = replace(rules, repair=RepairRules.paced(settings.repair_first))
    context = NodeContext(
        participant=keystore.participant,
        database=database,
        keys=keystore,
        directory=directory,
        clock=utc_now,
        random=os.urandom,
        rules=rules,
        age_limits=settings.age_limits,
        past=PastDirectories(archive),
        blob_store=FolderBlobStore(settings.files_dir),
        holidays=_load_calendar(settings, keystore.participant),
        postman=build_postman(settings),
    )
    return NodeParts(
        settings=settings,
        context=context,
        directory=directory,
        archive=archive,
        changes=ChangeDesk(
            store=SqlChangeStore(CHANGES, database),
            registry=KeptSource(client, refresh=directory.refresh),
            publisher=HttpPublisher(str(settings.hub_url), http),
            clock=utc_now,
            random=os.urandom,
            participant=keystore.participant,
        ),
        keystore=keystore,
        registry=http,
        registry_reading=reading,
    )
