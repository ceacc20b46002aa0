"""The node counts working days as the recipient's part of the registry lists them."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from contact_registry.schedules import Holiday, Weekday, WorkCalendar
from node.service.composing import handle_send
from node.service.context import RefusedDraftError
from protocol.identifiers import ParticipantCode
from tests.support.node import Network, make_draft

XK = ParticipantCode("XK")


def find_answer_by(network: Network, calendar: WorkCalendar | None) -> datetime:
    """Return when XK owes its answer to a notification, under this calendar."""
    directory = network.directory.directory
    contacts = directory.contacts[XK].model_copy(update={"calendar": calendar})
    network.directory.directory = replace(directory, contacts={**directory.contacts, XK: contacts})
    answer_by = handle_send(network.node("AL"), make_draft(), actor="u1").answer_by
    assert answer_by is not None
    return answer_by


def test_holidays_and_weekends_move_the_deadline(network: Network) -> None:
    """Two working days are two days on which the recipient works."""
    start = network.clock.now.date()
    plain = find_answer_by(network, None)
    next_day = date.fromordinal(start.toordinal() + 1)
    holidays = WorkCalendar(holidays=(Holiday(day=next_day),))
    assert find_answer_by(network, WorkCalendar()) == plain
    assert (find_answer_by(network, holidays) - plain).days >= 1
    days = tuple(Weekday)
    weekend = WorkCalendar(weekend=(days[next_day.weekday()], Weekday.SATURDAY, Weekday.SUNDAY))
    assert find_answer_by(network, weekend) == find_answer_by(network, holidays)


def test_a_desk_that_is_not_listed_has_no_calendar(network: Network) -> None:
    """A draft to a desk outside the registry is refused, and says what to do."""
    for desk in ("XK-nobody", "nobody"):
        with pytest.raises(RefusedDraftError):
            handle_send(network.node("AL"), make_draft(to_authority=desk), actor="u1")
