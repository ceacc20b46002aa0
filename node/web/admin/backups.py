"""Backups: when the last one was made, whether it was ever tried, and how to do either."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.dates import DateError, DateParts
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.backups import TESTED_WITHIN, Backup, BackupGrade, grade_backup
from node.service.backups import (
    BackupRefusedError,
    NewBackup,
    handle_note_backup,
    handle_note_test,
    list_backups,
)
from node.web.admin.sizes import say_size
from node.web.site import Form, NodeAdmin, PageRoute, Site, get_text, go_to
from node.web.states import Look

_GRADES: Final[Mapping[BackupGrade, Look]] = {
    BackupGrade.NONE: Look(pmsg("backup", "None is known"), "danger", "circle-alert"),
    BackupGrade.FRESH: Look(pmsg("backup", "Fresh"), "ok", "circle-check"),
    BackupGrade.OLD: Look(pmsg("backup", "Older than a day"), "warn", "hourglass"),
    BackupGrade.TOO_OLD: Look(pmsg("backup", "Older than three weeks"), "danger", "alarm-clock"),
}
_HELP: Final[Mapping[BackupGrade, Message]] = {
    BackupGrade.NONE: msg(
        "This node knows of no backup. If this machine is lost, every case is lost with it."
    ),
    BackupGrade.FRESH: msg("What came since can be asked for again from those who sent it."),
    BackupGrade.OLD: msg("Make one each day. What was sent since would have to be asked for."),
    BackupGrade.TOO_OLD: msg(
        "Others keep what they sent for three weeks. What is older and not in a backup can be lost "
        "for good. Make one now."
    ),
}
_REFUSED: Final = msg(
    "Say where it lies, on one line of up to 200 characters, and a moment within the last year."
)


@dataclass(frozen=True, slots=True)
class BackupStanding:
    """How good the newest backup is, ready to be shown."""

    newest: Backup | None
    look: Look
    help: Message
    #: The newest one that somebody restored well.
    tested: Backup | None
    is_test_due: bool


def grade_newest(site: Site, who: SignedIn) -> BackupStanding:
    """Say how good the newest backup is."""
    now = site.context.clock()
    backups = list_backups(site.context, who=site.principal(who))
    newest = backups[0] if backups else None
    grade = grade_backup(newest.made_at if newest else None, now=now)
    tested = max(
        (each for each in backups if each.test_passed and each.tested_at is not None),
        key=lambda each: each.tested_at or each.made_at,
        default=None,
    )
    last_test = tested.tested_at if tested is not None else None
    return BackupStanding(
        newest=newest,
        look=_GRADES[grade],
        help=_HELP[grade],
        tested=tested,
        is_test_due=last_test is None or now - last_test > TESTED_WITHIN,
    )


def create_backups_router(site: Site) -> APIRouter:
    """Build the page of backups."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/system/backups")
    def show(request: Request, who: NodeAdmin) -> Response:
        return _show(site, request, who)

    @router.post("/system/backups")
    def note(request: Request, who: NodeAdmin, form: Form) -> Response:
        typed = DateParts.from_form(form, "made_at")
        place = get_text(form, "place")
        sent = {"place": place, "made_at": typed}
        try:
            made_at = typed.parse_moment(site.zone)
            if _is_known(site, who, NewBackup(made_at=made_at, place=place)):
                return go_to("/system/backups")  # the same form twice
            new = NewBackup(made_at=made_at, place=place)
            handle_note_backup(site.context, new, who=site.principal(who))
        except DateError as error:
            return _show(site, request, who, sent=sent, errors={"made_at": error.message})
        except BackupRefusedError:
            return _show(site, request, who, sent=sent, errors={"place": _REFUSED})
        return go_to("/system/backups")

    @router.post("/system/backups/{backup_id}")
    def note_test(request: Request, who: NodeAdmin, backup_id: str, form: Form) -> Response:
        outcome = get_text(form, "outcome")
        if outcome not in {"passed", "failed"}:
            return _show(
                site, request, who, errors={f"outcome-{backup_id}": msg("Say what came of it.")}
            )
        handle_note_test(
            site.context, backup_id, passed=outcome == "passed", who=site.principal(who)
        )
        return go_to("/system/backups")

    return router


def _is_known(site: Site, who: SignedIn, new: NewBackup) -> bool:
    return any(
        each.place == new.place and abs(each.made_at - new.made_at) < timedelta(minutes=1)
        for each in list_backups(site.context, who=site.principal(who))
    )


def _show(
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    sent: Mapping[str, object] | None = None,
    errors: FormErrors = NO_ERRORS,
) -> Response:
    now = DateParts.from_moment(site.context.clock(), site.zone)
    return site.page(
        request,
        "admin/backups.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors,
        standing=grade_newest(site, who),
        backups=list_backups(site.context, who=site.principal(who)),
        sent=sent or {"place": "", "made_at": now},
        files_dir=site.running.files_dir,
        say_size=say_size,
    )
