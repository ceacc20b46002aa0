"""A node's own keys over the weeks: new ones before they are needed, old ones gone for good."""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from contact_registry.models import KeysDocument
from node.adapters.keystore import (
    Epoch,
    FileKeyStore,
    KeyStoreError,
    UnlockKey,
    load_keystore,
    save_keystore,
)
from node.adapters.own_keys import OwnKeys
from node.adapters.registry import KeysNotPublishedError, KeysPublisher
from protocol.epochs import EpochPolicy, plan_first_keys
from protocol.errors import UnopenableError
from protocol.identifiers import ParticipantCode
from protocol.sealing import RecipientKey
from tests.support.messages import make_signed
from tests.support.node import NOON, make_keystore

UNLOCK = UnlockKey(b"k" * 32)
POLICY = EpochPolicy()
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key store of a new node lies."""
    store = FileKeyStore.generate(ParticipantCode("XK"), validities=plan_first_keys(NOON, POLICY))
    save_keystore(store, tmp_path / "keystore.json", unlock=UNLOCK)
    return tmp_path / "keystore.json"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Make a client that reaches nobody: nothing here publishes."""
    with httpx.Client() as client:
        yield client


def start(path: Path, http: httpx.Client) -> OwnKeys:
    """Start a process of the node."""
    return OwnKeys(
        load_keystore(path, unlock=UNLOCK),
        path=path,
        unlock=UNLOCK,
        publisher=KeysPublisher(hub_url="http://registry.invalid", http=http),
    )


def newest(document: KeysDocument, at: datetime) -> RecipientKey:
    """Choose as a sender does."""
    valid = [key for key in document.encryption_keys if key.valid_from <= at < key.valid_to]
    return RecipientKey(max(valid, key=lambda key: (key.valid_from, key.key_id)).public_bytes)


def test_a_new_node_has_all_its_keys(path: Path, http: httpx.Client) -> None:
    """What was made at its founding is what the first round wants."""
    keys = start(path, http)
    before = path.read_bytes()
    plan = keys.rotate(now=NOON, confirmed=None)
    assert (plan.make, plan.erase) == ((), ())
    assert path.read_bytes() == before
    assert len(keys.describe(at=NOON).encryption_keys) == len(keys.store.epochs)


def test_messages_open_over_the_weeks_and_old_ones_for_ever_closed(
    path: Path, http: httpx.Client
) -> None:
    """Sealed daily for the newest key: openable for a message's life, in vain after erasure."""
    keys = start(path, http)
    signed = make_signed(b"{}")
    sealed = []
    for day in range(60):
        now = NOON + day * DAY
        keys.rotate(now=now, confirmed=now)
        document = keys.describe(at=now)
        assert len(document.encryption_keys) <= 7
        sealed.append((now, newest(document, now).seal(signed)))
        for since, envelope in sealed:
            if now <= since + POLICY.life:
                assert keys.store.open_envelope(envelope) == signed
            if now > since + POLICY.span + POLICY.life + POLICY.tolerance:
                with pytest.raises(UnopenableError):
                    keys.store.open_envelope(envelope)
    assert load_keystore(path, unlock=UNLOCK).epochs == keys.store.epochs


def test_the_signing_key_stays_good_for_what_it_signed(path: Path, http: httpx.Client) -> None:
    """Rotation of the opening keys does not move the day since which signatures count."""
    keys = start(path, http)
    since = keys.describe(at=NOON).signing_keys[0].valid_from
    keys.rotate(now=NOON + 90 * DAY, confirmed=NOON + 90 * DAY)
    assert keys.store.epochs[0].valid_from > since
    assert keys.describe(at=NOON).signing_keys[0].valid_from == since
    assert start(path, http).describe(at=NOON).signing_keys[0].valid_from == since


def test_nothing_is_erased_while_nobody_confirms_the_clock(path: Path, http: httpx.Client) -> None:
    """A clock ten years ahead makes new keys; the old ones stay, and stay listed."""
    keys = start(path, http)
    held = {epoch.key.key_id for epoch in keys.store.epochs}
    plan = keys.rotate(now=NOON + 3650 * DAY, confirmed=NOON)
    assert plan.make
    assert plan.erase == ()
    listed = {key.key_id for key in keys.describe(at=NOON).encryption_keys}
    assert held < listed <= {epoch.key.key_id for epoch in keys.store.epochs}


def test_two_processes_of_one_node_see_each_others_keys(path: Path, http: httpx.Client) -> None:
    """The second takes in what the first made, and makes no key of its own for the same week."""
    first, second = start(path, http), start(path, http)
    assert first.rotate(now=NOON + 10 * DAY, confirmed=NOON).make
    assert second.rotate(now=NOON + 10 * DAY, confirmed=NOON).make == ()
    assert second.store.epochs == first.store.epochs


