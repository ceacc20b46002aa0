"""Agreements: which there are, whose word is missing, and how one is proposed, stated, or ended.

An agreement counts only while every party states the same terms in its own signed list. So each of
these pages ends in a change of one Participant's list, which its directory key has to sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.dates import DateError, DateParts
from console.i18n import Message, msg
from contact_registry.agreed import list_agreements
from contact_registry.agreements import AgreementStatement, Notice
from contact_registry.changes.change import ChangeId, Grounds
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.changes.states import ChangeState
from directory_pages.agreement_form import list_agreement_sections, read_terms
from directory_pages.agreement_words import ShownAgreement, show_agreement
from directory_pages.change_pages import begin_once, shorten_title
from directory_pages.entry_fields import Choices, Section
from directory_pages.entry_form import Answers, in_row, read_answers, title_of_row
from directory_pages.refusals import say_refusal, status_of
from directory_pages.site import (
    DirectoryPages,
    DirectoryRoute,
    Form,
    actor_of,
    get_text,
    go_to,
    read_grounds,
)
from protocol.identifiers import ParticipantCode

_GROUNDS: Final = ("grounds-reason", "grounds-evidence")


def create_agreement_router(pages: DirectoryPages) -> APIRouter:
    """Build the pages of agreements."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]
    reader = Annotated[SignedIn, Depends(pages.require_reader)]

    @router.get("/agreements")
    def show_all(request: Request, _who: reader) -> Response:
        return pages.page(request, "agreements.html", agreements=_list_shown(pages))

    @router.get("/agreements/new")
    def ask(request: Request, _who: editor) -> Response:
        return _show_form(pages, request, _begin_answers(pages))

    @router.post("/agreements/new")
    def propose(request: Request, who: editor, form: Form) -> Response:
        return _propose(pages, request, who, form)

    @router.get("/agreements/{key}/state")
    def ask_state(request: Request, _who: editor, key: str) -> Response:
        return _ask_state(pages, request, _find(pages, key))

    @router.post("/agreements/{key}/state")
    def state(request: Request, who: editor, key: str, form: Form) -> Response:
        return _state(pages, request, _find(pages, key), who=who, form=form)

    @router.get("/agreements/{key}/end")
    def ask_end(request: Request, _who: editor, key: str) -> Response:
        return _ask_end(pages, request, _find(pages, key), _Typed())

    @router.post("/agreements/{key}/end")
    def end(request: Request, who: editor, key: str, form: Form) -> Response:
        return _end(pages, request, _find(pages, key), who=who, form=form)

    return router


@dataclass(frozen=True)
class _Typed:
    """What was typed into a form, and why it was not taken."""

    answers: Answers = field(default_factory=Answers)
    errors: Mapping[str, Message] = field(default_factory=dict)
    refusal: ChangeError | None = None


def _list_shown(pages: DirectoryPages) -> list[ShownAgreement]:
    """Return the agreements that concern this desk: a node's own, at the hub all of them."""
    own, names, today = pages.participant, pages.names(), pages.clock().date()
    return [
        show_agreement(standing, names, own=own, today=today)
        for standing in list_agreements(pages.read_directory())
        if own is None or own in standing.terms.parties
    ]


def _find(pages: DirectoryPages, key: str) -> ShownAgreement:
    for shown in _list_shown(pages):
        if shown.key == key:
            return shown
    raise ChangeNotFoundError("There is no such agreement: choose one of the list.")


def _show_page(
    pages: DirectoryPages, request: Request, template: str, typed: _Typed, **context: object
) -> Response:
    refusal = typed.refusal
    return pages.page(
        request,
        template,
        status=status_of(refusal) if refusal else HTTPStatus.OK,
        errors=typed.errors,
        notice=say_refusal(refusal) if refusal else None,
        answers=typed.answers,
        **context,
    )


# ---------------------------------------------------------------------- proposing


def _offer_participants(pages: DirectoryPages) -> Choices:
    names = pages.names()
    return [(code, names.participant(code)) for code in names.participants]


def _begin_answers(pages: DirectoryPages) -> Answers:
    return Answers({"parties": [str(pages.participant)]} if pages.participant else {})


def _show_form(
    pages: DirectoryPages, request: Request, answers: Answers, typed: _Typed | None = None
) -> Response:
    found = typed or _Typed(answers)

    def is_wrong(section: Section) -> bool:
        names = tuple(item.name for item in section.items)
        return any(each.startswith(names) for each in found.errors)

    return _show_page(
        pages,
        request,
        "agreement_new.html",
        found,
        parts=list_agreement_sections(_offer_participants(pages)),
        participants=_offer_participants(pages),
        in_row=in_row,
        is_wrong=is_wrong,
        row_title=title_of_row,
    )


def _propose(pages: DirectoryPages, request: Request, who: SignedIn, form: FormData) -> Response:
    offered = _offer_participants(pages)
    answers = read_answers(form, list_agreement_sections(offered))
    grounds, grounds_errors = read_grounds(form)
    answers.values |= {name: [get_text(form, name)] for name in (*_GROUNDS, "stated_by")}
    if answers.blank:
        return _show_form(pages, request, answers)
    terms, errors = read_terms(answers, offered)
    party = pages.participant or ParticipantCode(answers.get("stated_by"))
    if terms is not None and party not in terms.parties:
        errors["parties" if pages.participant else "stated_by"] = msg(
            "Whoever states an agreement is one of its parties."
        )
    errors |= grounds_errors
    if terms is None or errors:
        return _show_form(pages, request, answers, _Typed(answers, errors))
    try:
        return _draft(pages, party, AgreementStatement(terms=terms), who=who, grounds=grounds)
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        return _show_form(pages, request, answers, _Typed(answers, refusal=error))


