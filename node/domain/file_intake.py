"""Every bound on files of others, in one place."""

from dataclasses import dataclass
from typing import Final

GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class FileIntakeRules:
    """Bounds on what is taken in of files. Sizes in bytes."""

    #: Files of one Participant, arriving or here. Beyond it their messages are shown, and their
    #: chunks left aside and asked for later: nobody fills our disk alone.
    of_one_peer: int = 20 * GIB
    #: What the disk must have free for chunks to be fetched at all; below it they wait in the
    #: mailbox. The database must never stand still because of a file.
    reserve: int = GIB // 4
    #: Chunks that are stored at a time; as many again are fetched meanwhile.
    batch: int = 16
    #: A chunk may overtake the message that announces it. So many of one sender, and of all, are
    #: given back to the broker for these moments, in seconds; then they are left aside, and asked
    #: for once the message is here. The broker hands out 64 before one must be settled.
    early_of_one: int = 8
    early: int = 24
    early_pauses: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 1.0, 3.0, 8.0, 18.0)
    #: Of these, what is no longer than this is waited out here, with the chunks in hand: few of
    #: one sender in half a minute, so that nobody slows the others' files down by it.
    early_here: float = 0.2
    #: Files that are opened, or scanned, in one round.
    round: int = 16


FILE_INTAKE: Final = FileIntakeRules()
