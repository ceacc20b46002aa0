"""The registry that a signer holds: what a signing file is compared with.

It is a copy of the repository's folder (on a stick, for a machine without network), or the registry
host's own address. Either way every byte is verified from the trusted root on, which the signer was
given by hand and keeps; where the copy came from does not matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from typing_extensions import override

from contact_registry.clock import Clock
from contact_registry.errors import RegistryError, RegistryRefusedError, RepositoryStateError
from contact_registry.files import read_bounded
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import LIMITS
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.operators import Standing, TopFiles, read_standing
from contact_registry.trust.verification import (
    FileSource,
    read_root,
    verify_root_chain,
    verify_top_level,
)

#: Beside the trusted root, what was seen last of an address: nobody can show an older state later.
_CACHE_NAME: Final = "registry-seen"


def load_held(where: str, root_file: Path, *, clock: Clock) -> Standing:
    """Return the verified registry of a folder or an address.

    Raises :class:`~contact_registry.errors.RegistryError`.
    """
    trusted_root = read_bounded(root_file, LIMITS.root)
    if where.startswith(("https://", "http://")):
        return _load_from_host(where, trusted_root, root_file.parent / _CACHE_NAME, clock)
    folder = Path(where)
    if not (folder / "metadata").is_dir():
        raise RegistryError(
            f"{where} is no copy of a registry: name the folder that holds metadata/ and targets/, "
            "or an address that begins with https://."
        )
    return _load_from_folder(folder, trusted_root, clock)


def _load_from_folder(folder: Path, trusted_root: bytes, clock: Clock) -> Standing:
    version = read_root(trusted_root).version
    repository = OperatedRepository(folder, clock=clock, keyring=OnlineKeyring(list))
    try:
        standing = repository.read_standing()
        root = repository.read_root(version)
    except RepositoryStateError as error:
        raise RegistryRefusedError(
            f"The copy in {folder} cannot be verified ({error.__cause__ or error}). Perhaps it was "
            "copied while something was being published: copy it again. If it stays so, sign "
            "nothing, and ask the other operators by telephone."
        ) from error
    if root != trusted_root:
        raise RegistryRefusedError(
            f"The registry in {folder} does not begin from the trusted root that you hold "
            f"(version {version}): it is another registry, or it was altered. Sign nothing; ask "
            "the other operators by telephone."
        )
    verify_root_chain(trusted_root, standing.roots[max(version - 1, 0) :])
    return standing


def _load_from_host(url: str, trusted_root: bytes, cache: Path, clock: Clock) -> Standing:
    with httpx.Client() as http:
        client = RegistryClient(
            base_url=url, cache_dir=cache, trusted_root=trusted_root, http=http, clock=clock
        )
        client.refresh()
        with client.open_kept() as opened:
            kept = opened.load()
    if kept is None:
        raise RegistryError(f"{cache} cannot be read: remove this folder, then try again.")
    top = verify_top_level(kept.top_level, trusted_root=trusted_root, reference_time=None)
    files = TopFiles(
        trusted_root=trusted_root, roots=tuple(kept.roots), targets=kept.targets, top=top
    )
    return read_standing(files, _Kept(kept.delegated, kept.documents), now=clock())


@dataclass(frozen=True)
class _Kept(FileSource):
    """Feeds the trusted core from what the client keeps."""

    delegated: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    @override
    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return metadata of a delegated role."""
        return _found(self.delegated.get(role), role)

    @override
    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a document."""
        return _found(self.documents.get(path), path)


def _found(data: bytes | None, name: str) -> bytes:
    if data is None:
        raise RegistryRefusedError(f"The registry that was fetched lacks {name}: fetch it again.")
    return data
