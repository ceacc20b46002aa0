"""Editing a desk within a change: its form, its end, and taking out what was never right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.dates import DateError, DateParts
from console.i18n import Message, msg
from contact_registry.changes.change import Change
from contact_registry.changes.effects import narrow
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.editing.forms import read_form, write_form
from contact_registry.history.comparing import diff
from contact_registry.models import Authority, ContactsDocument
from directory_pages.change_pages import begin_once
from directory_pages.codes import LANGUAGES
from directory_pages.differences import Part, describe_changes
from directory_pages.entry_fields import EntryChoices, FormField, Section, list_sections
from directory_pages.entry_form import (
    Answers,
    Values,
    in_row,
    list_form_fields,
    read_answers,
    read_values,
    show_values,
    title_of_row,
)
from directory_pages.problem_words import explain
from directory_pages.refusals import say_refusal, status_of
from directory_pages.site import (
    DirectoryPages,
    DirectoryRoute,
    Form,
    actor_of,
    get_seen,
    get_text,
    go_to,
    make_entry_key,
    parse_change_id,
    read_grounds,
)
from directory_pages.typed_telephones import complete_numbers
from protocol.identifiers import AuthorityId, get_participant_of, parse_authority_id

NEW: Final = "new"
"""Stands for a desk that is to be added."""
_GROUNDS: Final = ("grounds-reason", "grounds-evidence")


def create_entry_router(pages: DirectoryPages) -> APIRouter:
    """Build the pages on which the desks of a draft are edited."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]

    @router.post("/changes/for-desk")
    def begin(_request: Request, who: editor, form: Form) -> Response:
        identifier = parse_authority_id(get_text(form, "authority"))
        return _begin_for_desk(pages, identifier, who)

    @router.get("/changes/{change_id}/desks")
    def list_desks(request: Request, _who: editor, change_id: str) -> Response:
        change = _load(pages, change_id)
        return pages.page(request, "desks.html", change=change, desks=change.draft.authorities)

    @router.get("/changes/{change_id}/desk/{key}")
    def show(request: Request, _who: editor, change_id: str, key: str) -> Response:
        editing = _find(_load(pages, change_id), key)
        return _show_form(pages, request, editing, _fill(editing))

    @router.post("/changes/{change_id}/desk/{key}")
    def save(request: Request, who: editor, change_id: str, key: str, form: Form) -> Response:
        return _save(pages, request, _find(_load(pages, change_id), key), who=who, form=form)

    @router.get("/changes/{change_id}/end/{key}")
    def ask_end(request: Request, _who: editor, change_id: str, key: str) -> Response:
        return _ask_end(pages, request, _find(_load(pages, change_id), key), Answers())

    @router.post("/changes/{change_id}/end/{key}")
    def end(request: Request, who: editor, change_id: str, key: str, form: Form) -> Response:
        return _end(pages, request, _find(_load(pages, change_id), key), who=who, form=form)

    return router


@dataclass(frozen=True)
class _Editing:
    """A desk of a draft, or one that is to be added to it."""

    change: Change
    entry: Authority | None

    @property
    def key(self) -> str:
        """What stands for it in addresses."""
        return NEW if self.entry is None else make_entry_key(self.entry.id)

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its form."""
        return list_sections(_list_choices(self.change.draft, self.entry))


def _load(pages: DirectoryPages, change_id: str) -> Change:
    return pages.desk.look(parse_change_id(change_id)).change


def _find(change: Change, key: str) -> _Editing:
    if key == NEW:
        return _Editing(change, None)
    for entry in change.draft.authorities:
        if make_entry_key(entry.id) == key:
            return _Editing(change, entry)
    raise ChangeNotFoundError("This desk is not in the draft: choose one of its list.")


def _list_choices(draft: ContactsDocument, entry: Authority | None) -> EntryChoices:
    others = [(str(a.id), a.name) for a in draft.authorities if entry is None or a.id != entry.id]
    zones = dict.fromkeys(authority.time_zone for authority in draft.authorities)
    named = (local.language for a in draft.authorities for local in a.alternate_names)
    spoken = (tag for a in draft.authorities for tag in a.languages)
    listed = dict.fromkeys(tag for tag in (*spoken, *named) if tag)
    return EntryChoices(
        desks=others,
        zones=tuple(zones),
        languages=tuple(tag for tag in listed if tag not in LANGUAGES),
    )


def _begin_for_desk(pages: DirectoryPages, identifier: AuthorityId, who: SignedIn) -> Response:
    """Begin a change from the page of a desk, and open the desk's form."""
    participant = pages.choose_participant(get_participant_of(identifier))
    document = pages.desk.load_published(participant).document
    entry = (
        next((a for a in document.authorities if a.id == identifier), None) if document else None
    )
    if entry is None:
        raise ChangeNotFoundError("This desk is not published: choose one of the list.")
    change = begin_once(pages, participant, title=entry.name, who=who)
    return go_to(f"/changes/{change.id}/desk/{make_entry_key(identifier)}")


