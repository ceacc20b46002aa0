"""What each page of a case begins with: the case as somebody sees it, and which strand of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import CONFIRM_FIELD
from console.forgery import FORM_FIELD
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Principal
from node.domain.cases import UNKNOWN_CHANNEL
from node.service.cases.viewing import CaseOverview, Strand, load_overview
from node.service.context import NodeContext, RefusedDraftError, StaleError
from node.service.once import (
    Answer,
    AnswerLostError,
    KeyUsedError,
    Marked,
    StillRunningError,
    find_answer,
    handle_answered,
    handle_begin,
    handle_failed,
    prepare_once,
    under,
)
from node.web.cases.words import STALE, list_codes, say_channel
from node.web.labels import say_code
from node.web.refusing import say_refused
from node.web.site import Form, Names, Site, get_text, get_version, go_to
from protocol.identifiers import Channel
from protocol.messages.codes import TraffickingStatus

Part = Annotated[int, Query(ge=0, le=99, description="Which of the case's channels, counted.")]
"""A parameter that names one of several channels without saying its name in an address."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case in hand: for whom, and in which of its channels."""

    site: Site
    case_id: str
    who: Principal
    overview: CaseOverview
    #: None: nothing was followed in it yet.
    strand: Strand | None
    part: int
    names: Names

    @property
    def address(self) -> str:
        """Where the case is."""
        return f"/case/{self.case_id}"

    @property
    def channel(self) -> Channel | None:
        """The channel that is meant."""
        known = self.strand is not None and self.strand.channel != UNKNOWN_CHANNEL
        return Channel(self.strand.channel) if known and self.strand else None

    @property
    def version(self) -> int | None:
        """What the strand is at."""
        return None if self.strand is None else self.strand.row_version

    @property
    def part_query(self) -> str:
        """What an address of the same channel ends with."""
        return f"?part={self.part}" if self.part else ""


