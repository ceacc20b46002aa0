"""What is said of files: sizes, how far they are, what a scanner said."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, pmsg
from node.domain.file_states import Arrival, Scan
from node.domain.scanning import BROKE_OFF, STREAM_LIMIT, TOO_LARGE
from node.service.attachments.showing import FileTrouble, FileView
from node.service.attachments.states import SentState
from node.service.attachments.taking import Withheld
from node.web.states import Look

_KILO: Final = 1_000
_MEGA: Final = 1_000_000

_ARRIVED: Final[Mapping[Arrival, Look]] = {
    Arrival.ARRIVING: Look(pmsg("file", "Arriving"), "info", "hourglass"),
    Arrival.OPENED: Look(pmsg("file", "Complete"), "ok", "circle-check"),
    Arrival.BROKEN: Look(pmsg("file", "Damaged by its sender's system"), "danger", "shield-x"),
    Arrival.GONE: Look(
        pmsg("file", "Does not come any more, says its sender"), "danger", "circle-alert"
    ),
    Arrival.GIVEN_UP: Look(pmsg("file", "Asked for in vain"), "danger", "circle-alert"),
}
_SCANNED: Final[Mapping[Scan, Look]] = {
    Scan.WAITING: Look(pmsg("file", "Waits for the malware scanner"), "info", "hourglass"),
    Scan.CLEAN: Look(pmsg("file", "Complete, nothing found in it"), "ok", "circle-check"),
    Scan.FOUND: Look(pmsg("file", "Quarantined: malware found"), "danger", "shield-alert"),
    Scan.UNSCANNABLE: Look(pmsg("file", "Complete, could not be scanned"), "warn", "circle-alert"),
}
_SENT: Final[Mapping[SentState, Look]] = {
    SentState.WAITING: Look(pmsg("file", "Waits to leave"), "info", "hourglass"),
    SentState.MOVING: Look(pmsg("file", "Leaving"), "info", "send"),
    SentState.HANDED_OVER: Look(pmsg("file", "On its way"), "info", "send"),
    SentState.ENDED: Look(pmsg("file", "Did not leave as a whole"), "danger", "circle-alert"),
    SentState.GONE: Look(pmsg("file", "No longer here"), "neutral", "ban"),
}
_DELIVERED: Final = Look(pmsg("file", "Delivered"), "ok", "circle-check")
_NO_ROOM: Final = Look(pmsg("file", "Waits for room on our disk"), "warn", "hourglass")

_UNSCANNED_BECAUSE: Final[Mapping[str, Message]] = {
    TOO_LARGE: pmsg("file", "Larger than this node gives its scanner"),
    STREAM_LIMIT: pmsg("file", "Larger than the scanner takes"),
    BROKE_OFF: pmsg("file", "The scanner broke off"),
}

WITHHELD: Final[Mapping[Withheld, Message]] = {
    Withheld.QUARANTINED: pmsg(
        "file",
        "The malware scanner found something in this file, so nobody can open it here. Ask "
        "the desk that sent it for another form of it, and tell your administrator.",
    ),
    Withheld.UNSCANNED: pmsg(
        "file",
        "The malware scanner could not look into all of this file. Go back to the message, and "
        "save it from there if you expected it.",
    ),
    Withheld.WAITING: pmsg(
        "file",
        "This file waits for the malware scanner. Look again in a moment; if it stays so, tell "
        "your administrator.",
    ),
    Withheld.MISSING: pmsg("file", "This file is not here as a whole. Look again later."),
    Withheld.DAMAGED: pmsg(
        "file",
        "This file was damaged on this system's disk. It is asked for again by itself: look again "
        "later.",
    ),
}
"""Why nobody can have a file, and what to do."""


def say_size(size: int) -> Message:
    """Write a number of bytes as people do."""
    if size < _KILO:
        return pmsg("file size", "%(number)s\N{NO-BREAK SPACE}bytes", number=size)
    if size < _MEGA:
        return pmsg("file size", "%(number)s\N{NO-BREAK SPACE}kB", number=-(-size // _KILO))
    return pmsg("file size", "%(number)s\N{NO-BREAK SPACE}MB", number=f"{size / _MEGA:.1f}")


def look_of_file(file: FileView | FileTrouble) -> Look:
    """Say how a file stands, on whichever side we are."""
    if isinstance(file, FileView) and file.sent is not None:
        return _DELIVERED if file.is_confirmed else _SENT[file.sent]
    if file.arrival is Arrival.ARRIVING and file.has_no_room:
        return _NO_ROOM
    if file.arrival is Arrival.OPENED and file.scan is not Scan.NONE:
        return _SCANNED[file.scan]
    return _ARRIVED[file.arrival or Arrival.ARRIVING]


def say_detail(file: FileTrouble) -> Message | str:
    """Say what the scanner named, or why it could not look."""
    return _UNSCANNED_BECAUSE.get(file.scan_detail or "", file.scan_detail or "")
