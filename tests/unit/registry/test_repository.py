"""The repository on disk: creation, admission, renewal, and the refresher that owns renewal."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contact_registry.errors import RefusalCode, RepositoryStateError, SubmissionRefusedError
from contact_registry.trust.layout import is_target_name, parse_metadata_name, parse_role
from contact_registry.trust.repository import MOST_PER_HOUR, NewParticipant, RegistryRepository
from hub.registry_host.refreshing import run_timestamp_refresh
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode
from tests.support.registry import AL, MK, RegistryWorld, make_entry, make_signer


@pytest.fixture
def world(tmp_path: Path) -> RegistryWorld:
    """Make a registry with everything of AL and MK published."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    return world


def test_create_never_overwrites(world: RegistryWorld) -> None:
    """A folder that holds a repository is refused."""
    with pytest.raises(RepositoryStateError, match="already"):
        world.create()


def test_missing_repository(tmp_path: Path) -> None:
    """An empty folder is told how to become a repository."""
    with pytest.raises(RepositoryStateError, match="trm-registry init"):
        RegistryWorld(tmp_path).repository.load_directory()


@pytest.mark.parametrize("threshold", [0, 4])
def test_threshold_needs_its_keys(tmp_path: Path, threshold: int) -> None:
    """A threshold that no set of keys can reach is refused at creation."""
    world = RegistryWorld(tmp_path)
    with pytest.raises(RepositoryStateError, match="threshold"):
        world.repository.create(
            root_signers=world.operators,
            root_threshold=threshold,
            targets_signers=world.operators,
            targets_threshold=2,
            online=world.online,
        )


def admit(world: RegistryWorld, code: str, *, operators: int) -> None:
    """Admit a Participant with the signatures of this many operators."""
    entry = make_entry(ParticipantCode(code))
    world.repository.add_participants(
        [NewParticipant(entry, (make_signer().verify_key,))],
        targets_signers=world.operators[:operators],
        online=world.online,
    )


def test_admission_needs_the_threshold(world: RegistryWorld) -> None:
    """One operator of three cannot admit anybody; two can, and the others' part stays."""
    before = world.repository.load_directory()
    with pytest.raises(SubmissionRefusedError):
        admit(world, "ME", operators=1)
    assert world.repository.load_directory().version == before.version
    admit(world, "ME", operators=2)
    after = world.repository.load_directory()
    assert [e.code for e in after.participants] == [AL, MK, "ME"]
    assert (after.contacts, after.keys) == (before.contacts, before.keys)


def test_admission_of_the_same_twice(world: RegistryWorld) -> None:
    """A Participant that takes part already is not admitted over its own keys."""
    with pytest.raises(SubmissionRefusedError, match="already"):
        admit(world, "AL", operators=2)


def test_code_that_collides_with_a_role(world: RegistryWorld) -> None:
    """A code that a file system could mistake for a top-level role is refused."""
    with pytest.raises(MalformedError):
        admit(world, "ROOT", operators=2)


def test_timestamp_renewal_keeps_the_version(world: RegistryWorld) -> None:
    """Renewing the timestamp keeps what clients pin; the snapshot is renewed at its half time."""
    before = world.repository.published_version()
    world.clock.move(timedelta(days=1))
    assert world.repository.refresh_timestamp(world.online) == before
    assert world.repository.timestamp_expires_at() == world.clock() + timedelta(days=1)
    world.clock.move(timedelta(days=3))
    renewed = world.repository.refresh_timestamp(world.online)
    assert renewed.version == before.version + 1
    assert world.repository.load_directory().expires_at == world.clock() + timedelta(days=1)


def test_a_role_is_published_sixty_times_an_hour_at_most(world: RegistryWorld) -> None:
    """A node that runs wild is stopped; the others go on, and so does it an hour later."""
    for _ in range(MOST_PER_HOUR - 1):
        world.publish(world.keys_submission(AL))
    before = world.repository.published_version()
    with pytest.raises(SubmissionRefusedError) as caught:
        world.publish(world.keys_submission(AL))
    assert caught.value.code is RefusalCode.TOO_OFTEN
    assert world.repository.published_version() == before
    world.publish(world.keys_submission(MK))
    world.clock.move(timedelta(hours=1))
    world.publish(world.keys_submission(AL))


def test_damage_is_found(world: RegistryWorld) -> None:
    """A published document that was altered on disk is found, and not served as if nothing were."""
    document = next((world.folder / "targets" / "participants" / "AL").glob("*.contacts.json"))
    document.write_bytes(document.read_bytes().replace(b"Desk", b"Dusk"))
    with pytest.raises(RepositoryStateError, match="backup"):
        world.open().load_directory()


def test_names_of_files() -> None:
    """Only names of published files are understood."""
    assert parse_metadata_name("timestamp.json") == ("timestamp", None)
    assert parse_metadata_name("12.AL-node.json") == ("AL-node", 12)
    for wrong in ("snapshot.json", "01.root.json", "1.al.json", "../1.root.json", "1.root.json\n"):
        assert parse_metadata_name(wrong) is None
    digest = "0" * 64
    assert is_target_name(f"{digest}.participants.json")
    assert is_target_name(f"participants/AL/{digest}.keys.json")
    for wrong in (f"{digest}.keys.json", f"participants/AL/{digest}.participants.json", "x.json"):
        assert not is_target_name(wrong)
    for role in ("targets", "ROOT", "AL-nodes", "", "-node"):
        with pytest.raises(MalformedError):
            parse_role(role)


async def run_until(
    world: RegistryWorld,
    repository: RegistryRepository,
    *,
    waits: int,
    before_wait: Callable[[int], None] = lambda _: None,
) -> tuple[list[float], list[datetime], list[Exception]]:
    """Run the refresher for some waits on a clock that moves only by these."""
    slept: list[float] = []
    refreshed: list[datetime] = []
    failures: list[Exception] = []
    done = asyncio.Event()

    async def wait(seconds: float) -> None:
        slept.append(seconds)
        before_wait(len(slept))
        if len(slept) > waits:
            done.set()
            await asyncio.Event().wait()
        world.clock.move(timedelta(seconds=seconds))

    task = asyncio.create_task(
        run_timestamp_refresh(
            repository, world.online, clock=world.clock, wait=wait,
            on_refreshed=refreshed.append, on_failure=failures.append,
        )
    )  # fmt: skip
    await done.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return slept, refreshed, failures


async def test_refresher_keeps_the_registry_alive(world: RegistryWorld) -> None:
    """Over two weeks the registry is renewed at half time and never runs out."""
    slept, refreshed, failures = await run_until(world, world.repository, waits=28)
    assert slept[0] == 0
    assert set(slept[1:]) == {43_200.0}
    assert len(refreshed) == 28
    assert not failures
    assert world.repository.load_directory().expires_at > world.clock()


async def test_refresher_tells_failures_and_goes_on(world: RegistryWorld) -> None:
    """While the repository cannot be read, each failure is told, then it recovers."""
    path = world.folder / "metadata" / "timestamp.json"
    intact = path.read_bytes()

    def break_and_mend(wait: int) -> None:
        if wait == 2:
            path.unlink()
        elif wait == 5:
            path.write_bytes(intact)

    slept, refreshed, failures = await run_until(
        world, world.repository, waits=6, before_wait=break_and_mend
    )
    assert [isinstance(f, RepositoryStateError) for f in failures] == [True] * 3
    assert slept[2:5] == [5.0, 10.0, 20.0]
    assert len(refreshed) == 3
