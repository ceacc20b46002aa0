"""Opening a case before its first message, so that consent can be recorded in it."""

from dataclasses import dataclass

from sqlmodel import Session

from node.domain.access import Permission, Principal
from node.service.cases.strands import touch_strand
from node.service.context import NodeContext
from node.service.permitting import require, require_channel
from node.service.records import find_case, open_case
from node.service.search.indexing import index_case
from protocol.identifiers import CaseReference, Channel, make_case_reference


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A new case: nothing of it has left this node."""

    case_id: str
    reference: CaseReference


def handle_open_case(
    context: NodeContext, *, who: Principal, channel: Channel = Channel.ASSISTANCE
) -> OpenedCase:
    """Open a case with a reference that is derived from nothing. Raises ``ForbiddenError``."""
    require(who, Permission.WORK_CASES)
    require_channel(who, channel)

    def work(session: Session) -> OpenedCase:
        reference = make_case_reference(context.random)
        while find_case(session, reference) is not None:
            reference = make_case_reference(context.random)
        case = open_case(context, session, reference=reference, actor=who.actor, channel=channel)
        touch_strand(session, case.case_id, channel, at=context.clock())
        index_case(context, session, case_id=case.case_id, reference=reference, channel=channel)
        return OpenedCase(case.case_id, reference)

    opened = context.transact(work)
    context.signals.inbox.notify()
    return opened
