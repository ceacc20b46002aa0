"""Whose answer to a drill counts, and for what."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contact_registry.drills.answering import (
    check_answer,
    is_confirmed_by_node,
    note_telephone_answer,
)
from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill
from contact_registry.drills.news import DrillNotice
from contact_registry.drills.states import DrillState
from protocol.drill_answer import AnsweredBy, DrillOutcome, DrillStatement
from protocol.errors import ExpiredError, ForgedError, MalformedError
from protocol.hub_request import REQUEST_WINDOW, HubRequest, Purpose
from protocol.identifiers import AuthorityId, Phase
from tests.support.drills import (
    ASKED_AT,
    NODE_KEY,
    OTHER_KEY,
    make_asked,
    make_drill_directory,
    sign_answer,
)
from tests.support.registry import AL

SOON = ASKED_AT + timedelta(hours=1)


def refuse(drill: Drill, data: bytes) -> DrillRefusal:
    """Return why the hub refuses these bytes."""
    with pytest.raises(DrillRefusedError) as refused:
        check_answer(drill, data, directory=make_drill_directory(), received_at=SOON)
    return refused.value.code


def test_the_nodes_answer_is_taken_and_stays_checkable_by_anybody() -> None:
    """A good answer says what was signed, and everybody with the registry can check it again."""
    drill, directory = make_asked(), make_drill_directory()
    signed = sign_answer(drill.question, at=SOON)
    result = check_answer(drill, signed, directory=directory, received_at=SOON)
    assert (result.outcome, result.answered_by) == (DrillOutcome.REACHED, AnsweredBy.DESK)
    answered = drill.answer(result)
    assert is_confirmed_by_node(answered, directory)
    assert not is_confirmed_by_node(answered, make_drill_directory(key=OTHER_KEY))
    for told in (
        replace(result, outcome=DrillOutcome.ENTRY_WRONG),
        replace(result, answered_at=SOON - timedelta(hours=1)),
        replace(result, signed=None),
    ):
        assert not is_confirmed_by_node(replace(answered, result=told), directory)


@pytest.mark.parametrize(
    "changes",
    [
        {"drill_id": "f" * 32},
        {"phase": Phase.RETURN},
        {"authority": AuthorityId("AL-other")},
        {"asked_at": ASKED_AT - timedelta(days=90)},
        {"answer_by": ASKED_AT + timedelta(days=30)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_answer_to_another_question_is_refused(changes: dict[str, Any]) -> None:
    """A good signature over another drill, phase, desk or day proves nothing about this one."""
    drill = make_asked()
    other = replace(drill.question, **changes)
    assert refuse(drill, sign_answer(other, at=SOON)) is DrillRefusal.OTHER_DRILL


def test_only_a_listed_key_over_exactly_these_bytes_counts() -> None:
    """A stranger's key, a changed byte and bytes of another shape are refused, each by its name."""
    drill = make_asked()
    stranger = sign_answer(drill.question, at=SOON, key=OTHER_KEY)
    good = sign_answer(drill.question, at=SOON)
    assert refuse(drill, stranger) is DrillRefusal.UNKNOWN_SIGNER
    assert refuse(drill, good[:-1] + bytes([good[-1] ^ 1])) is DrillRefusal.FORGED
    assert refuse(drill, good + b"\x00") is DrillRefusal.MALFORMED
    assert refuse(drill, b"") is DrillRefusal.MALFORMED


def test_a_hub_cannot_pass_on_what_was_signed_as_something_else() -> None:
    """A state that the signed answer does not lead to is refused, however good the signature."""
    drill, directory = make_asked(), make_drill_directory()
    signed = sign_answer(drill.question, at=SOON, outcome=DrillOutcome.NOT_REACHED)
    failed = drill.answer(check_answer(drill, signed, directory=directory, received_at=SOON))
    told = DrillNotice.of(failed).model_dump()
    assert DrillNotice.model_validate(told).to_drill().state is DrillState.UNREACHED
    late = {"outcome": DrillOutcome.REACHED, "answered_by": AnsweredBy.DESK}
    for lie in (
        {"state": DrillState.ANSWERED},
        {"outcome": DrillOutcome.REACHED},
        {"answered_by": AnsweredBy.DESK},
        late | {"state": DrillState.ANSWERED_LATE},
        {"state": DrillState.ASKED},
    ):
        with pytest.raises(ValueError, match=r"drill|reached"):
            DrillNotice.model_validate(told | lie)


@pytest.mark.parametrize("offset", [timedelta(hours=-2), timedelta(hours=2)])
def test_an_answer_from_before_the_question_or_after_now_is_refused(offset: timedelta) -> None:
    """A clock that is wrong by hours is named, because whoever reads the result would be misled."""
    drill = make_asked()
    signed = sign_answer(drill.question, at=SOON + offset)
    assert refuse(drill, signed) is DrillRefusal.WRONG_MOMENT


def test_the_telephone_counts_only_where_there_is_no_node() -> None:
    """Operators write down an answer for a Participant without a node, and for no other."""
    said = DrillStatement(DrillOutcome.REACHED, AnsweredBy.RESERVE, SOON)
    result = note_telephone_answer(make_asked(), said, recorded_by="op1", has_node=False)
    assert (result.recorded_by, result.signed) == ("op1", None)
    with pytest.raises(DrillRefusedError, match="focal point") as refused:
        note_telephone_answer(make_asked(), said, recorded_by="op1", has_node=True)
    assert refused.value.code is DrillRefusal.HAS_NODE
    with pytest.raises(MalformedError, match="nobody"):
        DrillStatement(DrillOutcome.NOT_REACHED, AnsweredBy.DESK, SOON)


def test_a_request_is_good_for_a_few_minutes_and_one_signer() -> None:
    """What a node reads at the hub is asked for under its signature, and not for long."""
    request = HubRequest.parse(
        HubRequest.sign(Purpose.DRILLS, participant=AL, at=SOON, key=NODE_KEY).encode()
    )
    assert (request.participant, request.asked_at) == (AL, SOON)
    key = NODE_KEY.verify_key
    request.verify(key, purpose=Purpose.DRILLS, now=SOON + REQUEST_WINDOW)
    with pytest.raises(ExpiredError, match="clocks"):
        request.verify(
            key, purpose=Purpose.DRILLS, now=SOON + REQUEST_WINDOW + timedelta(seconds=1)
        )
    with pytest.raises(ForgedError):
        request.verify(OTHER_KEY.verify_key, purpose=Purpose.DRILLS, now=SOON)
    forged = replace(request, signer=OTHER_KEY.key_id)
    with pytest.raises(ForgedError):
        forged.verify(OTHER_KEY.verify_key, purpose=Purpose.DRILLS, now=SOON)
