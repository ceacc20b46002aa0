"""Who is told of what nobody takes, when, and by which mail: with a clock that the test moves."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from console.i18n import Language, load_catalogues
from contact_registry.models import Route
from contact_registry.schedules import Schedule, Weekday
from node.domain.duty import DutyException, Shift
from node.domain.notices import AddressRefusedError, PostError
from node.domain.work import Audience, ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext, StaleError
from node.service.followers import follow_all
from node.service.notices import list_notices
from node.service.work.acts import handle_claim, list_told
from node.service.work.addresses import handle_read_address, handle_set_address
from node.service.work.roster import (
    Member,
    WorkRefusedError,
    handle_keep_roster,
    handle_read_roster,
)
from node.store.account_tables import AccountRow
from node.store.audit_tables import AuditDueRow
from node.store.work_tables import NoticeRow, WorkItemRow
from node.workers.deadlines import keep_deadlines
from node.workers.notices import send_notices
from protocol.identifiers import AuthorityId, Channel, ParticipantCode
from protocol.policy.facts import Role
from tests.support.duty import (
    KEEPER,
    KeptPost,
    add_person,
    change_desks,
    keep_roster,
    load_items,
    told,
)
from tests.support.node import Network, make_authority, make_draft
from tests.support.people import STAFF, acting

DESK, NIGHT = AuthorityId("XK-anti-trafficking-desk"), AuthorityId("XK-night")
WORKDAYS = tuple(Weekday)[:5]
CATALOGUES = load_catalogues()


@pytest.fixture
def post() -> KeptPost:
    """Return where mail goes."""
    return KeptPost()


@pytest.fixture
def xk(network: Network, post: KeptPost) -> NodeContext:
    """Return a node: a desk of two and a reserve, with hours; a desk for the night; an admin."""
    context = network.nodes["XK"] = replace(network.nodes["XK"], postman=post)
    hours = Schedule(byday=WORKDAYS, opens_at="08:00", closes_at="16:00")
    desk = make_authority("XK").model_copy(
        update={"schedules": (hours,), "out_of_hours": Route(authority=NIGHT)}
    )
    night = make_authority("XK").model_copy(
        update={"id": NIGHT, "competences": (), "available_24_7": True}
    )
    change_desks(network, "XK", desk, night)
    for name in ("ana", "ben", "eve", "nik"):
        add_person(context, name)
        handle_set_address(context, name, f"{name}@example.org", language="sq", who=acting(name))
    add_person(context, "root", Role.NODE_ADMIN)
    keep_roster(
        context,
        DESK,
        Member("ana"),
        Member("ben"),
        Member("eve", is_reserve=True),
        shifts=(Shift(account_id="ana", weekdays=WORKDAYS, opens_at="08:00", closes_at="16:00"),),
    )
    keep_roster(context, NIGHT, Member("nik"))
    return context


def receive(network: Network, **changes: object) -> WorkItemRow:
    """Let XK receive a message of AL; returns its item, of which people were told."""
    sent = handle_send(network.node("AL"), make_draft(**changes), who=STAFF)
    network.settle()
    follow_all(network.node("XK"))
    keep_deadlines(network.node("XK"))
    (item,) = load_items(network.node("XK"), message_id=sent.message_id)
    return item


def pass_time(network: Network, **span: float) -> None:
    """Let time pass, and the worker look."""
    network.clock.advance(**span)
    keep_deadlines(network.node("XK"))


def test_from_the_one_on_duty_to_everybody(
    network: Network, xk: NodeContext, post: KeptPost
) -> None:
    """Duty, desk, reserve, out of hours, everybody, and again, until somebody takes it."""
    item = receive(network, urgency="immediate")
    assert told(xk, item.item_id) == [("ana", "duty")]
    for minutes, names in (
        (4, []),
        (1, [("ana", "desk"), ("ben", "desk")]),
        (5, [("eve", "reserve")]),
        (10, [("nik", "out_of_hours")]),
        (10, [(name, "everybody") for name in ("ana", "ben", "eve", "nik", "root")]),
        (14, []),
        (1, [(name, "everybody") for name in ("ana", "ben", "eve", "nik", "root")]),
    ):
        before = told(xk, item.item_id)
        pass_time(network, minutes=minutes)
        assert told(xk, item.item_id)[len(before) :] == names
    assert any("everybody was told" in line for line in list_notices(xk))
    send_notices(xk, post, CATALOGUES)
    assert {letter.to for letter in post.letters} == {
        f"{name}@example.org" for name in ("ana", "ben", "eve", "nik")
    }
    handle_claim(xk, item.item_id, who=acting("ben"))
    before = told(xk, item.item_id)
    pass_time(network, minutes=30)
    assert told(xk, item.item_id) == before
    # Half of the four hours, then most, all, and more than that: whoever has it, and others.
    for hours, audiences in (
        (1, {"owner"}),
        (1.2, {"owner", "duty"}),
        (0.8, {"owner", "desk", "reserve"}),
        (1, {"owner", "out_of_hours"}),
        (1, {"owner", "everybody"}),
        (1, {"owner", "everybody"}),
    ):
        before = told(xk, item.item_id)
        pass_time(network, hours=hours)
        assert {code for _, code in told(xk, item.item_id)[len(before) :]} == audiences


def test_a_closed_desk_waits_for_nothing_urgent(network: Network, xk: NodeContext) -> None:
    """At night what is urgent goes to the out-of-hours desk at once; what is not, waits."""
    network.clock.advance(hours=10)
    urgent, standard = receive(network, urgency="immediate"), receive(network)
    assert {name for name, _ in told(xk, urgent.item_id)} == {"ana", "ben", "eve", "nik"}
    first = told(xk, standard.item_id)
    pass_time(network, hours=10)
    assert told(xk, standard.item_id) == first
    _, presence = handle_read_roster(xk, DESK, who=STAFF)
    assert (presence.on_duty, presence.is_open) == (frozenset({"ana"}), True)
    for hours, audience in ((2, "desk"), (2, "reserve"), (2, "out_of_hours"), (1, "everybody")):
        pass_time(network, hours=hours)
        assert told(xk, standard.item_id)[-1][1] == audience


def test_exceptions_go_before_the_week(network: Network, xk: NodeContext) -> None:
    """Who is away is not told; who stands in is; a roster is changed by who saw its newest one."""
    now = network.clock()
    roster, _ = handle_read_roster(xk, DESK, who=KEEPER)
    day = {"begins_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
    changed = replace(
        roster,
        exceptions=(
            DutyException(account_id="ana", is_on=False, **day),
            DutyException(account_id="ben", is_on=True, **day),
        ),
    )
    with pytest.raises(StaleError):
        handle_keep_roster(xk, changed, who=KEEPER, seen=0)
    with pytest.raises(WorkRefusedError, match="members of the desk"):
        handle_keep_roster(xk, replace(changed, members=()), who=KEEPER, seen=1)
    handle_keep_roster(xk, changed, who=KEEPER, seen=1)
    assert told(xk, receive(network).item_id) == [("ben", "duty")]
    with xk.database.reading() as session:
        noted = {(row.action, row.actor, row.subject) for row in session.exec(select(AuditDueRow))}
    assert ("roster_changed", "keeper", DESK) in noted
    assert ("notice_address_set", "ana", "ana") in noted


def test_whose_account_ends_has_nothing_any_more(network: Network, xk: NodeContext) -> None:
    """Their items are nobody's at once, and people are told."""
    item = receive(network)
    handle_claim(xk, item.item_id, who=acting("ana"))

    def end(session: Session) -> None:
        session.get_one(AccountRow, "ana").is_active = False

    xk.transact(end)
    keep_deadlines(xk)
    (item,) = load_items(xk)
    assert (item.state, item.claimed_by) == (ItemState.OPEN, None)
    # Nobody else is on duty: it widens to all who may have it.
    assert told(xk, item.item_id)[-1][0] in {"ben", "eve", "nik"}


