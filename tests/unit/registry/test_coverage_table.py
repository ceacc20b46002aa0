"""The table of who answers where, and what is wrong in it."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from contact_registry.coverage import (
    Coverage,
    CoverageCode,
    CoverageState,
    Hours,
    list_coverage,
)
from contact_registry.models import Authority, Competence, PersonGroup, Route
from contact_registry.schedules import Schedule, Weekday
from protocol.identifiers import AuthorityId, Channel, Phase
from tests.support.registry import AL, MK, make_authority
from tests.support.registry_content import list_contacts, make_view

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE = (Schedule(byday=tuple(Weekday)[:5], opens_at="08:00", closes_at="16:00"),)
EVERYTHING = tuple(Competence(phase=phase) for phase in Phase)
NEW_YEAR = (date(2026, 1, 1),)


def cover(*desks: Authority, at: datetime = AT, **more: Any) -> Coverage:
    """Return the table of AL, which lists these, with its holidays."""
    contacts = list_contacts(AL, *desks, holidays=NEW_YEAR)
    return list_coverage(make_view(contacts), at, **more)


def codes(coverage: Coverage) -> Counter[CoverageCode]:
    """Count what was found."""
    return Counter(finding.code for finding in coverage.findings)


def test_a_participant_with_everything_has_no_finding() -> None:
    """One desk for all around the clock fills every cell."""
    coverage = cover(make_authority(AL, competences=EVERYTHING, available_24_7=True))
    assert len(coverage.cells) == len(Phase) * 4
    assert {cell.state for cell in coverage.cells} == {CoverageState.COVERED}
    assert coverage.findings == ()


def test_a_participant_that_lists_nobody_is_said_once() -> None:
    """All cells are gaps, and there is one finding, not one for each cell."""
    coverage = list_coverage(make_view(silent=[MK]), AT)
    assert {cell.state for cell in coverage.cells} == {CoverageState.GAP}
    assert codes(coverage) == {CoverageCode.NOTHING_LISTED: 1}


def test_nobody_competent_and_nobody_reachable() -> None:
    """A phase without a desk and one with a mute desk are told apart, per adult and child."""
    adult = (Competence(phase=Phase.RETURN, person_group=PersonGroup.ADULT),)
    mute = make_authority(
        AL, "mute", competences=(Competence(phase=Phase.PROCEEDINGS),), telephones=()
    )
    coverage = cover(make_authority(AL, competences=adult, available_24_7=True), mute)
    of_child = {
        finding.phase: finding.code
        for finding in coverage.findings
        if finding.person_group is PersonGroup.CHILD
    }
    assert of_child[Phase.RETURN] is CoverageCode.NOBODY_COMPETENT
    assert of_child[Phase.PROCEEDINGS] is CoverageCode.NOBODY_REACHABLE
    (cell,) = (
        cell
        for cell in coverage.cells
        if (cell.phase, cell.person_group, cell.hours)
        == (Phase.RETURN, PersonGroup.ADULT, Hours.IN)
    )
    assert cell.state is CoverageState.COVERED


def test_nobody_out_of_hours() -> None:
    """Office hours, hours that nobody listed, and a route that closes too do not cover nights."""
    night = make_authority(AL, "night", competences=(), schedules=OFFICE)
    to_night = Route(authority=AuthorityId("AL-night"))
    for changes in ({"schedules": OFFICE}, {}, {"schedules": OFFICE, "out_of_hours": to_night}):
        coverage = cover(make_authority(AL, competences=EVERYTHING, **changes), night)
        assert codes(coverage) == {CoverageCode.NOBODY_OUT_OF_HOURS: len(Phase) * 2}
        states = {cell.hours: cell.state for cell in coverage.cells}
        assert states == {Hours.IN: CoverageState.COVERED, Hours.OUT: CoverageState.GAP}


def test_who_covers_the_nights_is_named() -> None:
    """A route around the clock, or the next competent desk, covers what the first does not."""
    always = make_authority(AL, "always", competences=(), available_24_7=True)
    office = make_authority(
        AL, competences=EVERYTHING, schedules=OFFICE,
        out_of_hours=Route(authority=AuthorityId("AL-always")),
    )  # fmt: skip
    nights = {
        cell.authority.id
        for cell in cover(office, always).cells
        if cell.hours is Hours.OUT and cell.authority
    }
    assert nights == {"AL-always"}
    for_children = tuple(Competence(phase=phase, person_group=PersonGroup.CHILD) for phase in Phase)
    child = make_authority(AL, "child", competences=for_children, schedules=OFFICE)
    general = make_authority(AL, "general", competences=EVERYTHING, available_24_7=True)
    coverage = cover(child, general)
    named = {
        (cell.person_group, cell.hours): cell.authority.id
        for cell in coverage.cells
        if cell.authority
    }
    assert named[PersonGroup.CHILD, Hours.IN] == "AL-child"
    assert named[PersonGroup.CHILD, Hours.OUT] == "AL-general"
    assert coverage.findings == ()


def test_stand_ins_are_shown_as_such() -> None:
    """Where only the identification desk is left, the cell and a finding say so."""
    focal = make_authority(AL, competences=EVERYTHING[:1], available_24_7=True)
    coverage = cover(focal)
    assert codes(coverage) == {CoverageCode.ONLY_STAND_IN: (len(Phase) - 1) * 2}
    by_phase = {cell.phase: cell.state for cell in coverage.cells}
    assert by_phase[Phase.IDENTIFICATION] is CoverageState.COVERED
    assert by_phase[Phase.RETURN] is CoverageState.STAND_IN


def test_routes_and_calendars_that_need_care() -> None:
    """A route that ended, one that is mute, and a year without holidays are findings."""
    ended = make_authority(AL, "ended", competences=(), valid_to=date(2026, 1, 1))
    mute = make_authority(AL, "mute", competences=(), telephones=())
    desk = make_authority(
        AL,
        competences=EVERYTHING,
        available_24_7=True,
        reserve=Route(authority=AuthorityId("AL-ended")),
        out_of_hours=Route(authority=AuthorityId("AL-mute")),
    )
    found = codes(cover(desk, ended, mute))
    assert found == {CoverageCode.ROUTE_ENDED: 1, CoverageCode.ROUTE_UNREACHABLE: 1}
    next_year = cover(desk, ended, mute, at=AT.replace(year=2027))
    assert codes(next_year)[CoverageCode.HOLIDAYS_NOT_LISTED] == 1


def test_other_channels_and_past_days() -> None:
    """The table is asked per channel and for any day."""
    desk = make_authority(AL, competences=EVERYTHING, available_24_7=True)
    trend = cover(desk, channel=Channel.TREND)
    assert set(codes(trend)) == {CoverageCode.NOBODY_COMPETENT}
    before = cover(desk, at=datetime(2021, 1, 1, tzinfo=UTC))
    assert codes(before) == {CoverageCode.NOTHING_LISTED: 1}
