"""For any list and any moment: an answer that holds, whatever the order of the list."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from contact_registry.agreed import list_agreements
from contact_registry.coverage import CoverageState, Hours, list_coverage
from contact_registry.errors import DocumentError
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    PersonGroup,
    Route,
    Telephone,
    parse_contacts,
    serialize_document,
)
from contact_registry.routing import Desk, Gap, TurnTo, resolve
from contact_registry.schedules import Duty, Schedule, Weekday
from contact_registry.standing_in import judge_duty
from contact_registry.terms import load_agreements
from protocol.identifiers import AuthorityId, Channel, Phase
from tests.support.registry import AL, MK, make_authority
from tests.support.registry_content import (
    dump_contacts,
    list_contacts,
    make_terms,
    make_view,
    state,
)

MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
CLOCKS = st.times().map(lambda clock: f"{clock:%H:%M}")
SLUGS = tuple("abcdef")
ROUTES = st.none() | st.sampled_from(SLUGS).map(lambda s: Route(authority=AuthorityId(f"AL-{s}")))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Draw hours."""
    opens, closes = draw(
        st.tuples(CLOCKS, CLOCKS | st.just("24:00")).filter(lambda p: p[0] != p[1])
    )
    byday = draw(st.lists(st.sampled_from(Weekday), min_size=1, unique=True))
    return Schedule(byday=tuple(byday), opens_at=opens, closes_at=closes)


COMPETENCES = st.builds(
    Competence,
    phase=st.sampled_from(Phase),
    person_group=st.sampled_from(PersonGroup),
    channel=st.sampled_from(Channel),
    place=st.sampled_from(["", "Tirana", "Shkodër"]),
)
TELEPHONES = st.sampled_from([
    (),
    (Telephone(as_listed="+355 44541821", e164="+35544541821"),),
    (Telephone(as_listed="0800 1", national_only=True),),
])  # fmt: skip


@st.composite
def desks(draw: st.DrawFn, slug: str) -> Authority:
    """Draw a desk with hours and routes to its neighbours."""
    hours = tuple(draw(st.lists(schedules(), max_size=2)))
    routes = {
        name: route
        for name in ("reserve", "out_of_hours")
        if (route := draw(ROUTES)) is not None and route.authority != f"AL-{slug}"
    }
    return make_authority(
        AL,
        slug,
        competences=tuple(draw(st.lists(COMPETENCES, max_size=4))),
        telephones=draw(TELEPHONES),
        schedules=hours,
        available_24_7=not hours and draw(st.booleans()),
        valid_to=draw(st.none() | st.just(date(2026, 6, 1))),
        time_zone=draw(st.sampled_from(["Europe/Tirane", "Asia/Kathmandu", "America/St_Johns"])),
        **routes,
    )


@st.composite
def lists(draw: st.DrawFn) -> ContactsDocument:
    """Draw the contacts of AL."""
    listed = [draw(desks(slug)) for slug in SLUGS]
    return list_contacts(AL, *listed, holidays=draw(st.lists(DAYS, max_size=4, unique=True)))


@given(
    document=lists(),
    at=MOMENTS,
    phase=st.sampled_from(Phase),
    child=st.booleans(),
    random=st.randoms(),
)
def test_the_order_of_the_list_moves_nothing(
    *, document: ContactsDocument, at: datetime, phase: Phase, child: bool, random: Any
) -> None:
    """Whatever is listed, both orders give one answer, and the answer keeps its promises."""
    shuffled = list(document.authorities)
    random.shuffle(shuffled)
    views = [make_view(document.model_copy(update={"authorities": tuple(order)}))
             for order in (document.authorities, shuffled)]  # fmt: skip
    answer, again = (
        resolve(view, participant=AL, phase=phase, at=at, child=child) for view in views
    )
    if isinstance(answer, Gap):
        assert isinstance(again, Gap)
        assert {a.id for a in answer.candidates} == {a.id for a in again.candidates}
        return
    assert answer == again
    assert answer.authority.is_valid_on(at.astimezone(ZoneInfo(answer.authority.time_zone)).date())
    groups = {PersonGroup.ANY, PersonGroup.CHILD if child else PersonGroup.ADULT}
    assert answer.competence.person_group in groups
    assert answer.competence.channel in {Channel.ASSISTANCE, Channel.POLICE}
    assert answer.is_reachable or (answer.reserve is not None and answer.reserve.is_reachable)
    check_turn_to(answer)


