"""The node's secrets, in one encrypted file, and what may be done with them.

The file is JSON with two parts: how it is unlocked, and a sealed box (XChaCha20-Poly1305) holding
everything else. It is unlocked by a passphrase (Argon2id, RFC 9106) or by a key file or credential
of 32 random bytes that the service manager hands over. A change writes a new file in its place, all
at once, and overwrites the old one: see :mod:`node.adapters.secret_file`.

Content at rest is encrypted the same way under a key per case, itself wrapped under the node key.
Each ciphertext is bound to the place where it is stored: copied to another row it does not decrypt.
"""

import base64
import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Final, Literal

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.utils import random as random_bytes
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console.process.file_modes import ExposedFileError, verify_private_file
from node.adapters.secret_file import replace_secret_file
from node.domain.ports import StoredContentError
from protocol.envelope import Envelope, SignedPayload
from protocol.epochs import HeldKey, Validity
from protocol.errors import UnopenableError
from protocol.identifiers import ParticipantCode, parse_participant_code
from protocol.nkeys import Nkey, NkeyKind
from protocol.sealing import OpeningKey
from protocol.signing import KeyId, SigningKey

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_SALT_BYTES: Final = argon2id.SALTBYTES
_LARGEST_FILE: Final = 1_000_000
_UNWRAPPED_KEPT: Final = 1024
"""Case keys held in memory: unwrapping is cheap, this only spares the busy ones."""


class KeyStoreError(Exception):
    """The key store cannot be used. The message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Passphrase:
    """Unlocks with something that people know."""

    text: str


@dataclass(frozen=True, slots=True, repr=False)
class UnlockKey:
    """Unlocks with 32 random bytes out of a file or a service manager's credential."""

    key: bytes


Unlock = Passphrase | UnlockKey


class _Sealing(BaseModel):
    """How the file is unlocked."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    by: Literal["passphrase", "key"]
    salt: str = Field(max_length=64, default="")
    operations: int = Field(ge=1, le=20, default=3)
    memory: int = Field(ge=8192, le=4 << 30, default=256 << 20)


class _File(BaseModel):
    """The outside of the file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal["trm-keystore/1"] = "trm-keystore/1"
    unlock: _Sealing
    sealed: str


class _OpeningKeyRecord(BaseModel):
    """One epoch's private key."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    private: str
    valid_from: datetime
    valid_to: datetime
    withdrawn: bool = False


class _Content(BaseModel):
    """The inside of the file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    participant: str
    node_key: str
    signing_seed: str
    registry_seed: str
    account_seed: str
    account_signing_seed: str
    user_seed: str
    opening_keys: Annotated[tuple[_OpeningKeyRecord, ...], Field(min_length=1)]
    #: Since when the signing key is used; files from before keys of one epoch do not say it.
    signing_since: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Epoch:
    """An opening key and when peers seal to it."""

    key: OpeningKey
    valid_from: datetime
    valid_to: datetime
    #: It was replaced before its time: it opens what was sealed for it, and is listed no more.
    withdrawn: bool = False

    @classmethod
    def make(cls, validity: Validity) -> "Epoch":
        """Make a new key that holds for this time."""
        return cls(OpeningKey.generate(), validity.valid_from, validity.valid_to)

    @property
    def held(self) -> HeldKey:
        """As the rules of epochs take it."""
        return HeldKey(self.key.key_id, Validity(self.valid_from, self.valid_to))