def test_who_may_not_know_of_it_is_not_told_what_it_is(network: Network, xk: NodeContext) -> None:
    """Another channel's people are left out; administrators learn that something waits."""

    def end(session: Session) -> None:
        for row in session.exec(select(AccountRow).where(AccountRow.account_id != "root")):
            row.is_active = False

    xk.transact(end)
    add_person(xk, "pol", channels=[Channel.POLICE])
    item = receive(network)
    assert {name for name, _ in told(xk, item.item_id)} == {"root"}
    (notice, *_) = list_told(xk, who=acting("root", Role.NODE_ADMIN), limit=10)
    assert (notice.item, notice.urgency) == (None, "standard")
    assert list_told(xk, who=acting("pol"), limit=10) == []


def test_a_node_without_people_says_so(network: Network) -> None:
    """There is nobody to tell: the history and the node's alarms say it, and it goes on trying."""
    item = receive(network, urgency="immediate")
    assert told(network.node("XK"), item.item_id) == [(None, None)]
    for _ in range(3):
        pass_time(network, minutes=20)
    assert len(told(network.node("XK"), item.item_id)) == 4
    assert any("nobody took 1 item" in line for line in list_notices(network.node("XK")))


def test_a_jump_of_the_clock_silences_nothing(network: Network, xk: NodeContext) -> None:
    """Years ahead it escalates, back again it is told anew; it never waits for the wrong year."""
    item = receive(network, urgency="urgent")
    pass_time(network, days=4000)
    assert told(xk, item.item_id)[-1][1] == "everybody"
    before = told(xk, item.item_id)
    pass_time(network, days=-4000)
    assert len(told(xk, item.item_id)) > len(before)
    before = told(xk, item.item_id)
    pass_time(network, hours=1)
    assert len(told(xk, item.item_id)) > len(before)


