"""What can go wrong with a list that somebody brought in.

::

    ListError
    ├── ListNotFoundError   it was discarded, made into drafts, or kept too long
    └── StaleListError      somebody else answered or finished it meanwhile

A file that is no list at all raises ``contact_registry.errors.ContactListError``.
"""


class ListError(Exception):
    """Anything this package raises on purpose."""


class ListNotFoundError(ListError):
    """There is no such list."""


class StaleListError(ListError):
    """The list has another revision than the page that was sent."""
