"""Which desks are asked next, and until when they may answer."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from contact_registry.drills.models import Drill
from contact_registry.drills.schedule import (
    RULES,
    find_answer_by,
    list_due,
    make_question,
    next_drill_at,
)
from contact_registry.models import Competence
from contact_registry.schedules import Holiday, WorkCalendar
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


def due_phases(*drills: Drill, now: datetime = ASKED_AT) -> list[Phase]:
    """Return the phases of the one desk that are due."""
    return [each.phase for each in list_due(make_drill_directory(), drills, now=now)]


def test_a_desk_is_asked_once_for_each_phase_and_again_after_the_interval() -> None:
    """Never asked is due first; answered is due again after the interval, and not before."""
    assert due_phases() == [Phase.IDENTIFICATION, Phase.RETURN]
    answered = make_asked().answer(make_result(ASKED_AT))
    assert due_phases(answered) == [Phase.RETURN]
    again = ASKED_AT + RULES.interval
    assert next_drill_at(answered) == again
    assert due_phases(answered, now=again - timedelta(hours=1)) == [Phase.RETURN]
    assert due_phases(answered, now=again) == [Phase.RETURN, Phase.IDENTIFICATION]


def test_a_failed_drill_is_repeated_sooner_and_an_open_one_is_left_alone() -> None:
    """A week after a failure the desk is asked again; an open question is not asked twice."""
    assert due_phases(make_asked()) == [Phase.RETURN]
    failed = make_asked().answer(make_result(ASKED_AT, outcome=DrillOutcome.NOT_REACHED))
    week = ASKED_AT + RULES.after_failure
    assert due_phases(failed, now=week) == [Phase.RETURN, Phase.IDENTIFICATION]
    wrong = make_asked().answer(make_result(ASKED_AT, outcome=DrillOutcome.ENTRY_WRONG))
    assert next_drill_at(wrong) == week
    overdue = make_asked().at(ANSWER_BY)
    assert due_phases(overdue, now=ANSWER_BY) == [Phase.RETURN]
    assert Phase.IDENTIFICATION in due_phases(overdue, now=week)
    withdrawn = make_asked().close(because="Mistake")
    assert due_phases(withdrawn) == [Phase.IDENTIFICATION, Phase.RETURN]


def test_nobody_is_asked_at_night_on_days_off_or_more_than_fits() -> None:
    """The schedule asks in the desk's working hours, and keeps to what one Participant can do."""
    for moment in (
        ASKED_AT.replace(hour=3),
        ASKED_AT + timedelta(hours=8),
        datetime(2026, 3, 14, 10, 0, tzinfo=UTC),  # a Saturday
    ):
        assert due_phases(now=moment) == []
    desks = [make_desk(f"desk-{number}") for number in range(4)]
    many = list_due(make_drill_directory(*desks), (), now=ASKED_AT)
    assert Counter(each.authority.id[:2] for each in many) == {AL: RULES.open_at_once}
    dead = [
        make_asked(number, authority=desk.id, asked_at=ASKED_AT - timedelta(days=9)).at(ANSWER_BY)
        for number, desk in enumerate(desks[:3])
    ]
    others = list_due(make_drill_directory(*desks), dead, now=ASKED_AT)
    assert {each.last_asked_at for each in others} == {None}  # the dead do not keep the rest back
    assert len(others) == RULES.open_at_once
    ended = make_desk("old", valid_to=date(2025, 1, 1))
    silent = make_desk("silent", competences=())
    assert list_due(make_drill_directory(ended, silent), (), now=ASKED_AT) == ()


def test_an_answer_is_due_in_the_desks_working_days() -> None:
    """Weekend and holidays do not count, and the hour stays that of the desk's clock."""
    directory = make_drill_directory()
    desk = make_desk()
    assert find_answer_by(desk, directory, now=ASKED_AT) == ANSWER_BY
    friday = datetime(2026, 3, 27, 10, 0, tzinfo=UTC)
    # Clocks go forward on Sunday: the same hour there is an hour earlier in UTC.
    assert find_answer_by(desk, directory, now=friday) == datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
    calendar = WorkCalendar(holidays=(Holiday(day=date(2026, 3, 11)),))
    contacts = directory.contacts[AL].model_copy(update={"calendar": calendar})
    closed = replace(directory, contacts={AL: contacts})
    assert find_answer_by(desk, closed, now=ASKED_AT) == ANSWER_BY + timedelta(days=1)


def test_a_question_is_new_each_time_and_says_exactly_what_is_asked() -> None:
    """Identifiers come from randomness, moments are whole seconds, and the phase is the desk's."""
    desk = make_desk(competences=(Competence(phase=Phase.RETURN),))
    now = ASKED_AT + timedelta(milliseconds=300)
    question = make_question(
        desk, Phase.RETURN, answer_by=ANSWER_BY, now=now, random=lambda size: b"\x07" * size
    )
    assert question.drill_id == "07" * 16
    assert (question.asked_at, question.answer_by) == (ASKED_AT, ANSWER_BY)
    assert (question.participant, question.authority) == (AL, desk.id)
