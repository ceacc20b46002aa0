"""The table of a change's states: what may follow what, and that nothing else can."""

import pytest

from contact_registry.changes.errors import StepNotPossibleError
from contact_registry.changes.states import OPEN, TRANSITIONS, ChangeState, Step, advance, can
from tests.support.checkout import ROOT


def test_every_state_and_every_step_is_in_the_table() -> None:
    """Nothing was forgotten, and every state but the first can be reached."""
    assert set(TRANSITIONS) == set(ChangeState)
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Step)
    reached = {state for steps in TRANSITIONS.values() for state in steps.values()}
    assert reached == set(ChangeState)


def test_from_every_open_state_there_is_a_way_to_an_end() -> None:
    """No change can be stuck: each open state leads to a state that is none."""
    for state in OPEN:
        seen, ahead = {state}, [state]
        while ahead:
            following = set(TRANSITIONS[ahead.pop()].values()) - seen
            seen |= following
            ahead += following
        assert seen - OPEN


def test_while_nobody_knows_whether_it_is_published_nobody_can_take_it_back() -> None:
    """A change on its way is neither withdrawn nor edited, nor opened again."""
    for step in (Step.WITHDRAWN, Step.EDITED, Step.REOPENED, Step.SENT):
        assert not can(ChangeState.PUBLISHING, step)


def test_only_enough_signatures_lead_to_publishing() -> None:
    """What is sent was signed: there is no other way there."""
    into = [
        state for state, steps in TRANSITIONS.items() if ChangeState.PUBLISHING in steps.values()
    ]
    assert into == [ChangeState.SIGNED]
    into = [state for state, steps in TRANSITIONS.items() if steps.get(Step.SIGNATURES_COMPLETE)]
    assert into == [ChangeState.WAITING]


def test_what_is_not_in_the_table_is_refused_with_what_to_do() -> None:
    """The refusal names both, and says what to do next."""
    with pytest.raises(StepNotPossibleError, match="published cannot be withdrawn: open it again"):
        advance(ChangeState.PUBLISHED, Step.WITHDRAWN)


def test_the_table_that_people_read_is_that_of_the_code() -> None:
    """The documentation says of every state what may follow, as the code has it."""
    text = (ROOT / "docs" / "directory-changes.md").read_text()
    for state, steps in TRANSITIONS.items():
        told = ", ".join(f"{step} → `{after}`" for step, after in steps.items()) or "the end"
        assert f"| `{state}` | {told} |" in text
