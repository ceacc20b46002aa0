"""The pages of a return: the list of its tasks, and a page for each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES
from node.domain.returns import ForeignCheck, ReturnJourney
from node.service.consent.circumstances import get_circumstances
from node.service.context import NotFoundError
from node.service.reading import Item, get_case
from node.service.returns import ReturnView, get_return, handle_record_return
from node.web.cases.acting import NOTHING_WRONG, OpenCase, Outcome, attempt, open_case, show
from node.web.cases.gates import MESSAGES, Gate, Task, TaskState, list_tasks
from node.web.cases.words import CHECKS, STEPS, WHO_CAN, list_codes
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version, go_to
from node.web.states import look_of
from protocol.messages.fields import TriState
from protocol.messages.return_readiness import InformedOf

_FLAGS: Final[Mapping[Gate, tuple[str, ...]]] = {
    Gate.DECISION: ("decision_recorded", "is_voluntary"),
    Gate.RISK: ("risk_assessed", "is_foreign_person"),
    Gate.CHILD: ("best_interest_assessed",),
    Gate.FAMILY: ("is_to_family", "family_assessed"),
    Gate.RECEPTION: ("reception_confirmed",),
    Gate.TRAVEL: ("is_under_way",),
}
"""What is ticked on the page of each task."""


@dataclass(frozen=True, slots=True)
class _Journey:
    """A return in its case, for one page."""

    case: OpenCase
    view: ReturnView
    items: tuple[Item, ...]
    tasks: list[Task]
    is_child: bool

    def find(self, gate: Gate) -> Task:
        """Return a task."""
        return next(task for task in self.tasks if task.gate is gate)


def create_journey_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/case/{case_id}/steps")
    def show_tasks(request: Request, who: FocalPoint, case_id: str) -> Response:
        journey = _open(open_case(site, case_id, who))
        return show(
            journey.case,
            request,
            "cases/steps.html",
            journey=journey.view.journey,
            tasks=journey.tasks,
            states=TaskState,
            missing=journey.view.missing,
            next_task=next((t for t in journey.tasks if t.state is TaskState.TO_DO), None),
            messages=MESSAGES,
            peers=[party.participant for party in journey.case.overview.parties],
            say_step=STEPS.get,
            say_who=WHO_CAN.get,
        )

    @router.get("/case/{case_id}/steps/{gate}")
    def show_gate(request: Request, who: FocalPoint, case_id: str, gate: str) -> Response:
        return _show_gate(_open(open_case(site, case_id, who)), request, _find_gate(gate))

    @router.post("/case/{case_id}/steps/{gate}")
    def save(request: Request, who: FocalPoint, form: Form, case_id: str, gate: str) -> Response:
        """Save what this task records; the rest of the return stays as it was seen."""
        journey, chosen = _open(open_case(site, case_id, who)), _find_gate(gate)
        typed = _read(journey, chosen, form)
        if typed.errors:
            return _show_gate(journey, request, chosen, typed, Outcome(errors=typed.errors))
        outcome = attempt(
            journey.case,
            form,
            lambda: handle_record_return(
                site.context,
                case_id,
                typed.journey,
                who=journey.case.who,
                row_version=get_version(form, "seen_version"),
            ),
            at="save",
        )
        if outcome.is_done:
            return go_to(f"{journey.case.address}/steps")
        return _show_gate(journey, request, chosen, typed, outcome)

    return router


def _open(case: OpenCase) -> _Journey:
    view = get_return(case.site.context, case.case_id, who=case.who)
    items = get_case(case.site.context, case.case_id, who=case.who).items
    known = get_circumstances(case.site.context, case.case_id, who=case.who).circumstances
    is_child = known.treated_as_child
    return _Journey(case, view, items, list_tasks(view, items, is_child=is_child), is_child)


def _find_gate(text: str) -> Gate:
    for gate in Gate:
        if text == str(gate.value):
            return gate
    raise NotFoundError("A return has no such step: open it again from its list.")


@dataclass(frozen=True, slots=True)
class _Typed:
    """What a form says, as a return."""

    journey: ReturnJourney
    decided_on: DateParts
    errors: Mapping[str, Message] = field(default_factory=dict)


def _read(journey: _Journey, gate: Gate, form: Form) -> _Typed:
    update: dict[str, Any] = {name: get_text(form, name) == "yes" for name in _FLAGS.get(gate, ())}
    errors = dict[str, Message]()
    decided_on = DateParts.from_form(form, "decided_on")
    if reader := _READERS.get(gate):
        reader(form, decided_on, update, errors)
    known = journey.view.journey.model_dump()
    return _Typed(ReturnJourney.model_validate(known | update), decided_on, errors)


def _read_decision(
    form: Form, decided_on: DateParts, update: dict[str, Any], errors: dict[str, Message]
) -> None:
    told = {str(each) for each in form.getlist("informed_of")}
    update["informed_of"] = tuple(each for each in InformedOf if each in told)
    language = get_text(form, "explained_in")
    update["explained_in"] = language if language in LANGUAGES else None
    try:
        update["decided_on"] = None if decided_on.is_empty else decided_on.parse_date()
    except DateError as error:
        errors["decided_on"] = error.message
    if update["is_voluntary"] and not update["decision_recorded"]:
        errors["decision_recorded"] = msg("Only a decision that was made is voluntary.")
    elif update["decision_recorded"] and not update["informed_of"]:
        errors["informed_of"] = msg("Tick what the person was told before deciding.")


def _read_risk(
    form: Form, _day: DateParts, update: dict[str, Any], _errors: dict[str, Message]
) -> None:
    done = {str(each) for each in form.getlist("checks")}
    update["checks"] = tuple(each for each in ForeignCheck if each in done)


def _read_family(
    form: Form, _day: DateParts, update: dict[str, Any], _errors: dict[str, Message]
) -> None:
    for name in ("person_agrees_to_family", "family_agrees"):
        said = get_text(form, name)
        update[name] = TriState(said) if said in set(TriState) else TriState.UNKNOWN


_Reader = Callable[[Form, DateParts, dict[str, Any], dict[str, Message]], None]
_READERS: Final[Mapping[Gate, _Reader]] = {
    Gate.DECISION: _read_decision,
    Gate.RISK: _read_risk,
    Gate.FAMILY: _read_family,
}


def _show_gate(
    journey: _Journey,
    request: Request,
    gate: Gate,
    typed: _Typed | None = None,
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    case, known = journey.case, journey.view.journey
    decided = known.decided_on
    day = DateParts(str(decided.day), str(decided.month), str(decided.year)) if decided else None
    tag = MESSAGES.get(gate, "")
    return show(
        case,
        request,
        "cases/gate.html",
        outcome=outcome,
        task=journey.find(gate),
        states=TaskState,
        saved=bool(_FLAGS.get(gate)),
        journey=typed.journey if typed else known,
        decided_on=typed.decided_on if typed else day,
        seen_version=journey.view.row_version,
        is_child=journey.is_child,
        answers_of_others=journey.view.answers,
        tag=tag,
        exchanged=[item for item in journey.items if item.type == tag][::-1],
        peers=[party.participant for party in case.overview.parties],
        informed=list_codes(InformedOf),
        checks=[(check.value, words) for check, words in CHECKS.items()],
        answers=list_codes(TriState),
        spoken=list(LANGUAGES.items()),
        say_step=STEPS.get,
        say_type=say_type,
        look_of=look_of,
    )
