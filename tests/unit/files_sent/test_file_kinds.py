"""What a file really is: told by its content, and nothing that holds a program is taken."""

import io
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.service.attachments.sniffing import (
    KINDS,
    Kind,
    RefusedFileError,
    SegmentedFile,
    look_at,
    match_name,
)


def as_file(content: bytes) -> SegmentedFile:
    """Return bytes as a file that is read from any place."""
    return SegmentedFile(lambda at, length: content[at : at + length], size=len(content))


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive, its first member not compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name, content in members.items():
            written.writestr(name, content)
    return made.getvalue()


def office(part: str, **more: bytes) -> bytes:
    """Return what an office program writes, as far as it is looked at."""
    return archive({"[Content_Types].xml": b"<Types/>", f"{part}/document.xml": b"", **more})


def open_document(media_type: str) -> bytes:
    """Return an OpenDocument file, as far as it is looked at."""
    return archive({"mimetype": media_type.encode(), "content.xml": b""})


ODT = "application/vnd.oasis.opendocument.text"

GOOD = {
    "a.pdf": b"%PDF-1.7\n",
    "a.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "A.JPEG": b"\xff\xd8\xff\xe1",
    "a.png": b"\x89PNG\r\n\x1a\n",
    "a.tif": b"II*\x00",
    "a.webp": b"RIFF\x00\x00\x00\x00WEBP",
    "a.heic": b"\x00\x00\x00\x18ftypheic",
    "a.wav": b"RIFF\x00\x00\x00\x00WAVE",
    "a.mp3": b"ID3\x04",
    "a.ogg": b"OggS\x00",
    "a.m4a": b"\x00\x00\x00\x18ftypM4A ",
    "a.mp4": b"\x00\x00\x00\x18ftypisom",
    "a.mov": b"\x00\x00\x00\x14ftypqt  ",
    "a.txt": "Përshëndetje, поздрав\n".encode(),
    "a.csv": b"\xef\xbb\xbfdate;place\n",
    "a.docx": office("word"),
    "a.xlsx": office("xl"),
    "a.pptx": office("ppt"),
    "a.odt": open_document(ODT),
    "a.ods": open_document("application/vnd.oasis.opendocument.spreadsheet"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_people_exchange_is_taken(name: str) -> None:
    """The usual kinds are known by their content."""
    look_at(as_file(GOOD[name]), promised=match_name(name))


BAD = {
    "a program": ("a.pdf", b"MZ\x90\x00\x03", "not taken"),
    "a program for another system": ("a.txt", b"\x7fELF\x02\x01", "not taken"),
    "a script": ("a.txt", b"#!/bin/sh\n", "not taken"),
    "a page": ("a.txt", b"\xef\xbb\xbf \n<!DOCTYPE html>", "not taken"),
    "a drawing with scripts": ("a.txt", b"<svg onload='x'>", "not taken"),
    "an old document": ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not taken"),
    "a picture that is called a document": ("a.pdf", GOOD["a.png"], r"end with \.png"),
    "a document that is called a picture": ("a.png", GOOD["a.docx"], r"end with \.docx"),
    "macros": ("a.docx", office("word", **{"word/vbaProject.bin": b""}), "macros"),
    "macros under other letters": ("a.xlsx", office("xl", **{"xl/VBAPROJECT.BIN": b""}), "macros"),
    "old macros": ("a.xlsx", office("xl", **{"xl/macrosheets/sheet1.xml": b""}), "macros"),
    "scripts": ("a.odt", archive({"mimetype": ODT.encode(), "Scripts/python/a.py": b""}), "macros"),
    "any other archive": ("a.docx", archive({"tool.exe": b"MZ"}), "not taken"),
    "half of a document": ("a.docx", GOOD["a.docx"][:60], "damaged"),
    "a mimetype that goes on": ("a.odt", open_document(ODT + "-template"), "not taken"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_holds_a_program_or_lies_is_refused(what: str) -> None:
    """Each refusal says what to do instead."""
    name, content, words = BAD[what]
    with pytest.raises(RefusedFileError, match=words):
        look_at(as_file(content), promised=match_name(name))


@pytest.mark.parametrize("name", ["a.exe", "a.html", "a.docm", "a.zip", "a", "pdf", "a.pdf.js"])
def test_other_names_are_refused_before_anything_comes(name: str) -> None:
    """The list is closed."""
    with pytest.raises(RefusedFileError, match="not taken"):
        match_name(name)


def test_a_huge_directory_is_not_read() -> None:
    """An archive that says it has more members than any document is refused by its last bytes."""
    content = bytearray(GOOD["a.docx"])
    end = content.rfind(b"PK\x05\x06")
    content[end + 10 : end + 12] = b"\xff\xff"
    with pytest.raises(RefusedFileError, match="too many parts"):
        look_at(as_file(bytes(content)), promised=match_name("a.docx"))


def test_numbers_of_eight_bytes_are_not_believed() -> None:
    """An archive whose small numbers are overruled by a second end record is refused unread."""
    content = GOOD["a.docx"]
    end = content.rfind(b"PK\x05\x06")
    overruled = content[:end] + b"PK\x06\x07" + bytes(16) + content[end:]
    with pytest.raises(RefusedFileError, match="too many parts"):
        look_at(as_file(overruled), promised=match_name("a.docx"))


@given(
    kind=st.sampled_from(KINDS),
    base=st.sampled_from([b"", b"PK\x03\x04", *GOOD.values()]),
    at=st.integers(0, 400),
    change=st.binary(max_size=60),
)
def test_whatever_the_bytes_are_it_is_taken_or_refused(
    kind: Kind, base: bytes, at: int, change: bytes
) -> None:
    """No content makes the look fail in another way."""
    content = base[:at] + change + base[at + len(change) :]
    try:
        look_at(as_file(content), promised=kind)
    except RefusedFileError as error:
        assert len(str(error)) < 400
