"""Notes in a case: they stay at this node, and nothing prints or sends them."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from node.service.cases.notes import (
    NOTE_LENGTH,
    Note,
    handle_add_note,
    handle_change_note,
    handle_delete_note,
    list_notes,
)
from node.web.cases.acting import (
    NOTHING_WRONG,
    OpenCase,
    Outcome,
    Part,
    answer,
    attempt,
    open_case,
    read_part,
    show,
)
from node.web.fields import clean_text
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version

_PAGE = 50


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in the form of the page: a new note, or one that is changed."""

    note_id: str = ""
    text: str = ""


def create_notes_router(site: Site) -> APIRouter:
    """Build the pages of notes."""
    router = APIRouter(route_class=PageRoute)
    _add_list(router, site)
    _add_changing(router, site)
    return router


def _add_list(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/notes")
    def show_notes(
        request: Request, who: FocalPoint, case_id: str, part: Part = 0, after: str = ""
    ) -> Response:
        return _show(open_case(site, case_id, who, part), request, after=after)

    @router.post("/case/{case_id}/notes")
    def add(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        case = open_case(site, case_id, who, read_part(form))
        text = clean_text(get_text(form, "text"))
        outcome = attempt(
            case,
            form,
            lambda: handle_add_note(
                site.context, case_id, text, who=case.who, channel=case.channel
            ),
            at="text",
            errors=_judge(text),
        )
        return _answer(case, request, _Typed(text=text), outcome)


def _add_changing(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/notes/{note_id}")
    def open_note(request: Request, who: FocalPoint, case_id: str, note_id: str) -> Response:
        return _show(open_case(site, case_id, who), request, typed=_Typed(note_id=note_id))

    @router.post("/case/{case_id}/notes/{note_id}")
    def change(
        request: Request, who: FocalPoint, form: Form, case_id: str, note_id: str
    ) -> Response:
        """Give a note another text, or delete it."""
        case = open_case(site, case_id, who, read_part(form))
        version, text = get_version(form, "row_version"), clean_text(get_text(form, "text"))
        is_deleted = get_text(form, "act") == "delete"

        def act() -> None:
            context, known = site.context, case.who
            if is_deleted:
                handle_delete_note(context, case_id, note_id, who=known, row_version=version)
            else:
                handle_change_note(context, case_id, note_id, text, who=known, row_version=version)

        errors = {} if is_deleted else _judge(text)
        outcome = attempt(case, form, act, at="text", errors=errors)
        return _answer(case, request, _Typed(note_id, text), outcome)


def _answer(case: OpenCase, request: Request, typed: _Typed, outcome: Outcome) -> Response:
    return answer(
        outcome,
        f"{case.address}/notes{case.part_query}",
        lambda outcome: _show(case, request, typed=typed, outcome=outcome),
    )


def _judge(text: str) -> dict[str, Message]:
    if not text:
        return {"text": msg("Write the note first.")}
    if len(text) > NOTE_LENGTH:
        return {"text": msg("Shorten this to %(count)s characters.", count=NOTE_LENGTH)}
    return {}


def _show(
    case: OpenCase,
    request: Request,
    *,
    typed: _Typed | None = None,
    outcome: Outcome = NOTHING_WRONG,
    after: str = "",
) -> Response:
    notes = list_notes(
        case.site.context, case.case_id, who=case.who, limit=_PAGE, after=_read_place(after)
    )
    more = f"{notes[-1].at.isoformat()}~{notes[-1].note_id}" if len(notes) == _PAGE else ""
    chosen: Note | None = None
    if typed and typed.note_id:
        chosen = next((n for n in notes if n.note_id == typed.note_id and not n.deleted_at), None)
    return show(
        case,
        request,
        "cases/notes.html",
        outcome=outcome,
        notes=notes,
        chosen=chosen,
        text=typed.text if typed else "",
        longest=NOTE_LENGTH,
        more=more,
    )


def _read_place(after: str) -> tuple[datetime, str] | None:
    """Return where the list goes on; from the beginning for anything else."""
    moment, _, note_id = after.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return None if at.tzinfo is None or not note_id.isalnum() else (at, note_id)
