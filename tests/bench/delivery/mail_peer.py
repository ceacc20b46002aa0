"""One correspondent with a mail server of its own: what a ministry's mail does, and no more.

Mail goes by SMTP straight to the other one's server, which keeps each one in a Maildir, on the disk
before it says yes. There is no relay, filter, or polling between: real mail has them, so what is
measured here is the best that mail can do.
"""

import mailbox
import os
import queue
import smtplib
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final

import aiosmtpd.smtp
from aiosmtpd.controller import Controller
from typing_extensions import override

from tests.bench.delivery.openpgp import OpenPgp

_GREATEST_MAIL: Final = 8 * 1024**2
_WAIT_SECONDS: Final = 0.2

Handler = Callable[[str, bytes], "tuple[str, bytes] | None"]
"""Subject and content of an opened mail in; subject and content of the answer out, or None."""


class _Store:
    """What the mail server hands its mails to (aiosmtpd's handler)."""

    def __init__(self, folder: Path) -> None:
        self._box = mailbox.Maildir(folder, create=True)
        self._folder = folder
        self._lock = threading.Lock()
        self.arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def handle_DATA(  # noqa: N802 - the library's name for it
        self,
        _server: aiosmtpd.smtp.SMTP,
        _session: aiosmtpd.smtp.Session,
        envelope: aiosmtpd.smtp.Envelope,
    ) -> str:
        """Keep a mail; answers when it is on the disk."""
        content = envelope.content
        with self._lock:
            key = self._box.add(content if isinstance(content, bytes) else b"")
        _sync(self._folder / "new")
        self.arrived.put(key)
        return "250 kept"

    def take(self, key: str) -> bytes:
        """Return a mail and remove it."""
        with self._lock:
            content = self._box.get_bytes(key)
            self._box.discard(key)
        return content


def _sync(folder: Path) -> None:
    """Put a new name on the disk; the file itself was synchronised by ``mailbox``."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _AnyPort(Controller):
    """A server on whichever port is free: the library's own asks port 0 whether it answers."""

    @override
    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # the library has no types there


class MailPeer:
    """A mail server, and threads that open what comes, keep it, and answer."""

    def __init__(
        self, folder: Path, *, address: str, pgp: OpenPgp, handle: Handler, workers: int
    ) -> None:
        self._pgp, self._handle, self._address = pgp, handle, address
        self._kept = folder / "kept"
        self._kept.mkdir(parents=True)
        self._store = _Store(folder / "mail")
        self._server = _AnyPort(
            self._store, hostname="127.0.0.1", port=0, data_size_limit=_GREATEST_MAIL
        )
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(workers)]
        self._other = threading.local()
        self._connections: list[smtplib.SMTP] = []
        self._other_port = 0

    def start(self) -> int:
        """Listen and work; returns the port of the mail server."""
        self._server.start()
        for thread in self._threads:
            thread.start()
        return self._server.port

    def correspond_with(self, port: int) -> None:
        """Say where the other one's mail server listens."""
        self._other_port = port

    def stop(self) -> None:
        """Finish the mail at hand, then end."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.close()
        self._server.stop()
        self._pgp.close()

    def send(self, recipient: str, subject: str, content: bytes) -> None:
        """Seal a mail and hand it to the other one's server; returns when it is kept there."""
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = self._address, recipient, subject
        mail.set_content(self._pgp.seal(content), "application", "pgp-encrypted", cte="7bit")
        self._connection().send_message(mail)

    def _connection(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = getattr(self._other, "connection", None)
        if connection is None:
            connection = smtplib.SMTP("127.0.0.1", self._other_port)
            self._other.connection = connection
            self._connections.append(connection)
        return connection

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                key = self._store.arrived.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                continue
            self._take_in(self._store.take(key))

    def _take_in(self, raw: bytes) -> None:
        mail = BytesParser(policy=SMTP).parsebytes(raw)
        sealed = mail.get_payload(decode=True)
        content = self._pgp.open(sealed if isinstance(sealed, bytes) else b"")
        subject = str(mail["Subject"])
        self._keep(subject, content)
        answer = self._handle(subject, content)
        if answer is not None:
            self.send(str(mail["From"]), *answer)

    def _keep(self, subject: str, content: bytes) -> None:
        """Keep the opened mail, on the disk, as the other path keeps its messages."""
        with (self._kept / f"{subject}.txt").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
