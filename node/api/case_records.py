"""What people here record of a case: notes, links, managers, the person, its end, Part I."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from node.api.conditional import RequiredVersion, SeenVersion, tag
from node.api.doors import Doors
from node.api.sending import SentBody
from node.api.shapes import (
    DEFAULT_PAGE,
    Asked,
    ChannelQuery,
    Cursor,
    Id,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.domain.cases import ReopenReason
from node.service.cases.closing import Closing, handle_close, handle_reopen
from node.service.cases.confidential import (
    Confidential,
    get_confidential,
    handle_write_confidential,
)
from node.service.cases.linking import LinkedCase, handle_link, handle_unlink
from node.service.cases.notes import (
    NOTE_LENGTH,
    Note,
    handle_add_note,
    handle_change_note,
    handle_delete_note,
    list_notes,
)
from node.service.cases.recording import (
    handle_name_manager,
    handle_record_guardian,
    handle_record_person,
)
from node.service.cases.statements import Post
from node.service.context import NodeContext
from protocol.messages.codes import GuardianSituation, PersonGroup, TraffickingStatus
from protocol.messages.fields import Line
from protocol.messages.social_inclusion_follow_up import ConfidentialPart


class NoteTextBody(Asked):
    """What a note says. It stays at this node."""

    text: Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH)]


class LinkBody(Asked):
    """The other case of the same person."""

    case_id: Annotated[str, Field(min_length=1, max_length=32)]


class PersonBody(Asked):
    """What is known of the person here; what is left out stays as it is."""

    status: TraffickingStatus | None = None
    person_group: PersonGroup | None = None


class PostBody(Asked):
    """A post with official contacts: never a private person."""

    post: Line
    authority: Annotated[str | None, Field(max_length=120)] = None
    telephone: Line | None = None
    mailbox: Line | None = None
    reachable: Line | None = None


class GuardianBody(Asked):
    """Who acts for a child."""

    situation: GuardianSituation
    post: PostBody | None = None
    is_case_manager: bool = False


class ManagerBody(PostBody):
    """Who coordinates the case on our side."""

    account_id: Annotated[str | None, Field(max_length=64)] = Field(
        default=None, description="The person here; a case is handed over by naming another one."
    )


class ClosingBody(Closing, Asked):
    """How the case ended here, and whether the others are told."""


class ReopeningBody(Asked):
    """Why a closed case is taken up again."""

    reason: ReopenReason


class VersionBody(BaseModel):
    """The strand's version after the change; its ``ETag``, too."""

    row_version: int


class ClosedBody(VersionBody):
    """A closed case, and the messages that tell the others."""

    told: list[SentBody]


class ConfidentialBody(BaseModel):
    """Part I of the follow-up form, strictly confidential."""

    channel: str
    content: ConfidentialPart
    changed_at: datetime
    changed_by: str
    row_version: int

    @classmethod
    def of(cls, part: Confidential, response: Response) -> "ConfidentialBody":
        """Make it from what the service says."""
        tag(response, part.row_version)
        response.headers["Cache-Control"] = "no-store"
        return cls.model_validate(part, from_attributes=True)


