"""Fetching a past version of the registry: a message may name one that this node never saw.

The host keeps every file that it ever published under its version or hash. What is at hand already
is not downloaded again, so that this costs a snapshot and the few files that differed then.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Root, Snapshot

from contact_registry.errors import RegistryRefusedError
from contact_registry.models import MAX_DOCUMENT_BYTES
from contact_registry.trust.fetcher import HttpxFetcher
from contact_registry.trust.layout import LIMITS, target_file_name
from contact_registry.trust.past import verify_past_keys, verify_under_newest


@dataclass(slots=True)
class PastSource:
    """Takes a file from what is at hand, or else from the host; notes all that were taken."""

    find: Callable[[str], bytes | None]
    fetcher: HttpxFetcher
    metadata_url: str
    targets_url: str
    taken: dict[str, bytes] = field(default_factory=dict)

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return the metadata file of a role."""
        return self._read(f"{self.metadata_url}{version}.{role}.json", length, sha256)

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a document."""
        if length > MAX_DOCUMENT_BYTES:
            raise RegistryRefusedError(f"{path} has more bytes than any document may.")
        return self._read(self.targets_url + target_file_name(path, sha256), length, sha256)

    def _read(self, url: str, length: int, sha256: str) -> bytes:
        data = self.find(sha256)
        if data is None:
            data = self._download(url, length)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RegistryRefusedError(
                "The registry host has another file than the one that was asked for by its hash: "
                "tell the registry operators."
            )
        self.taken[sha256] = data
        return data

    def _download(self, url: str, length: int) -> bytes:
        try:
            return self.fetcher.download_bytes(url, length)
        except DownloadHTTPError as error:
            if error.status_code != httpx.codes.NOT_FOUND:
                raise
            raise RegistryRefusedError(
                "The registry host does not have a file that a version is said to have: whoever "
                "named that version was shown another registry, or made it up."
            ) from error


def download_past(
    source: PastSource, *, version: int, sha256: str, roots: Sequence[Root]
) -> dict[str, bytes]:
    """Bring together the files that prove everybody's keys at a version, and verify them.

    ``roots`` are verified, oldest first. Raises
    :class:`~contact_registry.errors.RegistryRefusedError`, and what the fetcher raises.
    """
    snapshot = source.read_metadata(
        Snapshot.type, version=version, length=LIMITS.snapshot, sha256=sha256
    )
    past = verify_under_newest(snapshot, source, roots)
    for entry in past.participants:
        verify_past_keys(past, source, entry.code)
    return source.taken
