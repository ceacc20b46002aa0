"""The scan of a signed consent: brought in with progress, or as one form; taken as a copy.

It goes up as files of messages do (:mod:`node.web.attaching`) and is filed with its consent as soon
as all of it is there. It never leaves this node.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from console.accounts.models import SignedIn
from console.downloads import write_disposition
from console.i18n import Message, msg
from console.security import announced_length
from console.uploads import FileBegin, FileEnd, FilePiece, FormPart, stream_form
from node.domain.files import NoRoomError
from node.service.attachments.sniffing import RefusedFileError
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
from node.service.consent.documents import handle_file_document, open_document
from node.service.consent.records import ConsentView, list_consents
from node.service.context import NodeError, NotFoundError
from node.web.cases.acting import OpenCase, Outcome, open_case, show
from node.web.face import SCAN_FORM, SCAN_PIECES
from node.web.file_words import say_size
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from protocol.limits import LIMITS
from protocol.messages.fields import Sensitivity

_LEAST_FRAMING: Final = 250
_MOST_DIGITS: Final = 12
_NO_FILE: Final = msg("Choose a file first.")
_BAD_NAME: Final = msg(
    'Rename the file: its name must not hold any of / \\ : * ? " < > | nor begin or end with a '
    "full stop."
)
_TRY_AGAIN: Final = msg("The file did not arrive as a whole. Choose it again.")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A file as a browser describes it."""

    name: str
    #: Bytes.
    size: int
    edition: str = ""


