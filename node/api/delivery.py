"""Dead letters for programs: metadata, never content. Tokens of the scope ``delivery`` only."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from node.api.conditional import SeenVersion
from node.api.doors import Doors
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.dead_letters import (
    DeadLetter,
    LetterEvent,
    LetterKind,
    Obstacle,
    list_dead_letters,
    list_letter_events,
    load_dead_letter,
)
from node.service.letter_acts import RetryOutcome, SettleReason, handle_retry, handle_settle
from node.service.reading import PAGE


class LetterBody(BaseModel):
    """What did not arrive, or was not taken in."""

    letter_id: str
    kind: LetterKind
    peer: str | None
    since: datetime
    version: int = Field(description="Send it back with what you do: a change since is refused.")
    message_id: str | None
    case_reference: str | None
    from_authority: str | None
    to_authority: str | None
    expires_at: datetime | None
    reason: str | None = Field(description="A rejection code (SPEC 7.3), or 'internal'.")
    detail: str | None
    times: int = Field(description="Hand-overs begun, or how often the envelope came.")
    handed_over: int
    next_attempt_at: datetime | None
    settled_at: datetime | None
    obstacle: Obstacle | None = Field(description="Why trying again would be in vain; null: try.")

    @classmethod
    def of(cls, letter: DeadLetter) -> "LetterBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(letter))


class LetterWithEventsBody(LetterBody):
    """One of them, with what was done about it, oldest first."""

    events: list[LetterEvent]


class RetriedBody(BaseModel):
    """What came of trying again."""

    outcome: RetryOutcome


class SettleBody(BaseModel):
    """How it was settled."""

    reason: SettleReason


def create_delivery(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes of dead letters."""
    router = APIRouter(prefix="/delivery/dead-letters")
    Watcher = Annotated[Principal, Depends(doors.who(Permission.WATCH_DELIVERY))]

    @router.get("")
    def list_all(
        _who: Watcher,
        *,
        open_only: Annotated[bool, Query(description="Only what nobody settled yet.")] = True,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> list[LetterBody]:
        """List dead letters, newest first."""
        letters = list_dead_letters(context, open_only=open_only, limit=limit)
        return [LetterBody.of(letter) for letter in letters]

    @router.get("/{letter_id}")
    def get(letter_id: Id, _who: Watcher) -> LetterWithEventsBody:
        """Return one, with what was done about it."""
        letter = load_dead_letter(context, letter_id)
        events = list_letter_events(context, letter_id)
        return LetterWithEventsBody(**LetterBody.of(letter).model_dump(), events=events)

    @router.post("/{letter_id}/retry")
    def retry(letter_id: Id, who: Watcher, version: SeenVersion) -> RetriedBody:
        """Try it again now: hand it over, or take it in."""
        outcome = handle_retry(context, letter_id, actor=who.actor, version=version)
        return RetriedBody(outcome=outcome)

    @router.post("/{letter_id}/settle")
    def settle(letter_id: Id, body: SettleBody, who: Watcher, version: SeenVersion) -> LetterBody:
        """Give it up: no further attempt is made, and it leaves the list."""
        handle_settle(context, letter_id, reason=body.reason, actor=who.actor, version=version)
        return LetterBody.of(load_dead_letter(context, letter_id))

    return router
