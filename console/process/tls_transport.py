"""A NATS client that has no plaintext mode.

nats-py upgrades to TLS only if the server's greeting, which comes in plaintext, asks for it:
whoever sits on the wire can take that wish away, and the client sends its credentials in clear
without a word. Here every connection is opened as TLS 1.3, so that there is nothing to take away.

nats-py offers no public place for this, so two of its methods and a few attributes are overridden;
the integration tests watch the wire, so that an upgrade that moves them cannot pass.
"""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import ParseResult

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.transport import TcpTransport

_BUFFER_BYTES: Final = 65_536
_TLS_VERSION: Final = "TLSv1.3"
_CONNECT_SECONDS: Final = 10.0


class PlaintextRefusedError(ConnectionError):
    """The connection is not protected by TLS 1.3, so nothing was sent over it."""


class TlsTransport(TcpTransport):
    """A transport that is TLS 1.3 from the first byte, or does not open."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nats-py leaves it without annotations
        self._context = context

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Open it; raises :class:`PlaintextRefusedError` for anything older than TLS 1.3."""
        async with asyncio.timeout(connect_timeout):
            self._io_reader, self._io_writer = await asyncio.open_connection(
                uri.hostname,
                uri.port,
                limit=buffer_size,
                ssl=self._context,
                server_hostname=uri.hostname,
            )
        self._refuse_plaintext()

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Confirm what :meth:`connect` did: nats-py asks for it before it reads the greeting."""
        del uri, ssl_context, buffer_size, connect_timeout  # there is one handshake, and it is over
        self._refuse_plaintext()

    def _refuse_plaintext(self) -> None:
        writer = self._io_writer
        tls = writer.get_extra_info("ssl_object") if writer else None
        if tls is None or tls.version() != _TLS_VERSION:
            self.close()  # type: ignore[no-untyped-call]  # as above
            raise PlaintextRefusedError(
                "The broker did not speak TLS 1.3: set min_version 1.3 and handshake_first there."
            )


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """How a client shows who it is: a token, and a signature over what the broker asks."""

    token: str
    sign: Callable[[bytes], bytes]
    inbox_prefix: str


class TlsClient(Client):
    """The nats-py client on a :class:`TlsTransport`. Connect it with ``tls_handshake_first``."""

    def __init__(self) -> None:
        super().__init__()
        self._parting_word: str | None = None

    async def establish(
        self,
        servers: Sequence[str],
        *,
        tls: ssl.SSLContext,
        credentials: Credentials,
        on_closed: Callable[[], Awaitable[None]],
        then: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Connect with these credentials, and do ``then``; all within ten seconds.

        Once: who wants to be connected again makes a new client. Raises ``ConnectionError`` with
        all that was said on the way.
        """
        trouble: list[str] = []

        async def note_error(error: Exception) -> None:
            trouble.append(str(error) or type(error).__name__)

        async def connect() -> None:
            await self.connect(
                list(servers),
                tls=tls,
                tls_handshake_first=True,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=3,
                ping_interval=20,
                max_outstanding_pings=2,
                inbox_prefix=credentials.inbox_prefix,
                user_jwt_cb=lambda: bytearray(credentials.token.encode()),
                signature_cb=lambda nonce: base64.b64encode(credentials.sign(nonce.encode())),
                error_cb=note_error,
                closed_cb=on_closed,
            )
            if not self.is_connected:
                # nats-py returns early when the broker's first PING overtakes its PONG.
                raise ConnectionError("the broker did not confirm the credentials")
            if then is not None:
                await then()

        try:
            await run_bounded(connect(), seconds=_CONNECT_SECONDS)
        except (OSError, nats.errors.Error) as error:
            details = "; ".join(dict.fromkeys([*trouble, str(error) or type(error).__name__]))
            raise ConnectionError(f"No connection to the broker: {details}") from error

    @property
    def end_reason(self) -> str:
        """Why the connection ended: what the broker said, if it said something, or what was seen.

        nats-py itself forgets that a token ran out as soon as the broker hangs up after saying so.
        """
        return self._parting_word or str(self.last_error or "the broker closed it")

    async def _process_err(self, err_msg: str) -> None:
        if "permissions violation" not in err_msg.lower():  # the only one that does not end it
            self._parting_word = err_msg.strip("'")
        await super()._process_err(err_msg)

    async def _connect_to_server(self, s: Srv) -> None:
        self._transport = TlsTransport(self.ssl_context)
        await self._transport.connect(
            s.uri, buffer_size=_BUFFER_BYTES, connect_timeout=self.options["connect_timeout"]
        )


async def run_bounded(work: Coroutine[Any, Any, None], *, seconds: float) -> None:
    """Run work of nats-py to its end, or raise ``TimeoutError``; then it has been cancelled.

    In a task of its own, because nats-py stands on ``asyncio.wait_for``, which before Python 3.12
    can lose a cancellation: the caller's would be lost with it, and the caller would never stop.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:.0f} seconds")
        task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1)
