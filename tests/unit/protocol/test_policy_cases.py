"""The table of cases is the test of the policy: policy_cases.csv, readable without this file."""

import pytest

from protocol.policy.deciding import RULES, decide
from protocol.policy.decision import Outcome
from tests.support.policy_situations import PolicyCase, load_cases, load_situations

CASES = load_cases()
BY_CODE = {rule.code: rule for rule in RULES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_a_case_is_decided_as_the_table_says(case: PolicyCase) -> None:
    """Outcome and reasons are exactly those of the row, none more and none fewer."""
    decision = decide(case.facts)
    assert decision.outcome is case.outcome, case.title
    assert sorted(reason.code for reason in decision.reasons) == sorted(case.codes), case.title


@pytest.mark.parametrize("code", BY_CODE, ids=str)
def test_every_rule_is_shown_from_both_sides(code: str) -> None:
    """For each rule the table has a case that breaks it and an allowed one that keeps it."""
    own = [case for case in CASES if case.rule == code]
    assert [case.number for case in own if code in case.codes]
    assert [case.number for case in own if code not in case.codes and case.outcome is Outcome.ALLOW]


def test_the_table_is_sound() -> None:
    """Numbers and titles are given once, rules exist, and every base situation is used."""
    assert len(CASES) >= 150
    assert [case.number for case in CASES] == [f"{n:03}" for n in range(1, len(CASES) + 1)]
    titles = [(case.rule, case.title) for case in CASES]
    assert len(set(titles)) == len(titles)
    assert {case.rule for case in CASES} == set(BY_CODE)
    assert {code for case in CASES for code in case.codes} == set(BY_CODE)


@pytest.mark.parametrize("name", load_situations())
def test_a_base_situation_is_allowed(name: str) -> None:
    """Each base situation may be sent: a refused case is refused for its difference alone."""
    assert decide(load_situations()[name]).outcome is Outcome.ALLOW