def create_case_records(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/cases/{case_id}")
    router.include_router(_create_notes(context, doors))
    router.include_router(_create_manager(context, doors))
    router.include_router(_create_person(context, doors))
    router.include_router(_create_course(context, doors))
    router.include_router(_create_confidential(context, doors))
    return router


def _create_notes(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/notes")
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.get("")
    def list_all(
        case_id: Id, who: Reader, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
    ) -> Page[Note]:
        """List the notes of a case, newest first. They never leave this node."""
        place = read_cursor("notes", cursor, (datetime, str))
        after = (place[0], place[1]) if place else None
        notes = list_notes(context, case_id, who=who, limit=limit, after=after)
        last = notes[-1] if len(notes) == limit else None
        more = write_cursor("notes", [last.at.isoformat(), last.note_id]) if last else None
        return Page(items=notes, next=more)

    @router.post("", status_code=HTTPStatus.CREATED)
    def add(
        case_id: Id,
        body: NoteTextBody,
        who: Worker,
        response: Response,
        channel: ChannelQuery = None,
    ) -> Note:
        """Write a note."""
        note = handle_add_note(context, case_id, body.text, who=who, channel=channel)
        tag(response, note.row_version)
        return note

    @router.put("/{note_id}")
    def change(  # noqa: PLR0913, PLR0917 - FastAPI takes what a request consists of as parameters
        case_id: Id,
        note_id: Id,
        body: NoteTextBody,
        who: Worker,
        seen: RequiredVersion,
        response: Response,
    ) -> Note:
        """Give a note another text."""
        note = handle_change_note(context, case_id, note_id, body.text, who=who, row_version=seen)
        tag(response, note.row_version)
        return note

    @router.delete("/{note_id}", status_code=HTTPStatus.NO_CONTENT)
    def delete(case_id: Id, note_id: Id, who: Worker, seen: RequiredVersion) -> None:
        """Delete the text of a note for good; that there was one stays in the timeline."""
        handle_delete_note(context, case_id, note_id, who=who, row_version=seen)

    return router


def _create_manager(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.put("/manager")
    def name_manager(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: ManagerBody,
        who: Worker,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> VersionBody:
        """Name our case manager, or hand the case over to another one."""
        version = handle_name_manager(
            context,
            case_id,
            Post.model_validate(body.model_dump(exclude={"account_id"})),
            who=who,
            account_id=body.account_id,
            channel=channel,
            row_version=seen,
        )
        return _versioned(version, response)

    return router


def _create_person(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.put("/person")
    def record_person(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: PersonBody,
        who: Worker,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> VersionBody:
        """Say what the person's status is, and whether the rules for children apply."""
        version = handle_record_person(
            context,
            case_id,
            who=who,
            status=body.status,
            group=body.person_group,
            channel=channel,
            row_version=seen,
        )
        return _versioned(version, response)

    @router.put("/guardian")
    def record_guardian(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: GuardianBody,
        who: Worker,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> VersionBody:
        """Say who acts for the child: the policy goes by it."""
        version = handle_record_guardian(
            context,
            case_id,
            body.situation,
            who=who,
            post=Post.model_validate(body.post.model_dump()) if body.post else None,
            is_case_manager=body.is_case_manager,
            channel=channel,
            row_version=seen,
        )
        return _versioned(version, response)

    return router


def _create_course(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.post("/links")
    def link(
        case_id: Id, body: LinkBody, who: Worker, channel: ChannelQuery = None
    ) -> list[LinkedCase]:
        """Note that two cases are of one person; it stays at this node. Repeated, it is one."""
        return handle_link(context, case_id, body.case_id, who=who, channel=channel)

    @router.delete("/links/{other_case_id}", status_code=HTTPStatus.NO_CONTENT)
    def unlink(case_id: Id, other_case_id: Id, who: Worker) -> None:
        """Take that back."""
        handle_unlink(context, case_id, other_case_id, who=who)

    @router.post("/close")
    def close(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: ClosingBody,
        who: Worker,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> ClosedBody:
        """Close a case in one channel, and tell the others unless you say not to."""
        closed = handle_close(context, case_id, body, who=who, channel=channel, row_version=seen)
        tag(response, closed.row_version)
        told = [SentBody.of(sent) for sent in closed.told]
        return ClosedBody(row_version=closed.row_version, told=told)

    @router.post("/reopen")
    def reopen(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: ReopeningBody,
        who: Worker,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> VersionBody:
        """Take a closed case up again. Nobody is told: go on with a new message."""
        version = handle_reopen(
            context, case_id, body.reason, who=who, channel=channel, row_version=seen
        )
        return _versioned(version, response)

    return router


def _create_confidential(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/confidential")
    Cleared = Annotated[Principal, Depends(doors.who(Permission.READ_CONFIDENTIAL))]

    @router.get("")
    def read(
        case_id: Id, who: Cleared, response: Response, channel: ChannelQuery = None
    ) -> ConfidentialBody:
        """Return Part I. Who reads it stands in the audit log."""
        return ConfidentialBody.of(
            get_confidential(context, case_id, who=who, channel=channel), response
        )

    @router.put("")
    def write(  # noqa: PLR0913, PLR0917 - as above
        case_id: Id,
        body: ConfidentialPart,
        who: Cleared,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> ConfidentialBody:
        """Write Part I anew as a whole; no version is seen the first time."""
        written = handle_write_confidential(
            context, case_id, body, who=who, channel=channel, row_version=seen
        )
        return ConfidentialBody.of(written, response)

    return router


def _versioned(version: int, response: Response) -> VersionBody:
    tag(response, version)
    return VersionBody(row_version=version)
