"""Small questions to a hub over HTTP, and its answers, within bounds of size and of time.

A host that sends one byte now and then, in the head of its answer or in the body, keeps a reader
waiting for as long as it likes: each byte comes in time. Here the exchange as a whole has its time.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx

#: Seconds: beyond, a slow line is no explanation for an answer of some kilobytes.
WHOLE_EXCHANGE: Final = 60.0

#: What httpcore calls the moments in which there is a new socket.
_MADE: Final = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class AnswerTooLongError(httpx.TransportError):
    """The answer has more bytes than any honest one."""


class AnswerTooSlowError(httpx.TransportError):
    """The exchange was not over in its time."""


def exchange(  # noqa: PLR0913 - what a request consists of
    http: httpx.Client,
    method: str,
    url: str,
    *,
    longest: int,
    seconds: float | None = None,
    content: bytes | None = None,
    json: object = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send a request and return the whole answer, of at most ``longest`` bytes. Blocking.

    On a connection of its own, which is cut after ``seconds`` (default: :data:`WHOLE_EXCHANGE`).
    Raises ``httpx.HTTPError``: :class:`AnswerTooLongError`, :class:`AnswerTooSlowError`, or what
    the library raises. Redirects are not followed: the hub's address is configured, not negotiated.
    """
    seconds = WHOLE_EXCHANGE if seconds is None else seconds
    cutter = _Cutter()
    plain = {"Accept-Encoding": "identity", "Connection": "close"}  # the size counted is the size
    request = http.build_request(
        method,
        url,
        content=content,
        json=json,
        headers={**(headers or {}), **plain},
        extensions={"trace": cutter.note, "timeout": http.timeout.as_dict()},
    )
    body = bytearray()
    with cutter.cutting_after(seconds):
        try:
            answer = http.send(request, stream=True, follow_redirects=False)
            try:
                if "Content-Encoding" in answer.headers:
                    raise httpx.DecodingError("it is coded, which was not asked for")
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > longest:
                        raise AnswerTooLongError(f"more than {longest} bytes")
            finally:
                answer.close()
        except httpx.HTTPError as error:
            if cutter.is_over.is_set() and not isinstance(error, AnswerTooLongError):
                raise AnswerTooSlowError(f"not over after {seconds:g} seconds") from error
            raise
    if cutter.is_over.is_set():  # an answer without a length seems to end where it was cut
        raise AnswerTooSlowError(f"not over after {seconds:g} seconds")
    return httpx.Response(answer.status_code, content=bytes(body), request=request)


class _Cutter:
    """Ends the connections of one exchange from another thread."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self._sockets: list[socket.socket] = []
        self._one_at_a_time = threading.Lock()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a connection that was made (httpcore's extension ``trace``)."""
        if event in _MADE:
            with self._one_at_a_time:
                self._sockets.append(info["return_value"].get_extra_info("socket"))
            if self.is_over.is_set():
                self._cut()

    @contextmanager
    def cutting_after(self, seconds: float) -> Iterator[None]:
        """Cut them if what is done takes longer."""
        watch = threading.Timer(seconds, self._end)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _end(self) -> None:
        self.is_over.set()
        self._cut()

    def _cut(self) -> None:
        with self._one_at_a_time:
            for made in self._sockets:
                with suppress(OSError):  # it has ended already
                    made.shutdown(socket.SHUT_RDWR)
