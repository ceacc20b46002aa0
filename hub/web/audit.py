"""Who did what at the hub, and whether the log is whole."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message
from console.refusals import say_refusal
from hub.audit.actions import Action
from hub.audit.log import AuditBrokenError, AuditFilter
from hub.web.audit_words import say_action, word_entry
from hub.web.site import AuditReader, PageRoute, Site

_PAGE: Final = 50
_LARGEST: Final = 2**31 - 1


def create_audit_router(site: Site) -> APIRouter:
    """Build the pages of the log."""
    router = APIRouter(route_class=PageRoute)
    audit = site.context.audit

    @router.get("/audit")
    def show(
        request: Request,
        _who: AuditReader,
        action: Annotated[str, Query(max_length=60)] = "",
        before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
    ) -> Response:
        wanted = action if action in set(Action) else ""
        found = audit.list_entries(AuditFilter(action=wanted), before=before, limit=_PAGE + 1)
        entries = found[:_PAGE]
        narrowed = f"&action={wanted}" if wanted else ""
        older = f"/audit?before={entries[-1].sequence}{narrowed}" if len(found) > _PAGE else ""
        return site.page(
            request,
            "audit.html",
            entries=[word_entry(entry) for entry in entries],
            action=wanted,
            actions=[(code.value, say_action(code)) for code in Action],
            older=older,
            is_first=before is None,
            head=audit.read_head(),
        )

    @router.get("/audit/check")
    def check(request: Request, _who: AuditReader) -> Response:
        problem: Message | str = ""
        try:
            head = audit.verify()
        except AuditBrokenError as error:
            head, problem = audit.read_head(), say_refusal(error)
        return site.page(request, "audit_check.html", head=head, problem=problem)

    return router
