"""Drills at the node: what is asked of our desks, answering, and how we did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.guard import ActiveSession, require_roles
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from contact_registry.drills.errors import DrillRefusal
from contact_registry.freshness import ReviewState, list_reviews
from directory_pages.codes import say
from directory_pages.drill_words import (
    ANSWERED_BY,
    OUTCOMES,
    DrillFacts,
    ReviewFacts,
    describe_drill,
    describe_review,
)
from directory_pages.looks import Look
from node.service.context import RefusedDraftError, StaleError
from node.service.drills import (
    AnswerStanding,
    OwnDrill,
    find_news_age,
    handle_answer,
    list_own,
    load_own,
)
from node.web.site import Form, PageRoute, Site, get_text, go_to
from protocol.drill_answer import AnsweredBy, DrillOutcome
from protocol.policy.facts import Role

#: Whoever knows the desks: neither sees more of a message by it.
Answerer = Annotated[SignedIn, Depends(require_roles(Role.FOCAL_POINT, Role.DIRECTORY_EDITOR))]

_STANDINGS: Final = {
    AnswerStanding.WAITING: Look(
        pmsg("drill answer", "Signed, waiting to leave"), "info", "hourglass"
    ),
    AnswerStanding.TAKEN: Look(
        pmsg("drill answer", "Signed, the hub has it"), "ok", "circle-check"
    ),
    AnswerStanding.REFUSED: Look(
        pmsg("drill answer", "Refused by the hub"), "danger", "circle-alert"
    ),
}

_UNVERIFIED: Final = msg("The hub could not verify the answer. Tell your administrator.")
_REFUSALS: Final[Mapping[str, Message]] = {
    DrillRefusal.MALFORMED: _UNVERIFIED,
    DrillRefusal.FORGED: _UNVERIFIED,
    DrillRefusal.OTHER_DRILL: _UNVERIFIED,
    DrillRefusal.UNKNOWN_SIGNER: msg("The hub does not know the key of this node yet."),
    DrillRefusal.UNKNOWN_DRILL: msg("The hub asked no such question."),
    DrillRefusal.WRONG_MOMENT: msg(
        "The clock of this node or of the hub is wrong. Tell your administrator."
    ),
    DrillRefusal.CLOSED: msg("The question was closed before."),
}
"""Why the hub refused an answer of a node; other refusals are not of nodes."""


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """A drill of one of our desks, ready to be shown."""

    own: OwnDrill
    facts: DrillFacts
    standing: Look | None
    needs_answer: bool
    #: Why the hub refused our answer; empty if it did not.
    refusal: Message | str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    values: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


def create_drills_router(site: Site) -> APIRouter:
    """Build the pages of drills; every role may read them, they hold no content."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/drills")
    def show_all(request: Request, _who: ActiveSession) -> Response:
        drills = [_describe(site, own) for own in list_own(site.context)]
        return site.page(
            request,
            "drills.html",
            waiting=[each for each in drills if each.needs_answer],
            others=[each for each in drills if not each.needs_answer],
            heard_at=find_news_age(site.context),
            reviews=_list_reviews_due(site),
            say_code=say,
        )

    @router.get("/drills/{drill_id}")
    def show(request: Request, who: ActiveSession, drill_id: str) -> Response:
        return _show(site, request, who, drill_id)

    @router.post("/drills/{drill_id}")
    def answer(request: Request, who: Answerer, form: Form, drill_id: str) -> Response:
        typed = Typed({name: get_text(form, name) for name in ("outcome", "answered_by")})
        errors = _find_errors(typed)
        if errors:
            return _show(site, request, who, drill_id, typed=typed, errors=errors)
        try:
            handle_answer(
                site.context,
                drill_id,
                outcome=DrillOutcome(typed["outcome"]),
                answered_by=AnsweredBy(typed["answered_by"]),
                actor=who.account.id,
            )
        except StaleError:
            return _show(site, request, who, drill_id, typed=typed, is_stale=True)
        except RefusedDraftError:
            return _show(site, request, who, drill_id, typed=typed, errors=_CONTRADICTION)
        return go_to(f"/drills/{drill_id}")

    return router


_CONTRADICTION: Final[FormErrors] = {
    "answered_by": msg("Choose “Nobody” if nobody was reached, and who it was if somebody was.")
}


def _list_reviews_due(site: Site) -> list[ReviewFacts]:
    """List our own entries that somebody has to look at, the most urgent first."""
    directory = site.names().directory
    if directory is None:
        return []
    reviews = list_reviews(directory, site.context.clock(), participant=site.context.participant)
    return [describe_review(each) for each in reviews if each.state is not ReviewState.IN_TIME]


def _find_errors(typed: Typed) -> FormErrors:
    errors: dict[str, Message] = {}
    if typed["outcome"] not in set(DrillOutcome):
        errors["outcome"] = msg("Choose what came out.")
    if typed["answered_by"] not in set(AnsweredBy):
        errors["answered_by"] = msg("Choose who answered.")
    return errors


def _describe(site: Site, own: OwnDrill) -> OwnFacts:
    directory = site.names().directory
    answer = own.answer
    is_answered = answer is not None and answer.standing is not AnswerStanding.REFUSED
    return OwnFacts(
        own=own,
        facts=describe_drill(own.drill, directory),
        standing=None if answer is None else _STANDINGS[answer.standing],
        needs_answer=own.drill.is_open and not is_answered,
        refusal=_REFUSALS.get(answer.refusal, answer.refusal) if answer else "",
    )


def _show(  # noqa: PLR0913 - what the page of a drill shows
    site: Site,
    request: Request,
    who: SignedIn,
    drill_id: str,
    *,
    typed: Typed | None = None,
    errors: FormErrors = NO_ERRORS,
    is_stale: bool = False,
) -> Response:
    own = load_own(site.context, drill_id)
    names = site.names()
    return site.page(
        request,
        "drill.html",
        status=HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK,
        errors=errors,
        each=_describe(site, own),
        desk=names.find_desk(own.drill.question.authority),
        may_answer=not who.account.roles.isdisjoint((Role.FOCAL_POINT, Role.DIRECTORY_EDITOR)),
        typed=typed or Typed(),
        is_stale=is_stale,
        outcomes=list(OUTCOMES.items()),
        answerers=list(ANSWERED_BY.items()),
        outcome_words=OUTCOMES,
        answerer_words=ANSWERED_BY,
        say_code=say,
    )
