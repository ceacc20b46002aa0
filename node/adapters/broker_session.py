"""One connection of the node to the broker, and the work that goes over it.

Whatever waits for the broker races against the end of its connection, so nothing hangs on a
connection that is gone.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import nats.errors
import structlog
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from node.adapters.mailbox_pull import MailboxPull
from node.domain.ports import LinkDownError, NoLinkError
from protocol.subjects import AccountId, TrafficClass

_CLOSE_SECONDS: Final = 3.0
#: How long work under way may take on a connection that is replaced.
_HANDOVER_SECONDS: Final = 5.0

_NO_RESPONDERS: Final = "503"

_log = structlog.get_logger()
_T = TypeVar("_T")


class BrokerSession:
    """One connected client, used until it ends and never again."""

    def __init__(self, client: TlsClient, account: AccountId) -> None:
        loop = asyncio.get_running_loop()
        self.client = client
        self.over: asyncio.Future[str] = loop.create_future()
        self._retired: asyncio.Future[str] = loop.create_future()
        self._pulls = {traffic: MailboxPull(client, account, traffic) for traffic in TrafficClass}
        self._pulling = {traffic: asyncio.Lock() for traffic in TrafficClass}
        self._active: set[asyncio.Future[Any]] = set()
        self._inbox = ""
        self._questions = 0
        self._asked: dict[str, asyncio.Future[Msg]] = {}

    async def start(self) -> None:
        """Listen for messages; returns after one round trip to the broker."""
        for pull in self._pulls.values():
            await pull.start()
        self._inbox = self.client.new_inbox()
        await self.client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        await self.client.flush()

    def end(self, reason: str) -> None:
        """Let everything that uses this connection fail now."""
        for future in (self._retired, self.over):
            if not future.done():
                future.set_result(reason)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(LinkDownError(f"The connection to the broker ended: {reason}"))

    async def ask(
        self,
        subject: str,
        content: bytes,
        *,
        seconds: float,
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Publish, and return the broker's answer; raises :class:`LinkDownError`.

        :class:`NoLinkError` where the connection had ended before: nothing was published.

        What :meth:`run` does for any work, for the two things that are done for every message:
        without tasks of its own, since those cost more than the question.
        """
        if self.over.done():
            raise NoLinkError(f"The connection to the broker ended: {self.over.result()}")
        self._questions += 1
        reply = f"{self._inbox}.{self._questions}"
        answered: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._asked[reply] = answered
        try:
            async with asyncio.timeout(seconds):
                await self.client.publish(subject, content, reply=reply, headers=headers)
                return _verify_heard(await answered)
        except (nats.errors.Error, OSError) as error:  # a timeout is an OSError, too
            self._end_with_client()
            raise LinkDownError(
                f"The broker did not confirm ({_name(error)}): try again."
            ) from error
        finally:
            if not answered.cancel() and not answered.cancelled():
                answered.exception()  # seen: the question itself may have failed before
            del self._asked[reply]

    async def _on_answer(self, message: Msg) -> None:
        asked = self._asked.get(message.subject)
        if asked is not None and not asked.done():
            asked.set_result(message)

    async def run(self, work: Awaitable[_T]) -> _T:
        """Do ``work``; raises :class:`LinkDownError` at once when the connection ends meanwhile."""
        return await self._race(work, self.over)

    async def pull(self, traffic: TrafficClass, *, batch: int, wait: float) -> list[Msg]:
        """Fetch messages of a class; stops also when the connection is about to be replaced."""
        return await self._race(self._pull_alone(traffic, batch, wait), self._retired)

    async def _pull_alone(self, traffic: TrafficClass, batch: int, wait: float) -> list[Msg]:
        async with self._pulling[traffic]:
            return await self._pulls[traffic].fetch(batch=batch, wait=wait)

    async def _race(self, work: Awaitable[_T], end: "asyncio.Future[str]") -> _T:
        task = asyncio.ensure_future(work)
        contest: set[asyncio.Future[Any]] = {task, end}
        self._active.add(task)
        try:
            await asyncio.wait(contest, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LinkDownError(f"The connection to the broker ended: {end.result()}")
            return task.result()
        except (nats.errors.Error, OSError) as error:
            self._end_with_client()
            raise LinkDownError(f"The broker did not confirm ({error}): try again.") from error
        finally:
            task.cancel()
            self._active.discard(task)

    def _end_with_client(self) -> None:
        """End where the client has, whether it said so or not: it would fail at once each time."""
        if not self.client.is_connected:
            self.end(self.client.end_reason)

    async def retire(self) -> None:
        """Finish what is under way, within a few seconds, then close."""
        if not self._retired.done():
            self._retired.set_result("renewed")
        try:
            if under_way := {*self._active, *self._asked.values()}:
                await asyncio.wait(under_way, timeout=_HANDOVER_SECONDS)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection; never takes long, whatever the other side does."""
        self.end("closed by this node")
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.client.close()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            _log.warning("broker_connection_not_closed_cleanly", error=str(error))


def _verify_heard(answer: Msg) -> Msg:
    """Return the answer, unless it says that nobody was there to hear the question."""
    if not answer.data and (answer.headers or {}).get("Status") == _NO_RESPONDERS:
        raise nats.errors.NoRespondersError
    return answer


def _name(error: Exception) -> str:
    return str(error) or type(error).__name__
