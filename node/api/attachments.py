"""Bringing files in from a program: announced, sent in pieces, resumed where it broke off.

As in the IETF draft "Resumable Uploads for HTTP" a piece says where it belongs (``Upload-Offset``),
and an answer how far it got. Messages then name files by their identifier.
"""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from node.api.doors import Doors
from node.api.shapes import GREATEST_INTEGER, Id
from node.domain.access import Permission, Principal
from node.service.attachments.staging import (
    FileDraft,
    FileWriter,
    StagedFile,
    handle_begin_file,
    handle_discard_file,
    list_staged,
    load_staged,
)
from node.service.attachments.streaming import SilentLineError, take_stream
from node.service.context import NodeContext
from protocol.messages.fields import Sensitivity


class FileBody(BaseModel):
    """A file that is being brought in."""

    file_id: str
    name: str
    media_type: str
    sensitivity: Sensitivity
    size: int = Field(description="Bytes of the whole file.")
    received: int = Field(description="Bytes that are safe on the node's disk: go on from here.")
    complete: bool = Field(description="Whether a message may name it.")
    piece_multiple: int = Field(
        description="Pieces but the last count in multiples of so many bytes; send larger ones."
    )

    @classmethod
    def of(cls, file: StagedFile, *, segment: int) -> "FileBody":
        """Make it from what the service says."""
        return cls(
            file_id=file.file_id,
            name=file.description.name,
            media_type=file.description.media_type,
            sensitivity=file.description.sensitivity,
            size=file.size,
            received=file.received,
            complete=file.complete,
            piece_multiple=segment,
        )


def create_files(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about files that are brought in."""
    router = APIRouter(prefix="/files")
    _add_files(router, context, doors)
    _add_pieces(router, context, doors)
    return router


def _describe(context: NodeContext, file: StagedFile, response: Response) -> FileBody:
    """Say how far a file got: in the answer, and in its headers."""
    response.headers["Upload-Offset"] = str(file.received)
    response.headers["Upload-Length"] = str(file.size)
    response.headers["Upload-Complete"] = "?1" if file.complete else "?0"
    return FileBody.of(file, segment=context.file_rules.segment)


def _add_files(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    segment = context.file_rules.segment

    @router.post("", status_code=HTTPStatus.CREATED)
    def begin(draft: FileDraft, who: Worker, response: Response) -> FileBody:
        """Announce a file; with a recipient, what their node does not take is refused now."""
        file = handle_begin_file(context, draft, owner=who.actor)
        response.headers["Location"] = f"/api/v1/files/{file.file_id}"
        return _describe(context, file, response)

    @router.get("")
    def list_files(who: Worker) -> list[FileBody]:
        """List files that no message took yet, the oldest first."""
        return [
            FileBody.of(file, segment=segment) for file in list_staged(context, owner=who.actor)
        ]

    @router.delete("/{file_id}", status_code=HTTPStatus.NO_CONTENT)
    def discard(file_id: Id, who: Worker) -> None:
        """Delete a file that no message took."""
        handle_discard_file(context, file_id, owner=who.actor)


def _add_pieces(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.get("/{file_id}")
    @router.head("/{file_id}", include_in_schema=False)
    def get_file(file_id: Id, who: Worker, response: Response) -> FileBody:
        """Say how far it got."""
        return _describe(context, load_staged(context, file_id, owner=who.actor), response)

    @router.patch("/{file_id}")
    async def append(
        file_id: Id,
        who: Worker,
        request: Request,
        response: Response,
        upload_offset: Annotated[
            int, Header(ge=0, le=GREATEST_INTEGER, description="Where the piece belongs.")
        ],
    ) -> FileBody:
        """Take the bytes that follow, as the body of the request.

        A connection that breaks loses little: ask how far it got, and go on from there.
        """
        try:
            file = await take_stream(
                request.stream(),
                partial(FileWriter, context, file_id, owner=who.actor, offset=upload_offset),
            )
        except (ClientDisconnect, SilentLineError) as error:  # what came is kept
            raise HTTPException(
                HTTPStatus.BAD_REQUEST, "The line broke: ask how far it got, and go on from there."
            ) from error
        return _describe(context, file, response)