def _draft(
    pages: DirectoryPages,
    party: ParticipantCode,
    statement: AgreementStatement,
    *,
    who: SignedIn,
    grounds: Grounds,
) -> Response:
    """Draft a party's word as a change of its list, and open that change.

    A form that was sent twice finds the draft that it made the first time.
    """
    title = statement.terms.instrument
    drafted = _find_drafted(pages, party, statement, who=who)
    if drafted is None:
        change = begin_once(pages, party, title=title, who=who)
        drafted = pages.desk.put_agreement(
            change.id, statement, seen=change.row_version, actor=actor_of(who), grounds=grounds
        ).id
    return go_to(f"/changes/{drafted}")


def _find_drafted(
    pages: DirectoryPages, party: ParticipantCode, statement: AgreementStatement, *, who: SignedIn
) -> ChangeId | None:
    """Find a draft in which this person let the party say this already."""
    wanted = (shorten_title(statement.terms.instrument), actor_of(who))
    found = pages.desk.list_changes(participant=party, states={ChangeState.DRAFTED})
    for summary in found.changes:
        if (summary.title, summary.created_by) == wanted:
            change = pages.desk.look(summary.id).change
            if change.is_open and statement in change.draft.agreements:
                return change.id
    return None


# ---------------------------------------------------------------------- stating the same


def _choose_party(
    pages: DirectoryPages, form: FormData, parties: Sequence[ParticipantCode]
) -> tuple[ParticipantCode | None, dict[str, Message]]:
    """Return for whom this is drafted: at a node always its own Participant."""
    code = pages.participant or ParticipantCode(get_text(form, "stated_by"))
    if code in parties:
        return code, {}
    return None, {"stated_by": msg("Choose a Participant.")}


def _ask_state(
    pages: DirectoryPages, request: Request, shown: ShownAgreement, typed: _Typed | None = None
) -> Response:
    if not shown.may_state:
        raise ChangeNotFoundError("This is stated already, or cannot be from here.")
    names = pages.names()
    return _show_page(
        pages,
        request,
        "agreement_state.html",
        typed or _Typed(),
        agreement=shown,
        parties=[(code, names.participant(code)) for code in shown.may_state],
    )


def _state(
    pages: DirectoryPages,
    request: Request,
    shown: ShownAgreement,
    *,
    who: SignedIn,
    form: FormData,
) -> Response:
    grounds, errors = read_grounds(form)
    party, party_errors = _choose_party(pages, form, shown.may_state)
    errors = party_errors | errors
    if get_text(form, "compared") != "yes":
        errors["compared"] = msg("Compare the hash with the other parties first.")
    names = (*_GROUNDS, "stated_by", "compared")
    answers = Answers({name: [get_text(form, name)] for name in names})
    if party is None or errors:
        return _ask_state(pages, request, shown, _Typed(answers, errors))
    statement = AgreementStatement(terms=shown.standing.terms)
    try:
        return _draft(pages, party, statement, who=who, grounds=grounds)
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        return _ask_state(pages, request, shown, _Typed(answers, refusal=error))


# ---------------------------------------------------------------------- notice and end


def _ask_end(
    pages: DirectoryPages, request: Request, shown: ShownAgreement, typed: _Typed
) -> Response:
    if not shown.may_end:
        raise ChangeNotFoundError("Only a party that states an agreement lists its end.")
    names = pages.names()
    return _show_page(
        pages,
        request,
        "agreement_end.html",
        typed,
        agreement=shown,
        stating=[(code, names.participant(code)) for code in shown.may_end],
        parties=[(code, names.participant(code)) for code in shown.standing.terms.parties],
    )


def _end(
    pages: DirectoryPages,
    request: Request,
    shown: ShownAgreement,
    *,
    who: SignedIn,
    form: FormData,
) -> Response:
    """List a notice, or the day on which the parties let it end."""
    grounds, errors = read_grounds(form)
    party, party_errors = _choose_party(pages, form, shown.may_end)
    how, giver = get_text(form, "how"), get_text(form, "given_by")
    parts = DateParts.from_form(form, "day")
    names = (*_GROUNDS, "stated_by", "how", "given_by")
    answers = Answers({name: [get_text(form, name)] for name in names}, {"day": parts})
    day, day_errors = _read_day(parts)
    errors = {**party_errors, **day_errors, **errors}
    if how not in {"notice", "end"}:
        errors["how"] = msg("Choose what is to happen.")
    if how == "notice" and giver not in shown.standing.terms.parties:
        errors["given_by"] = msg("Choose which party gave notice.")
    if party is None or day is None or errors:
        return _ask_end(pages, request, shown, _Typed(answers, errors))
    statement = _close(
        shown.standing.statements[party],
        day=day,
        given_by=ParticipantCode(giver) if how == "notice" else None,
    )
    try:
        return _draft(pages, party, statement, who=who, grounds=grounds)
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        return _ask_end(pages, request, shown, _Typed(answers, refusal=error))


def _read_day(parts: DateParts) -> tuple[date | None, dict[str, Message]]:
    try:
        return parts.parse_date(), {}
    except DateError as error:
        return None, {"day": error.message}


def _close(
    statement: AgreementStatement, *, day: date, given_by: ParticipantCode | None
) -> AgreementStatement:
    """Add a notice, or the first day without the agreement; of one giver the earliest notice."""
    if given_by is None:
        return statement.model_copy(update={"terminated_on": day})
    known = {notice.given_by: notice for notice in statement.notices}
    earlier = known.get(given_by)
    received = day if earlier is None else min(day, earlier.received_on)
    known[given_by] = Notice(given_by=given_by, received_on=received)
    return statement.model_copy(update={"notices": tuple(known[code] for code in sorted(known))})
