"""The examples of the types that belong to every phase."""

from typing import Any

import pytest

from protocol.messages.catalogue import CATALOGUE
from tests.support.examples import (
    as_parameters,
    find_refused_places,
    list_bad,
    list_bad_answers,
    list_fields,
    list_filled,
    list_good,
    list_good_answers,
    list_wrongly_marked,
    read_as,
)

TAGS = (
    "general.decision",
    "general.message",
    "general.consent_withdrawn",
    "general.correction",
    "general.erasure",
    "general.case_closed",
    "general.trend_alert",
)
ANSWERED = tuple(tag for tag in TAGS if CATALOGUE[tag].answer is not None)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_a_good_message_is_read(tag: str, fields: dict[str, Any]) -> None:
    """Each good example is a message of its type."""
    assert find_refused_places(CATALOGUE[tag].model, fields) == set()


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(TAGS, list_bad))
def test_a_bad_message_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad example is refused, and the place that is wrong is named."""
    assert place in find_refused_places(CATALOGUE[tag].model, fields)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(ANSWERED, list_good_answers))
def test_a_good_answer_is_read(tag: str, fields: dict[str, Any]) -> None:
    """Each good answer is a typed answer to its type."""
    answer = CATALOGUE[tag].answer
    assert answer is not None
    assert find_refused_places(answer, fields) == set()


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(ANSWERED, list_bad_answers))
def test_a_bad_answer_is_refused_where_it_is_bad(
    tag: str, fields: dict[str, Any], place: str
) -> None:
    """Each bad answer is refused, and the place that is wrong is named."""
    answer = CATALOGUE[tag].answer
    assert answer is not None
    assert place in find_refused_places(answer, fields)


@pytest.mark.parametrize("tag", TAGS)
def test_every_field_is_shown_in_an_example_and_classified(tag: str) -> None:
    """No field of a body is without an example, and none without its sensitivity."""
    body = CATALOGUE[tag].model.model_fields["body"].annotation
    assert body is not None
    filled = set().union(
        *(list_filled(read_as(body, fields["body"])) for _, fields in list_good(tag))
    )
    assert list_fields(body) - filled == set()
    assert list_wrongly_marked(body) == set()
