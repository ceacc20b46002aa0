"""Consents of a case: what is on file, what it covers, and recording one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES, say_language
from node.service.consent.circumstances import get_circumstances
from node.service.consent.exceptions import list_exceptions
from node.service.consent.records import ConsentDraft, handle_record_consent, list_consents
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
    show,
)
from node.web.cases.words import list_codes
from node.web.fields import clean_text
from node.web.labels import explain_codes
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text
from protocol.identifiers import Phase
from protocol.limits import LIMITS
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver

_LINES: Final[Mapping[str, int]] = {"given_by": 20, "explained_in": 20, "giver_is_suspect": 10}
_TEXTS: Final = ("child_view", "note")
_LISTS: Final = ("classes", "phases", "recipients", "flags")
FLAGS: Final[Mapping[str, Message]] = {
    "is_free": msg("Given freely, without pressure"),
    "is_informed": msg("Given after everything was explained"),
    "is_written": msg("Given in writing"),
    "is_on_file": msg("The signed paper is on file with us"),
    "child_informed": msg("Explained to the child in a way that fits its age"),
}
"""How a consent was given: each is said, or does not hold."""
#: A clock that is a little ahead gives no consent of tomorrow.
_AHEAD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in the form."""

    asked: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given_at: DateParts = field(default_factory=DateParts)


def create_consents_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/case/{case_id}/basis")
    def show_consents(request: Request, who: FocalPoint, case_id: str) -> Response:
        case = open_case(site, case_id, who)
        return show(
            case,
            request,
            "cases/basis.html",
            consents=list_consents(site.context, case_id, who=case.who)[::-1],
            exceptions=list_exceptions(site.context, case_id, who=case.who)[::-1],
            flags=FLAGS,
            say_language=say_language,
        )

    @router.get("/case/{case_id}/basis/new")
    def begin(request: Request, who: FocalPoint, case_id: str, part: Part = 0) -> Response:
        case = open_case(site, case_id, who, part)
        return _show_form(case, request, _prefill(case))

    @router.post("/case/{case_id}/basis/new")
    def record(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        case = open_case(site, case_id, who, read_part(form))
        typed = _read(form)
        draft = _judge(case, typed)
        if isinstance(draft, dict):
            return _show_form(case, request, typed, outcome=Outcome(errors=draft))
        outcome = attempt(
            case,
            form,
            lambda: (
                handle_record_consent(
                    site.context, case_id, draft, who=case.who, channel=case.channel
                ).consent_id
            ),
            at="given_by",
        )
        return answer(
            outcome,
            f"{case.address}/basis",
            lambda outcome: _show_form(case, request, typed, outcome=outcome),
        )

    return router


def _read(form: Form) -> _Typed:
    texts = {name: clean_text(get_text(form, name))[: LIMITS.narrative + 1] for name in _TEXTS}
    chosen = {
        name: tuple(str(value) for value in form.getlist(name) if isinstance(value, str))
        for name in _LISTS
    }
    return _Typed(
        asked=read_all(form, _LINES) | texts,
        chosen=chosen,
        given_at=DateParts.from_form(form, "given_at"),
    )


def _prefill(case: OpenCase) -> _Typed:
    """Begin with the Participants and phases of the case: what is wrong is taken out."""
    return _Typed(
        chosen={
            "recipients": tuple(party.participant for party in case.overview.parties),
            "phases": case.overview.phases,
        },
        given_at=DateParts.from_moment(case.site.context.clock(), case.site.zone),
    )


def _judge(case: OpenCase, typed: _Typed) -> ConsentDraft | dict[str, Message]:
    asked, chosen = typed.asked, typed.chosen
    errors = dict[str, Message]()
    if asked["given_by"] not in set(ConsentGiver):
        errors["given_by"] = msg("Say who gave the consent.")
    try:
        given_at = typed.given_at.parse_moment(case.site.zone)
    except DateError as error:
        given_at = None
        errors["given_at"] = error.message
    if given_at is not None and given_at > case.site.context.clock() + _AHEAD:
        errors["given_at"] = msg("This is in the future. Check the day and the time.")
    if asked["explained_in"] not in LANGUAGES:
        errors["explained_in"] = msg("Say in which language it was explained.")
    offered: dict[str, set[str]] = {
        "classes": {mark.value for mark in Sensitivity if mark is not Sensitivity.NONE},
        "phases": {phase.value for phase in Phase},
        "recipients": {code for code, _ in list_recipients(case)},
        "flags": set(FLAGS),
    }
    missing = {
        "classes": msg("Choose what the consent covers."),
        "phases": msg("Choose the phases."),
        "recipients": msg("Choose who may get the data."),
    }
    for name, known in offered.items():
        if not set(chosen[name]) <= known or (name in missing and not chosen[name]):
            errors[name] = missing.get(name, msg("Choose again."))
    for name in _TEXTS:
        if len(asked[name]) > LIMITS.narrative:
            errors[name] = msg("Shorten this to %(count)s characters.", count=LIMITS.narrative)
    if errors or given_at is None:
        return errors
    suspect = asked["giver_is_suspect"]
    return ConsentDraft.model_validate(
        {
            "given_by": asked["given_by"],
            "given_at": given_at,
            "explained_in": asked["explained_in"],
            "classes": tuple(dict.fromkeys(chosen["classes"])),
            "phases": tuple(dict.fromkeys(chosen["phases"])),
            "recipients": tuple(dict.fromkeys(chosen["recipients"])),
            **{name: name in chosen["flags"] for name in FLAGS},
            "giver_is_suspect": suspect if suspect in set(TriState) else TriState.UNKNOWN,
            "child_view": asked["child_view"] or None,
            "note": asked["note"] or None,
        }
    )


def list_recipients(case: OpenCase) -> list[tuple[str, Message | str]]:
    """List who may get data: every other Participant."""
    directory, own = case.names.directory, case.site.context.participant
    codes = [str(entry.code) for entry in directory.participants] if directory else []
    known = dict.fromkeys((*codes, *(party.participant for party in case.overview.parties)))
    return [(code, case.names.participant(code)) for code in known if code != own]


def _show_form(
    case: OpenCase, request: Request, typed: _Typed, *, outcome: Outcome = NOTHING_WRONG
) -> Response:
    known = get_circumstances(case.site.context, case.case_id, who=case.who).circumstances
    return show(
        case,
        request,
        "cases/basis_new.html",
        outcome=outcome,
        asked=dict.fromkeys((*_LINES, *_TEXTS), "") | dict(typed.asked),
        chosen=dict.fromkeys(_LISTS, ()) | dict(typed.chosen),
        given_at=typed.given_at,
        is_child=known.treated_as_child,
        givers=list_codes(ConsentGiver),
        spoken=list(LANGUAGES.items()),
        classes=explain_codes(mark for mark in Sensitivity if mark is not Sensitivity.NONE),
        phases=explain_codes(Phase),
        recipients=list_recipients(case),
        flags=[
            (name, words)
            for name, words in FLAGS.items()
            if name != "child_informed" or known.treated_as_child
        ],
        answers=list_codes(TriState),
        longest=LIMITS.narrative,
    )
