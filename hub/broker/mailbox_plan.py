"""How much each mailbox takes, derived from the broker's store and the number of Participants.

The broker can count what one sender has waiting in a mailbox, but not its bytes. So each class has
a greatest size, and each sender a number of envelopes, such that all senders together, with the
largest envelopes, fit: whoever fills its own part takes nothing from anybody else's. The parts
are small where the store is small; what finds no room waits in its sender's outbox, which loses
nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol.limits import LIMITS
from protocol.subjects import TrafficClass

#: Bytes; an envelope has at most 1,000,000 (protocol limits), the rest is for headers.
MAX_PAYLOAD: Final = 1_048_576
#: Headers, with the transport id and those of atomic batches.
_HEADERS: Final = 1_024
#: What the broker keeps beside an envelope: 30 bytes and the subject.
_RECORD: Final = 256
#: Framing and tag of a chunk (SPEC 13).
_CHUNK_FRAME: Final = 81

#: Greatest message of each class at the broker, headers included, in bytes.
GREATEST: Final[Mapping[TrafficClass, int]] = {
    TrafficClass.MESSAGE: LIMITS.small_envelope + _HEADERS,
    TrafficClass.RECEIPT: LIMITS.small_envelope + _HEADERS,
    TrafficClass.LARGE: MAX_PAYLOAD,
    TrafficClass.CHUNK: LIMITS.chunk + _CHUNK_FRAME + _HEADERS,
}
#: Parts of a mailbox in percent: what people wait for first.
_PERCENT: Final[Mapping[TrafficClass, int]] = {
    TrafficClass.MESSAGE: 40,
    TrafficClass.RECEIPT: 15,
    TrafficClass.LARGE: 20,
    TrafficClass.CHUNK: 25,
}
#: More of one sender helps nobody: a large one waits, a file goes on while its recipient fetches.
_MOST: Final[Mapping[TrafficClass, int]] = {
    TrafficClass.MESSAGE: 5_000,
    TrafficClass.RECEIPT: 5_000,
    TrafficClass.LARGE: 256,
    TrafficClass.CHUNK: 400,
}
#: Fewer would make the ordinary traffic of two desks wait for each other.
_COMFORTABLE: Final[Mapping[TrafficClass, int]] = {
    TrafficClass.MESSAGE: 64,
    TrafficClass.RECEIPT: 32,
    TrafficClass.LARGE: 1,
    TrafficClass.CHUNK: 4,
}
#: The part of the store that is given away, in percent: records of what was taken need room, too.
_GIVEN_AWAY: Final = 90


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """What the operators decide; bytes.

    ``total_bytes`` is one mailbox, all classes together; ``None``: an equal part of
    ``store_bytes`` for each of ``participants``. When more take part than that, the number is
    doubled until it suffices, and the parts become smaller.
    """

    messages_per_sender_and_class: int = 5_000
    total_bytes: int | None = None
    store_bytes: int = 20 * 1024**3
    participants: int = 8
    #: Copies on different servers: 1 for one server, 3 for a cluster.
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """What one class of one mailbox takes: of each sender, in all, and of one envelope."""

    per_sender: int
    total_bytes: int
    greatest: int


@dataclass(frozen=True, slots=True)
class MailboxPlan:
    """The limits of every mailbox, made for so many ``participants``."""

    participants: int
    classes: Mapping[TrafficClass, ClassLimits]
    #: Whether the operators fixed the bytes of a mailbox, so that a larger store gives it no more.
    is_fixed: bool = False

    @property
    def is_comfortable(self) -> bool:
        """Whether each sender has enough room that ordinary traffic never has to wait."""
        return (
            all(
                limits.per_sender >= _COMFORTABLE[traffic]
                for traffic, limits in self.classes.items()
            )
            and self.keeps_parts
        )

    @property
    def keeps_parts(self) -> bool:
        """Whether all senders' parts fit together, so that no flood reaches anybody else."""
        return all(
            limits.per_sender * record_bytes(traffic) * self.participants <= limits.total_bytes
            for traffic, limits in self.classes.items()
        )


def record_bytes(traffic: TrafficClass) -> int:
    """Return what the greatest envelope of a class takes of the broker's store."""
    return GREATEST[traffic] + _RECORD


def plan_mailbox(limits: MailboxLimits, *, participants: int) -> MailboxPlan:
    """Divide a mailbox among classes and senders, for so many listed Participants.

    Each sender may have at least one envelope of each class waiting, also where the store is so
    small that these do not fit together: then ``keeps_parts`` is false.
    """
    planned = limits.participants
    while planned < participants:
        planned *= 2
    total = limits.total_bytes
    if total is None:
        total = limits.store_bytes * _GIVEN_AWAY // 100 // planned
    classes = {}
    for traffic, percent in _PERCENT.items():
        share = total * percent // 100
        room = share // planned // record_bytes(traffic)
        most = min(_MOST[traffic], limits.messages_per_sender_and_class)
        classes[traffic] = ClassLimits(
            per_sender=max(1, min(room, most)),
            total_bytes=max(share, record_bytes(traffic)),
            greatest=GREATEST[traffic],
        )
    return MailboxPlan(planned, classes, is_fixed=limits.total_bytes is not None)


def comfortable_store(participants: int) -> int:
    """Return the bytes of store at which a plan for so many is comfortable."""
    per_sender = max(
        _COMFORTABLE[traffic] * record_bytes(traffic) * 100 // percent + 1
        for traffic, percent in _PERCENT.items()
    )
    return per_sender * participants**2 * 100 // _GIVEN_AWAY + participants