def open_case(site: Site, case_id: str, who: SignedIn, part: int = 0) -> OpenCase:
    """Open a case; raises ``NotFoundError`` for one that is not there for them."""
    principal = site.principal(who)
    overview = load_overview(site.context, case_id, who=principal)
    known = [strand for strand in overview.strands if strand.channel != UNKNOWN_CHANNEL]
    chosen = min(part, max(len(known) - 1, 0))
    return OpenCase(
        site=site,
        case_id=case_id,
        who=principal,
        overview=overview,
        strand=known[chosen] if known else None,
        part=chosen,
        names=site.names(),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a form: nothing wrong, or what to say, and whether somebody was faster."""

    errors: FormErrors = field(default_factory=dict)
    is_stale: bool = False
    #: What the act returned, if it is a text: an identifier of what was made.
    made: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it was carried out."""
        return not self.errors and not self.is_stale

    @property
    def status(self) -> int:
        """As which the page is shown again."""
        if self.is_stale:
            return HTTPStatus.CONFLICT
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors else HTTPStatus.OK


NOTHING_WRONG: Final = Outcome()
#: Fields that differ from one sending of the same form to the next.
_CHANGES: Final = frozenset({FORM_FIELD, CONFIRM_FIELD})


def attempt(
    case: OpenCase,
    form: Form,
    act: Callable[[], object],
    *,
    at: str,
    errors: FormErrors = NO_ERRORS,
) -> Outcome:
    """Carry out what a form asks for, once, however often it is sent; nothing while it has errors.

    ``at``: the field at which it is said what was refused. A form that was sent twice, by a double
    click or from the page before, has done it once. The form's field ``key`` names it.
    """
    if errors:
        return fail(case, form, errors)
    meant = get_text(form, "strand")
    if meant and meant != case.channel:  # channels are counted anew: this would be in another one
        return Outcome(is_stale=True)
    try:
        made = do_once(
            case.site.context,
            act,
            actor=case.who.actor,
            key=get_text(form, "key"),
            asked=_write_asked(case, form),
        )
    except (StaleError, KeyUsedError):
        return Outcome(is_stale=True)
    except RefusedDraftError as error:
        return Outcome(errors={at: say_refused(error)})
    return Outcome(made=made)


def fail(case: OpenCase, form: Form, errors: FormErrors) -> Outcome:
    """Say what is wrong with a form, unless it was done before.

    The second of two clicks is judged by what the first one left: it must not be told that there is
    nothing left to do.
    """
    made = find_done(
        case.site.context,
        actor=case.who.actor,
        key=get_text(form, "key"),
        asked=_write_asked(case, form),
    )
    return Outcome(errors=errors) if made is None else Outcome(made=made)


def _write_asked(case: OpenCase, form: Form) -> str:
    asked = sorted((name, str(value)) for name, value in form.multi_items() if name not in _CHANGES)
    return repr((case.case_id, asked))


def find_done(context: NodeContext, *, actor: str, key: str, asked: str) -> str | None:
    """Return what :func:`do_once` returned for this form before; None if it was not done."""
    found = find_answer(context, _mark(actor, key, asked))
    return None if found is None else found.body.decode()


def _mark(actor: str, key: str, asked: str) -> Marked:
    return Marked.of(actor=f"page:{actor}", key=key, asked=asked.encode())


def do_once(
    context: NodeContext, act: Callable[[], object], *, actor: str, key: str, asked: str
) -> str:
    """Do something once for a key; returns the text that it returned, then and each time again.

    Nothing, if the same is being done at this moment. Raises ``KeyUsedError`` if the key was for
    something else, and what ``act`` raises.
    """
    prepare_once()
    try:
        begun = handle_begin(context, _mark(actor, key, asked))
    except (StillRunningError, AnswerLostError):
        return ""  # it is being done by the first of the two clicks
    if isinstance(begun, Answer):
        return begun.body.decode()
    try:
        with under(begun):
            result = act()
    except BaseException:
        handle_failed(context, begun)
        raise
    made = result if isinstance(result, str) else ""
    handle_answered(context, begun, Answer(HTTPStatus.OK, (), made.encode()))
    return made


def show(
    case: OpenCase,
    request: Request,
    template: str,
    /,
    *,
    outcome: Outcome = NOTHING_WRONG,
    **context: Any,
) -> Response:
    """Render a page of a case."""
    known = [each for each in case.overview.strands if each.channel != UNKNOWN_CHANNEL]
    return case.site.page(
        request,
        template,
        status=outcome.status,
        errors=outcome.errors or NO_ERRORS,
        names=case.names,
        case=case,
        parts=[(number, say_channel(each.channel)) for number, each in enumerate(known)],
        is_stale=outcome.is_stale,
        stale=STALE,
        say_code=say_code,
        say_channel=say_channel,
        person_statuses=TraffickingStatus,
        list_codes=list_codes,
        **context,
    )


def read_part(form: Form) -> int:
    """Return the part that a form names."""
    return max(get_version(form, "part"), 0)


def read_version(form: Form) -> int | None:
    """Return the strand's version that the page showed; a case that had none yet had none."""
    return get_version(form, "row_version") if "row_version" in form else None


def answer(outcome: Outcome, address: str, again: Callable[[Outcome], Response]) -> Response:
    """Answer a form: what was done leads to ``address``, anything else shows the page again."""
    return go_to(address) if outcome.is_done else again(outcome)


def read_all(form: Form, names: Mapping[str, int]) -> dict[str, str]:
    """Return the fields of a form; ``names`` says how long each may be."""
    return {name: get_text(form, name)[: longest + 1] for name, longest in names.items()}


def find_too_long(asked: Mapping[str, str], names: Mapping[str, int]) -> dict[str, Message]:
    """Say which of the fields are longer than they may be."""
    return {
        name: msg("Shorten this to %(count)s characters.", count=longest)
        for name, longest in names.items()
        if len(asked[name]) > longest
    }
