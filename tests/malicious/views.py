"""AL and MK with their stores, each reading a registry over HTTP from a host that can lie.

The hub holds the online keys: it can sign any snapshot and timestamp. What operators and
Participants sign it can only show, hide, or mix.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
from sqlmodel import col, select
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from console.refusals import say_english
from contact_registry.errors import RegistryError
from contact_registry.models import ContactsDocument, ListedBy
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.fetcher import Patience
from contact_registry.trust.layout import target_file_name
from contact_registry.trust.repository import RegistryRepository
from contact_registry.trust.submitting import build_contacts_submission, build_keys_submission
from node.adapters.keystore import FileKeyStore
from node.adapters.registry import RegistryDirectory
from node.background import find_registry_troubles
from node.service import reading
from node.service.notices import list_notices
from node.service.pin_watching import note_verified
from node.service.registry_archive import RegistryArchive
from node.store.pin_tables import RegistryAlarmRow
from protocol.identifiers import ParticipantCode
from tests.support import link_repair
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    Network,
    make_authority,
    make_context,
    make_directory,
    make_keys,
    make_keystore,
)
from tests.support.people import STAFF
from tests.support.registry import AL, MK, RegistryWorld, make_signer
from tests.support.registry_forge import make_meta, make_target, sha256
from tests.support.registry_stage import (
    LONG_SILENCE,
    Reply,
    StageServer,
    read_files,
    serve_shown,
    write_at_once,
)

CODES = (AL, MK)
Files = dict[str, bytes | Reply]


@dataclass
class Registry:
    """What is made once: keys, a registry that lists both nodes, a host, and what nodes read."""

    folder: Path
    world: RegistryWorld
    stores: Mapping[ParticipantCode, FileKeyStore]
    server: StageServer
    http: httpx.Client


@dataclass
class Views:
    """Two nodes for one row; both have read the registry once, honestly."""

    registry: Registry
    folder: Path
    clock: FakeClock
    repository: RegistryRepository
    network: Network
    directories: dict[str, RegistryDirectory] = field(default_factory=dict)

    # ------------------------------------------------------------------ the honest side

    @property
    def honest(self) -> Files:
        """Everything that is published."""
        return dict(read_files(self.folder / "honest"))

    def publish(
        self, code: ParticipantCode, note: str, *, repository: RegistryRepository | None = None
    ) -> None:
        """Let a Participant change its contacts."""
        repository = repository or self.repository
        desk = make_authority(code).model_copy(update={"note": note})
        world = self.registry.world
        submission = build_contacts_submission(
            ContactsDocument(participant=code, listed_by=ListedBy.PARTICIPANT, authorities=(desk,)),
            previous_version=repository.role_status(code).version,
            signers=[world.directory_keys[code]],
            expires=self.clock() + timedelta(days=90),
            node_keys=[world.node_keys[code].verify_key],
        )
        repository.accept(submission, world.online)

    def publish_keys(self, code: ParticipantCode, store: FileKeyStore) -> None:
        """Let a node publish the keys of this store."""
        world = self.registry.world
        submission = build_keys_submission(
            make_keys(store, at=self.clock()),
            previous_version=self.repository.role_status(f"{code}-node").version,
            signer=world.node_keys[code],
            expires=self.clock() + timedelta(days=90),
        )
        self.repository.accept(submission, world.online)

    def sign_timestamp(self) -> None:
        """Let the hub say once more that this is the newest, as it does every hour."""
        self.repository.refresh_timestamp(self.registry.world.online)

    def fork(self, name: str) -> RegistryRepository:
        """Copy the registry as it stands: another history begins, under the same keys."""
        shutil.copytree(self.folder / "honest", self.folder / name)
        return RegistryRepository(self.folder / name, clock=self.clock, write_file=write_at_once)

    # ------------------------------------------------------------------ what the hub shows

    def show(self, code: str, files: Mapping[str, bytes | Reply] | None = None) -> None:
        """Show a node these files from now on; default: what is published."""
        self.registry.server.show(self._place(code), self.honest if files is None else files)

    def show_history(self, code: str, name: str) -> None:
        """Show a node another history."""
        self.show(code, read_files(self.folder / name))

    def sign_online(self, files: Files, roles: Mapping[str, Metadata[Targets] | None]) -> Files:
        """Return ``files`` with these roles in the next snapshot, signed with the online keys.

        None: the role does not stand in it any more.
        """
        world = self.registry.world
        timestamp = Metadata[Timestamp].from_bytes(_plain(files, "metadata/timestamp.json"))
        version = timestamp.signed.snapshot_meta.version
        snapshot = Metadata[Snapshot].from_bytes(_plain(files, f"metadata/{version}.snapshot.json"))
        shown = dict(files)
        for role, metadata in roles.items():
            if metadata is None:
                del snapshot.signed.meta[f"{role}.json"]
                continue
            data = metadata.to_bytes()
            shown[f"metadata/{metadata.signed.version}.{role}.json"] = data
            snapshot.signed.meta[f"{role}.json"] = make_meta(metadata.signed.version, data)
        snapshot.signed.version += 1
        snapshot.sign(world.online.snapshot)
        data = snapshot.to_bytes()
        shown[f"metadata/{snapshot.signed.version}.snapshot.json"] = data
        timestamp.signed.version += 1
        timestamp.signed.snapshot_meta = make_meta(snapshot.signed.version, data)
        timestamp.sign(world.online.timestamp)
        shown["metadata/timestamp.json"] = timestamp.to_bytes()
        return shown

    def sign_online_without(self, files: Files, role: str) -> Files:
        """Return ``files`` with a next snapshot in which a role does not stand."""
        return self.sign_online(files, {role: None})

    def swap_keys(self, code: ParticipantCode, store: FileKeyStore) -> Files:
        """Return a registry that names the keys of ``store`` for a Participant.

        The online keys are real; the node's signature is the hub's own.
        """
        files = self.honest
        role = f"{code}-node"
        version = self.repository.role_status(role).version
        metadata = Metadata[Targets].from_bytes(_plain(files, f"metadata/{version}.{role}.json"))
        (path,) = metadata.signed.targets
        target, data = make_target(path, make_keys(store, at=self.clock()))
        metadata.signed.targets = {path: target}
        metadata.signed.version += 1
        metadata.sign(make_signer())
        files["targets/" + target_file_name(path, sha256(data))] = data
        return self.sign_online(files, {role: metadata})

    def asked(self, code: str) -> int:
        """Return how many files a node has asked for since something was shown to it."""
        return len(self.registry.server.shown[self._place(code)].asked)

    def _place(self, code: str) -> str:
        return f"{self.folder.name}-{code}"

    # ------------------------------------------------------------------ what nodes do and see

    def refresh(self, code: str) -> str:
        """Let a node look, as its worker does; returns the name of the error, if there is one."""
        node = self.network.node(code)
        try:
            self.directories[code].refresh()
        except RegistryError as error:
            return type(error).__name__
        node.transact(partial(note_verified, node))
        return ""

    def forget_registry(self, code: str) -> None:
        """Let a node lose the folder in which it keeps the registry, and start again."""
        cache = self.folder / f"cache-{code}"
        shutil.rmtree(cache)
        self.directories[code] = _make_directory(self, code, cache)
        node = self.network.node(code)
        self.network.nodes[code] = replace(node, directory=self.directories[code])

    def version(self, code: str) -> int:
        """Return the version that a node acts on."""
        return self.directories[code].current().version

    def write(self, *, sender: str = "AL", recipient: str = "MK") -> str:
        """Let people write; what leaves is on its way."""
        (name,) = link_repair.names(
            link_repair.send(self.network, sender=sender, recipient=recipient)
        )
        return name

    def state(self, message_id: str, code: str = "AL") -> str | None:
        """Return what a sender sees of its message."""
        return reading.get_message(self.network.node(code), message_id, who=STAFF).item.dispatch

    def works(self) -> bool:
        """Whether a message written now arrives and is receipted, in both directions."""
        out, back = self.write(), self.write(sender="MK", recipient="AL")
        self.network.settle()
        return (self.state(out), self.state(back, "MK")) == ("delivered", "delivered")

    def notices(self, code: str) -> str:
        """Return what a node's administrators are told."""
        return " | ".join(list_notices(self.network.node(code)))

    def troubles(self, code: str) -> str:
        """Return why a node does not count as ready, as far as the registry goes."""
        found = find_registry_troubles(
            self.directories[code].loaded, participant=ParticipantCode(code), now=self.clock()
        )
        return " | ".join(map(say_english, found))

    def alarms(self, code: str) -> list[str]:
        """Return what alarms of two registries a node holds, by what they prove."""
        with self.network.node(code).database.reading() as session:
            rows = session.exec(select(RegistryAlarmRow).order_by(col(RegistryAlarmRow.raised_by)))
            return [row.standing for row in rows]


