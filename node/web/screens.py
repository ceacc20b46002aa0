"""The screens of a message that is being written: what each keeps, and leads to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.domain.approvals import ApprovalState
from node.service.approval_rows import ApprovalAsked
from node.service.approvals import get_approval, handle_ask_approval
from node.service.attachments.staging import StagedFile, list_staged
from node.service.building import Draft
from node.service.composing import handle_send
from node.service.context import NotFoundError, RefusedDraftError
from node.service.drafts import (
    OpenDraft,
    find_sent,
    handle_discard_draft,
    handle_save_draft,
    load_draft,
)
from node.web.beginning import fill_in_our_side
from node.web.checking import Errors, find_errors
from node.web.composition import Composition, Screen
from node.web.fields import clean_text
from node.web.purposes import find_plan
from node.web.refusing import say_refused
from node.web.screen_views import ScreenViews, digest_draft
from node.web.site import Form, Site, get_text, go_to
from node.web.surroundings import find_desk_of_ours, surround
from protocol.identifiers import Phase

_INCOMPLETE: Final = msg("Answers are missing: see below what to add.")
_CHANGED: Final = msg("This changed since you checked it. Nothing was sent: check it again.")
_WHY: Final = msg("Write down why it has to be sent like this. The second person reads it.")
_STALE: Final = msg(
    "This draft was changed in another window. Nothing was overwritten: compare, and press "
    "Continue to keep what stands here."
)
_HOURS: Final = {"4": timedelta(hours=4), "24": timedelta(hours=24), "72": timedelta(hours=72)}
"""Until when a second person may be asked to decide."""
_LONGEST_CHOICE: Final = 200


@dataclass(frozen=True, slots=True)
class ComposingPages:
    """Shows the screens of a message and takes their answers."""

    site: Site

    def open(self, draft_id: str, who: SignedIn) -> Composition:
        """Take up a draft; raises ``NotFoundError``, also while a second person is asked."""
        draft = load_draft(self.site.context, draft_id, account_id=who.account.id)
        if self.find_asked(draft, who) is not None:
            raise NotFoundError("A second person is asked about this: take the request back first.")
        return self.wrap(draft, who)

    def wrap(self, draft: OpenDraft, who: SignedIn) -> Composition:
        """Make a composition of a draft."""
        return surround(self.site, draft, who=self.site.principal(who))

    def open_or_begin(self, draft_id: str, screen: Screen, who: SignedIn) -> Composition:
        """Take up a draft; on the first screen, begin one under the form's own key."""
        try:
            return self.open(draft_id, who)
        except NotFoundError:
            if screen is not Screen.LINK:
                raise
            answers = fill_in_our_side(self.site.context, Phase.IDENTIFICATION)
            draft = OpenDraft(draft_id=draft_id, kind="", case_reference=None, answers=answers)
            return self.wrap(draft, who)

    # Answers.

    def lay_over(
        self, composition: Composition, screen: Screen, form: Form, who: SignedIn
    ) -> Composition:
        """Lay what a screen says over the draft, right or wrong; other answers stay."""
        draft = composition.draft
        if screen is Screen.LINK and not composition.is_fixed:
            draft = replace(draft, kind=_read_purpose(form))
            composition = self.wrap(draft, who)
        part = composition.screen_form(screen)
        names = composition.names_of(screen)
        answers = {
            name: tuple(values)
            for name, values in draft.answers.items()
            if name not in names
            and not (part is not None and (part.owns(name) or part.is_beside(name)))
        }
        if part is not None:
            answers |= part.take(form)
        for name in names:
            values = tuple(v for v in form.getlist(name) if isinstance(v, str))
            if values:
                answers[name] = values
        return self.wrap(replace(draft, answers=answers), who)

    def is_stale(self, composition: Composition, screen: Screen, form: Form) -> bool:
        """Say whether another window changed what this screen says since the form was opened."""
        writer = composition.draft.get(_writer(screen))
        is_ours = bool(writer) and writer == get_text(form, "tab")
        is_new = composition.draft.updated_at is None
        return not (is_new or is_ours or get_text(form, "seen") == self.seen(composition, screen))

    def seen(self, composition: Composition, screen: Screen) -> str:
        """Name what a screen says now, without saying it."""
        part, names = composition.screen_form(screen), composition.names_of(screen)
        said = {
            name: list(values)
            for name, values in sorted(composition.draft.answers.items())
            if name in names or (part is not None and part.owns(name))
        }
        kind = composition.draft.kind if screen is Screen.LINK else ""
        return sha256(json.dumps([kind, said]).encode()).hexdigest()[:32]

    def keep(self, composition: Composition, screen: Screen, form: Form, who: SignedIn) -> None:
        """Keep a draft, and which window wrote this screen."""
        draft = composition.draft
        answers = {**draft.answers, _writer(screen): (get_text(form, "tab")[:32],)}
        handle_save_draft(
            self.site.context, replace(draft, answers=answers), account_id=who.account.id
        )

    def find_errors(self, composition: Composition, screen: Screen) -> Errors:
        """Say what is wrong on a screen."""
        context = self.site.context
        return find_errors(
            composition, screen, directory=context.directory.current(), now=context.clock()
        )

    def next_after(self, composition: Composition, screen: Screen) -> Screen:
        """Find the next screen that still asks something; the last one when none does."""
        screens = composition.screens
        return self._find_asking(composition, screens[screens.index(screen) + 1 :])

    def begin_at(self, draft_id: str, who: SignedIn) -> str:
        """Return the address of the first screen that asks something of a draft."""
        settled = self.settled_address(draft_id, who)
        if settled is not None:
            return settled
        composition = self.open(draft_id, who)
        return f"/new/{draft_id}/{self._find_asking(composition, composition.screens)}"

    def _find_asking(self, composition: Composition, screens: Sequence[Screen]) -> Screen:
        for later in screens:
            part = composition.screen_form(later) if later is Screen.CONTENT else None
            # What the node filled in is seen by somebody before it is checked.
            is_seen = bool(composition.draft.get(_writer(later)))
            is_untouched = part is not None and not (part.is_filled and is_seen)
            if is_untouched or self.find_errors(composition, later):
                return later
        return Screen.CHECK

    # Pages.

    def show(
        self,
        request: Request,
        composition: Composition,
        screen: Screen,
        errors: Errors,
        *,
        status: int = HTTPStatus.OK,
        **more: Any,
    ) -> Response:
        """Render a screen."""
        screens = composition.screens
        place = screens.index(screen) if screen in screens else 0
        views = ScreenViews(self.site, composition, self.list_files(composition))
        context: dict[str, Any] = {
            "composition": composition,
            "draft": composition.draft,
            "screen": screen.value,
            "step": place + 1,
            "steps": len(screens),
            "previous": screens[place - 1].value if place else "",
            "filled": composition.screen_form(screen),
            "seen": self.seen(composition, screen),
            "tab": self.site.make_key(),
        }
        if screen is Screen.CHECK:
            missing = {
                one.value: found for one in screens if (found := self.find_errors(composition, one))
            }
            described = views.describe_check(missing, self.build)
        else:
            described = views.describe(screen)
        return self.site.page(
            request,
            f"compose_{screen.value}.html",
            status=status,
            errors=errors,
            **{**context, **described, **more},
        )

    def show_stale(
        self, request: Request, stored: Composition, typed: Composition, screen: Screen
    ) -> Response:
        """Show what was typed, which is not kept yet, and say that the draft says otherwise."""
        return self.show(
            request,
            typed,
            screen,
            {next(iter(sorted(typed.names_of(screen))), "screen"): _STALE},
            status=HTTPStatus.CONFLICT,
            seen=self.seen(stored, screen),
        )

    def build(self, composition: Composition) -> Draft:
        """Make what the service sends; raises ``RefusedDraftError``."""
        context = self.site.context
        desk = find_desk_of_ours(context, context.directory.current(), composition)
        draft = composition.build(our_desk=desk)
        files = self.list_files(composition)
        if not all(file.complete for file in files):
            raise RefusedDraftError(
                msg(
                    "A file is not here as a whole: choose it again on the page of files, or "
                    "remove it."
                )
            )
        return draft.model_copy(update={"files": tuple(file.file_id for file in files)})

    def list_files(self, composition: Composition) -> list[StagedFile]:
        """List the files that were brought in for it."""
        return list_staged(self.site.context, draft_id=composition.draft.draft_id)

    # Leaving.

    def check(
        self, request: Request, composition: Composition, form: Form
    ) -> tuple[Draft | None, Response | None]:
        """Return what was checked, or the page that says why it is not that.

        The form's ``seen`` names what the person checked. If the draft says something else by now
        (another window, or what a page kept by itself), nothing is sent and it is shown again.
        """
        if any(self.find_errors(composition, screen) for screen in composition.screens):
            return None, self.show(request, composition, Screen.CHECK, {"send": _INCOMPLETE})
        draft = self.build(composition)
        if get_text(form, "seen") == digest_draft(draft):
            return draft, None
        conflict = HTTPStatus.CONFLICT
        return None, self.show(
            request, composition, Screen.CHECK, {"send": _CHANGED}, status=conflict
        )

    def send(
        self, request: Request, composition: Composition, form: Form, who: SignedIn
    ) -> Response:
        """Send what was checked, or show what is in the way; a second click sends nothing more."""
        draft_id = composition.draft.draft_id
        try:
            draft, page = self.check(request, composition, form)
            if draft is None:
                return page or go_to(f"/new/{draft_id}/{Screen.CHECK}")
            sent = handle_send(
                self.site.context, draft, who=self.site.principal(who), submission_key=draft_id
            )
        except RefusedDraftError as error:
            return self.show(request, composition, Screen.CHECK, {"send": _refuse(error)})
        handle_discard_draft(self.site.context, draft_id, account_id=who.account.id)
        return go_to(f"/sent/{sent.message_id}")

    def ask(
        self, request: Request, composition: Composition, form: Form, who: SignedIn
    ) -> Response:
        """Ask a second person about what was checked; the draft stays until they have decided."""
        why = clean_text(get_text(form, "why"))
        if not why:
            return self.show(request, composition, Screen.CHECK, {"why": _WHY})
        until = self.site.context.clock() + _HOURS.get(get_text(form, "until"), _HOURS["24"])
        try:
            draft, page = self.check(request, composition, form)
            if draft is None:
                return page or go_to(f"/new/{composition.draft.draft_id}/{Screen.CHECK}")
            asked = ApprovalAsked(draft=draft, justification=why, decide_by=until)
            view = handle_ask_approval(self.site.context, asked, who=self.site.principal(who))
        except (RefusedDraftError, ValueError) as error:
            return self.show(request, composition, Screen.CHECK, {"send": _refuse(error)}, why=why)
        draft_now = composition.draft
        answers = {**draft_now.answers, "approval": (view.approval_id,)}
        handle_save_draft(
            self.site.context,
            replace(draft_now, answers=answers, case_reference=view.draft.case),
            account_id=who.account.id,
        )
        return go_to(f"/approval/{view.approval_id}")

    def settled_address(self, draft_id: str, who: SignedIn) -> str | None:
        """Say where a draft that cannot be changed any more can be followed.

        It was sent; or a second person is asked about it, or has let it leave.
        """
        sent = find_sent(self.site.context, draft_id, account_id=who.account.id)
        if sent is not None:
            return f"/sent/{sent.message_id}"
        try:
            draft = load_draft(self.site.context, draft_id, account_id=who.account.id)
        except NotFoundError:
            return None
        return self.find_asked(draft, who)

    def find_asked(self, draft: OpenDraft, who: SignedIn) -> str | None:
        """Say where the second person's decision about a draft can be followed."""
        approval_id = draft.get("approval")
        if not approval_id:
            return None
        try:
            view = get_approval(self.site.context, approval_id, who=self.site.principal(who))
        except NotFoundError:
            return None
        match view.state:
            case ApprovalState.WAITING:
                return f"/approval/{approval_id}"
            case ApprovalState.SENT:
                handle_discard_draft(self.site.context, draft.draft_id, account_id=who.account.id)
                return f"/sent/{view.message_id}"
            case _:  # it was not let out: it may be changed, and asked about anew
                return None


def _writer(screen: Screen) -> str:
    return f"written_by_{screen.value}"


def _read_purpose(form: Form) -> str:
    """Read what is to be written: one of the first choices, or one of the list of all others."""
    chosen = get_text(form, "purpose")[:_LONGEST_CHOICE]
    if chosen != "other":
        return chosen
    what = get_text(form, "what")[:_LONGEST_CHOICE]
    return what if find_plan(what) is not None else "other"


def _refuse(error: Exception) -> Message:
    return msg("It cannot be sent as it is. %(reason)s", reason=say_refused(error))
