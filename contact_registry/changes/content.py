"""A contacts document as named parts: what is merged, and shown to both sides of a conflict.

Entries that have a name stand under it, as in the comparison of versions
(:mod:`contact_registry.history.comparing`); holidays stand under their day, so that two people who
add different ones are not in each other's way. Other lists, such as the telephones of a desk, are
one value: their order is a statement of its own.
"""

import json
from typing import Any, Final

from pydantic import ValidationError

from contact_registry.changes.errors import DraftRefusedError
from contact_registry.document import parse_document
from contact_registry.errors import DocumentError
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    Authority,
    ContactsDocument,
    ListedBy,
    serialize_document,
)
from protocol.identifiers import ParticipantCode

Content = dict[str, Any]
"""A document as data: ``authorities``, ``agreements`` by name, ``calendar`` with days by date."""

NAMED: Final = ("authorities", "agreements")
_ROUTES: Final = ("reserve", "out_of_hours")


def make_empty(code: ParticipantCode, listed_by: ListedBy) -> ContactsDocument:
    """Return the contacts of a Participant that has published nothing."""
    return ContactsDocument(participant=code, listed_by=listed_by, authorities=())


def describe(document: ContactsDocument) -> Content:
    """Return a document as data whose named entries stand under their names."""
    data = document.model_dump(mode="json")
    data["authorities"] = {entry["id"]: entry for entry in data["authorities"]}
    data["agreements"] = {entry["terms"]["id"]: entry for entry in data["agreements"]}
    if data["calendar"] is not None:
        days = data["calendar"]["holidays"]
        data["calendar"] = data["calendar"] | {"holidays": {day["day"]: day for day in days}}
    return data


def restore(content: Content) -> ContactsDocument:
    """Return the document of such data; raises ``DraftRefusedError`` if it cannot stand."""
    data = dict(content)
    for name in NAMED:
        data[name] = list(data[name].values())
    if data["calendar"] is not None:
        days = data["calendar"]["holidays"]
        data["calendar"] = data["calendar"] | {"holidays": list(days.values())}
    return _parse(json.dumps(data).encode())


def check(document: ContactsDocument) -> ContactsDocument:
    """Return the document as a reader of its bytes sees it; raises ``DraftRefusedError``.

    A document that was put together from parts has passed no check as a whole, and says so here.
    """
    return _parse(serialize_document(document))


def _parse(data: bytes) -> ContactsDocument:
    try:
        return parse_document(ContactsDocument, data, longest=MAX_DOCUMENT_BYTES)
    except DocumentError as error:
        raise DraftRefusedError(str(error)) from error


def list_misfits(content: Content) -> list[str]:
    """Return the authorities at fault where the parts of a document do not go together.

    These are entries that are not valid in themselves, and entries that are missing though a route
    names them.
    """
    authorities: dict[str, Any] = content["authorities"]
    misfits = dict.fromkeys(name for name, entry in authorities.items() if not _stands(entry))
    for entry in authorities.values():
        for route in (entry[name] for name in _ROUTES):
            if route and route["authority"] and route["authority"] not in authorities:
                misfits[route["authority"]] = None
    return list(misfits)


def _stands(entry: Content) -> bool:
    try:
        Authority.model_validate_json(json.dumps(entry))
    except ValidationError:
        return False
    return True
