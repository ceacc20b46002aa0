"""The desk, who stands in for it, and whom to turn to at a moment."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contact_registry.models import Authority, Competence, PersonGroup, Route, Telephone
from contact_registry.routing import Desk, FallBack, Gap, GapReason, TurnTo, resolve
from contact_registry.schedules import Duty, Schedule, Weekday
from contact_registry.standing_in import RouteProblem
from protocol.identifiers import AuthorityId, Phase
from tests.support.registry import AL, make_authority
from tests.support.registry_content import list_contacts, make_view

OPEN = datetime(2026, 3, 2, 9, tzinfo=UTC)  # Monday, 10:00 in Tirana
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)
OFFICE = (Schedule(byday=tuple(Weekday)[:5], opens_at="08:00", closes_at="16:00"),)
RETURN = (Competence(phase=Phase.RETURN),)
ABROAD = (Telephone(as_listed="+355 44541829", e164="+35544541829"),)
NATIONAL = (Telephone(as_listed="0800 1", national_only=True),)


def desk(slug: str, **changes: Any) -> Authority:
    """Return a desk for return."""
    return make_authority(AL, slug, **{"competences": RETURN, **changes})


def other(slug: str, **changes: Any) -> Authority:
    """Return a desk that is competent for nothing, to stand in."""
    return desk(slug, competences=(), **changes)


def to(slug: str) -> Route:
    """Return a route to another desk."""
    return Route(authority=AuthorityId(f"AL-{slug}"))


def ask(*desks: Authority, at: datetime = OPEN, **question: Any) -> Desk | Gap:
    """Ask AL for its return desk."""
    holidays = question.pop("holidays", None)
    directory = make_view(list_contacts(AL, *desks, holidays=holidays))
    return resolve(directory, participant=AL, phase=Phase.RETURN, at=at, **question)


def find(*desks: Authority, at: datetime = OPEN, **question: Any) -> Desk:
    """Return the desk that must be there."""
    answer = ask(*desks, at=at, **question)
    assert isinstance(answer, Desk)
    return answer


@pytest.mark.parametrize(
    ("at", "duty", "turn_to"),
    [(OPEN, Duty.ON, TurnTo.DESK), (NIGHT, Duty.OFF, TurnTo.OUT_OF_HOURS)],
    ids=["open", "closed"],
)
def test_by_day_the_desk_by_night_its_route(at: datetime, duty: Duty, turn_to: TurnTo) -> None:
    """The competent desk stays the same; whom to ring changes with the hour."""
    office = desk("office", schedules=OFFICE, reserve=to("reserve"), out_of_hours=to("night"))
    answer = find(office, other("reserve"), other("night", available_24_7=True), at=at)
    assert answer.authority.id == "AL-office"
    assert (answer.state.duty, answer.turn_to) == (duty, turn_to)
    assert answer.reserve is not None
    assert answer.reserve.authority is not None
    assert answer.reserve.authority.id == "AL-reserve"
    assert answer.out_of_hours is not None
    assert answer.out_of_hours.answers_at_any_hour


def test_dedicated_channels_answer_out_of_hours() -> None:
    """A route can be a number of the desk's own; one that works there only reaches nobody."""
    answer = find(desk("a", schedules=OFFICE, out_of_hours=Route(telephones=ABROAD)), at=NIGHT)
    assert answer.turn_to is TurnTo.OUT_OF_HOURS
    answer = find(desk("a", schedules=OFFICE, out_of_hours=Route(telephones=NATIONAL)), at=NIGHT)
    assert answer.out_of_hours is not None
    assert answer.out_of_hours.problem is RouteProblem.UNREACHABLE
    assert answer.turn_to is TurnTo.NOBODY_NOW


def test_the_reserve_answers_if_nobody_else_does() -> None:
    """Closed and without a route, the reserve is rung, unless it is known to be closed too."""
    office = desk("a", schedules=OFFICE, reserve=to("b"))
    assert find(office, other("b"), at=NIGHT).turn_to is TurnTo.RESERVE
    assert find(office, other("b", schedules=OFFICE), at=NIGHT).turn_to is TurnTo.NOBODY_NOW


