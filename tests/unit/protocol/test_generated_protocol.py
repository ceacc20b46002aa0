"""What is generated from the types: complete, and any difference from the tree is named."""

import json
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from protocol.messages.catalogue import CATALOGUE
from scripts.generate_protocol import ANNEX, HTCDS, SCHEMAS, find_differences, generate, main, write

FILES: Final = generate()
RECEIPT: Final = SCHEMAS / "system.receipt.v1.schema.json"


def test_every_type_has_its_schema_and_nothing_else_has_one() -> None:
    """One schema for each type and version, besides the two documents."""
    named = {SCHEMAS / f"{tag}.v{entry.version}.schema.json" for tag, entry in CATALOGUE.items()}
    assert set(FILES) == {*named, ANNEX, HTCDS}
    assert all(json.loads(FILES[path])["type"] == "object" for path in named)


@pytest.mark.parametrize("tag", CATALOGUE)
def test_the_annex_names_every_field_of_a_type(tag: str) -> None:
    """The section of a type has a row for each field of its body and of its typed answer."""
    entry = CATALOGUE[tag]
    section = FILES[ANNEX].split(f"\n### {tag}\n", 1)[1].split("\n### ", 1)[0]
    body = entry.body
    assert isinstance(body, type)
    assert issubclass(body, BaseModel)
    for name in (*body.model_fields, *(entry.answer.model_fields if entry.answer else ())):
        assert f"\n| `{name}` |" in section


def test_every_link_of_the_annex_leads_somewhere() -> None:
    """What a table refers to, a part or a code list, has a section of that name."""
    annex = FILES[ANNEX]
    headings = {
        line.lstrip("# ").lower().replace(".", "").replace(" ", "-")
        for line in annex.splitlines()
        if line.startswith("#")
    }
    links = {piece.split(")", 1)[0] for piece in annex.split("](#")[1:]}
    assert links
    assert links <= headings


def test_nothing_differs_right_after_writing(tmp_path: Path) -> None:
    """What was written is what is wanted, and an old schema is taken away."""
    (tmp_path / SCHEMAS).mkdir(parents=True)
    (tmp_path / SCHEMAS / "no.such_type.v1.schema.json").write_text("{}")
    write(tmp_path, FILES)
    assert list(find_differences(tmp_path, FILES)) == []


def test_each_difference_is_named(tmp_path: Path) -> None:
    """A changed file, a missing one, and one too many are each told by path."""
    write(tmp_path, FILES)
    (tmp_path / ANNEX).write_text("edited by hand")
    (tmp_path / RECEIPT).unlink()
    (tmp_path / SCHEMAS / "no.such_type.v1.schema.json").write_text("{}")
    assert list(find_differences(tmp_path, FILES)) == [
        "protocol/MESSAGES.md is not what the types say",
        "protocol/schemas/system.receipt.v1.schema.json is missing",
        "protocol/schemas/no.such_type.v1.schema.json belongs to no type",
    ]


def test_a_check_writes_nothing_and_says_how_to_repair(tmp_path: Path) -> None:
    """Checking an empty tree fails, names each file with the command, and leaves it empty."""
    told: list[str] = []
    (tmp_path / "protocol").mkdir()
    assert main(["--check"], root=tmp_path, report=told.append) == 1
    wanted = f"protocol: {RECEIPT} is missing: run scripts/generate_protocol.py"
    assert wanted in told
    assert list((tmp_path / "protocol").iterdir()) == []


def test_an_unknown_argument_is_explained(tmp_path: Path) -> None:
    """Anything but --check gives the usage and writes nothing."""
    told: list[str] = []
    assert main(["--verify"], root=tmp_path, report=told.append) == 2
    assert told == ["usage: python scripts/generate_protocol.py [--check]"]
    assert list(tmp_path.iterdir()) == []
