"""Corrections that operators ask for: asked at the hub, read and acted upon at the node.

A Participant answers by what it publishes. So the hub's list shows what was published since, and
the node's list leads to the desk that is asked about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg, pmsg
from contact_registry.changes.corrections import (
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
)
from protocol.identifiers import get_participant_of, parse_authority_id

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
_LONGEST_TEXT: Final = 500
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
        return _show_form(pages, request, _find_desk(pages, authority), {})

    @router.post("/corrections/ask/{authority}")
    def ask(request: Request, who: editor, authority: str, form: Form) -> Response:
        entry = _find_desk(pages, authority)
        return _ask(_Asking(pages, desk, request, entry), who=who, form=form)

    @router.post("/corrections/{correction_id}/move")
    def move(request: Request, who: editor, correction_id: str, form: Form) -> Response:
        return _move(pages, desk, request, CorrectionId(correction_id), who=who, form=form)

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


def _find_desk(pages: DirectoryPages, identifier: str) -> Authority:
    found = pages.read_directory().authority(parse_authority_id(identifier))
    if found is None:
        raise ChangeNotFoundError("There is no such desk: choose one of the directory.")
    return found


def _show_form(
    pages: DirectoryPages,
    request: Request,
    entry: Authority,
    asked: Mapping[str, str],
    errors: Mapping[str, Message] | None = None,
) -> Response:
    return pages.page(
        request,
        "correction_ask.html",
        errors=errors or {},
        entry=entry,
        participant_name=pages.names().participant(get_participant_of(entry.id)),
        fields=[(name, FIELD_LABELS[name]) for name in _ASKABLE],
        asked={"field": "", "text": "", **asked},
    )


@dataclass(frozen=True)
class _Asking:
    """The form in which something is asked about a desk."""

    pages: DirectoryPages
    desk: CorrectionDesk
    request: Request
    entry: Authority


def _ask(asking: _Asking, *, who: SignedIn, form: FormData) -> Response:
    pages, request, entry = asking.pages, asking.request, asking.entry
    asked = {name: get_text(form, name) for name in ("field", "text")}
    errors: dict[str, Message] = {}
    if asked["field"] and asked["field"] not in _ASKABLE:
        errors["field"] = msg("Choose one of the fields, or none.")
    if not asked["text"] or len(asked["text"]) > _LONGEST_TEXT or not asked["text"].isprintable():
        errors["text"] = msg("Say in one sentence what seems wrong, in up to 500 characters.")
    if errors:
        return _show_form(pages, request, entry, asked, errors)
    try:
        asking.desk.ask(
            get_participant_of(entry.id),
            text=asked["text"],
            actor=actor_of(who),
            authority_id=entry.id,
            field=asked["field"],
        )
    except ChangeNotFoundError:
        raise
    except ChangeError as error:
        found = asking.desk.list_corrections()
        return _show(pages, request, found, may_move=True, refusal=error)
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
