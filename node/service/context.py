"""What every use case works with."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from node.domain.ports import Clock, DirectorySource, KeyStore, RandomBytes
from node.service.signals import Signals
from node.store.database import Database
from protocol.identifiers import ParticipantCode
from protocol.limits import LIMITS


class NodeError(Exception):
    """A use case cannot be carried out. The message says what to do, in plain words."""


class NotFoundError(NodeError):
    """There is no such thing here."""


class StaleError(NodeError):
    """Somebody changed it meanwhile: look again before deciding."""


class RefusedDraftError(NodeError):
    """A message cannot be sent as it is. The message names fields and rules, not contents."""


#: Pauses before a message without receipt is handed over again. The broker keeps it meanwhile, so
#: this only matters when broker or mailbox lost it; the last pause repeats until expiry.
_RESEND_PAUSES: Final = tuple(
    timedelta(seconds=s) for s in (300, 1_800, 7_200, 21_600, 43_200, 86_400)
)
#: Pauses after a hand-over that the broker did not confirm.
_RETRY_PAUSES: Final = tuple(timedelta(seconds=s) for s in (0.5, 1, 2, 5, 15, 30, 60))


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """Timing of the sender's side."""

    resend_pauses: tuple[timedelta, ...] = _RESEND_PAUSES
    retry_pauses: tuple[timedelta, ...] = _RETRY_PAUSES
    #: How long a claimed unit of work belongs to one worker before another may take it.
    lease: timedelta = timedelta(seconds=60)
    #: A message without receipt is given up after this.
    expiry: timedelta = field(default=timedelta(seconds=LIMITS.expiry_span))

    def resend_pause(self, handed_over: int) -> timedelta:
        """Return the pause after the ``handed_over``-th confirmed hand-over (from 1)."""
        return self.resend_pauses[min(handed_over, len(self.resend_pauses)) - 1]

    def retry_pause(self, failures: int) -> timedelta:
        """Return the pause after the ``failures``-th attempt without confirmation (from 1)."""
        return self.retry_pauses[min(failures, len(self.retry_pauses)) - 1]


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
    rules: DeliveryRules = field(default_factory=DeliveryRules)
