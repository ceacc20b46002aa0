"""Who receives a person: only an answer that says so opens that gate of a return."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from node.domain.returns import ReturnJourney, ReturnStep
from node.service.answering import AnswerDraft, handle_answer
from node.service.building import Draft
from node.service.composing import Sent, handle_send
from node.service.consent.records import ConsentDraft, handle_record_consent
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.reading import get_case
from node.service.return_messages import find_return_messages
from node.service.returns import get_return, handle_record_return
from node.web.cases.gates import Gate, TaskState, list_tasks
from protocol.messages.general import Outcome
from tests.support.case_steps import case_at, settle, start
from tests.support.case_world import PREPARED, answer_of, consent_for, draft_of, record_of
from tests.support.node import Network, make_network
from tests.support.people import STAFF

RECEPTION: Final = "return.arrival_reception"
DOCUMENTS: Final = "return.travel_documents"
NOT_AGREED: Final = {
    "answers": "return.assisted_voluntary_return",
    "agreement": "not_agreed",
    "note": "Nobody can wait at the border on that day.",
}
REFUSED: Final = {
    "answers": DOCUMENTS,
    "state": "refused",
    "refused_because": "The nationality is not confirmed.",
}
NOT_POSSIBLE: Final = {
    "answers": RECEPTION,
    "reply": "not_possible",
    "note": "Every bed is taken until April.",
}


@pytest.fixture(scope="module")
def network(shared_node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK; each test has a case of its own."""
    made = make_network(["AL", "XK"], url_of=shared_node_url_of)
    yield made
    made.close()


class Journey:
    """A return of AL's to XK, prepared but for the reception."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.opened = start(network)
        self.case = case_at(network, "AL", self.opened)
        al, xk = network.node("AL"), network.node("XK")
        prepared = ReturnJourney.model_validate({**PREPARED, "informed_of": ["risks_of_return"]})
        handle_record_return(al, self.case, prepared, who=STAFF)
        consent = ConsentDraft.model_validate(record_of(consent_for("AL")))
        handle_record_consent(xk, case_at(network, "XK", self.opened), consent, who=STAFF)

    def ask(self, tag: str = RECEPTION) -> Sent:
        """AL asks XK: to receive the person, unless it is said."""
        self.network.clock.advance(minutes=1)
        example = 0 if tag == DOCUMENTS else 2  # the others with every gate met
        fields: dict[str, Any] = draft_of(tag, "AL", "XK", example=example)
        draft = Draft.model_validate(fields | {"case": self.opened.case_reference})
        sent = handle_send(self.network.node("AL"), draft, who=STAFF)
        settle(self.network)
        return sent

    def notify(self) -> Sent:
        """AL gives prior notice."""
        return self.ask("return.return_notification")

    def answer(self, asked: Sent, said: dict[str, Any] | None = None) -> Sent:
        """XK answers: that it receives the person, unless it is said."""
        fields = answer_of(said["answers"] if said else RECEPTION, "XK", "AL")
        if said is not None:
            fields["body"]["answer"] = said
        answer = AnswerDraft.model_validate(fields)
        sent = handle_answer(self.network.node("XK"), asked.message_id, answer, who=STAFF)
        settle(self.network)
        return sent

    def accept(self, sent: Sent) -> None:
        """XK takes on what AL sent."""
        accepted = DecisionDraft(
            outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Duty officer")
        )
        handle_decide(self.network.node("XK"), sent.message_id, accepted, who=STAFF)
        settle(self.network)

    def is_received(self) -> bool:
        """Whether nothing is said to be missing of the reception."""
        missing = get_return(self.network.node("AL"), self.case, who=STAFF).missing
        return ReturnStep.RECEPTION_CONFIRMED not in {each.step for each in missing}


def test_a_confirmation_opens_the_gate_and_a_later_refusal_closes_it(network: Network) -> None:
    """The last word counts: a bed that was promised and is gone is no bed."""
    journey = Journey(network)
    assert not journey.is_received()
    confirmed = journey.answer(journey.ask())
    assert journey.is_received()
    found = find_return_messages(network.node("AL"), journey.case, peer="XK", who=STAFF)
    assert found.reception_confirmed == confirmed.message_id
    asked_again = journey.ask()
    assert journey.is_received()
    journey.answer(asked_again, NOT_POSSIBLE)
    assert not journey.is_received()
    found = find_return_messages(network.node("AL"), journey.case, peer="XK", who=STAFF)
    assert found.reception_asked == asked_again.message_id
    assert found.reception_confirmed == ""


def test_we_cannot_receive_the_person_is_no_confirmation(network: Network) -> None:
    """A full answer that says no leaves the gate closed."""
    journey = Journey(network)
    journey.answer(journey.ask(), NOT_POSSIBLE)
    assert not journey.is_received()


def test_taking_a_request_on_confirms_nothing(network: Network) -> None:
    """That somebody works on it says nothing of a bed."""
    journey = Journey(network)
    journey.accept(journey.ask())
    assert not journey.is_received()


def test_a_no_agrees_to_nothing(network: Network) -> None:
    """Of three answers, only the one that says yes is listed as agreed."""
    journey = Journey(network)
    received = journey.ask()
    journey.answer(received)
    journey.answer(journey.ask(DOCUMENTS), REFUSED)
    journey.accept(journey.notify())
    journey.answer(journey.ask("return.assisted_voluntary_return"), NOT_AGREED)
    view = get_return(network.node("AL"), journey.case, who=STAFF)
    assert view.agreed == {received.message_id}
    assert view.answers.notice_acknowledged
    items = get_case(network.node("AL"), journey.case, who=STAFF).items
    states = {task.gate: task.state for task in list_tasks(view, items, is_child=False)}
    assert states[Gate.RECEPTION] is TaskState.DONE
    assert states[Gate.TRAVEL] is TaskState.TO_DO  # nobody is waited for: it is asked anew


def test_a_new_notice_has_to_be_acknowledged_anew(network: Network) -> None:
    """That an earlier one was accepted says nothing of another day or another flight."""
    journey, al = Journey(network), network.node("AL")
    journey.answer(journey.ask())

    def is_acknowledged() -> bool:
        return get_return(al, journey.case, who=STAFF).answers.notice_acknowledged

    journey.accept(journey.notify())
    assert is_acknowledged()
    again = journey.notify()
    assert not is_acknowledged()
    journey.accept(again)
    assert is_acknowledged()
