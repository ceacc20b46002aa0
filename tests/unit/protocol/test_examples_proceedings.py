"""The examples of the types of the phase proceedings."""

from typing import Any, Final

import pytest
from pydantic import BaseModel

from protocol.messages.describing import list_unstated_rules
from protocol.messages.head import Answer, CaseMessage
from protocol.messages.proceedings import (
    CaseFileCopiesAnswer,
    CaseFileCopiesRequest,
    EvidenceExchangeAnswer,
    EvidenceExchangeRequest,
)
from protocol.messages.redress import (
    AssetTracingAnswer,
    AssetTracingRequest,
    CompensationSupportAnswer,
    CompensationSupportRequest,
)
from protocol.messages.witnesses import (
    WitnessConditionAnswer,
    WitnessConditionRequest,
    WitnessSupportAnswer,
    WitnessSupportRequest,
)
from tests.support.examples import (
    as_parameters,
    find_refused_places,
    list_bad,
    list_bad_answers,
    list_fields,
    list_filled,
    list_good,
    list_good_answers,
    list_models,
    list_wrongly_marked,
    read_as,
)

MODELS: Final[dict[str, type[CaseMessage]]] = {
    "proceedings.evidence_exchange": EvidenceExchangeRequest,
    "proceedings.case_file_copies": CaseFileCopiesRequest,
    "proceedings.witness_support": WitnessSupportRequest,
    "proceedings.witness_condition": WitnessConditionRequest,
    "proceedings.asset_tracing": AssetTracingRequest,
    "proceedings.compensation_support": CompensationSupportRequest,
}
ANSWERS: Final[dict[str, type[Answer]]] = {
    "proceedings.evidence_exchange": EvidenceExchangeAnswer,
    "proceedings.case_file_copies": CaseFileCopiesAnswer,
    "proceedings.witness_support": WitnessSupportAnswer,
    "proceedings.witness_condition": WitnessConditionAnswer,
    "proceedings.asset_tracing": AssetTracingAnswer,
    "proceedings.compensation_support": CompensationSupportAnswer,
}


@pytest.mark.parametrize(("tag", "fields"), as_parameters(MODELS, list_good))
def test_a_good_proceedings_message_is_read(tag: str, fields: dict[str, Any]) -> None:
    """Each good example is a message of its type, and reads the same after it was written."""
    message = read_as(MODELS[tag], fields)
    assert MODELS[tag].model_validate_json(message.model_dump_json(exclude_none=True)) == message


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(MODELS, list_bad))
def test_a_bad_proceedings_message_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad example is refused, and the place that is wrong is named."""
    assert place in find_refused_places(MODELS[tag], fields)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(ANSWERS, list_good_answers))
def test_a_good_proceedings_answer_is_read(tag: str, fields: dict[str, Any]) -> None:
    """Each good answer is a typed answer to its type."""
    assert find_refused_places(ANSWERS[tag], fields) == set()


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(ANSWERS, list_bad_answers))
def test_a_bad_proceedings_answer_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad answer is refused, and the place that is wrong is named."""
    assert place in find_refused_places(ANSWERS[tag], fields)


def _get_body(model: type[CaseMessage]) -> type[BaseModel]:
    body = model.model_fields["body"].annotation
    assert isinstance(body, type)
    assert issubclass(body, BaseModel)
    return body


def _assert_shown_and_classified(model: type[BaseModel], shown: list[dict[str, Any]]) -> None:
    filled = set().union(*(list_filled(read_as(model, fields)) for fields in shown))
    assert list_fields(model) - filled == set()
    assert list_wrongly_marked(model) == set()


@pytest.mark.parametrize("tag", MODELS)
def test_every_field_of_a_proceedings_body_is_shown_and_classified(tag: str) -> None:
    """No field of a body is without an example, and none without its sensitivity."""
    shown = [fields["body"] for _, fields in list_good(tag)]
    _assert_shown_and_classified(_get_body(MODELS[tag]), shown)


@pytest.mark.parametrize("tag", ANSWERS)
def test_every_field_of_a_proceedings_answer_is_shown_and_classified(tag: str) -> None:
    """No field of an answer is without an example, and none without its sensitivity."""
    _assert_shown_and_classified(ANSWERS[tag], [fields for _, fields in list_good_answers(tag)])


@pytest.mark.parametrize("model", [*MODELS.values(), *ANSWERS.values()])
def test_every_rule_of_the_phase_proceedings_is_said_in_words(model: type[BaseModel]) -> None:
    """Each class that checks a rule says it in its docstring, for forms and other readers."""
    inner = list_models(_get_body(model) if issubclass(model, CaseMessage) else model)
    assert [name for part in inner for name in list_unstated_rules(part)] == []
    assert model.__name__ not in list_unstated_rules(model)


@pytest.mark.parametrize("tag", MODELS)
def test_each_type_of_the_phase_proceedings_has_a_child(tag: str) -> None:
    """The rules for children are shown in each type."""
    assert any(fields["body"]["person_group"] == "child" for _, fields in list_good(tag))
