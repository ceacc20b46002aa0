"""Whether what somebody was given counts: access to content waits for the word of a second person.

Who administers people gives access, and never has it. So that nobody lets themselves in through an
account of their own making, or through a link in place of somebody's password, access counts only
when somebody who has it already has confirmed it.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from node.domain.access import Permission, Principal

WAITS_FOR: Final = timedelta(days=14)
"""How long access waits for a word; then it is refused."""

CONFIDENTIAL: Final = "confidential"
"""How the strictly confidential part is called beside the channels, in what is held on a node."""

MAY_CONFIRM: Final = (Permission.WORK_CASES, Permission.APPROVE)
"""Who confirms has one of these: reading alone, as a program that changes nothing, does not do."""


class Access(StrEnum):
    """Whether what an account may see counts."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    REFUSED = "refused"


class AccessEvent(StrEnum):
    """What happens to the access of an account."""

    #: A role, a channel or the confidential part more than before.
    GRANTED = "granted"
    #: A one-time link was followed: somebody sets a new password and second factor.
    LINK_FOLLOWED = "link_followed"
    #: The account was shut out and is opened again.
    LET_IN = "let_in"
    CONFIRMED = "confirmed"
    #: The first set-up: nobody ever had any, and nobody but the machine had a hand in it.
    FIRST = "first"
    REFUSED = "refused"
    LAPSED = "lapsed"


class AccessStepError(ValueError):
    """This cannot happen to access that stands so: what waits is confirmed or refused once."""


_ASKS: Final = (AccessEvent.GRANTED, AccessEvent.LINK_FOLLOWED, AccessEvent.LET_IN)

STEPS: Final[Mapping[tuple[Access, AccessEvent], Access]] = MappingProxyType(
    {
        **{(state, event): Access.WAITING for state in Access for event in _ASKS},
        (Access.WAITING, AccessEvent.CONFIRMED): Access.CONFIRMED,
        (Access.WAITING, AccessEvent.FIRST): Access.CONFIRMED,
        (Access.WAITING, AccessEvent.REFUSED): Access.REFUSED,
        (Access.WAITING, AccessEvent.LAPSED): Access.REFUSED,
    }
)
"""What follows what."""


def step(state: Access, event: AccessEvent) -> Access:
    """Return what follows; raises :class:`AccessStepError` for what cannot happen."""
    following = STEPS.get((state, event))
    if following is None:
        raise AccessStepError(f"Access that is {state} cannot be {event}: look at it again.")
    return following


def list_areas(channels: str, *, confidential: bool) -> frozenset[str]:
    """Return the channels of a row, and whether the confidential part is opened, as one set."""
    return frozenset({*channels.split(), *([CONFIDENTIAL] if confidential else [])})


def list_areas_of(who: Principal) -> frozenset[str]:
    """Return what somebody may see now, in the words of :func:`list_areas`."""
    channels = " ".join(channel.value for channel in who.channels)
    return list_areas(channels, confidential=who.may(Permission.READ_CONFIDENTIAL))
