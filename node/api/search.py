"""Finding by words. The question travels in a body: no name may stand in an address."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from node.api.doors import Doors
from node.api.shapes import DEFAULT_PAGE, Asked
from node.domain.access import Permission, Principal
from node.domain.search import LONGEST_PAGE, LONGEST_QUESTION, Kind
from node.service.context import NodeContext
from node.service.reading import Item
from node.service.search.finding import Hit, SearchPage, search

_LONGEST_CURSOR = 200


class QuestionBody(Asked):
    """What to look for, and where."""

    words: str = Field(
        min_length=1,
        max_length=LONGEST_QUESTION,
        description="Words that all must occur, each by its beginning, in any script, with or "
        "without marks; or a date, a telephone number, the reference of a case or a part of it.",
        examples=["Đorđević shelter", "4q7kd", "+355 44 541821"],
    )
    confidential: bool = Field(
        default=False,
        description="Look into the strictly confidential parts of cases, and nowhere else.",
    )
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=LONGEST_PAGE)
    after: str | None = Field(
        default=None, max_length=_LONGEST_CURSOR, description="`next` of the page before."
    )


class HitBody(BaseModel):
    """Something that was found: where it is, not what it says."""

    kind: Kind
    case_id: str | None
    case: str | None = Field(description="The reference of its case.")
    channel: str
    message: Item | None = Field(description="Of a message: its line, as in the lists.")
    note_id: str | None

    @classmethod
    def of(cls, hit: Hit) -> "HitBody":
        """Make it from what the service says."""
        return cls(
            kind=hit.kind,
            case_id=hit.case_id,
            case=hit.case_reference,
            channel=hit.channel,
            message=hit.message,
            note_id=hit.note_id,
        )


class FoundBody(BaseModel):
    """A part of what was found, the newest first."""

    items: list[HitBody]
    next: str | None = Field(
        description="Where to go on; null: all was looked at. A page may be short and go on."
    )
    complete: bool = Field(
        description="False while the index is being built anew: something may be missing."
    )

    @classmethod
    def of(cls, page: SearchPage) -> "FoundBody":
        """Make it from what the service says."""
        return cls(
            items=[HitBody.of(hit) for hit in page.hits], next=page.after, complete=page.complete
        )


def create_search(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the route."""
    router = APIRouter()
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.post("/search")
    def search_words(question: QuestionBody, who: Reader) -> FoundBody:
        """Find messages, notes and cases by words, in your channels; it changes nothing."""
        page = search(
            context,
            question.words,
            who=who,
            confidential=question.confidential,
            limit=question.limit,
            after=question.after,
        )
        return FoundBody.of(page)

    return router
