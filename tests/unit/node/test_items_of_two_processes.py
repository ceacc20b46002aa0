"""Items, people who are told, and mail of one node whose two processes work at the same time."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select

from console.i18n import load_catalogues
from console.storage.database import Database
from node.domain.approvals import ApprovalState
from node.domain.states import Handling
from node.domain.work import ItemKind, ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext, StaleError
from node.service.followers import follow_all
from node.service.work.acts import handle_claim, handle_hand_over
from node.service.work.addresses import handle_read_address, handle_set_address
from node.service.work.other_sources import reconcile
from node.service.work.roster import Member, Roster, handle_keep_roster
from node.store.consent_tables import ApprovalRow
from node.store.link_tables import LinkGapRow
from node.store.tables import CaseRow, MessageRow, QuarantineRow
from node.store.work_tables import WorkEventRow, WorkItemRow
from node.workers.deadlines import keep_deadlines
from node.workers.notices import send_notices
from protocol.identifiers import AuthorityId
from protocol.policy.facts import Role
from tests.support.duty import KEEPER, KeptPost, add_person, load_items
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

COUNT = 20
CATALOGUES = load_catalogues()


@pytest.fixture
def network(postgres_cluster: PostgresCluster) -> Iterator[Network]:
    """AL sends to XK, whose store a second process shares: it stands as ``again``."""
    with postgres_cluster.schemas() as new_url:
        urls: dict[str, str] = {}
        made = make_network(["AL", "XK"], url_of=lambda code: urls.setdefault(code, new_url(code)))
        first = made.nodes["XK"] = replace(made.nodes["XK"], postman=KeptPost())
        made.nodes["again"] = replace(
            first,
            database=Database(urls["XK"]),
            random=Random("second").randbytes,
        )
        yield made
        made.close()


def at_once(network: Network, *works: Callable[[NodeContext], object]) -> list[object]:
    """Let both processes do this at the same time, several times over."""

    def run(work: Callable[[NodeContext], object], code: str) -> object:
        try:
            return work(network.node(code))
        except StaleError:
            return StaleError

    with ThreadPoolExecutor(2 * len(works)) as pool:
        futures = [pool.submit(run, work, code) for work in works for code in ("XK", "again")]
        return [future.result() for future in futures]


def test_two_processes_share_everything_that_needs_a_person(network: Network) -> None:
    """Each thing has one item, each telling is written once, each reader gets one letter."""
    xk, post = network.node("XK"), KeptPost()
    roles = {"ana": Role.FOCAL_POINT, "app": Role.APPROVER, "root": Role.NODE_ADMIN}
    for name, role in roles.items():
        add_person(xk, name, role)
        handle_set_address(xk, name, f"{name}@example.org", language="en", who=acting(name))
    for _ in range(COUNT):
        handle_send(network.node("AL"), make_draft(urgency="immediate"), who=STAFF)
    network.settle()
    case_id = load_cases(xk)[0]
    xk.transact(lambda session: session.add_all(_list_waiting(network, case_id)))
    at_once(network, follow_all, reconcile, keep_deadlines)
    at_once(network, keep_deadlines)
    items = load_items(xk)
    assert Counter(item.kind for item in items) == {
        ItemKind.DECIDE: COUNT,
        ItemKind.APPROVAL: 3,
        ItemKind.NOT_APPROVED: 3,
        ItemKind.LINK_GAP: 3,
        ItemKind.REFUSED_ENVELOPE: 1,
    }
    with xk.database.reading() as session:
        told = Counter(
            session.exec(
                select(WorkEventRow.item_id, WorkEventRow.target).where(WorkEventRow.kind == "told")
            )
        )
    assert set(told.values()) == {1}
    assert {item_id for item_id, _ in told} == {item.item_id for item in items}
    at_once(network, lambda context: send_notices(context, post, CATALOGUES))
    assert sorted(letter.to for letter in post.letters) == [
        "ana@example.org",
        "app@example.org",
        "root@example.org",
    ]
    _take_and_escalate(network, next(i.item_id for i in items if i.kind == ItemKind.DECIDE))


def load_cases(context: NodeContext) -> list[str]:
    """Return the cases of a node."""
    with context.database.reading() as session:
        return list(session.exec(select(CaseRow.case_id)))


def _take_and_escalate(network: Network, item_id: str) -> None:
    """Let people take an item while both processes escalate everything."""
    # Whoever may not sign in loses an item where the escalation looks at it after they took it.
    add_person(network.node("XK"), "ben")
    network.clock.advance(hours=1)
    answers = at_once(
        network,
        keep_deadlines,
        lambda context: handle_claim(context, item_id, who=acting("ana")),
        lambda context: handle_claim(context, item_id, who=acting("ben")),
    )
    owners = {answer.claimed_by for answer in answers if isinstance(answer, WorkItemRow)}
    (item,) = load_items(network.node("XK"), item_id=item_id)
    assert (item.state, owners) == (ItemState.CLAIMED, {item.claimed_by})
    assert answers.count(StaleError) == 2


def _list_waiting(network: Network, case_id: str) -> list[object]:
    """Return what waits for people beside messages."""
    now = network.clock()
    approvals = [
        _make_approval(network, f"{state}{number}", state, case_id)
        for state in (ApprovalState.WAITING, ApprovalState.REFUSED)
        for number in range(3)
    ]
    gaps = [
        LinkGapRow(peer="AL", generation=1, first=n, last=n, noticed_at=now, given_up=True)
        for n in (100, 200, 300)
    ]
    refused = [
        QuarantineRow(
            at=now,
            peer="AL",
            traffic="m",
            reason="malformed",
            detail="",
            identity=str(number),
            envelope_sha256="0" * 64,
            envelope=b"",
        )
        for number in range(3)
    ]
    return [*approvals, *gaps, *refused]


def _make_approval(network: Network, name: str, state: ApprovalState, case_id: str) -> ApprovalRow:
    """Return what Ana asked for in a case."""
    now = network.clock()
    return ApprovalRow(
        approval_id=name,
        state=state,
        content_sealed=b"x",
        draft_sha256=name.ljust(64, "0"),
        asked_by="ana",
        asked_at=now,
        decide_by=now + timedelta(hours=2),
        case_id=case_id,
        channel="assistance",
    )


def write_history(context: NodeContext) -> tuple[Sequence[WorkEventRow], Sequence[WorkItemRow]]:
    """Return all that happened with items and who was told, and how the items are now."""
    with context.database.reading() as session:
        events = session.exec(select(WorkEventRow).order_by(col(WorkEventRow.work_event_id)))
        return events.all(), session.exec(select(WorkItemRow).order_by(WorkItemRow.item_id)).all()


def before_it_acts(context: NodeContext, do: Callable[[], object]) -> None:
    """Do this once, when a process has found what there is to do and has not begun to do it."""
    waiting = [do]

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("SAVEPOINT") and waiting:
            waiting.pop()()

    event.listen(context.database.engine, "before_cursor_execute", note)


def _ask_in_vain(session: Session, approval: ApprovalRow) -> None:
    approval.state = ApprovalState.REFUSED
    session.add(approval)


def _hand_on(xk: NodeContext) -> None:
    """Whoever asked is told of the answer, and gives it to somebody else."""
    keep_deadlines(xk)
    (item,) = load_items(xk, kind=ItemKind.NOT_APPROVED)
    handle_hand_over(xk, item.item_id, "ben", who=acting("ana"))


def _ask(session: Session, approval: ApprovalRow) -> None:
    session.add(approval)


def _decide(xk: NodeContext) -> None:
    """Somebody is told of what is asked for, and decides."""

    def decide(session: Session) -> None:
        session.get_one(ApprovalRow, "asked").state = ApprovalState.SENT

    keep_deadlines(xk)
    xk.transact(decide)


def _take_decision_back(session: Session, _approval: ApprovalRow) -> None:
    session.exec(select(WorkItemRow)).one().state = ItemState.DONE


def _take(xk: NodeContext) -> None:
    """Somebody is told of what is open again, and takes it."""
    keep_deadlines(xk)
    (item,) = load_items(xk)
    handle_claim(xk, item.item_id, who=acting("ben"))


def _decide_anew(xk: NodeContext) -> None:
    """Decide once more what was taken back, before the item of it was opened again."""

    def decide(session: Session) -> None:
        session.exec(select(MessageRow)).one().handling = Handling.ACCEPTED

    xk.transact(decide)


def _look_after(session: Session, _approval: ApprovalRow) -> None:
    session.exec(select(MessageRow)).one().handling = Handling.ACCEPTED


@pytest.mark.parametrize(
    ("prepare", "meanwhile"),
    [
        (_ask_in_vain, _hand_on),
        (_ask, _decide),
        (_take_decision_back, _take),
        (_take_decision_back, _decide_anew),
        (_look_after, keep_deadlines),
    ],
)
def test_what_was_done_since_it_was_found_is_not_done_again(
    network: Network,
    prepare: Callable[[Session, ApprovalRow], None],
    meanwhile: Callable[[NodeContext], object],
) -> None:
    """A process that was slow undoes nothing, and nobody is told twice because of it."""
    xk, again = network.node("XK"), network.node("again")
    for name in ("ana", "ben"):
        add_person(xk, name)
    add_person(xk, "app", Role.APPROVER)
    handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    follow_all(xk)
    keep_deadlines(xk)
    approval = _make_approval(network, "asked", ApprovalState.WAITING, load_cases(xk)[0])
    xk.transact(lambda session: prepare(session, approval))
    histories: list[object] = []

    def work() -> None:
        meanwhile(xk)
        keep_deadlines(xk)
        histories.append(write_history(xk))

    network.clock.advance(seconds=5)
    before_it_acts(again, work)
    keep_deadlines(again)
    assert histories == [write_history(xk)]
    for context in (xk, again):
        keep_deadlines(context)
    assert histories == [write_history(xk)]


def test_two_keepers_of_one_roster(network: Network) -> None:
    """Of those who keep a desk's first roster at once one does it, and the other looks again."""
    xk = network.node("XK")
    add_person(xk, "ana")
    roster = Roster(AuthorityId("XK-anti-trafficking-desk"), members=(Member("ana"),))
    keep = [
        lambda context: handle_keep_roster(context, roster, who=KEEPER, seen=0),
        lambda context: handle_set_address(
            context, "ana", "ana@example.org", language="en", who=acting("ana")
        ),
    ]
    answers = at_once(network, *keep)
    assert answers.count(StaleError) == 1
    address = handle_read_address(xk, "ana", who=acting("ana"))
    assert address.address == "ana@example.org"
