"""What tests of cases do again and again: a case between nodes, and a look at it."""

from sqlmodel import select

from node.domain.access import Principal
from node.service.cases.viewing import list_timeline
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from tests.support.case_world import agree
from tests.support.node import Network, make_draft
from tests.support.people import STAFF


def start(network: Network, **changes: object) -> Sent:
    """AL notifies XK; both sides know, and followers have worked."""
    agree(network)
    sent = handle_send(network.node("AL"), make_draft(**changes), who=STAFF)
    settle(network)
    return sent


def settle(network: Network) -> None:
    """Carry everything, and let followers work."""
    network.settle()
    for context in network.nodes.values():
        follow_all(context)


def find_strand(context: NodeContext, case_id: str, channel: Channel) -> CaseStrandRow:
    """Return a strand."""
    with context.database.reading() as session:
        return session.get_one(CaseStrandRow, (case_id, channel))


def kinds_of(context: NodeContext, case_id: str, who: Principal = STAFF) -> list[str]:
    """Name what the timeline tells somebody, oldest first."""
    part = list_timeline(context, case_id, who=who, limit=100)
    return [entry.kind.value for entry in reversed(part.entries)]


def case_at(network: Network, code: str, sent: Sent) -> str:
    """Return what a node calls the case."""
    with network.node(code).database.reading() as session:
        statement = select(CaseRow.case_id).where(CaseRow.reference == sent.case_reference)
        return session.exec(statement).one()
