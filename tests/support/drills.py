"""Drills for tests: a registry of two Participants, one with a node, and questions about a desk."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any, Final

from contact_registry.directory import Directory
from contact_registry.drills.models import Drill, DrillResult
from contact_registry.models import Authority, Competence, ListedBy
from protocol.drill_answer import (
    AnsweredBy,
    DrillAnswer,
    DrillOutcome,
    DrillQuestion,
    DrillStatement,
)
from protocol.identifiers import Phase
from protocol.signing import SigningKey
from tests.support.registry import AL, MK, make_authority, make_keys
from tests.support.registry_content import list_contacts, make_view

#: A Tuesday, 11:00 in Tirana.
ASKED_AT: Final = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
ANSWER_BY: Final = datetime(2026, 3, 12, 10, 0, tzinfo=UTC)
NODE_KEY: Final = SigningKey(b"n" * 32)
OTHER_KEY: Final = SigningKey(b"o" * 32)


def make_desk(slug: str = "desk", **changes: object) -> Authority:
    """Return a desk of AL for two phases, confirmed nine days before the questions."""
    fields: dict[str, object] = {
        "competences": (
            Competence(phase=Phase.RETURN),
            Competence(phase=Phase.IDENTIFICATION),
        ),
        "last_confirmed": date(2026, 3, 1),
        "mailboxes": ("desk@coordination.example",),
    }
    return make_authority(AL, slug, **(fields | changes))


def make_drill_directory(
    *desks: Authority, listed_by: ListedBy = ListedBy.PARTICIPANT, key: SigningKey = NODE_KEY
) -> Directory:
    """Return a registry in which AL has these desks and a node, and MK lists nobody."""
    contacts = list_contacts(AL, *(desks or (make_desk(),)), listed_by=listed_by)
    keys = make_keys(AL, datetime.combine(date(2026, 1, 1), time(), UTC), signing=key)
    return replace(make_view(contacts, silent=(MK,)), keys=MappingProxyType({AL: keys}))


def make_asked(number: int = 1, **changes: Any) -> Drill:
    """Return an open drill; ``changes`` are of its question."""
    desk = make_desk()
    question = DrillQuestion(
        drill_id=f"{number:032x}",
        participant=AL,
        authority=desk.id,
        phase=Phase.IDENTIFICATION,
        asked_at=ASKED_AT,
        answer_by=ANSWER_BY,
    )
    return Drill(replace(question, **changes))


def sign_answer(
    question: DrillQuestion,
    *,
    at: datetime,
    outcome: DrillOutcome = DrillOutcome.REACHED,
    key: SigningKey = NODE_KEY,
) -> bytes:
    """Return the bytes of a node's answer."""
    by = AnsweredBy.NOBODY if outcome is DrillOutcome.NOT_REACHED else AnsweredBy.DESK
    statement = DrillStatement(outcome, by, at)
    return DrillAnswer.sign(question.encode(), statement=statement, key=key).encode()


def make_result(
    at: datetime, *, outcome: DrillOutcome = DrillOutcome.REACHED, signed: bytes = b"signed"
) -> DrillResult:
    """Return a result as the hub records it, unchecked."""
    by = AnsweredBy.NOBODY if outcome is DrillOutcome.NOT_REACHED else AnsweredBy.DESK
    return DrillResult(outcome, by, answered_at=at, received_at=at, signed=signed)
