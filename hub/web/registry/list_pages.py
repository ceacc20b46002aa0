"""Pages that bring a contact list in: the file, what its words mean, a dry run, and the drafts."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Final

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from contact_registry.changes.desk import ChangeDesk
from contact_registry.errors import ContactListError, RegistryError
from contact_registry.importing.findings import Severity
from contact_registry.importing.importer import ImportResult
from contact_registry.importing.vocabulary import KNOWN
from contact_registry.presenting import describe_import
from directory_pages.codes import offer
from hub.audit.actions import Action
from hub.lists.answers import (
    LEFT_OUT,
    ListAnswers,
    Questions,
    find_lacking,
    find_repeated,
    take_answers,
)
from hub.lists.desk import LARGEST_LIST, KeptList, ListDesk, list_documents
from hub.lists.drafting import draft_list
from hub.lists.errors import ListNotFoundError, StaleListError
from hub.web.registry.list_refusals import LIST_REFUSALS
from hub.web.registry.list_words import (
    COLUMN_WORDS,
    count_changes,
    count_severities,
    describe_changes_of_list,
    describe_findings_of_list,
)
from hub.web.registry.paging import Paging
from hub.web.site import DirectoryOperator, Form, PageRoute, Site, get_text, go_to
from protocol.identifiers import Phase

#: Findings on one page; the rest is on further pages, and all of them in one file.
FINDINGS_PAGE: Final = 200
_MEANWHILE: Final = msg("Somebody else answered meanwhile: this is the list as it is now.")

_WHERE_IT_ENDED: Final[Mapping[Action, str]] = {
    Action.LIST_DRAFTED: "/changes",
    Action.LIST_DISCARDED: "/import",
}
"""Where the second press of a double click leads: to what the first one brought about."""


def create_list_router(site: Site, desk: ChangeDesk) -> APIRouter:
    """Build the pages, for directory operators. ``desk`` is where drafts are made."""
    router = APIRouter(route_class=PageRoute)
    pages = _Pages(site, desk)

    @router.get("/import")
    def show(request: Request, _who: DirectoryOperator) -> Response:
        return pages.show_start(request)

    @router.post("/import")
    def bring_in(request: Request, who: DirectoryOperator, form: Form) -> Response:
        return pages.bring_in(request, who, form)

    @router.get("/import/{list_id}")
    def show_list(request: Request, _who: DirectoryOperator, list_id: str) -> Response:
        return pages.show_list(request, pages.load(list_id))

    @router.get("/import/{list_id}/findings/{number}")
    def show_findings(
        request: Request, _who: DirectoryOperator, list_id: str, number: int
    ) -> Response:
        return pages.show_findings(request, pages.load(list_id), number)

    @router.get("/import/{list_id}/report")
    def report(_who: DirectoryOperator, list_id: str) -> Response:
        return pages.report(pages.load(list_id))

    @router.post("/import/{list_id}/answers")
    def answer(request: Request, who: DirectoryOperator, list_id: str, form: Form) -> Response:
        return pages.answer(request, who, pages.load(list_id), form)

    @router.post("/import/{list_id}/drafts")
    def draft(request: Request, who: DirectoryOperator, list_id: str, form: Form) -> Response:
        return pages.draft(request, who, list_id, form)

    @router.post("/import/{list_id}/discard")
    def discard(request: Request, who: DirectoryOperator, list_id: str, form: Form) -> Response:
        return pages.discard(request, who, list_id, form)

    return router


class _Pages:
    def __init__(self, site: Site, desk: ChangeDesk) -> None:
        self._site = site
        self._lists = ListDesk(site.context)
        self._desk = desk
        #: Of two presses at once, the second must find what the first has made.
        self._finishing = Lock()

    def load(self, list_id: str) -> KeptList:
        """Return the list; one that is gone is no page."""
        try:
            return self._lists.load(list_id)
        except ListNotFoundError as error:
            raise HTTPException(404) from error

    # ------------------------------------------------------------------ bringing in

    def show_start(
        self,
        request: Request,
        *,
        errors: Mapping[str, Message] | None = None,
        form: FormData | None = None,
        detail: Message | str = "",
    ) -> Response:
        return self._site.page(
            request,
            "registry/import.html",
            errors=errors or {},
            detail=detail,
            kept=self._lists.list_open(),
            participants=self._list_participants(),
            participant=get_text(form, "participant") if form else "",
            sheet=get_text(form, "sheet") if form else "",
        )

    def bring_in(self, request: Request, who: SignedIn, form: FormData) -> Response:
        file = form.get("file")
        data = b"" if not isinstance(file, UploadFile) else file.file.read(LARGEST_LIST + 1)
        participant = get_text(form, "participant")
        errors: dict[str, Message] = {}
        if not data:
            errors["file"] = msg("Choose the file of the list.")
        elif len(data) > LARGEST_LIST:
            errors["file"] = msg("The file is too large: 8 MB are read. Split the list.")
        if participant and participant not in dict(self._list_participants()):
            errors["participant"] = msg("Choose a Participant, or none.")
        if errors or not isinstance(file, UploadFile):
            return self.show_start(request, errors=errors, form=form)
        answers = ListAnswers(
            file_name=(file.filename or "")[-200:],
            participant=participant,
            sheet=get_text(form, "sheet")[:100],
        )
        try:
            kept = self._lists.bring_in(data, answers, actor=str(who.account.id))
        except ContactListError as error:
            errors["file"] = msg("The file cannot be read as a contact list.")
            return self.show_start(
                request, errors=errors, form=form, detail=LIST_REFUSALS.say(str(error))
            )
        return go_to(f"/import/{kept.list_id}")

    def _list_participants(self) -> list[tuple[str, Message | str]]:
        names = self._site.names()
        directory = self._site.context.registry.current()
        return [(entry.code, names.participant(entry.code)) for entry in directory.participants]

    # ------------------------------------------------------------------ the dry run

    def show_list(
        self, request: Request, kept: KeptList, *, errors: Mapping[str, Message] | None = None
    ) -> Response:
        directory = self._site.context.registry.current()
        questions = self._lists.ask(kept, directory)
        result, problem = self._try_out(kept)
        lacking = find_lacking(questions, has_participant=bool(kept.answers.participant))
        names = self._site.names()
        findings = describe_findings_of_list(result) if result else []
        page = Paging.of(len(findings), number=1, size=FINDINGS_PAGE)
        return self._site.page(
            request,
            "registry/list.html",
            errors=errors or {},
            kept=kept,
            questions=questions,
            columns=[(LEFT_OUT, msg("Leave out")), *((c, COLUMN_WORDS[c]) for c in KNOWN)],
            phases=offer(Phase),
            participants=self._list_participants(),
            lacking=[COLUMN_WORDS[column] for column in lacking],
            repeated=[COLUMN_WORDS[column] for column in find_repeated(questions)],
            problem=problem,
            result=result,
            severities=count_severities(result) if result else [],
            findings=page.take(findings),
            next=page.address_after(f"/import/{kept.list_id}/findings"),
            counts=count_changes(result) if result else [],
            changes=describe_changes_of_list(result, names.desk, directory) if result else [],
            drafts=sorted(list_documents(result)) if result else [],
            is_blocked=result is not None and _is_blocked(result),
        )

    def show_findings(self, request: Request, kept: KeptList, number: int) -> Response:
        result, _ = self._try_out(kept)
        if result is None:
            return go_to(f"/import/{kept.list_id}")
        findings = describe_findings_of_list(result)
        page = Paging.of(len(findings), number=number, size=FINDINGS_PAGE)
        return self._site.page(
            request,
            "registry/list_findings.html",
            kept=kept,
            findings=page.take(findings),
            previous=page.address_before(f"/import/{kept.list_id}/findings"),
            next=page.address_after(f"/import/{kept.list_id}/findings"),
        )

    def report(self, kept: KeptList) -> Response:
        """Give every finding of the dry run in one file, as ``trm-registry import --json`` does."""
        result, _ = self._try_out(kept)
        if result is None:
            return go_to(f"/import/{kept.list_id}")
        data = json.dumps(describe_import(result), ensure_ascii=False, indent=1)
        return Response(
            data.encode(),
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="trm-dry-run.json"'},
        )

    def _try_out(self, kept: KeptList) -> tuple[ImportResult | None, Message | str]:
        try:
            return self._lists.try_out(kept, self._site.context.registry.current()), ""
        except ContactListError as error:
            return None, LIST_REFUSALS.say(str(error))

    def answer(self, request: Request, who: SignedIn, kept: KeptList, form: FormData) -> Response:
        if not _is_seen(form, kept):
            return self.show_list(request, kept, errors={"answers": _MEANWHILE})
        directory = self._site.context.registry.current()
        known = [entry.code for entry in directory.participants]
        questions: Questions = self._lists.ask(kept, directory)
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        answers = take_answers(kept.answers, questions, given, known=known)
        try:
            self._lists.answer(kept, answers, actor=str(who.account.id))
        except (StaleListError, ListNotFoundError):
            return self.show_list(request, self.load(kept.list_id), errors={"answers": _MEANWHILE})
        return go_to(f"/import/{kept.list_id}")

    # ------------------------------------------------------------------ the end of it

    def draft(self, request: Request, who: SignedIn, list_id: str, form: FormData) -> Response:
        with self._finishing:
            end = self._lists.find_end(list_id)
            if end is not None:
                return go_to(_WHERE_IT_ENDED[end])
            return self._draft(request, who, self.load(list_id), form)

    def _draft(self, request: Request, who: SignedIn, kept: KeptList, form: FormData) -> Response:
        if not _is_seen(form, kept):
            return self.show_list(request, kept, errors={"drafts": _MEANWHILE})
        result, _ = self._try_out(kept)
        documents = list_documents(result) if result else {}
        if result is None or not documents:
            problem = msg("The list changes nothing: there is nothing to draft.")
            return self.show_list(request, kept, errors={"drafts": problem})
        if _is_blocked(result) and get_text(form, "left_out") != "yes":
            problem = msg("Some rows are held back: put them right, or say that they are left out.")
            return self.show_list(request, kept, errors={"left_out": problem})
        actor = str(who.account.id)
        try:
            made = draft_list(self._desk, kept, documents, actor=actor)
            self._lists.finish(kept, Action.LIST_DRAFTED, actor=actor, drafts=len(made))
        except (StaleListError, ListNotFoundError):
            return self.show_list(request, self.load(kept.list_id), errors={"drafts": _MEANWHILE})
        except RegistryError:
            problem = msg("Not every draft could be made. Press the button once more.")
            return self.show_list(request, kept, errors={"drafts": problem})
        return go_to("/changes")

    def discard(self, request: Request, who: SignedIn, list_id: str, form: FormData) -> Response:
        with self._finishing:
            end = self._lists.find_end(list_id)
            if end is not None:
                return go_to(_WHERE_IT_ENDED[end])
            kept = self.load(list_id)
            if not _is_seen(form, kept):
                return self.show_list(request, kept, errors={"drafts": _MEANWHILE})
            try:
                self._lists.finish(kept, Action.LIST_DISCARDED, actor=str(who.account.id))
            except (StaleListError, ListNotFoundError):
                return self.show_list(request, self.load(list_id), errors={"drafts": _MEANWHILE})
        return go_to("/import")


def _is_blocked(result: ImportResult) -> bool:
    return any(finding.severity is Severity.BLOCKS for finding in result.findings)


def _is_seen(form: FormData, kept: KeptList) -> bool:
    """Whether the page that was sent showed the list as it is."""
    return get_text(form, "seen") == str(kept.revision)