def check_turn_to(answer: Desk) -> None:
    """Hold whom to turn to against what is known of the desk and its routes."""
    routes = {TurnTo.OUT_OF_HOURS: answer.out_of_hours, TurnTo.RESERVE: answer.reserve}
    route = routes.get(answer.turn_to)
    if answer.turn_to is TurnTo.DESK:
        assert answer.state.duty is not Duty.OFF
    elif route is not None:
        assert route.is_reachable
        assert not route.is_off_duty
    else:
        assert answer.turn_to is TurnTo.NOBODY_NOW
        assert answer.state.duty is Duty.OFF or not answer.is_reachable


@given(lists(), MOMENTS)
def test_coverage_says_what_routing_says(document: ContactsDocument, at: datetime) -> None:
    """Each cell agrees with the desk that a message would go to, and each gap has its finding."""
    view = make_view(document)
    coverage = list_coverage(view, at)
    found = {(finding.phase, finding.person_group) for finding in coverage.findings}
    for cell in coverage.cells:
        answer = resolve(
            view, participant=AL, phase=cell.phase, at=at,
            child=cell.person_group is PersonGroup.CHILD,
        )  # fmt: skip
        if cell.hours is Hours.IN:
            assert (cell.state is CoverageState.GAP) == isinstance(answer, Gap)
        if cell.state is CoverageState.GAP:
            assert cell.authority is None
            assert {(cell.phase, cell.person_group), (None, None)} & found


@given(schedules(), MOMENTS, st.lists(DAYS, max_size=5).map(frozenset))
def test_the_next_opening_is_the_next(
    schedule: Schedule, at: datetime, days_off: frozenset[date]
) -> None:
    """At the opening that is named the desk is open, and nowhere between now and then.

    Where clocks are never changed; elsewhere it can be off by the hour on the night of the change.
    """
    desk = make_authority(AL, schedules=(schedule,), time_zone="Asia/Kathmandu")
    now = judge_duty(desk, days_off=days_off, at=at)
    if now.duty is not Duty.OFF or now.next_opening is None:
        return
    assert judge_duty(desk, days_off=days_off, at=now.next_opening).duty is Duty.ON
    between = at + (now.next_opening - at) / 2
    for moment in (between, now.next_opening - timedelta(seconds=1)):
        if moment > at:
            assert judge_duty(desk, days_off=days_off, at=moment).duty is Duty.OFF


@given(st.data())
def test_changed_content_parses_or_is_refused(data: st.DataObject) -> None:
    """A full document with any value inside replaced by any other parses, canonically, or not."""
    document = dump_contacts()
    place: Any = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | DAYS.map(str) | CLOCKS,
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=4,
        )
    )
    try:
        read = parse_contacts(json.dumps(document).encode())
    except DocumentError:
        return
    assert parse_contacts(serialize_document(read)) == read


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "instrument": st.sampled_from(["Memorandum", "Declaration"]),
        "valid_to": st.sampled_from([None, "2029-12-31"]),
        "phases": st.sampled_from([["return"], ["identification", "return"]]),
        "parties": st.sampled_from([["AL", "MK"], ["AL", "MK", "QQ"]]),
    },
)


@given(CHANGES, CHANGES)
def test_only_equal_terms_of_all_count(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Two statements make an agreement exactly if they are the same and name no third party."""
    one, other = (make_terms(deadlines=[], **changes) for changes in (mine, theirs))
    view = make_view(list_contacts(AL, agreements=[state(one)]),
                     list_contacts(MK, agreements=[state(other)]))  # fmt: skip
    same = one == other and one.parties == (AL, MK)
    assert bool(load_agreements(view)) is same
    assert len(list_agreements(view)) == (1 if one.sha256 == other.sha256 else 2)
