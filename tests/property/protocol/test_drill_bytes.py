"""Drill questions, answers and requests: one encoding each, and garbage is refused in one way."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.drill_answer import (
    AnsweredBy,
    DrillAnswer,
    DrillOutcome,
    DrillQuestion,
    DrillStatement,
)
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.hub_request import HubRequest, Purpose
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from tests.support.drills import ASKED_AT, NODE_KEY, make_asked, sign_answer
from tests.support.messages import flip_bit

ANSWER: Final = sign_answer(make_asked().question, at=ASKED_AT)
REQUEST: Final = HubRequest.sign(
    Purpose.DRILLS, participant=ParticipantCode("AL"), at=ASKED_AT, key=NODE_KEY
).encode()

moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants the bounds without a zone
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
codes = st.from_regex(r"[A-Z][A-Z0-9]{1,7}", fullmatch=True)
slugs = st.from_regex(r"[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}", fullmatch=True)


@st.composite
def questions(draw: st.DrawFn) -> DrillQuestion:
    """Draw a question about any desk."""
    code, asked_at = draw(codes), draw(moments)
    return DrillQuestion(
        drill_id=draw(st.binary(min_size=16, max_size=16)).hex(),
        participant=ParticipantCode(code),
        authority=AuthorityId(f"{code}-{draw(slugs)}"),
        phase=draw(st.sampled_from(Phase)),
        asked_at=asked_at,
        answer_by=asked_at
        + draw(st.timedeltas(timedelta(days=1), timedelta(days=30)))
        // timedelta(seconds=1)
        * timedelta(seconds=1),
    )


@given(questions(), st.sampled_from(DrillOutcome), st.sampled_from(AnsweredBy), moments)
def test_what_is_asked_and_answered_reads_back(
    question: DrillQuestion, outcome: DrillOutcome, by: AnsweredBy, at: datetime
) -> None:
    """A question and an answer are read as themselves, and again as the same bytes."""
    data = question.encode()
    assert DrillQuestion.parse(data) == question
    if (outcome is DrillOutcome.NOT_REACHED) != (by is AnsweredBy.NOBODY):
        return
    statement = DrillStatement(outcome, by, at)
    answer = DrillAnswer.sign(data, statement=statement, key=NODE_KEY)
    read = DrillAnswer.parse(answer.encode())
    assert read == answer
    assert (read.question, read.statement) == (question, statement)
    read.verify(NODE_KEY.verify_key, question=data)


@given(st.integers(min_value=0))
def test_no_bit_of_an_answer_or_request_can_change_unseen(position: int) -> None:
    """Each changed bit is refused in one way, as a wrong shape or a wrong signature."""
    with pytest.raises(RemoteProtocolError):
        DrillAnswer.parse(flip_bit(ANSWER, position)).verify(
            NODE_KEY.verify_key, question=make_asked().question.encode()
        )
    with pytest.raises(RemoteProtocolError):
        HubRequest.parse(flip_bit(REQUEST, position)).verify(
            NODE_KEY.verify_key, purpose=Purpose.DRILLS, now=ASKED_AT
        )


@given(
    st.one_of(st.binary(max_size=600), st.binary(max_size=80).map(lambda end: ANSWER[:100] + end))
)
def test_garbage_is_refused_in_one_way(data: bytes) -> None:
    """Any bytes parse or are refused as bytes from outside, and nothing else leaves the parsers."""
    for parse in (DrillAnswer.parse, DrillQuestion.parse, DrillStatement.parse, HubRequest.parse):
        try:
            parse(data)
        except RemoteProtocolError as error:
            assert str(error)


def test_moments_without_zone_or_with_fractions_are_our_own_mistake() -> None:
    """What would be written as another moment than was meant is not written at all."""
    with pytest.raises(LocalProtocolError):
        DrillStatement(
            DrillOutcome.REACHED, AnsweredBy.DESK, ASKED_AT + timedelta(milliseconds=1)
        ).encode()
    with pytest.raises(LocalProtocolError):
        HubRequest.sign(
            Purpose.DRILLS,
            participant=ParticipantCode("AL"),
            at=ASKED_AT.replace(tzinfo=None),
            key=NODE_KEY,
        )
