"""What happened with items is kept for a year."""

from sqlmodel import Session, select

from node.domain.work import ItemState
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.work import clearing
from node.store.work_tables import WorkEventRow, WorkItemRow
from node.workers.clearing import Clearing
from tests.support.duty import load_items
from tests.support.node import Network, make_draft
from tests.support.people import STAFF


def _count(context: NodeContext) -> list[int]:
    with context.database.reading() as session:
        items = sorted(load_items(context), key=lambda item: item.opened_at)
        return [
            len(
                session.exec(select(WorkEventRow).where(WorkEventRow.item_id == item.item_id)).all()
            )
            for item in items
        ]


async def test_what_is_long_over_is_cleared_away_and_nothing_else(network: Network) -> None:
    """Of items that are done, after a year; of one that waits nothing, however many there are."""
    xk = network.node("XK")
    for _ in range(2):
        handle_send(network.node("AL"), make_draft(), who=STAFF)
        network.settle()
        follow_all(xk)
        network.clock.advance(minutes=1)
    done, waits = sorted(load_items(xk), key=lambda item: item.opened_at)
    now = network.clock()
    told = [
        WorkEventRow(item_id=item.item_id, at=now, kind="told", actor="system")
        for item in (waits, done)
        for _ in range(clearing._LOOKED_AT + 1)
    ]

    def finish(session: Session) -> None:
        session.add_all(told)
        session.get_one(WorkItemRow, done.item_id).state = ItemState.DONE

    xk.transact(finish)
    network.clock.advance(days=366)
    young = WorkEventRow(item_id=done.item_id, at=network.clock(), kind="told", actor="system")
    xk.transact(lambda session: session.add(young))
    before = _count(xk)
    await Clearing(xk).run_round()
    assert _count(xk) == before  # a year is not over to the minute
    network.clock.advance(minutes=2)
    await Clearing(xk).run_round()
    assert _count(xk) == [1, before[1]]
