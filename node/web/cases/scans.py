"""The scan of a signed consent: brought in with progress, or as one form; taken as a copy.

It goes up as files of messages do (:mod:`node.web.file_forms`) and is filed with its consent as
soon as all of it is there. It never leaves this node.
"""

import asyncio
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.accounts.models import SignedIn
from console.downloads import write_disposition
from console.i18n import Message, msg
from node.service.attachments.staging import StagedFile, handle_discard_file, list_staged
from node.service.consent.documents import handle_file_document, open_document
from node.service.consent.records import ConsentView, list_consents
from node.service.context import NotFoundError
from node.web.cases.acting import OpenCase, Outcome, open_case, show
from node.web.face import SCAN_FORM, SCAN_PIECES
from node.web.file_forms import ChosenFile, FilePlace, take_form
from node.web.file_routes import add_pieces
from node.web.file_words import say_size
from node.web.site import FocalPoint, PageRoute, Site, go_to
from protocol.messages.fields import Sensitivity


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

    def place(self, case_id: str, consent_id: str, who: SignedIn) -> FilePlace:
        """Say where the scan of a consent belongs; raises ``NotFoundError``."""
        case, _ = self.open(case_id, consent_id, who)
        context, owner = self.site.context, str(who.account.id)

        def judge(_chosen: ChosenFile) -> Sensitivity:
            """Take it in place of one that broke off: a consent has one scan."""
            for file in list_staged(context, owner=owner, draft_id=consent_id):
                handle_discard_file(context, file.file_id, owner=owner)
            return Sensitivity.IDENTITY

        def finish(file: StagedFile) -> None:
            handle_file_document(context, case_id, consent_id, file.file_id, who=case.who)

        return FilePlace(
            site=self.site, owner=owner, draft_id=consent_id, judge=judge, finish=finish
        )


def create_scans_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    pages = ScanPages(site)

    def find_place(who: FocalPoint, case_id: str, consent_id: str) -> FilePlace:
        return pages.place(case_id, consent_id, who)

    _add_page(router, pages)
    add_pieces(router, SCAN_PIECES + "{case_id}/{consent_id}", find_place)
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

    @router.post("/case-scan-file/{case_id}/{consent_id}")
    async def add(request: Request, who: FocalPoint, case_id: str, consent_id: str) -> Response:
        """Take a scan as the browser sends it without a script."""
        place = await asyncio.to_thread(pages.place, case_id, consent_id, who)
        problem = await take_form(request, place)
        if problem is None:
            return go_to(f"/case/{case_id}/basis")
        return await asyncio.to_thread(
            partial(pages.show, request, case_id, consent_id, who, problem=problem)
        )
