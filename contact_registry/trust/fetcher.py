"""How the TUF client reads over HTTP: streaming, bounded in size and time, no redirects."""

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

import httpx
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    RepositoryError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface

from contact_registry.models import MAX_DOCUMENT_BYTES
from contact_registry.trust.compression import (
    DICTIONARY_ZSTD,
    ZSTD,
    CodingError,
    Dictionary,
    decode,
)
from contact_registry.trust.layout import LIMITS

#: Seconds for one file altogether. A sender that drips one byte at a time must not hold us
#: (TUF specification 1.5.2, slow retrieval); the largest file takes a second on a poor line.
FILE_DEADLINE: Final = 60.0
_PLAIN: Final = "identity"
#: Seconds without a byte.
SILENCE: Final = 10.0
#: No file of a registry is larger, whatever length the file above it names: who holds the hub's
#: online key can sign any length, and the TUF library reads as much as is named (1.5.2, endless
#: data).
LARGEST_FILE: Final = max(
    LIMITS.root,
    LIMITS.timestamp,
    LIMITS.snapshot,
    LIMITS.targets,
    LIMITS.delegation,
    MAX_DOCUMENT_BYTES,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one file may take: altogether, until it begins, and without a byte; in seconds.

    The first is by ``monotonic``, the others by the machine's own measure.
    """

    deadline: float = FILE_DEADLINE
    beginning: float = FILE_DEADLINE
    silence: float = SILENCE
    monotonic: Callable[[], float] = time.monotonic


DEFAULT_PATIENCE: Final = Patience()


class _Connections:
    """The connections that a client made, so that they can be cut from another thread.

    The HTTP library waits for the head of an answer for as long as something comes in time: single
    bytes, or one interim answer after the other, for ever.
    """

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._one_at_a_time = threading.Lock()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a connection that was made (httpcore's extension ``trace``)."""
        if event in _MADE:
            with self._one_at_a_time:
                self._sockets.add(info["return_value"].get_extra_info("socket"))

    def cut(self) -> None:
        """End all of them: whoever waits for an answer sees its connection end."""
        with self._one_at_a_time:
            for made in tuple(self._sockets):
                with suppress(OSError):  # it has ended already
                    made.shutdown(socket.SHUT_RDWR)


#: What httpcore calls the moments in which there is a new socket.
_MADE: Final = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})

FindDictionary = Callable[[str], Dictionary | None]
"""Returns the file at hand that the file of an address will be most like, or None."""


class HttpxFetcher(FetcherInterface):
    """Fetches files through an ``httpx.Client``, bounded in size and time.

    Files may come compressed in the two ways that we offer (ADR 0014); what they grow to is counted
    like what comes as it is, and no further than is allowed. A redirect is an error: the registry's
    address is configured, not negotiated.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        find_dictionary: FindDictionary = lambda _: None,
    ) -> None:
        self._http = http
        self._patience = patience
        self._find_dictionary = find_dictionary
        self._connections = _Connections()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return a file of at most ``max_length`` bytes.

        In memory, and not through a temporary file as the library's: no file is large. Raises
        ``DownloadError``, and ``RepositoryError`` for what is not coded as it says: like a file
        that does not verify, it is no outage.
        """
        dictionary = self._find_dictionary(url)
        offered = {"Accept-Encoding": ZSTD}
        if dictionary is not None:
            offered = {"Accept-Encoding": f"{DICTIONARY_ZSTD}, {ZSTD}"}
            offered |= dictionary.request_headers
        begun = self._patience.monotonic()
        response = self._send(url, offered)
        coding = response.headers.get("Content-Encoding", _PLAIN).strip().lower()
        raw = self._read(response, url, begun)
        # Whatever length is signed: see LARGEST_FILE. It holds for what a file grows to, too.
        most = min(max_length, LARGEST_FILE)
        data = bytearray()
        with closing(raw):
            try:
                for piece in raw if coding == _PLAIN else decode(raw, coding, dictionary):
                    data += piece
                    if len(data) > most:
                        raise DownloadLengthMismatchError(
                            f"{url} has more than the {most} bytes that it may have"
                        )
            except CodingError as error:
                raise RepositoryError(f"{url} cannot be decoded: {error}") from error
        return bytes(data)

    def _fetch(self, url: str) -> Iterator[bytes]:
        begun = self._patience.monotonic()
        return self._read(self._send(url, {"Accept-Encoding": _PLAIN}), url, begun)

    def _send(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        request = self._http.build_request(
            "GET",
            url,
            headers=dict(headers),
            timeout=self._patience.silence,
            extensions={"trace": self._connections.note},
        )
        too_late = threading.Event()
        with self._cutting_off(too_late):
            try:
                response = self._http.send(request, stream=True, follow_redirects=False)
            except httpx.TimeoutException as error:
                raise SlowRetrievalError(f"{url} did not answer in time") from error
            except httpx.HTTPError as error:
                if too_late.is_set():
                    raise SlowRetrievalError(
                        f"{url} did not begin within {self._patience.beginning} seconds"
                    ) from error
                raise DownloadError(f"{url} cannot be reached: {error}") from error
        if response.status_code != httpx.codes.OK:
            response.close()
            raise DownloadHTTPError(
                f"{url} answered with status {response.status_code}", response.status_code
            )
        return response

    @contextmanager
    def _cutting_off(self, too_late: threading.Event) -> Iterator[None]:
        """Cut all connections if what is done takes longer than an answer may take to begin.

        Others of the same refresh go with it: it has failed anyway.
        """

        def cut_off() -> None:
            too_late.set()
            self._connections.cut()

        watch = threading.Timer(self._patience.beginning, cut_off)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _read(
        self, response: httpx.Response, url: str, begun: float
    ) -> Generator[bytes, None, None]:
        patience, received = self._patience, 0
        with closing(response):
            try:
                # As it comes, in no size of ours: a chunk that is waited for until it is full
                # would keep a sender of single bytes from ever meeting the deadline.
                for chunk in response.iter_raw():
                    if patience.monotonic() - begun > patience.deadline:
                        raise SlowRetrievalError(
                            f"{url} took more than {patience.deadline} seconds"
                        )
                    received += len(chunk)
                    if received > LARGEST_FILE:
                        raise DownloadLengthMismatchError(
                            f"{url} has more than the {LARGEST_FILE} bytes that any file may have"
                        )
                    yield chunk
            except httpx.TimeoutException as error:
                raise SlowRetrievalError(f"{url} stopped answering") from error
            except httpx.HTTPError as error:
                raise DownloadError(f"{url} broke off: {error}") from error