@dataclass(repr=False)
class FileKeyStore:
    """The unlocked key store. Implements the port ``node.domain.ports.KeyStore``."""

    participant: ParticipantCode
    signing_key: SigningKey
    #: Signs our part of the registry (``keys.json``).
    registry_key: SigningKey
    #: Names our broker account; used once, to make it.
    account_key: Nkey
    #: Issues credentials of our broker account.
    account_signing_key: Nkey
    #: This node's own broker key.
    user_key: Nkey
    epochs: tuple[Epoch, ...]
    #: Since when the signing key is used.
    signing_since: datetime
    _node_key: bytes
    #: Which of the epochs peers are told of; all, until a plan said otherwise.
    _listed: frozenset[KeyId] | None = None
    _unwrapped: dict[bytes, bytes] = field(default_factory=dict)
    _openers: dict[KeyId, OpeningKey] = field(init=False)
    _search_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Bring the opening keys to hand, and make the key of the index."""
        self._openers = _by_key_id(self.epochs)
        # A key for this purpose alone: what the index shows says nothing of what the other opens.
        self._search_key = blake2b(
            key=self._node_key, person=b"trm search words", digest_size=KEY_BYTES
        ).digest()

    @classmethod
    def generate(
        cls, participant: ParticipantCode, *, validities: Sequence[Validity]
    ) -> "FileKeyStore":
        """Make all keys of a new node, with an opening key for each of ``validities``."""
        return cls(
            participant=participant,
            signing_key=SigningKey.generate(),
            registry_key=SigningKey.generate(),
            account_key=Nkey.generate(NkeyKind.ACCOUNT),
            account_signing_key=Nkey.generate(NkeyKind.ACCOUNT),
            user_key=Nkey.generate(NkeyKind.USER),
            epochs=tuple(Epoch.make(validity) for validity in validities),
            signing_since=validities[0].valid_from,
            _node_key=random_bytes(KEY_BYTES),
        )

    def open_envelope(self, envelope: Envelope) -> SignedPayload:
        """Open with the key that the envelope names; ``UnopenableError`` if it is not here."""
        key = self._openers.get(envelope.recipient_key_id)
        if key is None:
            raise UnopenableError(
                "The envelope was sealed for a key that this node does not hold (any more): the "
                "sender must seal it again with the newest registry entry."
            )
        return key.open(envelope)

    @property
    def listed_epochs(self) -> tuple[Epoch, ...]:
        """The epochs that peers are told of."""
        return tuple(
            epoch
            for epoch in self.epochs
            if not epoch.withdrawn and (self._listed is None or epoch.key.key_id in self._listed)
        )

    def use_epochs(self, epochs: Sequence[Epoch], *, listed: Collection[KeyId]) -> None:
        """Open with these from now on, and tell peers of the ``listed`` ones.

        What is left out here is gone once the file without it was saved. Until this process ends,
        the machine's memory may hold traces: Python cannot wipe it.
        """
        self.epochs = tuple(epochs)
        self._listed = frozenset(listed)
        self._openers = _by_key_id(epochs)

    def make_case_key(self) -> bytes:
        """Return a fresh content key, wrapped under the node key."""
        return _seal(self._node_key, random_bytes(KEY_BYTES), context="case key")

    def encrypt(self, content: bytes, *, wrapped_key: bytes | None, context: str) -> bytes:
        """Encrypt content for the place named by ``context``."""
        return _seal(self._content_key(wrapped_key), content, context=context)

    def decrypt(self, stored: bytes, *, wrapped_key: bytes | None, context: str) -> bytes:
        """Decrypt content of the place named by ``context``; raises ``StoredContentError``."""
        return _unseal(self._content_key(wrapped_key), stored, context=context)

    def derive_search_key(self, term: str) -> bytes:
        """Return the keyed hash of a term (BLAKE2b, RFC 7693), under a key made of the node key."""
        return blake2b(term.encode(), key=self._search_key, digest_size=KEY_BYTES).digest()

    def _content_key(self, wrapped_key: bytes | None) -> bytes:
        if wrapped_key is None:
            return self._node_key
        key = self._unwrapped.get(wrapped_key)
        if key is None:
            key = _unseal(self._node_key, wrapped_key, context="case key")
            if len(self._unwrapped) >= _UNWRAPPED_KEPT:
                self._unwrapped.clear()
            self._unwrapped[wrapped_key] = key
        return key

    def __repr__(self) -> str:
        """Name the Participant, show no key."""
        return f"FileKeyStore({self.participant})"


def _by_key_id(epochs: Iterable[Epoch]) -> dict[KeyId, OpeningKey]:
    return {epoch.key.key_id: epoch.key for epoch in epochs}


def _seal(key: bytes, content: bytes, *, context: str) -> bytes:
    nonce = random_bytes(_NONCE_BYTES)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(content, context.encode(), nonce, key)


def _unseal(key: bytes, stored: bytes, *, context: str) -> bytes:
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(
            stored[_NONCE_BYTES:], context.encode(), stored[:_NONCE_BYTES], key
        )
    except (CryptoError, ValueError, TypeError) as error:
        raise StoredContentError(
            f"Stored content ({context.partition(':')[0]}) does not decrypt: it was altered or "
            "moved, or the key store is not the one it was written with. Restore both from the "
            "same backup."
        ) from error


def _derive(unlock: Unlock, sealing: _Sealing) -> bytes:
    if isinstance(unlock, UnlockKey):
        if sealing.by != "key":
            raise KeyStoreError("This key store is opened by a passphrase, not by a key file.")
        if len(unlock.key) != KEY_BYTES:
            raise KeyStoreError(f"An unlock key has {KEY_BYTES} bytes: check the key file.")
        return unlock.key
    if sealing.by != "passphrase":
        raise KeyStoreError("This key store is opened by a key file, not by a passphrase.")
    return argon2id.kdf(
        KEY_BYTES,
        unlock.text.encode(),
        base64.b64decode(sealing.salt),
        opslimit=sealing.operations,
        memlimit=sealing.memory,
    )


def save_keystore(
    store: FileKeyStore, path: Path, *, unlock: Unlock, overwrite: bool = False
) -> None:
    """Write the key store, readable by its owner only, durably and all at once.

    Raises :class:`KeyStoreError` if there is one already and ``overwrite`` is not said: losing a
    key store loses every case. Also if it holds so many keys that it could not be read again; then
    what is there stays.
    """
    if path.exists() and not overwrite:
        raise KeyStoreError(f"{path} exists: move it away first if you mean to begin anew.")
    sealing = (
        _Sealing(by="passphrase", salt=_text(random_bytes(_SALT_BYTES)))
        if isinstance(unlock, Passphrase)
        else _Sealing(by="key")
    )
    content = _Content(
        participant=store.participant,
        node_key=_text(store._node_key),  # noqa: SLF001 - the file is this class's own shape
        signing_seed=_text(store.signing_key.seed),
        registry_seed=_text(store.registry_key.seed),
        account_seed=_text(store.account_key.signing_key.seed),
        account_signing_seed=_text(store.account_signing_key.signing_key.seed),
        user_seed=_text(store.user_key.signing_key.seed),
        opening_keys=tuple(
            _OpeningKeyRecord(
                private=_text(epoch.key.private),
                valid_from=epoch.valid_from,
                valid_to=epoch.valid_to,
                withdrawn=epoch.withdrawn,
            )
            for epoch in store.epochs
        ),
        signing_since=store.signing_since,
    )
    sealed = _seal(
        _derive(unlock, sealing),
        content.model_dump_json(exclude_defaults=True).encode(),
        context=_outside(sealing),
    )
    data = _File(unlock=sealing, sealed=_text(sealed)).model_dump_json().encode()
    if len(data) > _LARGEST_FILE:
        raise KeyStoreError(
            "The key store would hold thousands of opening keys: the clock of this machine was set "
            "far ahead many times. Set it right, and restore the key store from a backup."
        )
    replace_secret_file(path, data)


def load_keystore(path: Path, *, unlock: Unlock) -> FileKeyStore:
    """Read and unlock a key store; raises :class:`KeyStoreError`."""
    try:
        verify_private_file(path)
        data = path.read_bytes()
    except ExposedFileError as error:
        raise KeyStoreError(str(error)) from error
    except FileNotFoundError as error:
        raise KeyStoreError(
            f"There is no key store at {path}: make one with 'trm-node init'."
        ) from error
    if len(data) > _LARGEST_FILE:
        raise KeyStoreError(f"{path} is no key store: it is too large.")
    try:
        outside = _File.model_validate_json(data)
        sealed = _data(outside.sealed)
        content = _Content.model_validate_json(
            _unseal(_derive(unlock, outside.unlock), sealed, context=_outside(outside.unlock))
        )
    except StoredContentError as error:
        raise KeyStoreError(
            "The key store does not open: the passphrase or key file is not the right one, or the "
            "file was altered."
        ) from error
    except (ValidationError, ValueError) as error:
        raise KeyStoreError(f"{path} is no key store of this version.") from error
    epochs = tuple(
        Epoch(OpeningKey(_data(k.private)), k.valid_from, k.valid_to, k.withdrawn)
        for k in content.opening_keys
    )
    return FileKeyStore(
        participant=parse_participant_code(content.participant),
        signing_key=SigningKey(_data(content.signing_seed)),
        registry_key=SigningKey(_data(content.registry_seed)),
        account_key=Nkey(NkeyKind.ACCOUNT, SigningKey(_data(content.account_seed))),
        account_signing_key=Nkey(NkeyKind.ACCOUNT, SigningKey(_data(content.account_signing_seed))),
        user_key=Nkey(NkeyKind.USER, SigningKey(_data(content.user_seed))),
        epochs=epochs,
        signing_since=content.signing_since or min(epoch.valid_from for epoch in epochs),
        _node_key=_data(content.node_key),
    )


def load_unlock_key(path: Path, *, credentials: Path | None = None) -> UnlockKey:
    """Read a key file of 32 bytes, raw or as base64; raises :class:`KeyStoreError`.

    It must be readable by its owner only, unless it lies in ``credentials``.
    """
    data = _read_secret(path, what="unlock key", credentials=credentials)
    if len(data) == KEY_BYTES:
        return UnlockKey(data)
    with contextlib.suppress(ValueError):
        data = base64.b64decode(data.strip(), validate=True)
    if len(data) != KEY_BYTES:
        raise KeyStoreError(f"{path} does not hold {KEY_BYTES} bytes, raw or in base64.")
    return UnlockKey(data)


def load_passphrase(path: Path, *, credentials: Path | None = None) -> Passphrase:
    """Read a passphrase, the first line of a file; raises :class:`KeyStoreError`.

    It must be readable by its owner only, unless it lies in ``credentials``.
    """
    data = _read_secret(path, what="passphrase", credentials=credentials)
    try:
        text = data.decode().rstrip("\n")
    except UnicodeDecodeError as error:
        raise KeyStoreError(f"The passphrase file {path} is not text (UTF-8).") from error
    if not text:
        raise KeyStoreError(f"The passphrase file {path} is empty.")
    return Passphrase(text)


def _read_secret(path: Path, *, what: str, credentials: Path | None) -> bytes:
    """Read what unlocks the store.

    ``credentials`` is the folder of the service manager (systemd.exec(5), CREDENTIALS_DIRECTORY):
    it lets the service in by an access list, which shows as a group's permission.
    """
    try:
        if credentials is None or path.resolve().parent != credentials.resolve():
            verify_private_file(path)
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE)
    except ExposedFileError as error:
        raise KeyStoreError(str(error)) from error
    except OSError as error:
        raise KeyStoreError(f"The {what} file {path} cannot be read: {error.strerror}.") from error
    return data


def _outside(sealing: _Sealing) -> str:
    """Bind the sealed part to the clear one: how it is unlocked cannot be changed unseen."""
    return f"keystore:{sealing.model_dump_json()}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data(text: str) -> bytes:
    """Read base64; one text only stands for any bytes."""
    data = base64.b64decode(text, validate=True)
    if _text(data) != text:
        raise ValueError("This base64 has bits to spare.")
    return data
