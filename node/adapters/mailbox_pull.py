"""Pulling messages from one's mailbox over one connection (JetStream ``CONSUMER.MSG.NEXT``).

The pull of nats-py cannot tell an empty mailbox from a broker that stopped answering, and takes a
message that carries a ``Status`` header, which any sender can set, for a word of the broker. Here a
word of the broker is known by where it arrives, and a request without any sign of life ends the
connection, so that a new one is made.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from protocol.subjects import AccountId, mailbox_pull_subject

#: How long the broker may take for the answer to a question, in seconds.
ANSWER_SECONDS: Final = 5.0
#: A waiting request hears from the broker this often, in seconds; missing it twice is silence.
HEARTBEAT_SECONDS: Final = 5.0

_NANOSECONDS: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
#: "No messages" and "request timeout": the ordinary ends of a request.
_ENDED: Final = frozenset({"404", "408"})


class BrokerSilentError(Exception):
    """The broker gave no sign of life to a pull request: connect again."""


class MailboxUnavailableError(Exception):
    """The broker answers, but not for this mailbox now: not made yet, or between two leaders."""


@dataclass(frozen=True, slots=True)
class _Status:
    request: str
    code: str
    description: str


class MailboxPull:
    """The pulling side of one connected client. One caller at a time."""

    def __init__(self, client: Client, account: AccountId) -> None:
        self._client = client
        self._question = mailbox_pull_subject(account)
        self._inbox = client.new_inbox()
        self._requests = 0
        self._ready: deque[Msg] = deque()
        self._events: asyncio.Queue[_Status | None] = asyncio.Queue()

    async def start(self) -> None:
        """Begin to listen for answers; ends with the connection."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        if not message.subject.startswith(f"{self._inbox}."):
            self._ready.append(message)
            self._events.put_nowait(None)
            return
        headers = message.headers or {}
        code, description = headers.get("Status", ""), headers.get("Description", "")
        self._events.put_nowait(_Status(message.subject, code, description))

    async def fetch(self, *, batch: int, wait: float) -> list[Msg]:
        """Return up to ``batch`` messages: at once if there are any, else the first in ``wait``.

        Raises :class:`BrokerSilentError`, :class:`MailboxUnavailableError`. Cancelling it loses
        nothing: what the broker sends all the same comes with the next call.
        """
        if len(self._ready) < batch:
            await self._request(batch - len(self._ready), wait=0)
        if not self._ready and wait > 0:
            await self._request(1, wait=wait)
            if self._ready and batch > 1:
                await self._request(batch - 1, wait=0)
        return [self._ready.popleft() for _ in range(min(batch, len(self._ready)))]

    async def _request(self, batch: int, *, wait: float) -> None:
        """Ask for ``batch`` messages and return when they came or the broker ended the request."""
        self._requests += 1
        reply = f"{self._inbox}.{self._requests}"
        question: dict[str, int | bool] = {"batch": batch}
        silence = ANSWER_SECONDS + wait
        if wait == 0:
            question["no_wait"] = True
        else:
            question["expires"] = int(wait * _NANOSECONDS)
            if wait >= 2 * HEARTBEAT_SECONDS:
                question["idle_heartbeat"] = int(HEARTBEAT_SECONDS * _NANOSECONDS)
                silence = 2 * HEARTBEAT_SECONDS + ANSWER_SECONDS
        await self._client.publish(self._question, json.dumps(question).encode(), reply=reply)
        received = 0
        while received < batch:
            event = await self._next_event(silence)
            if event is None:
                received += 1
            elif event.request == reply and event.code in _ENDED:
                return
            elif event.request == reply and event.code != _HEARTBEAT:
                raise MailboxUnavailableError(
                    f"The broker refuses to hand out the mailbox ({event.code} "
                    f"{event.description}): if it stays so, ask the hub's operators whether this "
                    "Participant is admitted."
                )

    async def _next_event(self, silence: float) -> _Status | None:
        try:
            async with asyncio.timeout(silence):
                return await self._events.get()
        except TimeoutError as error:
            raise BrokerSilentError(
                f"The broker did not answer for {silence:.0f} seconds: connecting again."
            ) from error
