"""Files: how long one takes, beside a bare secretstream through bare JetStream.

Ours is counted from the request that sends the message, with the file already brought in, to the
receipt in the sender's store, which is owed once the recipient's node has opened the whole file.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx

from protocol.identifiers import ParticipantCode
from tests.bench.delivery.floor import start_program, start_server
from tests.bench.delivery.path import NodePath, StalledError

_PIECE: Final = 4 * 1024**2
_SECONDS: Final = 300.0
_LOOK: Final = 0.005


@dataclass(frozen=True, slots=True)
class BareFiles:
    """Both ends of the bare transfer."""

    sender: "subprocess.Popen[str]"

    def measure(self, file: Path) -> float:
        """Send a file; returns the seconds until it was confirmed."""
        if self.sender.stdin is None or self.sender.stdout is None:
            raise RuntimeError("The bare sender was started without pipes.")
        self.sender.stdin.write(f"{file}\n")
        self.sender.stdin.flush()
        return float(self.sender.stdout.readline())


@contextmanager
def open_bare_files(folder: Path) -> Iterator[BareFiles]:
    """Start the bare transfer with its files in ``folder``; all of it ends with the block."""
    received = folder / "received"
    received.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.bench.delivery.bare_file_peer"]
    with ExitStack() as running:
        _, url = start_server(running, folder)
        start_program(running, [*command, "recipient", url, str(received)])
        yield BareFiles(start_program(running, [*command, "sender", url]))


def make_file(folder: Path, *, size: int) -> Path:
    """Return an invented scan: a PDF's head, and content that nothing can compress."""
    file = folder / f"scan-{size}.pdf"
    random = Random(size)
    with file.open("wb") as content:
        content.write(b"%PDF-1.7\n")
        for begin in range(9, size, _PIECE):
            content.write(random.randbytes(min(_PIECE, size - begin)))
    return file


@dataclass(frozen=True, slots=True)
class Transfer:
    """Seconds of bringing a file in, and from sending its message to the receipt."""

    brought_in: float
    delivered: float


def measure_transfer(
    path: NodePath, file: Path, *, when_sent: Callable[[], None] = lambda: None
) -> Transfer:
    """Send a file from node to node; ``when_sent`` is called once its message was accepted."""
    headers = {"Authorization": f"Bearer {path.sender.api_token}"}
    with httpx.Client(
        base_url=f"{path.sender.url}/api/v1", headers=headers, timeout=_SECONDS
    ) as http:
        began = time.perf_counter()
        file_id = _bring_in(http, file, recipient=path.recipient)
        brought_in = time.perf_counter() - began
        newest = max((number for number, _ in path.find(0)), default=0)
        began = time.perf_counter()
        draft = path.make_draft(2_048) | {"files": [file_id]}
        message_id = _ask(http, "POST", "/messages", json=draft)["message_id"]
        when_sent()
        deadline = began + _SECONDS
        while message_id not in {name for _, name in path.find(newest)}:
            if time.perf_counter() > deadline:
                raise StalledError(f"No receipt came for {message_id} and its file.")
            time.sleep(_LOOK)
        return Transfer(brought_in, time.perf_counter() - began)


def _bring_in(http: httpx.Client, file: Path, *, recipient: ParticipantCode) -> str:
    size = file.stat().st_size
    draft = {"name": file.name, "sensitivity": "protection", "size": size, "recipient": recipient}
    file_id: str = _ask(http, "POST", "/files", json=draft)["file_id"]

    def read() -> Iterator[bytes]:
        with file.open("rb") as content:
            while piece := content.read(_PIECE):
                yield piece

    _ask(http, "PATCH", f"/files/{file_id}", content=read(), headers={"Upload-Offset": "0"})
    return file_id


def _ask(http: httpx.Client, method: str, path: str, **what: Any) -> Any:
    answer = http.request(method, path, **what)
    answer.raise_for_status()
    return answer.json()
