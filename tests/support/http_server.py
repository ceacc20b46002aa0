"""Serves an app on a free port of this machine, in a thread, for a real browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from typing_extensions import override


class _Announcing(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` and give its origin; the server has ended when the block has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # A connection that ends just as the browser sends on it is an error on the page.
            timeout_keep_alive=600,
            # Pages that are still open hold their stream: the server does not wait for them.
            timeout_graceful_shutdown=1,
        )
        server = _Announcing(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            if not server.listening.wait(30):
                raise RuntimeError("the server did not start: see its log")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
