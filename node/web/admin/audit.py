"""The audit log for the auditor: who did what to what, whether it is whole, and taking it out."""

import re
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.accounts.models import SignedIn
from console.audit.chain import AuditBrokenError, AuditFilter, AuditHead
from console.confirming import Confirmed
from console.i18n import Message, msg
from console.refusals import say_refusal
from node.domain.access import Permission
from node.domain.audit import Act
from node.service.audit import list_audit, read_audit_head, verify_audit
from node.service.audit_export import export_audit
from node.web.admin.audit_words import say_act, word_entry
from node.web.site import Form, PageRoute, Site, get_text, go_to, require_permission

CHECK_PATH: Final = "/audit/check"
_PAGE: Final = 50
_LARGEST: Final = 2**31 - 1
_LONGEST: Final = 200
_KNOWN: Final = re.compile(r"([0-9]{1,10}):([0-9a-f]{64})")
_BAD_HEAD: Final = msg("Write number and hash as this page showed them: 412:9f2c...")

Auditor = Annotated[SignedIn, Depends(require_permission(Permission.READ_AUDIT))]
_Wanted = Annotated[str, Query(max_length=_LONGEST)]


def create_audit_router(site: Site) -> APIRouter:
    """Build the pages of the log."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/audit")
    def show(  # noqa: PLR0913, PLR0917 - what the list can be narrowed by
        request: Request,
        who: Auditor,
        actor: _Wanted = "",
        action: _Wanted = "",
        subject: _Wanted = "",
        before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
    ) -> Response:
        wanted, principal = _narrow(actor, action, subject), site.principal(who)
        found = list_audit(
            site.context, who=principal, wanted=wanted, before=before, limit=_PAGE + 1
        )
        names = site.names()
        older = (
            _address(wanted, before=str(found[_PAGE - 1].sequence)) if len(found) > _PAGE else ""
        )
        return site.page(
            request,
            "admin/audit.html",
            names=names,
            entries=[word_entry(entry) for entry in found[:_PAGE]],
            wanted=wanted,
            actors=sorted(names.people.items(), key=lambda pair: pair[1].casefold()),
            actions=[(act.value, say_act(act)) for act in Act],
            older=older,
            first="" if before is None else _address(wanted),
            head=read_audit_head(site.context, who=principal),
        )

    _add_checking(router, site)
    return router


def _add_checking(router: APIRouter, site: Site) -> None:
    looked_for = site.looked_for(CHECK_PATH)

    @router.get(CHECK_PATH)
    def check(request: Request, who: Auditor) -> Response:
        found = _KNOWN.fullmatch(looked_for.find(request, who=who).get("known", ""))
        return _check(site, request, who, known=found and AuditHead(int(found[1]), found[2]))

    @router.post(CHECK_PATH)
    def compare(request: Request, who: Auditor, form: Form) -> Response:
        known = get_text(form, "known")
        if not _KNOWN.fullmatch(known):
            return site.page(
                request,
                "admin/audit_check.html",
                errors={"known": _BAD_HEAD},
                head=read_audit_head(site.context, who=site.principal(who)),
                problem=None,
                detail="",
                known=known,
            )
        response = go_to(CHECK_PATH)  # so that Back shows what came out
        looked_for.keep(response, {"known": known}, who=who)
        return response

    @router.post("/audit/export")
    def export(_who: Auditor, sure: Confirmed, form: Form) -> Response:
        wanted = _narrow(*(get_text(form, name) for name in ("actor", "action", "subject")))
        lines = export_audit(site.context, wanted, who=site.principal(sure))
        return StreamingResponse(
            lines,
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )


def _check(
    site: Site, request: Request, who: SignedIn, *, known: AuditHead | None = None
) -> Response:
    principal = site.principal(who)
    problem: Message | None = None
    detail: Message | str = ""
    try:
        head = verify_audit(site.context, who=principal, known=known)
    except AuditBrokenError as error:
        head = read_audit_head(site.context, who=principal)
        problem = _BROKEN
        detail = say_refusal(error)

    return site.page(
        request,
        "admin/audit_check.html",
        status=HTTPStatus.OK,
        head=head,
        problem=problem,
        detail=detail,
        known="" if known is None else f"{known.sequence}:{known.entry_hash}",
    )


_BROKEN: Final = msg(
    "An entry was changed, taken away, or put in. Tell whoever is responsible for this node, and "
    "compare with a backup and with the log lines of the process."
)


def _narrow(actor: str, action: str, subject: str) -> AuditFilter:
    return AuditFilter(
        actor=actor[:_LONGEST],
        action=action if action in set(Act) else "",
        subject=subject[:_LONGEST],
    )


def _address(wanted: AuditFilter, **more: str) -> str:
    given = {"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject, **more}
    narrowed = urlencode({name: value for name, value in given.items() if value})
    return f"/audit?{narrowed}" if narrowed else "/audit"
