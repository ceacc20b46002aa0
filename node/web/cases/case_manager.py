"""Who coordinates a case on our side: named, or handed over to a colleague; and cases linked."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from node.domain.access import Permission
from node.domain.cases import StatementKind
from node.service.cases.linking import handle_link, handle_unlink
from node.service.cases.recording import handle_name_manager
from node.service.cases.statements import Post
from node.service.people import list_accounts
from node.service.permitting import find_seen_case
from node.service.principals import describe_person
from node.service.records import find_case
from node.web.cases.acting import (
    NOTHING_WRONG,
    OpenCase,
    Outcome,
    Part,
    answer,
    attempt,
    find_too_long,
    open_case,
    read_all,
    read_part,
    read_version,
    show,
)
from node.web.cases.person import POST_FIELDS
from node.web.desks import describe_post
from node.web.site import FocalPoint, Form, PageRoute, Site, go_to
from protocol.errors import MalformedError
from protocol.identifiers import CaseReference, parse_case_reference

_NO_OTHER: Final = msg("There is no other case of this reference here.")
_ASKED: Final[Mapping[str, int]] = {"account_id": 64, "authority": 120, **POST_FIELDS}


def create_manager_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    _add_manager(router, site)
    _add_links(router, site)
    return router


def _add_manager(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/manager")
    def show_manager(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        return _show_manager(open_case(site, case_id, who, part), request)

    @router.post("/case/{case_id}/manager")
    def name_manager(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        case = open_case(site, case_id, who, read_part(form))
        asked = read_all(form, _ASKED)
        named = {name: asked[name] or None for name in ("authority", *POST_FIELDS)}
        outcome = attempt(
            case,
            form,
            lambda: handle_name_manager(
                site.context,
                case_id,
                Post.model_validate(named),
                who=case.who,
                account_id=asked["account_id"],
                channel=case.channel,
                row_version=read_version(form),
            ),
            at="account_id",
            errors=_judge_manager(case, asked),
        )
        return answer(
            outcome,
            case.address,
            lambda outcome: _show_manager(case, request, asked=asked, outcome=outcome),
        )


def _judge_manager(case: OpenCase, asked: Mapping[str, str]) -> dict[str, Message]:
    errors: dict[str, Message] = find_too_long(asked, POST_FIELDS)
    if asked["account_id"] not in dict(_list_colleagues(case)):
        errors["account_id"] = msg("Choose who coordinates the case.")
    if asked["authority"] not in dict(_list_own_desks(case)):
        errors["authority"] = msg("Choose the desk.")
    if not asked["post"]:
        errors["post"] = msg("Name the post that answers.")
    return errors


def _list_colleagues(case: OpenCase) -> list[tuple[str, str]]:
    """List who works on cases of this channel."""
    context, found = case.site.context, []
    for account in list_accounts(context):
        person = describe_person(context, account)
        channel = case.channel
        may_see = bool(person.channels) if channel is None else person.sees(channel)
        if account.is_active and person.may(Permission.WORK_CASES) and may_see:
            found.append((str(account.id), account.display_name))
    return sorted(found, key=lambda each: each[1].casefold())


def _list_own_desks(case: OpenCase) -> list[tuple[str, str]]:
    directory, own = case.names.directory, case.site.context.participant
    contacts = directory.contacts.get(own) if directory else None
    return [(str(desk.id), desk.name) for desk in contacts.authorities] if contacts else []


def _show_manager(
    case: OpenCase,
    request: Request,
    *,
    asked: Mapping[str, str] | None = None,
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    return show(
        case,
        request,
        "cases/manager.html",
        outcome=outcome,
        asked=asked or _fill_manager(case),
        colleagues=_list_colleagues(case),
        desks=_list_own_desks(case),
        theirs=[
            said
            for said in case.overview.statements
            if said.kind is StatementKind.MANAGER and said.details is not None
            and said.participant != case.site.context.participant
        ],
    )  # fmt: skip


def _fill_manager(case: OpenCase) -> dict[str, str]:
    filled = dict.fromkeys(_ASKED, "")
    filled["account_id"] = (case.strand and case.strand.manager_account) or case.who.person or ""
    desks = [name for name, _ in _list_own_desks(case)]
    touched = [name for name in case.overview.own_authorities if name in desks]
    filled["authority"] = next(iter(touched or desks), "")
    found = case.names.find_desk(filled["authority"])
    filled |= describe_post(found) if found else {}
    own = case.site.context.participant
    for said in case.overview.statements:
        is_ours = said.kind is StatementKind.MANAGER and said.participant == own
        if is_ours and said.details is not None and said.channel == case.channel:
            filled |= {name: getattr(said.details, name) or "" for name in POST_FIELDS}
            # A desk that has gone from the directory since cannot be chosen again.
            if said.details.authority in desks:
                filled["authority"] = said.details.authority
    return filled


def _add_links(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/links")
    def show_links(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        return show(open_case(site, case_id, who, part), request, "cases/links.html", reference="")

    @router.post("/case/{case_id}/links")
    def link(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Link another case of the same person, or take a link back."""
        case = open_case(site, case_id, who, read_part(form))
        asked = read_all(form, {"reference": 40, "unlink": 32})
        if asked["unlink"]:
            handle_unlink(site.context, case_id, asked["unlink"], who=case.who)
            return go_to(f"{case.address}/links{case.part_query}")
        other = _find_other(case, asked["reference"])
        outcome = attempt(
            case,
            form,
            lambda: handle_link(site.context, case_id, other, who=case.who, channel=case.channel),
            at="reference",
            errors={} if other else {"reference": _NO_OTHER},
        )
        return answer(
            outcome,
            f"{case.address}/links{case.part_query}",
            lambda outcome: show(
                case, request, "cases/links.html", outcome=outcome, reference=asked["reference"]
            ),
        )


def _find_other(case: OpenCase, reference: str) -> str:
    """Return the other case that is meant; nothing if there is none, or it is not theirs."""
    try:
        parsed: CaseReference = parse_case_reference(reference)
    except MalformedError:
        return ""
    with case.site.context.database.reading() as session:
        found = find_case(session, parsed)
        seen = found and find_seen_case(session, found.case_id, who=case.who)
    return seen.case_id if seen and seen.case_id != case.case_id else ""
