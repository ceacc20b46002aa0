"""The signing file: taken to where the directory key is, and brought back signed."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import msg
from contact_registry.changes.change import ChangeId
from contact_registry.changes.desk import signing_file_name
from contact_registry.changes.errors import ChangeError
from contact_registry.changes.signing_file import MAX_SIGNING_FILE
from contact_registry.changes.states import ChangeState
from directory_pages.change_pages import Problem, has_done, refuse, show_change
from directory_pages.site import (
    DirectoryPages,
    DirectoryRoute,
    Form,
    actor_of,
    get_seen,
    go_to,
    parse_change_id,
)

_MEDIA_TYPE: Final = "application/json"
_SIGNED: Final = frozenset({ChangeState.SIGNED})


def create_signing_router(pages: DirectoryPages) -> APIRouter:
    """Build what hands out a signing file, and what takes it back."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]

    @router.get("/changes/{change_id}/signing-file")
    def hand_out(request: Request, _who: editor, change_id: str) -> Response:
        return _hand_out(pages, request, parse_change_id(change_id))

    @router.post("/changes/{change_id}/signed")
    def take_back(request: Request, who: editor, change_id: str, form: Form) -> Response:
        found = parse_change_id(change_id)
        upload = form.get("file")
        data = upload.file.read(MAX_SIGNING_FILE + 1) if isinstance(upload, UploadFile) else b""
        if not data:
            errors = {"file": msg("Choose the signed file.")}
            return show_change(pages, request, found, Problem(errors=errors))
        try:
            pages.desk.take_signing_file(found, data, seen=get_seen(form), actor=actor_of(who))
        except ChangeError as error:
            if not has_done(pages, found, _SIGNED, who=who):
                return refuse(pages, request, found, error)
        return go_to(f"/changes/{found}")

    return router


def _hand_out(pages: DirectoryPages, request: Request, change_id: ChangeId) -> Response:
    """Answer with the file; its name says whose contacts, and which version they would be."""
    change = pages.desk.look(change_id).change
    try:
        data = pages.desk.export_signing_file(change_id)
    except ChangeError as error:
        return refuse(pages, request, change_id, error)
    name = signing_file_name(change)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=_MEDIA_TYPE, headers=headers)
