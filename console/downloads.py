"""Giving out a file that is never whole in memory, or a part of it (RFC 9110 section 14).

Always to be saved and never shown inside the page's own origin: what somebody else made must not
run here. The name is in a header alone, never in the address.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

_RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]{0,15})-(?P<last>[0-9]{0,15})")
#: RFC 8187: what may stand in a name without being encoded.
_UNENCODED: Final = "!#$&+-.^_`|~"

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True, slots=True)
class Download:
    """A file to give out."""

    name: str
    size: int
    media_type: str
    #: Names this content: another content has another one.
    tag: str
    #: Gives the bytes from the first to the last place, both inclusive.
    read: Callable[[int, int], Iterator[bytes]]


def begins_at_start(headers: Headers) -> bool:
    """Say whether a request begins at the file's first byte, or is for all of it."""
    return re.match(r"bytes=0*[1-9]|bytes=-", headers.get("range", "")) is None


def answer_download(headers: Headers, download: Download) -> Response:
    """Answer a GET for a file: all of it, the one range that is asked for, or 416.

    Several ranges at once, and what is no range, is answered by the whole file, as RFC 9110 allows.
    """
    tag = f'"{download.tag}"'
    common = {
        **HEADERS,
        "Content-Disposition": write_disposition(download.name),
        "ETag": tag,
    }
    is_wanted = headers.get("if-range", tag) == tag
    part = _find_part(headers.get("range", ""), size=download.size) if is_wanted else None
    if part is None:
        return _stream(download, 0, download.size - 1, headers=common)
    first, last = part
    if first > last:
        return Response(
            status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers={**HEADERS, "Content-Range": f"bytes */{download.size}"},
        )
    span = f"bytes {first}-{last}/{download.size}"
    return _stream(download, first, last, headers={**common, "Content-Range": span})


def _stream(download: Download, first: int, last: int, *, headers: dict[str, str]) -> Response:
    is_part = "Content-Range" in headers
    return StreamingResponse(
        download.read(first, last),
        status_code=HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK,
        media_type=download.media_type,
        headers={**headers, "Content-Length": str(last - first + 1)},
    )


def _find_part(asked: str, *, size: int) -> tuple[int, int] | None:
    """Read a range; first beyond last: there is no such part. None: all of the file."""
    found = _RANGE.fullmatch(asked)
    if found is None or (not found["first"] and not found["last"]):
        return None
    if not found["first"]:
        length = int(found["last"])
        return (max(0, size - length), size - 1) if length else (size, size - 1)
    first = int(found["first"])
    if found["last"] and int(found["last"]) < first:
        return None  # RFC 9110 section 14.1.1: no range at all
    last = min(int(found["last"] or size - 1), size - 1)
    return (first, last) if first < size else (size, size - 1)


def write_disposition(name: str) -> str:
    """Write the header that has a file saved under its name (RFC 6266 appendix D)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._() -]", "_", plain).strip(". ") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_UNENCODED)}"
