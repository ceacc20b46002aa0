"""Corrections that operators ask for: asked at the hub, read and acted upon at the node.

A Participant answers by what it publishes. So the hub's list shows what was published since, and
the node's list leads to the desk that is asked about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg, pmsg
from contact_registry.changes.corrections import (
    LONGEST_TEXT,
    MOST_OPEN,
    Correction,
    CorrectionAnswer,
    CorrectionDesk,
    CorrectionId,
    CorrectionState,
    judge,
)
from contact_registry.changes.errors import ChangeError, ChangeNotFoundError
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from contact_registry.models import Authority
from directory_pages.codes import Words
from directory_pages.field_labels import FIELD_LABELS, say_field
from directory_pages.looks import Look
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
from protocol.errors import MalformedError
from protocol.identifiers import (
    ParticipantCode,
    get_participant_of,
    parse_authority_id,
    parse_participant_code,
)

ANSWER_LOOKS: Final[Mapping[CorrectionAnswer, Look]] = {
    CorrectionAnswer.NONE: Look(pmsg("correction", "Not answered yet"), "warn", "hourglass"),
    CorrectionAnswer.MENDED: Look(
        pmsg("correction", "The entry was changed since"), "ok", "circle-check"
    ),
    CorrectionAnswer.CONFIRMED: Look(
        pmsg("correction", "Confirmed as it stands"), "ok", "circle-check"
    ),
    CorrectionAnswer.ENDED: Look(pmsg("correction", "The entry has ended"), "neutral", "ban"),
}
STATE_LOOKS: Final[Mapping[CorrectionState, Look]] = {
    CorrectionState.ASKED: Look(pmsg("correction", "Asked"), "info", "send"),
    CorrectionState.SETTLED: Look(pmsg("correction", "Settled"), "ok", "check"),
    CorrectionState.WITHDRAWN: Look(pmsg("correction", "Withdrawn"), "neutral", "ban"),
}
_ASKABLE: Final = tuple(name for name in Authority.model_fields if name in FIELD_LABELS)


class CorrectionSource(Protocol):
    """Where a node learns what is asked of it. Methods block."""

    def list_open(self) -> Sequence[Correction]:
        """Return the open corrections; raises ``RegistryUnavailableError``."""


@dataclass(frozen=True)
class ShownCorrection:
    """A correction in words."""

    correction: Correction
    participant: Words
    desk: Words
    field: Words
    answer: Look
    state: Look


def create_reading_router(pages: DirectoryPages, source: CorrectionSource) -> APIRouter:
    """Build a node's page of what the operators ask for."""
    router = APIRouter(route_class=DirectoryRoute)
    reader = Annotated[SignedIn, Depends(pages.require_reader)]

    @router.get("/corrections")
    def show(request: Request, _who: reader) -> Response:
        try:
            found = source.list_open()
        except RegistryUnavailableError:
            return _show(pages, request, [], is_known=False)
        return _show(pages, request, found)

    return router


def create_asking_router(pages: DirectoryPages, desk: CorrectionDesk) -> APIRouter:
    """Build the hub's pages, on which operators ask, settle and withdraw."""
    router = APIRouter(route_class=DirectoryRoute)
    editor = Annotated[SignedIn, Depends(pages.require_editor)]
    reader = Annotated[SignedIn, Depends(pages.require_reader)]

    @router.get("/corrections")
    def show_open(request: Request, _who: reader) -> Response:
        return _show(pages, request, desk.list_corrections(), may_move=True)

    @router.get("/corrections/all")
    def show_all(request: Request, _who: reader) -> Response:
        found = desk.list_corrections(open_only=False)
        return _show(pages, request, found, may_move=True, is_all=True)

    @router.get("/corrections/ask/{authority}")
    def ask_form(request: Request, _who: editor, authority: str) -> Response:
        return _show_form(pages, request, _find_subject(pages, authority), _Asked())

    @router.post("/corrections/ask/{authority}")
    def ask(request: Request, who: editor, authority: str, form: Form) -> Response:
        subject = _find_subject(pages, authority)
        return _ask(_Asking(pages, desk, request, subject), who=who, form=form)

    @router.post("/corrections/{correction_id}/move")
    def move(request: Request, who: editor, correction_id: str, form: Form) -> Response:
        found = CorrectionId(parse_change_id(correction_id))
        return _move(pages, desk, request, found, who=who, form=form)

    return router


