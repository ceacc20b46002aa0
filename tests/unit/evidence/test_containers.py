"""A bundle has one form as a file; everything else that a zip can be is refused, cheaply."""

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from contact_registry.evidence import container
from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from protocol.errors import LocalProtocolError, MalformedError
from protocol.limits import LIMITS, Limits
from tests.support.evidence import EvidenceWorld

MEMBERS = {
    "manifest.json": b"{}",
    "events.json": b"[]",
    "messages/AL-" + "ab" * 16 + ".signed": b"signed",
}


def make_zip(members: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an ordinary zip, as any program makes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def test_what_was_packed_comes_out() -> None:
    """Names and bytes are the same, and the order is the one of a bundle."""
    unpacked = unpack_members(pack_members(MEMBERS))
    assert unpacked == MEMBERS
    assert list(unpacked) == ["manifest.json", "events.json", *list(MEMBERS)[2:]]


def test_any_zip_program_opens_it() -> None:
    """A lawyer needs no program of ours to look inside."""
    with zipfile.ZipFile(io.BytesIO(pack_members(MEMBERS))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == set(MEMBERS)


def test_the_bytes_are_those_of_the_specification() -> None:
    """Every field of the zip's headers has the value that SPEC gives it: no date, no extras."""
    data = pack_members({"manifest.json": b"{}"})
    crc = zlib.crc32(b"{}")
    name = b"manifest.json"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, crc, 2, 2, len(name), 0)
    central = struct.pack(
        "<4sBB5H3I5H2I", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 33, crc, 2, 2, len(name),
        0, 0, 0, 0, 0o100600 << 16, 0,
    )  # fmt: skip
    begin = len(local) + len(name) + 2
    size = len(central) + len(name)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, size, begin, 0)
    assert data == local + name + b"{}" + central + name + end


HOSTILE = {
    "empty": b"",
    "no zip": b"PK but not really",
    "packed by another program": make_zip(MEMBERS),
    "compressed": make_zip(MEMBERS, method=zipfile.ZIP_DEFLATED),
    "bzip2": make_zip(MEMBERS, method=zipfile.ZIP_BZIP2),
    "a bomb": make_zip({"manifest.json": b"\0" * 5_000_000}, method=zipfile.ZIP_DEFLATED),
    "a step upwards": make_zip({"../manifest.json": b""}),
    "an absolute path": make_zip({"/etc/passwd": b""}),
    "a backslash": make_zip({"messages\\x.signed": b""}),
    "a folder": make_zip({"messages/": b""}),
    "a program": make_zip({"report.exe": b""}),
    "an attachment, which this format has not": make_zip({"attachments/" + "ab" * 32: b""}),
    "bytes before": b"#!" + pack_members(MEMBERS),
    "bytes after": pack_members(MEMBERS) + b"\0",
    "cut": pack_members(MEMBERS)[:-1],
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_not_in_the_one_form_is_refused(data: bytes) -> None:
    """Whether damage, another program, or an attack: it is no bundle."""
    with pytest.raises(MalformedError):
        unpack_members(data)


def test_one_name_twice_is_refused() -> None:
    """Two readers would take two different members."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of what this test wants
        archive.writestr("manifest.json", b"{}")
        archive.writestr("manifest.json", b"[]")
    with pytest.raises(MalformedError, match="twice"):
        unpack_members(target.getvalue())


def test_an_encrypted_member_is_refused() -> None:
    """The flag alone is enough: nothing is asked for a password."""
    data = bytearray(make_zip({"manifest.json": b"{}"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(MalformedError):
        unpack_members(bytes(data))


def test_members_that_share_bytes_are_refused() -> None:
    """Overlapping members, each of the whole file, are how a bomb without compression is made."""
    data = bytearray(pack_members({"events.json": b"x" * 1000, "manifest.json": b"{}"}))
    for at in (data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")):
        data[at + 20 : at + 28] = struct.pack("<II", len(data), len(data))
    with pytest.raises(MalformedError, match="more bytes than the file has"):
        unpack_members(bytes(data))


def test_a_file_or_number_of_members_beyond_the_limits_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is taken out of it."""
    data = pack_members(MEMBERS)
    monkeypatch.setattr(container, "LARGEST_FILE", len(data) - 1)
    with pytest.raises(MalformedError, match="larger than any"):
        unpack_members(data)
    monkeypatch.setattr(container, "LARGEST_FILE", len(data))
    monkeypatch.setattr(container, "LIMITS", Limits(evidence_files=2))
    with pytest.raises(MalformedError, match="too many"):
        unpack_members(data)


def test_nobody_makes_a_bundle_that_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for the maker too, and says what to do."""
    world = EvidenceWorld(tmp_path / "registry")
    contents = world.make_contents([world.make_message()], [])
    monkeypatch.setattr("protocol.evidence.bundle.LIMITS", Limits(evidence_bundle=1000))
    with pytest.raises(LocalProtocolError, match="one by one"):
        world.make_members(contents)
    assert LIMITS.evidence_bundle > 1000


def test_the_verdict_on_what_is_no_bundle_is_altered(tmp_path: Path) -> None:
    """It ends with 1, whatever the file is."""
    root = EvidenceWorld(tmp_path / "registry").trusted_root
    for data in HOSTILE.values():
        assert verify_bundle(data, trusted_root=root).outcome is Outcome.ALTERED
