"""The marks of a Participant's list, and whom to remind of what."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

import pytest

from contact_registry.drills.schedule import DrillRules
from contact_registry.freshness import (
    CONFIRMED_FOR,
    Loss,
    LossReason,
    Mark,
    ReviewState,
    judge_review,
    list_reviews,
    list_wrong_entries,
    score_participants,
)
from contact_registry.models import ListedBy
from contact_registry.reminders import ReminderKind, list_reminders
from protocol.drill_answer import DrillOutcome
from protocol.identifiers import Phase
from tests.support.drills import (
    ANSWER_BY,
    ASKED_AT,
    make_asked,
    make_desk,
    make_drill_directory,
    make_result,
)
from tests.support.registry import AL

TODAY = ASKED_AT.date()


@pytest.mark.parametrize(
    ("confirmed", "due", "state"),
    [
        (TODAY, None, ReviewState.IN_TIME),
        (TODAY - CONFIRMED_FOR, None, ReviewState.DUE_SOON),
        (TODAY - CONFIRMED_FOR - timedelta(days=1), None, ReviewState.OVERDUE),
        (TODAY, TODAY, ReviewState.DUE_SOON),
        (TODAY, TODAY - timedelta(days=1), ReviewState.OVERDUE),
        (date(2020, 1, 1), TODAY + timedelta(days=31), ReviewState.IN_TIME),
        (date.max, None, ReviewState.IN_TIME),
        (None, None, ReviewState.NEVER_CONFIRMED),
        (None, TODAY - timedelta(days=1), ReviewState.OVERDUE),
    ],
)
def test_a_review_is_due_on_the_day_named_or_half_a_year_after_the_confirmation(
    confirmed: date | None, due: date | None, state: ReviewState
) -> None:
    """The entry's own day counts, the day itself is still in time, and no day is made up."""
    desk = make_desk(last_confirmed=confirmed, review_due=due)
    assert judge_review(desk, listed_by=ListedBy.PARTICIPANT, today=TODAY).state is state


def test_what_operators_typed_in_is_never_called_confirmed() -> None:
    """An entry listed by the operator stays that, however young, unless its review is overdue."""
    young = make_desk(last_confirmed=TODAY)
    old = make_desk(last_confirmed=TODAY, review_due=TODAY - timedelta(days=1))
    by_operator = ListedBy.OPERATOR
    assert judge_review(young, listed_by=by_operator, today=TODAY).state is (
        ReviewState.LISTED_BY_OPERATOR
    )
    assert judge_review(old, listed_by=by_operator, today=TODAY).state is ReviewState.OVERDUE


def test_a_participant_is_marked_by_what_is_missing() -> None:
    """Each mark says of how many things it is, and what lost points to what."""
    desks = (
        make_desk("a", available_24_7=True),
        make_desk("b", last_confirmed=None),
        make_desk("c", review_due=TODAY - timedelta(days=1)),
    )
    directory = make_drill_directory(*desks)
    answered = make_asked(1, authority=desks[0].id).answer(make_result(ASKED_AT))
    failed = make_asked(2, authority=desks[1].id).answer(
        make_result(ASKED_AT, outcome=DrillOutcome.NOT_REACHED)
    )
    late = make_asked(3, authority=desks[2].id, phase=Phase.RETURN).answer(make_result(ANSWER_BY))
    first, silent = score_participants(directory, [answered, failed, late], at=ASKED_AT)
    fresh = first.scores[Mark.FRESHNESS]
    assert (fresh.points, fresh.of) == (33, 3)
    assert set(fresh.losses) == {
        Loss(LossReason.NEVER_CONFIRMED, 1),
        Loss(LossReason.REVIEW_OVERDUE, 1),
    }
    drills = first.scores[Mark.DRILLS]
    assert (drills.points, drills.of) == (25, 6)
    assert drills.losses == (
        Loss(LossReason.NEVER_DRILLED, 3),
        Loss(LossReason.DRILL_FAILED, 1),
        Loss(LossReason.DRILL_OVERDUE, 1),
    )
    covered = first.scores[Mark.COVERAGE]
    # Two phases of five have a desk of their own; the others fall back on identification.
    assert (covered.points, covered.of) == (70, 20)
    assert covered.losses == (Loss(LossReason.ONLY_STAND_IN, 12),)
    assert first.weakest is Mark.DRILLS
    assert silent.scores[Mark.FRESHNESS].losses == (Loss(LossReason.NOTHING_LISTED, 1),)
    assert {silent.scores[mark].points for mark in Mark} == {0}


