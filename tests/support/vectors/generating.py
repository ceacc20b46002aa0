"""All families together: writing the files, and telling what differs from the tree."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.vectors import (
    attachments,
    broker,
    consignments,
    conversations,
    deadlines,
    drills,
    epochs,
    evidence,
    frozen,
    link_repair,
    links,
    names,
    padding,
    payload_rules,
    payloads,
    receipts,
    receiving,
    registry,
    sealing,
    signing,
    strict_cbor,
)
from tests.support.vectors.family import Family

FOLDER: Final = Path("protocol/vectors")
_PLAIN: Final = (
    names,
    strict_cbor,
    consignments,
    signing,
    padding,
    payload_rules,
    payloads,
    links,
    link_repair,
    receipts,
    broker,
    registry,
    epochs,
    drills,
    attachments,
    conversations,
    deadlines,
    evidence,
)
#: Kept by other hands: examples by people, and the vectors of primitives by their own generator.
_NOT_OURS: Final = frozenset({"messages", "primitives"})


def list_wanted() -> list[frozen.Wanted]:
    """Return everything that has to be sealed once."""
    return [*sealing.list_wanted(), *receiving.list_wanted()]


def make_families() -> list[Family]:
    """Make all vectors; raises ``VectorError`` where the code says something else than they do."""
    sealed = frozen.load(list_wanted())
    return [
        *(family for module in _PLAIN for family in module.make_families()),
        *sealing.make_families(sealed),
        *receiving.make_families(sealed),
    ]


def render(families: list[Family]) -> dict[Path, str]:
    """Return every file: its path in the repository, and its text."""
    return {FOLDER / f"{family.name}.json": family.render() for family in families}


def list_existing(root: Path) -> Iterator[Path]:
    """Yield the paths of the files that are there and belong to a family, or to none any more."""
    for path in sorted((root / FOLDER).rglob("*.json")):
        relative = path.relative_to(root / FOLDER)
        if relative.parts[0] not in _NOT_OURS:
            yield FOLDER / relative


def find_differences(root: Path, files: Mapping[Path, str]) -> Iterator[str]:
    """Tell what in the tree is not what would be written."""
    for path, text in files.items():
        try:
            found = (root / path).read_text(encoding="ascii")
        except FileNotFoundError:
            yield f"{path} is missing"
            continue
        if found != text:
            yield f"{path} differs from the code{_locate(found, text)}"
    for path in list_existing(root):
        if path not in files:
            yield f"{path} belongs to no family"


def _locate(found: str, wanted: str) -> str:
    """Name the first case that differs, if it is a case."""
    try:
        old, new = (_index_cases(text) for text in (found, wanted))
    except (ValueError, KeyError, TypeError):
        return ""
    for name in {**new, **old}:
        if old.get(name) != new.get(name):
            return f" at '{name}'"
    return ""


def _index_cases(text: str) -> dict[str, Any]:
    return {case["name"]: case for case in json.loads(text)["cases"]}


def write(root: Path, files: Mapping[Path, str]) -> None:
    """Write all files, and take away those that belong to no family."""
    for path in list(list_existing(root)):
        if path not in files:
            (root / path).unlink()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="ascii")


def count(families: list[Family]) -> Iterator[str]:
    """Tell how many vectors there are, in words for people."""
    total = refused = 0
    for family in sorted(families, key=lambda each: each.name):
        bad = sum("error" in case for case in family.cases)
        yield f"{len(family.cases):5} {family.name} ({bad} refused)"
        total, refused = total + len(family.cases), refused + bad
    yield f"{total:5} vectors in {len(families)} files, {refused} of them refused"
