"""A mail server on this machine for tests: it speaks as much SMTP (RFC 5321) as a sender needs."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

from typing_extensions import override


@dataclass
class MailServer:
    """What was received, and what is answered to ``RCPT TO`` for a mailbox (default: 250)."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)


def _encrypt(server: socketserver.TCPServer, tls: ssl.SSLContext | None) -> None:
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)


@contextmanager
def serve_mail(*, tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Listen on a free port of the loopback interface; ``tls``: encrypted from the first byte."""
    state = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        """One connection."""

        @override
        def handle(self) -> None:
            self._say("220 test")
            for line in self.rfile:
                command = line.decode().strip()
                verb = command[:4].upper()
                if verb == "DATA":
                    self._say("354 go on")
                    state.mails.append(message_from_bytes(self._read_mail()))
                    self._say("250 kept")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                elif verb == "RCPT":
                    mailbox = command.partition("<")[2].partition(">")[0]
                    self._say(state.answers.get(mailbox, "250 fine"))
                else:
                    self._say("250 fine")

        def _read_mail(self) -> bytes:
            lines = []
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line)
            return b"".join(lines)

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        _encrypt(server, tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
