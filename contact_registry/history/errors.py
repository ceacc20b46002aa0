"""What can go wrong when the registry's past is asked for.

::

    RegistryError
    ├── VersionNotKeptError   no such version was ever in force, or the moment is before the first
    ├── OtherVersionError     the version is kept, and under another hash than the one named
    └── OtherContentError     changes are applied to a content that they were not made from
"""

from contact_registry.errors import RegistryError


class VersionNotKeptError(RegistryError):
    """This registry was never in force at the version or the moment asked for."""


class OtherVersionError(RegistryError):
    """A message names a version by a hash that this registry never published: an alarm."""


class OtherContentError(RegistryError):
    """The content is not the one that the changes begin with."""
