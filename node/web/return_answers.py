"""What a message about a return need not ask again: what the case says of it already.

Three sources, the later over the earlier: our last message about the return, what is recorded step
by step, and which messages asked, confirmed and acknowledged. All of it can be changed.
"""

from collections.abc import Iterator
from typing import Final

from node.domain.access import Principal
from node.domain.returns import ReturnJourney
from node.service.return_messages import ReturnMessages, find_return_messages
from node.service.returns import get_return
from node.web.fields import list_date_names
from node.web.forms.filled import FormSetting
from node.web.forms.spreading import spread
from node.web.purposes import Plan
from node.web.site import Site
from protocol.identifiers import Channel
from protocol.messages.fields import TriState
from protocol.messages.return_readiness import (
    DecisionState,
    PriorNoticeState,
    ReceptionState,
)

Filled = dict[str, tuple[str, ...]]
#: Parts of a body that one message about a return says as the last one did.
_KEPT: Final = ("gates", "journey", "companions")
_NOTICE: Final = "prior_notice"


def fill_in_return(  # noqa: PLR0913 - what is written in which case, to whom, where, by whom
    site: Site, case_id: str, plan: Plan, *, peer: str, channel: Channel, who: Principal
) -> Filled:
    """Give the answers about a return that the case holds; nothing for another kind of message.

    What was said in one channel is repeated in that channel alone.
    Raises ``NotFoundError``, ``ForbiddenError``.
    """
    parts = set(plan.body.model_fields)
    if not parts & {"gates", _NOTICE} or not peer:
        return {}
    found = find_return_messages(site.context, case_id, peer=peer, who=who, channel=channel)
    answers: Filled = {}
    if "gates" in parts:
        journey = get_return(site.context, case_id, who=who).journey
        answers |= _repeat(site, found, parts)
        answers |= dict(_say_decision(journey))
        answers |= dict(_say_reception(found))
    if _NOTICE in parts:
        answers |= dict(_say_notice(found))
    return answers


def _repeat(site: Site, found: ReturnMessages, parts: set[str]) -> Filled:
    if found.last_said is None:
        return {}
    said = spread(type(found.last_said), found.last_said, FormSetting(zone=site.zone))
    kept = tuple(name for name in _KEPT if name in parts)
    return {name: value for name, value in said.items() if name.split("-", 1)[0] in kept}


def _say_decision(journey: ReturnJourney) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not journey.decision_recorded:
        return
    before = "gates-decision-"
    yield f"{before}state", (DecisionState.DECIDED_TO_RETURN.value,)
    yield f"{before}on_file", (TriState.YES.value,)
    yield f"{before}voluntary", (_yes(known=journey.is_voluntary),)
    if journey.informed_of:
        yield f"{before}informed_of", tuple(each.value for each in journey.informed_of)
    if journey.explained_in:
        yield f"{before}explained_in", (journey.explained_in,)
    if day := journey.decided_on:
        names = list_date_names(f"{before}decided_on")[:3]
        for name, number in zip(names, (day.day, day.month, day.year), strict=True):
            yield name, (str(number),)


def _yes(*, known: bool) -> str:
    return (TriState.YES if known else TriState.UNKNOWN).value


def _say_reception(found: ReturnMessages) -> Iterator[tuple[str, tuple[str, ...]]]:
    before = "gates-reception-"
    if found.reception_confirmed:
        yield f"{before}state", (ReceptionState.CONFIRMED.value,)
        yield f"{before}confirmation_message", (found.reception_confirmed,)
    elif found.reception_asked:
        yield f"{before}state", (ReceptionState.REQUESTED.value,)


def _say_notice(found: ReturnMessages) -> Iterator[tuple[str, tuple[str, ...]]]:
    before = f"{_NOTICE}-"
    if not found.notice:
        yield f"{before}state", (PriorNoticeState.NO_NOTICE.value,)
        return
    yield f"{before}notice_message", (found.notice,)
    if found.notice_acknowledged:
        yield f"{before}state", (PriorNoticeState.ACKNOWLEDGED.value,)
        yield f"{before}acknowledgement_message", (found.notice_acknowledged,)
    else:
        yield f"{before}state", (PriorNoticeState.NOT_ACKNOWLEDGED.value,)
