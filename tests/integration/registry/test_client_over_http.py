"""What an honest registry host gives a client, over real HTTP."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import structlog

from contact_registry.cli import main
from contact_registry.errors import RegistryRefusedError, RegistryUnavailableError
from contact_registry.trust.client import RegistryClient
from tests.support.registry import AL, MK, CheatingHost, RegistryWorld, serve_registry


def test_publish_then_verify(world: RegistryWorld, client: RegistryClient) -> None:
    """What was published arrives, verified, with the version and hash that the host published."""
    directory = client.refresh()

    published = world.repository.published_version()
    assert (directory.version, directory.sha256) == (published.version, published.sha256)
    assert [entry.code for entry in directory.participants] == [AL, MK]
    key = world.message_keys[AL].verify_key
    assert directory.signing_key(AL, key.key_id) == key
    assert directory.newest_encryption_key(MK, world.clock()) is not None
    assert directory.contacts[AL].authorities[0].name == "Desk desk"
    assert directory.age(world.clock()) == timedelta(0)
    assert not directory.overdue


def test_participant_without_node(tmp_path: Path, http: httpx.Client) -> None:
    """A Participant that has no node, or has published nothing yet, is normal."""
    world = RegistryWorld(tmp_path / "repository")
    world.create()
    world.publish(world.contacts_submission(AL))
    with serve_registry(world) as (address, _):
        directory = world.client(address, tmp_path / "cache", http).refresh()
    assert set(directory.contacts) == {AL}
    assert not directory.keys
    assert directory.newest_encryption_key(AL, world.clock()) is None


def test_unchanged_costs_one_file(client: RegistryClient, host: CheatingHost) -> None:
    """When nothing changed, a refresh asks for the timestamp and a newer root, nothing else."""
    first = client.refresh()
    host.asked.clear()
    assert client.refresh() == first
    assert host.asked == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_update_costs_what_changed(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost
) -> None:
    """After one Participant's change, only its files and the snapshot are downloaded."""
    client.refresh()
    world.publish(world.contacts_submission(AL, note="moved to the second floor"))
    host.asked.clear()
    directory = client.refresh()
    assert directory.contacts[AL].authorities[0].note == "moved to the second floor"
    names = [name.rpartition("/")[2] for name in host.asked]
    assert names[:4] == ["2.root.json", "timestamp.json", "6.snapshot.json", "2.AL.json"]
    assert len(names) == 5
    assert names[4].endswith(".contacts.json")


def test_cached_view_survives_without_network(
    world: RegistryWorld, client: RegistryClient, tmp_path: Path
) -> None:
    """The last verified view is read again offline, long after its timestamp ran out."""
    fresh = client.refresh()
    world.clock.move(timedelta(days=10))
    with httpx.Client(transport=httpx.MockTransport(_refuse_network), trust_env=False) as http:
        cut_off = world.client("http://registry.invalid", tmp_path / "cache", http)
        cached = cut_off.load_cached()
        assert cached == fresh
        assert cached is not None
        assert cached.age(world.clock()) == timedelta(days=10)
        with pytest.raises(RegistryUnavailableError, match="stays in use"):
            cut_off.refresh()


