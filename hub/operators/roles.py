"""What an operator may do. One account may hold several roles."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A role at the hub. None of them ever sees what is in a message: the hub cannot open one."""

    #: Works on the directory: drafts, findings, corrections, drills, publishing.
    DIRECTORY_OPERATOR = "directory_operator"
    #: Looks after the hub: accounts, and how delivery stands, in numbers.
    HUB_ADMIN = "hub_admin"
    #: Reads the directory and the audit log, and changes nothing.
    OBSERVER = "observer"


EVERYBODY: Final = frozenset(Role)
AUDIT_READERS: Final = frozenset({Role.HUB_ADMIN, Role.OBSERVER})