def _fill(editing: _Editing) -> Answers:
    if editing.entry is not None:
        return show_values(write_form(editing.entry), editing.sections)
    zones = list(dict.fromkeys(a.time_zone for a in editing.change.draft.authorities))
    return Answers(values={"time_zone": zones[:1]} if zones else {})


@dataclass(frozen=True)
class _Trouble:
    """Why a form was not taken.

    ``seen`` is the row version of which it was filled in: it stays until the person has been told
    what somebody else did meanwhile. ``over`` says what saving again would then change.
    """

    errors: Mapping[str, Message] = field(default_factory=dict)
    notice: Message | None = None
    status: int = 200
    seen: int | None = None
    over: Sequence[Part] = ()


_NO_TROUBLE: Final = _Trouble()


def _show_form(
    pages: DirectoryPages,
    request: Request,
    editing: _Editing,
    answers: Answers,
    trouble: _Trouble = _NO_TROUBLE,
) -> Response:
    def is_wrong(section: Section) -> bool:
        return any(
            name == item.name or name.startswith(f"{item.name}.")
            for item in section.items
            for name in trouble.errors
        )

    return pages.page(
        request,
        "entry.html",
        status=trouble.status,
        errors=trouble.errors,
        notice=trouble.notice,
        seen=editing.change.row_version if trouble.seen is None else trouble.seen,
        over=trouble.over,
        change=editing.change,
        entry=editing.entry,
        key=editing.key,
        parts=editing.sections,
        answers=answers,
        in_row=in_row,
        is_wrong=is_wrong,
        row_title=title_of_row,
    )


def _save(
    pages: DirectoryPages, request: Request, editing: _Editing, *, who: SignedIn, form: FormData
) -> Response:
    sections = editing.sections
    answers = read_answers(form, sections)
    grounds, grounds_errors = read_grounds(form)
    answers.values |= {name: [get_text(form, name)] for name in _GROUNDS}
    seen = get_seen(form)
    if answers.blank:  # "More rows": the form again, nothing is kept yet
        return _show_form(pages, request, editing, answers, _Trouble(seen=seen))
    authority, errors = _read_entry(pages, editing, answers)
    errors |= grounds_errors
    if authority is None or errors:
        return _show_form(pages, request, editing, answers, _Trouble(errors, seen=seen))
    try:
        pages.desk.put_authority(
            editing.change.id, authority, seen=seen, actor=actor_of(who), grounds=grounds
        )
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        now = _find_again(pages, editing)
        if not _is_listed(now, authority):
            trouble = _Trouble(
                notice=say_refusal(error),
                status=status_of(error),
                over=_compare(pages, now, authority),
            )
            return _show_form(pages, request, now, answers, trouble)
    return go_to(f"/changes/{editing.change.id}")


def _is_listed(now: _Editing, authority: Authority) -> bool:
    """Tell whether the draft says this already: the form was sent twice."""
    if now.entry is not None:
        return authority == now.entry and authority in now.change.draft.authorities
    return any(
        authority.model_copy(update={"id": entry.id}) == entry
        for entry in now.change.draft.authorities
    )


def _compare(pages: DirectoryPages, now: _Editing, authority: Authority) -> Sequence[Part]:
    """Return what this entry would change of the draft as it stands now."""
    view = pages.desk.look(now.change.id)
    draft = view.change.draft
    entries = {entry.id: entry for entry in draft.authorities} | {authority.id: authority}
    typed = draft.model_copy(update={"authorities": tuple(entries.values())})
    after = narrow(view.new, view.published.entry, typed)
    return describe_changes(diff(view.new, after).changes, old=view.new, new=after)


