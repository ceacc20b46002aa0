"""What was claimed as it was stored, on its way to this process's relay: in memory, for moments.

What is stored to leave at once would otherwise be looked for, claimed in a transaction of its own,
and read and decrypted again. Everything is in the store first: if what is handed on here is lost
with the process, its claim ends, and the relay of whichever process finds it there.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from node.service.signals import Signal
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import Head

if TYPE_CHECKING:  # all stand on the context, which holds these
    from node.service.attachments.chunk_sending import ClaimedFile
    from node.service.dispatching import Consigned
    from node.service.receipts import ReceiptParcel

T = TypeVar("T")

#: More that waits here would be sent later than what is more urgent in the store.
_ROOM: Final = 256
#: Bytes of messages that are kept as they were read, of one of them, and how long.
_READ_BYTES: Final = 2 * 1024**2
_LARGE: Final = 16 * 1024
_READ_FOR: Final = timedelta(seconds=10)


class Handoff(Generic[T]):
    """From whichever thread has stored something to the relay. Closed until a relay opens it."""

    def __init__(self, *, order: Callable[[T], int] | None = None) -> None:
        """``order``: what has less of it leaves first, however late it came."""
        self._lock = threading.Lock()
        self._order = order
        self._is_open = False
        self._is_behind = False
        self._waiting: deque[T] = deque()
        #: Something was put here.
        self.filled = Signal()

    def set_open(self, *, is_open: bool) -> None:
        """Say whether somebody takes what is put here, and the broker can be reached."""
        self._is_open = is_open

    def set_behind(self, *, is_behind: bool) -> None:
        """Say whether more waits in the store than leaves at once: then what comes waits, too."""
        self._is_behind = is_behind

    @property
    def takes_more(self) -> bool:
        """Whether to claim what is stored now, and put it here after the commit."""
        return self._is_open and not self._is_behind and len(self._waiting) < _ROOM

    def put(self, claimed: Iterable[T]) -> None:
        """Hand on what is stored and claimed, after the commit."""
        with self._lock:
            self._waiting.extend(claimed)
            is_filled = bool(self._waiting)
        if is_filled:
            self.filled.notify()

    def take(self, most: int) -> Sequence[T]:
        """Return what waits, the most urgent first, and then the first that came."""
        with self._lock:
            if self._order is not None and len(self._waiting) > 1:
                self._waiting = deque(sorted(self._waiting, key=self._order))
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


@dataclass(frozen=True, slots=True)
class Read:
    """A message as it was read, under our name for it, with digest and bytes of its payload."""

    message_id: str
    message: Head | UnreadableMessage = field(repr=False)
    digest: str
    size: int


class JustRead:
    """Messages that this process has stored, as it read them: so that they are not opened again.

    From whoever stored them to whoever lets the rest follow, a second later. A hint as well: a
    message that is not here, or whose digest is another one, is opened out of the store. What
    people wrote is in memory in clear, so it is little, for seconds, and gone with any erasure.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[datetime, Read]] = OrderedDict()
        self._size = 0

    def put(self, read: Iterable[Read], *, at: datetime) -> None:
        """Keep messages, **after the commit**; no large ones, and none that finds no room."""
        with self._lock:
            self._drop_old(at)
            for each in read:
                if each.size <= _LARGE and self._size + each.size <= _READ_BYTES:
                    self._drop(each.message_id)
                    self._kept[each.message_id] = (at, each)
                    self._size += each.size

    def take(
        self, digests: Mapping[str, str], *, at: datetime
    ) -> dict[str, Head | UnreadableMessage]:
        """Return those of these messages, given with their digests, that are here; once."""
        with self._lock:
            self._drop_old(at)
            found = {each: self._drop(each) for each in digests}
        return {
            name: read.message
            for name, read in found.items()
            if read is not None and read.digest == digests[name]
        }

    def clear(self) -> None:
        """Forget all: nothing waits to be followed, or something was erased."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _drop(self, message_id: str) -> Read | None:
        _, read = self._kept.pop(message_id, (None, None))
        self._size -= read.size if read else 0
        return read

    def _drop_old(self, now: datetime) -> None:
        """Forget what nobody took in time, also after the clock was set back."""
        while self._kept:
            name, (since, _) = next(iter(self._kept.items()))
            if since <= now < since + _READ_FOR:
                return
            self._drop(name)


class Leaving:
    """What a node hands on: messages, receipts that are signed, files, and what it has read."""

    def __init__(self) -> None:
        self.messages: Handoff[Consigned] = Handoff(order=lambda message: message.priority)
        self.receipts: Handoff[ReceiptParcel] = Handoff()
        #: Files whose message the broker has.
        self.files: Handoff[ClaimedFile] = Handoff(order=lambda file: file.priority)
        self.read = JustRead()
