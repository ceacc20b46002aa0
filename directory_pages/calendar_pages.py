"""A Participant's working days and holidays, within a change."""

import re
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from contact_registry.changes.change import Change
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.schedules import Holiday, Weekday, WorkCalendar
from directory_pages.codes import offer
from directory_pages.entry_form import Answers
from directory_pages.refusals import say_refusal, status_of
from directory_pages.site import (
    DirectoryPages,
    DirectoryRoute,
    Form,
    actor_of,
    get_seen,
    get_text,
    go_to,
    parse_change_id,
    read_grounds,
)

_LINE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ \t,;]+(.*))?")
_MOST_HOLIDAYS: Final = 400
_LONGEST_NAME: Final = 500
_LONGEST_TEXT: Final = 60_000
_MOST_WEEKEND: Final = 6
_GROUNDS: Final = ("grounds-reason", "grounds-evidence")


def create_calendar_router(pages: DirectoryPages) -> APIRouter:
    """Build the page on which weekend and holidays are edited."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]

    @router.get("/changes/{change_id}/calendar")
    def show(request: Request, _who: editor, change_id: str) -> Response:
        change = pages.desk.look(parse_change_id(change_id)).change
        return _show(pages, request, change, _fill(change.draft.calendar or WorkCalendar()))

    @router.post("/changes/{change_id}/calendar")
    def save(request: Request, who: editor, change_id: str, form: Form) -> Response:
        change = pages.desk.look(parse_change_id(change_id)).change
        return _save(pages, request, change, who=who, form=form)

    return router


def _fill(calendar: WorkCalendar) -> Answers:
    holidays = sorted(calendar.holidays, key=lambda holiday: holiday.day)
    lines = [f"{holiday.day.isoformat()} {holiday.name}".rstrip() for holiday in holidays]
    return Answers({"weekend": [str(day) for day in calendar.weekend], "holidays": lines})


def _show(  # noqa: PLR0913 - what a form shows again after an error
    pages: DirectoryPages,
    request: Request,
    change: Change,
    answers: Answers,
    *,
    errors: dict[str, Message] | None = None,
    refusal: ChangeError | None = None,
    seen: int | None = None,
) -> Response:
    return pages.page(
        request,
        "calendar.html",
        status=status_of(refusal) if refusal else 200,
        errors=errors or {},
        notice=say_refusal(refusal) if refusal else None,
        seen=change.row_version if seen is None else seen,
        change=change,
        answers=answers,
        weekdays=offer(Weekday),
    )


def _save(
    pages: DirectoryPages, request: Request, change: Change, *, who: SignedIn, form: FormData
) -> Response:
    text = form.get("holidays", "")
    lines = text[:_LONGEST_TEXT].splitlines() if isinstance(text, str) else []
    weekend = [day for day in Weekday if day in form.getlist("weekend")]
    answers = Answers({
        "weekend": [str(day) for day in weekend],
        "holidays": lines,
        **{name: [get_text(form, name)] for name in _GROUNDS},
    })  # fmt: skip
    holidays, errors = read_holidays(lines)
    if len(weekend) > _MOST_WEEKEND:
        errors["weekend"] = msg("Leave at least one working day.")
    grounds, grounds_errors = read_grounds(form)
    errors |= grounds_errors
    if errors:
        return _show(pages, request, change, answers, errors=errors, seen=get_seen(form))
    calendar = WorkCalendar(weekend=tuple(weekend), holidays=holidays)
    try:
        pages.desk.put_calendar(
            change.id, calendar, seen=get_seen(form), actor=actor_of(who), grounds=grounds
        )
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        now = pages.desk.look(change.id).change
        if now.draft.calendar != calendar:  # else the form was sent twice
            return _show(pages, request, now, answers, refusal=error)
    return go_to(f"/changes/{change.id}")


def read_holidays(lines: list[str]) -> tuple[tuple[Holiday, ...], dict[str, Message]]:
    """Read days that were typed one a line, as ``2026-11-28 Independence Day``, and what is wrong.

    A day that stands there twice is taken once; the days are put in their order.
    """
    found: dict[date, Holiday] = {}
    for number, line in enumerate(lines, start=1):
        text = " ".join(line.split())
        if not text:
            continue
        match = _LINE.fullmatch(text)
        day = _read_day(match[1]) if match else None
        name = (match[2] or "").strip() if match else ""
        if day is None or len(name) > _LONGEST_NAME or not name.isprintable():
            wrong = msg("Line %(number)s is not read: write year-month-day, then the name, as "
                        "2026-11-28 Independence Day.", number=number)  # fmt: skip
            return (), {"holidays": wrong}
        found.setdefault(day, Holiday(day=day, name=name))
    if len(found) > _MOST_HOLIDAYS:
        return (), {"holidays": msg("List at most 400 days: take out those of past years.")}
    return tuple(found[day] for day in sorted(found)), {}


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
