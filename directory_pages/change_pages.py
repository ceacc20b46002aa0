"""The list of changes, the page of one, and the steps that it can take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from contact_registry.changes.change import Change, ChangeId
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.changes.following import DESK
from contact_registry.changes.merging import Side
from contact_registry.changes.states import OPEN, ChangeState
from directory_pages.change_view import describe_view
from directory_pages.change_words import NEXT_STEPS, STATE_LOOKS
from directory_pages.refusals import say_refusal, status_of
from directory_pages.site import (
    DirectoryPages,
    DirectoryRoute,
    Form,
    actor_of,
    get_seen,
    get_text,
    go_to,
    is_one_line,
    parse_change_id,
)
from protocol.identifiers import ParticipantCode

_LONGEST_TITLE: Final = 200
_CLOSED: Final = frozenset(ChangeState) - OPEN
_MOST_PAGES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a step was not taken: a notice on top, or errors of fields, and what was typed."""

    status: int = HTTPStatus.OK
    notice: Message | None = None
    errors: FormErrors = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)


NO_PROBLEM: Final = Problem()


def create_change_router(pages: DirectoryPages) -> APIRouter:
    """Build the list of changes, and the pages of one."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]
    reader = Annotated[SignedIn, Depends(pages.require_reader)]

    @router.get("/changes")
    def show_open(request: Request, _who: reader, page: int = 1) -> Response:
        return _show_list(pages, request, is_open=True, page=page)

    @router.get("/changes/closed")
    def show_closed(request: Request, _who: reader, page: int = 1) -> Response:
        return _show_list(pages, request, is_open=False, page=page)

    @router.get("/changes/new")
    def ask(request: Request, _who: editor) -> Response:
        return _ask(pages, request)

    @router.post("/changes/new")
    def begin(request: Request, who: editor, form: Form) -> Response:
        return _begin(pages, request, who, form)

    @router.get("/changes/{change_id}")
    def show(request: Request, _who: reader, change_id: str) -> Response:
        return show_change(pages, request, parse_change_id(change_id))

    @router.post("/changes/{change_id}/step")
    def step(request: Request, who: editor, change_id: str, form: Form) -> Response:
        return _take_step(pages, request, parse_change_id(change_id), who=who, form=form)

    @router.post("/changes/{change_id}/choose")
    def choose(request: Request, who: editor, change_id: str, form: Form) -> Response:
        return _choose(pages, request, parse_change_id(change_id), who=who, form=form)

    return router


def _show_list(pages: DirectoryPages, request: Request, *, is_open: bool, page: int) -> Response:
    number = min(max(page, 1), _MOST_PAGES)
    found = pages.desk.list_changes(
        participant=pages.participant, states=OPEN if is_open else _CLOSED, page=number
    )
    return pages.page(
        request,
        "changes.html",
        is_open=is_open,
        found=found,
        number=number,
        looks=STATE_LOOKS,
        next_steps=NEXT_STEPS,
        names=pages.names(),
        name_person=pages.name_person,
    )


def _ask(
    pages: DirectoryPages,
    request: Request,
    *,
    errors: FormErrors = NO_ERRORS,
    asked: dict[str, str] | None = None,
) -> Response:
    names = pages.names()
    choices = [(code, names.participant(code)) for code in names.participants]
    return pages.page(
        request,
        "begin.html",
        errors=errors,
        participants=choices,
        asked=asked or {"title": "", "participant": "", "renewal": ""},
    )


def _begin(pages: DirectoryPages, request: Request, who: SignedIn, form: FormData) -> Response:
    asked = {name: get_text(form, name) for name in ("title", "participant", "renewal")}
    errors: dict[str, Message] = {}
    if pages.participant is None and asked["participant"] not in pages.names().participants:
        errors["participant"] = msg("Choose a Participant.")
    if not asked["title"] or not is_one_line(asked["title"], most=_LONGEST_TITLE):
        errors["title"] = msg("Say in one line what is to change, in up to 200 characters.")
    if errors:
        return _ask(pages, request, errors=errors, asked=asked)
    change = begin_once(
        pages,
        pages.choose_participant(asked["participant"]),
        title=asked["title"],
        who=who,
        is_renewal=asked["renewal"] == "yes",
    )
    return go_to(f"/changes/{change.id}" + ("" if change.is_renewal else "/desks"))


def show_change(
    pages: DirectoryPages,
    request: Request,
    change_id: ChangeId,
    problem: Problem = NO_PROBLEM,
) -> Response:
    """Show a change as it stands, with what a step that was refused has to say."""
    view = pages.desk.look(change_id)
    return pages.page(
        request,
        "change.html",
        status=problem.status,
        errors=problem.errors,
        notice=problem.notice,
        typed=problem.typed,
        **describe_view(view, pages),
    )


def _take_step(
    pages: DirectoryPages, request: Request, change_id: ChangeId, *, who: SignedIn, form: FormData
) -> Response:
    """Do what the button says; afterwards the page shows how the change stands.

    A button that was pressed twice did what it says: the second time nothing is left to be done.
    """
    desk, seen, actor = pages.desk, get_seen(form), actor_of(who)
    reason = get_text(form, "reason")
    if not is_one_line(reason, most=_LONGEST_TITLE):
        errors = {"reason": msg("One line of up to %(count)s characters.", count=_LONGEST_TITLE)}
        return show_change(
            pages, request, change_id, Problem(errors=errors, typed={"reason": reason})
        )
    steps: dict[str, Callable[[], Change]] = {
        "prepare": lambda: desk.prepare(change_id, seen=seen, actor=actor),
        "reopen": lambda: desk.reopen(change_id, seen=seen, actor=actor),
        "publish": lambda: desk.publish(change_id, seen=seen, actor=actor),
        "withdraw": lambda: desk.withdraw(change_id, seen=seen, actor=actor, reason=reason),
    }
    name = get_text(form, "step")
    if name in steps:
        try:
            steps[name]()
        except ChangeNotFoundError:
            raise
        except ChangeError as error:
            if not has_done(pages, change_id, _LEADS_TO.get(name, frozenset()), who=who):
                return refuse(pages, request, change_id, error, typed={"reason": reason})
    return go_to(f"/changes/{change_id}")


_LEADS_TO: Final[Mapping[str, frozenset[ChangeState]]] = {
    "prepare": frozenset({ChangeState.WAITING}),
    "publish": frozenset({ChangeState.PUBLISHING, ChangeState.PUBLISHED}),
    "withdraw": frozenset({ChangeState.WITHDRAWN}),
}


def has_done(
    pages: DirectoryPages, change_id: ChangeId, states: frozenset[ChangeState], *, who: SignedIn
) -> bool:
    """Tell whether a change stands in one of these states, and this person took it there."""
    view = pages.desk.look(change_id)
    by_people = [event.actor for event in view.events if event.actor != DESK]
    return view.change.state in states and by_people[-1:] == [actor_of(who)]


def refuse(
    pages: DirectoryPages,
    request: Request,
    change_id: ChangeId,
    error: ChangeError,
    *,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """Show the change, with the reason why the step was not taken on top."""
    problem = Problem(status_of(error), notice=say_refusal(error), typed=typed or {})
    return show_change(pages, request, change_id, problem)


def _choose(
    pages: DirectoryPages, request: Request, change_id: ChangeId, *, who: SignedIn, form: FormData
) -> Response:
    """Take the decisions about a conflict: each of them, or none."""
    conflicts = pages.desk.look(change_id).conflicts
    choices: dict[str, Side] = {}
    errors: dict[str, Message] = {}
    typed: dict[str, str] = {}
    for number, conflict in enumerate(conflicts):
        chosen = typed[f"conflict-{number}"] = get_text(form, f"conflict-{number}")
        if chosen in set(Side):
            choices[conflict.key] = Side(chosen)
        else:
            errors[f"conflict-{number}"] = msg("Choose which of the two is to stand.")
    if errors:
        return show_change(pages, request, change_id, Problem(errors=errors, typed=typed))
    try:
        pages.desk.resolve(change_id, choices, seen=get_seen(form), actor=actor_of(who))
    except ChangeError as error:
        return refuse(pages, request, change_id, error)
    return go_to(f"/changes/{change_id}")


def begin_once(
    pages: DirectoryPages,
    participant: ParticipantCode,
    *,
    title: str,
    who: SignedIn,
    is_renewal: bool = False,
) -> Change:
    """Begin a change; go on with one that this person began so and nobody has touched since.

    A form that was sent twice, and a button that was pressed again, leave no empty draft behind.
    """
    wanted = (shorten_title(title), actor_of(who), is_renewal, 1)
    drafted = pages.desk.list_changes(participant=participant, states={ChangeState.DRAFTED})
    for found in drafted.changes:
        if (found.title, found.created_by, found.is_renewal, found.row_version) == wanted:
            return pages.desk.look(found.id).change
    return pages.desk.begin(
        participant, title=wanted[0], actor=actor_of(who), is_renewal=is_renewal
    )


def shorten_title(title: str) -> str:
    """Return a title that a change can bear, of a name that may be longer."""
    return title[:_LONGEST_TITLE].rstrip()
