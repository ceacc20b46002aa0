"""Desks for changes of contacts: over a real repository and a real database, with all keys."""

import copy
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import MetaData

from console.storage.columns import Moment
from console.storage.database import Database
from contact_registry.changes.change import Change, ChangeEvent, ChangeId
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.direct import RepositoryPublisher, RepositorySource
from contact_registry.changes.ports import ChangeStore, Publisher, RegistrySource
from contact_registry.changes.signing_file import add_signatures, parse_signing_file
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.changes.tables import make_change_tables
from contact_registry.models import Authority
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.storage import WriteFile, write_durably
from protocol.identifiers import ParticipantCode
from tests.support.registry import AL, RegistryWorld, Timepiece, make_authority

EDITOR = "editor-1"


def make_store(url: str) -> tuple[SqlChangeStore, Database]:
    """Return a store on a new, empty database, and that database."""
    metadata = MetaData()
    tables = make_change_tables(metadata, Moment())
    database = Database(url)
    metadata.create_all(database.engine)
    return SqlChangeStore(tables, database), database


def clone_world(
    world: RegistryWorld, folder: Path, *, write_file: WriteFile = write_durably
) -> RegistryWorld:
    """Return a world of its own with the same keys and the same published files."""
    shutil.copytree(world.folder, folder)
    other = copy.copy(world)
    other.folder, other.clock, other.write_file = folder, Timepiece(world.clock.now), write_file
    other.repository = other.open()
    return other


@dataclass
class DeskWorld:
    """A registry with AL and MK published, and changes of it. Keys are at hand."""

    world: RegistryWorld
    store: ChangeStore
    random: Random = field(default_factory=lambda: Random(7))

    def __post_init__(self) -> None:
        """Open the desk at the registry's host."""
        self.desk = self.open_desk()

    def open_desk(
        self,
        *,
        registry: RegistrySource | None = None,
        publisher: Publisher | None = None,
        participant: ParticipantCode | None = None,
    ) -> ChangeDesk:
        """Return a desk over the same changes, as a new process would open it."""
        repository = self.world.open()
        return ChangeDesk(
            store=self.store,
            registry=registry or RepositorySource(repository),
            publisher=publisher or RepositoryPublisher(repository, self.world.online),
            clock=self.world.clock,
            random=self.random.randbytes,
            participant=participant,
        )

    def begin(self, code: ParticipantCode = AL) -> Change:
        """Begin a change."""
        return self.desk.begin(code, title="A new number", actor=EDITOR)

    def edit(self, change: Change, authority: Authority) -> Change:
        """Put an authority into the draft."""
        return self.desk.put_authority(change.id, authority, seen=change.row_version, actor=EDITOR)

    def draft(self, **changes: Any) -> Change:
        """Begin a change in which AL's one desk says something else."""
        return self.edit(self.begin(), make_authority(AL, **changes))

    def prepare(self, change: Change, desk: ChangeDesk | None = None) -> Change:
        """Make the signing file."""
        return (desk or self.desk).prepare(change.id, seen=change.row_version, actor=EDITOR)

    def sign(self, change_id: ChangeId, signers: Sequence[RegistrySigner] = ()) -> bytes:
        """Return the change's file, signed: by AL's directory key, unless others are named."""
        file = parse_signing_file(self.desk.export_signing_file(change_id))
        return add_signatures(file, signers or [self.world.directory_keys[AL]]).to_bytes()

    def bring(self, change: Change, data: bytes, desk: ChangeDesk | None = None) -> Change:
        """Bring a signed file to the desk."""
        return (desk or self.desk).take_signing_file(
            change.id, data, seen=change.row_version, actor=EDITOR
        )

    def make_signed(self, change: Change, desk: ChangeDesk | None = None) -> Change:
        """Prepare a change and bring its signature."""
        prepared = self.prepare(change, desk)
        return self.bring(prepared, self.sign(change.id), desk)

    def publish(self, change: Change, desk: ChangeDesk | None = None) -> Change:
        """Publish a signed change."""
        return (desk or self.desk).publish(change.id, seen=change.row_version, actor=EDITOR)

    def publish_note(self, note: str) -> None:
        """Publish other contacts of AL past every desk, as somebody else does meanwhile."""
        self.world.publish(self.world.contacts_submission(AL, note=note))

    def read_events(self, change: Change) -> list[ChangeEvent]:
        """Return the change's story."""
        return list(self.store.list_events(change.id))

    def find_published_note(self) -> str:
        """Return the note of AL's desk as everybody reads it."""
        return self.world.open().load_directory().contacts[AL].authorities[0].note


@contextmanager
def open_desk_world(folder: Path, *, published: RegistryWorld | None = None) -> Iterator[DeskWorld]:
    """Give a registry with everything of AL and MK published, and a desk at its host."""
    if published is None:
        world = RegistryWorld(folder / "repository")
        world.publish_all()
    else:
        world = clone_world(published, folder / "repository")
    store, database = make_store(f"sqlite:///{folder / 'desk.db'}")
    try:
        yield DeskWorld(world, store)
    finally:
        database.close()


@dataclass
class Cuts:
    """Points at which the power may be cut: the program stops at number ``cut_at``."""

    cut_at: int | None = None
    passed: int = 0

    def here(self) -> None:
        """Stop, if this is the point."""
        if self.passed == self.cut_at:
            raise PowerCutError
        self.passed += 1

    def write_file(self, path: Path, data: bytes) -> None:
        """Write a file of the repository, unless the power is cut before it."""
        self.here()
        write_durably(path, data)


class PowerCutError(Exception):
    """The machine stopped."""


@dataclass
class FragileStore:
    """A store whose machine may stop before and after every transaction."""

    kept: ChangeStore
    cuts: Cuts

    def add(self, change: Change, event: ChangeEvent) -> None:
        """Keep a new change."""
        self._between(lambda: self.kept.add(change, event))

    def save(self, change: Change, *, seen: int, events: Sequence[ChangeEvent]) -> None:
        """Replace a change."""
        self._between(lambda: self.kept.save(change, seen=seen, events=events))

    def _between(self, write: Callable[[], None]) -> None:
        self.cuts.here()
        write()
        self.cuts.here()

    def __getattr__(self, name: str) -> object:
        """Read as the kept store does."""
        return getattr(self.kept, name)


def move(change: Change, **changes: Any) -> Change:
    """Return a change with other members."""
    return replace(change, **changes)
