"""Waking background tasks when there is something to do, from whichever thread it was found in."""

import asyncio
import threading

from node.service.rush import Rush


class Signal:
    """Tells listeners that something changed. Notifying is safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def listen(self, event: asyncio.Event | None = None) -> asyncio.Event:
        """Return an event that is set at every notification; the listener clears it.

        With ``event``, that one: it may listen to several signals.
        """
        event = event or asyncio.Event()
        with self._lock:
            self._listeners.append((asyncio.get_running_loop(), event))
        return event

    def unlisten(self, event: asyncio.Event) -> None:
        """Stop telling the holder of ``event``."""
        with self._lock:
            self._listeners = [pair for pair in self._listeners if pair[1] is not event]

    def notify(self) -> None:
        """Set every listener's event."""
        with self._lock:
            listeners = list(self._listeners)
        for loop, event in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class Signals:
    """The node's signals."""

    def __init__(self) -> None:
        #: Something waits to leave, whatever it is.
        self.outbox = Signal()
        #: Whether something immediate moves: not waited for, looked at.
        self.rush = Rush()
        #: A message waits to leave, and nothing else.
        self.messages = Signal()
        #: Receipts wait to leave, and nothing else.
        self.receipts = Signal()
        #: A message with files is with the broker, or chunks were asked for.
        self.chunks = Signal()
        #: Chunks of a received file came.
        self.files = Signal()
        #: A received file waits for the malware scanner.
        self.scans = Signal()
        #: Something that people look at changed.
        self.inbox = Signal()
        #: A sender was not found in our registry: look for a newer version.
        self.registry_wanted = Signal()
        #: Somebody answered a reachability drill.
        self.drills = Signal()
        #: A message was stored, and something has yet to follow from it.
        self.to_follow = Signal()
        #: What had to follow from stored messages is in the store: items, webhooks, words.
        self.followed = Signal()
        #: Webhooks may have something to tell.
        self.hooks = Signal()
        #: A notice waits to be mailed.
        self.notices = Signal()

    def tell_queued(self) -> None:
        """Tell whoever a message of ours concerns that was queued just now."""
        self.outbox.notify()
        self.to_follow.notify()
        self.inbox.notify()
