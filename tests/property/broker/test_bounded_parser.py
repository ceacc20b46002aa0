"""The bounds of the broker's client change nothing for a broker that keeps to the protocol."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.protocol.parser import Parser

from console.process import tls_transport

words = st.text("abcXYZ.019_$", min_size=1, max_size=12).map(str.encode)
#: With what looks like the protocol's own lines, in the middle of a message.
bodies = st.binary(max_size=40) | st.sampled_from(
    [b"", b"\r\n", b"PING\r\n", b"MSG a 1 3\r\nabc\r\n", b"-ERR 'no'\r\n", b"HMSG a 1 9"]
)


@dataclass
class Heard:
    """Stands where nats-py's client stands: takes note of what the parser found."""

    events: list[tuple[object, ...]] = field(default_factory=list)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.events.append(("MSG", sid, subject, reply, data, headers))

    async def _process_ping(self) -> None:
        self.events.append(("PING",))

    async def _process_pong(self) -> None:
        self.events.append(("PONG",))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.events.append(("INFO", json.dumps(info)))

    async def _process_err(self, said: str) -> None:
        self.events.append(("ERR", said))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One thing that a broker says."""
    head = draw(
        st.sampled_from([b"MSG", b"HMSG", b"PING", b"PONG", b"+OK", b"INFO {}", b"-ERR 'slow'"])
    )
    if head not in {b"MSG", b"HMSG"}:
        return head + b"\r\n"
    headers = draw(bodies.filter(len)) if head == b"HMSG" else b""
    body = headers + draw(bodies)
    number = b"%d" % draw(st.integers(1, 99))
    names = [head, draw(words), number, *draw(st.lists(words, max_size=1))]
    sizes = [b"%d" % len(headers)] if headers else []
    return b" ".join([*names, *sizes, b"%d" % len(body)]) + b"\r\n" + body + b"\r\n"


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Return a stream in pieces: what comes in one read from the network is chance."""
    at = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[begin:end] for begin, end in pairwise(at)]


async def hear(kind: type[Parser], pieces: list[bytes]) -> tuple[list[tuple[object, ...]], str]:
    """Return what a parser found in the pieces, and how it ended."""
    heard = Heard()
    parser = kind(heard)
    try:
        for piece in pieces:
            await parser.parse(piece)
    except Exception as error:  # noqa: BLE001 - how it failed is what is compared
        return heard.events, type(error).__name__
    return heard.events, f"{len(parser.buf)} bytes left"


@given(st.lists(frames(), max_size=8), st.lists(st.integers(0, 2_000), max_size=12))
async def test_wherever_a_stream_is_cut_the_same_is_heard(
    said: list[bytes], places: list[int]
) -> None:
    """Pieces give exactly the messages that nats-py's own parser finds in the whole."""
    stream = b"".join(said)
    heard = await hear(tls_transport._BoundedParser, cut(stream, places))
    assert heard == await hear(Parser, [stream])
    assert len(heard[0]) == sum(not each.startswith(b"+OK") for each in said)


@given(st.lists(frames() | st.binary(max_size=30), max_size=8), st.lists(st.integers(0, 500)))
async def test_what_no_broker_says_is_heard_as_by_nats_py(
    said: list[bytes], places: list[int]
) -> None:
    """Below the bounds garbage is found in the same place, in the same way."""
    pieces = cut(b"".join(said), places)
    assert await hear(tls_transport._BoundedParser, pieces) == await hear(Parser, pieces)


@pytest.mark.parametrize("most", [200, 4_096, 70_000])
async def test_at_the_bounds(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has the greatest length passes, in whatever pieces; one byte more ends it."""
    monkeypatch.setattr(tls_transport, "_LONGEST_MESSAGE", most)
    monkeypatch.setattr(tls_transport, "_LONGEST_LINE", most)
    parser = tls_transport._BoundedParser
    for size, ends in ((most, "0 bytes left"), (most + 1, nats.errors.ProtocolError.__name__)):
        message = b"MSG a 1 %d\r\n" % size + b"x" * size + b"\r\n"
        for step in (1_000, 65_536):
            pieces = [message[at : at + step] for at in range(0, len(message), step)]
            assert (await hear(parser, pieces))[1] == ends, (size, step)
    line = b"INFO " + b"x" * (most - 5)
    assert (await hear(parser, [line]))[1] == f"{most} bytes left"
    assert (await hear(parser, [line, b"x"]))[1] == nats.errors.ProtocolError.__name__
