"""Targets: a signing file as it comes by mail, and what a signer's tool makes of it.

The parts need no good signature to be looked at, so a tree is written as the metadata that it says;
where it says ``"pin"`` for a hash, the one of the document beside it is put in.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from contact_registry.ceremony.effects import derive_effects
from contact_registry.ceremony.signing_file import parse_signing_file, serialize_signing_file
from contact_registry.ceremony.wording import KeyNames, format_file
from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.trust.operators import OperatorsChange, path_of
from protocol.errors import MalformedError
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator
from tests.support.ceremony_scene import Scene, make_scene

_REFUSED: Final = (SubmissionRefusedError,)


@cache
def _scene() -> Scene:
    with TemporaryDirectory() as folder:
        return make_scene(Path(folder))


def _changes() -> list[OperatorsChange]:
    return [_scene().admission(), _scene().renewal()]


def _trees() -> list[dict[str, Any]]:
    return [
        {
            "parts": {role: json.loads(data) for role, data in change.parts.items()},
            "documents": {path: json.loads(d) for path, d in change.documents.items()},
        }
        for change in _changes()
    ]


def check_signing_file(data: bytes) -> None:
    """Read a file: it is written as the same bytes, and refused unless a signer may see it."""
    change = parse_signing_file(data)
    require(held=serialize_signing_file(change) == data, what="it has a second form")
    _scene().examine(change)


def check_shown(data: bytes) -> None:
    """Let a preparer say anything at all: it is shown as whole lines, or refused."""
    try:
        tree = json.loads(data)
        documents = {
            str(path): (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
            for path, document in tree["documents"].items()
        }
        parts = {str(role): _write(str(role), part, documents)
                 for role, part in tree["parts"].items()}  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SubmissionRefusedError(
            "It is no tree of a file.", code=RefusalCode.MALFORMED
        ) from error
    scene = _scene()
    change = OperatorsChange(parts, documents)
    examined = scene.examine(change)
    effects = derive_effects(examined, scene.standing, now=scene.world.clock())
    for line in format_file(examined, effects, scene.standing):
        shown = KeyNames().show(line)
        require(held=all(row.isprintable() for row in shown.split("\n")), what="a forged line")
    require(held=not examined.is_complete, what="complete without a signature")


def _write(role: str, part: Any, documents: dict[str, bytes]) -> bytes:
    """Write a part canonically, with the hash of its document put in."""
    try:
        path = path_of(role)
    except MalformedError:
        path = None
    if path in documents:
        target = part["signed"]["targets"][path]
        target["length"] = len(documents[path])
        target["hashes"] = {"sha256": hashlib.sha256(documents[path]).hexdigest()}
    return json.dumps(part, separators=(",", ":"), sort_keys=True).encode()


def _files() -> Iterable[bytes]:
    return [serialize_signing_file(change) for change in _changes()]


def _tree_seeds() -> Iterable[bytes]:
    return [json.dumps(tree).encode() for tree in _trees()]


CEREMONY_TARGETS: Final = (
    Target("signing_file", check_signing_file, _files, _REFUSED, longest=40_000),
    Target(
        "signing_file_shown",
        check_shown,
        _tree_seeds,
        _REFUSED,
        mutate=TreeMutator(),
        longest=40_000,
    ),
)
