"""The two screens of a typed answer: what each shows and keeps, and how it leaves."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from console.rendering import FormErrors
from directory_pages.codes import say_language
from node.service.answerable import ASKS_TO_DELETE, is_answerable
from node.service.answering import AnswerDraft, complete_answer, handle_answer
from node.service.approval_rows import ApprovalAsked
from node.service.approvals import handle_ask_approval
from node.service.attachments.staging import StagedFile, list_staged
from node.service.building import Draft
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.drafts import (
    OpenDraft,
    handle_discard_draft,
    handle_save_draft,
    list_drafts,
    load_draft,
)
from node.service.owed import load_asked_deletion
from node.service.reading import Item, get_message
from node.service.records import IN
from node.web.answer import BASIS_NAMES, RESPONSE, Reply, find_answer_model
from node.web.beginning import fill_in_our_side
from node.web.fields import clean_text
from node.web.file_words import say_size
from node.web.labels import say_code, say_type
from node.web.legal_basis import describe_basis, name_classes
from node.web.policy_preview import preview_policy
from node.web.refusing import say_refused
from node.web.screen_views import describe_onward, digest_draft
from node.web.screens import ComposingPages
from node.web.showing import show_body, sort_facts
from node.web.site import Form, Site, get_text, get_version, go_to
from node.web.states import look_of_urgency
from node.web.surroundings import surround
from node.web.terms import say_onward
from protocol.identifiers import Phase
from protocol.messages.response import ResponseBody

_WRITER: Final = "written_by_answer"
_STALE_DRAFT: Final = msg(
    "This draft was changed in another window. Nothing was overwritten: compare, and press "
    "Continue to keep what stands here."
)
_CHANGED: Final = msg("This changed since you checked it. Nothing was sent: check it again.")
_WHY: Final = msg("Write down why it has to be sent like this. The second person reads it.")
_HOURS: Final = {"4": timedelta(hours=4), "24": timedelta(hours=24), "72": timedelta(hours=72)}


@dataclass(frozen=True, slots=True)
class AnswerPages:
    """Shows the screens of an answer and takes what is typed."""

    site: Site

    # Taking up.

    def open(self, message_id: str, who: SignedIn, *, draft_id: str = "") -> Reply:
        """Take up the answer to a message; ``draft_id`` is the one that a form names.

        Raises ``NotFoundError`` for what is no received message, or cannot be answered like this.
        """
        principal = self.site.principal(who)
        view = get_message(self.site.context, message_id, who=principal)
        if view.item.direction != IN or find_answer_model(view.item.type) is None:
            raise NotFoundError("There is nothing to answer here: open it from the inbox.")
        draft = self._find_draft(view.item.message_id, who, draft_id=draft_id) or OpenDraft(
            draft_id=draft_id or self.site.make_key(),
            kind=RESPONSE,
            case_reference=view.item.case_reference,
            answers={
                "in_reply_to": (message_id,),
                "participant": (view.item.peer,),
                "phase": (view.item.phase or "",),
                "is_fixed": ("yes",),
                **self._fill_in(view.item),
            },
        )
        return Reply(view, surround(self.site, draft, who=principal))

    def _fill_in(self, item: Item) -> dict[str, tuple[str, ...]]:
        """Fill in the case manager on our side, where the answer names one."""
        model = find_answer_model(item.type)
        if model is None or "case_manager" not in model.model_fields:
            return {}
        phase = Phase(item.phase) if item.phase else Phase.IDENTIFICATION
        ours = fill_in_our_side(self.site.context, phase)
        return {f"answer-{name}": value for name, value in ours.items()}

    def _find_draft(self, message_id: str, who: SignedIn, *, draft_id: str) -> OpenDraft | None:
        context, account_id = self.site.context, str(who.account.id)
        if draft_id:
            try:
                found = load_draft(context, draft_id, account_id=account_id)
            except NotFoundError:
                return None  # it is kept with this form for the first time
            return found if found.get("in_reply_to") == message_id else None
        return next(
            (
                draft
                for draft in list_drafts(context, account_id=account_id)
                if draft.kind == RESPONSE and draft.get("in_reply_to") == message_id
            ),
            None,
        )

    def elsewhere(self, reply: Reply, who: SignedIn) -> Response | None:
        """Lead to where an answer that was given, or is being decided about, is followed."""
        settled = ComposingPages(self.site).settled_address(reply.draft_id, who)
        if settled is not None:
            return go_to(settled)
        item = reply.view.item
        if item.type in ASKS_TO_DELETE:
            return go_to(self._find_owed(item.message_id, who))
        return None if is_answerable(item) else go_to(f"/message/{item.message_id}")

    def _find_owed(self, message_id: str, who: SignedIn) -> str:
        """Say where a deletion is carried out: its own page, once the node has taken it up."""
        try:
            load_asked_deletion(self.site.context, message_id, who=self.site.principal(who))
        except NotFoundError:
            return f"/message/{message_id}"
        return f"/owed/{message_id}"

    # Keeping.

    def lay_over(self, stored: Reply, form: Form, who: SignedIn) -> Reply:
        """Lay what was posted over the draft, right or wrong."""
        answers = {
            name: tuple(values)
            for name, values in stored.composition.draft.answers.items()
            if name not in BASIS_NAMES and not stored.form.owns(name)
        }
        answers |= stored.form.take(form)
        for name in BASIS_NAMES:
            if values := tuple(v for v in form.getlist(name) if isinstance(v, str) and v):
                answers[name] = values
        draft = replace(stored.composition.draft, answers=answers)
        return Reply(stored.view, surround(self.site, draft, who=self.site.principal(who)))

    def is_stale(self, stored: Reply, form: Form) -> bool:
        """Say whether another window wrote into the draft since this form was opened."""
        draft = stored.composition.draft
        is_ours = draft.get(_WRITER) == get_text(form, "tab")
        return not (draft.updated_at is None or is_ours or get_text(form, "seen") == _seen(stored))

    def keep(self, reply: Reply, form: Form, who: SignedIn) -> None:
        """Keep what was typed, and which window wrote it."""
        draft = reply.composition.draft
        answers = {**draft.answers, _WRITER: (get_text(form, "tab")[:32],)}
        handle_save_draft(
            self.site.context, replace(draft, answers=answers), account_id=str(who.account.id)
        )

    # Showing.

    def show(
        self,
        request: Request,
        reply: Reply,
        errors: FormErrors,
        *,
        status: int = HTTPStatus.OK,
        **more: Any,
    ) -> Response:
        """Render the form beside its question."""
        described = {
            **self._describe(reply),
            "filled": reply.form,
            "seen": _seen(reply),
            "tab": self.site.make_key(),
            "classes": reply.classes(),
            **describe_basis(reply.basis, is_child=reply.is_child),
            **describe_onward(self.site, reply.composition),
        }
        code = HTTPStatus.UNPROCESSABLE_ENTITY if errors and status == HTTPStatus.OK else status
        return self.site.page(
            request, "answer_form.html", status=code, errors=errors, **{**described, **more}
        )

    def show_stale(self, request: Request, stored: Reply, typed: Reply) -> Response:
        """Show what was typed, which is not kept yet, and say that the draft says otherwise."""
        errors = {"completeness": _STALE_DRAFT}
        conflict = HTTPStatus.CONFLICT
        return self.show(request, typed, errors, status=conflict, seen=_seen(stored))

    def show_check(
        self,
        request: Request,
        reply: Reply,
        errors: FormErrors,
        *,
        status: int = HTTPStatus.OK,
        **more: Any,
    ) -> Response:
        """Render what would leave, to whom, on which basis, and what the policy says of it."""
        described = {**self._describe(reply), **self._describe_leaving(reply)}
        return self.site.page(
            request, "answer_check.html", status=status, errors=errors, **{**described, **more}
        )

    def _describe(self, reply: Reply) -> dict[str, Any]:
        item, message = reply.view.item, reply.message
        shown = sort_facts(show_body(message.body)) if message is not None else []
        return {
            "reply": reply,
            "item": item,
            "draft": reply.composition.draft,
            "what": say_type(item.type),
            "question": shown,
            "urgency": look_of_urgency(item.urgency),
            "asked_in": message.language if message is not None else "",
            "say_code": say_code,
            "say_language": say_language,
            "files": self.list_files(reply),
            "say_size": say_size,
        }

    def _describe_leaving(self, reply: Reply) -> dict[str, Any]:
        basis = reply.basis
        leaving: dict[str, Any] = {
            "shown": [],
            "policy": None,
            "refusal": None,
            "seen": "",
            "not_applying": reply.form.not_applying,
            "basis": basis,
            "covered": name_classes(basis.classes),
            "why": basis.text("justification"),
            "onward": None,
        }
        try:
            draft = self._complete(reply)
            marks = [file.description.sensitivity for file in self.list_files(reply)]
            who = reply.composition.around.who
            policy = preview_policy(self.site.context, draft, file_classes=marks, who=who)
            body = ResponseBody.model_validate_json(json.dumps(draft.body))
        except (RefusedDraftError, ValidationError) as error:
            return leaving | {"refusal": say_refused(error)}
        return leaving | {
            "policy": policy,
            "seen": digest_draft(draft),
            "shown": sort_facts(show_body(body)),
            **self._describe_passing_on(reply, draft),
        }

    def _describe_passing_on(self, reply: Reply, draft: Draft) -> dict[str, Any]:
        terms = reply.composition.terms
        is_personal = reply.composition.has_personal_basis
        return {
            "onward": say_onward(draft.onward) if is_personal else None,
            "onward_desks": draft.onward.authorities,
            "passed_on": terms.passed_on if draft.passes_on else None,
            "say_type": say_type,
        }

    def list_files(self, reply: Reply) -> list[StagedFile]:
        """List the files that were brought in for it."""
        return list_staged(self.site.context, draft_id=reply.draft_id)

    def _build(self, reply: Reply) -> AnswerDraft:
        files = self.list_files(reply)
        if not all(file.complete for file in files):
            raise RefusedDraftError(
                msg(
                    "A file is not here as a whole: choose it again on the page of files, or "
                    "remove it."
                )
            )
        return reply.build(tuple(file.file_id for file in files))

    def _complete(self, reply: Reply) -> Draft:
        who = reply.composition.around.who
        answer = self._build(reply)
        return complete_answer(self.site.context, reply.view.item.message_id, answer, who=who)

    # Leaving.

    def _refuse_unchecked(self, request: Request, reply: Reply, form: Form) -> Response | None:
        """Return the page to look at again, if what was checked is not what would leave."""
        item = reply.view.item
        if reply.find_errors(now=self.site.context.clock()):
            return go_to(f"/answer/{item.message_id}")
        if get_text(form, "seen") == digest_draft(self._complete(reply)):
            return None
        return self.show_check(request, reply, {"send": _CHANGED}, status=HTTPStatus.CONFLICT)

    def send(self, request: Request, reply: Reply, form: Form, who: SignedIn) -> Response:
        """Send what was checked; a second click sends nothing more."""
        try:
            page = self._refuse_unchecked(request, reply, form)
            if page is not None:
                return page
            sent = handle_answer(
                self.site.context,
                reply.view.item.message_id,
                self._build(reply),
                who=self.site.principal(who),
                row_version=get_version(form, "row_version"),
                submission_key=reply.draft_id,
            )
        except StaleError:
            conflict = HTTPStatus.CONFLICT
            return self.show_check(request, reply, {"send": _CHANGED}, status=conflict)
        except RefusedDraftError as error:
            return self.show_check(request, reply, {"send": _refuse(error)})
        account_id = str(who.account.id)
        handle_discard_draft(self.site.context, reply.draft_id, account_id=account_id)
        return go_to(f"/sent/{sent.message_id}")

    def ask(self, request: Request, reply: Reply, form: Form, who: SignedIn) -> Response:
        """Ask a second person about what was checked; the draft stays until they have decided."""
        why = clean_text(get_text(form, "why"))
        if not why:
            return self.show_check(request, reply, {"why": _WHY})
        until = self.site.context.clock() + _HOURS.get(get_text(form, "until"), _HOURS["24"])
        try:
            page = self._refuse_unchecked(request, reply, form)
            if page is not None:
                return page
            asked = ApprovalAsked(draft=self._complete(reply), justification=why, decide_by=until)
            view = handle_ask_approval(self.site.context, asked, who=self.site.principal(who))
        except (RefusedDraftError, ValidationError) as error:
            return self.show_check(request, reply, {"send": _refuse(error)}, why=why)
        draft = reply.composition.draft
        answers = {**draft.answers, "approval": (view.approval_id,)}
        handle_save_draft(
            self.site.context, replace(draft, answers=answers), account_id=str(who.account.id)
        )
        return go_to(f"/approval/{view.approval_id}")


def _seen(reply: Reply) -> str:
    moment = reply.composition.draft.updated_at
    return "" if moment is None else moment.isoformat()


def _refuse(error: Exception) -> Message:
    return msg("It cannot be sent as it is. %(reason)s", reason=say_refused(error))
