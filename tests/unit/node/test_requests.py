"""Questions and their typed answers between nodes, and every type of the catalogue on its way."""

from typing import Any

import pytest

from node.domain.states import Handling
from node.service import reading
from node.service.building import Draft
from node.service.composing import Sent, handle_send
from node.service.context import NotFoundError, RefusedDraftError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.web.showing import show_body
from protocol.identifiers import Channel
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.general import Outcome
from protocol.messages.head import CaseMessage
from tests.support.case_world import agree
from tests.support.examples import list_good, list_good_answers, read_as
from tests.support.node import NO_PERSONAL_DATA, Network, make_draft
from tests.support.people import STAFF, acting

QUESTION = "social_inclusion.service_contacts"
DESK = "XK-anti-trafficking-desk"
TYPES = sorted(tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage))
_DRAFTED = frozenset(Draft.model_fields) - {"recipient", "answer_by", "case"}


def draft_example(fields: dict[str, Any], **changes: Any) -> Draft:
    """Return an example of AL for XK as a person drafts it."""
    kept = {name: value for name, value in fields.items() if name in _DRAFTED}
    return make_draft(**kept | changes)


def ask(network: Network) -> Sent:
    """AL asks XK which providers there are."""
    sent = handle_send(
        network.node("AL"), draft_example(list_good(QUESTION)[0][1]), who=acting("u1")
    )
    network.settle()
    return sent


def respond(question: Sent, **changes: Any) -> Draft:
    """Return the answer of XK."""
    body = {"completeness": "full", "answer": list_good_answers(QUESTION)[0][1]}
    return make_draft(
        type="general.response",
        recipient="AL",
        case=question.case_reference,
        in_reply_to=question.message_id,
        phase="social_inclusion",
        legal_basis=dict(NO_PERSONAL_DATA),
        body=body | changes,
    )


def test_a_question_is_answered(network: Network) -> None:
    """The answer arrives typed, and settles the question on both sides, in parts if need be."""
    al, xk = network.node("AL"), network.node("XK")
    question = ask(network)
    assert question.answer_by is not None
    assert reading.get_message(xk, question.message_id, who=STAFF).item.handling == Handling.NEW
    for completeness, state in (
        ("partial", Handling.ANSWERED_IN_PART),
        ("full", Handling.ANSWERED),
        ("partial", Handling.ANSWERED_IN_PART),  # more was asked for, or found: the rest follows
        ("full", Handling.ANSWERED),
    ):
        answered = handle_send(xk, respond(question, completeness=completeness), who=acting("u2"))
        network.settle()
        for node in (al, xk):
            assert reading.get_message(node, question.message_id, who=STAFF).item.handling == state
        message = reading.get_message(al, answered.message_id, who=STAFF).message
        assert isinstance(message, CaseMessage)
        assert message.type == "general.response"
    kinds = {
        str(entry.kind) for entry in reading.get_case(al, question.case_id, who=STAFF).timeline
    }
    assert "answer_received" in kinds


def test_an_answer_fits_its_question(network: Network) -> None:
    """What answers nothing, or something else than was asked, is not sent."""
    al, xk = network.node("AL"), network.node("XK")
    question = ask(network)
    other = list_good_answers("identification.identity_check")[0][1]
    with pytest.raises(RefusedDraftError, match="not of the type"):
        handle_send(xk, respond(question, answer=other), who=acting("u2"))
    unknown = respond(question).model_copy(update={"in_reply_to": "f" * 32})
    with pytest.raises(NotFoundError, match="no such message here"):
        handle_send(xk, unknown, who=acting("u2"))
    own = respond(question).model_copy(update={"recipient": "XK"})
    with pytest.raises(RefusedDraftError, match="came from its recipient"):
        handle_send(al, own, who=acting("u1"))
    notified = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    with pytest.raises(RefusedDraftError, match="not of the type"):
        handle_send(xk, respond(notified), who=acting("u2"))
    assert reading.get_message(xk, question.message_id, who=STAFF).item.handling == Handling.NEW


def test_what_can_ask_or_tell_says_which(network: Network) -> None:
    """A type with two kinds is not sent until its kind is said."""
    fields = list_good("return.risk_assessment")[0][1]
    with pytest.raises(RefusedDraftError, match="request, notification"):
        handle_send(network.node("AL"), draft_example(fields, kind=None), who=acting("u1"))


@pytest.mark.parametrize("tag", TYPES)
def test_all_that_a_type_holds_can_be_shown(tag: str) -> None:
    """Every field of an example of every type has words; that it travels is shown elsewhere."""
    message = read_as(CATALOGUE[tag].model, list_good(tag)[-1][1])
    assert isinstance(message, CaseMessage)
    shown = list(show_body(message.body))
    assert [field for field in shown if not field.label] == []
    assert shown or not message.body.model_dump(exclude_none=True)


def test_a_reply_stays_in_the_channel_of_what_it_replies_to(network: Network) -> None:
    """A decision about what the police sent, and a message after it, are not seen by carers."""
    agree(network)
    al, xk = network.node("AL"), network.node("XK")
    desks = {"from_authority": "AL-anti-trafficking-desk", "to_authority": DESK}
    notified = handle_send(al, make_draft(channel="police", **desks), who=acting("u1"))
    network.settle()
    accept = DecisionDraft(outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Desk"))
    decided = handle_decide(xk, notified.message_id, accept, who=acting("u2"))
    message = reading.get_message(xk, decided.message_id, who=STAFF).message
    assert isinstance(message, CaseMessage)
    assert message.channel is Channel.POLICE


def test_a_reply_is_to_a_message_of_the_same_case_and_recipient(network: Network) -> None:
    """Naming a message of another case is refused: the other side could not make sense of it."""
    al = network.node("AL")
    one = handle_send(al, make_draft(), who=acting("u1"))
    other = handle_send(al, make_draft(), who=acting("u1"))
    for case in (other.case_reference, None):
        draft = make_draft(case=case, in_reply_to=one.message_id)
        with pytest.raises(RefusedDraftError, match="in the same case"):
            handle_send(al, draft, who=acting("u1"))
    handle_send(
        al, make_draft(case=one.case_reference, in_reply_to=one.message_id), who=acting("u1")
    )
