"""How the TUF client reads over HTTP: streaming, bounded in size and time, no redirects."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

import httpx
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

#: Seconds for one file altogether. A sender that drips one byte at a time must not hold us
#: (TUF specification 1.5.2, slow retrieval); the largest file takes a second on a poor line.
FILE_DEADLINE: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(10.0)
_CHUNK: Final = 65_536


class HttpxFetcher(FetcherInterface):
    """Fetches files through an ``httpx.Client``; the TUF library bounds the size.

    Raw bytes are read, never decompressed, so that a small answer cannot grow. A redirect is an
    error: the registry's address is configured, not negotiated.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        deadline: float = FILE_DEADLINE,
    ) -> None:
        self._http = http
        self._monotonic = monotonic
        self._deadline = deadline

    def _fetch(self, url: str) -> Iterator[bytes]:
        request = self._http.build_request(
            "GET", url, headers={"Accept-Encoding": "identity"}, timeout=_TIMEOUT
        )
        begun = self._monotonic()
        try:
            response = self._http.send(request, stream=True, follow_redirects=False)
        except httpx.TimeoutException as error:
            raise SlowRetrievalError(f"{url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise DownloadError(f"{url} cannot be reached: {error}") from error
        if response.status_code != httpx.codes.OK:
            response.close()
            raise DownloadHTTPError(
                f"{url} answered with status {response.status_code}", response.status_code
            )
        return self._read(response, url, begun)

    def _read(self, response: httpx.Response, url: str, begun: float) -> Iterator[bytes]:
        with closing(response):
            try:
                for chunk in response.iter_raw(_CHUNK):
                    if self._monotonic() - begun > self._deadline:
                        raise SlowRetrievalError(f"{url} took more than {self._deadline} seconds")
                    yield chunk
            except httpx.TimeoutException as error:
                raise SlowRetrievalError(f"{url} stopped answering") from error
            except httpx.HTTPError as error:
                raise DownloadError(f"{url} broke off: {error}") from error
