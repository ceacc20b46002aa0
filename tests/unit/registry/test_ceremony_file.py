"""The signing file as bytes, its digest, and the lines that people read."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_registry.ceremony.digest import is_same_digest, speak_digest
from contact_registry.ceremony.signing_file import (
    digest_change,
    parse_signing_file,
    serialize_signing_file,
)
from contact_registry.ceremony.wording import KeyNames
from contact_registry.errors import SubmissionRefusedError
from contact_registry.trust.layout import make_tuf_key
from tests.support.ceremony_scene import NEW, Scene, make_scene

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Hold a registry with AL and MK; nothing below changes it."""
    return make_scene(tmp_path_factory.mktemp("scene"))


def set_in(name: str, value: object) -> Callable[[Tree], None]:
    """Return an edit that sets a member."""
    return lambda tree: tree.update({name: value})


def test_a_file_is_read_as_it_was_written(scene: Scene) -> None:
    """A signing file has one form: what is read is written as the same bytes."""
    data = serialize_signing_file(scene.admission())
    assert serialize_signing_file(parse_signing_file(data)) == data
    assert digest_change(parse_signing_file(data)) == digest_change(scene.admission())


@pytest.mark.parametrize(
    "edit",
    [
        set_in("description", "Admits Montenegro."),
        set_in("format", "trm-signing-file/2"),
        set_in("parts", []),
        lambda tree: tree["parts"].reverse(),
        lambda tree: tree["parts"].append(tree["parts"][0]),
        lambda tree: tree["parts"][0].update(comment="harmless"),
        lambda tree: tree["documents"][0].update(content="not base64!"),
    ],
    ids=["description", "format", "no-parts", "order", "twice", "comment", "base64"],
)
def test_a_file_that_says_more_is_refused(scene: Scene, edit: Callable[[Tree], None]) -> None:
    """Descriptions and comments have no place in a file: nobody could trust them."""
    tree = json.loads(serialize_signing_file(scene.renewal()))
    edit(tree)
    with pytest.raises(SubmissionRefusedError):
        parse_signing_file((json.dumps(tree, indent=1) + "\n").encode())


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    """Any bytes at all are refused with one sentence, or are a signing file."""
    with pytest.raises(SubmissionRefusedError):
        parse_signing_file(data)


@settings(max_examples=60, deadline=None)
@given(role=st.text(max_size=12), metadata=st.binary(max_size=80), path=st.text(max_size=30))
def test_garbage_in_a_good_file_is_refused(
    scene: Scene, role: str, metadata: bytes, path: str
) -> None:
    """Whatever stands where metadata should is refused in a sentence that repeats none of it."""
    content = base64.b64encode(metadata).decode()
    tree = {"format": "trm-signing-file/1", "parts": [{"role": role, "metadata": content}],
            "documents": [{"path": path, "content": content}]}  # fmt: skip
    data = (json.dumps(tree, indent=1) + "\n").encode()
    with pytest.raises(SubmissionRefusedError):
        scene.examine(parse_signing_file(data))


@settings(max_examples=60, deadline=None)
@given(sha256=st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_a_digest_is_compared_as_people_write_it(sha256: str) -> None:
    """Twelve groups of five digits, with any spacing; one wrong digit is another digest."""
    spoken = speak_digest(sha256)
    assert [len(group) for group in spoken.split()] == [5] * 12
    assert is_same_digest(spoken.replace(" ", "-"), sha256)
    assert is_same_digest(f" {spoken.replace(' ', '')}\n", sha256)
    wrong = ("1" if spoken[0] == "0" else "0") + spoken[1:]
    assert not is_same_digest(wrong, sha256)
    assert not is_same_digest("", sha256)
    assert not is_same_digest(spoken[:-6], sha256)


def test_a_tuf_key_is_ours() -> None:
    """A key in metadata has the id that is derived from it, and nothing else in it."""
    assert make_tuf_key(NEW.verify_key).keyid == NEW.key_id


def test_names_cannot_forge_lines() -> None:
    """What turns text around or breaks a line is not printed as such."""
    shown = KeyNames().show("Part.\x1b[2K\u202eLA\nSignatures: complete")
    assert shown.isprintable()
    assert "\u202e" not in shown
