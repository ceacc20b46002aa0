"""What this side knows of the person: status, child or adult, who acts for a child, shelter.

Three forms on one page, each saved by itself: the first two say it in one channel, the third of the
case as a whole.
"""

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from node.domain.cases import StatementKind
from node.service.cases.recording import handle_record_guardian, handle_record_person
from node.service.cases.statements import Post
from node.service.consent.circumstances import (
    Circumstances,
    get_circumstances,
    handle_set_circumstances,
)
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
from node.web.labels import say_code
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version
from protocol.identifiers import Channel
from protocol.limits import LIMITS
from protocol.messages.codes import GuardianSituation, PersonGroup, TraffickingStatus

POST_FIELDS: Final[Mapping[str, int]] = {
    "post": LIMITS.line,
    "telephone": LIMITS.line,
    "mailbox": LIMITS.line,
    "reachable": LIMITS.line,
}
_FLAGS: Final = ("in_shelter", "in_witness_protection")
_FLAGS_OF_CHILD: Final = (*_FLAGS, "best_interest_assessed")


def create_person_router(site: Site) -> APIRouter:
    """Build the page."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/case/{case_id}/person")
    def show_person(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        return _show(open_case(site, case_id, who, part), request)

    @router.post("/case/{case_id}/person")
    def record(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        case = open_case(site, case_id, who, read_part(form))
        act = _ACTS.get(get_text(form, "act"), _record_person)
        asked = read_all(form, _ASKED)
        return answer(
            act(case, form, asked),
            f"{case.address}/person{case.part_query}",
            lambda outcome: _show(case, request, asked=asked, outcome=outcome),
        )

    return router


_ASKED: Final[Mapping[str, int]] = {
    "act": 20, "status": 40, "person_group": 20, "situation": 40, **POST_FIELDS,
}  # fmt: skip


def _record_person(case: OpenCase, form: Form, asked: Mapping[str, str]) -> Outcome:
    status, group = asked["status"], asked["person_group"]
    if status not in set(TraffickingStatus):
        return Outcome(errors={"status": msg("Choose the status of the person.")})
    if group not in set(PersonGroup):
        return Outcome(errors={"person_group": msg("Say whether the rules for children apply.")})
    return attempt(
        case,
        form,
        lambda: handle_record_person(
            case.site.context,
            case.case_id,
            who=case.who,
            status=TraffickingStatus(status),
            group=PersonGroup(group),
            channel=case.channel,
            row_version=read_version(form),
        ),
        at="status",
    )


def _record_guardian(case: OpenCase, form: Form, asked: Mapping[str, str]) -> Outcome:
    if asked["situation"] not in set(GuardianSituation):
        return Outcome(errors={"situation": msg("Say who acts for the child.")})
    situation = GuardianSituation(asked["situation"])
    is_appointed = situation is GuardianSituation.APPOINTED
    errors: dict[str, Message] = find_too_long(asked, POST_FIELDS)
    if is_appointed and not asked["post"]:
        errors["post"] = msg("Name the guardian's post or office, not a private person.")
    named = {name: asked[name] or None for name in POST_FIELDS}
    return attempt(
        case,
        form,
        lambda: handle_record_guardian(
            case.site.context,
            case.case_id,
            situation,
            who=case.who,
            post=Post.model_validate(named) if is_appointed else None,
            is_case_manager=is_appointed and get_text(form, "is_case_manager") == "yes",
            channel=case.channel,
            row_version=read_version(form),
        ),
        at="situation",
        errors=errors,
    )


def _record_circumstances(case: OpenCase, form: Form, _asked: Mapping[str, str]) -> Outcome:
    known = get_circumstances(case.site.context, case.case_id, who=case.who)
    flags = _FLAGS_OF_CHILD if known.circumstances.treated_as_child else _FLAGS
    said = known.circumstances.model_copy(
        update={name: get_text(form, name) == "yes" for name in flags}
    )
    return attempt(
        case,
        form,
        lambda: handle_set_circumstances(
            case.site.context,
            case.case_id,
            Circumstances.model_validate(said.model_dump()),
            who=case.who,
            row_version=get_version(form, "known_version"),
        ),
        at=_FLAGS[0],
    )


_ACTS: Final[Mapping[str, Callable[[OpenCase, Form, Mapping[str, str]], Outcome]]] = {
    "person": _record_person,
    "guardian": _record_guardian,
    "circumstances": _record_circumstances,
}


def _show(
    case: OpenCase,
    request: Request,
    *,
    asked: Mapping[str, str] | None = None,
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    known = get_circumstances(case.site.context, case.case_id, who=case.who)
    own, channel = case.site.context.participant, case.strand.channel if case.strand else ""
    ours = {
        said.kind: said
        for said in case.overview.statements
        if said.participant == own and said.channel == channel
    }
    theirs = [said for said in case.overview.statements if said.participant != own]
    shown = dict(asked) if asked else _fill(case, ours)
    return show(
        case,
        request,
        "cases/person.html",
        outcome=outcome,
        asked=shown,
        circumstances=known.circumstances,
        sees_protection=case.who.sees(Channel.WITNESS_PROTECTION),
        known_version=known.row_version,
        theirs=[said for said in theirs if said.kind is not StatementKind.MANAGER],
        statuses=TraffickingStatus,
        groups=PersonGroup,
        situations=GuardianSituation,
        say_statement=say_statement,
    )


def _fill(case: OpenCase, ours: Mapping[StatementKind, object]) -> dict[str, str]:
    """Give what this side said before."""
    filled = dict.fromkeys(_ASKED, "")
    strand = case.strand
    if strand is not None:
        filled["status"] = strand.person_status or ""
        if strand.treated_as_child is not None:
            filled["person_group"] = (
                PersonGroup.CHILD if strand.treated_as_child else PersonGroup.ADULT
            )
    guardian = ours.get(StatementKind.GUARDIAN)
    filled["situation"] = getattr(guardian, "code", None) or ""
    details = getattr(guardian, "details", None)
    if isinstance(details, Post):
        filled |= {name: getattr(details, name) or "" for name in POST_FIELDS}
    return filled


_LISTS: Final = {
    StatementKind.PERSON_STATUS: TraffickingStatus,
    StatementKind.PERSON_GROUP: PersonGroup,
    StatementKind.GUARDIAN: GuardianSituation,
}


def say_statement(kind: StatementKind, code: str | None) -> Message | str:
    """Say in words what was said of a case; a code that is not known here as it came."""
    codes = _LISTS.get(kind)
    return say_code(codes(code)) if codes and code in set(codes) else code or ""
