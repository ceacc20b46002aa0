"""The node counts working days as the recipient's part of the registry lists them."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from contact_registry.schedules import Holiday, Weekday, WorkCalendar
from node.service.composing import handle_send
from node.service.context import RefusedDraftError
from protocol.identifiers import ParticipantCode
from tests.support.node import Network, make_draft
from tests.support.people import acting
from tests.support.registry_content import make_terms, state

AL = ParticipantCode("AL")
XK = ParticipantCode("XK")


def find_answer_by(network: Network, calendar: WorkCalendar | None) -> datetime:
    """Return when XK owes its answer to a notification, under this calendar."""
    directory = network.directory.directory
    contacts = directory.contacts[XK].model_copy(update={"calendar": calendar})
    network.directory.directory = replace(directory, contacts={**directory.contacts, XK: contacts})
    answer_by = handle_send(network.node("AL"), make_draft(), who=acting("u1")).answer_by
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


def state_terms(network: Network, *stated_by: ParticipantCode, **changes: object) -> None:
    """Let these Participants state an agreement of AL and XK with its own times to answer."""
    terms = make_terms(parties=["AL", "XK"], **changes)
    directory = network.directory.directory
    contacts = {
        code: document.model_copy(
            update={"agreements": (state(terms),) if code in stated_by else ()}
        )
        for code, document in directory.contacts.items()
    }
    network.directory.directory = replace(directory, contacts=contacts)


def test_agreed_times_go_before_the_catalogues(network: Network) -> None:
    """What both agreed on decides, the own row of a pair first; one word alone decides nothing."""
    plain = find_answer_by(network, None)
    own_row = [{"working_days": 9}, {"between": ["AL", "XK"], "working_days": 1}]
    state_terms(network, AL, XK, deadlines=own_row)
    assert find_answer_by(network, None) < plain
    state_terms(network, AL, XK, deadlines=[{"working_days": 9}])
    assert find_answer_by(network, None) > plain
    state_terms(network, XK, deadlines=own_row)
    assert find_answer_by(network, None) == plain
    state_terms(network, AL, XK, deadlines=own_row, phases=["return"])
    assert find_answer_by(network, None) == plain
    state_terms(network, AL, XK, deadlines=own_row, valid_from="2035-01-01", valid_to=None)
    assert find_answer_by(network, None) == plain


def test_agreed_minutes_for_what_is_urgent(network: Network) -> None:
    """Agreed minutes count for urgent messages; a shorter moment that is named stays."""
    state_terms(network, AL, XK, deadlines=[{"urgent_minutes": 720, "immediate_minutes": 60}])
    sent = [
        handle_send(network.node("AL"), make_draft(urgency=urgency), who=acting("u1")).answer_by
        for urgency in ("urgent", "immediate")
    ]
    now = network.clock.now
    assert sent == [now + timedelta(hours=12), now + timedelta(hours=1)]
    soon = now + timedelta(minutes=30)
    named = make_draft(urgency="urgent", answer_by=soon)
    assert handle_send(network.node("AL"), named, who=acting("u1")).answer_by == soon


def test_a_desk_that_is_not_listed_has_no_calendar(network: Network) -> None:
    """A draft to a desk outside the registry is refused, and says what to do."""
    for desk in ("XK-nobody", "nobody"):
        with pytest.raises(RefusedDraftError):
            handle_send(network.node("AL"), make_draft(to_authority=desk), who=acting("u1"))
