"""Consents, exceptions, what else is known of a case, and shelters, for programs."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.shapes import Asked, ChannelQuery, Id
from node.api.streams import stream_file
from node.domain.access import Permission, Principal
from node.service.consent.circumstances import (
    Circumstances,
    CircumstancesView,
    get_circumstances,
    handle_set_circumstances,
)
from node.service.consent.documents import handle_file_document, open_document
from node.service.consent.exceptions import (
    ExceptionDraft,
    ExceptionView,
    handle_record_exception,
    list_exceptions,
)
from node.service.consent.records import (
    ConsentDraft,
    ConsentView,
    handle_record_consent,
    list_consents,
)
from node.service.consent.shelters import (
    ShelterDraft,
    ShelterView,
    handle_issue_code,
    list_shelters,
)
from node.service.context import NodeContext
from node.service.onward_answers import (
    OnwardAnswer,
    RecordedAnswer,
    handle_record_onward_answer,
    list_onward_answers,
)


class ConsentBody(BaseModel):
    """A consent on file."""

    consent_id: str
    content: ConsentDraft
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None = Field(description="Nothing rests on it any more from then on.")
    document_id: str | None = Field(description="The scan of the signed paper, if one is filed.")
    is_whole: bool = Field(
        description="False: notes and scan belong to a channel that you are not cleared for."
    )
    row_version: int

    @classmethod
    def of(cls, view: ConsentView) -> "ConsentBody":
        """Make it from what the service says."""
        return cls(
            consent_id=view.consent_id,
            content=view.content,
            recorded_at=view.recorded_at,
            recorded_by=view.recorded_by,
            withdrawn_at=view.withdrawn_at,
            document_id=view.document_id,
            is_whole=view.is_whole,
            row_version=view.row_version,
        )


class ExceptionBody(BaseModel):
    """An exception on file."""

    exception_id: str
    content: ExceptionDraft
    channel: str | None = Field(
        description="Whose messages rest on it; null: nobody knows any more, and none does."
    )
    recorded_at: datetime
    recorded_by: str

    @classmethod
    def of(cls, view: ExceptionView) -> "ExceptionBody":
        """Make it from what the service says."""
        return cls(
            exception_id=view.exception_id,
            content=view.content,
            channel=view.channel,
            recorded_at=view.recorded_at,
            recorded_by=view.recorded_by,
        )


class CircumstancesBody(BaseModel):
    """What is known of a case beyond its messages."""

    circumstances: Circumstances
    row_version: int = Field(description="0: nothing was recorded yet.")

    @classmethod
    def of(cls, view: CircumstancesView) -> "CircumstancesBody":
        """Make it from what the service says."""
        return cls(circumstances=view.circumstances, row_version=view.row_version)


class ShelterBody(BaseModel):
    """A shelter with the code that may be named in messages."""

    code: str
    name: str
    issued_at: datetime

    @classmethod
    def of(cls, view: ShelterView) -> "ShelterBody":
        """Make it from what the service says."""
        return cls(code=view.code, name=view.name, issued_at=view.issued_at)


class DocumentAsked(Asked):
    """A file that was brought in with ``POST /files``."""

    file_id: str = Field(min_length=1, max_length=32)


class DocumentBody(BaseModel):
    """A scan that is on file now."""

    document_id: str


class RecordedBody(BaseModel):
    """What was recorded."""

    recorded: str


def create_consent(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    _add_consents(router, context, doors)
    _add_circumstances(router, context, doors)
    return router


def _add_consents(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/cases/{case_id}/consents")
    def list_on_file(case_id: Id, who: Reader) -> list[ConsentBody]:
        """List the consents of a case, withdrawn ones too; the oldest first."""
        return [ConsentBody.of(view) for view in list_consents(context, case_id, who=who)]

    @router.post("/cases/{case_id}/consents", status_code=HTTPStatus.CREATED)
    def record(
        case_id: Id, draft: ConsentDraft, who: Writer, channel: ChannelQuery = None
    ) -> ConsentBody:
        """Put a consent on file; one that says the same and still holds is not written twice.

        Everybody who works on the case sees it, and its notes and scan those of the channel.
        """
        view = handle_record_consent(context, case_id, draft, who=who, channel=channel)
        return ConsentBody.of(view)

    @router.post("/cases/{case_id}/consents/{consent_id}/document", status_code=HTTPStatus.CREATED)
    def file_document(
        case_id: Id, consent_id: Id, asked: DocumentAsked, who: Writer
    ) -> DocumentBody:
        """File what was brought in as the scan of the signed paper. It never leaves by this."""
        document_id = handle_file_document(context, case_id, consent_id, asked.file_id, who=who)
        return DocumentBody(document_id=document_id)

    @router.get(
        "/cases/{case_id}/consents/{consent_id}/document",
        response_class=StreamingResponse,
        responses={HTTPStatus.OK: {"content": {"application/octet-stream": {}}}},
    )
    def take_document(case_id: Id, consent_id: Id, who: Reader) -> StreamingResponse:
        """Return the scan; that you took it is noted."""
        document = open_document(context, case_id, consent_id, who=who)
        return stream_file(
            document.pieces, size=document.size, media_type=document.media_type, name="consent"
        )

    @router.get("/cases/{case_id}/exceptions")
    def list_recorded(case_id: Id, who: Reader) -> list[ExceptionBody]:
        """List the exceptions to consent in your channels of a case; the oldest first."""
        return [ExceptionBody.of(view) for view in list_exceptions(context, case_id, who=who)]

    @router.post("/cases/{case_id}/exceptions", status_code=HTTPStatus.CREATED)
    def record_exception(
        case_id: Id, draft: ExceptionDraft, who: Writer, channel: ChannelQuery = None
    ) -> ExceptionBody:
        """Record why messages of a channel leave without consent; the newest of a ground counts."""
        view = handle_record_exception(context, case_id, draft, who=who, channel=channel)
        return ExceptionBody.of(view)


def _add_circumstances(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/cases/{case_id}/circumstances")
    def get(case_id: Id, who: Reader, response: Response) -> CircumstancesBody:
        """Return what is known of a case: child, guardian, shelter, witness protection.

        The last one is false for somebody who is not cleared for that channel, whatever holds.
        """
        view = get_circumstances(context, case_id, who=who)
        tag(response, view.row_version)
        return CircumstancesBody.of(view)

    @router.put("/cases/{case_id}/circumstances")
    def put(
        case_id: Id,
        circumstances: Circumstances,
        who: Writer,
        seen: SeenVersion,
        response: Response,
    ) -> CircumstancesBody:
        """Say what is known of a case now, as a whole.

        That somebody is in witness protection may be said by all, and is taken back only by those
        who are cleared for that channel.
        """
        view = handle_set_circumstances(context, case_id, circumstances, who=who, row_version=seen)
        tag(response, view.row_version)
        return CircumstancesBody.of(view)

    @router.get("/shelters")
    def list_codes(who: Writer) -> list[ShelterBody]:
        """List shelters with their codes. Which shelter a code means never leaves this node."""
        return [ShelterBody.of(view) for view in list_shelters(context, who=who)]

    @router.post("/shelters", status_code=HTTPStatus.CREATED)
    def issue_code(draft: ShelterDraft, who: Writer) -> ShelterBody:
        """Issue an opaque code for a shelter."""
        return ShelterBody.of(handle_issue_code(context, draft, who=who))

    @router.get("/messages/{message_id}/onward-answers")
    def list_answers(message_id: Id, who: Writer) -> list[RecordedAnswer]:
        """List whether a received message's data may be passed on, and to whom; newest first."""
        return list_onward_answers(context, message_id, who=who)

    @router.post("/messages/{message_id}/onward-answers", status_code=HTTPStatus.CREATED)
    def record_answer(message_id: Id, answer: OnwardAnswer, who: Writer) -> RecordedBody:
        """Record whether the sender of a message allowed that its data is passed on."""
        recorded = handle_record_onward_answer(context, message_id, answer, who=who)
        return RecordedBody(recorded=recorded)