def _plain(files: Mapping[str, bytes | Reply], name: str) -> bytes:
    found = files[name]
    if isinstance(found, Reply):
        raise TypeError(f"{name} is no plain file any more")
    return found


@contextmanager
def open_registry(folder: Path) -> Iterator[Registry]:
    """Found a registry of AL and MK, start its host, and let each node read it once."""
    now = datetime.now(UTC).replace(microsecond=0)
    stores = {code: make_keystore(code, at=now) for code in CODES}
    world = RegistryWorld(folder / "honest", write_file=write_at_once)
    world.clock.now = now
    world.create()
    with serve_shown() as server, httpx.Client(trust_env=False) as http:
        registry = Registry(folder, world, stores, server, http)
        clock = FakeClock(world.clock())
        views = Views(
            registry, folder, clock, world.repository, Network(clock, FixedDirectory(_EMPTY))
        )
        for code, store in stores.items():
            views.publish(code, "")
            views.publish_keys(code, store)
        for code in CODES:
            views.show(code)
            _make_client(views, code, folder / f"cache-{code}").refresh()
        yield registry


_EMPTY = make_directory(())


def _make_client(views: Views, code: str, cache: Path) -> RegistryClient:
    registry = views.registry
    return RegistryClient(
        base_url=f"{registry.server.origin}/{views._place(code)}/",
        cache_dir=cache,
        trusted_root=registry.world.repository.read_root(),
        http=registry.http,
        clock=views.clock,
        patience=Patience(silence=LONG_SILENCE, deadline=LONG_SILENCE),
    )


