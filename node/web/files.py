"""Files of messages: how far they are, taking a copy, and what an administrator sees of them."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from console.digits import read_number
from console.downloads import Download, answer_download, begins_at_start
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Principal
from node.domain.file_states import Arrival, Scan
from node.service.attachments.scanning import handle_scan_again
from node.service.attachments.showing import (
    TROUBLES,
    FileTrouble,
    FileView,
    find_unscanned,
    list_files,
    list_troubled_files,
)
from node.service.attachments.states import SentState
from node.service.attachments.taking import FileCopy, Withheld, WithheldFileError, open_copy
from node.service.context import NodeContext, StaleError
from node.service.reading import MessageView, load_view
from node.web.file_words import WITHHELD, look_of_file, say_detail, say_size
from node.web.site import FocalPoint, Form, NodeAdmin, PageRoute, Site, get_text, go_to

_MOVING_SENT = {SentState.WAITING, SentState.MOVING}


def create_files_router(site: Site) -> APIRouter:
    """Build the pages of files."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/live/files/{message_id}")
    def refresh(request: Request, who: FocalPoint, message_id: str) -> Response:
        """Show how far the files of a message are; it does not count as opened."""
        view = load_view(site.context, message_id, who=site.principal(who))
        return site.fragment(request, "files.html", **describe_files(site.context, view))

    @router.get("/file/{file_id}")
    def take(request: Request, who: FocalPoint, file_id: str) -> Response:
        try:
            copy = open_copy(
                site.context,
                file_id,
                who=site.principal(who),
                is_first_part=begins_at_start(request.headers),
            )
            return answer_download(request.headers, _describe_download(copy))
        except WithheldFileError as error:
            return _show_withheld(site, request, error)

    @router.get("/file/{file_id}/unscanned")
    def warn(request: Request, who: FocalPoint, file_id: str) -> Response:
        """Say what it means that the scanner could not look into a file, before it is saved."""
        return _show_unscanned(site, request, file_id, who=site.principal(who))

    @router.post("/file/{file_id}/unscanned")
    def take_unscanned(request: Request, who: FocalPoint, form: Form, file_id: str) -> Response:
        if get_text(form, "expected") != "yes":
            return _show_unscanned(
                site, request, file_id, who=site.principal(who), problem=_NOT_SAID
            )
        try:
            copy = open_copy(site.context, file_id, who=site.principal(who), accepts_unscanned=True)
            answer = answer_download(Headers(), _describe_download(copy))
        except WithheldFileError as error:
            return _show_withheld(site, request, error)
        answer.headers["Accept-Ranges"] = "none"  # what a form asked for cannot be resumed
        return answer

    _add_troubled(router, site)
    return router


def _add_troubled(router: APIRouter, site: Site) -> None:
    """Add what an administrator sees of files."""

    @router.get("/delivery/files")
    def show_troubled(request: Request, _who: NodeAdmin, done: str = "") -> Response:
        return _show_troubled(site, request, is_done=done == "again")

    @router.post("/delivery/files/{file_id}/scan")
    def scan_again(request: Request, who: NodeAdmin, form: Form, file_id: str) -> Response:
        try:
            handle_scan_again(
                site.context,
                file_id,
                row_version=read_number(get_text(form, "row_version")) or 0,
                actor=who.account.id,
            )
        except StaleError:
            return _show_troubled(site, request, problem=_STALE)
        return go_to("/delivery/files?done=again")


_NOT_SAID: Message = msg("Say that you expected this file from this desk, or leave it.")


def _describe_download(copy: FileCopy) -> Download:
    return Download(
        name=copy.name,
        size=copy.size,
        media_type=copy.media_type,
        tag=copy.file.file_id,
        read=copy.read,
    )


def _show_withheld(site: Site, request: Request, error: WithheldFileError) -> Response:
    if error.why is Withheld.UNSCANNED:
        return go_to(f"{request.url.path}/unscanned")
    return site.page(
        request,
        "file_withheld.html",
        status=HTTPStatus.CONFLICT,
        why=WITHHELD[error.why],
        message_id=error.message_id,
    )


def _show_unscanned(
    site: Site,
    request: Request,
    file_id: str,
    *,
    who: Principal,
    problem: Message | None = None,
) -> Response:
    file = find_unscanned(site.context, file_id)
    if file is None:  # scanned meanwhile, lost, or never in doubt: its own address says which
        return go_to(f"/file/{file_id}")
    errors: FormErrors = {"expected": problem} if problem else NO_ERRORS
    return site.page(
        request,
        "file_unscanned.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        errors=errors,
        file=file,
        name=_find_name(site.context, file, who=who),
        say_size=say_size,
        say_detail=say_detail,
    )


def _find_name(context: NodeContext, file: FileTrouble, *, who: Principal) -> str:
    view = load_view(context, file.message_id, who=who)
    names = [each.name for each in list_files(context, view) if each.file_id == file.file_id]
    return names[0] if names else ""


_STALE: Message = msg("Something happened to this file meanwhile: look at it again, then decide.")


def _show_troubled(
    site: Site, request: Request, *, problem: Message | None = None, is_done: bool = False
) -> Response:
    errors: FormErrors = {"files": problem} if problem else NO_ERRORS
    files = list_troubled_files(site.context)
    return site.page(
        request,
        "troubled_files.html",
        status=HTTPStatus.CONFLICT if problem else HTTPStatus.OK,
        errors=errors,
        groups=[
            (title, rows)
            for title, rows in (
                (msg("Quarantined"), [f for f in files if f.scan is Scan.FOUND]),
                (msg("Could not be scanned"), [f for f in files if f.scan is Scan.UNSCANNABLE]),
                (msg("Waiting for the scanner"), [f for f in files if f.scan is Scan.WAITING]),
                (msg("Will not be complete"), [f for f in files if _is_lost(f.arrival)]),
                (msg("Arriving"), [f for f in files if f.arrival is Arrival.ARRIVING]),
            )
            if rows
        ],
        can_scan_again={Scan.FOUND, Scan.UNSCANNABLE},
        look_of_file=look_of_file,
        say_size=say_size,
        say_detail=say_detail,
        is_done=is_done,
        most=TROUBLES,
    )


def _is_lost(arrival: Arrival) -> bool:
    return arrival in {Arrival.BROKEN, Arrival.GONE, Arrival.GIVEN_UP}


def describe_files(context: NodeContext, view: MessageView) -> dict[str, Any]:
    """Give what the files of a message are shown with."""
    files = list_files(context, view)
    return {
        "item": view.item,
        "files": files,
        "are_files_moving": any(_may_move(file) for file in files),
        "look_of_file": look_of_file,
        "say_size": say_size,
    }


def _may_move(file: FileView) -> bool:
    """Say whether looking again soon may show something else."""
    if file.sent is not None:
        return file.sent in _MOVING_SENT and not file.is_confirmed
    return file.arrival is Arrival.ARRIVING or file.scan is Scan.WAITING
