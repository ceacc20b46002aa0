"""How old a view of the registry is, in grades, and what each means."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contact_registry.trust.staleness import (
    DEFAULT_AGE_LIMIT,
    MEANINGS,
    AgeLimits,
    Grade,
    grade_view,
)
from tests.support.node import NOON, make_directory, make_keystore

VIEW = replace(make_directory([make_keystore("AL")]), expires_at=NOON + timedelta(days=200))
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "grade"),
    [
        (timedelta(), Grade.FRESH),
        (timedelta(hours=1) - SECOND, Grade.FRESH),
        (timedelta(hours=1), Grade.WARN),
        (timedelta(days=1) - SECOND, Grade.WARN),
        (timedelta(days=1), Grade.STALE),
        (timedelta(days=14) - SECOND, Grade.STALE),
        (timedelta(days=14), Grade.TOO_OLD),
        (timedelta(days=9_000), Grade.TOO_OLD),
        (timedelta(minutes=-5), Grade.FRESH),
        (timedelta(minutes=-5) - SECOND, Grade.STALE),
    ],
)
def test_a_grade_begins_at_its_age(age: timedelta, grade: Grade) -> None:
    """A view gets each grade at the very second; one of the future has no age that is known."""
    judged = grade_view(VIEW, now=NOON + age)
    assert (judged.grade, judged.age) == (grade, age)
    assert judged.too_old_at == NOON + DEFAULT_AGE_LIMIT
    assert judged.is_clock_behind == (age < timedelta(minutes=-5))


def test_a_view_that_ran_out_is_stale_at_once() -> None:
    """Whatever its age, a view whose signatures ran out should have been replaced by now."""
    expired = replace(VIEW, expires_at=NOON + timedelta(minutes=10))
    assert grade_view(expired, now=NOON + timedelta(minutes=10) - SECOND).grade is Grade.FRESH
    assert grade_view(expired, now=NOON + timedelta(minutes=10)).grade is Grade.STALE


def test_the_limit_is_a_setting_and_the_grades_stay_in_order() -> None:
    """Data waits from the age that is set; limits that do not ascend are refused."""
    limits = AgeLimits(too_old=timedelta(days=3))
    assert grade_view(VIEW, now=NOON + timedelta(days=3), limits=limits).grade is Grade.TOO_OLD
    with pytest.raises(ValueError, match="ascend"):
        AgeLimits(too_old=timedelta(hours=2))


def test_each_grade_means_at_least_what_the_one_before_does() -> None:
    """What a grade stops or shows, every older grade stops or shows; only the oldest holds back."""
    assert list(MEANINGS) == list(Grade)
    shown = [
        (meaning.is_trouble, meaning.is_shown_to_all, meaning.holds_back_personal_data)
        for meaning in MEANINGS.values()
    ]
    assert shown == sorted(shown)
    assert [holds for *_, holds in shown] == [False, False, False, True]