def _make_directory(views: Views, code: str, cache: Path) -> RegistryDirectory:
    archive = RegistryArchive(
        views.network.node(code).database,
        trusted_root=views.registry.world.repository.read_root(),
        clock=views.clock,
    )
    return RegistryDirectory(_make_client(views, code, cache), archive=archive)


@contextmanager
def open_views(registry: Registry, folder: Path, url_of: Callable[[str], str]) -> Iterator[Views]:
    """Make two nodes that hold what was read, and a registry of their own that goes on from it."""
    shutil.copytree(registry.folder / "honest", folder / "honest")
    clock = FakeClock(registry.world.clock())
    repository = RegistryRepository(folder / "honest", clock=clock, write_file=write_at_once)
    network = Network(clock, FixedDirectory(_EMPTY))
    views = Views(registry, folder, clock, repository, network)
    try:
        for code, store in registry.stores.items():
            cache = folder / f"cache-{code}"
            shutil.copytree(registry.folder / f"cache-{code}", cache, symlinks=True)
            context = make_context(
                store,
                network.directory,
                database_url=url_of(code),
                clock=clock,
            )
            network.nodes[code] = context
            views.directories[code] = _make_directory(views, code, cache)
            network.nodes[code] = replace(context, directory=views.directories[code])
            views.show(code)
            views.refresh(code)
        yield views
    finally:
        network.close()
