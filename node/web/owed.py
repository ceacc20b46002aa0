"""What came for a case and is to be carried out: deletions, desks to tell, arrivals."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.dates import DateError, DateParts
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.withdrawals import OPEN_STATES, DeletionState
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.deleting import DeletionDone, Kept, handle_confirm_deletion
from node.service.deletions import DeletionView, list_deletions
from node.service.owed import AskedDeletion, load_asked_deletion
from node.service.reading import load_view
from node.service.recalling import handle_settle_untold, list_untold
from node.service.records import IN
from node.service.returns import ArrivalView, handle_settle_arrival, list_unannounced
from node.web.fields import clean_text
from node.web.labels import list_choices, say_type
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version, go_to
from node.web.states import Look
from protocol.limits import LIMITS
from protocol.messages.fields import TriState

_STALE: Final[Message] = msg(
    "Somebody changed this meanwhile: nothing was done. Look at it as it is now."
)
_NO_DUTY: Final[Message] = msg("Say which law or order makes you keep it, in one line.")
_NOT_SAID: Final[Message] = msg("Say whether those were told who got it another way.")

DELETION_LOOKS: Final = {
    DeletionState.OPEN: Look(pmsg("deletion", "Asked for"), "info", "hourglass"),
    DeletionState.OVERDUE: Look(pmsg("deletion", "Overdue"), "danger", "alarm-clock"),
    DeletionState.ESCALATED: Look(pmsg("deletion", "Long overdue"), "danger", "alarm-clock"),
    DeletionState.ERASED: Look(pmsg("deletion", "Deleted"), "ok", "check"),
    DeletionState.ERASED_IN_PART: Look(pmsg("deletion", "Deleted in part"), "warn", "check"),
    DeletionState.NOT_ERASED: Look(pmsg("deletion", "Not deleted"), "warn", "ban"),
    DeletionState.TAKEN_BACK: Look(pmsg("deletion", "Taken back"), "neutral", "ban"),
}


def create_owed_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/owed")
    def show_all(request: Request, who: FocalPoint, done: str = "") -> Response:
        return _show_all(site, request, who, is_done=done == "yes")

    @router.get("/owed/{message_id}")
    def show(request: Request, who: FocalPoint, message_id: str) -> Response:
        asked = load_asked_deletion(site.context, message_id, who=site.principal(who))
        return _show(site, request, asked)

    @router.post("/owed/{message_id}")
    def carry_out(
        request: Request, who: FocalPoint, _sure: Confirmed, form: Form, message_id: str
    ) -> Response:
        return _carry_out(site, request, who, form, message_id)

    @router.post("/untold/{untold_id}")
    def settle_untold(request: Request, who: FocalPoint, form: Form, untold_id: str) -> Response:
        try:
            handle_settle_untold(
                site.context,
                untold_id,
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except StaleError:
            return _show_all(site, request, who, errors={"owed": _STALE})
        return go_to("/owed?done=yes")

    _add_arrivals(router, site)
    return router


def _add_arrivals(router: APIRouter, site: Site) -> None:
    @router.get("/arrived/{message_id}")
    def show_arrival(request: Request, who: FocalPoint, message_id: str) -> Response:
        return _show_arrival(site, request, who, message_id)

    @router.post("/arrived/{message_id}")
    def settle_arrival(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        try:
            handle_settle_arrival(
                site.context,
                message_id,
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except StaleError:
            return _show_arrival(site, request, who, message_id, errors={"arrival": _STALE})
        return go_to("/owed?done=yes")


def _show_all(
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    errors: FormErrors = NO_ERRORS,
    is_done: bool = False,
) -> Response:
    principal = site.principal(who)
    deletions = list_deletions(site.context, who=principal)
    context: dict[str, Any] = {
        "ours": [each for each in deletions if each.direction == IN],
        "theirs": [each for each in deletions if each.direction != IN],
        "untold": list_untold(site.context, who=principal),
        "arrivals": list_unannounced(site.context, who=principal),
        "looks": DELETION_LOOKS,
        "is_done": is_done,
    }
    status = HTTPStatus.CONFLICT if errors else HTTPStatus.OK
    return site.page(request, "owed_all.html", errors=errors, status=status, **context)


def _carry_out(
    site: Site, request: Request, who: SignedIn, form: FormData, message_id: str
) -> Response:
    principal = site.principal(who)
    asked = load_asked_deletion(site.context, message_id, who=principal)
    errors = _find_errors(asked, form)
    if errors:
        return _show(site, request, asked, form=form, errors=errors)
    try:
        sent = handle_confirm_deletion(
            site.context,
            message_id,
            _read_done(asked, form),
            who=principal,
            row_version=get_version(form, "row_version"),
        )
    except StaleError:
        newest = load_asked_deletion(site.context, message_id, who=principal)
        if newest.deletion.answer_message and newest.deletion.state not in OPEN_STATES:
            return go_to(f"/sent/{newest.deletion.answer_message}")
        return _show(site, request, newest, form=form, errors={"owed": _STALE}, is_stale=True)
    except (RefusedDraftError, ValidationError) as error:
        refused = msg("It cannot be confirmed as it is. %(reason)s", reason=say_refused(error))
        return _show(site, request, asked, form=form, errors={"owed": refused})
    return go_to(f"/sent/{sent.message_id}")


def _is_kept(form: FormData, wire_id: str) -> bool:
    return get_text(form, f"keep-{wire_id}") == "keep"


def _find_errors(asked: AskedDeletion, form: FormData) -> dict[str, Message]:
    errors: dict[str, Message] = {}
    for each in asked.meant:
        name = f"duty-{each.wire_id}"
        duty = clean_text(get_text(form, name))
        if _is_kept(form, each.wire_id) and not 0 < len(duty) <= LIMITS.line:
            errors[name] = _NO_DUTY
        errors |= _find_date_error(form, f"until-{each.wire_id}")
    errors |= _find_date_error(form, "backups")
    if get_text(form, "others_told") not in set(TriState):
        errors["others_told"] = _NOT_SAID
    return errors


def _find_date_error(form: FormData, name: str) -> dict[str, Message]:
    parts = DateParts.from_form(form, name)
    if parts.is_empty:
        return {}
    try:
        parts.parse_date()
    except DateError as error:
        return {name: error.message}
    return {}


def _read_done(asked: AskedDeletion, form: FormData) -> DeletionDone:
    kept = [
        Kept.model_validate(
            {
                "message_id": each.wire_id,
                "duty": clean_text(get_text(form, f"duty-{each.wire_id}")),
                "until": _read_day(form, f"until-{each.wire_id}"),
            }
        )
        for each in asked.meant
        if _is_kept(form, each.wire_id)
    ]
    return DeletionDone.model_validate(
        {
            "kept": kept,
            "gone_from_backups_by": _read_day(form, "backups"),
            "others_told": TriState(get_text(form, "others_told")),
        }
    )


def _read_day(form: FormData, name: str) -> Any:
    parts = DateParts.from_form(form, name)
    return None if parts.is_empty else parts.parse_date()


def _show(  # noqa: PLR0913 - what the page shows
    site: Site,
    request: Request,
    asked: AskedDeletion,
    *,
    form: FormData | None = None,
    errors: FormErrors = NO_ERRORS,
    is_stale: bool = False,
) -> Response:
    typed = form if form is not None else FormData()

    def date_of(name: str) -> DateParts | None:
        return DateParts.from_form(typed, name) if form is not None else None

    context: dict[str, Any] = {
        "asked": asked,
        "deletion": asked.deletion,
        "look": DELETION_LOOKS[asked.deletion.state],
        "is_open": _is_answerable(asked.deletion),
        "typed": lambda name: get_text(typed, name),
        "date_of": date_of,
        "others": list_choices(TriState),
        "say_type": say_type,
    }
    status = HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK
    return site.page(request, "owed.html", errors=errors, status=status, **context)


def _is_answerable(deletion: DeletionView) -> bool:
    """Say whether there is something to confirm: what was kept may be deleted later."""
    later = {DeletionState.ERASED_IN_PART, DeletionState.NOT_ERASED}
    return deletion.state in OPEN_STATES | later


def _show_arrival(
    site: Site,
    request: Request,
    who: SignedIn,
    message_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
) -> Response:
    principal = site.principal(who)
    arrival = _find_arrival(site, who, message_id)
    view = load_view(site.context, message_id, who=principal)
    status = HTTPStatus.CONFLICT if errors else HTTPStatus.OK
    return site.page(
        request, "arrival.html", errors=errors, status=status, arrival=arrival, item=view.item
    )


def _find_arrival(site: Site, who: SignedIn, message_id: str) -> ArrivalView:
    views = list_unannounced(site.context, who=site.principal(who), open_only=False)
    for view in views:
        if view.message_id == message_id:
            return view
    raise NotFoundError("There is no such arrival here: open it again from the list.")
