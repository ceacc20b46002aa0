"""The return journey: gates as data, what is missing, and arrivals that nobody announced."""

from typing import Any

import pytest

from node.domain.events import EventKind
from node.domain.returns import ForeignCheck, ReturnJourney, ReturnStep, WhoCan
from node.service.building import Draft
from node.service.cases.opening import handle_open_case
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext, StaleError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.followers import follow_all
from node.service.policy.gate import PolicyRefusedError
from node.service.reading import get_case
from node.service.returns import (
    get_return,
    handle_record_return,
    handle_settle_arrival,
    list_unannounced,
)
from protocol.messages.fields import TriState
from protocol.messages.general import Outcome
from protocol.messages.return_readiness import InformedOf
from tests.support.consent import ON_FILE
from tests.support.examples import list_good
from tests.support.node import Network, make_draft
from tests.support.people import STAFF

PREPARED = ReturnJourney(
    decision_recorded=True,
    is_voluntary=True,
    informed_of=(InformedOf.RISKS_OF_RETURN,),
    risk_assessed=True,
    checks=tuple(ForeignCheck),
    reception_confirmed=True,
)


def example(tag: str, name: str, case: str, **changes: Any) -> Draft:
    """Return a good example of a type as AL drafts it for XK, with its consent on file."""
    fields = dict(list_good(tag))[name]
    kept: dict[str, Any] = {
        field: fields[field]
        for field in ("type", "kind", "phase", "urgency", "legal_basis", "body")
        if field in fields
    }
    basis = kept["legal_basis"]
    if basis["kind"] == "consent":
        kept["consent"] = dict(ON_FILE)
    return make_draft(**kept | {"case": case} | changes)


def follow(network: Network) -> None:
    """Carry everything, and let what follows from it happen."""
    network.settle()
    for context in network.nodes.values():
        follow_all(context)


def notify(context: NodeContext, case: str) -> Sent:
    """AL gives prior notice of an adult's return, every gate of which the message states as met."""
    draft = example("return.return_notification", "an adult's return with every gate met", case)
    return handle_send(context, draft, who=STAFF)


def confirm_arrival(context: NodeContext, name: str, case: str) -> Sent:
    """XK tells AL that the person is there."""
    draft = example("return.arrival_confirmation", name, case, recipient="AL")
    basis = {**draft.legal_basis, "recipients": ["AL"]}
    return handle_send(context, draft.model_copy(update={"legal_basis": basis}), who=STAFF)


def test_notice_is_given_once_the_gates_are_met(network: Network) -> None:
    """Until then it is refused with what is missing and who can do it; acknowledged, it is told."""
    al, xk = network.node("AL"), network.node("XK")
    opened = handle_open_case(al, who=STAFF)
    with pytest.raises(PolicyRefusedError) as refused:
        notify(al, opened.reference)
    codes = {reason["code"] for reason in refused.value.members["decision"]["reasons"]}
    assert codes == {
        "return.no_decision",
        "return.no_risk_assessment",
        "return.no_foreign_checks",
        "return.no_reception",
    }
    missing = {each.step: each for each in get_return(al, opened.case_id, who=STAFF).missing}
    assert missing[ReturnStep.RISK_ASSESSMENT].who is WhoCan.OUR_FOCAL_POINT
    assert missing[ReturnStep.RECEPTION_CONFIRMED].who is WhoCan.THEIR_DESK
    assert missing[ReturnStep.SIX_CHECKS].details == tuple(ForeignCheck)
    assert ReturnStep.BEST_INTEREST not in missing

    view = handle_record_return(al, opened.case_id, PREPARED, who=STAFF, row_version=0)
    with pytest.raises(StaleError):
        handle_record_return(al, opened.case_id, PREPARED, who=STAFF, row_version=0)
    assert [each.step for each in view.missing] == [ReturnStep.NOTICE_ACKNOWLEDGED]
    sent = notify(al, opened.reference)
    follow(network)
    accept = DecisionDraft(
        outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Duty officer")
    )
    handle_decide(xk, sent.message_id, accept, who=STAFF)
    follow(network)

    assert get_return(al, opened.case_id, who=STAFF).missing == ()
    confirm_arrival(xk, "arrived", opened.reference)
    follow(network)
    assert not list_unannounced(al, who=STAFF)
    assert not list_unannounced(xk, who=STAFF)


def test_an_arrival_without_an_acknowledged_notice_is_flagged_on_both_sides(
    network: Network,
) -> None:
    """A machine's receipt of a notice acknowledges nothing: both list the arrival as a defect."""
    al, xk = network.node("AL"), network.node("XK")
    opened = handle_open_case(al, who=STAFF)
    handle_record_return(al, opened.case_id, PREPARED, who=STAFF)
    notify(al, opened.reference)
    follow(network)
    arrived = confirm_arrival(xk, "arrived without notice", opened.reference)
    follow(network)
    follow(network)

    for node in (al, xk):
        [flagged] = list_unannounced(node, who=STAFF)
        assert flagged.message_id == arrived.message_id
        kinds = [entry.kind for entry in get_case(node, flagged.case_id, who=STAFF).timeline]
        assert kinds.count(EventKind.ARRIVAL_UNANNOUNCED) == 1
        settled = handle_settle_arrival(node, arrived.message_id, who=STAFF, row_version=1)
        assert settled.settled_by == STAFF.actor
        assert not list_unannounced(node, who=STAFF)


def test_a_return_to_the_family_needs_both(network: Network) -> None:
    """Assessed, and agreed by the person and by the family; else each is named as missing."""
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    journey = PREPARED.model_copy(update={"is_to_family": True, "family_agrees": TriState.NO})
    view = handle_record_return(al, opened.case_id, journey, who=STAFF)
    assert [each.step for each in view.missing] == [
        ReturnStep.FAMILY_ASSESSMENT,
        ReturnStep.PERSON_AGREES_TO_FAMILY,
        ReturnStep.FAMILY_AGREES,
        ReturnStep.NOTICE_ACKNOWLEDGED,
    ]
    with pytest.raises(PolicyRefusedError, match="family"):
        notify(al, opened.reference)
