"""What we owe when another side asks for a deletion, before it is carried out."""

from dataclasses import dataclass
from datetime import datetime

from node.domain.access import Permission, Principal
from node.service.case_content import get_case_of
from node.service.context import NodeContext, NotFoundError
from node.service.deleting import list_meant, list_passed_on
from node.service.deletions import DeletionView, view_of
from node.service.permitting import require
from node.service.records import IN, load_signed
from node.store.consent_tables import DeletionRow
from node.store.tables import MessageRow
from protocol.identifiers import Channel
from protocol.messages.catalogue import parse_payload
from protocol.messages.general import ConsentWithdrawn, Erasure


@dataclass(frozen=True, slots=True)
class MeantMessage:
    """A message here that is to be deleted; ``wire_id`` is how its sender knows it."""

    wire_id: str
    message_id: str
    type: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class AskedDeletion:
    """A deletion that another side asked for: what it means here."""

    deletion: DeletionView
    case_reference: str
    meant: tuple[MeantMessage, ...]
    #: Desks to which we passed it on, and which are told with the confirmation.
    told_onward: tuple[tuple[str, str], ...]


def load_asked_deletion(context: NodeContext, message_id: str, *, who: Principal) -> AskedDeletion:
    """Return what a withdrawal or a request to delete means here; raises ``NotFoundError``."""
    require(who, Permission.WORK_CASES)
    with context.database.reading() as session:
        asked = session.get(DeletionRow, message_id)
        if asked is None or asked.direction != IN or not who.sees(Channel(asked.channel)):
            raise NotFoundError("Nobody asked for such a deletion here: open it from the list.")
        row = session.get_one(MessageRow, message_id)
        case = get_case_of(session, asked.case_id, who=who, permission=Permission.WORK_CASES)
        told = parse_payload(load_signed(context, row, case).payload)
        if not isinstance(told, ConsentWithdrawn | Erasure):
            raise NotFoundError("This message asks for no deletion: open it again from its case.")
        meant = list_meant(context, session, told, peer=asked.peer, case=case)
        onward = (
            list_passed_on(context, session, meant, case=case)
            if told.body.tell_onward_recipients
            else []
        )
        return AskedDeletion(
            deletion=view_of(asked),
            case_reference=case.reference,
            meant=tuple(
                MeantMessage(
                    wire_id=str(each.message.message_id),
                    message_id=each.row.message_id,
                    type=each.message.type,
                    received_at=each.row.stored_at,
                )
                for each in meant
            ),
            told_onward=tuple(
                sorted({(each.row.peer, each.message.to_authority) for each in onward})
            ),
        )
