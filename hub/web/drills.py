"""Drills at the hub: who was asked, who answered, who is overdue, and asking by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.digits import read_number
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from contact_registry.drills.errors import DrillRefusedError
from contact_registry.drills.models import DeskPhase, Drill, find_last_results
from contact_registry.drills.schedule import list_desk_phases, next_drill_at
from contact_registry.freshness import list_reviews, list_wrong_entries
from contact_registry.models import Authority
from contact_registry.reminders import ReminderKind
from directory_pages.codes import say
from directory_pages.drill_words import (
    ANSWERED_BY,
    OUTCOMES,
    DrillFacts,
    describe_drill,
    describe_review,
    describe_score,
)
from directory_pages.looks import Look
from hub.drills.desk import DrillDesk
from hub.drills.reminding import ReminderOutcome, Reminding
from hub.drills.scoring import current_scores
from hub.web.drill_refusals import DRILL_REFUSALS
from hub.web.site import DirectoryOperator, Form, PageRoute, Reader, Site, get_text, go_to
from protocol.drill_answer import AnsweredBy, DrillOutcome, DrillStatement
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    ParticipantCode,
    Phase,
    get_participant_of,
    parse_authority_id,
    parse_participant_code,
)

_LONGEST_REASON: Final = 500
#: Open questions on the page of all Participants, the most overdue first.
_LISTED: Final = 200
_REMINDERS: Final = {
    ReminderKind.REVIEW_DUE_SOON: msg("Review due soon"),
    ReminderKind.REVIEW_OVERDUE: msg("Review overdue"),
    ReminderKind.DRILL_ASKED: msg("A drill was asked"),
    ReminderKind.DRILL_OVERDUE: msg("A drill is overdue"),
}
_REMINDED: Final = {
    ReminderOutcome.SENT: Look(pmsg("reminder", "Sent"), "ok", "send"),
    ReminderOutcome.NO_MAILBOX: Look(
        pmsg("reminder", "No mailbox is listed"), "warn", "circle-alert"
    ),
    ReminderOutcome.REFUSED: Look(
        pmsg("reminder", "The mail server knows no such mailbox"), "danger", "circle-alert"
    ),
}


def create_drills_router(site: Site) -> APIRouter:
    """Build the pages of drills."""
    router = APIRouter(route_class=PageRoute)
    desk = DrillDesk(site.context)

    @router.get("/drills")
    def show_all(request: Request, _who: Reader) -> Response:
        return site.page(request, "drills/drills.html", **_describe_all(site, desk))

    @router.get("/drills/of/{code}")
    def show_participant(request: Request, _who: Reader, code: str) -> Response:
        participant = parse_participant_code(code)
        return _show_participant(site, request, desk, participant)

    @router.get("/drills/{drill_id}")
    def show(request: Request, _who: Reader, drill_id: str) -> Response:
        return _show_drill(site, request, desk, drill_id)

    _add_acts(router, site, desk)
    return router


def _add_acts(router: APIRouter, site: Site, desk: DrillDesk) -> None:
    @router.post("/drills/ask")
    def ask(request: Request, who: DirectoryOperator, form: Form) -> Response:
        authority, phase = _read_desk_phase(form.get("authority"), form.get("phase"))
        try:
            drill = desk.ask(authority, phase, actor=who.account.id)
        except DrillRefusedError as error:
            participant = get_participant_of(authority)
            return _show_participant(
                site, request, desk, participant, refused=DRILL_REFUSALS.say(str(error))
            )
        return go_to(f"/drills/{drill.drill_id}")

    @router.post("/drills/{drill_id}/telephone")
    def record(request: Request, who: DirectoryOperator, form: Form, drill_id: str) -> Response:
        answer = {name: get_text(form, name) for name in ("outcome", "answered_by", "seen")}
        errors = _find_answer_errors(answer)
        if errors:
            return _show_drill(site, request, desk, drill_id, errors=errors, answer=answer)
        try:
            said = DrillStatement(
                DrillOutcome(answer["outcome"]),
                AnsweredBy(answer["answered_by"]),
                desk.now_in_seconds(),
            )
            seen = read_number(answer["seen"]) or 0
            desk.record_telephone(drill_id, said, seen=seen, actor=who.account.id)
        except DrillRefusedError as error:
            return _show_drill(
                site, request, desk, drill_id, refused=DRILL_REFUSALS.say(str(error)), answer=answer
            )
        return go_to(f"/drills/{drill_id}")

    @router.post("/drills/{drill_id}/withdraw")
    def withdraw(request: Request, who: DirectoryOperator, form: Form, drill_id: str) -> Response:
        because, seen = get_text(form, "because"), read_number(get_text(form, "seen")) or 0
        if not because or len(because) > _LONGEST_REASON or not because.isprintable():
            errors = {"because": msg("Say in one line of up to 500 characters why.")}
            return _show_drill(
                site, request, desk, drill_id, errors=errors, answer={"because": because}
            )
        try:
            desk.withdraw(drill_id, because=because, seen=seen, actor=who.account.id)
        except DrillRefusedError as error:
            return _show_drill(
                site,
                request,
                desk,
                drill_id,
                refused=DRILL_REFUSALS.say(str(error)),
                answer={"because": because},
            )
        return go_to(f"/drills/{drill_id}")


# ------------------------------------------------------------------ all Participants


def _describe_all(site: Site, desk: DrillDesk) -> dict[str, Any]:
    directory = site.context.registry.current()
    drills = desk.list_current()
    scores = current_scores(site.context)
    asked = Counter(drill.question.participant for drill in drills if drill.is_open)
    waiting = Reminding(site.context, desk).list_waiting()
    still_open = sorted(
        (drill for drill in drills if drill.is_open), key=lambda each: each.question.answer_by
    )
    return {
        "rows": [
            (
                entry.code,
                entry.code in directory.keys,
                describe_score(scores[entry.code]),
                asked[entry.code],
            )
            for entry in directory.participants
        ],
        "open_drills": [describe_drill(drill, directory) for drill in still_open[:_LISTED]],
        "open_besides": len(still_open[_LISTED:]),
        "wrong_entries": [
            describe_drill(drill, directory) for drill in list_wrong_entries(directory, drills)
        ],
        "reminders_waiting": len(waiting),
        "say_code": say,
    }


# ------------------------------------------------------------------ one Participant


@dataclass(frozen=True, slots=True)
class PairRow:
    """A desk and phase: its last result, what is open, and when it is due again."""

    authority: Authority
    phase: Phase
    last: DrillFacts | None
    open: Drill | None
    next_at: datetime | None


def _show_participant(
    site: Site,
    request: Request,
    desk: DrillDesk,
    participant: ParticipantCode,
    *,
    refused: Message | str = "",
) -> Response:
    directory = site.context.registry.current()
    if directory.participant(participant) is None:
        raise MalformedError("No such Participant takes part.")
    now = site.context.clock()
    mine = [each for each in desk.list_current() if each.question.participant == participant]
    return site.page(
        request,
        "drills/participant.html",
        status=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        code=participant,
        has_node=participant in directory.keys,
        marks=describe_score(current_scores(site.context)[participant]),
        pairs=_list_pairs(site, desk, participant, mine),
        reviews=[
            describe_review(each) for each in list_reviews(directory, now, participant=participant)
        ],
        reminders=[
            (each, _REMINDERS[each.kind], _REMINDED[each.outcome])
            for each in Reminding(site.context, desk).list_sent(participant)
        ],
        refused=refused,
        say_code=say,
    )


def _list_pairs(
    site: Site, desk: DrillDesk, participant: ParticipantCode, drills: Sequence[Drill]
) -> list[PairRow]:
    directory = site.context.registry.current()
    last = find_last_results(drills)
    asked: dict[DeskPhase, Drill] = {each.desk_phase: each for each in drills if each.is_open}
    rows = []
    for authority, phase in list_desk_phases(directory, site.context.clock()):
        pair = (authority.id, phase)
        if get_participant_of(authority.id) != participant:
            continue
        found, waiting = last.get(pair), asked.get(pair)
        rows.append(
            PairRow(
                authority,
                phase,
                last=describe_drill(found, directory) if found else None,
                open=waiting,
                next_at=next_drill_at(waiting or found, rules=desk.rules),
            )
        )
    return rows


# ------------------------------------------------------------------ one drill


def _show_drill(  # noqa: PLR0913 - what the page of a drill shows
    site: Site,
    request: Request,
    desk: DrillDesk,
    drill_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
    refused: Message | str = "",
    answer: dict[str, str] | None = None,
) -> Response:
    drill = desk.load(drill_id)
    directory = site.context.registry.current()
    return site.page(
        request,
        "drills/drill.html",
        status=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        errors=errors,
        drill=drill,
        facts=describe_drill(drill, directory),
        authority=directory.authority(drill.question.authority),
        has_node=drill.question.participant in directory.keys,
        earlier=[
            describe_drill(each, directory)
            for each in desk.list_of_desk(*drill.desk_phase)
            if each.drill_id != drill.drill_id
        ],
        refused=refused,
        answer=answer or {},
        outcome_words=OUTCOMES,
        outcomes=list(OUTCOMES.items()),
        answerers=list(ANSWERED_BY.items()),
        say_code=say,
    )


def _find_answer_errors(answer: dict[str, str]) -> dict[str, Message]:
    errors: dict[str, Message] = {}
    if answer["outcome"] not in set(DrillOutcome):
        errors["outcome"] = msg("Choose what came out.")
    if answer["answered_by"] not in set(AnsweredBy):
        errors["answered_by"] = msg("Choose who answered.")
    elif not errors and (answer["outcome"] == DrillOutcome.NOT_REACHED) != (
        answer["answered_by"] == AnsweredBy.NOBODY
    ):
        errors["answered_by"] = msg(
            "Choose “Nobody” if nobody was reached, and who it was if somebody was."
        )
    return errors


def _read_desk_phase(authority: Any, phase: Any) -> DeskPhase:
    try:
        return AuthorityId(parse_authority_id(str(authority))), Phase(str(phase))
    except ValueError as error:
        raise MalformedError("There is no such phase.") from error
