"""A hub's web server that answers whatever a row says, and nodes that talk with it over HTTP."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from typing_extensions import override

from node.adapters.correction_host import CorrectionHost
from node.adapters.drill_host import DrillHost
from node.adapters.registry import KeysPublisher
from node.service.context import NodeContext
from protocol.identifiers import ParticipantCode
from tests.support.node import Network, make_network


@dataclass
class Said:
    """An answer. ``length`` None: the end of the connection ends it; ``raw``: instead of a head."""

    status: int = 200
    body: Iterable[bytes] = ()
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    raw: Iterable[bytes] = ()

    @classmethod
    def whole(cls, body: bytes, *, status: int = 200) -> "Said":
        """Return an answer as an honest host gives it."""
        return cls(status=status, body=(body,), length=len(body))


Answer = Callable[[str, str, bytes], Said]
"""What is said to a method, a path and a body."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = lambda *_: Said.whole(b"", status=404)
        self.asked: list[tuple[str, str, bytes]] = []
        self.over = threading.Event()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: that is what they are to do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = (self.command, self.path, body)
        self.server.asked.append(asked)
        said = self.server.answer(*asked)
        self.close_connection = True
        for piece in said.raw:
            self.wfile.write(piece)
            if self.server.over.wait(0.002):
                return
        self.send_response(said.status)
        for name, value in said.headers:
            self.send_header(name, value)
        if said.length is not None:
            self.send_header("Content-Length", str(said.length))
        self.end_headers()
        for piece in said.body:
            self.wfile.write(piece)
            if self.server.over.is_set():
                return

    def do_GET(self) -> None:
        """Answer."""
        self._reply()

    def do_POST(self) -> None:
        """Answer."""
        self._reply()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


@dataclass
class HubHost:
    """AL and XK, and a hub that says anything."""

    network: Network
    http: httpx.Client
    _server: _Server = field(repr=False)

    @property
    def al(self) -> NodeContext:
        """The node that is lied to."""
        return self.network.node("AL")

    @property
    def url(self) -> str:
        """Where the hub is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def asked(self) -> list[tuple[str, str, bytes]]:
        """What was asked of the hub: method, path, body."""
        return self._server.asked

    def say(self, answer: Answer | Said) -> None:
        """Answer so from now on."""
        self._server.answer = answer if callable(answer) else lambda *_: answer

    def drills(self) -> DrillHost:
        """Return the hub as AL's worker for drills sees it."""
        return DrillHost(self.url, self.http)

    def corrections(self) -> CorrectionHost:
        """Return the hub as AL's page of corrections sees it."""
        return CorrectionHost(self.url, self.http, participant=ParticipantCode("AL"))

    def publisher(self) -> KeysPublisher:
        """Return the hub as AL's renewal of keys sees it."""
        return KeysPublisher(self.url, self.http)


@contextmanager
def open_hub_host(url_of: Callable[[str], str]) -> Iterator[HubHost]:
    """Start the server and the nodes."""
    network = make_network(("AL", "XK"), url_of=url_of)
    with _Server() as server, httpx.Client(trust_env=False) as http:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield HubHost(network, http, server)
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
            network.close()
