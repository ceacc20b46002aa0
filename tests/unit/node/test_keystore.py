"""The key store: opened by the right secret only, changed all at once, bound to its places."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.adapters.keystore import (
    KeyStoreError,
    Passphrase,
    UnlockKey,
    load_keystore,
    load_unlock_key,
    save_keystore,
)
from node.domain.ports import StoredContentError
from tests.support.messages import flip_bit
from tests.support.node import make_keystore

KEY = UnlockKey(b"k" * 32)
STORE = make_keystore("AL")


@pytest.mark.parametrize("unlock", [KEY, Passphrase("correct horse battery staple")])
def test_it_reads_back(tmp_path: Path, unlock: UnlockKey | Passphrase) -> None:
    """What is written is opened by the same secret, with every key in its place."""
    path = tmp_path / "keystore.json"
    save_keystore(STORE, path, unlock=unlock)
    loaded = load_keystore(path, unlock=unlock)
    assert loaded.participant == "AL"
    for name in ("signing_key", "registry_key", "account_key", "account_signing_key", "user_key"):
        assert getattr(loaded, name) == getattr(STORE, name)
    assert [epoch.key for epoch in loaded.epochs] == [epoch.key for epoch in STORE.epochs]
    wrapped = STORE.make_case_key()
    sealed = STORE.encrypt(b"words", wrapped_key=wrapped, context="message:1")
    assert loaded.decrypt(sealed, wrapped_key=wrapped, context="message:1") == b"words"


def test_the_wrong_secret_opens_nothing(tmp_path: Path) -> None:
    """Another key, and a passphrase instead of a key, are refused with what to look at."""
    path = tmp_path / "keystore.json"
    save_keystore(STORE, path, unlock=KEY)
    with pytest.raises(KeyStoreError, match="not the right one"):
        load_keystore(path, unlock=UnlockKey(b"x" * 32))
    with pytest.raises(KeyStoreError, match="by a key file"):
        load_keystore(path, unlock=Passphrase("x"))


def test_no_key_stands_readable_in_the_file(tmp_path: Path) -> None:
    """The file holds how it is unlocked and a sealed part, nothing else."""
    path = tmp_path / "keystore.json"
    save_keystore(STORE, path, unlock=KEY)
    assert set(json.loads(path.read_text())) == {"format", "unlock", "sealed"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """No single changed bit goes unnoticed."""
    path = tmp_path / "keystore.json"
    save_keystore(STORE, path, unlock=KEY)
    good = path.read_bytes()
    random = Random(5)
    for _ in range(200):
        path.write_bytes(flip_bit(good, random.randrange(len(good) * 8)))
        with pytest.raises(KeyStoreError):
            load_keystore(path, unlock=KEY)


def test_files_that_others_can_read_are_refused(tmp_path: Path) -> None:
    """A key store with open permissions is not used before that is mended."""
    path = tmp_path / "keystore.json"
    save_keystore(STORE, path, unlock=KEY)
    path.chmod(0o640)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        load_keystore(path, unlock=KEY)


def test_it_is_never_overwritten_by_accident(tmp_path: Path) -> None:
    """Making a second key store in its place is refused; a missing one is said to be missing."""
    path = tmp_path / "keystore.json"
    with pytest.raises(KeyStoreError, match="trm-node init"):
        load_keystore(path, unlock=KEY)
    save_keystore(STORE, path, unlock=KEY)
    with pytest.raises(KeyStoreError, match="move it away"):
        save_keystore(make_keystore("AL"), path, unlock=KEY)
    save_keystore(make_keystore("XK"), path, unlock=KEY, overwrite=True)
    assert load_keystore(path, unlock=KEY).participant == "XK"


def test_unlock_keys_are_read_raw_or_as_base64(tmp_path: Path) -> None:
    """Both forms open the same; anything else says what is wanted."""
    file = tmp_path / "unlock.key"
    file.touch(mode=0o600)
    file.write_bytes(b"k" * 32)
    assert load_unlock_key(file) == KEY
    file.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
    assert load_unlock_key(file) == KEY
    file.write_text("too short")
    with pytest.raises(KeyStoreError, match="32 bytes"):
        load_unlock_key(file)
    with pytest.raises(KeyStoreError, match="cannot be read"):
        load_unlock_key(tmp_path / "missing")


@given(st.binary(max_size=200), st.integers(min_value=0))
def test_content_is_bound_to_its_place(content: bytes, position: int) -> None:
    """Moved to another row, under another case, or changed in one bit, content does not decrypt."""
    ours, other = STORE.make_case_key(), STORE.make_case_key()
    sealed = STORE.encrypt(content, wrapped_key=ours, context="message:1")
    assert STORE.decrypt(sealed, wrapped_key=ours, context="message:1") == content
    attempts = (
        (sealed, ours, "message:2"),
        (sealed, other, "message:1"),
        (sealed, None, "message:1"),
        (flip_bit(sealed, position), ours, "message:1"),
        (sealed, flip_bit(ours, position), "message:1"),
        (sealed[:10], ours, "message:1"),
    )
    for stored, key, context in attempts:
        with pytest.raises(StoredContentError, match="same backup"):
            STORE.decrypt(stored, wrapped_key=key, context=context)


def test_nothing_is_shown() -> None:
    """Neither the store nor what opens it shows a key when printed."""
    for thing in (STORE, KEY, Passphrase("hunter2"), STORE.epochs[0], STORE.user_key):
        shown = repr(thing)
        assert "hunter2" not in shown
        assert STORE.signing_key.seed.hex() not in shown
        assert "seed" not in shown
        assert repr(b"k" * 32) not in shown


def test_many_cases_stay_readable() -> None:
    """Keys are kept in memory for the busy cases only; the others are unwrapped again."""
    store = make_keystore("AL")
    wrapped = [store.make_case_key() for _ in range(1100)]
    sealed = [store.encrypt(b"x", wrapped_key=key, context="c") for key in wrapped]
    assert all(
        store.decrypt(stored, wrapped_key=key, context="c") == b"x"
        for stored, key in zip(sealed, wrapped, strict=True)
    )
