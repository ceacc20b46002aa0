"""Nothing published is lost, and nothing is published twice, wherever the power is cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contact_registry.changes.change import Change
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.direct import RepositoryPublisher
from contact_registry.changes.ports import Publisher, Receipt
from contact_registry.changes.states import ChangeState, Step
from contact_registry.trust.submitting import Submission
from tests.support.changes import (
    EDITOR,
    Cuts,
    DeskWorld,
    FragileStore,
    PowerCutError,
    clone_world,
    make_store,
)
from tests.support.registry import AL, RegistryWorld, make_authority

#: Transactions of the desk before and after which it is cut, and files of the repository.
DRAFTING, SIGNING = 2 * 2, 2 * 2
PUBLISHING = 2 * 2 + 5


@contextmanager
def fragile(published: RegistryWorld, folder: Path) -> Iterator[tuple[DeskWorld, Cuts]]:
    """Give a desk whose machine can be made to stop at any write of desk or repository."""
    cuts = Cuts()
    world = clone_world(published, folder / "repository", write_file=cuts.write_file)
    store, database = make_store(f"sqlite:///{folder / 'desk.db'}")
    try:
        yield DeskWorld(world, FragileStore(store, cuts)), cuts  # type: ignore[arg-type]  # the rest is the kept store's
    finally:
        database.close()


def restart(desks: DeskWorld, cuts: Cuts) -> None:
    """Let a new process open what is on the disk."""
    cuts.cut_at = None
    desks.world.repository = desks.world.open()
    desks.desk = desks.open_desk()


def load_only(desks: DeskWorld) -> Change | None:
    """Return the one change that there is on the disk, if there is."""
    found = desks.desk.list_changes().changes
    assert len(found) <= 1
    return desks.store.load(found[0].id) if found else None


@pytest.mark.parametrize("cut_at", range(PUBLISHING))
def test_a_crash_while_publishing(published: RegistryWorld, tmp_path: Path, cut_at: int) -> None:
    """Before and after each transaction and each file: in the end it is published, once."""
    with fragile(published, tmp_path) as (desks, cuts):
        change = desks.make_signed(desks.draft(note="must not be lost"))
        cuts.passed, cuts.cut_at = 0, cut_at
        with pytest.raises(PowerCutError):
            desks.publish(change)
        restart(desks, cuts)
        on_disk = load_only(desks)
        assert on_disk is not None
        if on_disk.state is ChangeState.SIGNED:  # cut before it was noted: people publish again
            desks.publish(on_disk)
        else:
            desks.desk.continue_publishing()
        assert desks.desk.continue_publishing() == 0
        done = load_only(desks)
        assert done is not None
        assert done.state is ChangeState.PUBLISHED
        assert [e.step for e in desks.read_events(done)].count(Step.PUBLISHED) == 1
        assert desks.world.open().role_status("AL").version == 2
        assert desks.find_published_note() == "must not be lost"


def test_the_test_above_cuts_at_every_write(published: RegistryWorld, tmp_path: Path) -> None:
    """A publication has as many points to cut at as are cut above."""
    with fragile(published, tmp_path) as (desks, cuts):
        change = desks.make_signed(desks.draft(note="x"))
        cuts.passed = 0
        assert desks.publish(change).state is ChangeState.PUBLISHED
        assert cuts.passed == PUBLISHING


@pytest.mark.parametrize("cut_at", range(DRAFTING + SIGNING))
def test_a_crash_while_drafting_or_signing(
    published: RegistryWorld, tmp_path: Path, cut_at: int
) -> None:
    """A step is on the disk whole or not at all; what was there before it still is."""
    with fragile(published, tmp_path) as (desks, cuts):
        cuts.cut_at = cut_at
        with pytest.raises(PowerCutError):
            desks.make_signed(desks.draft(note="typed"))
        restart(desks, cuts)
        change = load_only(desks) or desks.begin()
        if change.state is ChangeState.DRAFTED and change.draft.authorities[0].note != "typed":
            change = desks.edit(change, make_authority(AL, note="typed"))
        if change.state is ChangeState.DRAFTED:
            change = desks.prepare(change)
        if change.state is ChangeState.WAITING:
            change = desks.bring(change, desks.sign(change.id))
        assert change.row_version == len(desks.read_events(change))
        assert desks.publish(change).state is ChangeState.PUBLISHED
        assert desks.find_published_note() == "typed"


@pytest.mark.parametrize("cut_at", [0, 1])
def test_a_crash_while_following(published: RegistryWorld, tmp_path: Path, cut_at: int) -> None:
    """A merge that was cut off is made again, and is told once."""
    with fragile(published, tmp_path) as (desks, cuts):
        change = desks.draft(city="Tirana")
        desks.publish_note("meanwhile")
        cuts.passed, cuts.cut_at = 0, cut_at
        with pytest.raises(PowerCutError):
            desks.desk.look(change.id)
        restart(desks, cuts)
        view = desks.desk.look(change.id)
        assert [event.step for event in view.events].count(Step.MERGED) == 1
        entry = view.change.draft.authorities[0]
        assert (entry.city, entry.note) == ("Tirana", "meanwhile")


@pytest.mark.parametrize("cut_at", range(1, 2 + 5))
def test_somebody_else_publishes_between_sending_and_the_crash(
    published: RegistryWorld, tmp_path: Path, cut_at: int
) -> None:
    """Cut before it was in force, at any file, and overtaken: merged, not lost, nor claimed."""
    with fragile(published, tmp_path) as (desks, cuts):
        change = desks.make_signed(desks.draft(city="Tirana"))
        cuts.passed, cuts.cut_at = 0, cut_at
        with pytest.raises(PowerCutError):
            desks.publish(change)
        restart(desks, cuts)
        desks.publish_note("meanwhile")
        desks.desk.continue_publishing()
        again = load_only(desks)
        assert again is not None
        assert (again.state, again.base_version) == (ChangeState.DRAFTED, 2)
        assert desks.publish(desks.make_signed(again)).state is ChangeState.PUBLISHED
        desk = desks.world.open().load_directory().contacts[AL].authorities[0]
        assert (desk.city, desk.note) == ("Tirana", "meanwhile")


@dataclass
class MeddlingPublisher:
    """Publishes, and lets another process of the same node look after its changes meanwhile."""

    kept: Publisher
    other: ChangeDesk

    def send(self, submission: Submission) -> Receipt:
        """Publish; before the answer is noted here, the other process notes it."""
        receipt = self.kept.send(submission)
        assert self.other.continue_publishing() == 0
        return receipt

    def find(self, role: str, version: int) -> bytes | None:
        """Return what is published."""
        return self.kept.find(role, version)


def test_two_processes_that_look_after_one_change(published: RegistryWorld, tmp_path: Path) -> None:
    """The background task was quicker than the page: one publication, noted once, no error."""
    with fragile(published, tmp_path) as (desks, _cuts):
        change = desks.make_signed(desks.draft(note="once"))
        repository = desks.world.open()
        kept = RepositoryPublisher(repository, desks.world.online)
        desk = desks.open_desk(publisher=MeddlingPublisher(kept, desks.desk))
        done = desks.publish(change, desk)
        assert done.state is ChangeState.PUBLISHED
        assert [e.step for e in desks.read_events(done)].count(Step.PUBLISHED) == 1


def test_published_and_overtaken_before_anybody_noticed(
    published: RegistryWorld, tmp_path: Path
) -> None:
    """A crash after publishing, then another publication: the first is still known as published."""
    with fragile(published, tmp_path) as (desks, cuts):
        change = desks.make_signed(desks.draft(note="first"))
        cuts.passed, cuts.cut_at = 0, 2 + 5  # all files are written; the answer is not noted
        with pytest.raises(PowerCutError):
            desks.publish(change)
        restart(desks, cuts)
        desks.publish_note("second")
        assert desks.desk.continue_publishing() == 0
        done = load_only(desks)
        assert done is not None
        assert (done.state, done.registry_version) == (ChangeState.PUBLISHED, None)
        assert desks.world.open().role_status("AL").version == 3
        assert done.updated_by != EDITOR
