"""Whole payloads: a file for each type, out of the example messages.

A payload is written once with our own code and then stands as text: what travels are its bytes in
UTF-8, whatever another implementation would have written.
"""

from collections.abc import Mapping
from typing import Any, Final

from protocol.messages.catalogue import CATALOGUE
from tests.support.examples import (
    COMMON_HEAD,
    list_bad,
    list_bad_answers,
    list_good,
    list_good_answers,
)
from tests.support.vectors.family import Family, Json
from tests.support.vectors.payload_rules import ENCODING, OPERATIONS, write_payload
from tests.support.vectors.system_payloads import add_system_cases

_CLASSES: Final = (
    "identity",
    "contact",
    "health",
    "family",
    "protection",
    "judicial",
    "intelligence",
)
_ANSWER_HEAD: Final = {
    "kind": "update",
    "in_reply_to": "e" * 32,
    "urgency": "urgent",
    "legal_basis": {
        "kind": "consent",
        "given_by": "guardian",
        "given_at": "2026-03-03T09:00:00Z",
        "explained_in": "sq",
        "classes": list(_CLASSES),
        "phases": ["identification"],
        "recipients": ["XK"],
    },
}
"""Covers whatever an answer can hold: what is tried is the answer."""


def _answer(tag: str, fields: Mapping[str, Any]) -> Json:
    return {
        "type": "general.response",
        "version": 1,
        **COMMON_HEAD,
        **_ANSWER_HEAD,
        "body": {"completeness": "full", "answer": dict(fields) | {"answers": tag}},
    }


def make_families() -> list[Family]:
    """Return one file for each type."""
    return [_make_type(tag) for tag in sorted(CATALOGUE)]


def _make_type(tag: str) -> Family:
    answered = CATALOGUE[tag].answer is not None
    family = Family(
        name=f"payloads/{tag}",
        description=f"Payloads of the type {tag}, good and bad; a bad one differs from a good one "
        "in what its name says."
        + (f" Those named 'answer' are general.response to one of {tag}." if answered else "")
        + f" {ENCODING}",
        spec=("9", "10"),
        operations=OPERATIONS,
    )
    if tag.startswith("system."):
        add_system_cases(family, tag)
        return family
    for name, fields in list_good(tag):
        family.good(name, "read", write_payload(fields))
    for name, fields in list_good_answers(tag):
        family.good(f"answer: {name}", "read", write_payload(_answer(tag, fields)))
    for name, fields, _ in list_bad(tag):
        family.bad(f"bad: {name}", "read", write_payload(fields), error="malformed")
    for name, fields, place in list_bad_answers(tag):
        if place != "answers":  # the tag is put right above
            bad = write_payload(_answer(tag, fields))
            family.bad(f"bad answer: {name}", "read", bad, error="malformed")
    return family
