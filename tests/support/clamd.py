"""A stand-in for ClamAV's daemon: INSTREAM and PING as clamd 1.4 speaks them, without signatures.

What it answers and when it hangs up was taken from clamd 1.4.6 with a database of one signature.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

MARKER: Final = b"TRM-HARMLESS-TEST-MARKER-0001"
SIGNATURE: Final = "Test.Trm.Marker.UNOFFICIAL"


@dataclass
class Clamd:
    """What the stand-in does, and what it was given."""

    #: ``unix:/path`` or ``tcp:host:port``.
    address: str = ""
    stream_max: int = 1024**2
    #: Answers with these instead, one for each stream.
    says: list[bytes] = field(default_factory=list)
    #: Hangs up at the end of the limit without a word, as a lost last word over TCP looks.
    is_mute: bool = False
    sizes: list[int] = field(default_factory=list)


class _Handler(socketserver.StreamRequestHandler):
    @override
    def handle(self) -> None:
        server = self.server
        if not isinstance(server, _Tcp | _Unix):
            raise TypeError("This handler serves the stand-in alone.")
        clamd = server.clamd
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zPING\0":
            self.wfile.write(b"PONG\0")
            return
        content = b""
        while True:
            (length,) = struct.unpack("!L", self.rfile.read(4))
            if not length:
                break
            if len(content) + length > clamd.stream_max:
                if not clamd.is_mute:
                    self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return  # what is still being sent is not read: the connection is reset
            content += self.rfile.read(length)
        clamd.sizes.append(len(content))
        if clamd.says:
            answer = clamd.says.pop(0)
        elif MARKER in content:
            answer = f"stream: {SIGNATURE} FOUND\0".encode()
        else:
            answer = b"stream: OK\0"
        self.wfile.write(answer)


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    clamd = Clamd()


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    clamd = Clamd()


@contextmanager
def run_clamd(path: Path | None = None) -> Iterator[Clamd]:
    """Listen at ``path``, or at a free port of this machine."""
    server: _Tcp | _Unix
    if path is not None:
        server, address = _Unix(str(path), _Handler), f"unix:{path}"
    else:
        server = _Tcp(("127.0.0.1", 0), _Handler)
        address = f"tcp:127.0.0.1:{server.server_address[1]}"
    clamd = server.clamd = Clamd(address=address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield clamd
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_address() -> Iterator[str]:
    """Give an address where nobody listens, nor can: the port is taken meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"tcp:127.0.0.1:{holder.getsockname()[1]}"
