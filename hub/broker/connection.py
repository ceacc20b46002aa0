"""The hub's own connections to the broker: one as registrar, one as mailbox administrator.

A connection that ends, for whatever reason, is not repaired but made anew, with a new token: see
:meth:`BrokerConnection.run`.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import nats.errors
import structlog
from nats.aio.msg import Msg

from console.process.tls_transport import Credentials, TlsClient
from hub.broker.accounts import HUB_INBOX
from protocol.broker_credentials import Permissions, UserClaims, issue_user_token
from protocol.nkeys import Nkey, NkeyKind

Clock = Callable[[], datetime]
"""Now, in UTC."""

#: A token is made for each connection; the broker cuts it off after this time and the hub returns.
_TOKEN_LIFETIME: Final = timedelta(hours=24)
_ANSWER_SECONDS: Final = 5.0
#: Servers of one broker answer within milliseconds of each other, or are away.
_STRAGGLER_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 3.0
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_STABLE_SECONDS: Final = 10.0
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

_log = structlog.get_logger()


class BrokerUnavailableError(Exception):
    """The broker cannot be reached, or did not answer; the work is to be tried again."""


@dataclass(frozen=True, slots=True)
class AdminIdentity:
    """In whose name the hub connects: a user that it makes itself, with few permissions."""

    name: str
    account: Nkey
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Listening:
    """What a connection listens to as long as it stands: ``hear`` gets subject and body.

    ``hear`` is called in the event loop; it is quick and raises nothing.
    """

    subjects: tuple[str, ...]
    hear: Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """Whether the connection stands, since when, and what went wrong last."""

    is_up: bool
    since: datetime
    last_error: str | None = None


class BrokerConnection:
    """A connection over TLS 1.3 that is made anew whenever it ends. Run :meth:`run` as a task."""

    def __init__(
        self,
        *,
        servers: Sequence[str],
        tls: ssl.SSLContext,
        identity: AdminIdentity,
        clock: Clock,
        listening: Listening | None = None,
    ) -> None:
        if not servers or not all(server.startswith("tls://") for server in servers):
            raise ValueError("Give the broker's addresses as tls://host:port, at least one.")
        self._servers = list(servers)
        self._tls = tls
        self._identity = identity
        self._clock = clock
        self._listening = listening
        self._user = Nkey.generate(NkeyKind.USER)
        self._client: TlsClient | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._state = ConnectionState(is_up=False, since=clock())

    @property
    def name(self) -> str:
        """Which of the hub's connections this is."""
        return self._identity.name

    @property
    def state(self) -> ConnectionState:
        """The present state."""
        return self._state

    async def wait_until_up(self) -> None:
        """Return when the connection stands."""
        await self._up.wait()

    async def wait_until_down(self) -> None:
        """Return when the connection does not stand."""
        await self._down.wait()

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                reason = await self._hold()
            except (OSError, nats.errors.Error) as error:
                reason = str(error) or type(error).__name__
            self._report(is_up=False, error=reason)
            pause = _FIRST_PAUSE if loop.time() - began > _STABLE_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hold(self) -> str:
        """Connect and wait until the connection ends; returns why."""
        client = TlsClient()
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def note_closed() -> None:
            if not over.done():
                over.set_result(client.end_reason)

        try:
            await self._connect(client, note_closed)
            self._client = client
            self._up.set()
            self._down.clear()
            self._report(is_up=True, error=None)
            return await over
        finally:
            self._client = None
            self._up.clear()
            self._down.set()
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()
            except (OSError, nats.errors.Error) as error:
                _log.warning("broker_connection_not_closed_cleanly", error=str(error))

    async def _connect(self, client: TlsClient, note_closed: Callable[[], Awaitable[None]]) -> None:
        now = self._clock()
        token = issue_user_token(
            self._identity.account,
            user=self._user.public,
            claims=UserClaims(name=self._identity.name, permissions=self._identity.permissions),
            issued_at=now,
            expires_at=now + _TOKEN_LIFETIME,
        )
        await client.establish(
            self._servers,
            tls=self._tls,
            credentials=Credentials(token=token, sign=self._user.sign, inbox_prefix=HUB_INBOX),
            on_closed=note_closed,
            then=lambda: self._listen(client),
        )

    async def _listen(self, client: TlsClient) -> None:
        listening = self._listening
        if listening is None:
            return

        async def hear(message: Msg) -> None:
            listening.hear(message.subject, message.data)

        for subject in listening.subjects:
            await client.subscribe(subject, cb=hear)

    def _report(self, *, is_up: bool, error: str | None) -> None:
        since = self._state.since if is_up is self._state.is_up else self._clock()
        self._state = ConnectionState(is_up, since, error)
        _log.info("broker_connection_changed", connection=self.name, up=is_up, error=error)

    async def request(self, subject: str, payload: bytes = b"") -> bytes:
        """Ask the broker and return its answer.

        Raises :class:`BrokerUnavailableError` without a connection or an answer within 5 seconds.
        """
        if self._client is None:
            raise BrokerUnavailableError(
                f"There is no connection to the broker as {self.name}: wait until it is back."
            )
        try:
            answer = await self._client.request(subject, payload, timeout=_ANSWER_SECONDS)
        except (OSError, nats.errors.Error) as error:
            raise BrokerUnavailableError(
                f"The broker did not answer {subject.split('.')[2]} ({error}): trying again later."
            ) from error
        return answer.data

    async def request_all(self, subject: str, payload: bytes = b"", *, most: int) -> list[bytes]:
        """Ask every server of the broker; returns what came, at least one answer, at most ``most``.

        A server that is away is waited for half a second after the last answer of the others.
        Raises :class:`BrokerUnavailableError` as :meth:`request` does.
        """
        if most <= 1:
            return [await self.request(subject, payload)]
        client = self._client
        if client is None:
            return [await self.request(subject, payload)]  # which raises
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        async def note_answer(message: Msg) -> None:
            if not (message.headers or {}).get("Status"):  # else nobody listens
                await answers.put(message.data)

        found: list[bytes] = []
        try:
            inbox = client.new_inbox()
            listening = await client.subscribe(inbox, cb=note_answer)
            await client.publish(subject, payload, reply=inbox)
            try:
                while len(found) < most:
                    async with asyncio.timeout(_STRAGGLER_SECONDS if found else _ANSWER_SECONDS):
                        found.append(await answers.get())
            except TimeoutError:
                if not found:
                    raise
            finally:
                await listening.unsubscribe()
        except (OSError, nats.errors.Error) as error:
            raise BrokerUnavailableError(
                f"The broker did not answer {subject.split('.')[2]} ({error}): trying again later."
            ) from error
        return found

    async def request_json(self, subject: str, payload: bytes = b"") -> dict[str, Any]:
        """Ask the broker and return its answer, a JSON object; errors as in :meth:`request`."""
        return read_answer(await self.request(subject, payload))


def read_answer(data: bytes) -> dict[str, Any]:
    """Read an answer of the broker; raises :class:`BrokerUnavailableError`."""
    try:
        answer = json.loads(data) if len(data) <= _MAX_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise BrokerUnavailableError("The broker's answer cannot be read: check its version.")
    return answer
