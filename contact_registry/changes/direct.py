"""A desk beside the registry's own folder: what the operators work with at the hub."""

from collections.abc import Callable

from contact_registry.changes.ports import Receipt
from contact_registry.changes.published_role import PublishedRole, read_repository_role
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError, RepositoryStateError
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from contact_registry.trust.submitting import Submission
from protocol.identifiers import ParticipantCode

_UNREADABLE = (
    "The registry's files cannot be read or written here: check the disk. The change is kept, and "
    "is published by itself as soon as they can."
)


class RepositorySource:
    """Reads what is published from the repository's folder. Implements ``RegistrySource``."""

    def __init__(self, repository: RegistryRepository) -> None:
        self._repository = repository
        self._kept: tuple[str, Directory] | None = None

    def refresh(self) -> None:
        """Do nothing: the folder is always as new as can be."""

    def directory(self) -> Directory:
        """Return the published state; verified anew only if another one is published."""
        sha256 = self._repository.published_version().sha256
        if self._kept is None or self._kept[0] != sha256:
            self._kept = (sha256, self._repository.load_directory())
        return self._kept[1]

    def role(self, code: ParticipantCode) -> PublishedRole:
        """Return what is published of one Participant."""
        return read_repository_role(self._repository, code)


class RepositoryPublisher:
    """Publishes into the repository's folder. Implements ``Publisher``.

    ``on_published`` is told of every publication, after it; what it raises is its own affair, so it
    must not raise.
    """

    def __init__(
        self,
        repository: RegistryRepository,
        online: OnlineSigners,
        on_published: Callable[[PublishedVersion], None] | None = None,
    ) -> None:
        self._repository = repository
        self._online = online
        self._on_published = on_published

    def send(self, submission: Submission) -> Receipt:
        """Publish a submission, or raise why not."""
        try:
            published = self._repository.accept(submission, self._online)
        except (RepositoryStateError, OSError) as error:
            raise RegistryUnavailableError(_UNREADABLE) from error
        if self._on_published is not None:
            self._on_published(published)
        return Receipt(published.version)

    def find(self, role: str, version: int) -> bytes | None:
        """Return the published metadata of a role in this version, or None."""
        try:
            return self._repository.read_metadata(f"{version}.{role}.json")
        except (RepositoryStateError, OSError) as error:
            raise RegistryUnavailableError(_UNREADABLE) from error
