"""One end of the floor: a program that does with bare JetStream what a node does with messages.

``sender`` reads one JSON line for each run from its input and answers with one; ``recipient`` gives
a small receipt for every message until it is ended.
"""

import asyncio
import json
import secrets
import sys
import time
from typing import Any, Final

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

_BATCH: Final = 256
_WAIT: Final = 5.0
#: For anything: a loaded machine may be slow, but a run that stands still shall end.
_PATIENCE: Final = 120.0
_RECEIPT_BYTES: Final = 256
_ID_BYTES: Final = 16


async def _fetch(pull: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await pull.fetch(_BATCH, timeout=_WAIT)
    except TimeoutError:  # the library raises its own, and sometimes the built-in one
        return []


async def _give_receipt(stream: JetStreamContext, message: Msg) -> None:
    receipt = message.data[:_ID_BYTES].ljust(_RECEIPT_BYTES, b"\x00")
    headers = {"Nats-Msg-Id": secrets.token_hex(16)}
    await stream.publish("floor.receipts", receipt, timeout=_PATIENCE, headers=headers)
    await message.ack()


async def receive(url: str) -> None:
    """Fetch, answer, acknowledge."""
    client = await nats.connect(url)
    stream = client.jetstream()
    pull = await stream.pull_subscribe_bind(durable="node", stream="messages")
    while True:
        await asyncio.gather(*(_give_receipt(stream, each) for each in await _fetch(pull)))


class Sender:
    """Publishes, and knows what was receipted."""

    def __init__(self, stream: JetStreamContext, pull: JetStreamContext.PullSubscription) -> None:
        self._stream = stream
        self._pull = pull
        self._waiting: dict[bytes, asyncio.Future[None]] = {}

    async def take_receipts(self) -> None:
        """Settle what comes, until cancelled."""
        while True:
            for message in await _fetch(self._pull):
                waiting = self._waiting.pop(message.data[:_ID_BYTES], None)
                if waiting is not None:
                    waiting.set_result(None)
                await message.ack()

    async def measure(self, *, size: int, count: int, in_flight: int) -> dict[str, Any]:
        """Send ``count`` messages, so many at a time; return seconds of each and of all."""
        left = iter(range(count))
        latencies: list[float] = []

        async def send_some() -> None:
            for _ in left:
                name = secrets.token_bytes(_ID_BYTES)
                done = self._waiting[name] = asyncio.get_running_loop().create_future()
                began = time.perf_counter()
                await self._stream.publish(
                    "floor.messages",
                    name + secrets.token_bytes(size - _ID_BYTES),
                    timeout=_PATIENCE,
                    headers={"Nats-Msg-Id": name.hex()},
                )
                await done
                latencies.append(time.perf_counter() - began)

        cpu, began = time.process_time(), time.perf_counter()
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(send_some() for _ in range(in_flight)))
        seconds = time.perf_counter() - began
        return {
            "latencies": latencies,
            "seconds": seconds,
            "cpu": time.process_time() - cpu,
        }


async def send(url: str) -> None:
    """Do what the lines of the input ask for."""
    client = await nats.connect(url)
    stream = client.jetstream()
    sender = Sender(stream, await stream.pull_subscribe_bind(durable="node", stream="receipts"))
    taking = asyncio.create_task(sender.take_receipts())
    while line := await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps(await sender.measure(**json.loads(line))) + "\n")
        sys.stdout.flush()
    taking.cancel()


def main() -> None:
    """Run one end: ``sender URL`` or ``recipient URL``."""
    role, url = sys.argv[1:]
    uvloop.run(send(url) if role == "sender" else receive(url))


if __name__ == "__main__":
    main()
