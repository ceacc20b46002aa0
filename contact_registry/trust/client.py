"""A node's view of the registry: download, verify, remember; go on with the last one when cut off.

``refresh`` does, in this order:

1. ``tuf.ngclient.Updater`` takes root, timestamp, snapshot and targets through the client workflow
   of the TUF specification (5.3 to 5.6), with its rollback and freeze protection against what this
   cache has seen before.
2. Files of the Participants are taken from the cache where the snapshot names the same bytes, and
   downloaded where it names others; of these, what is like the ones at hand does not travel.
3. The trusted core (:mod:`contact_registry.trust.verification`) verifies the set and builds the
   :class:`~contact_registry.directory.Directory`. What this process verified before, below the very
   same, it does not verify again (ADR 0014): an update costs what changed.
4. The set is kept in one atomic step.

``load_cached`` verifies the kept set anew, without network. Time is taken as of the kept moment of
verification, so that the set stays readable after its timestamp ran out; the age of the view tells
the caller how stale it is, and the caller grades that. Somebody who can write to the cache cannot
forge freshness with the kept moment: it may not lie in the future (but for a clock that was set
right, :data:`~contact_registry.trust.staleness.CLOCK_TOLERANCE`), and all signatures, the daily
timestamp included, must have been valid at that moment, so that a view never looks younger than
one timestamp period beyond its signing.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import structlog
from tuf.api.exceptions import (
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root
from tuf.ngclient import Updater, UpdaterConfig
from typing_extensions import override

from contact_registry.clock import Clock
from contact_registry.directory import Directory
from contact_registry.errors import (
    RegistryExpiredError,
    RegistryRefusedError,
    RegistryUnavailableError,
)
from contact_registry.models import MAX_DOCUMENT_BYTES
from contact_registry.trust.ahead import download_ahead, list_documents, list_roles
from contact_registry.trust.cache import KeptSet, VerifiedCache, VerifiedFiles
from contact_registry.trust.compression import Dictionary
from contact_registry.trust.fetcher import DEFAULT_PATIENCE, HttpxFetcher, Patience
from contact_registry.trust.layout import (
    LIMITS,
    METADATA_URL,
    TARGETS_URL,
    name_in_set,
    target_file_name,
)
from contact_registry.trust.past_download import PastSource, download_past
from contact_registry.trust.proven import ProvenBranches
from contact_registry.trust.staleness import CLOCK_TOLERANCE
from contact_registry.trust.storage import exclusive
from contact_registry.trust.verification import (
    DEFAULT_GRACE,
    FileSource,
    TopLevel,
    TopLevelFiles,
    require_short_timestamp,
    verify_root_chain,
    verify_top_level,
)
from contact_registry.trust.view import verify_directory

_log = structlog.get_logger(__name__)

_CONFIG: Final = UpdaterConfig(
    root_max_length=LIMITS.root,
    timestamp_max_length=LIMITS.timestamp,
    snapshot_max_length=LIMITS.snapshot,
    targets_max_length=LIMITS.targets,
)


class RegistryClient:
    """Reads one registry into one cache folder. Methods block: call them in a thread.

    ``base_url`` is the hub's address, ``trusted_root`` the bytes of ``1.root.json`` that came with
    the node (never from the network), ``http`` a client that is set up for the hub's TLS. One
    refresh runs at a time, across threads and processes that share ``cache_dir``.
    """

    def __init__(  # noqa: PLR0913 - settings of one client, all by name
        self,
        *,
        base_url: str,
        cache_dir: Path,
        trusted_root: bytes,
        http: httpx.Client,
        clock: Clock,
        grace: timedelta = DEFAULT_GRACE,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        base = base_url if base_url.endswith("/") else f"{base_url}/"
        self._metadata_url = base + METADATA_URL
        self._targets_url = base + TARGETS_URL
        self._folder = cache_dir
        self._tuf_folder = cache_dir / "tuf"
        self._trusted_root = trusted_root
        self._fetcher = HttpxFetcher(http, patience=patience, find_dictionary=self._find_dictionary)
        self._clock = clock
        self._grace = grace
        self._cache = VerifiedCache(cache_dir / "verified.sqlite")
        self._offered: KeptSet | None = None
        self._proven = ProvenBranches()
        #: What came before a refresh failed, by its hash: over a poor line a first reading whose
        #: every try begins with nothing might never come to its end.
        self._left_over: dict[str, bytes] = {}
        self._one_at_a_time = threading.Lock()

    def refresh(self) -> Directory:
        """Bring the view up to date with the registry host and return it.

        Raises :class:`~contact_registry.errors.RegistryUnavailableError` (nothing was learned) or
        :class:`~contact_registry.errors.RegistryRefusedError` (what was served does not verify). In
        both cases the view that was verified last is still there: :meth:`load_cached`.
        """
        with self._one_at_a_time, _translated(self._folder), exclusive(self._folder):
            now = self._clock()
            with self._cache.reading() as kept, self._offering(kept):
                files = self._update_top_level()
                top = self._verify_top_level(files, now)
                proven = self._proven.copy()
                proven.keep_only(kept.list_hashes())
                source = _CachingSource(
                    kept=kept,
                    fetcher=self._fetcher,
                    metadata_url=self._metadata_url,
                    targets_url=self._targets_url,
                    downloaded=self._left_over,
                )
                directory = self._read_view(source, top, now=now, proven=proven)
            below = proven.list_files()
            self._cache.save(now, files, below=below, contents=source.downloaded)
            self._proven, self._left_over = proven, {}
        _log.info(
            "registry_verified",
            version=directory.version,
            sha256=directory.sha256,
            downloaded_files=len(source.downloaded),
            overdue=sorted(directory.overdue),
        )
        return directory

    def _read_view(
        self, source: "_CachingSource", top: TopLevel, *, now: datetime, proven: ProvenBranches
    ) -> Directory:
        """Bring and verify what stands below the top level; what came of it is left if it fails."""
        try:
            source.download_ahead(top)
            return verify_directory(top, source, verified_at=now, grace=self._grace, proven=proven)
        except BaseException:
            self._left_over = source.list_whole()
            raise

    def load_cached(self) -> Directory | None:
        """Return the view that was verified last, without network; None if there is none.

        Its ``verified_at`` is when that was: see :meth:`~contact_registry.directory.Directory.age`.
        Keys of a Participant that have been overdue for longer than the grace period by now are
        left out. Raises :class:`~contact_registry.errors.RegistryRefusedError` if the kept files do
        not verify: the cache was altered.
        """
        kept = self._cache.load()
        if kept is None:
            return None
        now = self._clock()
        if kept.verified_at > now + CLOCK_TOLERANCE:
            raise RegistryRefusedError(
                "The kept registry claims to have been verified in the future: check this "
                "machine's clock, then refresh."
            )
        top = self._verify_top_level(kept.top_level, kept.verified_at)
        proven = self._proven.copy()
        directory = verify_directory(
            top,
            _KeptSource(kept),
            verified_at=kept.verified_at,
            grace=self._grace,
            now=now,
            proven=proven,
        )
        self._proven = proven
        return directory

    def _verify_top_level(self, files: TopLevelFiles, at: datetime) -> TopLevel:
        top = verify_top_level(files, trusted_root=self._trusted_root, reference_time=at)
        require_short_timestamp(top, at)
        return top

    @contextmanager
    def open_kept(self) -> Iterator[KeptSet]:
        """Open the signed files that verified together last; empty if there are none.

        They may be newer than the view that this process holds: another one may have refreshed.
        """
        with self._cache.reading() as kept:
            yield kept

    def download_past(
        self, version: int, sha256: str, *, find: Callable[[str], bytes | None]
    ) -> dict[str, bytes]:
        """Return the signed files that prove everybody's keys at a past version, by their hashes.

        ``find`` returns a file that is at hand already, by its hash; the host keeps the others for
        good. Raises as :meth:`refresh` does.
        """
        with (
            self._one_at_a_time,
            _translated(self._folder),
            self._cache.reading() as kept,
            self._offering(kept),
        ):
            with exclusive(self._folder):  # another process may be changing root.json just now
                roots = verify_root_chain(self._trusted_root, self._read_roots())
            return download_past(
                PastSource(
                    find=find,
                    fetcher=self._fetcher,
                    metadata_url=self._metadata_url,
                    targets_url=self._targets_url,
                ),
                version=version,
                sha256=sha256,
                roots=roots,
            )

    @contextmanager
    def _offering(self, kept: KeptSet) -> Iterator[None]:
        """Offer the host what is at hand, so that it need only send what differs."""
        self._offered = kept
        try:
            yield
        finally:
            self._offered = None

    def _find_dictionary(self, url: str) -> Dictionary | None:
        """Return the kept file of the same role or path as the one at an address."""
        name = name_in_set(url.removeprefix(self._metadata_url).removeprefix(self._targets_url))
        kept = self._offered.find(name) if self._offered is not None and name else None
        if kept is None or name_in_set(kept.published_name) != name:
            return None  # nothing there, or nothing that a host could know: it may be damaged
        return Dictionary(kept.published_name, kept.content)

    def _update_top_level(self) -> TopLevelFiles:
        self._tuf_folder.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            metadata_dir=str(self._tuf_folder),
            metadata_base_url=self._metadata_url,
            fetcher=self._fetcher,
            config=_CONFIG,
            bootstrap=self._trusted_root,
        )
        updater.refresh()
        return TopLevelFiles(
            roots=self._read_roots(),
            timestamp=self._read("timestamp.json"),
            snapshot=self._read("snapshot.json"),
            targets=self._read("targets.json"),
        )

    def _read_roots(self) -> list[bytes]:
        """Return the root versions after the trusted one, up to the one that the updater trusts."""
        first = Metadata[Root].from_bytes(self._trusted_root).signed.version
        newest = Metadata[Root].from_bytes(self._read("root.json")).signed.version
        return [
            self._read(f"root_history/{version}.root.json")
            for version in range(first + 1, newest + 1)
        ]

    def _read(self, name: str) -> bytes:
        return (self._tuf_folder / name).read_bytes()


@dataclass
class _CachingSource:
    """Takes a file from the kept set if its bytes are those wanted, and from the host if not.

    ``downloaded`` are those from the host, by their hash: by now, and of a refresh that failed.
    """

    kept: KeptSet
    fetcher: HttpxFetcher
    metadata_url: str
    targets_url: str
    downloaded: dict[str, bytes] = field(default_factory=dict)

    def download_ahead(self, top: TopLevel) -> None:
        """Ask for many files at once where many are missing; forget what is not wanted any more."""
        kept, download = self.kept.list_hashes(), self.fetcher.download_bytes
        roles = list_roles(top, kept)
        download_ahead(roles, self.metadata_url, download, into=self.downloaded)
        documents = list(list_documents(roles, self.downloaded, kept))
        for sha256 in self.downloaded.keys() - {it.sha256 for it in (*roles, *documents)}:
            del self.downloaded[sha256]
        download_ahead(documents, self.targets_url, download, into=self.downloaded)

    def list_whole(self) -> dict[str, bytes]:
        """Return the downloaded files that are what they were asked for as."""
        return {
            sha256: data
            for sha256, data in self.downloaded.items()
            if hashlib.sha256(data).hexdigest() == sha256
        }

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        return self._choose(f"{self.metadata_url}{version}.{role}.json", length, sha256)

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        if length > MAX_DOCUMENT_BYTES:
            raise RegistryRefusedError(
                f"{path} has {length} bytes, more than any document may: tell the registry "
                "operators."
            )
        return self._choose(self.targets_url + target_file_name(path, sha256), length, sha256)

    def _choose(self, url: str, length: int, sha256: str) -> bytes:
        at_hand = self.downloaded.get(sha256) or self.kept.read(sha256)
        if at_hand is not None:
            return at_hand
        data = self.fetcher.download_bytes(url, length)
        self.downloaded[sha256] = data  # the core compares its hash before anything is kept
        return data


@dataclass(frozen=True)
class _KeptSource(FileSource):
    """Feeds the trusted core from the kept set alone."""

    kept: VerifiedFiles

    @override
    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return a file of the folder."""
        return _kept(self.kept.delegated.get(role), role)

    @override
    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a file of the folder."""
        return _kept(self.kept.documents.get(path), path)


def _kept(data: bytes | None, name: str) -> bytes:
    if data is None:
        raise RegistryRefusedError(
            f"The kept registry lacks {name}: the cache was altered. Refresh to bring it again."
        )
    return data


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turn what the TUF library and the disk raise into our own errors."""
    try:
        yield
    except DownloadLengthMismatchError as error:
        raise RegistryRefusedError(
            f"The registry host sent more than it may ({error}). Nothing was taken over. Tell the "
            "registry operators."
        ) from error
    except DownloadError as error:
        raise RegistryUnavailableError(
            f"The registry could not be read ({error}). What was verified last stays in use; it is "
            "tried again by itself."
        ) from error
    except ExpiredMetadataError as error:
        raise RegistryExpiredError(
            f"The registry is too old ({error}): the registry host no longer renews it, or "
            "something holds newer versions back. Tell the registry operators; what was verified "
            "last stays in use for now."
        ) from error
    except RepositoryError as error:
        raise RegistryRefusedError(
            f"The registry does not verify ({error}). Nothing was taken over. Tell the registry "
            "operators: somebody may be altering it."
        ) from error
    except OSError as error:
        raise RegistryUnavailableError(
            f"The registry cache in {folder} cannot be used ({error.strerror}): check the disk and "
            "the folder's owner."
        ) from error
