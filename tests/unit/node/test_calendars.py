"""Days off: out of the library, out of a file, and beside those of the registry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.refusals import say_english
from contact_registry.schedules import Holiday, WorkCalendar
from node.adapters.calendars import (
    CalendarError,
    LibraryCalendar,
    load_calendar_file,
    parse_calendar_file,
)
from node.service.work.calendar import (
    compute_default_due,
    list_calendar_notices,
    list_days_off,
    load_own_calendar,
)
from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.messages.codes import Urgency
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    make_context,
    make_directory,
    make_keystore,
)

EXAMPLE = Path(__file__).parents[3] / "docs" / "duty.md"


@pytest.mark.parametrize(
    ("code", "days"),
    [
        # Both Easters, and Eid al-Fitr, which the library estimates.
        ("AL", {"2026-04-06", "2026-04-13", "2026-03-20", "2026-11-28"}),
        ("XK", {"2026-02-17", "2026-04-06", "2026-04-13", "2026-03-20"}),
        ("MK", {"2026-04-13", "2026-03-20", "2026-08-02"}),
        ("RS", {"2026-04-10", "2026-04-13", "2026-02-16", "2027-01-07"}),
        ("ME", {"2026-05-21", "2026-07-13"}),
        ("BA", {"2026-05-01"}),
    ],
)
def test_the_library_knows_the_feasts(code: str, days: set[str]) -> None:
    """Fixed days, the feasts of both churches, and those that follow the moon."""
    calendar = LibraryCalendar(ParticipantCode(code))
    known = {*calendar.list_days(2026), *calendar.list_days(2027)}
    assert {date.fromisoformat(day) for day in days} <= known
    assert calendar.list_days(1) == calendar.list_days(9999) == {}


def test_a_file_adds_and_takes_away(tmp_path: Path) -> None:
    """The example of the documents works; what it cannot mean is refused with what to do."""
    text = EXAMPLE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    path = tmp_path / "calendar.toml"
    path.write_text(text, "utf-8")
    file = load_calendar_file(path)
    days = LibraryCalendar(ParticipantCode("XK"), file).list_days(2026)
    assert days[date(2026, 3, 19)] == "Eid al-Fitr"
    assert date(2026, 3, 20) not in days
    assert days[date(2026, 11, 27)] == "Day of the authority"
    own = parse_calendar_file(b'country = ""\n[[add]]\nday = 2026-07-01\nname = "x"')
    assert list(LibraryCalendar(ParticipantCode("XK"), own).list_days(2026)) == [date(2026, 7, 1)]
    assert LibraryCalendar(ParticipantCode("ZZ")).list_days(2026) == {}
    for content in (b'country = "ZZ"', b'subdivision = "Q"\ncountry = "XK"'):
        with pytest.raises(CalendarError, match="correct the calendar file"):
            LibraryCalendar(ParticipantCode("XK"), parse_calendar_file(content))
    with pytest.raises(CalendarError, match="cannot be read"):
        load_calendar_file(tmp_path / "none.toml")


@given(
    st.binary(max_size=60) | st.text(alphabet='[]="\n add.day2026-', max_size=60).map(str.encode)
)
def test_any_bytes_are_a_calendar_or_refused(content: bytes) -> None:
    """Nothing but the one error comes out of a file that is none."""
    try:
        parse_calendar_file(content)
    except CalendarError as error:
        assert "correct" in str(error) or "compare" in str(error)


def test_the_registry_goes_first_and_the_calendar_helps(
    node_url_of: Callable[[str], str],
) -> None:
    """Years that the registry lists are as it says; of others people are told what it lacks."""
    store = make_keystore("XK")
    directory = FixedDirectory(make_directory([store]))
    made = make_context(store, directory, database_url=node_url_of("XK"), clock=FakeClock())
    context = replace(made, holidays=LibraryCalendar(ParticipantCode("XK")))
    desk = AuthorityId("XK-anti-trafficking-desk")
    friday = datetime(2026, 4, 3, 12, 0, tzinfo=UTC)
    # Easter Monday of the Western church is off by the calendar alone.
    due = compute_default_due(context, desk, urgency=Urgency.STANDARD, at=friday)
    assert due == datetime(2026, 4, 7, 12, 0, tzinfo=UTC)
    assert any("in 2026" in say_english(line) for line in list_calendar_notices(context))
    assert due != compute_default_due(made, desk, urgency=Urgency.STANDARD, at=friday)
    listed = WorkCalendar(holidays=(Holiday(day=date(2026, 4, 8)),))
    contacts = directory.directory.contacts
    document = contacts[ParticipantCode("XK")].model_copy(update={"calendar": listed})
    directory.directory = replace(
        directory.directory, contacts={**contacts, ParticipantCode("XK"): document}
    )
    calendar = load_own_calendar(context, desk)
    assert date(2026, 4, 6) not in calendar.holidays
    assert date(2026, 4, 8) in calendar.holidays
    assert date(2027, 3, 29) in calendar.holidays
    assert list_calendar_notices(context) == []
    by_day = {each.day: each for each in list_days_off(context, 2026)}
    assert (by_day[date(2026, 4, 8)].in_registry, by_day[date(2026, 4, 8)].in_calendar) == (
        True,
        False,
    )
    made.database.close()
