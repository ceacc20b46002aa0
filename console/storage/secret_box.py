"""A key in a file that seals the secrets of sign-in: XChaCha20-Poly1305, bound to their place.

For a face without a key store of its own (the hub). Whoever has a copy of the database and not of
this file learns no second factor from it. What is sealed: 24 random bytes, then ciphertext and tag;
the place is the additional data, so that a sealed secret is of no use in another row.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from console.face import RandomBytes
from console.process.file_modes import ExposedFileError, verify_private_file

KEY_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_KEYBYTES
_NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_SHORTEST: Final = _NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES
#: Says in the additional data what the sealed bytes are for.
_DOMAIN: Final = b"trm sign-in secret v1\0"
_LONGEST_FILE: Final = 200


class SecretBoxError(Exception):
    """A sealed secret cannot be opened, or there is no key: the text says what to do."""


class SecretBox:
    """Seals and opens secrets of sign-in; implements ``console.storage.box.Box``."""

    def __init__(self, key: bytes, *, random: RandomBytes) -> None:
        if len(key) != KEY_BYTES:
            raise SecretBoxError(f"The key of the sign-in secrets has {KEY_BYTES} bytes.")
        self._key = key
        self._random = random

    def __repr__(self) -> str:
        """Name the kind: the key stays out of logs."""
        return "SecretBox(...)"

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """Encrypt a secret for the place that ``context`` names."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
            secret, _DOMAIN + context.encode(), nonce, self._key
        )

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what was sealed for this place.

        Raises :class:`SecretBoxError` for another key, another place, or changed bytes.
        """
        if len(sealed) < _SHORTEST:
            raise _unopenable()
        try:
            opened: bytes = crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[_NONCE_BYTES:], _DOMAIN + context.encode(), sealed[:_NONCE_BYTES], self._key
            )
        except CryptoError as error:
            raise _unopenable() from error
        return opened


def _unopenable() -> SecretBoxError:
    return SecretBoxError(
        "A second factor cannot be opened with this key: put the key file back that belongs to "
        "this database, or forget all second factors and hand out new sign-in links."
    )


def create_key_file(path: Path, *, random: RandomBytes) -> bool:
    """Write a new key, readable by its owner only; False, and nothing done, if there is one.

    It appears whole or not at all, and of two processes that make one, both use the first.
    """
    beside = path.with_name(f".{path.name}.{random(8).hex()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(random(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(beside)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    return True


def load_key_file(path: Path) -> bytes:
    """Read the key; raises :class:`SecretBoxError` if it is missing, damaged, or open to others."""
    try:
        verify_private_file(path)
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE)
    except (ExposedFileError, OSError) as error:
        raise SecretBoxError(f"{path} cannot be used as the key of sign-in: {error}") from error
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretBoxError(f"{path} is damaged: put it back from the copy that you keep.")
    return key
