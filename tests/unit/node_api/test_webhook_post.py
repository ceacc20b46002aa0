"""Posting webhooks over real connections: where they may go, and what counts as a yes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network

import pytest
from typing_extensions import override

from node.adapters.webhook_post import WebhookPoster, build_http, is_public

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class _Handler(BaseHTTPRequestHandler):
    """Answers as its path says, and notes what came."""

    heard: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append((self.path, self.headers["host"], body))
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        if status == 429:
            self.send_header("Retry-After", "120")
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[int, list[tuple[str, str | None, bytes]]]]:
    """Serve on a port of this machine; gives the port and what came."""
    heard: list[tuple[str, str | None, bytes]] = []
    handler = type("Handler", (_Handler,), {"heard": heard})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1], heard
        server.shutdown()
        thread.join()


async def test_what_counts_as_a_yes(
    receiver: tuple[int, list[tuple[str, str | None, bytes]]],
) -> None:
    """Only a success; a redirection is not followed, 410 ends it, 'Retry-After' is passed on."""
    port, heard = receiver
    poster = WebhookPoster(build_http(), allowed=LOOPBACK)
    answers = {
        status: await poster.post(f"http://localhost:{port}/{status}", b"{}", {"x": "y"})
        for status in (204, 302, 410, 429, 500)
    }
    await poster.aclose()
    assert answers[204] is None
    whys = {status: answer.why for status, answer in answers.items() if answer is not None}
    assert whys == {status: f"answered {status}" for status in (302, 410, 429, 500)}
    assert [answer.is_gone for answer in answers.values() if answer] == [False, True, False, False]
    assert answers[429] is not None
    assert answers[429].wish is not None
    assert answers[429].wish.total_seconds() == 120
    assert heard[0] == ("/204", f"localhost:{port}", b"{}")
    assert len(heard) == 5


async def test_nothing_goes_to_a_private_address_unless_it_is_allowed(
    receiver: tuple[int, list[tuple[str, str | None, bytes]]],
) -> None:
    """Neither by name nor by number, in whichever notation: no connection is made."""
    port, heard = receiver
    before = len(heard)
    poster = WebhookPoster(build_http())
    for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"):
        for scheme in ("http", "https"):
            failure = await poster.post(f"{scheme}://{host}:{port}/200", b"{}", {})
            assert failure is not None, host
    nowhere = await poster.post("https://register.invalid/in", b"{}", {})
    await poster.aclose()
    assert nowhere is not None
    assert len(heard) == before


async def test_a_receiver_that_never_comes_to_an_end_is_left() -> None:
    """It begins to answer, and then nothing: the request ends by the patience of the whole."""
    ended = asyncio.Event()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: y\r\n")
        with suppress(OSError):
            await reader.read()  # until the other side has gone
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        poster = WebhookPoster(build_http(), allowed=LOOPBACK, patience=0.2)
        failure = await poster.post(f"http://127.0.0.1:{port}/", b"{}", {})
        await poster.aclose()
        await ended.wait()
    assert failure is not None
    assert failure.why == "TimeoutError"


async def test_an_address_that_nothing_can_read_is_a_failure_and_no_more() -> None:
    """Whatever was kept as an address: the others go on being told."""
    poster = WebhookPoster(build_http())
    for url in ("https://127.0.0.1:123456789012345678901/", "https://a..b/", "https://[::1", "x"):
        assert await poster.post(url, b"{}", {}) is not None, url
    await poster.aclose()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address that is asked about, not bound to
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:a00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::a00:1", False),
        ("fec0::1", False),
        ("::10.0.0.1", False),
        ("3fff::1", False),
        ("192.0.0.8", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    """Private, local, shared, multicast, and IPv6 notations of these are not."""
    assert is_public(ip_address(address)) is public
