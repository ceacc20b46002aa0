"""Answering a request with its typed answer: one form beside the question, a check, and sent.

Journey 3: Message, Answer, Check, Sent. What is typed is kept as a draft of its own, which other
pages (files, the list of drafts) know by its identifier.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from node.web.answer_pages import AnswerPages
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to


def create_answering_router(site: Site) -> APIRouter:
    """Build the pages of a typed answer."""
    router = APIRouter(route_class=PageRoute)
    pages = AnswerPages(site)
    _add_writing(router, pages)
    _add_sending(router, pages)
    return router


def _add_writing(router: APIRouter, pages: AnswerPages) -> None:
    @router.get("/answer/{message_id}")
    def write(request: Request, who: FocalPoint, message_id: str) -> Response:
        reply = pages.open(message_id, who)
        return pages.elsewhere(reply, who) or pages.show(request, reply, {})

    @router.post("/answer/{message_id}")
    def save(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        stored = pages.open(message_id, who, draft_id=get_text(form, "draft"))
        settled = pages.elsewhere(stored, who)
        if settled is not None:
            return settled
        reply = pages.lay_over(stored, form, who)
        if pages.is_stale(stored, form):
            return pages.show_stale(request, stored, reply)
        pages.keep(reply, form, who)
        rows = reply.form.row_act(form)
        if rows:
            return go_to(f"/answer/{message_id}#{rows}")
        errors = reply.find_errors(now=pages.site.context.clock())
        if errors:
            return pages.show(request, reply, errors, tab=get_text(form, "tab"))
        return go_to(f"/answer/{message_id}/check")

    @router.post("/keep-answer/{message_id}")
    def keep(who: FocalPoint, form: Form, message_id: str) -> Response:
        """Keep what is being typed, without judging it; another window's words stay."""
        stored = pages.open(message_id, who, draft_id=get_text(form, "draft"))
        if pages.elsewhere(stored, who) is None:
            if pages.is_stale(stored, form):
                return Response(status_code=HTTPStatus.CONFLICT)
            pages.keep(pages.lay_over(stored, form, who), form, who)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_sending(router: APIRouter, pages: AnswerPages) -> None:
    @router.get("/answer/{message_id}/check")
    def check(request: Request, who: FocalPoint, message_id: str) -> Response:
        reply = pages.open(message_id, who)
        settled = pages.elsewhere(reply, who)
        if settled is not None:
            return settled
        errors = reply.find_errors(now=pages.site.context.clock())
        if errors:
            return go_to(f"/answer/{message_id}")
        return pages.show_check(request, reply, {})

    @router.post("/answer/{message_id}/send")
    def send(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        reply = pages.open(message_id, who, draft_id=get_text(form, "draft"))
        return pages.elsewhere(reply, who) or pages.send(request, reply, form, who)

    @router.post("/answer/{message_id}/ask")
    def ask(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        """Ask a second person about an answer that leaves on an exception."""
        reply = pages.open(message_id, who, draft_id=get_text(form, "draft"))
        return pages.elsewhere(reply, who) or pages.ask(request, reply, form, who)
