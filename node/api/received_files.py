"""Files of messages for programs: how far they are, and their content."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field

from console.downloads import Download, answer_download, begins_at_start
from node.api.doors import Doors
from node.api.shapes import Id
from node.domain.access import Permission, Principal
from node.domain.file_states import Arrival, Scan
from node.service.attachments.showing import FileView, list_files
from node.service.attachments.states import SentState
from node.service.attachments.taking import open_copy
from node.service.context import NodeContext
from node.service.reading import get_message


class MessageFileBody(BaseModel):
    """A file of a message."""

    file_id: str
    name: str = Field(description="The sender's word: never a path.")
    size: int
    sensitivity: str
    arrival: Arrival | None = Field(description="How far a received file is; null for a sent one.")
    scan: Scan = Field(description="What the malware scanner said; none: nobody looked.")
    sent: SentState | None = Field(description="How far a sent file is; null for a received one.")
    parts_done: int = Field(description="Parts that are here, or with the broker.")
    parts: int
    asked: int = Field(description="How often missing parts were asked for.")
    ask_at: datetime | None
    available: bool = Field(
        description="Whether its content can be had now. If `scan` is `unscannable`, only by "
        "`accept_unscanned=true`."
    )

    @classmethod
    def of(cls, file: FileView) -> "MessageFileBody":
        """Make it from what the service says."""
        return cls(
            file_id=file.file_id,
            name=file.name,
            size=file.size,
            sensitivity=file.sensitivity,
            arrival=file.arrival,
            scan=file.scan,
            sent=file.sent,
            parts_done=file.parts_done,
            parts=file.parts,
            asked=file.asked,
            ask_at=file.ask_at,
            available=file.is_for_people,
        )


def create_received_files(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about files of messages."""
    router = APIRouter()
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/messages/{message_id}/files")
    def list_message_files(message_id: Id, who: Reader) -> list[MessageFileBody]:
        """List the files of a message, and how far they are."""
        view = get_message(context, message_id, who=who)
        return [MessageFileBody.of(file) for file in list_files(context, view)]

    @router.get(
        "/received-files/{file_id}",
        response_class=Response,
        responses={
            HTTPStatus.OK: {"content": {"*/*": {}}, "description": "Of the type that was found."},
            HTTPStatus.PARTIAL_CONTENT: {
                "content": {"*/*": {}},
                "description": "The range that was asked for.",
            },
            HTTPStatus.CONFLICT: {"description": "It cannot be had now: `why` says the reason."},
        },
    )
    def get_content(
        request: Request, file_id: Id, who: Reader, *, accept_unscanned: bool = False
    ) -> Response:
        """Return a received file, or one range of its bytes.

        One that the malware scanner could not look into only if you say that you want it.
        """
        copy = open_copy(
            context,
            file_id,
            who=who,
            is_first_part=begins_at_start(request.headers),
            accepts_unscanned=accept_unscanned,
        )
        answer = answer_download(
            request.headers,
            Download(
                name=copy.name,
                size=copy.size,
                media_type=copy.media_type,
                tag=file_id,
                read=copy.read,
            ),
        )
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise HTTPException(
                answer.status_code,
                f"The file has {copy.size} bytes: ask for some of them, or for all.",
                headers={"Content-Range": answer.headers["Content-Range"]},
            )
        return answer

    return router
