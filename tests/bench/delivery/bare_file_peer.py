"""One end of the bare transfer of a file: secretstream and JetStream, and nothing of ours.

``sender`` reads the path of a file from each line of its input and answers with the seconds until
the recipient has confirmed it; ``recipient`` writes each file beside the others and confirms.
"""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nats
import uvloop
from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

_CHUNK: Final = 512 * 1024
_IN_FLIGHT: Final = 8
_WAIT: Final = 5.0
_RECEIPT_SECONDS: Final = 120.0
#: A key that both ends know: how keys travel is not what is measured.
_KEY: Final = hashlib.sha256(b"bench").digest()


def _seal(file: Path) -> Iterator[bytes]:
    """Yield the stream's header, then the sealed pieces of a file."""
    state = crypto_secretstream_xchacha20poly1305_state()
    yield crypto_secretstream_xchacha20poly1305_init_push(state, _KEY)
    size, done = file.stat().st_size, 0
    with file.open("rb") as content:
        while piece := content.read(_CHUNK):
            done += len(piece)
            tag = (
                crypto_secretstream_xchacha20poly1305_TAG_FINAL
                if done == size
                else crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
            )
            yield crypto_secretstream_xchacha20poly1305_push(state, piece, None, tag)


async def _pull(pull: JetStreamContext.PullSubscription, batch: int) -> list[Msg]:
    try:
        return await pull.fetch(batch, timeout=_WAIT)
    except TimeoutError:  # the library raises its own, and sometimes the built-in one
        return []


async def send(url: str) -> None:
    """Send the files that the input names."""
    client = await nats.connect(url)
    stream = client.jetstream()
    receipts = await stream.pull_subscribe_bind(durable="node", stream="receipts")
    while line := await asyncio.to_thread(sys.stdin.readline):
        began = time.perf_counter()
        turn = asyncio.Semaphore(_IN_FLIGHT)

        async def publish(piece: bytes, turn: asyncio.Semaphore = turn) -> None:
            try:
                await stream.publish("floor.messages", piece)
            finally:
                turn.release()

        async with asyncio.TaskGroup() as publishing:
            for piece in _seal(Path(line.strip())):
                await turn.acquire()
                publishing.create_task(publish(piece))
        async with asyncio.timeout(_RECEIPT_SECONDS):
            while not (confirmed := await _pull(receipts, 1)):
                pass
        await confirmed[0].ack()
        sys.stdout.write(f"{time.perf_counter() - began}\n")
        sys.stdout.flush()


async def receive(url: str, folder: Path) -> None:
    """Write what comes into files, on the disk before it is confirmed."""
    client = await nats.connect(url)
    stream = client.jetstream()
    pull = await stream.pull_subscribe_bind(durable="node", stream="messages")
    state, number = None, 0
    target = (folder / "0").open("wb")
    while True:
        for message in await _pull(pull, _IN_FLIGHT):
            if state is None:
                state = crypto_secretstream_xchacha20poly1305_state()
                crypto_secretstream_xchacha20poly1305_init_pull(state, message.data, _KEY)
            else:
                piece, tag = crypto_secretstream_xchacha20poly1305_pull(state, message.data)
                target.write(piece)
                if tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL:
                    target.flush()
                    os.fsync(target.fileno())
                    target.close()
                    await stream.publish("floor.receipts", b"received")
                    state, number = None, number + 1
                    target = (folder / str(number)).open("wb")
            await message.ack()


def main() -> None:
    """Run one end: ``sender URL`` or ``recipient URL FOLDER``."""
    role, url, *rest = sys.argv[1:]
    uvloop.run(send(url) if role == "sender" else receive(url, Path(rest[0])))


if __name__ == "__main__":
    main()
