"""What wrong clocks, damaged rows, and owners who are gone do to items: nothing for long."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, select, update

from node.domain.approvals import ApprovalState
from node.domain.events import EventKind
from node.domain.work import LONGEST_DUE, ItemKind, ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.erasing import handle_erase_case, handle_erase_message
from node.service.followers import follow_all
from node.service.notices import list_notices
from node.service.tokens import find_caller, handle_revoke_tokens
from node.service.work.acts import handle_claim
from node.service.work.items import NewItem, load_item, open_item
from node.store.account_tables import ClearanceRow
from node.store.consent_tables import ApprovalRow
from node.store.link_tables import LinkGapRow
from node.store.tables import EventRow
from node.store.work_tables import WorkEventRow, WorkItemRow
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel
from protocol.messages.codes import Urgency
from protocol.messages.general import ErasureGround
from tests.support.duty import KEEPER, add_person, load_items, told
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting, token_of


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, where ana and ben work."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    for name in ("ana", "ben"):
        add_person(made.node("XK"), name)
    yield made
    made.close()


@pytest.fixture
def xk(network: Network) -> NodeContext:
    """Return the node that receives."""
    return network.node("XK")


def receive(network: Network, *, at: datetime | None = None) -> str:
    """Let XK receive a message that AL composed at a moment of its clock; returns its number."""
    here = network.clock.now
    network.clock.now = at or here
    sent = handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.clock.now = here
    network.settle()
    follow_all(network.node("XK"))
    return sent.message_id


@pytest.mark.parametrize(
    "at", [datetime(8990, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)], ids=["far", "near"]
)
def test_a_clock_that_runs_ahead_lengthens_no_deadline(
    network: Network, xk: NodeContext, at: datetime
) -> None:
    """The time to answer counts from when the message was here, and everybody is told as ever."""
    hostile, honest = receive(network, at=at), receive(network)
    keep_deadlines(xk)
    items = {item.message_id: item for item in load_items(xk)}
    assert items[hostile].due_at == items[honest].due_at
    assert all(told(xk, item.item_id) for item in items.values())


def test_no_deadline_is_beyond_reckoning(network: Network, xk: NodeContext) -> None:
    """Whatever moment something names, its item is due within what people plan for."""
    last = datetime.max.replace(tzinfo=UTC)
    new = NewItem(kind=ItemKind.CHASE, subject="it", urgency=Urgency.STANDARD, due_at=last)
    xk.transact(lambda session: open_item(xk, session, new))
    keep_deadlines(xk, whole=False)
    (item,) = load_items(xk)
    assert item.due_at == network.clock() + LONGEST_DUE
    assert item.told_at == network.clock()


def test_a_damaged_row_silences_no_other(network: Network, xk: NodeContext) -> None:
    """The others are told of, and the node says what nobody was told of."""
    damaged, sound = receive(network), receive(network)
    spoil = update(WorkItemRow).where(col(WorkItemRow.message_id) == damaged).values(urgency="?")
    xk.transact(lambda session: session.exec(spoil))
    keep_deadlines(xk)
    items = {item.message_id: item for item in load_items(xk)}
    assert (items[damaged].told_at, items[sound].told_at) == (None, network.clock())
    network.clock.advance(minutes=16)
    keep_deadlines(xk)
    assert any("failed to tell anybody of" in line for line in list_notices(xk))


def test_who_was_told_is_written_for_the_others_when_the_store_refuses_one(
    network: Network, xk: NodeContext
) -> None:
    """One history that cannot be written costs the others nothing; it is tried again, and told."""
    refused, sound = receive(network), receive(network)
    number = {item.message_id: item.item_id for item in load_items(xk)}
    refuse, accept = refusal(xk, number[refused])

    def order(statement: str) -> None:
        xk.transact(lambda session: session.connection().exec_driver_sql(statement))

    order(refuse)
    keep_deadlines(xk)
    items = {item.message_id: item for item in load_items(xk)}
    assert (items[refused].told_at, items[refused].rung) == (None, 0)
    assert items[sound].told_at == network.clock()
    assert (told(xk, number[refused]), bool(told(xk, number[sound]))) == ([], True)
    network.clock.advance(minutes=16)
    keep_deadlines(xk)
    assert any("failed to tell anybody of" in line for line in list_notices(xk))

    order(accept)
    network.clock.advance(minutes=6)
    keep_deadlines(xk)
    assert told(xk, number[refused])

    order(refuse)  # as its time runs out: that is to be told later, too
    reminders = {each: list_reminders(xk, each) for each in (refused, sound)}
    for _ in range(2):
        network.clock.advance(days=10)
        keep_deadlines(xk)
    assert list_reminders(xk, refused) == reminders[refused]  # nobody was reminded of it
    assert len(list_reminders(xk, sound)) > len(reminders[sound])
    items = {item.message_id: item for item in load_items(xk)}
    assert items[sound].due_rung > items[refused].due_rung == 0
    order(accept)
    network.clock.advance(minutes=6)
    keep_deadlines(xk)
    items = {item.message_id: item for item in load_items(xk)}
    assert items[refused].due_rung == items[sound].due_rung


def list_reminders(context: NodeContext, message_id: str) -> list[EventKind]:
    """Return the entries of the case's timeline that say that people were told of a message."""
    with context.database.reading() as session:
        kinds = session.exec(select(EventRow.kind).where(EventRow.message_id == message_id))
        return [EventKind(kind) for kind in kinds if kind.startswith("item_")]


