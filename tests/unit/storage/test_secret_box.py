"""The box of sign-in secrets: opened by its key at its place, and by nothing else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.process.file_modes import OWNER_ONLY
from console.storage.secret_box import (
    KEY_BYTES,
    SecretBox,
    SecretBoxError,
    create_key_file,
    load_key_file,
)

BOX = SecretBox(b"k" * KEY_BYTES, random=os.urandom)


@given(secret=st.binary(max_size=200), place=st.text(max_size=40))
def test_a_secret_comes_back_at_its_place_only(secret: bytes, place: str) -> None:
    """What was sealed for a place opens there, differs each time, and opens nowhere else."""
    sealed = BOX.seal(secret, context=place)
    assert BOX.unseal(sealed, context=place) == secret
    assert sealed != BOX.seal(secret, context=place)
    with pytest.raises(SecretBoxError, match="put the key file back"):
        BOX.unseal(sealed, context=f"{place}x")


@given(noise=st.binary(max_size=100))
def test_any_other_bytes_are_refused(noise: bytes) -> None:
    """Garbage of any length is one kind of error."""
    with pytest.raises(SecretBoxError):
        BOX.unseal(noise, context="totp:a")


def test_a_changed_byte_and_another_key_are_refused() -> None:
    """Each byte counts, and so does the key."""
    sealed = BOX.seal(b"JBSWY3DPEHPK3PXP", context="totp:a")
    for place in (0, 23, 24, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SecretBoxError):
            BOX.unseal(bytes(changed), context="totp:a")
    with pytest.raises(SecretBoxError):
        SecretBox(b"o" * KEY_BYTES, random=os.urandom).unseal(sealed, context="totp:a")


def test_a_key_file_is_made_once_for_its_owner(tmp_path: Path) -> None:
    """A key file that is there is never written over; one that others can read is not used."""
    path = tmp_path / "accounts.key"
    assert create_key_file(path, random=os.urandom)
    key = load_key_file(path)
    assert not create_key_file(path, random=os.urandom)
    assert load_key_file(path) == key
    assert path.stat().st_mode & OWNER_ONLY == 0
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(SecretBoxError, match="chmod 600"):
        load_key_file(path)


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ=", b"A" * 4000])
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything but one key is damage, and the message says what to do."""
    path = tmp_path / "accounts.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SecretBoxError, match="put it back"):
        load_key_file(path)


def test_a_box_needs_a_whole_key_and_does_not_show_it(tmp_path: Path) -> None:
    """A short key is refused, a missing file too; what is printed of a box holds no key."""
    with pytest.raises(SecretBoxError):
        SecretBox(b"short", random=os.urandom)
    with pytest.raises(SecretBoxError, match="cannot be used"):
        load_key_file(tmp_path / "nothing.key")
    assert "k" * 8 not in repr(BOX)
