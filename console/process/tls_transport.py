"""A NATS client that has no plaintext mode.

nats-py upgrades to TLS only if the server's greeting, which comes in plaintext, asks for it:
whoever sits on the wire can take that wish away, and the client sends its credentials in clear
without a word. Here every connection is opened as TLS 1.3, so that there is nothing to take away.

Nor does this client trust the broker with its memory or its patience: what a broker announces or
says is bounded, and whatever it says that no broker says ends the connection, at once.

nats-py offers no public place for this, so a few of its methods and attributes are overridden;
the integration tests watch the wire, so that an upgrade that moves them cannot pass.
"""

import asyncio
import base64
import ssl
import unicodedata
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import ParseResult

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.transport import TcpTransport
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

#: Read at a time if so much is there: one chunk of a file, in one or two steps instead of sixteen.
_BUFFER_BYTES: Final = 512 * 1024
_TLS_VERSION: Final = "TLSv1.3"
_CONNECT_SECONDS: Final = 10.0
#: Bytes of one message with its headers: envelopes have at most one million, and what a broker
#: answers to the hub is below this, too.
_LONGEST_MESSAGE: Final = 8 * 1024**2
#: Bytes of one line of the protocol: the longest is the list of a cluster's servers.
_LONGEST_LINE: Final = 65_536
#: Characters of the broker's own words that are logged and shown.
_LONGEST_WORD: Final = 200


class PlaintextRefusedError(ConnectionError):
    """The connection is not protected by TLS 1.3, so nothing was sent over it."""


class TlsTransport(TcpTransport):
    """A transport that is TLS 1.3 from the first byte, or does not open."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nats-py leaves it without annotations
        self._context = context
        self.bytes_read = 0

    async def read(self, buffer_size: int) -> bytes:
        """Read and count what came: all of it, where nats-py asks for little at a time."""
        data: bytes = await super().read(max(buffer_size, _BUFFER_BYTES))
        self.bytes_read += len(data)
        return data

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


class _BoundedParser(Parser):
    """Ends the connection where nats-py would gather whatever length the other side names."""

    async def parse(self, data: bytes = b"") -> None:
        """Parse what came; raises ``ProtocolError`` for what is longer than anything honest."""
        await super().parse(data)
        is_line = self.state == AWAITING_CONTROL_LINE
        if self.needed > _LONGEST_MESSAGE or (is_line and len(self.buf) > _LONGEST_LINE):
            raise nats.errors.ProtocolError


class TlsClient(Client):
    """The nats-py client on a :class:`TlsTransport`. Connect it with ``tls_handshake_first``."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = _BoundedParser(self)
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
        except Exception as error:
            # nats-py stumbles in many ways over what no broker says: whatever it is, this is it.
            said = [_shorten(word) for word in (*trouble, str(error) or type(error).__name__)]
            details = "; ".join(dict.fromkeys(said))
            raise ConnectionError(f"No connection to the broker: {details}") from error

    @property
    def end_reason(self) -> str:
        """Why the connection ended: what the broker said, if it said something, or what was seen.

        nats-py itself forgets that a token ran out as soon as the broker hangs up after saying so.
        """
        return self._parting_word or str(self.last_error or "the broker closed it")

    async def hear_out(self, *, patience: float, at_most: float) -> bool:
        """Return once everything has come that the broker sent before this call.

        On a slow line a large message is many seconds under way, and whatever was said after it
        waits behind it. False if not a byte came for ``patience`` seconds, or the end of it did
        not come in ``at_most``.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + at_most
        # Never cancelled: nats-py ends the connection over an answer that nobody waits for.
        answered: asyncio.Future[bool] = loop.create_future()
        await self._send_ping(answered)
        while True:
            before = self._bytes_read
            await asyncio.wait({answered}, timeout=patience)
            if answered.done():
                return True
            if self._bytes_read == before or loop.time() > deadline:
                return False

    @property
    def _bytes_read(self) -> int:
        return self._transport.bytes_read if isinstance(self._transport, TlsTransport) else 0

    async def _process_err(self, err_msg: str) -> None:
        said = _shorten(err_msg)
        if "permissions violation" not in said.lower():  # the only one that does not end it
            self._parting_word = said.strip("'")
        await super()._process_err(said)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        """Read headers; what cannot be read is none: nats-py would stop reading for good."""
        try:
            return await super()._process_headers(headers)
        except (ValueError, LookupError, AttributeError):
            return None

    async def _read_loop(self) -> None:
        """Read until the connection ends; where nats-py just stops listening, it ends here."""
        await super()._read_loop()
        if not self.is_closed:
            self._parting_word = self._parting_word or "the broker broke the protocol"
            await self._process_op_err(nats.errors.ProtocolError())

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature is nats-py's
        """Close, and say so.

        nats-py first writes what it still had to say. Where that fails it neither closes its end
        nor tells anybody, and its owner would believe in this connection for ever.
        """
        was_closed = self.is_closed
        try:
            await super()._close(status, do_cbs)
        except Exception:  # uvloop says RuntimeError where asyncio says OSError
            if was_closed:
                raise
            if do_cbs and self._closed_cb is not None:
                await self._closed_cb()
        finally:
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # as above

    async def _connect_to_server(self, s: Srv) -> None:
        self._transport = TlsTransport(self.ssl_context)
        await self._transport.connect(
            s.uri, buffer_size=_BUFFER_BYTES, connect_timeout=self.options["connect_timeout"]
        )


def _shorten(word: str) -> str:
    """Return the beginning of what the broker said, without what a terminal would obey."""
    plain = (each if unicodedata.category(each)[0] != "C" else "?" for each in word[:_LONGEST_WORD])
    return "".join(plain)


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