def _find_again(pages: DirectoryPages, editing: _Editing) -> _Editing:
    """Return what is edited as it stands now: the next try is about that."""
    change = pages.desk.look(editing.change.id).change
    entries = {entry.id: entry for entry in change.draft.authorities}
    return _Editing(change, editing.entry and entries.get(editing.entry.id, editing.entry))


def _read_entry(
    pages: DirectoryPages, editing: _Editing, answers: Answers
) -> tuple[Authority | None, dict[str, Message]]:
    """Return the entry that was typed, or what is wrong with it."""
    sections, change = editing.sections, editing.change
    values, errors = read_values(answers, sections)
    values = {name: found for name, found in values.items() if name not in _GROUNDS}
    errors |= complete_numbers(values, participant=change.participant, entry=editing.entry)
    _drop_empty_parts(values)
    name = answers.get("name")
    if editing.entry is not None:
        values["id"] = [str(editing.entry.id)]
    elif name:
        values["id"] = [str(pages.desk.propose_authority_id(change.id, name))]
    else:
        return None, {**errors, "name": msg("Fill this in: %(field)s.", field=msg("Name"))}
    reading = read_form(Authority, values)
    fields: dict[str, FormField] = {f.name: f for f in list_form_fields(sections, answers)}
    for problem in reading.problems:
        errors.setdefault(_place(problem.field, fields), explain(problem, fields))
    return reading.value, errors


def _place(field: str, fields: Mapping[str, FormField]) -> str:
    """Return where on the page a problem is shown: at its field, else on top."""
    return field if field in fields else field or "name"


_ROUTES: Final = ("reserve", "out_of_hours")


def _drop_empty_parts(values: Values) -> None:
    """Leave out a route or a decision of which nothing was typed."""
    for part in (*_ROUTES, "appointment_decision"):
        names = [name for name in values if name.startswith(f"{part}.")]
        if not any(values[name] != [""] for name in names):
            for name in names:
                del values[name]


def _ask_end(
    pages: DirectoryPages,
    request: Request,
    editing: _Editing,
    answers: Answers,
    trouble: _Trouble = _NO_TROUBLE,
) -> Response:
    return pages.page(
        request,
        "end.html",
        status=trouble.status,
        errors=trouble.errors,
        notice=trouble.notice,
        seen=editing.change.row_version if trouble.seen is None else trouble.seen,
        change=editing.change,
        entry=editing.entry,
        key=editing.key,
        answers=answers,
    )


def _read_last_day(answers: Answers, entry: Authority) -> tuple[date | None, dict[str, Message]]:
    """Return the last day, or None for an entry that is taken out; and what is wrong."""
    if answers.get("how") == "remove":
        return None, {}
    if answers.get("how") != "end":
        return None, {"how": msg("Choose what is to happen.")}
    try:
        last_day = answers.day("last_day").parse_date()
    except DateError as error:
        return None, {"last_day": error.message}
    if last_day < entry.valid_from:
        return None, {"last_day": msg("The last day is not before the first one.")}
    return last_day, {}


def _end(
    pages: DirectoryPages, request: Request, editing: _Editing, *, who: SignedIn, form: FormData
) -> Response:
    """Set a desk's last day, or take out an entry that was a mistake."""
    change, entry = editing.change, editing.entry
    if entry is None:
        raise ChangeNotFoundError("This desk is not in the draft: choose one of its list.")
    grounds, grounds_errors = read_grounds(form)
    answers = Answers(
        {name: [get_text(form, name)] for name in (*_GROUNDS, "how")},
        {"last_day": DateParts.from_form(form, "last_day")},
    )
    last_day, errors = _read_last_day(answers, entry)
    errors |= grounds_errors
    seen = get_seen(form)
    if errors:
        return _ask_end(pages, request, editing, answers, _Trouble(errors, seen=seen))
    end = partial(pages.desk.end_authority, last_day=last_day) if last_day else None
    try:
        (end or pages.desk.remove_authority)(
            change.id, entry.id, seen=seen, actor=actor_of(who), grounds=grounds
        )
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        now = _find_again(pages, editing)
        if last_day is None or now.entry is None or now.entry.valid_to != last_day:
            trouble = _Trouble(notice=say_refusal(error), status=status_of(error))
            return _ask_end(pages, request, now, answers, trouble)
    return go_to(f"/changes/{change.id}")
