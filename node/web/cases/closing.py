"""The end of a case: closed, taken up again, or erased here for good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.confirming import Confirmed
from console.dates import DateError, DateParts
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES
from node.domain.cases import ReopenReason, StrandState
from node.service.cases.closing import Closing, StillOpenError, handle_close, handle_reopen
from node.service.context import NodeError, NotFoundError
from node.service.erasing import handle_erase_case
from node.service.permitting import ForbiddenError
from node.web.cases.acting import (
    NOTHING_WRONG,
    OpenCase,
    Outcome,
    Part,
    answer,
    attempt,
    open_case,
    read_all,
    read_part,
    read_version,
    show,
)
from node.web.cases.words import REOPEN_REASONS, list_codes
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version
from protocol.errors import MalformedError
from protocol.identifiers import Channel, parse_case_reference
from protocol.limits import LIMITS
from protocol.messages.general import CaseOutcome, ErasureGround

_ASKED: Final[Mapping[str, int]] = {
    "outcome": 40, "tell": 3, "recipient_may_go_on": 3, "procedure_note": LIMITS.line,
    "language": 11, "despite_open": 3, "reason": 40,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in the form of closing."""

    asked: Mapping[str, str]
    closed_on: DateParts
    retention_until: DateParts = field(default_factory=DateParts)


def create_closing_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    _add_end(router, site)
    _add_removal(router, site)
    return router


