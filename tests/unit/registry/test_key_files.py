"""Key files: written once, for their owner only, and refused when others could have read them."""

import os
import stat
from pathlib import Path

import pytest

from contact_registry.errors import KeyFileError
from contact_registry.trust.layout import make_tuf_key
from contact_registry.trust.signers import (
    RegistrySigner,
    load_public_key,
    load_signing_key,
    save_public_key,
    save_signing_key,
)
from protocol.signing import SigningKey

KEY = SigningKey.generate()


def test_key_comes_back(tmp_path: Path) -> None:
    """A saved key is the same key again, and its file is its owner's alone whatever the umask."""
    previous = os.umask(0)
    try:
        save_signing_key(tmp_path / "key", KEY)
        save_public_key(tmp_path / "pub", KEY.verify_key)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert load_signing_key(tmp_path / "key") == KEY
    assert load_public_key(tmp_path / "pub") == KEY.verify_key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_shared_key_file_is_refused(tmp_path: Path, mode: int) -> None:
    """A key file that its group or others can touch is refused with what to do."""
    path = tmp_path / "key"
    save_signing_key(path, KEY)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_signing_key(path)


def test_existing_file_stays(tmp_path: Path) -> None:
    """A key is never written over another one."""
    path = tmp_path / "key"
    save_signing_key(path, KEY)
    with pytest.raises(KeyFileError, match="exists already"):
        save_signing_key(path, SigningKey.generate())
    assert load_signing_key(path) == KEY


@pytest.mark.parametrize(
    "content",
    [b"", b"TRM-SIGNING-KEY-1", b"TRM-SIGNING-KEY-1 AAAA", b"TRM-SIGNING-KEY-1 ?", b"x" * 2_000,
     b"TRM-PUBLIC-KEY-1 " + b"A" * 43 + b"=", b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_key(tmp_path: Path, content: bytes) -> None:
    """Anything but a key file is refused with the registry's own error."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        load_signing_key(path)


def test_missing_files(tmp_path: Path) -> None:
    """A missing file or folder is said, not a traceback."""
    with pytest.raises(KeyFileError, match="check the name"):
        load_public_key(tmp_path / "nothing")
    with pytest.raises(KeyFileError, match="check the folder"):
        save_public_key(tmp_path / "nowhere" / "pub", KEY.verify_key)


def test_signer_by_name(tmp_path: Path) -> None:
    """A signer is loaded by its address, and checked against the public key that is expected."""
    save_signing_key(tmp_path / "key", KEY)
    address = f"trm-key:{tmp_path}/key"
    signer = RegistrySigner.from_priv_key_uri(address, make_tuf_key(KEY.verify_key))
    signer.public_key.verify_signature(signer.sign(b"payload"), b"payload")
    with pytest.raises(KeyFileError, match="another key"):
        RegistrySigner.from_priv_key_uri(address, make_tuf_key(SigningKey.generate().verify_key))
    with pytest.raises(KeyFileError, match="trm-key:"):
        RegistrySigner.from_priv_key_uri("file:x", make_tuf_key(KEY.verify_key))
