"""What a file really is: told by its content, not by its name or by what somebody says.

Only kinds that people exchange in cases and that hold no program are taken. A closed list: what is
not in it is refused with what to do instead. A recipient looks again for itself; this spares both
sides a file that would be refused there, and keeps an accident (a program, a page with scripts, a
document with macros) from leaving under this Participant's name.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from console.i18n import msg
from node.service.context import RefusedDraftError

HEAD_BYTES: Final = 8192
"""How much of its beginning tells a file's kind."""

_MOST_MEMBERS: Final = 10_000
_LARGEST_DIRECTORY: Final = 4 * 1024**2
_END_OF_DIRECTORY: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
#: Before the end: it says that other numbers, of eight bytes, hold. No document needs them.
_LONG_LOCATOR: Final = b"PK\x06\x07"
_LOCATOR_BYTES: Final = 20
_LONGEST_COMMENT: Final = 65_535


class RefusedFileError(RefusedDraftError):
    """A file cannot be sent as it is. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that is taken."""

    media_type: str
    #: How names of such files end, the usual one first.
    endings: tuple[str, ...]


_PDF: Final = Kind("application/pdf", (".pdf",))
_JPEG: Final = Kind("image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"))
_PNG: Final = Kind("image/png", (".png",))
_TIFF: Final = Kind("image/tiff", (".tif", ".tiff"))
_GIF: Final = Kind("image/gif", (".gif",))
_WEBP: Final = Kind("image/webp", (".webp",))
_HEIC: Final = Kind("image/heic", (".heic", ".heif"))
_MP3: Final = Kind("audio/mpeg", (".mp3",))
_WAV: Final = Kind("audio/wav", (".wav",))
_OGG: Final = Kind("audio/ogg", (".ogg", ".oga", ".opus"))
_M4A: Final = Kind("audio/mp4", (".m4a",))
_MP4: Final = Kind("video/mp4", (".mp4", ".m4v"))
_MOV: Final = Kind("video/quicktime", (".mov", ".qt"))
_TEXT: Final = Kind("text/plain", (".txt", ".text"))
_CSV: Final = Kind("text/csv", (".csv",))
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_DOCX: Final = Kind(_OFFICE + "wordprocessingml.document", (".docx",))
_XLSX: Final = Kind(_OFFICE + "spreadsheetml.sheet", (".xlsx",))
_PPTX: Final = Kind(_OFFICE + "presentationml.presentation", (".pptx",))
_OPEN: Final = "application/vnd.oasis.opendocument."
_ODT: Final = Kind(_OPEN + "text", (".odt",))
_ODS: Final = Kind(_OPEN + "spreadsheet", (".ods",))
_ODP: Final = Kind(_OPEN + "presentation", (".odp",))

KINDS: Final = (
    _PDF, _JPEG, _PNG, _TIFF, _GIF, _WEBP, _HEIC, _MP3, _WAV, _OGG, _M4A, _MP4, _MOV, _TEXT, _CSV,
    _DOCX, _XLSX, _PPTX, _ODT, _ODS, _ODP,
)  # fmt: skip

_BEGINNINGS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"%PDF-", _PDF),
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"II*\x00", _TIFF),
    (b"MM\x00*", _TIFF),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"ID3", _MP3),
    (b"\xff\xfb", _MP3),
    (b"\xff\xf3", _MP3),
    (b"\xff\xf2", _MP3),
    (b"OggS", _OGG),
)
#: ISO base media (ISO/IEC 14496-12, 4.3): the major brand stands at byte 8.
_BRANDS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"heic", _HEIC), (b"heix", _HEIC), (b"mif1", _HEIC), (b"msf1", _HEIC),
    (b"M4A ", _M4A), (b"M4B ", _M4A), (b"qt  ", _MOV),
    (b"isom", _MP4), (b"iso2", _MP4), (b"iso4", _MP4), (b"iso5", _MP4), (b"iso6", _MP4),
    (b"mp41", _MP4), (b"mp42", _MP4), (b"avc1", _MP4), (b"M4V ", _MP4), (b"MSNV", _MP4),
    (b"3gp4", _MP4), (b"3gp5", _MP4), (b"3gp6", _MP4), (b"dash", _MP4),
)  # fmt: skip
_RIFF: Final = {b"WAVE": _WAV, b"WEBP": _WEBP}
#: What text begins with if it is code that some program would run.
_ACTIVE: Final = (b"<!doctype", b"<html", b"<script", b"<svg", b"<?xml", b"<?php", b"#!", b"{\\rtf")