def _show(  # noqa: PLR0913 - what the list shows, all by name
    pages: DirectoryPages,
    request: Request,
    found: Sequence[Correction],
    *,
    may_move: bool = False,
    is_all: bool = False,
    is_known: bool = True,
    refusal: ChangeError | None = None,
) -> Response:
    directory = pages.read_directory()
    return pages.page(
        request,
        "corrections.html",
        status=status_of(refusal) if refusal else HTTPStatus.OK,
        notice=say_refusal(refusal) if refusal else None,
        corrections=[_word(each, pages, directory) for each in found],
        may_move=may_move,
        is_all=is_all,
        is_known=is_known,
        most=MOST_OPEN if len(found) >= MOST_OPEN else 0,
    )


def _word(correction: Correction, pages: DirectoryPages, directory: Directory) -> ShownCorrection:
    names = pages.names(directory.contacts.get(correction.participant))
    desk: Words = msg("The whole list")
    if correction.authority_id:
        desk = names.desk(correction.authority_id)
    return ShownCorrection(
        correction=correction,
        participant=names.participant(correction.participant),
        desk=desk,
        field=say_field(correction.field) if correction.field else "",
        answer=ANSWER_LOOKS[judge(correction, directory)],
        state=STATE_LOOKS[correction.state],
    )


@dataclass(frozen=True)
class _Subject:
    """What is asked about: a desk, or (``entry`` None) a Participant's list as a whole."""

    code: ParticipantCode
    entry: Authority | None = None

    @property
    def key(self) -> str:
        """What stands for it in addresses."""
        return str(self.code if self.entry is None else self.entry.id)


@dataclass(frozen=True)
class _Asked:
    """What was typed, and why it was not taken."""

    field: str = ""
    text: str = ""
    errors: Mapping[str, Message] | None = None
    refusal: ChangeError | None = None


def _find_subject(pages: DirectoryPages, key: str) -> _Subject:
    """Find a desk by its identifier, or a Participant by its code."""
    directory = pages.read_directory()
    try:
        entry = directory.authority(parse_authority_id(key))
    except MalformedError:
        code = parse_participant_code(key)
        if directory.participant(code) is not None:
            return _Subject(code)
    else:
        if entry is not None:
            return _Subject(get_participant_of(entry.id), entry)
    raise ChangeNotFoundError("There is no such desk: choose one of the directory.")


def _show_form(
    pages: DirectoryPages, request: Request, subject: _Subject, asked: _Asked
) -> Response:
    refusal = asked.refusal
    return pages.page(
        request,
        "correction_ask.html",
        status=status_of(refusal) if refusal else HTTPStatus.OK,
        notice=say_refusal(refusal) if refusal else None,
        errors=asked.errors or {},
        subject=subject,
        participant_name=pages.names().participant(subject.code),
        fields=[(name, FIELD_LABELS[name]) for name in _ASKABLE],
        asked=asked,
    )


@dataclass(frozen=True)
class _Asking:
    """The form in which something is asked about a desk."""

    pages: DirectoryPages
    desk: CorrectionDesk
    request: Request
    subject: _Subject


def _ask(asking: _Asking, *, who: SignedIn, form: FormData) -> Response:
    """Ask; the same asked again by the same person is one correction, not two."""
    pages, request, subject = asking.pages, asking.request, asking.subject
    asked = _Asked(field=get_text(form, "field"), text=get_text(form, "text"))
    errors: dict[str, Message] = {}
    if asked.field and (asked.field not in _ASKABLE or subject.entry is None):
        errors["field"] = msg("Choose one of the fields, or none.")
    if not asked.text or not is_one_line(asked.text, most=LONGEST_TEXT):
        errors["text"] = msg("Say in one sentence what seems wrong, in up to 500 characters.")
    if errors:
        return _show_form(pages, request, subject, replace(asked, errors=errors))
    entry_id = "" if subject.entry is None else str(subject.entry.id)
    wanted = (entry_id, asked.field, asked.text, actor_of(who))
    open_ones = asking.desk.list_corrections(participant=subject.code)
    if wanted not in {(c.authority_id, c.field, c.text, c.asked_by) for c in open_ones}:
        try:
            asking.desk.ask(
                subject.code,
                text=asked.text,
                actor=actor_of(who),
                authority_id=entry_id,
                field=asked.field,
            )
        except ChangeNotFoundError:
            raise
        except ChangeError as error:
            return _show_form(pages, request, subject, replace(asked, refusal=error))
    return go_to("/corrections")


def _move(  # noqa: PLR0913 - who moves what, all by name
    pages: DirectoryPages,
    desk: CorrectionDesk,
    request: Request,
    correction_id: CorrectionId,
    *,
    who: SignedIn,
    form: FormData,
) -> Response:
    state = get_text(form, "state")
    try:
        if state in set(CorrectionState):
            desk.move(
                correction_id, CorrectionState(state), seen=get_seen(form), actor=actor_of(who)
            )
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        return _show(pages, request, desk.list_corrections(), may_move=True, refusal=error)
    return go_to("/corrections")
