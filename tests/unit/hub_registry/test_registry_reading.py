"""What pages keep of the registry: asked twice it is reckoned once, and a publication ends it."""

from datetime import timedelta
from pathlib import Path

from contact_registry.coverage import list_coverage
from contact_registry.history.archive import RegistryHistory
from hub.registry_reading import RegistryReading, find_quarter
from protocol.identifiers import Channel
from tests.support.console_face import NOON
from tests.support.registry import AL, RegistryWorld, Timepiece


def make_world(folder: Path) -> RegistryWorld:
    """Publish the founding and AL's contacts."""
    world = RegistryWorld(folder / "registry", clock=Timepiece(NOON))
    world.create()
    world.publish(world.contacts_submission(AL))
    return world


def test_a_table_is_kept_for_its_quarter_channel_and_version(tmp_path: Path) -> None:
    """The same object for the same quarter; another one for another channel, hour or version."""
    world, reading = make_world(tmp_path), RegistryReading()
    directory = world.repository.load_directory()
    first = reading.coverage(directory, NOON + timedelta(minutes=3))
    assert reading.coverage(directory, NOON + timedelta(minutes=14, seconds=59)) is first
    assert first == list_coverage(directory, NOON)
    assert reading.coverage(directory, NOON + timedelta(minutes=15)) is not first
    assert reading.coverage(directory, NOON, Channel.POLICE) is not first
    world.publish(world.contacts_submission(AL, note="Ring twice."))
    assert reading.coverage(world.repository.load_directory(), NOON) is not first
    assert find_quarter(NOON + timedelta(minutes=44, microseconds=1)) == NOON + timedelta(
        minutes=30
    )


def test_versions_and_signatures_follow_a_publication(tmp_path: Path) -> None:
    """A new version is on the list at once; nothing is read anew while nothing was published."""
    world, reading = make_world(tmp_path), RegistryReading()
    assert reading.list_numbers(world.repository) == (2, 1)
    assert reading.list_interrupted(world.repository) == ()
    (second,) = reading.tell_versions(world.repository, [2])
    world.publish(world.contacts_submission(AL, note="Ring twice."))
    assert reading.list_numbers(world.repository) == (3, 2, 1)
    told = reading.tell_versions(world.repository, [3, 2, 1])
    assert told[1] is second
    assert told == RegistryHistory(world.folder).list_versions()[::-1]
    history = reading.history(world.repository)
    assert history.newest_version() == 3


def test_a_renewed_timestamp_is_seen_without_a_new_version(tmp_path: Path) -> None:
    """The page of signatures tells the newest timestamp's own expiry."""
    world, reading = make_world(tmp_path), RegistryReading()
    before = {f.role: f.expires_at for f in reading.list_signed(world.repository)}
    world.clock.move(timedelta(hours=6))
    world.repository.refresh_timestamp(world.online)
    after = {f.role: f.expires_at for f in reading.list_signed(world.repository)}
    assert after.pop("timestamp") - before.pop("timestamp") == timedelta(hours=6)
    assert after == before
