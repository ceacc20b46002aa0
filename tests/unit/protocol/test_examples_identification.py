"""Examples of the phase identification are read if good, and refused in place if bad."""

from typing import Any, Final

import pytest

from protocol.messages.head import Answer, CaseMessage
from protocol.messages.identification import (
    EarlyRiskAnswer,
    EarlyRiskAssessment,
    FormalStatusNotification,
    InitialReferral,
    PresumedVictimNotification,
)
from protocol.messages.identification_checks import (
    IdentityCheck,
    IdentityCheckAnswer,
    InterpretationAnswer,
    InterpretationSupport,
)
from protocol.messages.identification_evidence import EvidenceRequest, EvidenceRequestAnswer
from protocol.messages.identification_requests import (
    JointInvestigation,
    JointInvestigationAnswer,
    TraffickingInformation,
    TraffickingInformationAnswer,
)
from tests.support.examples import (
    as_parameters,
    find_refused_places,
    get_body_type,
    list_bad,
    list_bad_answers,
    list_fields,
    list_filled,
    list_good,
    list_good_answers,
    list_wrongly_marked,
    read_as,
)

MESSAGES: Final[dict[str, type[CaseMessage]]] = {
    "identification.presumed_victim_notification": PresumedVictimNotification,
    "identification.initial_referral": InitialReferral,
    "identification.early_risk_assessment": EarlyRiskAssessment,
    "identification.formal_status": FormalStatusNotification,
    "identification.identity_check": IdentityCheck,
    "identification.interpretation_support": InterpretationSupport,
    "identification.evidence_request": EvidenceRequest,
    "identification.joint_investigation": JointInvestigation,
    "identification.trafficking_information": TraffickingInformation,
}
ANSWERS: Final[dict[str, type[Answer]]] = {
    "identification.early_risk_assessment": EarlyRiskAnswer,
    "identification.identity_check": IdentityCheckAnswer,
    "identification.interpretation_support": InterpretationAnswer,
    "identification.evidence_request": EvidenceRequestAnswer,
    "identification.joint_investigation": JointInvestigationAnswer,
    "identification.trafficking_information": TraffickingInformationAnswer,
}


@pytest.mark.parametrize(("tag", "fields"), as_parameters(MESSAGES, list_good))
def test_good_messages_are_read(tag: str, fields: dict[str, Any]) -> None:
    """A good example is read, and what is written of it reads as the same."""
    message = read_as(MESSAGES[tag], fields)
    assert message.type == tag
    again = message.model_dump_json(exclude_none=True)
    assert MESSAGES[tag].model_validate_json(again) == message


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(MESSAGES, list_bad))
def test_bad_messages_are_refused(tag: str, fields: dict[str, Any], place: str) -> None:
    """A bad example is refused, in the place it names and nowhere else."""
    assert find_refused_places(MESSAGES[tag], fields) == {place}


@pytest.mark.parametrize(("tag", "fields"), as_parameters(ANSWERS, list_good_answers))
def test_good_answers_are_read(tag: str, fields: dict[str, Any]) -> None:
    """A good answer is read, and what is written of it reads as the same."""
    answer = read_as(ANSWERS[tag], fields)
    assert answer.answers == tag
    assert ANSWERS[tag].model_validate_json(answer.model_dump_json(exclude_none=True)) == answer


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(ANSWERS, list_bad_answers))
def test_bad_answers_are_refused(tag: str, fields: dict[str, Any], place: str) -> None:
    """A bad answer is refused, in the place it names and nowhere else."""
    assert find_refused_places(ANSWERS[tag], fields) == {place}


@pytest.mark.parametrize("tag", MESSAGES)
def test_examples_fill_every_field(tag: str) -> None:
    """Each field of a body and of its answer, at any depth, holds something in a good example."""
    wanted = list_fields(get_body_type(MESSAGES[tag]))
    filled: set[str] = set()
    for _, fields in list_good(tag):
        filled |= list_filled(read_as(MESSAGES[tag], fields).body)
    if tag in ANSWERS:
        wanted |= list_fields(ANSWERS[tag])
        for _, fields in list_good_answers(tag):
            filled |= list_filled(read_as(ANSWERS[tag], fields))
    assert wanted - filled == set()


@pytest.mark.parametrize("model", [*MESSAGES.values(), *ANSWERS.values()])
def test_every_leaf_has_one_sensitivity(model: type[CaseMessage | Answer]) -> None:
    """Each leaf field of a body and of an answer is of exactly one class."""
    marked = get_body_type(model) if issubclass(model, CaseMessage) else model
    assert list_wrongly_marked(marked) == set()


def test_a_child_is_among_the_examples() -> None:
    """At least one good example of each type speaks of a child."""
    for tag, model in MESSAGES.items():
        messages = [read_as(model, fields) for _, fields in list_good(tag)]
        assert any(message.body.treated_as_child for message in messages), tag
