"""The directory as the hub publishes it, verified once for each version and renewal."""

from datetime import datetime
from threading import Lock

from contact_registry.directory import Directory
from contact_registry.errors import (
    RegistryNotFoundedError,
    RegistryUnavailableError,
    RepositoryStateError,
)
from contact_registry.trust.published import PublishedRepository, PublishedVersion

_State = tuple[PublishedVersion, datetime]


class RegistryView:
    """Reads the published directory; pages ask it at every request, so it keeps the last one."""

    def __init__(self, repository: PublishedRepository) -> None:
        self._repository = repository
        self._lock = Lock()
        self._kept: tuple[_State, Directory] | None = None

    def current(self) -> Directory:
        """Return the directory of the published version.

        Raises :class:`~contact_registry.errors.RegistryUnavailableError` if it cannot be read, and
        :class:`~contact_registry.errors.RegistryNotFoundedError` if there is none yet.
        """
        with self._lock:
            try:
                state = self._read_state()
                if self._kept is None or self._kept[0] != state:
                    self._kept = (state, self._repository.load_directory())
            except RegistryNotFoundedError:
                raise
            except (RepositoryStateError, OSError) as error:
                raise RegistryUnavailableError(
                    "The published registry cannot be read: look at the hub's readiness, and at "
                    "its data folder."
                ) from error
            return self._kept[1]

    def _read_state(self) -> _State:
        # The timestamp is renewed without a new version, and the directory says how long it holds.
        return self._repository.published_version(), self._repository.timestamp_expires_at()
