"""The states of a drill, and what an answer does to them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill, find_last_results
from contact_registry.drills.states import (
    FAILED,
    OPEN,
    SUCCEEDED,
    TRANSITIONS,
    DrillEvent,
    DrillState,
    move,
)
from protocol.drill_answer import DrillOutcome
from tests.support.drills import ANSWER_BY, ASKED_AT, make_asked, make_result

LATER = ANSWER_BY + timedelta(hours=1)


def test_the_table_lets_no_closed_drill_be_answered_or_withdrawn() -> None:
    """A drill takes an answer exactly in the open states, and nothing leaves a closed one."""
    answers = (DrillEvent.REACHED, DrillEvent.NOT_REACHED, DrillEvent.WITHDRAWN)
    for state in DrillState:
        for event in answers:
            assert (move(state, event) is not None) == (state in OPEN)
    closed = set(DrillState) - OPEN
    assert all(TRANSITIONS[state, DrillEvent.TIME_PASSED] is state for state in closed)
    assert OPEN | SUCCEEDED | FAILED | {DrillState.WITHDRAWN} == set(DrillState)


@pytest.mark.parametrize(
    ("at", "outcome", "state"),
    [
        (ASKED_AT, DrillOutcome.REACHED, DrillState.ANSWERED),
        (ASKED_AT, DrillOutcome.ENTRY_WRONG, DrillState.ANSWERED),
        (ANSWER_BY - timedelta(seconds=1), DrillOutcome.REACHED, DrillState.ANSWERED),
        (ANSWER_BY, DrillOutcome.REACHED, DrillState.ANSWERED_LATE),
        (LATER, DrillOutcome.NOT_REACHED, DrillState.UNREACHED),
    ],
)
def test_an_answer_counts_by_the_moment_the_hub_had_it(
    at: datetime, outcome: DrillOutcome, state: DrillState
) -> None:
    """In time is before the moment asked for, by the hub's clock, whatever the answer claims."""
    result = replace(make_result(ASKED_AT, outcome=outcome), received_at=at)
    answered = make_asked().answer(result)
    assert (answered.state, answered.result) == (state, result)
    assert not answered.is_open


def test_the_same_answer_again_changes_nothing_and_another_one_is_refused() -> None:
    """A node that sends its answer twice finds it recorded once; a second answer is refused."""
    answered = make_asked().answer(make_result(ASKED_AT))
    assert answered.answer(make_result(LATER)) is answered
    with pytest.raises(DrillRefusedError, match="Ask anew") as refused:
        answered.answer(make_result(LATER, signed=b"another"))
    assert refused.value.code is DrillRefusal.CLOSED


def test_an_overdue_drill_stays_open_until_it_is_asked_anew() -> None:
    """Time makes a question overdue once; asked anew it is given up for good."""
    overdue = make_asked().at(ANSWER_BY)
    assert overdue.state is DrillState.OVERDUE
    assert overdue.is_open
    assert overdue.at(LATER) == overdue
    assert overdue.row_version == make_asked().row_version  # nobody changed anything
    superseded = overdue.supersede()
    assert superseded.state is DrillState.UNANSWERED
    assert superseded.row_version == overdue.row_version + 1
    assert make_asked().at(ASKED_AT).state is DrillState.ASKED


def test_a_withdrawn_drill_keeps_the_reason_and_says_nothing_about_the_desk() -> None:
    """The last result of a desk is the latest that says something, not a withdrawn question."""
    failed = make_asked(1).answer(make_result(ASKED_AT, outcome=DrillOutcome.NOT_REACHED))
    newer = make_asked(2, asked_at=ASKED_AT + timedelta(hours=1))
    withdrawn = newer.close(because="Asked by mistake")
    assert withdrawn.closed_because == "Asked by mistake"
    drills: list[Drill] = [withdrawn, make_asked(3), failed]
    assert find_last_results(drills) == {failed.desk_phase: failed}