def refusal(context: NodeContext, item_id: str) -> tuple[str, str]:
    """Return what makes the store refuse the history of an item, and what ends that."""
    if context.database.is_sqlite:
        return (
            (
                "CREATE TRIGGER refuse_it BEFORE INSERT ON work_event "
                f"WHEN NEW.item_id = '{item_id}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ),
            "DROP TRIGGER refuse_it",
        )
    return (
        f"ALTER TABLE work_event ADD CONSTRAINT refuse_it CHECK (item_id <> '{item_id}') NOT VALID",
        "ALTER TABLE work_event DROP CONSTRAINT refuse_it",
    )


def test_a_source_that_fails_stops_neither_others_nor_the_ladder(
    network: Network, xk: NodeContext
) -> None:
    """What it can do it does; the failure is raised when everything else was done."""
    receive(network)
    now = network.clock()
    (item,) = load_items(xk)
    assert item.case_id is not None
    approval = ApprovalRow(
        approval_id="a1",
        state=ApprovalState.WAITING,
        case_id=item.case_id,
        channel="?",
        content_sealed=b"x",
        draft_sha256="0" * 64,
        asked_by="ana",
        asked_at=now,
        decide_by=now + timedelta(hours=2),
    )
    gap = LinkGapRow(peer="AL", generation=1, first=3, last=4, noticed_at=now, given_up=True)
    xk.transact(lambda session: session.add_all([approval, gap]))
    with pytest.raises(ExceptionGroup):
        keep_deadlines(xk)
    assert {(row.kind, row.told_at) for row in load_items(xk)} == {
        (ItemKind.DECIDE, now),
        (ItemKind.LINK_GAP, now),
    }


def _lose_clearance(xk: NodeContext, item_id: str) -> str:
    handle_claim(xk, item_id, who=acting("ana"))

    def lose(session: Session) -> None:
        session.get_one(ClearanceRow, "ana").channels = Channel.POLICE

    xk.transact(lose)
    return "ana"


def _lose_token(xk: NodeContext, item_id: str) -> str:
    caller = find_caller(xk, token_of(xk, "register", channels=frozenset(Channel)))
    assert caller is not None
    handle_claim(xk, item_id, who=caller.who)
    keep_deadlines(xk)
    (item,) = load_items(xk)
    assert item.claimed_by == "api:register"
    handle_revoke_tokens(xk, label="register", who=KEEPER)
    return "api:register"


@pytest.mark.parametrize("lose", [_lose_clearance, _lose_token], ids=["clearance", "token"])
def test_whoever_may_not_have_it_any_more_has_it_no_longer(
    network: Network, xk: NodeContext, lose: Callable[[NodeContext, str], str]
) -> None:
    """At the next look, not in an hour: nobody has it then, and others are told."""
    receive(network)
    keep_deadlines(xk)
    (item,) = load_items(xk)
    owner = lose(xk, item.item_id)
    before = len(told(xk, item.item_id))
    keep_deadlines(xk)
    (item,) = load_items(xk)
    assert (item.state, item.claimed_by) == (ItemState.OPEN, None)
    assert {name for name, _ in told(xk, item.item_id)[before:]} >= {"ben"}
    _, history = load_item(xk, item.item_id, who=acting("ben"))
    assert ("owner_gone", owner) in {(entry.kind, entry.target) for entry in history}


@pytest.mark.parametrize("what", ["message", "case"])
def test_what_was_erased_needs_nobody(network: Network, xk: NodeContext, what: str) -> None:
    """Its item is done, and stays so: nobody is told of what nobody can do anything about."""
    message_id = receive(network)
    keep_deadlines(xk)
    (item,) = load_items(xk)
    assert item.case_id is not None
    if what == "message":
        handle_erase_message(xk, message_id, who=STAFF, ground=ErasureGround.RETENTION_OVER)
    else:
        handle_erase_case(xk, item.case_id, who=STAFF, ground=ErasureGround.RETENTION_OVER)
    for _ in range(2):
        network.clock.advance(minutes=10)
        keep_deadlines(xk)
        assert [row.state for row in load_items(xk)] == [ItemState.DONE]


def test_a_long_history_ends_with_what_happened_last(network: Network, xk: NodeContext) -> None:
    """Of more entries than are shown, the newest ones are."""
    receive(network)
    (item,) = load_items(xk)
    many = [
        WorkEventRow(item_id=item.item_id, at=network.clock(), kind="told", actor="system")
        for _ in range(1001)
    ]
    xk.transact(lambda session: session.add_all(many))
    handle_claim(xk, item.item_id, who=acting("ana"))
    _, history = load_item(xk, item.item_id, who=acting("ana"))
    assert (len(history), history[-1].kind) == (1000, "claimed")
