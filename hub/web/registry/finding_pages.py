"""Pages of findings: what is wrong, who looks after it, and why something may stay as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.dates import DateError, DateParts
from console.digits import read_number
from console.i18n import Message, msg, pmsg
from directory_pages.codes import Words, join_words, say
from directory_pages.looks import Look
from hub.findings.desk import (
    LONGEST_REASON,
    SHORTEST_REASON,
    FindingDesk,
    Followed,
    StepRequest,
    find_followed,
)
from hub.findings.errors import FindingNotFoundError, FindingStepError, StaleFindingError
from hub.findings.observing import Observed, UpkeepCode
from hub.findings.reading import list_followed, open_finding_desk
from hub.findings.states import STEPS, Standing, Step
from hub.operators.roles import Role
from hub.web.registry.looks import FINDING_LOOKS, STANDINGS
from hub.web.registry.paging import Paging
from hub.web.registry.versions import name_role
from hub.web.site import DirectoryOperator, Form, Names, PageRoute, Reader, Site, get_text, go_to

FINDINGS_PAGE: Final = 50
_VIEWS: Final = ("open", "mine", "resting")
_STEP_WORDS: Final[Mapping[Step, Message]] = {
    Step.TAKE: pmsg("finding", "Taken"),
    Step.ASSIGN: pmsg("finding", "Assigned"),
    Step.GIVE_BACK: pmsg("finding", "Given back"),
    Step.RESOLVE: pmsg("finding", "Stays as it is"),
    Step.REOPEN: pmsg("finding", "Opened again"),
}


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as a page shows it."""

    key: str
    what: Look
    about: Words
    advice: Words
    participant: str
    authority: str
    standing: Look
    holder: str
    followed: Followed


def create_finding_router(site: Site) -> APIRouter:
    """Build the pages: every operator reads, directory operators act."""
    router = APIRouter(route_class=PageRoute)
    pages = _Pages(site)

    @router.get("/findings")
    def show_all(request: Request, who: Reader) -> Response:
        return pages.show_list(request, who, view="open", number=1)

    @router.get("/findings/list/{view}/{number}")
    def show_some(request: Request, who: Reader, view: str, number: int) -> Response:
        return pages.show_list(request, who, view=view, number=number)

    @router.get("/findings/{key}")
    def show_one(request: Request, _who: Reader, key: str) -> Response:
        return pages.show_one(request, key)

    @router.post("/findings/{key}/{step}")
    def act(request: Request, who: DirectoryOperator, key: str, step: str, form: Form) -> Response:
        return pages.act(request, who, key=key, step=step, form=form)

    return router


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk: FindingDesk = open_finding_desk(site.context)

    def show_list(self, request: Request, who: SignedIn, *, view: str, number: int) -> Response:
        if view not in _VIEWS or number < 1:
            raise HTTPException(404)
        followed = list_followed(self._site.context)
        chosen = [f for f in followed if _belongs(f, view, who=str(who.account.id))]
        page = Paging.of(len(chosen), number=number, size=FINDINGS_PAGE)
        names = self._site.names()
        return self._site.page(
            request,
            "registry/findings.html",
            findings=[describe_finding(one, names) for one in page.take(chosen)],
            view=view,
            counts={
                each: sum(_belongs(f, each, who=str(who.account.id)) for f in followed)
                for each in _VIEWS
            },
            previous=page.address_before(f"/findings/list/{view}"),
            next=page.address_after(f"/findings/list/{view}"),
        )

    def show_one(
        self,
        request: Request,
        key: str,
        *,
        errors: Mapping[str, Message] | None = None,
        form: FormData | None = None,
    ) -> Response:
        followed = self._find(key)
        names = self._site.names()
        return self._site.page(
            request,
            "registry/finding.html",
            errors=errors or {},
            finding=describe_finding(followed, names),
            steps={step.value for step in STEPS[followed.standing]},
            operators=_list_operators(self._site),
            events=[(_STEP_WORDS[e.step], e) for e in self._desk.list_events(key)],
            reason=get_text(form, "reason") if form else "",
            until=DateParts.from_form(form, "until") if form else None,
            reason_length=LONGEST_REASON,
        )

    def act(
        self, request: Request, who: SignedIn, *, key: str, step: str, form: FormData
    ) -> Response:
        if step not in set(Step):
            raise HTTPException(404)
        followed = self._find(key)
        wanted, errors = _read_step(Step(step), form, operators=dict(_list_operators(self._site)))
        if not errors:
            try:
                self._desk.act(followed.observed, wanted, actor=str(who.account.id))
            except StaleFindingError:
                errors["seen"] = msg(
                    "Somebody else did something with it meanwhile: look at it as it is now."
                )
                return self.show_one(request, key, errors=errors, form=form)
            except FindingStepError:
                errors["until"] = msg(
                    "This cannot be done as it stands. Name a day after today and within a year."
                )
        if errors:
            return self.show_one(request, key, errors=errors, form=form)
        return go_to(f"/findings/{key}")

    def _find(self, key: str) -> Followed:
        try:
            return find_followed(list_followed(self._site.context), key)
        except FindingNotFoundError as error:
            raise HTTPException(404) from error


