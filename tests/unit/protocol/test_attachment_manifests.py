"""Manifests: they add up or are refused, give nothing away, count as the class of their file."""

import base64
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.attachment import (
    CHUNK_FRAMING,
    TAG_BYTES,
    AttachmentId,
    AttachmentSealer,
    Chunk,
    choose_chunk_size,
)
from protocol.errors import LocalProtocolError
from protocol.limits import LIMITS
from protocol.messages.attachments import AttachmentManifest, FileDescription
from protocol.messages.fields import Model, Sensitivity, find_classified
from protocol.messages.redaction import redact
from tests.support.messages import MESSAGE_ID

KIB = 1024


def describe(size: int) -> FileDescription:
    """Return what people say of a file of this size."""
    return FileDescription(
        name="report of the guardian.pdf",
        media_type="application/pdf",
        sensitivity=Sensitivity.HEALTH,
        size=size,
    )


def make_manifest() -> AttachmentManifest:
    """Seal a file of several chunks and return what its message has to say."""
    content = bytes(70 * KIB)
    sealer = AttachmentSealer(
        describe(len(content)),
        message_id=MESSAGE_ID,
        chunk_size=8 * KIB,
        random=Random(1).randbytes,
    )
    assert len(list(sealer.seal([content]))) > 1
    return sealer.make_manifest()


MANIFEST = make_manifest()


@pytest.mark.parametrize(
    ("most", "chosen"), [(1_000_000, 512 * KIB), (524_288, 256 * KIB), (16_384, 8 * KIB)]
)
def test_chunks_fit_what_the_recipient_takes(most: int, chosen: int) -> None:
    """The largest power of two that leaves room for the framing."""
    assert choose_chunk_size(max_envelope_bytes=most) == chosen
    longest = Chunk(AttachmentId("f" * 32), LIMITS.chunks - 1, bytes(chosen + TAG_BYTES))
    assert len(longest.encode()) <= chosen + CHUNK_FRAMING <= most
    with pytest.raises(LocalProtocolError):
        choose_chunk_size(max_envelope_bytes=8 * KIB)


GOOD: dict[str, Any] = MANIFEST.model_dump(mode="json")


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": LIMITS.attachment + 1},
        {"size": 10},
        {"chunk_size": 8 * KIB + 1},
        {"chunk_size": 4 * KIB},
        {"chunk_size": 1024 * KIB},
        {"chunk_count": GOOD["chunk_count"] + 1},
        {"chunk_sha256": GOOD["chunk_sha256"][:-44]},
        {"chunk_sha256": "=" * 8},
        {"key": base64.b64encode(bytes(31)).decode()},
        {"key": GOOD["key"][:-2] + ("B=" if GOOD["key"][-2] != "B" else "C=")},
        {"header": "not base64"},
        {"sha256": "AB" * 32},
        {"media_type": "Application/PDF"},
        {"media_type": "application"},
        {"sensitivity": "secret"},
        {"attachment_id": "1"},
        {"path": "x"},
    ],
    ids=lambda changes: "-".join(f"{k}-{str(v)[:12]}" for k, v in changes.items()),
)
def test_a_manifest_that_does_not_add_up_is_refused(changes: dict[str, Any]) -> None:
    """Counts, sizes, digests, and key fit each other, or nothing is fetched."""
    with pytest.raises(ValidationError):
        AttachmentManifest.model_validate_json(json.dumps(GOOD | changes))


@pytest.mark.parametrize(
    "name",
    [
        "../notes.txt",
        "a/b.txt",
        "a\\b.txt",
        "C:notes.txt",
        ".hidden",
        "..",
        "name.",
        "a\x00b",
        "a\nb",
        "photo\u202egpj.exe",
        "photo\u200b.jpg",
        "photo\u2028.jpg",
        "photo\u2029.jpg",
        " a.txt",
        "",
        "x" * 256,
        "ж" * 128,
    ],
    ids=ascii,
)
def test_names_that_are_more_than_a_name_are_refused(name: str) -> None:
    """No path, nothing hidden, nothing that a file system could not take."""
    with pytest.raises(ValidationError):
        describe(1).model_validate(describe(1).model_dump() | {"name": name})


@pytest.mark.parametrize("name", ["Извештај 1 (копија).pdf", "përgjigje.odt", "a", "ж" * 127])
def test_names_that_people_give_are_taken(name: str) -> None:
    """Letters of all the languages, blanks, and brackets."""
    assert describe(1).model_validate(describe(1).model_dump() | {"name": name}).name == name


def test_no_key_is_shown() -> None:
    """A manifest that ends up in a log gives nothing away."""
    shown = repr(MANIFEST)
    assert MANIFEST.key not in shown
    assert MANIFEST.header not in shown


class _Answer(Model):
    """A body that has files, one alone and several."""

    one: AttachmentManifest | None = None
    several: tuple[AttachmentManifest, ...] = ()


@given(st.sampled_from(Sensitivity), st.lists(st.sampled_from(Sensitivity), max_size=3))
def test_a_file_counts_as_the_class_that_its_sender_states(
    one: Sensitivity, several: list[Sensitivity]
) -> None:
    """As a whole, so that neither its name nor its key goes out under a milder class."""
    body = _Answer(
        one=MANIFEST.model_copy(update={"sensitivity": one}),
        several=tuple(MANIFEST.model_copy(update={"sensitivity": mark}) for mark in several),
    )
    assert list(find_classified(body)) == [
        ("one", one),
        *((f"several.{index}", mark) for index, mark in enumerate(several)),
    ]


@pytest.mark.parametrize("mark", Sensitivity)
def test_a_reader_without_its_class_sees_that_there_is_a_file_and_nothing_of_it(
    mark: Sensitivity,
) -> None:
    """Withheld as a whole: name, size, and key; with the class, nothing is."""
    file = MANIFEST.model_copy(update={"sensitivity": mark})
    body = _Answer(one=file, several=(file,))
    hidden = redact(body, keep=frozenset(Sensitivity) - {mark})
    assert hidden.tree == {"one": {"withheld": mark}, "several": [{"withheld": mark}]}
    assert [(each.path, each.sensitivity) for each in hidden.withheld] == [
        ("one", mark),
        ("several.0", mark),
    ]
    shown = redact(body, keep=frozenset({mark, Sensitivity.NONE}))
    assert (shown.tree, shown.withheld) == (body.model_dump(mode="json"), ())
