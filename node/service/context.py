"""What every use case works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from sqlmodel import Session

from console.i18n import Message, msg
from console.refusals import RefusalError
from console.storage.database import Database
from contact_registry.trust.staleness import DEFAULT_AGE_LIMITS, AgeLimits
from node.domain.calendars import HolidaySource
from node.domain.files import BlobStore, FileRules
from node.domain.notices import Postman
from node.domain.ports import (
    Clock,
    DirectorySource,
    KeyStore,
    PastDirectorySource,
    RandomBytes,
)
from node.service.handoff import Leaving
from node.service.signals import Signals
from protocol.identifiers import ParticipantCode
from protocol.limits import LIMITS
from protocol.link_repair import RepairRules


class NodeError(RefusalError):
    """A use case cannot be carried out. The message says what to do, in plain words."""


class NotFoundError(NodeError):
    """There is no such thing here."""


class StaleError(NodeError):
    """Somebody changed it meanwhile: look again before deciding."""


class RefusedDraftError(NodeError):
    """A message cannot be sent as it is. The message names fields and rules, not contents."""

    def __init__(self, said: Message) -> None:
        """Take what pages and programs are told."""
        super().__init__(said)


#: Pauses before a message without receipt is handed over again. The broker keeps it meanwhile, so
#: this only matters when broker or mailbox lost it; the last pause repeats until expiry.
_RESEND_PAUSES: Final = tuple(
    timedelta(seconds=s) for s in (300, 1_800, 7_200, 21_600, 43_200, 86_400)
)
#: Pauses after a hand-over that the broker did not confirm.
_RETRY_PAUSES: Final = tuple(timedelta(seconds=s) for s in (0.5, 1, 2, 5, 15, 30, 60))


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Timing of delivery: when to send again, and when to ask."""

    resend_pauses: tuple[timedelta, ...] = _RESEND_PAUSES
    retry_pauses: tuple[timedelta, ...] = _RETRY_PAUSES
    #: How long a claimed unit of work belongs to one worker before another may take it.
    lease: timedelta = timedelta(seconds=60)
    #: A message without receipt is given up after this.
    expiry: timedelta = field(default=timedelta(seconds=LIMITS.expiry_span))
    #: When what a link lost is asked for, and how often a peer is answered.
    repair: RepairRules = field(default_factory=RepairRules)

    @property
    def longest_pause(self) -> timedelta:
        """The longest time that anything may wait by these rules."""
        return max(*self.resend_pauses, *self.retry_pauses, timedelta(hours=2))

    def resend_pause(self, handed_over: int) -> timedelta:
        """Return the pause after the ``handed_over``-th confirmed hand-over (from 1)."""
        return self.resend_pauses[min(handed_over, len(self.resend_pauses)) - 1]

    def retry_pause(self, failures: int) -> timedelta:
        """Return the pause after the ``failures``-th attempt without confirmation (from 1)."""
        return self.retry_pauses[min(failures, len(self.retry_pauses)) - 1]


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NodeContext:
    """The node's parts, composed at bootstrap."""

    participant: ParticipantCode
    database: Database
    keys: KeyStore
    directory: DirectorySource
    clock: Clock
    random: RandomBytes
    signals: Signals = field(default_factory=Signals)
    #: What was claimed as it was stored.
    leaving: Leaving = field(default_factory=Leaving)
    rules: DeliveryRules = field(default_factory=DeliveryRules)
    #: From which age on the registry's view warns, is stale, and holds back personal data.
    age_limits: AgeLimits = DEFAULT_AGE_LIMITS
    #: Directories of past days; None where nothing is kept.
    past: PastDirectorySource | None = None
    #: Where files lie; None: this process handles none.
    blob_store: BlobStore | None = None
    file_rules: FileRules = field(default_factory=FileRules)
    #: Days off beside those of the registry; None: no calendar.
    holidays: HolidaySource | None = None
    #: Who takes notices to a mail server; None: none are sent.
    postman: Postman | None = None

    @property
    def blobs(self) -> BlobStore:
        """Where files lie; raises :class:`NodeError` in a process that handles none."""
        if self.blob_store is None:
            raise NodeError(msg("This program handles no files: use the running node."))
        return self.blob_store

    def transact(self, work: Callable[[Session], _T], *, durable: bool = True) -> _T:
        """Run ``work`` in one transaction, as :meth:`Database.transact` does.

        ``durable``: whether it has to survive a power cut (see :meth:`Database.transaction`).
        """
        return self.database.transact(work, durable=durable)
