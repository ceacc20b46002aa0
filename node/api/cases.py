"""Cases for programs: lists, one case, its timeline, and where its conversations stand."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, Field

from node.api.conditional import tag
from node.api.doors import Doors
from node.api.shapes import (
    DEFAULT_PAGE,
    Asked,
    Cursor,
    Id,
    Limit,
    Page,
    PlainText,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.domain.cases import StrandState
from node.service import reading
from node.service.cases.linking import LinkedCase
from node.service.cases.listing import CaseFilter, CaseLine, list_cases
from node.service.cases.opening import handle_open_case
from node.service.cases.statements import Statement
from node.service.cases.viewing import (
    CaseOverview,
    Party,
    Strand,
    list_timeline,
    load_overview,
)
from node.service.context import NodeContext
from node.service.conversations import HeldConversation, get_conversation, list_conversations
from node.service.reading import CaseView, Item, Proof, TimelineEntry
from protocol.conversation.table import Side
from protocol.errors import MalformedError
from protocol.identifiers import CaseReference, Channel, Phase, parse_case_reference
from protocol.messages.codes import TraffickingStatus


class EventBody(BaseModel):
    """One entry of a case's timeline."""

    at: datetime
    kind: str
    actor: str
    code: str | None
    message_id: str | None
    proof: Proof | None

    @classmethod
    def of(cls, entry: TimelineEntry) -> "EventBody":
        """Make it from what the service says."""
        return cls(
            at=entry.at,
            kind=entry.kind,
            actor=entry.actor,
            code=entry.code,
            message_id=entry.item.message_id if entry.item else None,
            proof=entry.proof,
        )


class CaseBody(BaseModel):
    """A case as your channels know it: its messages and its timeline, newest first."""

    case_id: str
    case: str
    created_at: datetime
    state: StrandState
    strands: list[Strand] = Field(
        description="The case in each of your channels, each with a version of its own."
    )
    parties: list[Party] = Field(description="The other Participants, and their authorities.")
    own_authorities: list[str]
    peers: list[str]
    phases: list[Phase]
    statements: list[Statement] = Field(
        description="The newest word of each Participant: case managers, status of the person, "
        "whether the rules for children apply, who acts for a child."
    )
    links: list[LinkedCase] = Field(description="Cases of the same person, known here alone.")
    messages: list[Item]
    timeline: list[EventBody]

    @classmethod
    def of(cls, view: CaseView, overview: CaseOverview) -> "CaseBody":
        """Make it from what the services say."""
        return cls(
            case_id=view.case_id,
            case=view.reference,
            created_at=view.created_at,
            state=StrandState(overview.state),
            strands=list(overview.strands),
            parties=list(overview.parties),
            own_authorities=list(overview.own_authorities),
            peers=list(view.peers),
            phases=[Phase(phase) for phase in overview.phases],
            statements=list(overview.statements),
            links=list(overview.links),
            messages=list(view.items),
            timeline=[EventBody.of(entry) for entry in view.timeline],
        )


class NewCaseBody(Asked):
    """In which channel the case is worked on."""

    channel: Channel = Channel.ASSISTANCE


class OpenedCaseBody(BaseModel):
    """A new case. Messages of it name ``case``; nothing has left the node."""

    case_id: str
    case: str


Partner = Literal["us", "them"]


class StepBody(BaseModel):
    """One message of a conversation, in the place where it counts on both sides."""

    message_id: str
    by: Partner
    act: str
    before: str
    after: str
    crossed: bool = Field(description="Its author did not know of one of the other side.")
    refusal: str | None = Field(description="Why it is not in order, and so changed nothing.")


class ConversationBody(BaseModel):
    """Where a conversation stands (SPEC section 14), and what you may do next."""

    message_id: str = Field(description="The message that it is about.")
    kind: str
    state: str
    awaited: Partner | None = Field(description="Whose turn it is.")
    possible: list[str] = Field(description="What your side may do now.")
    provisional: bool = Field(description="Something is missing: it may turn out another way.")
    steps: list[StepBody]

    @classmethod
    def of(cls, held: HeldConversation) -> "ConversationBody":
        """Make it from what the service says."""
        conversation, own = held.conversation, held.own_side
        return cls(
            message_id=held.opener.message_id,
            kind=conversation.kind,
            state=conversation.state,
            awaited=_say_side(conversation.awaited, own) if conversation.awaited else None,
            possible=list(conversation.list_possible(own)),
            provisional=conversation.provisional,
            steps=[
                StepBody(
                    message_id=held.names[step.act.side, step.act.message_id],
                    by=_say_side(step.act.side, own),
                    act=step.act.act,
                    before=step.before,
                    after=step.after,
                    crossed=step.crossed,
                    refusal=step.refusal,
                )
                for step in conversation.steps
            ],
        )


