"""The tables of approvals, deletions and returns: what is not in them cannot happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.approvals import APPROVAL_TABLE, ApprovalAct, ApprovalState, advance_approval
from node.domain.returns import (
    NOTHING_PREPARED,
    Answers,
    ForeignCheck,
    ReturnJourney,
    ReturnStep,
    Situation,
    list_missing,
    make_facts,
)
from node.domain.withdrawals import (
    OPEN_STATES,
    DeletionEvent,
    DeletionState,
    advance_deletion,
)
from protocol.messages.fields import TriState


@pytest.mark.parametrize("act", ApprovalAct)
def test_only_what_waits_is_settled(act: ApprovalAct) -> None:
    """A request is settled once, whatever is tried afterwards."""
    settled = advance_approval(ApprovalState.WAITING, act)
    assert settled is not None
    assert [advance_approval(settled, later) for later in ApprovalAct] == [None] * len(ApprovalAct)
    assert {state for state, _ in APPROVAL_TABLE} == {ApprovalState.WAITING}


@given(st.lists(st.sampled_from(DeletionEvent), max_size=12))
def test_a_deletion_stays_open_until_it_is_answered(events: list[DeletionEvent]) -> None:
    """Whatever happens in whatever order, only an answer or a taking back ends it."""
    state, ended = DeletionState.OPEN, False
    for event in events:
        state = advance_deletion(state, event) or state
        ended = ended or event not in {DeletionEvent.DEADLINE_PASSED, DeletionEvent.LONG_PASSED}
        assert (state in OPEN_STATES) is not ended


def test_what_was_erased_is_the_end() -> None:
    """Nothing follows on a full deletion; what was kept may still be deleted."""
    assert not [e for e in DeletionEvent if advance_deletion(DeletionState.ERASED, e)]
    later = advance_deletion(DeletionState.NOT_ERASED, DeletionEvent.ANSWERED_ERASED)
    assert later is DeletionState.ERASED


def test_each_gate_is_missing_until_it_is_met() -> None:
    """A child's return to its family lacks every step, then one fewer each, and in the end none."""
    journey = NOTHING_PREPARED.model_copy(update={"is_to_family": True})
    steps: list[dict[str, object]] = [
        {"decision_recorded": True, "informed_of": ("risks_of_return",)},
        {"is_voluntary": True},
        {"risk_assessed": True},
        {"checks": tuple(ForeignCheck)},
        {"best_interest_assessed": True},
        {"family_assessed": True},
        {"person_agrees_to_family": TriState.YES},
        {"family_agrees": TriState.YES},
    ]
    counts, made = [], journey
    for done in range(len(steps) + 1):
        met = {name: value for step in steps[:done] for name, value in step.items()}
        made = ReturnJourney.model_validate(journey.model_dump() | met)
        counts.append(len(list_missing(Situation(made, Answers(), treated_as_child=True))))
    assert counts == [11, 10, 9, 8, 7, 6, 5, 4, 3]
    answers = Answers(reception_confirmed=True, notice_acknowledged=True)
    complete = Situation(made, answers, treated_as_child=True, guardian_appointed=True)
    assert list_missing(complete) == ()
    assert make_facts(complete).family_agrees
    adult = [each.step for each in list_missing(Situation(NOTHING_PREPARED, Answers()))]
    assert ReturnStep.GUARDIAN not in adult
