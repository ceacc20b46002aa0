"""The open corrections of one Participant as its node fetches them from the registry host.

``GET /registry/corrections/{code}``. Not signed, and nothing is done because of it: people read it,
look at their entry, and publish what is right.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from contact_registry.changes.corrections import (
    LONGEST_TEXT,
    MOST_OPEN,
    Correction,
    CorrectionId,
    CorrectionState,
)
from contact_registry.document import Document, parse_document
from contact_registry.errors import DocumentError
from contact_registry.fields import AuthorityName, Line, Moment, Participant
from protocol.identifiers import AuthorityId, ParticipantCode

#: 200 corrections of 500 characters that take up to six bytes each, and what stands around them.
MAX_CORRECTIONS_BYTES: Final = 1_000_000

_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")]


class CorrectionEntry(Document):
    """One open correction; ``authority_id`` None: about the list as a whole."""

    id: Annotated[_Hex, Field(min_length=32, max_length=32)]
    authority_id: AuthorityName | None = None
    field: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,40}$")] = ""
    text: Annotated[Line, Field(max_length=LONGEST_TEXT)]
    entry_sha256: Annotated[_Hex, Field(min_length=64, max_length=64)]
    asked_at: Moment


class CorrectionsDocument(Document):
    """What is asked of one Participant."""

    format: Literal["trm-corrections/1"] = "trm-corrections/1"
    participant: Participant
    corrections: Annotated[tuple[CorrectionEntry, ...], Field(max_length=MOST_OPEN)]


def write_corrections(code: ParticipantCode, corrections: Iterable[Correction]) -> bytes:
    """Return the document of these corrections; who asked is left out."""
    document = CorrectionsDocument(
        participant=code,
        corrections=tuple(
            CorrectionEntry(
                id=each.id,
                authority_id=AuthorityId(each.authority_id) if each.authority_id else None,
                field=each.field,
                text=each.text,
                entry_sha256=each.entry_sha256,
                asked_at=each.asked_at.replace(microsecond=0),
            )
            for each in corrections
        ),
    )
    return document.model_dump_json().encode()


def parse_corrections(data: bytes, *, participant: ParticipantCode) -> tuple[Correction, ...]:
    """Read what a registry host says is asked of this Participant.

    Raises :class:`~contact_registry.errors.DocumentError`.
    """
    document = parse_document(CorrectionsDocument, data, longest=MAX_CORRECTIONS_BYTES)
    if document.participant != participant:
        raise DocumentError(
            "The registry host sent another Participant's corrections: check the address of the "
            "hub, and ask again."
        )
    return tuple(
        Correction(
            id=CorrectionId(entry.id),
            participant=participant,
            authority_id=entry.authority_id or "",
            field=entry.field,
            text=entry.text,
            state=CorrectionState.ASKED,
            row_version=1,
            entry_sha256=entry.entry_sha256,
            asked_by="",
            asked_at=entry.asked_at,
            updated_by="",
            updated_at=entry.asked_at,
        )
        for entry in document.corrections
    )
