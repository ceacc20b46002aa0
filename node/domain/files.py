"""What the node needs of a place for large bytes, and every bound on files in one place."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from console.i18n import Message
from console.refusals import RefusalError
from protocol.limits import LIMITS

MIB: Final = 1024**2


class BlobStore(Protocol):
    """Encrypted content on the disk, one file under each name. All of it blocks.

    A name is 32 lower-case hexadecimal characters, drawn or hashed here, never a sender's word.
    Nothing counts as kept before :meth:`sync` has returned: whoever writes calls it, and only then
    commits the row that says so. Whoever deletes commits first, and deletes then; what a crash
    leaves without a row is found by :meth:`list_names`.
    """

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """Write, making the file if it is not there; raises :class:`NoRoomError`."""
        ...

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        """Read; shorter at the end. Raises ``FileNotFoundError``."""
        ...

    def sync(self, name: str) -> None:
        """Return when content and name are on the disk for good; raises :class:`NoRoomError`."""
        ...

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Keep every other writer of this name out, in this process and others, for a moment.

        Makes the file if it is not there; raises :class:`NoRoomError`.
        """
        ...

    def size(self, name: str) -> int | None:
        """Return the length in bytes; None if there is no such file."""
        ...

    def delete(self, name: str) -> None:
        """Delete; nothing happens if there is no such file."""
        ...

    def list_names(self) -> Iterator[tuple[str, datetime]]:
        """Yield every name, and when it was written to last."""
        ...

    def free_bytes(self) -> int:
        """Return how many bytes more the disk takes."""
        ...


class NoRoomError(RefusalError):
    """The disk takes no more. Nothing was lost; the message says what to do."""

    def __init__(self, said: Message) -> None:
        """Take what pages and programs are told."""
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class FileRules:
    """Bounds on files of the sender's side. Sizes in bytes."""

    #: The greatest file that may be brought in.
    largest: int = LIMITS.attachment
    #: Files are encrypted on the disk in pieces of this many bytes, and resumed at these places:
    #: small enough that little is sent twice, and that few bytes are in memory.
    segment: int = 256 * 1024
    #: After so many bytes they are made safe on the disk and counted. More: faster; less: a broken
    #: line costs less.
    stride: int = 4 * MIB
    #: All files that are brought in and not sent yet, of one person or program: sixteen of the
    #: greatest, what one message can hold.
    staged_by_one: int = LIMITS.attachments * LIMITS.attachment
    #: Files that are not sent yet, of one person or program: nobody's list grows without end.
    staged_files_by_one: int = 64
    #: All files of all people and programs that are not sent yet: one of them alone cannot use
    #: what the others need, and files that come find room beside them.
    staged_by_all: int = 10 * LIMITS.attachments * LIMITS.attachment
    #: What the disk must have free after a file was brought in: the database must never stand still
    #: because of a file.
    reserve: int = 256 * MIB
    #: A file that no message took is deleted after this, like the draft that it was for.
    staged_for: timedelta = timedelta(days=7)
    #: A blob without a row is deleted when nothing was written to it for this long: longer than
    #: sealing the greatest message takes.
    orphan_age: timedelta = timedelta(hours=6)
    #: Chunks handed over at a time, at most: bounds memory, and what a chunk can delay.
    window: int = 8
    #: Chunks of one file are sent again on request at most so often: as often as an honest peer
    #: asks (its pauses of SPEC section 6), and once more after each of a few restores.
    asked_at_most: int = 48