def test_nobody_else_rotates_while_the_file_is_written(
    path: Path, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that begin at once take turns: the later does not lose what was made."""
    held = []

    def save_and_try_the_lock(*args: Any, **kwargs: Any) -> None:
        with (path.parent / ".lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
        save_keystore(*args, **kwargs)

    monkeypatch.setattr("node.adapters.own_keys.save_keystore", save_and_try_the_lock)
    start(path, http).rotate(now=NOON + 10 * DAY, confirmed=NOON)
    assert held == [True]


def test_another_key_store_in_the_file_is_not_mixed_in(path: Path, http: httpx.Client) -> None:
    """Replaced under a running node, the file is left alone and the node says: restart."""
    keys = start(path, http)
    other = make_keystore("XK")
    save_keystore(other, path, unlock=UNLOCK, overwrite=True)
    with pytest.raises(KeyStoreError, match="restart"):
        keys.rotate(now=NOON + 10 * DAY, confirmed=None)
    assert load_keystore(path, unlock=UNLOCK).epochs == other.epochs


def test_a_key_that_cannot_be_saved_is_not_used(
    path: Path, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nothing changes in memory, so no key is published that a crash would lose."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    keys = start(path, http)
    before = keys.store.epochs
    monkeypatch.setattr("node.adapters.own_keys.save_keystore", fail)
    with pytest.raises(OSError, match="No space"):
        keys.rotate(now=NOON + 60 * DAY, confirmed=NOON + 60 * DAY)
    assert keys.store.epochs == before


def test_a_file_from_before_epochs_is_taken_over(path: Path, http: httpx.Client) -> None:
    """A key for a year stays listed and is relieved at once by those of this week."""
    store = load_keystore(path, unlock=UNLOCK)
    year = replace(store.epochs[0], valid_from=NOON - 50 * DAY, valid_to=NOON + 315 * DAY)
    old = replace(store, epochs=(year,), signing_since=year.valid_from)
    save_keystore(old, path, unlock=UNLOCK, overwrite=True)
    keys = start(path, http)
    keys.rotate(now=NOON, confirmed=NOON)
    document = keys.describe(at=NOON)
    assert year.key.key_id in {key.key_id for key in document.encryption_keys}
    assert newest(document, NOON).key_id != year.key.key_id


def test_the_old_file_is_overwritten_in_place(path: Path) -> None:
    """Who still holds the file that was replaced reads zeros."""
    store = load_keystore(path, unlock=UNLOCK)
    with path.open("rb") as held:
        size = os.fstat(held.fileno()).st_size
        erased = replace(store, epochs=(Epoch.make(store.epochs[0].held.validity),))
        save_keystore(erased, path, unlock=UNLOCK, overwrite=True)
        assert held.read() == bytes(size)
    assert load_keystore(path, unlock=UNLOCK).epochs == erased.epochs


def test_a_backup_by_a_second_name_is_left_alone(path: Path) -> None:
    """A hard link is somebody's backup, and a lost key store loses every case."""
    backup = path.with_name("keystore.backup")
    backup.hardlink_to(path)
    before = backup.read_bytes()
    store = load_keystore(path, unlock=UNLOCK)
    save_keystore(store, path, unlock=UNLOCK, overwrite=True)
    assert backup.read_bytes() == before


def test_a_link_to_the_file_stays_a_link(path: Path, http: httpx.Client) -> None:
    """The file behind a symbolic link is the one that is replaced: it is never left as zeros."""
    link = path.with_name("elsewhere") / "keystore.json"
    link.parent.mkdir(mode=0o700)
    link.symlink_to(path)
    keys = start(link, http)
    assert keys.rotate(now=NOON + 60 * DAY, confirmed=NOON + 60 * DAY).erase
    assert link.is_symlink()
    assert load_keystore(path, unlock=UNLOCK).epochs == keys.store.epochs


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """Go on as somebody who has no special rights, with a folder of their own."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # nobody
    try:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    finally:
        os.seteuid(before)


def test_a_read_only_file_is_replaced_and_overwritten(ordinary_user: Path) -> None:
    """Who protects the key store with mode 400 has its keys rotated as well."""
    path = ordinary_user / "keystore.json"
    store = make_keystore("XK")
    save_keystore(store, path, unlock=UNLOCK)
    path.chmod(0o400)
    with path.open("rb") as held:
        size = os.fstat(held.fileno()).st_size
        save_keystore(store, path, unlock=UNLOCK, overwrite=True)
        assert held.read() == bytes(size)
    assert load_keystore(path, unlock=UNLOCK).epochs == store.epochs


def test_what_a_crash_left_beside_is_overwritten_and_closed_to_others(path: Path) -> None:
    """A new file that never got its name is written over in place, whatever its mode was."""
    beside = path.with_name("keystore.json.new")
    beside.write_bytes(b"left by a crash" * 10_000)
    beside.chmod(0o644)
    inode = beside.stat().st_ino
    store = load_keystore(path, unlock=UNLOCK)
    save_keystore(store, path, unlock=UNLOCK, overwrite=True)
    assert path.stat().st_ino == inode
    assert load_keystore(path, unlock=UNLOCK).epochs == store.epochs


def test_a_store_that_could_not_be_read_again_is_not_written(path: Path) -> None:
    """With thousands of keys, after many leaps of the clock, the file stays as it was."""
    store = load_keystore(path, unlock=UNLOCK)
    before = path.read_bytes()
    with pytest.raises(KeyStoreError, match="clock"):
        save_keystore(
            replace(store, epochs=store.epochs[:1] * 5000), path, unlock=UNLOCK, overwrite=True
        )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"no json", b'{"version": "x"}', b" " * 100_000, b""]
)
def test_what_is_no_registry_host_is_told(body: bytes) -> None:
    """Whatever answers at the hub's address, of any length, ends in words about the address."""
    with httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))
    ) as http:
        publisher = KeysPublisher(hub_url="http://registry.invalid", http=http)
        with pytest.raises(KeysNotPublishedError, match="check the hub's address"):
            publisher.publish(make_keystore("XK"), at=NOON)
