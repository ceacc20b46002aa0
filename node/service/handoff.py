"""What was claimed as it was stored, on its way to this process's relay: in memory, for moments.

What is stored to leave at once would otherwise be looked for, claimed in a transaction of its own,
and read and decrypted again. Everything is in the store first: if what is handed on here is lost
with the process, its claim ends, and the relay of whichever process finds it there.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from node.service.signals import Signal

if TYPE_CHECKING:  # both stand on the context, which holds these
    from node.service.dispatching import Consigned
    from node.service.receipts import ReceiptParcel

T = TypeVar("T")

#: More that waits here would be sent later than what is more urgent in the store.
_ROOM: Final = 256


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


class Leaving:
    """What a node hands on: messages, and receipts that are signed."""

    def __init__(self) -> None:
        self.messages: Handoff[Consigned] = Handoff(order=lambda message: message.priority)
        self.receipts: Handoff[ReceiptParcel] = Handoff()
