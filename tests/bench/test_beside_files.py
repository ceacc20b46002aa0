"""The line of the bench beside files: what passes is what was sent, and both ends hang up."""

import asyncio

from tests.bench.delivery.beside_files import Beside
from tests.bench.delivery.thin_line import ThinLine


async def test_a_thin_line_passes_everything_on() -> None:
    """Two connections at a time, more than a piece each, byte for byte; then the end of each."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(50_000))
        writer.close()

    async def ask(port: int, content: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(content)
        writer.write_eof()
        answered = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return answered

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sent = [bytes([number]) * 50_000 for number in (1, 2)]
    async with server:
        with ThinLine(server.sockets[0].getsockname()[1], rate=10_000_000) as line:
            assert await asyncio.gather(*(ask(line.port, each) for each in sent)) == sent


def test_latencies_are_summed_up_in_milliseconds() -> None:
    """Median and worst of what was measured."""
    row = Beside.of("thin", "alone", [0.001, 0.002, 0.009])
    assert (row.count, row.median_ms, row.worst_ms) == (3, 2.0, 9.0)
