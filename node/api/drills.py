"""Reachability drills, for programs that keep the directory: what is asked, and answering."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from contact_registry.drills.states import DrillState
from node.api.doors import Doors
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.drills import AnswerStanding, GivenAnswer, OwnDrill, handle_answer, list_own
from protocol.drill_answer import AnsweredBy, DrillOutcome
from protocol.identifiers import Phase


class AnswerBody(BaseModel):
    """What a person found who tried the desk; a program passes it on and makes nothing up."""

    outcome: DrillOutcome
    answered_by: Annotated[AnsweredBy, Field(description="The post that answered, no person.")]


class GivenAnswerBody(AnswerBody):
    """An answer that was given here. ``refusal`` is the hub's code if it refused it."""

    answered_at: datetime
    standing: AnswerStanding
    refusal: str

    @classmethod
    def of(cls, answer: GivenAnswer) -> "GivenAnswerBody":
        """Make it from what the service says."""
        return cls(
            outcome=answer.outcome,
            answered_by=answer.answered_by,
            answered_at=answer.answered_at,
            standing=answer.standing,
            refusal=answer.refusal,
        )


class DrillBody(BaseModel):
    """A question about one of our desks; ``state`` is the hub's word."""

    drill: str
    authority: str
    phase: Phase
    asked_at: datetime
    answer_by: datetime
    state: DrillState
    answer: GivenAnswerBody | None

    @classmethod
    def of(cls, own: OwnDrill) -> "DrillBody":
        """Make it from what the service says."""
        question = own.drill.question
        return cls(
            drill=question.drill_id,
            authority=question.authority,
            phase=question.phase,
            asked_at=question.asked_at,
            answer_by=question.answer_by,
            state=own.drill.state,
            answer=GivenAnswerBody.of(own.answer) if own.answer else None,
        )


def create_drills(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about drills."""
    router = APIRouter()
    Editor = Annotated[Principal, Depends(doors.who(Permission.KEEP_DIRECTORY))]

    @router.get("/drills")
    def list_drills(_who: Editor) -> list[DrillBody]:
        """List the questions about our desks: those that wait for us first."""
        return [DrillBody.of(own) for own in list_own(context)]

    @router.post("/drills/{drill_id}/answer", status_code=HTTPStatus.CREATED)
    def answer(drill_id: Id, body: AnswerBody, who: Editor) -> GivenAnswerBody:
        """Sign an answer and send it; the same answer again is the same answer."""
        given = handle_answer(
            context,
            drill_id,
            outcome=body.outcome,
            answered_by=body.answered_by,
            actor=who.actor,
        )
        return GivenAnswerBody.of(given)

    return router
