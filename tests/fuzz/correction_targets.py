"""Target: the corrections that a registry host says are asked of a Participant."""

import json
from typing import Final

from contact_registry.changes.correction_wire import (
    CorrectionsDocument,
    parse_corrections,
    write_corrections,
)
from contact_registry.errors import DocumentError
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.registry import AL


def check_corrections(data: bytes) -> None:
    """Read what a registry host says is asked: what is read is written as the same corrections."""
    read = parse_corrections(data, participant=AL)
    written = write_corrections(AL, read)
    held = parse_corrections(written, participant=AL) == read
    require(held=held, what="corrections read back changed")


def _list_seeds() -> list[bytes]:
    entry = {
        "id": "0a" * 16, "authority_id": "AL-desk", "field": "telephones",
        "text": "It rings and nobody answers.", "entry_sha256": "ab" * 32,
        "asked_at": "2026-03-01T12:00:00Z",
    }  # fmt: skip
    whole = {**entry, "authority_id": None, "field": ""}
    document = {"format": "trm-corrections/1", "participant": "AL", "corrections": [entry, whole]}
    return [json.dumps(document).encode()]


CORRECTION_TARGETS: Final = (
    Target(
        "corrections",
        check_corrections,
        _list_seeds,
        (DocumentError,),
        mutate=TreeMutator(words=list_words(CorrectionsDocument)),
    ),
)
