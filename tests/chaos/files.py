"""Files that programs send with messages: brought in by pieces, resumed, compared at the end."""

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any, Final

import httpx

_RETRY_SECONDS: Final = 0.1
_PIECE: Final = 1 << 18
_PICTURE: Final = b"\x89PNG\r\n\x1a\n"
#: What stands for a file that its sender does not hold any more.
FILE_GONE: Final = "gone"
#: Small ones, one that fills several chunks.
_SIZES: Final = (2_000, 60_000, 700_000, 1_600_000)


class FileRefusedError(Exception):
    """The node does not take this file; the message is its answer."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a program wants to send."""

    data: bytes

    @classmethod
    def make(cls, random: Random) -> "Content":
        """Draw one: a picture as far as anybody looks."""
        return cls(_PICTURE + random.randbytes(random.choice(_SIZES)))

    @property
    def sha256(self) -> str:
        """What it is known by in the ledger."""
        return hashlib.sha256(self.data).hexdigest()


def bring_in(
    http: httpx.Client, content: Content, *, recipient: str, over: threading.Event
) -> str | None:
    """Bring a file to the node, whatever breaks meanwhile; returns its name there.

    None: the run is over. Raises :class:`FileRefusedError`.
    """
    announced: Mapping[str, Any] | None = None
    while not over.is_set():
        try:
            if announced is None:
                draft = {
                    "name": "picture.png",
                    "sensitivity": "protection",
                    "size": len(content.data),
                }
                announced = _read(http.post("/files", json=draft | {"recipient": recipient}))
                continue
            if announced["complete"]:
                return str(announced["file_id"])
            announced = _append(http, announced, content)
        except httpx.HTTPError:
            time.sleep(_RETRY_SECONDS)  # a node that is away has no event
            announced = _ask(http, announced)
    return None


def _append(http: httpx.Client, announced: Mapping[str, Any], content: Content) -> Any:
    multiple, begin = announced["piece_multiple"], announced["received"]
    piece = content.data[begin : begin + max(multiple, _PIECE // multiple * multiple)]
    answer = http.patch(
        f"/files/{announced['file_id']}", content=piece, headers={"Upload-Offset": str(begin)}
    )
    if answer.status_code == HTTPStatus.CONFLICT:  # it got further than we heard
        return _ask(http, announced) or announced
    return _read(answer)


def _ask(http: httpx.Client, announced: Mapping[str, Any] | None) -> Any:
    """Ask how far it got; None: the node has forgotten it, or nothing was announced."""
    if announced is None:
        return None
    try:
        answer = http.get(f"/files/{announced['file_id']}")
    except httpx.HTTPError:
        return announced
    return answer.json() if answer.is_success else None


def _read(answer: httpx.Response) -> Any:
    if answer.is_server_error or answer.status_code == HTTPStatus.NOT_FOUND:
        raise httpx.ReadError(f"{answer.status_code}")
    if not answer.is_success:
        raise FileRefusedError(f"{answer.status_code} {answer.text[:300]}")
    return answer.json()


def list_received(http: httpx.Client, message_id: str) -> list[str]:
    """Return the digests of what a node hands out as the files of a message it received."""
    found: list[str] = []
    for file in http.get(f"/messages/{message_id}/files").raise_for_status().json():
        answer = http.get(f"/received-files/{file['file_id']}")
        found.append(
            hashlib.sha256(answer.content).hexdigest()
            if answer.is_success
            else str(file["arrival"])
        )
    return found