#: Where office programs keep programs.
_MACRO_ENDS: Final = ("vbaproject.bin",)
_MACRO_FOLDERS: Final = ("basic/", "scripts/", "xl/macrosheets/")

_NOT_TAKEN: Final = msg(
    "This kind of file is not taken: send a PDF, a picture, a recording, plain text, or a document "
    "of a text or table program without macros."
)


class SegmentedFile(io.RawIOBase):
    """A file that can be read from any place, out of a function that gives its pieces."""

    def __init__(self, read: Callable[[int, int], bytes], *, size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._at

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("A file has no place before its beginning.")
        self._at = base + offset
        return self._at

    @override
    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self._size - self._at)
        data = self._read(self._at, left if size < 0 else min(size, left))
        self._at += len(data)
        return data


def match_name(name: str) -> Kind:
    """Return the kind that a name promises; raises :class:`RefusedFileError`."""
    lowered = name.lower()
    for kind in KINDS:
        if lowered.endswith(kind.endings):
            return kind
    raise RefusedFileError(_NOT_TAKEN)


def look_at(file: SegmentedFile, *, promised: Kind) -> None:
    """Compare what a file is with what its name promises.

    Raises :class:`RefusedFileError` with what to do. Whatever the bytes are, nothing else is
    raised, and no more than the head and a bounded directory is read.
    """
    found = _find_kind(file, promised=promised)
    if found is None:
        raise RefusedFileError(_NOT_TAKEN)
    if found is not promised:
        raise RefusedFileError(
            msg(
                "The name of this file promises a %(promised)s file, and it is a "
                "%(found)s file: look whether it is the right one, and let its name "
                "end with %(found)s.",
                promised=promised.endings[0],
                found=found.endings[0],
            )
        )


def _find_kind(file: SegmentedFile, *, promised: Kind) -> Kind | None:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[4:8] == b"ftyp":
        return next((kind for brand, kind in _BRANDS if head[8:12] == brand), None)
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"PK\x03\x04"):
        return _look_into_archive(file)
    return _judge_text(head, promised=promised)


def _judge_text(head: bytes, *, promised: Kind) -> Kind | None:
    """Tell text by what it does not hold; a table in text looks like any other text."""
    if any(byte < 0x20 and byte not in b"\t\n\r\f" for byte in head):  # noqa: PLR2004 - the first that is printed
        return None
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if begins.startswith(_ACTIVE):
        return None
    return _CSV if promised is _CSV else _TEXT


def _look_into_archive(file: SegmentedFile) -> Kind | None:
    """Tell a document of an office program by its members; any other archive is refused."""
    if not _has_small_directory(file):
        raise RefusedFileError(
            msg("This document is damaged or has too many parts: save it anew, or send it as PDF.")
        )
    try:
        with zipfile.ZipFile(file) as archive:
            names = {info.filename.lower() for info in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise RefusedFileError(
            msg("This document is damaged: save it anew, or send it as PDF.")
        ) from error
    if any(name.endswith(_MACRO_ENDS) or name.startswith(_MACRO_FOLDERS) for name in names):
        raise RefusedFileError(
            msg("This document holds macros, which are programs: save it without them, or as PDF.")
        )
    if "[content_types].xml" in names:
        for part, kind in (("word/", _DOCX), ("xl/", _XLSX), ("ppt/", _PPTX)):
            if any(name.startswith(part) for name in names):
                return kind
    return _find_open_document(file) if "mimetype" in names else None


def _find_open_document(file: SegmentedFile) -> Kind | None:
    """Read the member ``mimetype``: first, and not compressed (ODF 1.3 part 2, 3.3)."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    for kind in (_ODT, _ODS, _ODP):
        if head[30:38] == b"mimetype" and head[38:].startswith(kind.media_type.encode()):
            following = head[38 + len(kind.media_type) :]
            if following.startswith(b"PK"):
                return kind
    return None


def _has_small_directory(file: SegmentedFile) -> bool:
    """Whether the list of members has bounds that make it safe to read."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - _END_BYTES - _LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(tail) - at < _END_BYTES:
        return False
    if tail[max(0, at - _LOCATOR_BYTES) : at].startswith(_LONG_LOCATOR):
        return False
    members = int.from_bytes(tail[at + 10 : at + 12], "little")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    return members <= _MOST_MEMBERS and directory <= _LARGEST_DIRECTORY
