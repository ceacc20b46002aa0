"""The registry host's online keys: which of its key files the published root names.

A host that is to change its online key holds both key files for a while, the old one and the new
one. Which of them signs is decided by the root in force and by nothing else, so that the moment of
the change is the publication of the ceremony, also across a crash and a restart.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tuf.api.metadata import Root, Snapshot, Timestamp

from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.trust.repository import OnlineSigners
from contact_registry.trust.signers import RegistrySigner, load_signing_key
from protocol.signing import SigningKey

ListKeyFiles = Callable[[], Iterable[Path]]
"""Where key files may lie now; a file that is not there is passed over."""

#: Beside the configured key file, every file of this name in its folder is looked at.
KEY_FILES: Final = "registry-online*.key"


def list_key_files(configured: Path) -> list[Path]:
    """Return the configured key file and those that may replace it, which lie beside it."""
    return [configured, *sorted(configured.parent.glob(KEY_FILES))]


class _FollowingSigner(RegistrySigner):
    """Signs with the key that it was told last."""

    def follow(self, key: SigningKey) -> None:
        """Sign with this key from now on."""
        super().__init__(key)


class OnlineKeyring:
    """The key files of a registry host. ``signers`` follows the root that :meth:`choose` saw last.

    ``list_files`` is asked each time, so that a new key file needs no restart.
    """

    def __init__(self, list_files: ListKeyFiles) -> None:
        self._list_files = list_files
        self._signers: OnlineSigners | None = None
        self._snapshot: _FollowingSigner | None = None
        self._timestamp: _FollowingSigner | None = None

    @classmethod
    def of_file(cls, path: Path) -> "OnlineKeyring":
        """Return the keyring of a configured key file and those beside it."""
        return cls(lambda: list_key_files(path))

    @property
    def signers(self) -> OnlineSigners:
        """The signers of the root that was chosen last; :meth:`choose` comes before."""
        if self._signers is None:
            raise RuntimeError("No root was chosen for the online keys: this is a defect.")
        return self._signers

    def choose(self, root: Root) -> None:
        """Let ``signers`` sign with the keys that this root names, which is in force.

        Raises :class:`~contact_registry.errors.SubmissionRefusedError` if one is not here, and
        :class:`~contact_registry.errors.KeyFileError`.
        """
        snapshot, timestamp = self._find(root, Snapshot.type), self._find(root, Timestamp.type)
        if self._signers is None or self._snapshot is None or self._timestamp is None:
            self._snapshot = _FollowingSigner(snapshot)
            self._timestamp = _FollowingSigner(timestamp)
            self._signers = OnlineSigners(snapshot=self._snapshot, timestamp=self._timestamp)
            return
        self._snapshot.follow(snapshot)
        self._timestamp.follow(timestamp)

    def signers_for(self, root: Root) -> OnlineSigners:
        """Return the signers that a root names which is not in force yet; raises as choose does."""
        return OnlineSigners(
            snapshot=RegistrySigner(self._find(root, Snapshot.type)),
            timestamp=RegistrySigner(self._find(root, Timestamp.type)),
        )

    def _find(self, root: Root, role: str) -> SigningKey:
        wanted = root.roles[role].keyids
        current = self._snapshot if role == Snapshot.type else self._timestamp
        if current is not None and current.public_key.keyid in wanted:
            return current.signing_key
        for path in self._list_files():
            if path.exists():
                key = load_signing_key(path)
                if key.key_id in wanted:
                    return key
        raise SubmissionRefusedError(
            f"The root names the key {', '.join(wanted)} for {role}, and no key file of this "
            "registry host holds it. Make it here (trm-registry keygen), put it beside the "
            f"present one as {KEY_FILES.replace('*', '-2')}, have the root name it, and try again.",
            code=RefusalCode.ONLINE_KEY_MISSING,
        )
