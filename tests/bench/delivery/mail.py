"""Mail as people use it today: sealed with OpenPGP, by SMTP, answered by a signed receipt.

The recipient is a process of its own, as in the other paths. A round trip ends when the sender has
verified and kept the recipient's receipt.
"""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from tests.bench.delivery.mail_peer import MailPeer
from tests.bench.delivery.openpgp import (
    GnuPg,
    InProcess,
    OpenPgp,
    make_certificates,
    make_gnupg_homes,
)

SENDER: Final = "duty-desk@al.example"
RECIPIENT: Final = "duty-desk@xk.example"
_READY_SECONDS: Final = 30.0
_RECEIPT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Keys:
    """What one correspondent's OpenPGP is made of; it travels to the process that uses it."""

    home: Path | None = None
    own: bytes = b""
    other: bytes = b""

    def open_for(self, own_address: str, other_address: str) -> OpenPgp:
        """Return it ready for use."""
        if self.home is not None:
            return GnuPg(self.home, own=own_address, other=other_address)
        return InProcess(self.own, self.other)


def _answer(subject: str, _content: bytes) -> tuple[str, bytes]:
    return f"receipt-{subject}", b'{"status": "delivered", "message": "' + subject.encode() + b'"}'


def _run_recipient(folder: Path, keys: Keys, workers: int, pipe: Connection) -> None:
    """Be the recipient until told otherwise: the process's main function."""
    peer = MailPeer(
        folder,
        address=RECIPIENT,
        pgp=keys.open_for(RECIPIENT, SENDER),
        handle=_answer,
        workers=workers,
    )
    pipe.send(peer.start())
    peer.correspond_with(pipe.recv())
    pipe.send("ready")
    pipe.recv()
    peer.stop()


class MailPath:
    """Two correspondents; :meth:`exchange` is one message and its receipt."""

    def __init__(self, peer: MailPeer, receipts: "_Receipts") -> None:
        self._peer, self._receipts = peer, receipts
        self._numbers = iter(range(1_000_000_000))
        self._lock = threading.Lock()

    def exchange(self, content: bytes) -> float:
        """Send a message and wait for its receipt; returns the seconds that took."""
        with self._lock:
            subject = f"m{next(self._numbers)}"
        arrived = self._receipts.expect(subject)
        begin = time.perf_counter()
        self._peer.send(RECIPIENT, subject, content)
        if not arrived.wait(_RECEIPT_SECONDS):
            raise TimeoutError("A mail was not answered: look at the recipient's process.")
        return time.perf_counter() - begin

    def measure(self, content: bytes, *, count: int, in_flight: int) -> tuple[list[float], float]:
        """Exchange ``count`` messages; returns each one's seconds, and the seconds of all."""
        begin = time.perf_counter()
        with ThreadPoolExecutor(in_flight) as pool:
            latencies = list(pool.map(self.exchange, [content] * count))
        return latencies, time.perf_counter() - begin


class _Receipts:
    """Who waits for which receipt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, threading.Event] = {}

    def expect(self, subject: str) -> threading.Event:
        with self._lock:
            return self._waiting.setdefault(f"receipt-{subject}", threading.Event())

    def note(self, subject: str, _content: bytes) -> None:
        with self._lock:
            event = self._waiting.pop(subject)
        event.set()


@contextmanager
def open_mail_path(*, gnupg: bool, workers: int) -> Iterator[MailPath]:
    """Start two correspondents with GnuPG, or with an OpenPGP library in their processes."""
    with tempfile.TemporaryDirectory(prefix="m", dir="/tmp") as name:
        folder = Path(name)
        sender_keys, recipient_keys = _make_keys(folder, gnupg=gnupg)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        recipient = context.Process(
            target=_run_recipient, args=(folder / "xk", recipient_keys, workers, theirs)
        )
        recipient.start()
        receipts = _Receipts()
        peer = MailPeer(
            folder / "al",
            address=SENDER,
            pgp=sender_keys.open_for(SENDER, RECIPIENT),
            handle=receipts.note,
            workers=workers,
        )
        try:
            ours.send(peer.start())
            peer.correspond_with(_receive(ours))
            _receive(ours)
            yield MailPath(peer, receipts)
        finally:
            ours.send("over")
            peer.stop()
            recipient.join(_READY_SECONDS)
            if recipient.is_alive():
                recipient.kill()


def _receive(pipe: Connection) -> int:
    if not pipe.poll(_READY_SECONDS):
        raise TimeoutError("The recipient of the mails did not start: look at its output.")
    answer: int = pipe.recv()
    return answer


def _make_keys(folder: Path, *, gnupg: bool) -> tuple[Keys, Keys]:
    if gnupg:
        homes = make_gnupg_homes(folder, [SENDER, RECIPIENT])
        return Keys(home=homes[0]), Keys(home=homes[1])
    pairs = make_certificates([SENDER, RECIPIENT])
    (sender_secret, sender_public), (recipient_secret, recipient_public) = pairs
    return (
        Keys(own=sender_secret, other=recipient_public),
        Keys(own=recipient_secret, other=sender_public),
    )
