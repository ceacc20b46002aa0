"""The screens of a message that is being written: what each shows, keeps, and leads to."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.formats import name_place
from console.i18n import msg
from contact_registry.routing import Gap, resolve
from directory_pages.codes import LANGUAGES, say_language
from node.service.attachments.staging import StagedFile, list_staged
from node.service.building import Asking, Draft, Wanted, find_desk, find_longest
from node.service.composing import handle_send
from node.service.context import NotFoundError, RefusedDraftError
from node.service.drafts import (
    OpenDraft,
    find_sent,
    handle_discard_draft,
    handle_save_draft,
    load_draft,
)
from node.web.checking import Errors, find_errors
from node.web.composition import (
    Composition,
    Purpose,
    Screen,
    group_facts,
    is_reachable,
    is_wide,
)
from node.web.desks import describe_post, explain_choice, look_of_gap, make_card
from node.web.fields import group_by_class, show_body, sort_facts
from node.web.file_words import say_size
from node.web.labels import say_code, say_type
from node.web.policy_preview import preview_policy
from node.web.site import Form, Site, get_text, go_to
from node.web.states import look_of_urgency
from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.catalogue import get_entry
from protocol.messages.codes import Urgency
from protocol.messages.entries import Expectation

_INCOMPLETE: Final = msg("Answers are missing: see below what to add.")
_CHANGED: Final = msg("This changed since you checked it. Nothing was sent: check it again.")


def _digest(draft: Draft) -> str:
    """Name exactly what a check page shows: SHA-256 over the draft's JSON, in hex."""
    return sha256(draft.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ComposingPages:
    """Shows the screens of a message and takes their answers."""

    site: Site

    def open(self, draft_id: str, who: SignedIn) -> Composition:
        """Take up a draft; raises ``NotFoundError``."""
        draft = load_draft(self.site.context, draft_id, account_id=who.account.id)
        return self.wrap(draft)

    def wrap(self, draft: OpenDraft) -> Composition:
        """Make a composition of a draft."""
        return Composition(
            draft=draft, participant=self.site.context.participant, zone=self.site.zone
        )

    def open_or_begin(self, draft_id: str, screen: Screen, who: SignedIn) -> Composition:
        """Take up a draft; on the first screen, begin one under the form's own key."""
        try:
            return self.open(draft_id, who)
        except NotFoundError:
            if screen is not Screen.LINK:
                raise
            answers = self._fill_in_our_side()
            return self.wrap(
                OpenDraft(draft_id=draft_id, kind="", case_reference=None, answers=answers)
            )

    def _fill_in_our_side(self) -> dict[str, tuple[str, ...]]:
        """Fill in the case manager from our desk's entry, so that nobody types it again."""
        context = self.site.context
        desk = resolve(
            context.directory.current(),
            participant=ParticipantCode(context.participant),
            phase=Phase.IDENTIFICATION,
            at=context.clock(),
        )
        known = {} if isinstance(desk, Gap) else describe_post(desk.authority)
        return {f"case_manager-{name}": (value,) for name, value in known.items() if value}

    def take_answers(
        self, composition: Composition, screen: Screen, form: Form, who: SignedIn
    ) -> Composition:
        """Keep what a screen says, right or wrong; answers of other screens stay."""
        draft = composition.draft
        if screen is Screen.LINK and not draft.get("is_fixed"):
            draft = replace(draft, kind=get_text(form, "purpose"))
        names = self.wrap(draft).names_of(screen)
        answers = {name: values for name, values in draft.answers.items() if name not in names}
        for name in names:
            values = [v for v in form.getlist(name) if isinstance(v, str)]
            if values:
                answers[name] = values
        draft = replace(draft, answers=answers)
        handle_save_draft(self.site.context, draft, account_id=who.account.id)
        return self.wrap(draft)

    def find_errors(self, composition: Composition, screen: Screen) -> Errors:
        """Say what is wrong on a screen."""
        context = self.site.context
        return find_errors(
            composition, screen, directory=context.directory.current(), now=context.clock()
        )

    def next_after(self, composition: Composition, screen: Screen) -> Screen:
        """Find the next screen that still asks something; the last one when none does."""
        screens = composition.plan.screens
        for later in screens[screens.index(screen) + 1 :]:
            if self.find_errors(composition, later):
                return later
        return Screen.CHECK

    def show(
        self,
        request: Request,
        composition: Composition,
        screen: Screen,
        errors: Errors,
        *,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """Render a screen."""
        screens = composition.plan.screens
        place = screens.index(screen)
        context: dict[str, Any] = {
            "composition": composition,
            "draft": composition.draft,
            "screen": screen.value,
            "step": place + 1,
            "steps": len(screens),
            "previous": screens[place - 1].value if place else "",
            "is_wide": is_wide,
        }
        more = {
            Screen.LINK: self._describe_link,
            Screen.DESK: self._describe_desk,
            Screen.FACTS: self._describe_facts,
            Screen.BASIS: self._describe_basis,
            Screen.CHECK: self._describe_check,
        }[screen](composition)
        return self.site.page(
            request,
            f"compose_{screen.value}.html",
            status=status,
            errors=errors,
            **context,
            **more,
        )

    def _describe_link(self, composition: Composition) -> dict[str, Any]:
        directory = self.site.context.directory.current()
        others = [e for e in directory.participants if e.code != composition.participant]
        return {
            "participants": [
                (e.code, name_place(e.code, e.display_name))
                for e in others
                if is_reachable(directory, e.code)
            ],
            "without_node": [
                name_place(e.code, e.display_name)
                for e in others
                if not is_reachable(directory, e.code)
            ],
            "ties": next(iter(self.wrap(OpenDraft("", Purpose.NOTIFICATION, None)).tie_fields())),
        }

    def _describe_desk(self, composition: Composition) -> dict[str, Any]:
        context = self.site.context
        now = context.clock()
        directory = context.directory.current()
        recipient = ParticipantCode(composition.recipient)
        answer = composition.resolve_desk(directory, at=now)
        if isinstance(answer, Gap):
            return {"desk": None, "gap": look_of_gap(answer), "cards": [], "urgencies": []}
        cards = [
            make_card(authority, directory.contacts[recipient], now=now)
            for authority in (answer.authority, *answer.alternatives)
        ]
        return {
            "desk": answer,
            "reasons": list(explain_choice(answer)),
            "say_language": say_language,
            "cards": cards,
            "urgencies": self._list_urgencies(composition, answer.authority.id),
        }

    def _list_urgencies(self, composition: Composition, desk: str) -> list[tuple[str, Any, Any]]:
        """List the urgencies that the rules allow, each with its deadline at the desk."""
        allowed = [
            u
            for u in Urgency
            if not (u is Urgency.STANDARD and composition.urgency_floor is not Urgency.STANDARD)
        ]
        return [
            (
                urgency.value,
                say_code(urgency),
                self._longest(composition, urgency, desk=desk),
            )
            for urgency in allowed
        ]

    def _longest(self, composition: Composition, urgency: Urgency, *, desk: str) -> datetime | None:
        """Say when an answer is due at the latest, as it will be when the message is sent."""
        context = self.site.context
        entry = get_entry(composition.plan.tag)
        asking = Asking(
            entry,
            entry.kinds[0],
            phase=composition.phase,
            urgency=urgency,
            child=composition.is_child,
        )
        return find_longest(
            context.directory.current(),
            asking,
            pair=(context.participant, ParticipantCode(composition.recipient)),
            to_authority=desk,
            at=context.clock(),
        )

    def _describe_facts(self, composition: Composition) -> dict[str, Any]:
        return {"parts": group_facts(composition.fact_fields())}

    def _describe_basis(self, composition: Composition) -> dict[str, Any]:
        return {
            "needs_consent": composition.purpose is Purpose.MESSAGE,
            "groups": group_by_class(composition.consent_fields()),
            "classes": [(mark.value, say_code(mark)) for mark in composition.classes()],
            "spoken": list(LANGUAGES.items()),
            "say_code": say_code,
        }

    def _describe_check(self, composition: Composition) -> dict[str, Any]:
        missing = {
            screen.value: found
            for screen in composition.plan.screens
            if (found := self.find_errors(composition, screen))
        }
        described: dict[str, Any] = {
            "missing": missing,
            "refusal": None,
            "policy": None,
            "shown": [],
            "what": say_type(composition.plan.tag),
            "urgency": look_of_urgency(composition.urgency),
            "withheld": composition.withheld(),
            "say_code": say_code,
            "giver": dict(composition.givers()).get(composition.draft.get("given_by"), ""),
            "is_request": get_entry(composition.plan.tag).expects is not Expectation.NOTHING,
            "answer_by": None,
            "seen": "",
            "files": self._list_files(composition),
            "say_size": say_size,
        }
        if missing:
            return described
        try:
            draft = self._build(composition)
            marks = [file.description.sensitivity for file in self._list_files(composition)]
            policy = preview_policy(self.site.context, draft, file_classes=marks)
        except RefusedDraftError as error:
            return described | {"refusal": str(error)}
        body = composition.plan.body.model_validate_json(json.dumps(draft.body))
        desk = draft.to_authority
        return described | {
            "policy": policy,
            "seen": _digest(draft),
            "shown": sort_facts(show_body(body)),
            "answer_by": self._longest(composition, draft.urgency, desk=desk) if desk else None,
        }

    def _build(self, composition: Composition) -> Draft:
        context = self.site.context
        desk = find_desk(
            context.directory.current(),
            participant=ParticipantCode(context.participant),
            wanted=Wanted(composition.phase, child=composition.is_child),
            at=context.clock(),
        )
        draft = composition.build(our_desk=desk)
        files = self._list_files(composition)
        if not all(file.complete for file in files):
            raise RefusedDraftError(
                "A file is not here as a whole: choose it again on the page of files, or remove it."
            )
        return draft.model_copy(update={"files": tuple(file.file_id for file in files)})

    def _list_files(self, composition: Composition) -> list[StagedFile]:
        return list_staged(self.site.context, draft_id=composition.draft.draft_id)

    def send(
        self, request: Request, composition: Composition, form: Form, who: SignedIn
    ) -> Response:
        """Send what was checked, or show what is in the way; a second click sends nothing more.

        The form's ``seen`` names what the person checked. If the draft says something else by now
        (another window, or what a page kept by itself), nothing is sent and it is shown again.
        """
        draft_id = composition.draft.draft_id
        for screen in composition.plan.screens:
            if self.find_errors(composition, screen):
                return self.show(request, composition, Screen.CHECK, {"send": _INCOMPLETE})
        try:
            draft = self._build(composition)
            if get_text(form, "seen") != _digest(draft):
                return self.show(
                    request,
                    composition,
                    Screen.CHECK,
                    {"send": _CHANGED},
                    status=HTTPStatus.CONFLICT,
                )
            sent = handle_send(
                self.site.context, draft, who=self.site.principal(who), submission_key=draft_id
            )
        except RefusedDraftError as error:
            refused = msg("It cannot be sent as it is. %(reason)s", reason=str(error))
            return self.show(request, composition, Screen.CHECK, {"send": refused})
        handle_discard_draft(self.site.context, draft_id, account_id=who.account.id)
        return go_to(f"/sent/{sent.message_id}")

    def sent_address(self, draft_id: str, who: SignedIn) -> str | None:
        """Say where a draft that is gone can be followed, if it was sent."""
        sent = find_sent(self.site.context, draft_id, account_id=who.account.id)
        return None if sent is None else f"/sent/{sent.message_id}"