def _add_end(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/end")
    def show_end(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        return _show_end(open_case(site, case_id, who, part), request)

    @router.post("/case/{case_id}/end")
    def end(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Close the case in one channel, or take it up again."""
        case = open_case(site, case_id, who, read_part(form))
        typed = _Typed(
            asked=read_all(form, _ASKED),
            closed_on=DateParts.from_form(form, "closed_on"),
            retention_until=DateParts.from_form(form, "retention_until"),
        )
        waiting: list[str] = []
        if get_text(form, "act") == "reopen":
            outcome = _reopen(case, form, typed)
        else:
            outcome = _close(case, form, typed, waiting)
        return answer(
            outcome,
            case.address,
            lambda outcome: _show_end(case, request, typed=typed, outcome=outcome, waiting=waiting),
        )


def _close(case: OpenCase, form: Form, typed: _Typed, waiting: list[str]) -> Outcome:
    """Close it; ``waiting`` takes the messages that still wait for this side."""
    closing = _judge(typed)
    if isinstance(closing, dict):
        return Outcome(errors=closing)

    def act() -> None:
        try:
            handle_close(
                case.site.context,
                case.case_id,
                closing,
                who=case.who,
                channel=case.channel,
                row_version=read_version(form),
            )
        except StillOpenError as error:
            waiting.extend(str(each) for each in _list_members(error))
            raise

    outcome = attempt(case, form, act, at="outcome")
    if waiting:
        say = msg("Something in this case still waits for you. Look at it first, or tick the box.")
        return Outcome(errors={"despite_open": say})
    return outcome


def _list_members(error: StillOpenError) -> list[Any]:
    found = error.members["messages"]
    return found if isinstance(found, list) else []


def _judge(typed: _Typed) -> Closing | dict[str, Message]:
    asked, errors = typed.asked, dict[str, Message]()
    if asked["outcome"] not in set(CaseOutcome):
        errors["outcome"] = msg("Choose how the case ended.")
    if asked["tell"] not in {"yes", "no"}:
        errors["tell"] = msg("Say whether the others are told.")
    is_other = asked["outcome"] == CaseOutcome.OTHER and asked["tell"] == "yes"
    if is_other and not asked["procedure_note"]:
        errors["procedure_note"] = msg("Say in one line how the case ended.")
    if len(asked["procedure_note"]) > LIMITS.line:
        errors["procedure_note"] = msg("Shorten this to %(count)s characters.", count=LIMITS.line)
    days = dict[str, date | None]()
    for name, parts in (("closed_on", typed.closed_on), ("retention_until", typed.retention_until)):
        try:
            days[name] = None if parts.is_empty else parts.parse_date()
        except DateError as error:
            errors[name] = error.message
    if not errors and days["closed_on"] is None:
        errors["closed_on"] = msg("Give the day, the month, and the year.")
    if errors or days["closed_on"] is None:
        return errors
    return Closing(
        outcome=CaseOutcome(asked["outcome"]),
        closed_on=days["closed_on"],
        tell=asked["tell"] == "yes",
        recipient_may_go_on=asked["recipient_may_go_on"] == "yes",
        retention_until=days["retention_until"],
        procedure_note=asked["procedure_note"] or None,
        language=asked["language"] if asked["language"] in LANGUAGES else "en",
        despite_open=asked["despite_open"] == "yes",
    )


def _reopen(case: OpenCase, form: Form, typed: _Typed) -> Outcome:
    reason = typed.asked["reason"]
    if reason not in set(ReopenReason):
        return Outcome(errors={"reason": msg("Choose why the case is taken up again.")})
    return attempt(
        case,
        form,
        lambda: handle_reopen(
            case.site.context,
            case.case_id,
            ReopenReason(reason),
            who=case.who,
            channel=case.channel,
            row_version=get_version(form, "row_version"),
        ),
        at="reason",
    )


def _show_end(
    case: OpenCase,
    request: Request,
    *,
    typed: _Typed | None = None,
    outcome: Outcome = NOTHING_WRONG,
    waiting: list[str] | None = None,
) -> Response:
    today = DateParts.from_moment(case.site.context.clock(), case.site.zone)
    typed = typed or _Typed(
        asked=dict.fromkeys(_ASKED, "") | {"tell": "yes", "language": "en"}, closed_on=today
    )
    is_closed = case.strand is not None and case.strand.state == StrandState.CLOSED
    return show(
        case,
        request,
        "cases/end.html",
        outcome=outcome,
        asked=typed.asked,
        closed_on=typed.closed_on,
        retention_until=typed.retention_until,
        is_closed=is_closed,
        is_told=case.channel is not Channel.TREND,
        waiting=waiting or [],
        outcomes=list_codes(CaseOutcome),
        reasons=list(REOPEN_REASONS.items()),
        spoken=list(LANGUAGES.items()),
    )


def _add_removal(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/remove")
    def show_removal(request: Request, who: FocalPoint, case_id: str) -> Response:
        return _show_removal(open_case(site, case_id, who), request)

    @router.post("/case/{case_id}/remove")
    def remove(
        request: Request, who: FocalPoint, _sure: Confirmed, form: Form, case_id: str
    ) -> Response:
        """Erase the case here for good."""
        case = open_case(site, case_id, who)
        asked = read_all(form, {"ground": 60, "reference": 40})
        return answer(
            _erase(case, form, asked),
            case.address,
            lambda outcome: _show_removal(case, request, asked=asked, outcome=outcome),
        )


def _judge_removal(case: OpenCase, asked: Mapping[str, str]) -> dict[str, Message]:
    errors = dict[str, Message]()
    if asked["ground"] not in set(ErasureGround):
        errors["ground"] = msg("Choose why it is erased.")
    try:
        is_same = parse_case_reference(asked["reference"]) == case.overview.reference
    except MalformedError:
        is_same = False
    if not is_same:
        errors["reference"] = msg("Type the reference of this case, as it stands above.")
    return errors


def _erase(case: OpenCase, form: Form, asked: Mapping[str, str]) -> Outcome:
    def act() -> None:
        ground = ErasureGround(asked["ground"])
        handle_erase_case(case.site.context, case.case_id, who=case.who, ground=ground)

    try:
        return attempt(case, form, act, at="ground", errors=_judge_removal(case, asked))
    except (NotFoundError, ForbiddenError):
        raise
    except NodeError as error:  # something has to be done first: it says what
        return Outcome(errors={"ground": say_refused(error)})


def _show_removal(
    case: OpenCase,
    request: Request,
    *,
    asked: Mapping[str, str] | None = None,
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    return show(
        case,
        request,
        "cases/remove.html",
        outcome=outcome,
        asked=asked or {"ground": "", "reference": ""},
        grounds=list_codes(ErasureGround),
    )
