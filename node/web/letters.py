"""Dead letters: what did not arrive or was not taken in, for the node's administrator.

Metadata only: neither contents nor what a message is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.service.context import RefusedDraftError, StaleError
from node.service.dead_letters import (
    DeadLetter,
    LetterEvent,
    list_dead_letters,
    list_letter_events,
    load_dead_letter,
)
from node.service.letter_acts import RetryOutcome, SettleReason, handle_retry, handle_settle
from node.service.reading import PAGE
from node.web.letter_words import (
    DONE,
    KINDS,
    OBSTACLES,
    SETTLE_CHOICES,
    TONES,
    say_code,
    say_help,
    say_reason,
)
from node.web.site import Form, NodeAdmin, PageRoute, Site, get_text, get_version, go_to
from node.web.states import Look

_DONE_WORDS: Final[Mapping[str, Message]] = {
    RetryOutcome.QUEUED: msg("It is handed over again now."),
    RetryOutcome.TAKEN_IN: msg("It was taken in this time."),
    RetryOutcome.REFUSED_AGAIN: msg("It was refused again."),
    "settled": msg("It is settled."),
}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """A dead letter, ready to be shown."""

    letter: DeadLetter
    look: Look
    reason: Message | str
    help: Message | None
    obstacle: Message | None


def create_letters_router(site: Site) -> APIRouter:
    """Build the administrator's pages of dead letters."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/delivery/letters")
    def show_all(request: Request, _who: NodeAdmin, done: str = "") -> Response:
        waiting = list_dead_letters(site.context)
        letters = list_dead_letters(site.context, open_only=False)
        return site.page(
            request,
            "letters.html",
            waiting=[describe_letter(each) for each in waiting],
            settled=[describe_letter(each) for each in letters if not each.is_open],
            most=PAGE if len(waiting) == PAGE else None,
            done=_DONE_WORDS.get(done),
        )

    @router.get("/delivery/letters/{letter_id}")
    def show(request: Request, _who: NodeAdmin, letter_id: str, done: str = "") -> Response:
        return _show(site, request, letter_id, done=_DONE_WORDS.get(done))

    @router.post("/delivery/letters/{letter_id}/retry")
    def retry(request: Request, who: NodeAdmin, form: Form, letter_id: str) -> Response:
        try:
            outcome = handle_retry(
                site.context, letter_id, actor=who.account.id, version=get_version(form, "version")
            )
        except (StaleError, RefusedDraftError):
            # What stands in the way is on the page as it is now.
            return _show(site, request, letter_id, is_stale=True)
        # To the list: once it works, the letter is none any more.
        return go_to(f"/delivery/letters?done={outcome}")

    @router.post("/delivery/letters/{letter_id}/settle")
    def settle(request: Request, who: NodeAdmin, form: Form, letter_id: str) -> Response:
        reason = get_text(form, "reason")
        if reason not in set(SettleReason):
            return _show(site, request, letter_id, errors={"reason": msg("Choose the reason.")})
        try:
            handle_settle(
                site.context,
                letter_id,
                reason=SettleReason(reason),
                actor=who.account.id,
                version=get_version(form, "version"),
            )
        except StaleError:
            return _show(site, request, letter_id, is_stale=True)
        return go_to(f"/delivery/letters/{letter_id}?done=settled")

    return router


def describe_letter(letter: DeadLetter) -> LetterFacts:
    """Put a dead letter into words."""
    return LetterFacts(
        letter=letter,
        look=Look(KINDS[letter.kind], *TONES[letter.kind]),
        reason=say_reason(letter),
        help=say_help(letter),
        obstacle=None if letter.obstacle is None else OBSTACLES[letter.obstacle],
    )


def _show(  # noqa: PLR0913 - what the page of a dead letter shows
    site: Site,
    request: Request,
    letter_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
    is_stale: bool = False,
    done: Message | None = None,
) -> Response:
    letter = load_dead_letter(site.context, letter_id)
    return site.page(
        request,
        "letter.html",
        status=HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK,
        errors=errors,
        each=describe_letter(letter),
        letter=letter,
        events=[_describe_event(each) for each in _list_events(site, letter_id)],
        reasons=list(SETTLE_CHOICES.items()),
        is_stale=is_stale,
        done=done,
    )


def _list_events(site: Site, letter_id: str) -> list[LetterEvent]:
    """Return what the page tells of it, newest first."""
    events = list_letter_events(site.context, letter_id)
    return [each for each in reversed(events) if each.kind in DONE]


def _describe_event(event: LetterEvent) -> tuple[LetterEvent, Message, Message | str]:
    return event, DONE[event.kind], say_code(event.code)
