"""A mail server on this machine that holds the first letter, and says who brought it."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class HeldMail:
    """What a server took. The first letter is taken, and never answered."""

    port: int = 0
    #: The name of each letter that was taken, in the order in which they came.
    letters: list[str] = field(default_factory=list)
    #: Set once the first letter is here; whoever brought it waits for an answer.
    is_held: threading.Event = field(default_factory=threading.Event)
    #: On which port of this machine the one who brought the first letter waits.
    held_from: int = 0

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keep a letter."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.letters.append(str(message_from_bytes(content)["Message-ID"]))
        if not self.held_from:
            assert session.peer is not None
            self.held_from = int(session.peer[1])  # host and port
            self.is_held.set()
            await asyncio.Event().wait()  # until its connection is gone
        return "250 OK"

    def is_held_by(self, process_id: int | None) -> bool:
        """Whether this process waits for the answer to the first letter."""
        sockets = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            columns = line.split()
            if int(columns[1].rpartition(":")[2], 16) == self.held_from:
                sockets.add(f"socket:[{columns[9]}]")
        names = Path(f"/proc/{process_id}/fd").iterdir()
        return any(str(name.readlink()) in sockets for name in names)


@contextmanager
def holding_mail(authority: Path) -> Iterator[HeldMail]:
    """Let one listen on a free port; whom its certificate is from is written to ``authority``."""
    issuer = trustme.CA(key_type=trustme.KeyType.ECDSA)
    issuer.cert_pem.write_to_path(str(authority))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issuer.issue_cert("localhost", key_type=trustme.KeyType.ECDSA).configure_cert(tls)
    room, loop = HeldMail(), asyncio.new_event_loop()

    def make() -> SMTP:
        return SMTP(room, hostname="localhost", tls_context=tls, require_starttls=True, loop=loop)

    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", 0))
    room.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield room
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
