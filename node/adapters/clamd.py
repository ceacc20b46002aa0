"""A malware scanner over the socket of ClamAV's daemon: INSTREAM of clamd(8).

The file is sent in pieces, each with its length (four bytes, network order), the end is a length of
zero; then clamd answers with one line. A piece at a time is in memory, and nothing is on clamd's
disk under a name. The socket is local or inside the Participant's own network: clamd gets the file
in clear, and speaks no TLS.

Two traps, both seen with clamd 1.4:

- A stream longer than its ``StreamMaxLength`` is answered by an error, and clamd hangs up while we
  are still sending. That is no virus and no clean file either.
- A file longer than its ``MaxFileSize`` is called ``OK`` without having been looked at. So whatever
  is longer than ``max_bytes`` is not asked about at all. Where ``AlertExceedsMax`` or
  ``AlertEncrypted`` is set, clamd says so by heuristics of certain names, which are no virus.
"""

import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

from node.domain.scanning import (
    BROKE_OFF,
    STREAM_LIMIT,
    TOO_LARGE,
    ScannerAwayError,
    ScanOutcome,
    ScanVerdict,
)

#: For one file from its first byte to the answer. clamd cuts connections that send nothing for
#: ``CommandReadTimeout`` (30 s); a scan of a large archive takes it up to ``MaxScanTime`` (120 s).
_SECONDS: Final = 150.0
_CONNECT_SECONDS: Final = 5.0
#: Of an answer: a signature's name is a few words.
_ANSWER_BYTES: Final = 1024
_FOUND: Final = re.compile(r"stream: (?P<name>[\x21-\x7e][\x20-\x7e]{0,180}) FOUND")
#: What clamd reports by these names it has not looked at as a whole.
_NOT_LOOKED_AT: Final = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")
_OVER_LIMIT: Final = "INSTREAM size limit exceeded. ERROR"


class ClamdAddressError(ValueError):
    """The address of clamd cannot be read. The message says how it is written."""


@dataclass(frozen=True, slots=True)
class ClamdAddress:
    """Where clamd listens: a path, or host and port."""

    path: str | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> "ClamdAddress":
        """Read ``unix:/run/clamav/clamd.ctl`` or ``tcp:host:port``."""
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest.startswith("/"):
            return cls(path=rest)
        host, _, port = rest.rpartition(":")
        if kind == "tcp" and host and port.isascii() and port.isdecimal() and int(port) < 1 << 16:
            return cls(host=host.strip("[]"), port=int(port))
        raise ClamdAddressError(
            "The scanner's address is written unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310."
        )

    def connect(self) -> socket.socket:
        """Connect; raises ``OSError``."""
        if self.path is None:
            return socket.create_connection((self.host, self.port), timeout=_CONNECT_SECONDS)
        local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            local.settimeout(_CONNECT_SECONDS)
            local.connect(self.path)
        except OSError:
            local.close()
            raise
        return local


def build_scanner(address: str | None, *, max_bytes: int) -> "ClamdScanner | None":
    """Make the scanner that is set; None if none is. Raises :class:`ClamdAddressError`."""
    if not address:
        return None
    return ClamdScanner(ClamdAddress.parse(address), max_bytes=max_bytes)


class ClamdScanner:
    """Implements ``node.domain.scanning.MalwareScanner``; a connection for each file.

    ``max_bytes``: longer files are not scanned. Set it to the least of clamd's ``StreamMaxLength``,
    ``MaxFileSize`` and ``MaxScanSize``.
    """

    def __init__(
        self,
        address: ClamdAddress,
        *,
        max_bytes: int,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._clock = clock

    def scan(self, content: Iterable[bytes], *, size: int) -> ScanVerdict:
        """Send a file and read what clamd says of it; raises ``ScannerAwayError``."""
        if size > self._max_bytes:
            return ScanVerdict(ScanOutcome.UNSCANNABLE, TOO_LARGE)
        with closing(self._connect()) as clamd:
            line = _Line(clamd, until=self._clock() + self._seconds, clock=self._clock)
            try:
                is_whole = self._send(line, content)
                answer = self._read_answer(line)
            except TimeoutError as error:
                raise ScannerAwayError(
                    f"The malware scanner was not done after {self._seconds:.0f} s: look whether "
                    "it is overloaded. The file is tried again."
                ) from error
        if not answer and not is_whole and self._is_there():
            # Over TCP its last word may be lost when it hangs up. It answers others, so it was
            # this file that it did not want.
            return ScanVerdict(ScanOutcome.UNSCANNABLE, BROKE_OFF)
        return read_verdict(answer, is_whole=is_whole)

    def _connect(self) -> socket.socket:
        try:
            clamd = self._address.connect()
        except OSError as error:
            raise ScannerAwayError(
                f"The malware scanner does not answer ({error.strerror or type(error).__name__}): "
                "start clamd, or look at the address that is set."
            ) from error
        return clamd

    @staticmethod
    def _send(line: "_Line", content: Iterable[bytes]) -> bool:
        """Send the stream; returns whether clamd took all of it."""
        pieces = iter(content)
        try:
            line.send(b"zINSTREAM\0")
        except ConnectionError:
            return False
        for piece in pieces:  # what reading raises is none of clamd's doing
            try:
                line.send(struct.pack("!L", len(piece)) + piece if piece else b"")
            except ConnectionError:
                return False
        try:
            line.send(struct.pack("!L", 0))
        except ConnectionError:
            return False
        return True

    @staticmethod
    def _read_answer(line: "_Line") -> str:
        """Read up to the end of its one line; empty if it says nothing."""
        data = b""
        with suppress(ConnectionError):
            while b"\0" not in data and len(data) < _ANSWER_BYTES:
                more = line.receive(_ANSWER_BYTES)
                if not more:
                    break
                data += more
        return data.partition(b"\0")[0].decode("ascii", "replace").strip()

    def _is_there(self) -> bool:
        with closing(self._connect()) as clamd, suppress(OSError):
            line = _Line(clamd, until=self._clock() + _CONNECT_SECONDS, clock=self._clock)
            line.send(b"zPING\0")
            return self._read_answer(line) == "PONG"
        return False


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection with one end for all that is said on it: drop by drop takes no longer.

    Both raise ``TimeoutError`` at the end, ``ConnectionError`` if the other side hung up.
    """

    clamd: socket.socket
    until: float
    clock: Callable[[], float]

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._limit()
        self.clamd.sendall(data)

    def receive(self, most: int) -> bytes:
        """Return what comes next; nothing at its end."""
        self._limit()
        return self.clamd.recv(most)

    def _limit(self) -> None:
        left = self.until - self.clock()
        if left <= 0:
            raise TimeoutError
        self.clamd.settimeout(left)


def read_verdict(answer: str, *, is_whole: bool) -> ScanVerdict:
    """Read what clamd says of a stream, of which it took all or not; ``ScannerAwayError``."""
    if answer == "stream: OK" and is_whole:
        return ScanVerdict(ScanOutcome.CLEAN)
    if answer == _OVER_LIMIT:
        return ScanVerdict(ScanOutcome.UNSCANNABLE, STREAM_LIMIT)
    found = _FOUND.fullmatch(answer)
    if found is None:
        # Out of memory, reloading, shut down, or not clamd at all: nothing was said of the file.
        raise ScannerAwayError(
            "The malware scanner gave no verdict: look into its log. The file is tried again."
        )
    name = found["name"]
    if name.startswith(_NOT_LOOKED_AT):
        return ScanVerdict(ScanOutcome.UNSCANNABLE, name)
    return ScanVerdict(ScanOutcome.FOUND, name)
