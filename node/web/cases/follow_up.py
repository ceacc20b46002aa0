"""The follow-up form of a case: Part I, strictly confidential, here; the rest as a message.

Part I is opened to people by name, each look at it stands in the audit log, and nothing prints or
sends it.
"""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from node.domain.access import Permission
from node.service.cases.confidential import (
    Confidential,
    get_confidential,
    handle_write_confidential,
)
from node.service.context import NotFoundError
from node.service.permitting import require
from node.service.reading import get_case
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
from node.web.forms.filled import FilledForm, FormSetting
from node.web.forms.spreading import spread
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_version
from node.web.states import look_of
from protocol.messages.codes import Kind
from protocol.messages.social_inclusion_follow_up import ConfidentialPart

FOLLOW_UP: Final = "social_inclusion.case_follow_up"


def create_follow_up_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    _add_form(router, site)
    _add_sealed(router, site)
    return router


def _add_form(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/form")
    def show_form(request: Request, who: FocalPoint, case_id: str) -> Response:
        case = open_case(site, case_id, who)
        view = get_case(site.context, case_id, who=case.who)
        sent = [item for item in view.items if item.type == FOLLOW_UP][::-1]
        kind = Kind.UPDATE if sent else Kind.NOTIFICATION
        return show(
            case,
            request,
            "cases/form.html",
            sent=sent,
            what=f"{FOLLOW_UP}:{kind.value}",
            peers=view.peers,
            may_open=case.who.may(Permission.READ_CONFIDENTIAL),
            say_type=say_type,
            look_of=look_of,
        )


def _add_sealed(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/sealed")
    def show_sealed(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        require(site.principal(who), Permission.READ_CONFIDENTIAL)
        case = open_case(site, case_id, who, part)
        known = _find(case)
        setting = FormSetting(zone=site.zone)
        answers = spread(ConfidentialPart, known.content, setting) if known else {}
        return _show(case, request, known, FilledForm(ConfidentialPart, answers, setting))

    @router.post("/case/{case_id}/sealed")
    def write(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Write Part I anew as a whole."""
        require(site.principal(who), Permission.READ_CONFIDENTIAL)
        case = open_case(site, case_id, who, read_part(form))
        setting = FormSetting(zone=site.zone)
        filled = FilledForm(ConfidentialPart, {}, setting)
        filled = FilledForm(ConfidentialPart, filled.take(form), setting)
        if filled.row_act(form):
            return _show(case, request, _find(case), filled)
        version = get_version(form, "seen_version")
        outcome = attempt(
            case,
            form,
            lambda: handle_write_confidential(
                site.context,
                case_id,
                ConfidentialPart.model_validate(filled.body()),
                who=case.who,
                channel=case.channel,
                row_version=version or None,
            ),
            at="identity",
            errors=filled.find_errors(),
        )
        return answer(
            outcome,
            f"{case.address}/form",
            lambda outcome: _show(case, request, _find(case), filled, outcome),
        )


def _find(case: OpenCase) -> Confidential | None:
    """Return Part I after noting who reads it; None if nobody wrote it. Raises ForbiddenError."""
    try:
        return get_confidential(case.site.context, case.case_id, who=case.who, channel=case.channel)
    except NotFoundError:
        return None


def _show(
    case: OpenCase,
    request: Request,
    known: Confidential | None,
    filled: FilledForm,
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    return show(
        case,
        request,
        "cases/sealed.html",
        outcome=outcome,
        filled=filled,
        known=known,
        seen_version=known.row_version if known else 0,
    )