def _refuse_network(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("cut off", request=request)


def test_no_cache_yet(client: RegistryClient) -> None:
    """Before the first refresh there is no cached view."""
    assert client.load_cached() is None


def test_altered_cache_is_refused(
    restarted: RegistryClient, client: RegistryClient, tmp_path: Path
) -> None:
    """A cached document altered on disk does not verify; a torn file reads as an empty cache."""
    client.refresh()
    path = tmp_path / "cache" / "verified.sqlite"
    intact = path.read_bytes()
    assert intact.count(b"Desk desk") == 2
    path.write_bytes(intact.replace(b"Desk desk", b"Dusk desk"))
    with pytest.raises(RegistryRefusedError):
        restarted.load_cached()
    path.write_bytes(intact[:100])
    assert restarted.load_cached() is None


def test_damaged_cache_is_mended(
    restarted: RegistryClient, client: RegistryClient, tmp_path: Path
) -> None:
    """What is damaged, torn or not ours on the disk is brought again, and kept again."""
    before = client.refresh()
    path = tmp_path / "cache" / "verified.sqlite"
    intact = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER planted AFTER INSERT ON file BEGIN SELECT 1; END")
    planted = path.read_bytes()
    damages = (intact.replace(b"Desk desk", b"Dusk desk"), intact[:5000], b"no database", planted)
    for damage in damages:
        path.write_bytes(damage)
        restarted.refresh()
        restarted.refresh()
        assert restarted.load_cached() == before
        assert b"Dusk desk" not in path.read_bytes()
        assert b"planted" not in path.read_bytes()


def test_cache_from_the_future_is_refused(world: RegistryWorld, client: RegistryClient) -> None:
    """A kept moment that lies ahead of the clock cannot forge freshness; a clock set right may."""
    before = client.refresh()
    world.clock.move(timedelta(minutes=-4))
    assert client.load_cached() == before
    world.clock.move(timedelta(hours=-1))
    with pytest.raises(RegistryRefusedError, match="future"):
        client.load_cached()


def test_kept_moment_after_expiry_is_refused(
    world: RegistryWorld, client: RegistryClient, tmp_path: Path
) -> None:
    """A kept moment moved to after the timestamp's end does not verify: age cannot be hidden."""
    client.refresh()
    path = tmp_path / "cache" / "verified.sqlite"
    then = world.clock()
    world.clock.move(timedelta(days=5))
    old, new = (moment.isoformat().encode() for moment in (then, world.clock()))
    kept = path.read_bytes()
    assert old in kept
    path.write_bytes(kept.replace(old, new))
    with pytest.raises(RegistryRefusedError, match="ran out"):
        client.load_cached()


def test_overdue_delegation_is_told_not_fatal(
    world: RegistryWorld, client: RegistryClient, tmp_path: Path
) -> None:
    """A Participant that forgot to sign again is overdue; after the grace its node's keys go."""
    world.publish(world.contacts_submission(AL, expires=world.clock() + timedelta(seconds=1)))
    world.clock.move(timedelta(hours=1))
    directory = client.refresh()
    assert set(directory.overdue) == {"AL"}
    assert AL in directory.contacts
    assert AL in directory.keys
    world.clock.move(timedelta(days=31))
    later = client.load_cached()
    assert later is not None
    assert AL in later.contacts
    assert AL not in later.keys
    assert MK in later.keys


@pytest.mark.parametrize("status", [302, 403, 500, 503])
def test_failing_host_is_unavailable(
    client: RegistryClient, host: CheatingHost, status: int
) -> None:
    """A host that answers with an error or elsewhere is an outage, and what is held stays."""
    before = client.refresh()
    host.serve_instead("metadata/timestamp.json", b"{}", status=status)
    with pytest.raises(RegistryUnavailableError):
        client.refresh()
    assert client.load_cached() == before


def test_refreshes_run_one_at_a_time(
    world: RegistryWorld, served: tuple[str, CheatingHost], http: httpx.Client, tmp_path: Path
) -> None:
    """Several clients that share a cache, refreshing at once, all get the same whole view."""
    clients = [world.client(served[0], tmp_path / "cache", http) for _ in range(2)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        views = list(pool.map(lambda client: client.refresh(), clients * 3))
    assert all(view == views[0] for view in views)
    assert clients[0].load_cached() == views[0]


def test_command_line_verifies(
    world: RegistryWorld,
    served: tuple[str, CheatingHost],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``trm-registry verify`` shows a registry that verifies, and refuses one that does not."""
    address, host = served
    root = tmp_path / "1.root.json"
    root.write_bytes(world.repository.read_root())
    monkeypatch.setattr(sys, "argv", ["trm-registry", "verify", address, "--root", str(root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}
    assert "Part. AL" in capsys.readouterr().out
    host.serve_instead("metadata/1.AL.json", b"{}")
    with pytest.raises(SystemExit) as ended:
        main()
    structlog.reset_defaults()
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "does not verify" in captured.err
    assert captured.err.count("\n") == 1
