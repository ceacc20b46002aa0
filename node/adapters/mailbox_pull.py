"""Pulling messages from one's mailbox over one connection (JetStream ``CONSUMER.MSG.NEXT``).

The pull of nats-py cannot tell an empty mailbox from a broker that stopped answering, and takes a
message that carries a ``Status`` header, which any sender can set, for a word of the broker. Here a
word of the broker is known by where it arrives, and a request without any sign of life ends the
connection, so that a new one is made.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from protocol.limits import LIMITS
from protocol.subjects import AccountId, TrafficClass, mailbox_pull_subject

#: How long the broker may take for the answer to a question, in seconds.
ANSWER_SECONDS: Final = 5.0
#: A waiting request hears from the broker this often, in seconds; missing it twice is silence.
HEARTBEAT_SECONDS: Final = 5.0

#: What reading the broker's number of a message raises where the broker gave none that is any good.
UNNUMBERED: Final = (nats.errors.NotJSMessageError, ValueError, OverflowError)

_NANOSECONDS: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
#: "No messages" and "request timeout": the ordinary ends of a request.
_ENDED: Final = frozenset({"404", "408"})
#: With one of these, the broker says that what comes next would be more than we asked for.
_TOO_MUCH: Final = frozenset({"Message Size Exceeds MaxBytes"})
#: All messages are under way; said ahead of the last one when fewer bytes came than were allowed.
_ALL_SENT: Final = "Batch Completed"
_CONFLICT: Final = "409"
#: Bytes that one request asks for at most, so that a large batch of large envelopes cannot fill our
#: memory.
_MOST_BYTES: Final = 16 * LIMITS.envelope
#: And at least, so that the largest of its class fits, with its subject and headers.
_LEAST_BYTES: Final = LIMITS.envelope + 100_000
_LEAST_CHUNK_BYTES: Final = LIMITS.chunk + 100_000
#: One request asks for no more than came in this time before: all classes share a line, and what
#: the broker says of the others waits behind it.
_AHEAD_SECONDS: Final = 1.0
#: What came tells how fast the line is from so many bytes on.
_TELLING_BYTES: Final = 250_000
#: A line that is this slow, in seconds for what one request brought, is given up.
_LONGEST_HEARING: Final = 120.0
#: From the connection's reading to us; generous, on a machine under load.
_HANDING_SECONDS: Final = 1.0

#: What may lie here unread: four requests' worth, for one that was given up and the one after it.
_MOST_UNREAD_BYTES: Final = 4 * _MOST_BYTES
_MOST_UNREAD: Final = 16_384
#: Characters of the broker's own words that are logged and shown.
_LONGEST_WORD: Final = 200


class BrokerSilentError(Exception):
    """The broker gave no sign of life to a pull request: connect again."""


class BrokerUnrulyError(Exception):
    """The broker sends far more than it was asked for: connect again."""


class MailboxUnavailableError(Exception):
    """The broker answers, but not for this mailbox now: not made yet, or between two leaders."""


@dataclass(frozen=True, slots=True)
class _Status:
    request: str
    code: str
    description: str


class MailboxPull:
    """The pulling side of one connected client, for one class. One caller at a time."""

    def __init__(self, client: TlsClient, account: AccountId, traffic: TrafficClass) -> None:
        self._client = client
        self._question = mailbox_pull_subject(account, traffic)
        self._inbox = ""
        self._requests = 0
        self._ready: deque[Msg] = deque()
        self._events: asyncio.Queue[_Status | None] = asyncio.Queue()
        self._unread_bytes = 0
        self._received_bytes = 0
        self._is_flooded = False
        #: Where messages come one by one, the next is waited for at once, with one request.
        self._came_alone = False
        is_small = traffic is TrafficClass.CHUNK
        self._least_bytes = min(_LEAST_CHUNK_BYTES if is_small else _LEAST_BYTES, _MOST_BYTES)
        self._budget = self._least_bytes

    async def start(self) -> None:
        """Begin to listen for answers; ends with the connection, which stands already."""
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        if (
            self._is_flooded
            or self._events.qsize() >= _MOST_UNREAD
            or self._unread_bytes > _MOST_UNREAD_BYTES
        ):
            # Dropped: what an honest broker sends twice is not lost, a liar shall not fill us.
            self._is_flooded = True
            return
        if not message.subject.startswith(f"{self._inbox}."):
            self._ready.append(message)
            self._unread_bytes += len(message.data)
            self._received_bytes += len(message.data)
            self._events.put_nowait(None)
            return
        headers = message.headers or {}
        code, description = (
            headers.get("Status", ""),
            headers.get("Description", "")[:_LONGEST_WORD],
        )
        self._events.put_nowait(_Status(message.subject, code, description))

    async def fetch(self, *, batch: int, wait: float) -> list[Msg]:
        """Return up to ``batch`` messages: at once if there are any, else the first in ``wait``.

        Raises :class:`BrokerSilentError`, :class:`BrokerUnrulyError`,
        :class:`MailboxUnavailableError`. Cancelling it loses nothing: what the broker sends all the
        same comes with the next call.
        """
        self._check_orderly()
        if self._came_alone and wait > 0 and not self._ready:
            await self._request(1, wait=wait)
            if self._ready and batch > 1 and _has_company(self._ready[-1]):
                await self._request(batch - len(self._ready), wait=0)
        else:
            await self._gather_company(batch, wait)
        self._came_alone = len(self._ready) <= 1
        found = [self._ready.popleft() for _ in range(min(batch, len(self._ready)))]
        self._unread_bytes -= sum(len(message.data) for message in found)
        return found

    async def _gather_company(self, batch: int, wait: float) -> None:
        """Ask for what is there, and wait for something where nothing is."""
        if len(self._ready) < batch:
            await self._request(batch - len(self._ready), wait=0)
        if not self._ready and wait > 0:
            await self._request(1, wait=wait)
            if self._ready and batch > 1:
                await self._request(batch - 1, wait=0)

    async def _request(self, batch: int, *, wait: float) -> None:
        """Ask for ``batch`` messages and return when they came or the broker ended the request."""
        self._requests += 1
        reply = f"{self._inbox}.{self._requests}"
        question: dict[str, int | bool] = {"batch": batch, "max_bytes": self._budget}
        silence = ANSWER_SECONDS + wait
        if wait == 0:
            question["no_wait"] = True
        else:
            question["expires"] = int(wait * _NANOSECONDS)
            if wait >= 2 * HEARTBEAT_SECONDS:
                question["idle_heartbeat"] = int(HEARTBEAT_SECONDS * _NANOSECONDS)
                silence = 2 * HEARTBEAT_SECONDS + ANSWER_SECONDS
        with self._measured(is_steady=wait == 0):
            await self._client.publish(self._question, json.dumps(question).encode(), reply=reply)
            await self._gather(reply, batch=batch, silence=silence)

    @contextmanager
    def _measured(self, *, is_steady: bool) -> Iterator[None]:
        """Learn from what came meanwhile how much the line brings in a second."""
        loop = asyncio.get_running_loop()
        began, bytes_before = loop.time(), self._received_bytes
        yield
        came = self._received_bytes - bytes_before
        if is_steady and came >= _TELLING_BYTES:
            ahead = came * _AHEAD_SECONDS / max(loop.time() - began, 0.001)
            self._budget = int(max(self._least_bytes, min(_MOST_BYTES, ahead)))

    async def _gather(self, reply: str, *, batch: int, silence: float) -> None:
        received = 0
        while received < batch:
            self._check_orderly()
            event = await self._next_event(silence)
            if event is None:
                received += 1
            elif event.request == reply and _is_end(event):
                return
            elif event.request == reply and not _is_remark(event):
                raise MailboxUnavailableError(
                    f"The broker refuses to hand out the mailbox ({event.code} "
                    f"{event.description}): if it stays so, ask the hub's operators whether this "
                    "Participant is admitted."
                )

    def _check_orderly(self) -> None:
        if self._is_flooded:
            raise BrokerUnrulyError(
                "The broker sends far more than it was asked for: connecting again. Tell the hub's "
                "operators if it stays so."
            )

    async def _next_event(self, silence: float) -> _Status | None:
        with suppress(TimeoutError):
            return await self._next_within(silence)
        # It may have spoken long ago: on a slow line its word is still under way.
        if await self._client.hear_out(patience=ANSWER_SECONDS, at_most=_LONGEST_HEARING):
            with suppress(TimeoutError):
                return await self._next_within(_HANDING_SECONDS)
        raise BrokerSilentError(
            f"The broker did not answer for {silence:.0f} seconds: connecting again."
        )

    async def _next_within(self, seconds: float) -> _Status | None:
        async with asyncio.timeout(seconds):
            return await self._events.get()


def _has_company(message: Msg) -> bool:
    """Say whether the broker may have more: what cannot be read is judged later.

    What it offers once more is not among what it counts, and mostly comes with others.
    """
    try:
        return message.metadata.num_pending > 0 or message.metadata.num_delivered > 1
    except UNNUMBERED:
        return False


def _is_end(event: _Status) -> bool:
    return event.code in _ENDED or (event.code == _CONFLICT and event.description in _TOO_MUCH)


def _is_remark(event: _Status) -> bool:
    return event.code == _HEARTBEAT or (event.code == _CONFLICT and event.description == _ALL_SENT)
