"""No item sits unowned without somebody being told: whatever rosters, hours and clocks do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, delete, select

from contact_registry.models import Route
from contact_registry.schedules import Schedule, Weekday
from node.domain.duty import Shift
from node.domain.work import (
    DUE_LADDER,
    LADDER,
    LONGEST_LOOK,
    REPEATED,
    Audience,
    Facts,
    ItemKind,
    ItemState,
    Judgement,
    judge,
)
from node.service.work.escalation import hurry_where_clock_was_set_back, look_at_due
from node.service.work.items import NewItem, open_item
from node.service.work.roster import Member, Roster, handle_keep_roster, handle_read_roster
from node.store.account_tables import AccountRow
from node.store.work_tables import WorkEventRow, WorkItemRow
from protocol.identifiers import AuthorityId, Channel
from protocol.messages.codes import Urgency
from protocol.policy.facts import Role
from tests.support.duty import KEEPER, add_person, change_desks, load_items, told
from tests.support.node import Network, make_authority, make_network

START = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
MINUTES = st.integers(min_value=-3_000_000, max_value=3_000_000)
STEPS = st.lists(
    st.tuples(st.one_of(st.integers(0, 600), MINUTES), st.booleans()), min_size=1, max_size=30
)


def step(facts: Facts, verdict: Judgement, *, now: datetime) -> Facts:
    """Return what the store says after a look."""
    return replace(
        facts,
        rung=verdict.rung,
        due_rung=verdict.due_rung,
        told_at=now if verdict.audiences else facts.told_at,
    )


@given(urgency=st.sampled_from(Urgency), due=MINUTES, steps=STEPS)
def test_however_the_clock_jumps_somebody_is_told(
    urgency: Urgency, due: int, steps: list[tuple[int, bool]]
) -> None:
    """After each look somebody was told within the longest silence, at a moment that has come."""
    now = START
    facts = Facts(
        state=ItemState.OPEN,
        urgency=urgency,
        opened_at=now,
        due_at=now + timedelta(minutes=due),
        unowned_since=now,
        rung=0,
        due_rung=0,
        told_at=None,
        staffed_since=None,
    )
    for minutes, is_staffed in [(0, True), *steps]:
        now += timedelta(minutes=minutes)
        since = min(facts.staffed_since or now, now) if is_staffed else None
        facts = replace(facts, staffed_since=since)
        verdict = judge(facts, now=now)
        assert (verdict.rung, verdict.due_rung) >= (facts.rung, facts.due_rung)
        assert now < verdict.look_at <= now + LONGEST_LOOK
        facts = step(facts, verdict, now=now)
        assert facts.rung >= 1
        assert facts.told_at is not None
        assert timedelta(0) <= now - facts.told_at < REPEATED[urgency]
        assert judge(facts, now=now).audiences == ()


@given(urgency=st.sampled_from(Urgency), is_staffed=st.booleans())
def test_with_a_steady_clock_everybody_is_told_in_the_end(
    *, urgency: Urgency, is_staffed: bool
) -> None:
    """Looked at when it asks to be, each rung is told once, in its order, and the last repeats."""
    now = START
    facts = Facts(
        state=ItemState.OPEN,
        urgency=urgency,
        opened_at=now,
        due_at=now + timedelta(days=30),
        unowned_since=now,
        rung=0,
        due_rung=0,
        told_at=None,
        staffed_since=now if is_staffed else None,
    )
    heard: list[Audience] = []
    while now < START + timedelta(days=10):
        verdict = judge(facts, now=now)
        heard += verdict.audiences
        facts, now = step(facts, verdict, now=now), verdict.look_at
    order = [rung.audience for rung in LADDER[urgency]]
    assert list(dict.fromkeys(heard)) == order
    assert heard[-1] is Audience.EVERYBODY
    claimed = replace(facts, state=ItemState.CLAIMED)
    late = judge(claimed, now=facts.due_at + timedelta(days=30))
    assert late.due_rung == len(DUE_LADDER)
    assert Audience.EVERYBODY in late.audiences


DESK = AuthorityId("XK-anti-trafficking-desk")
NAMES = ("ana", "ben", "cyd", "root")
HOURS = st.sampled_from(["00:00", "06:30", "08:00", "12:00", "16:00", "22:00"])
WEEK = st.lists(st.sampled_from(Weekday), min_size=1, max_size=7, unique=True)
SHIFTS = st.lists(
    st.tuples(st.sampled_from(NAMES[:3]), WEEK, HOURS, HOURS).filter(lambda s: s[2] != s[3]),
    max_size=4,
)


@pytest.fixture(scope="module")
def network(shared_node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """One node, whose people, desks and items each example makes anew."""
    made = make_network(["XK"], url_of=shared_node_url_of)
    add_person(made.node("XK"), "ana", channels=[Channel.ASSISTANCE])
    add_person(made.node("XK"), "ben", channels=[Channel.POLICE])
    add_person(made.node("XK"), "cyd", Role.APPROVER)
    add_person(made.node("XK"), "root", Role.NODE_ADMIN)
    yield made
    made.close()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    active=st.sets(st.sampled_from(NAMES), min_size=1),
    members=st.dictionaries(st.sampled_from(NAMES[:3]), st.booleans()),
    shifts=SHIFTS,
    hours=st.none() | st.tuples(WEEK, HOURS, HOURS).filter(lambda h: h[1] != h[2]),
    stands_in=st.booleans(),
    kind=st.sampled_from(ItemKind),
    urgency=st.sampled_from(Urgency),
    channel=st.none() | st.sampled_from(Channel),
    jumps=st.lists(st.integers(-200_000, 200_000) | st.integers(1, 300), max_size=5),
)
def test_whatever_rosters_say_a_person_is_told(
    network: Network,
    *,
    active: set[str],
    members: dict[str, bool],
    shifts: list[tuple[str, list[Weekday], str, str]],
    hours: tuple[list[Weekday], str, str] | None,
    stands_in: bool,
    kind: ItemKind,
    urgency: Urgency,
    channel: Channel | None,
    jumps: list[int],
) -> None:
    """Of each item that nobody has, a person who may sign in was told not too long ago."""
    context = network.node("XK")
    network.clock.now = START
    _forget(network)
    desk = make_authority("XK").model_copy(
        update={
            "schedules": ()
            if hours is None
            else (Schedule(byday=tuple(hours[0]), opens_at=hours[1], closes_at=hours[2]),),
            "out_of_hours": Route(authority=AuthorityId("XK-night")) if stands_in else None,
        }
    )
    night = make_authority("XK").model_copy(update={"id": AuthorityId("XK-night")})
    change_desks(network, "XK", desk, night)
    kept, _ = handle_read_roster(context, DESK, who=KEEPER)
    roster = Roster(
        desk=DESK,
        members=tuple(Member(name, reserve) for name, reserve in members.items()),
        shifts=tuple(
            Shift(account_id=who, weekdays=tuple(days), opens_at=opens, closes_at=closes)
            for who, days, opens, closes in shifts
            if who in members
        ),
    )
    handle_keep_roster(context, roster, who=KEEPER, seen=kept.version)
    _activate(network, active)
    new = NewItem(kind=kind, subject="it", urgency=urgency, channel=channel, desk=DESK)
    context.transact(lambda session: open_item(context, session, new).item_id)
    for minutes in [0, *jumps]:
        network.clock.advance(minutes=minutes)
        hurry_where_clock_was_set_back(context)
        while look_at_due(context):
            pass
        (item,) = load_items(context)
        with context.database.reading() as session:
            events = session.exec(
                select(WorkEventRow).where(
                    WorkEventRow.item_id == item.item_id, col(WorkEventRow.target).is_not(None)
                )
            ).all()
        recent = [
            event.target
            for event in events
            if timedelta(0) <= network.clock() - event.at < REPEATED[urgency]
        ]
        assert active & set(recent), told(context, item.item_id)


def _forget(network: Network) -> None:
    def forget(session: Session) -> None:
        session.exec(delete(WorkEventRow))
        session.exec(delete(WorkItemRow))

    network.node("XK").transact(forget)
    _activate(network, set(NAMES))


def _activate(network: Network, names: set[str]) -> None:
    def activate(session: Session) -> None:
        for row in session.exec(select(AccountRow)):
            row.is_active = row.account_id in names
            session.add(row)

    network.node("XK").transact(activate)
