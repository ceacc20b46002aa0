"""Signing TUF metadata with our own keys, and keeping these keys in files.

A key file holds one line, ``TRM-SIGNING-KEY-1 <base64 of the 32-byte seed>``, and may be read by
its owner only. A public key file holds ``TRM-PUBLIC-KEY-1 <base64 of the 32 bytes>``.
"""

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from securesystemslib.signer import Key, SecretsHandler, Signature, Signer
from typing_extensions import override

from contact_registry.errors import KeyFileError
from contact_registry.trust.layout import make_tuf_key
from protocol.errors import ProtocolError
from protocol.signing import SigningKey, VerifyKey

_SECRET_MARK: Final = "TRM-SIGNING-KEY-1"  # noqa: S105 - the name of the format, not a secret
_PUBLIC_MARK: Final = "TRM-PUBLIC-KEY-1"
_LONGEST_FILE: Final = 1_000
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class RegistrySigner(Signer):
    """Signs TUF metadata with a :class:`~protocol.signing.SigningKey`.

    TUF signs the canonical JSON of the ``signed`` part, which begins with its own ``_type``: it can
    be taken for no other object that we sign.
    """

    #: For ``securesystemslib``'s dispatch: ``trm-key:/path/to/file``.
    SCHEME: Final = "trm-key"

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._public = make_tuf_key(key.verify_key)

    @property
    def public_key(self) -> Key:
        """The public half, as it stands in metadata."""
        return self._public

    @property
    def verify_key(self) -> VerifyKey:
        """The public half."""
        return self._key.verify_key

    @property
    def signing_key(self) -> SigningKey:
        """The key itself."""
        return self._key

    def sign(self, payload: bytes) -> Signature:
        """Sign the bytes of the ``signed`` part."""
        return Signature(self._public.keyid, self._key.sign_raw(payload).hex())

    @classmethod
    @override
    def from_priv_key_uri(
        cls,
        priv_key_uri: str,
        public_key: Key,
        secrets_handler: SecretsHandler | None = None,
    ) -> Self:
        """Load the signer of ``trm-key:/path`` and check that it fits ``public_key``."""
        parts = urlsplit(priv_key_uri)
        if parts.scheme != cls.SCHEME:
            raise KeyFileError(f"A key is named as {cls.SCHEME}:/path/to/file.")
        signer = cls(load_signing_key(Path(unquote(parts.path))))
        if signer.public_key.keyid != public_key.keyid:
            raise KeyFileError("The key file holds another key than the one asked for.")
        return signer


def save_signing_key(path: Path, key: SigningKey) -> None:
    """Write a new key file, readable by its owner only; an existing file is never overwritten."""
    _write_new(path, f"{_SECRET_MARK} {base64.b64encode(key.seed).decode()}\n", mode=0o600)


def save_public_key(path: Path, key: VerifyKey) -> None:
    """Write a new public key file; an existing file is never overwritten."""
    _write_new(path, f"{_PUBLIC_MARK} {base64.b64encode(key.public).decode()}\n", mode=0o644)


def load_signing_key(path: Path) -> SigningKey:
    """Read a key file; raises :class:`~contact_registry.errors.KeyFileError`.

    A file that its group or others may read or write is refused: the key in it may be in other
    hands already.
    """
    try:
        return SigningKey(_read(path, mark=_SECRET_MARK, private=True))
    except ProtocolError as error:
        raise KeyFileError(
            f"{path} does not hold a signing key: restore it from a copy."
        ) from error


def load_public_key(path: Path) -> VerifyKey:
    """Read a public key file; raises :class:`~contact_registry.errors.KeyFileError`."""
    try:
        return VerifyKey(_read(path, mark=_PUBLIC_MARK, private=False))
    except ProtocolError as error:
        raise KeyFileError(f"{path} does not hold a public key: ask for it again.") from error


def _write_new(path: Path, text: str, *, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} exists already and was left as it is: choose another name, or move it away."
        ) from error
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be written ({error.strerror}): check the folder."
        ) from error


def _read(path: Path, *, mark: str, private: bool) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if private and status.st_mode & _OTHERS:
                raise KeyFileError(
                    f"{path} can be read by others than its owner. Treat the key as lost if this "
                    f"machine is shared; otherwise run: chmod 600 {path}"
                )
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read ({error.strerror}): check the name.") from error
    found, _, text = data.decode("ascii", errors="replace").strip().partition(" ")
    try:
        if found != mark or len(data) > _LONGEST_FILE:
            raise KeyFileError(f"{path} is not a {mark} file: check the name.")
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise KeyFileError(f"{path} is damaged: restore it from a copy.") from error