def test_a_route_that_ended_is_named_as_such() -> None:
    """A reserve whose entry is over is shown with its fault and never rung."""
    office = desk("a", schedules=OFFICE, reserve=to("b"))
    answer = find(office, other("b", valid_to=date(2026, 2, 1)), at=NIGHT)
    assert answer.reserve is not None
    assert answer.reserve.problem is RouteProblem.ENDED
    assert answer.turn_to is TurnTo.NOBODY_NOW


def test_holidays_of_the_participant_close_the_desk() -> None:
    """The calendar of the Participant counts when the desk is asked for."""
    answer = find(desk("a", schedules=OFFICE), holidays=[date(2026, 3, 2)])
    assert answer.state.duty is Duty.OFF
    assert "holiday" in answer.state.reason


def test_a_desk_reached_by_its_reserve_is_an_answer() -> None:
    """Without a channel of its own a desk is named, and what was fallen back on is said."""
    silent = desk("silent", telephones=(), reserve=to("reserve"))
    answer = find(silent, other("reserve"))
    assert answer.authority.id == "AL-silent"
    assert answer.fell_back_on == (FallBack.RESERVE,)
    assert not answer.is_reachable
    assert answer.turn_to is TurnTo.RESERVE
    assert "its reserve can" in answer.reason
    assert find(silent, other("reserve"), desk("z")).authority.id == "AL-z"


def test_a_silent_desk_with_a_silent_reserve_is_a_gap() -> None:
    """A reserve that nobody can reach helps nobody."""
    answer = ask(desk("a", telephones=(), reserve=to("b")), other("b", telephones=NATIONAL))
    assert isinstance(answer, Gap)
    assert answer.reason_code is GapReason.NOBODY_REACHABLE


def test_of_equal_desks_the_open_one_wins() -> None:
    """By night a desk that is closed comes after one whose hours nobody knows, by day before."""
    desks = (desk("office", schedules=OFFICE), desk("unknown"))
    assert find(*desks).authority.id == "AL-office"
    assert find(*desks, at=NIGHT).authority.id == "AL-unknown"


def test_a_childrens_desk_is_asked_for_a_child_even_when_closed() -> None:
    """Being open never outweighs being the desk for children."""
    child = (Competence(phase=Phase.RETURN, person_group=PersonGroup.CHILD),)
    desks = (desk("child", competences=child, schedules=OFFICE), desk("any", available_24_7=True))
    assert find(*desks, at=NIGHT, child=True).authority.id == "AL-child"


def test_places() -> None:
    """A desk for the place asked for comes first; one for another place is never named."""
    north, south = (
        desk(slug, competences=(Competence(phase=Phase.RETURN, place=place),), available_24_7=True)
        for slug, place in (("north", "Shkodër"), ("south", "Gjirokastër"))
    )
    whole = desk("whole")
    assert find(north, south, whole, place="SHKODER").authority.id == "AL-north"
    assert find(north, south, whole, place="Tirana").authority.id == "AL-whole"
    assert find(north, south, whole).authority.id == "AL-whole"
    assert find(north).competence.place == "Shkodër"
    assert "in Shkodër" in find(north).reason
    assert isinstance(ask(north, south, place="Tirana"), Gap)


def test_a_past_moment_is_asked_like_today() -> None:
    """The desk of then is named, and its stand-ins as they were valid then."""
    old = desk("old", valid_to=date(2026, 1, 31), reserve=to("past"))
    past = other("past", valid_to=date(2026, 1, 31))
    new = desk("new", valid_from=date(2026, 2, 1))
    then = find(old, past, new, at=datetime(2026, 1, 15, 12, tzinfo=UTC))
    assert then.authority.id == "AL-old"
    assert then.reserve is not None
    assert then.reserve.is_reachable
    assert find(old, past, new).authority.id == "AL-new"