class ScanPages:
    """Shows how a consent stands with its scan, and takes one."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def open(self, case_id: str, consent_id: str, who: SignedIn) -> tuple[OpenCase, ConsentView]:
        """Open case and consent; raises ``NotFoundError``."""
        case = open_case(self.site, case_id, who)
        for consent in list_consents(self.site.context, case_id, who=case.who):
            if consent.consent_id == consent_id:
                return case, consent
        raise NotFoundError("This case has no such consent: look it up in the list.")

    def show(
        self, request: Request, case_id: str, consent_id: str, who: SignedIn,
        *, problem: Message | None = None,
    ) -> Response:  # fmt: skip
        """Render the page."""
        case, consent = self.open(case_id, consent_id, who)
        return show(
            case,
            request,
            "cases/scan.html",
            outcome=Outcome(errors={"file": problem} if problem else {}),
            consent=consent,
            base=f"{SCAN_PIECES}{case_id}/{consent_id}",
            action=f"{SCAN_FORM}{case_id}/{consent_id}",
            file_hint=msg(
                "At most %(size)s: PDF or a picture.",
                size=say_size(self.site.context.file_rules.largest),
            ),
        )

    def begin(self, consent_id: str, owner: str, chosen: _Chosen) -> StagedFile:
        """Announce the file, or go on with the one that broke off.

        Raises ``RefusedFileError``, ``NoRoomError``.
        """
        for file in list_staged(self.site.context, owner=owner, draft_id=consent_id):
            about = _Chosen(file.description.name, file.size, file.description.edition)
            if not file.complete and about == chosen:
                return file
            handle_discard_file(self.site.context, file.file_id, owner=owner)
        try:
            draft = FileDraft(
                name=chosen.name,
                size=chosen.size,
                sensitivity=Sensitivity.IDENTITY,
                edition=chosen.edition,
            )
        except ValueError as error:
            raise RefusedFileError(str(_BAD_NAME)) from error
        return handle_begin_file(self.site.context, draft, owner=owner, draft_id=consent_id)

    def file(self, case: OpenCase, consent_id: str, staged: StagedFile) -> None:
        """File what is whole with its consent."""
        if staged.complete:
            handle_file_document(
                self.site.context, case.case_id, consent_id, staged.file_id, who=case.who
            )


def create_scans_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    pages = ScanPages(site)
    _add_page(router, pages)
    _add_form(router, pages)
    _add_pieces(router, pages)
    return router


def _add_page(router: APIRouter, pages: ScanPages) -> None:
    @router.get("/case-scan/{case_id}/{consent_id}")
    def show_scan(request: Request, who: FocalPoint, case_id: str, consent_id: str) -> Response:
        return pages.show(request, case_id, consent_id, who)

    @router.get("/case-scan/{case_id}/{consent_id}/paper")
    def take_copy(who: FocalPoint, case_id: str, consent_id: str) -> Response:
        """Give a copy; that somebody took it is noted."""
        case, _ = pages.open(case_id, consent_id, who)
        document = open_document(pages.site.context, case_id, consent_id, who=case.who)
        return StreamingResponse(
            document.pieces,
            media_type=document.media_type,
            headers={
                "Content-Length": str(document.size),
                "Content-Disposition": write_disposition("scan"),
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )


def _add_form(router: APIRouter, pages: ScanPages) -> None:
    @router.post("/case-scan-file/{case_id}/{consent_id}")
    async def add(request: Request, who: FocalPoint, case_id: str, consent_id: str) -> Response:
        """Take a scan as the browser sends it without a script."""
        case, _ = await asyncio.to_thread(pages.open, case_id, consent_id, who)
        parts = stream_form(request)
        problem: Message | None = None
        try:
            staged = await _take_form(request, pages, parts, consent_id=consent_id, who=who)
            if staged is None:
                problem = _NO_FILE
            else:
                await asyncio.to_thread(pages.file, case, consent_id, staged)
        except (RefusedFileError, NoRoomError) as error:
            problem = msg("%(reason)s", reason=str(error))
        except NodeError:
            problem = _TRY_AGAIN
        except ClientDisconnect as error:  # nobody hears it
            raise HTTPException(HTTPStatus.BAD_REQUEST) from error
        if problem is None:
            return go_to(f"{case.address}/basis")
        async for _ in parts:  # a browser shows no answer before it has sent all
            pass
        return await asyncio.to_thread(
            partial(pages.show, request, case_id, consent_id, who, problem=problem)
        )


async def _take_form(
    request: Request,
    pages: ScanPages,
    parts: AsyncIterator[FormPart],
    *,
    consent_id: str,
    who: SignedIn,
) -> StagedFile | None:
    owner = str(who.account.id)
    async for part in parts:
        match part:
            case FileBegin(file_name=file_name) if file_name:
                # A form does not say how long its file is, only how long it is itself.
                framing = len(file_name.encode()) + _LEAST_FRAMING
                size = min(announced_length(request.headers) - framing, LIMITS.attachment)
                chosen = _Chosen(file_name, max(1, size))
                file = await asyncio.to_thread(pages.begin, consent_id, owner, chosen)
                writer = partial(
                    FileWriter, pages.site.context, file.file_id, owner=owner, offset=0
                )
                try:
                    return await take_stream(_pieces(parts), writer, is_rest=True)
                except BaseException:  # a form cannot go on: the next one begins anew
                    await asyncio.to_thread(
                        handle_discard_file, pages.site.context, file.file_id, owner=owner
                    )
                    raise
            case _:
                pass
    return None


async def _pieces(parts: AsyncIterator[FormPart]) -> AsyncIterator[bytes]:
    async for part in parts:
        match part:
            case FilePiece(data=data):
                yield data
            case FileEnd():
                return
            case _:
                pass


def _add_pieces(router: APIRouter, pages: ScanPages) -> None:
    """Add what the page's script asks for: announce, send pieces, ask how far it got."""

    @router.post("/case-scan/{case_id}/{consent_id}/begin")
    def begin(who: FocalPoint, form: Form, case_id: str, consent_id: str) -> Response:
        pages.open(case_id, consent_id, who)
        text = get_text(form, "size")
        if not (text.isascii() and text.isdecimal() and 0 < len(text) <= _MOST_DIGITS):
            return _refuse(str(_NO_FILE))
        chosen = _Chosen(get_text(form, "name"), int(text), get_text(form, "edition")[:64])
        try:
            file = pages.begin(consent_id, str(who.account.id), chosen)
        except (RefusedFileError, NoRoomError) as error:
            return _refuse(str(error))
        return _tell(file)

    @router.get("/case-scan/{case_id}/{consent_id}/{file_id}")
    def ask(who: FocalPoint, case_id: str, consent_id: str, file_id: str) -> Response:
        pages.open(case_id, consent_id, who)
        return _tell(load_staged(pages.site.context, file_id, owner=str(who.account.id)))

    @router.post("/case-scan/{case_id}/{consent_id}/{file_id}")
    async def take(  # noqa: PLR0913, PLR0917 - FastAPI takes what a request consists of as parameters
        request: Request,
        who: FocalPoint,
        case_id: str,
        consent_id: str,
        file_id: str,
        upload_offset: Annotated[int, Header(ge=0)],
    ) -> Response:
        case, _ = await asyncio.to_thread(pages.open, case_id, consent_id, who)
        owner = str(who.account.id)
        try:
            file = await take_stream(
                request.stream(),
                partial(FileWriter, pages.site.context, file_id, owner=owner, offset=upload_offset),
            )
            await asyncio.to_thread(pages.file, case, consent_id, file)
        except (ClientDisconnect, SilentLineError) as error:  # what came is kept
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
        except NotFoundError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND) from error
        except (NodeError, NoRoomError) as error:
            return _refuse(str(error), getattr(error, "members", {}))
        return _tell(file)


def _tell(file: StagedFile) -> Response:
    return JSONResponse(
        {"file_id": file.file_id, "received": file.received, "complete": file.complete}
    )


def _refuse(reason: str, members: dict[str, Any] | None = None) -> Response:
    status = HTTPStatus.CONFLICT if members else HTTPStatus.UNPROCESSABLE_ENTITY
    return JSONResponse({"problem": reason, **(members or {})}, status_code=status)