def test_an_old_drill_and_an_open_one_count_for_what_they_are() -> None:
    """Open says nothing yet, twice the interval ago nothing any more, a wrong entry half."""
    directory = make_drill_directory()
    answered = make_asked(1).answer(make_result(ASKED_AT))
    asked = make_asked(2, asked_at=ASKED_AT + timedelta(days=90))
    (first, _) = score_participants(directory, [answered, asked], at=ASKED_AT + timedelta(days=91))
    assert first.scores[Mark.DRILLS].losses == (Loss(LossReason.NEVER_DRILLED, 1),)
    (first, _) = score_participants(directory, [answered], at=ASKED_AT + timedelta(days=181))
    assert first.scores[Mark.DRILLS].points == 0
    assert Loss(LossReason.DRILL_TOO_OLD, 1) in first.scores[Mark.DRILLS].losses
    seldom = DrillRules(interval=timedelta(days=91))
    (first, _) = score_participants(
        directory, [answered], at=ASKED_AT + timedelta(days=181), rules=seldom
    )
    assert first.scores[Mark.DRILLS].points == 50
    wrong = make_asked(1).answer(make_result(ASKED_AT, outcome=DrillOutcome.ENTRY_WRONG))
    (first, _) = score_participants(directory, [wrong], at=ASKED_AT)
    assert first.scores[Mark.DRILLS].points == 25
    assert Loss(LossReason.ENTRY_WRONG, 1) in first.scores[Mark.DRILLS].losses


def test_an_entry_found_wrong_is_named_until_it_was_confirmed_after() -> None:
    """Days do not tell what came first on the day of the answer, so that day does not settle it."""
    wrong = make_asked(1).answer(make_result(ASKED_AT, outcome=DrillOutcome.ENTRY_WRONG))
    for confirmed, named in (
        (None, (wrong,)),
        (TODAY, (wrong,)),
        (TODAY + timedelta(days=1), ()),
    ):
        directory = make_drill_directory(make_desk(last_confirmed=confirmed))
        assert list_wrong_entries(directory, [wrong, make_asked(2)]) == named
    assert list_wrong_entries(make_drill_directory(make_desk("other")), [wrong]) == ()


def test_reviews_come_most_urgent_first() -> None:
    """Who never confirmed comes first, then the earliest day."""
    desks = (
        make_desk("later", review_due=TODAY + timedelta(days=2)),
        make_desk("never", last_confirmed=None),
        make_desk("sooner", review_due=TODAY + timedelta(days=1)),
    )
    reviews = list_reviews(make_drill_directory(*desks), ASKED_AT, participant=AL)
    assert [review.authority.id for review in reviews] == ["AL-never", "AL-sooner", "AL-later"]


def test_each_thing_is_reminded_of_once_and_again_when_its_day_changes() -> None:
    """Review and drill have keys of their own; what was sent is not sent again."""
    desk = make_desk(review_due=TODAY + timedelta(days=5))
    directory = make_drill_directory(desk)
    sent: set[str] = set()

    def already_sent(keys: Collection[str]) -> set[str]:
        return sent & set(keys)

    drill = make_asked()
    found = list_reminders(directory, [drill], now=ASKED_AT, already_sent=already_sent)
    assert [each.kind for each in found] == [ReminderKind.REVIEW_DUE_SOON, ReminderKind.DRILL_ASKED]
    assert {each.mailboxes for each in found} == {("desk@coordination.example",)}
    sent |= {each.key for each in found}
    assert list_reminders(directory, [drill], now=ASKED_AT, already_sent=already_sent) == ()
    later = list_reminders(
        directory,
        [drill.at(ANSWER_BY)],
        now=ASKED_AT + timedelta(days=6),
        already_sent=already_sent,
    )
    assert [each.kind for each in later] == [
        ReminderKind.REVIEW_OVERDUE,
        ReminderKind.DRILL_OVERDUE,
    ]
    unlisted = replace(directory, contacts={})
    assert list_reminders(unlisted, [drill], now=ASKED_AT, already_sent=already_sent) == ()
