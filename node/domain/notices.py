"""Notices by e-mail: that something waits, never what. States as a table, and the port."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol


class NoticeState(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"
    SENT = "sent"
    #: The mail server refuses the address: somebody has to correct it.
    REFUSED = "refused"
    #: It was tried in vain for a day.
    GIVEN_UP = "given_up"
    #: Somebody had the item before it left, or the reader has no address any more.
    NOT_NEEDED = "not_needed"


class NoticeEvent(StrEnum):
    """What moves a notice."""

    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"
    FAILED_FOR_LONG = "failed_for_long"
    SETTLED = "settled"


NOTICE_TABLE: Final[Mapping[tuple[NoticeState, NoticeEvent], NoticeState]] = MappingProxyType(
    {
        (NoticeState.WAITING, NoticeEvent.TAKEN): NoticeState.SENT,
        (NoticeState.WAITING, NoticeEvent.REFUSED): NoticeState.REFUSED,
        (NoticeState.WAITING, NoticeEvent.FAILED): NoticeState.WAITING,
        (NoticeState.WAITING, NoticeEvent.FAILED_FOR_LONG): NoticeState.GIVEN_UP,
        (NoticeState.WAITING, NoticeEvent.SETTLED): NoticeState.NOT_NEEDED,
    }
)

PAUSES: Final = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 1_800, 3_600))
"""After an attempt that failed; the last one repeats."""
TRIED_FOR: Final = timedelta(days=1)
#: One mail to one reader in so long a time: what comes meanwhile goes into the next one.
ONE_IN: Final = timedelta(minutes=15)
ONE_URGENT_IN: Final = timedelta(minutes=3)
#: Mails of the whole node in an hour: a storm of messages makes no storm of mail, and a storm of
#: what is not urgent leaves room for what is.
MOST_IN_AN_HOUR: Final = 300
MOST_NOT_URGENT: Final = 150
#: An address that the server refused is tried again after so long: servers are wrong, too.
REFUSED_FOR: Final = timedelta(days=1)
#: Notices that are over are kept so long.
KEPT_FOR: Final = timedelta(days=90)


class PostError(Exception):
    """The mail server did not take a letter now; it is tried again. The message is a code."""


class ServerAwayError(PostError):
    """The mail server takes no letter at all now: there is no use in trying the next one."""


class AddressRefusedError(PostError):
    """The mail server refuses the address for good. The message is its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail. ``letter_id`` is the same when it is tried again."""

    letter_id: str
    to: str
    subject: str
    text: str
    language: str
    urgent: bool


class Postman(Protocol):
    """Who takes letters to a mail server."""

    def send(self, letter: Letter) -> None:
        """Hand it over. Blocking. Raises :class:`PostError` and its kinds."""
        ...
