"""The zip that a bundle travels in: one for given members, to the last byte.

A zip has many places that no reader looks at: dates, comments, gaps, two headers for one member. In
evidence each would be a byte that can change unseen. So a bundle has exactly one form: members
stored without compression, in one order, with one date. The reader takes the members out, packs
them again, and refuses the file if that is not, byte for byte, what it was given. Nothing is
decompressed and nothing is written, so there is no bomb and no path to climb.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Final

from protocol.errors import MalformedError
from protocol.evidence.bundle import find_kind, order_members
from protocol.evidence.manifest import MANIFEST_PATH, SIGNATURE_PATH
from protocol.limits import LIMITS

#: The earliest date that a zip can hold: it says nothing, and looks it.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100600 << 16
#: What the zip adds to a member beside its bytes: two headers, and its name in both.
_FRAMING: Final = 400
_LONGEST_ENTRY: Final = 200
"""What the zip's directory at its end has for a member, at most."""
_END: Final = struct.Struct("<4s4H2IH")
_LOCATOR_BYTES: Final = 20
LARGEST_FILE: Final = LIMITS.evidence_bundle + LIMITS.evidence_files * _FRAMING
"""No bundle has more bytes than this."""

#: What ``zipfile`` raises on bytes that are no zip, or one with features that a bundle has not.
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
    struct.error,
)


def pack_members(members: Mapping[str, bytes]) -> bytes:
    """Return the zip of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for path in order_members(members):
            info = zipfile.ZipInfo(path, date_time=_DATE)
            info.create_system = _UNIX
            info.external_attr = _PLAIN_FILE
            archive.writestr(info, members[path])
    return target.getvalue()


def unpack_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a bundle; raises :class:`~protocol.errors.MalformedError`."""
    if len(data) > LARGEST_FILE:
        raise MalformedError("The file is larger than any evidence bundle.")
    _require_small_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _read(archive, size=len(data))
    except _ZIP_ERRORS as error:
        raise MalformedError("The file is not an evidence bundle, or was damaged.") from error
    if pack_members(members) != data:
        raise MalformedError(
            "The file is not in the one form that a bundle has: it was altered or packed anew."
        )
    return members


def _require_small_directory(data: bytes) -> None:
    """Look at the end of the file before ``zipfile`` does.

    It makes an object of each entry of the directory, and a file of our size has room for two
    million of them: a gigabyte of memory.
    """
    if len(data) < _END.size:
        raise MalformedError("The file is not an evidence bundle, or was damaged.")
    magic, _, _, _, _, size, _, comment = _END.unpack(data[-_END.size :])
    before = data[-_END.size - _LOCATOR_BYTES : -_END.size]
    if magic != b"PK\x05\x06" or comment or before.startswith(b"PK\x06\x07"):
        raise MalformedError("The file is not an evidence bundle, or was damaged.")
    if size > LIMITS.evidence_files * _LONGEST_ENTRY:
        raise MalformedError("The bundle has too many members.")


def _read(archive: zipfile.ZipFile, *, size: int) -> dict[str, bytes]:
    """Take the members out, after a look at what they claim to be."""
    entries = archive.infolist()
    if len(entries) > LIMITS.evidence_files or len({it.filename for it in entries}) != len(entries):
        raise MalformedError("The bundle has too many members, or one of them twice.")
    # Members cannot share bytes: what they claim together is in the file, and all of it is stored.
    if sum(it.file_size for it in entries) > size:
        raise MalformedError("The members of the bundle claim more bytes than the file has.")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise MalformedError("A member of the bundle is compressed: no bundle has that.")
        if entry.filename not in {MANIFEST_PATH, SIGNATURE_PATH}:
            find_kind(entry.filename)
    return {entry.filename: archive.read(entry) for entry in entries}
