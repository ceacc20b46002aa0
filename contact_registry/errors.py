"""What can go wrong in the contact registry.

::

    RegistryError
    ├── DocumentError             a document is not what its format promises
    ├── ContactListError          a contact list cannot be read as a table at all
    ├── KeyFileError              a key file is missing, unsafe, or not a key
    ├── RepositoryStateError      the repository on disk is missing, exists already, or is damaged
    ├── SubmissionRefusedError    a change was not published; carries a code
    ├── DrillRefusedError         a drill or its answer was refused; in drills.errors
    ├── RegistryUnavailableError  the registry could not be reached: nothing was learned, try later
    │   └── RegistryNotFoundedError  nothing is published there (a RepositoryStateError as well)
    └── RegistryRefusedError      what the registry served does not verify: an alarm, not an outage
        └── RegistryExpiredError  it is too old: the host stopped, or somebody holds newer back

Every message says what to do next.
"""

from enum import StrEnum


class RegistryError(Exception):
    """Anything this package raises on purpose."""


class DocumentError(RegistryError):
    """The bytes are not a document of the promised format."""


class ContactListError(RegistryError):
    """The text cannot be read as a contact list at all; nothing was imported."""


class KeyFileError(RegistryError):
    """A key file is missing, readable by others, or does not hold a key."""


class RepositoryStateError(RegistryError):
    """The repository on disk is missing, exists already, or is damaged."""


class RefusalCode(StrEnum):
    """Why a submission was not published, for programs."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNKNOWN_ROLE = "unknown_role"
    NOT_SIGNED = "not_signed"
    WRONG_VERSION = "wrong_version"
    EXPIRED = "expired"
    PATH_NOT_ALLOWED = "path_not_allowed"
    DELEGATION_NOT_ALLOWED = "delegation_not_allowed"
    CONTENT_MISMATCH = "content_mismatch"
    INVALID_DOCUMENT = "invalid_document"
    TOO_OFTEN = "too_often"
    ONLINE_KEY_MISSING = "online_key_missing"


class SubmissionRefusedError(RegistryError):
    """A change was not published, and the published version is as it was."""

    def __init__(self, message: str, *, code: RefusalCode) -> None:
        super().__init__(message)
        self.code = code


class RegistryUnavailableError(RegistryError):
    """The registry could not be reached or answered with an error; what is held stays valid."""


class RegistryNotFoundedError(RepositoryStateError, RegistryUnavailableError):
    """Nothing is published in this folder: no registry was founded there, or its files are gone."""


class RegistryRefusedError(RegistryError):
    """What the registry served does not verify, and was not taken over."""


class RegistryExpiredError(RegistryRefusedError):
    """What the registry served was true once and is too old to be relied on (a freeze)."""