def _belongs(followed: Followed, view: str, *, who: str) -> bool:
    if view == "resting":
        return followed.standing is Standing.RESOLVED
    if view == "mine":
        return followed.standing is Standing.TAKEN and followed.record.assigned_to == who
    return followed.standing is not Standing.RESOLVED


def _read_step(
    step: Step, form: FormData, *, operators: Mapping[str, str]
) -> tuple[StepRequest, dict[str, Message]]:
    errors: dict[str, Message] = {}
    seen = read_number(get_text(form, "seen"))
    reason, until = get_text(form, "reason"), None
    assigned_to = get_text(form, "assigned_to")
    if step is Step.ASSIGN and assigned_to not in operators:
        errors["assigned_to"] = msg("Choose who looks after it.")
    if step is Step.RESOLVE:
        if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
            errors["reason"] = msg(
                "Say why, in %(least)s to %(most)s characters.",
                least=SHORTEST_REASON, most=LONGEST_REASON,
            )  # fmt: skip
        try:
            until = DateParts.from_form(form, "until").parse_date()
        except DateError as error:
            errors["until"] = error.message
    request = StepRequest(
        step=step,
        seen=-1 if seen is None else seen,
        assigned_to=assigned_to if step is Step.ASSIGN else "",
        reason=reason if step is Step.RESOLVE else "",
        until=until,
    )
    return request, errors


def _list_operators(site: Site) -> Sequence[tuple[str, str]]:
    """Return who can look after a finding, for a form."""
    return [
        (str(account.id), account.display_name)
        for account in site.context.open_accounts().list_accounts()
        if account.is_active and Role.DIRECTORY_OPERATOR in account.roles
    ]


# ------------------------------------------------------------------ words


def describe_finding(followed: Followed, names: Names) -> FindingView:
    """Put a finding into words."""
    observed = followed.observed
    return FindingView(
        key=observed.key,
        what=FINDING_LOOKS[observed.code],
        about=_word_about(observed, names),
        advice=_ADVICE[observed.code.value],
        participant=observed.participant or "",
        authority=observed.authority.id if observed.authority else "",
        standing=STANDINGS[followed.standing],
        holder=followed.record.assigned_to if followed.standing is Standing.TAKEN else "",
        followed=followed,
    )


def _word_about(observed: Observed, names: Names) -> Words:
    parts: list[Words] = []
    if observed.authority is not None:
        parts.append(observed.authority.name)
    if observed.phase is not None:
        parts.append(say(observed.phase))
    if len(observed.groups) == 1:
        parts.append(say(observed.groups[0]))
    if observed.signature is not None:
        parts.append(name_role(observed.signature.role, names.participant))
    return join_words(parts)


_ADVICE: Final[Mapping[str, Message]] = {
    UpkeepCode.SIGNATURE_RAN_OUT: msg(
        "Nodes warn their people. Ask whoever holds the key to sign it again today."
    ),
    UpkeepCode.SIGNATURE_RUNS_OUT: msg("Ask whoever holds the key to sign it again."),
    UpkeepCode.REVIEW_OVERDUE: msg("Ask the Participant whether the entry is still right."),
    UpkeepCode.NEVER_CONFIRMED: msg("Ask the Participant to confirm the entry."),
    "nothing_listed": msg("Ask the Participant for its desks, or draft them from its list."),
    "nobody_competent": msg("Ask the Participant which desk is competent, and draft it."),
    "nobody_reachable": msg(
        "Ask for a telephone number or a mailbox that works from another Participant."
    ),
    "nobody_out_of_hours": msg(
        "Ask who answers at night and at weekends, and name it as the out-of-hours route."
    ),
    "only_stand_in": msg("Ask for a desk that is competent for this itself."),
    "route_ended": msg("The route names a desk that is not valid any more: name another."),
    "route_unreachable": msg("The route reaches nobody from abroad: name another."),
    "holidays_not_listed": msg(
        "Ask for the holidays: until then, deadlines count them as working days."
    ),
}