def test_mail_says_that_something_waits_and_nothing_else(
    network: Network, xk: NodeContext, post: KeptPost
) -> None:
    """One letter for many items, not too often, in words that name our own node alone."""
    item, _other = receive(network), receive(network)
    assert send_notices(xk, post, CATALOGUES) == 1
    (letter,) = post.letters
    in_albanian = CATALOGUES.translations(Language.ALBANIAN).gettext("You have new items.")
    assert in_albanian != "You have new items."
    assert (letter.to, letter.subject) == ("ana@example.org", in_albanian)
    assert re.search(r"Kosov\w\*", letter.text)
    assert "1244" in letter.text
    for secret in ("AL", "Albania", item.item_id, item.case_id, "identification", "http"):
        assert f"{secret}" not in letter.text.replace("ALWAYS", "")
    receive(network)
    assert send_notices(xk, post, CATALOGUES) == 0
    network.clock.advance(minutes=16)
    assert send_notices(xk, post, CATALOGUES) == 1


def test_a_server_that_is_away_and_an_address_that_is_refused(
    network: Network, xk: NodeContext, post: KeptPost
) -> None:
    """Tried with growing pauses; a refused address is shown, and used again once it is set anew."""
    receive(network)
    post.trouble = PostError("smtp 451")
    for _ in range(6):
        send_notices(xk, post, CATALOGUES)
        network.clock.advance(minutes=16)
    assert any("could not be sent for some time" in line for line in list_notices(xk))
    network.clock.advance(minutes=30)
    post.trouble = AddressRefusedError("smtp 550")
    send_notices(xk, post, CATALOGUES)
    assert any("refuses 1 address" in line for line in list_notices(xk))
    assert handle_read_address(xk, "ana", who=acting("ana")).refused_code == "smtp 550"
    post.trouble = None
    receive(network)
    send_notices(xk, post, CATALOGUES)
    assert "ana@example.org" not in {letter.to for letter in post.letters}
    handle_set_address(xk, "ana", "ana.new@example.org", language="en", who=acting("ana"))
    receive(network)
    send_notices(xk, post, CATALOGUES)
    assert "ana.new@example.org" in {letter.to for letter in post.letters}
    with pytest.raises(WorkRefusedError):
        handle_set_address(xk, "ana", "a@b\nBcc: x@y.zz", language="en", who=acting("ana"))


def test_what_somebody_took_meanwhile_is_not_mailed(
    network: Network, xk: NodeContext, post: KeptPost
) -> None:
    """A notice that nobody needs any more is dropped."""
    item = receive(network)
    handle_claim(xk, item.item_id, who=acting("ben"))
    assert send_notices(xk, post, CATALOGUES) == 0
    with xk.database.reading() as session:
        assert {row.state for row in session.exec(select(NoticeRow))} == {"not_needed"}


def test_the_mailboxes_of_the_out_of_hours_route(
    network: Network, xk: NodeContext, post: KeptPost
) -> None:
    """Where the registry lists mailboxes for the night, all get a notice; a refusal is shown."""
    document = network.directory.directory.contacts[ParticipantCode("XK")]
    desk, night = document.authorities
    route = Route(mailboxes=("night@example.org", "dawn@example.org"))
    change_desks(network, "XK", desk.model_copy(update={"out_of_hours": route}), night)
    network.clock.advance(hours=10)
    item = receive(network, urgency="urgent")
    assert (DESK, Audience.OUT_OF_HOURS) in told(xk, item.item_id)
    send_notices(xk, post, CATALOGUES)
    assert {"night@example.org", "dawn@example.org"} <= {letter.to for letter in post.letters}
    post.trouble = AddressRefusedError("smtp 550")
    network.clock.advance(hours=1)
    receive(network, urgency="urgent")
    send_notices(xk, post, CATALOGUES)
    assert any(f"out-of-hours route of {DESK}" in line for line in list_notices(xk))
