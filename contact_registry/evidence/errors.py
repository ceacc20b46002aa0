"""What can go wrong while a registry of the past is looked at.

::

    RegistryError
    ├── RegistryRefusedError         a file does not verify
    │   └── OtherRegistryError       nothing here hangs on the trusted root
    └── RegistryFileMissingError     a file that is needed is not there
"""

from contact_registry.errors import RegistryError, RegistryRefusedError


class OtherRegistryError(RegistryRefusedError):
    """The files do not hang on the trusted root: another registry, or one before that root."""


class RegistryFileMissingError(RegistryError):
    """A registry file that something refers to by its hash is not at hand."""
