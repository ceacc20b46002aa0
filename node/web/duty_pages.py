"""Who is on duty at our desks: now, by the week, and by exception."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import Account, SignedIn
from console.guard import ActiveSession
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from contact_registry.schedules import Weekday
from node.domain.access import Permission, Principal, list_permissions
from node.service.context import StaleError
from node.service.people import list_accounts
from node.service.work.roster import (
    Roster,
    WorkRefusedError,
    handle_keep_roster,
    handle_list_desks,
    handle_read_roster,
    judge_presence,
)
from node.web.roster_form import (
    RosterForm,
    find_roster_errors,
    is_too_large,
    read_roster,
    show_roster,
    take_roster,
)
from node.web.site import Form, PageRoute, Site, get_text, get_version, go_to, require_permission
from protocol.policy.facts import Role

_STALE: Final[Message] = msg(
    "Somebody changed this roster meanwhile: nothing was saved. What you entered is below."
)
_REFUSED: Final[Message] = msg("It cannot be kept as it is. Check the rows.")
WEEKDAYS: Final = (
    (Weekday.MONDAY, pmsg("weekday, short", "Mon")),
    (Weekday.TUESDAY, pmsg("weekday, short", "Tue")),
    (Weekday.WEDNESDAY, pmsg("weekday, short", "Wed")),
    (Weekday.THURSDAY, pmsg("weekday, short", "Thu")),
    (Weekday.FRIDAY, pmsg("weekday, short", "Fri")),
    (Weekday.SATURDAY, pmsg("weekday, short", "Sat")),
    (Weekday.SUNDAY, pmsg("weekday, short", "Sun")),
)


RosterKeeper = Annotated[SignedIn, Depends(require_permission(Permission.KEEP_ROSTER))]
"""Whoever may change rosters."""


def create_duty_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/duty")
    def show_all(request: Request, who: ActiveSession) -> Response:
        principal, now = site.principal(who), site.context.clock()
        desks = [
            (desk, roster, judge_presence(site.context, roster, desk, at=now))
            for desk, roster in handle_list_desks(site.context, who=principal)
        ]
        return site.page(
            request, "duty.html", desks=desks, may_keep=principal.may(Permission.KEEP_ROSTER)
        )

    @router.get("/duty/{desk}")
    def show(request: Request, who: ActiveSession, desk: str, done: str = "") -> Response:
        kept, _ = handle_read_roster(site.context, desk, who=site.principal(who))
        shown = show_roster(kept, zone=site.zone)
        return _show(site, request, who, kept, shown, is_done=done == "yes")

    @router.post("/duty/{desk}")
    def keep(request: Request, who: RosterKeeper, form: Form, desk: str) -> Response:
        return _keep(site, request, who, form, desk)

    return router


def _keep(site: Site, request: Request, who: SignedIn, form: FormData, desk: str) -> Response:
    principal = site.principal(who)
    kept, _ = handle_read_roster(site.context, desk, who=principal)
    typed = take_roster(form)
    if is_too_large(kept):
        return go_to(f"/duty/{kept.desk}")
    act = get_text(form, "act")
    if act in {"shift", "exception"}:  # one more row; what was typed stays
        return _show(site, request, who, kept, typed.grow(act))
    errors = find_roster_errors(typed, zone=site.zone)
    if errors:
        return _show(site, request, who, kept, typed, errors=errors)
    try:
        handle_keep_roster(
            site.context,
            read_roster(typed, desk=kept.desk, zone=site.zone),
            who=principal,
            seen=get_version(form, "row_version"),
        )
    except StaleError:
        return _show(site, request, who, kept, typed, errors={"roster": _STALE}, is_stale=True)
    except WorkRefusedError:
        return _show(site, request, who, kept, typed, errors={"roster": _REFUSED})
    return go_to(f"/duty/{kept.desk}?done=yes")


def _show(  # noqa: PLR0913 - what the page shows
    site: Site,
    request: Request,
    who: SignedIn,
    kept: Roster,
    shown: RosterForm,
    *,
    errors: FormErrors = NO_ERRORS,
    is_stale: bool = False,
    is_done: bool = False,
) -> Response:
    principal, names = site.principal(who), site.names()
    desk = names.find_desk(kept.desk)
    presence = judge_presence(site.context, kept, desk, at=site.context.clock())
    members = {member.account_id for member in kept.members}
    context: dict[str, Any] = {
        "names": names,
        "desk": desk,
        "kept": kept,
        "presence": presence,
        "form_of": shown,
        "people": _list_people(site, members),
        "weekdays": WEEKDAYS,
        "may_keep": principal.may(Permission.KEEP_ROSTER) and not is_too_large(kept),
        "is_too_large": is_too_large(kept),
        "is_done": is_done,
    }
    status = HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK
    return site.page(request, "roster.html", errors=errors, status=status, **context)


def _list_people(site: Site, members: set[str]) -> list[tuple[str, str]]:
    """Return who can work at a desk, and who is listed already: account and name."""
    return [
        (str(account.id), account.display_name)
        for account in list_accounts(site.context)
        if account.is_active and (str(account.id) in members or _can_work(account))
    ]


def _can_work(account: Account) -> bool:
    granted = list_permissions(Role(role) for role in account.roles)
    return bool(granted & {Permission.WORK_CASES, Permission.APPROVE, Permission.WATCH_DELIVERY})


def may_see_rosters(who: Principal) -> bool:
    """Say whether the pages of rosters are for somebody."""
    return who.may(Permission.KEEP_ROSTER) or who.may(Permission.READ_CASES)
