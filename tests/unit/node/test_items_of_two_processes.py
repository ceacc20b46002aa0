"""Items, people who are told, and mail of one node whose two processes work at the same time."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlmodel import select

from console.i18n import load_catalogues
from console.storage.database import Database
from node.domain.approvals import ApprovalState
from node.domain.work import ItemKind, ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext, StaleError
from node.service.followers import follow_all
from node.service.work.acts import handle_claim
from node.service.work.addresses import handle_read_address, handle_set_address
from node.service.work.other_sources import reconcile
from node.service.work.roster import Member, Roster, handle_keep_roster
from node.store.consent_tables import ApprovalRow
from node.store.link_tables import LinkGapRow
from node.store.tables import CaseRow, QuarantineRow
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
        ApprovalRow(
            approval_id=f"{state}{number}",
            state=state,
            content_sealed=b"x",
            draft_sha256=f"{state}{number}".ljust(64, "0"),
            asked_by="ana",
            asked_at=now,
            decide_by=now + timedelta(hours=2),
            case_id=case_id,
            channel="assistance",
        )
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