def _say_side(side: Side, own: Side) -> Partner:
    return "us" if side is own else "them"


def _read_reference(
    reference: Annotated[
        str | None, Query(max_length=40, description="A whole reference, as it was read out.")
    ] = None,
) -> CaseReference | None:
    if reference is None:
        return None
    try:
        return parse_case_reference(reference)
    except MalformedError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def _read_filter(  # noqa: PLR0913 - what a list can be asked for
    reference: Annotated[CaseReference | None, Depends(_read_reference)],
    *,
    state: StrandState | None = None,
    channel: Channel | None = None,
    peer: Annotated[PlainText | None, Query(max_length=8)] = None,
    phase: Phase | None = None,
    manager: Annotated[PlainText | None, Query(max_length=64)] = None,
    person_status: TraffickingStatus | None = None,
    treated_as_child: bool | None = None,
) -> CaseFilter:
    return CaseFilter(
        state=state,
        channel=channel,
        peer=peer,
        phase=phase,
        manager=manager,
        person_status=person_status,
        treated_as_child=treated_as_child,
        reference=reference,
    )


def create_cases(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    _add_list(router, context, doors)
    _add_case(router, context, doors)
    return router


def _add_list(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.get("/cases")
    def list_all(
        who: Reader,
        wanted: Annotated[CaseFilter, Depends(_read_filter)],
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> Page[CaseLine]:
        """List cases of your channels, the one in which something happened last first."""
        place = read_cursor("cases", cursor, (datetime, str))
        after = (place[0], place[1]) if place else None
        lines = list_cases(context, who=who, limit=limit, wanted=wanted, after=after)
        return Page(items=lines, next=_go_on(lines, limit))

    @router.post("/cases", status_code=HTTPStatus.CREATED)
    def open_case(body: NewCaseBody, who: Worker) -> OpenedCaseBody:
        """Open a case before its first message, so that consent can be recorded in it."""
        opened = handle_open_case(context, who=who, channel=body.channel)
        return OpenedCaseBody(case_id=opened.case_id, case=opened.reference)


def _add_case(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/cases/{case_id}")
    def get_case(case_id: Id, who: Reader, response: Response) -> CaseBody:
        """Return a case with its messages and its timeline."""
        view = reading.get_case(context, case_id, who=who)
        overview = load_overview(context, case_id, who=who)
        if len(overview.strands) == 1:
            tag(response, overview.strands[0].row_version)
        return CaseBody.of(view, overview)

    @router.get("/cases/{case_id}/timeline")
    def get_timeline(
        case_id: Id, who: Reader, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
    ) -> Page[EventBody]:
        """Return what happened in a case, newest first, with what proves it."""
        place = read_cursor("timeline", cursor, (int,))
        before = int(place[0]) if place else None
        part = list_timeline(context, case_id, who=who, limit=limit, before=before)
        more = None if part.next is None else write_cursor("timeline", [part.next])
        return Page(items=[EventBody.of(entry) for entry in part.entries], next=more)

    @router.get("/cases/{case_id}/conversations")
    def list_held(
        case_id: Id, who: Reader, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
    ) -> Page[ConversationBody]:
        """Say where each conversation of a case stands, the newest first."""
        place = read_cursor("conversations", cursor, (str,))
        after = str(place[0]) if place else None
        held, last = list_conversations(context, case_id, who=who, limit=limit, after=after)
        more = None if last is None else write_cursor("conversations", [last])
        return Page(items=[ConversationBody.of(each) for each in held], next=more)

    @router.get("/messages/{message_id}/conversation")
    def get_held(message_id: Id, who: Reader) -> ConversationBody:
        """Say where the conversation about a message stands, and what you may do next."""
        return ConversationBody.of(get_conversation(context, message_id, who=who))


def _go_on(lines: Sequence[CaseLine], limit: int) -> str | None:
    if len(lines) < limit:
        return None
    return write_cursor("cases", [lines[-1].touched_at.isoformat(), lines[-1].case_id])
