"""What somebody who can write to a node's disk can do to its registry: damage, and not deceive."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from contact_registry.errors import RegistryError, RegistryRefusedError
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.staleness import Grade, grade_view
from tests.support.registry import RegistryWorld, Timepiece
from tests.support.registry_stage import Stage, open_stage, read_files, write_at_once


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Make one registry and one server for this module."""
    with open_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


#: Where the head of an SQLite file says how it is to be read, and words that stand in ours as text.
_HEAD: Final = (0, 16, 18, 19, 21, 24, 28, 44, 47, 56, 100)
_WORDS: Final = (b"participants/AL/", b"AL-node", b"CREATE TABLE", b"+00:00")
#: Turns any letter into a byte that begins no character.
_MASK: Final = 0xC1


def list_places(cache: Path) -> list[tuple[Path, int]]:
    """Return places in all files of a cache, more of them in the larger ones."""
    places = []
    for path in sorted(cache.rglob("*")):
        if not path.is_file() or path.is_symlink() or not path.stat().st_size:
            continue
        data = path.read_bytes()
        count = min(16, 2 + len(data) // 2_000)
        offsets = {len(data) * (2 * i + 1) // (2 * count) for i in range(count)}
        if len(data) > max(_HEAD):
            offsets |= set(_HEAD)
        offsets |= {data.find(word) for word in _WORDS if word in data}
        places += [(path.relative_to(cache), at) for at in sorted(offsets)]
    return places


def test_no_byte_on_disk_changes_what_is_believed(stage: Stage, tmp_path: Path) -> None:
    """Whatever byte is altered: the same view, none, or a refusal; a refresh heals it."""
    honest = stage.client("honest", tmp_path / "honest").load_cached()
    assert honest is not None
    stage.show("disk", stage.moments.newest)
    places = list_places(stage.folder / "cache-known")
    assert len(places) > len(_HEAD)
    for number, (name, at) in enumerate(places):
        cache = tmp_path / f"cache-{number}"
        client = stage.client("disk", cache)
        data = bytearray((cache / name).read_bytes())
        data[at] ^= _MASK
        (cache / name).write_bytes(bytes(data))
        try:
            view = client.load_cached()
        except RegistryRefusedError:
            view = None
        assert view in (None, honest), (name, at)
        assert client.refresh().sha256 == stage.newest.sha256, (name, at)
        shutil.rmtree(cache)


@pytest.mark.parametrize("keep", [0, 100, 5_000])
def test_a_cache_that_is_cut_off_heals(stage: Stage, tmp_path: Path, keep: int) -> None:
    """Files that end too early, as after a full disk, are read as no cache, and brought anew."""
    stage.show("cut", stage.moments.newest)
    cache = tmp_path / "cache"
    client = stage.client("cut", cache)
    for path in cache.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes()[:keep])
    try:
        assert client.load_cached() is None or keep
    except RegistryRefusedError:
        assert keep
    assert client.refresh().sha256 == stage.newest.sha256


@pytest.mark.parametrize("name", ["1.\u00cb.json", "x\r\nA: b", "2.MK.json"])
def test_a_kept_name_that_nobody_gave_is_not_offered(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    """What stands on the disk as a file's published name does not get into a request."""
    stage.show("named", stage.moments.newest)
    client = stage.client("named", tmp_path / "cache")
    with closing(sqlite3.connect(tmp_path / "cache" / "verified.sqlite")) as kept, kept:
        kept.execute("UPDATE member SET published_name = ?", (name,))
    assert client.refresh().sha256 == stage.newest.sha256


def test_the_cache_of_another_registry_is_refused(stage: Stage, tmp_path: Path) -> None:
    """A cache folder that verifies under another root does not under this node's."""
    other = RegistryWorld(tmp_path / "other", write_file=write_at_once)
    other.publish_all()
    stage.show("other", read_files(other.folder))
    theirs = tmp_path / "cache"
    stage.client(
        "other", theirs, knows=None, root=other.repository.read_root(), clock=other.clock
    ).refresh()
    ours: RegistryClient = stage.client("other", tmp_path / "unused", knows=None)
    with pytest.raises(RegistryError):
        RegistryClient(
            base_url=stage.origin,
            cache_dir=theirs,
            trusted_root=stage.moments.ancient["metadata/1.root.json"],
            http=stage.http,
            clock=Timepiece(stage.world.clock()),
        ).load_cached()
    with pytest.raises(RegistryRefusedError):
        ours.refresh()


def test_an_older_cache_put_back_has_its_age(stage: Stage, tmp_path: Path) -> None:
    """A restored backup is an old view, and counts as old: it cannot look fresh."""
    stage.show("restored", stage.moments.newest)
    now = Timepiece(stage.world.clock() + timedelta(days=15))
    view = stage.client("restored", tmp_path / "cache", clock=now).load_cached()
    assert view is not None
    assert grade_view(view, now=now()).grade is Grade.TOO_OLD
