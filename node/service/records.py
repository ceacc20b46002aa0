"""Cases, events and stored messages: what the use cases share inside one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from console.storage.columns import leave_unread
from node.domain.access import Principal
from node.domain.events import EventKind
from node.domain.ports import StoredContentError
from node.service.context import NodeContext, NotFoundError
from node.service.local_names import make_local_name
from node.service.permitting import find_seen_message
from node.store.attachment_tables import ReceivedFileRow
from node.store.bulk import in_parts, table_of
from node.store.prepared import Prepared
from node.store.tables import CaseRow, EventRow, MessageRow
from protocol.conversation.history import Place
from protocol.envelope import SignedPayload
from protocol.identifiers import CaseReference
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.messages.head import Head


class ErasedError(NotFoundError, StoredContentError):
    """What a message said was erased for good; its row and its proofs are left."""


OUT = "out"
IN = "in"

_CASE, _MESSAGE = table_of(CaseRow).c, table_of(MessageRow).c
# Made once: putting a question together costs more than asking it.
_JOINED: Final = Prepared(
    sql_select(_CASE.case_id).where(
        _CASE.case_id.in_(bindparam("case_ids", expanding=True)),
        exists().where(_MESSAGE.case_id == _CASE.case_id, _MESSAGE.peer == bindparam("peer")),
    )
)
_REFERENCES: Final = Prepared(
    sql_select(_CASE.case_id, _CASE.reference).where(
        _CASE.case_id.in_(bindparam("case_ids", expanding=True))
    )
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message out of the store: its row, its evidence, and what it says."""

    row: MessageRow
    signed: SignedPayload
    message: Head | UnreadableMessage


def find_case(session: Session, reference: CaseReference) -> CaseRow | None:
    """Return the case of this reference, if this node knows it."""
    return session.exec(select(CaseRow).where(CaseRow.reference == reference)).one_or_none()


def find_message(
    session: Session, *, direction: str, peer: str, wire_id: str, lock: bool = False
) -> MessageRow | None:
    """Return the message that travels under this name between us and ``peer``."""
    statement = select(MessageRow).where(
        MessageRow.direction == direction,
        MessageRow.peer == peer,
        MessageRow.wire_id == wire_id,
    )
    return session.exec(statement.with_for_update() if lock else statement).one_or_none()


def lock_message(session: Session, message_id: str) -> MessageRow | None:
    """Return a message and keep others from changing it until the transaction ends.

    Whoever also needs its outbox row takes that one second: one order for all, so that no two wait
    for each other.
    """
    return session.exec(
        select(MessageRow).where(MessageRow.message_id == message_id).with_for_update()
    ).one_or_none()


def open_case(
    context: NodeContext, session: Session, *, reference: CaseReference, actor: str, channel: str
) -> CaseRow:
    """Make a new case with a content key of its own; ``channel``: in which it begins."""
    now = context.clock()
    case = CaseRow(
        case_id=make_local_name(context),
        reference=reference,
        created_at=now,
        wrapped_key=context.keys.make_case_key(),
    )
    session.add(case)
    session.flush()
    add_event(
        session,
        kind=EventKind.CASE_OPENED,
        at=now,
        actor=actor,
        case_id=case.case_id,
        channel=channel,
    )
    return case


def add_event(  # noqa: PLR0913 - the columns of one entry
    session: Session,
    *,
    kind: EventKind,
    at: datetime,
    actor: str,
    case_id: str | None = None,
    message_id: str | None = None,
    code: str | None = None,
    channel: str | None = None,
) -> None:
    """Write a timeline entry.

    ``channel``: of one that points to no message, who may see it; None: whoever sees the case.
    """
    session.add(
        EventRow(
            kind=kind,
            at=at,
            actor=actor,
            case_id=case_id,
            message_id=message_id,
            code=code,
            channel=channel,
        )
    )


def seal_signed(
    context: NodeContext, signed: SignedPayload, *, message_id: str, case: CaseRow | None
) -> bytes:
    """Encrypt a signed payload for its row."""
    return context.keys.encrypt(
        signed.encode(),
        wrapped_key=case.wrapped_key if case else None,
        context=f"message:{message_id}",
    )


def load_signed(context: NodeContext, row: MessageRow, case: CaseRow | None) -> SignedPayload:
    """Decrypt and parse the signed payload of a row."""
    return open_signed(
        context,
        row.signed_payload_sealed,
        wrapped_key=case.wrapped_key if case else None,
        message_id=row.message_id,
    )


def open_signed(
    context: NodeContext, sealed: bytes, *, wrapped_key: bytes | None, message_id: str
) -> SignedPayload:
    """Decrypt and parse what a row keeps of a message; raises :class:`ErasedError`."""
    if not sealed or wrapped_key == b"":
        raise ErasedError(
            "This was erased here for good: what is left is when it came or went, and its proofs."
        )
    return SignedPayload.parse(
        context.keys.decrypt(sealed, wrapped_key=wrapped_key, context=f"message:{message_id}")
    )


def load_message(
    context: NodeContext, session: Session, message_id: str, *, who: Principal
) -> StoredMessage:
    """Return a stored message of the caller's channels; raises ``NotFoundError``."""
    row = find_seen_message(session, message_id, who=who)
    if row is None:
        raise NotFoundError("There is no such message here: open it again from the inbox.")
    case = session.get(CaseRow, row.case_id) if row.case_id else None
    signed = load_signed(context, row, case)
    return StoredMessage(row=row, signed=signed, message=parse_payload(signed.payload))


def load_rows(session: Session, message_ids: Sequence[str]) -> list[MessageRow]:
    """Return rows in the order of their identifiers here, without what their messages say."""
    found: dict[str, MessageRow] = {}
    for part in in_parts(message_ids):
        statement = (
            select(MessageRow)
            .options(leave_unread(MessageRow.signed_payload_sealed))
            .where(col(MessageRow.message_id).in_(part))
        )
        found.update((row.message_id, row) for row in session.exec(statement))
    return [found[each] for each in message_ids if each in found]


def load_references(session: Session, case_ids: Iterable[str]) -> dict[str, str]:
    """Return the references of cases."""
    found: dict[str, str] = {}
    for part in in_parts(sorted(case_ids)):
        found.update(
            (case_id, reference)
            for case_id, reference in _REFERENCES.ask(session, {"case_ids": part})
        )
    return found


def list_with_files(session: Session, message_ids: Iterable[str]) -> set[str]:
    """Return which of these messages came with files: their receipt waits for them."""
    found = set[str]()
    for part in in_parts(sorted(set(message_ids))):
        statement = select(ReceivedFileRow.message_id).where(
            col(ReceivedFileRow.message_id).in_(part)
        )
        found.update(session.exec(statement.distinct()))
    return found


def find_joined(
    session: Session, case_ids: Iterable[str], peers: Iterable[str]
) -> set[tuple[str, str]]:
    """Return which of these Participants have a message in which of these cases."""
    joined: set[tuple[str, str]] = set()
    wanted = sorted(set(case_ids))
    for peer in peers:
        for part in in_parts(wanted):
            asked = {"case_ids": part, "peer": peer}
            joined.update((case_id, peer) for (case_id,) in _JOINED.ask(session, asked))
    return joined


def find_newest_place(session: Session, *, case_id: str, peer: str) -> Place | None:
    """Return the place on its link of the newest message of a case that came from ``peer``."""
    newest = session.exec(
        select(MessageRow.link_generation, MessageRow.link_seq)
        .where(
            MessageRow.direction == IN,
            MessageRow.case_id == case_id,
            MessageRow.peer == peer,
            col(MessageRow.link_seq).is_not(None),
        )
        .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
        .limit(1)
    ).first()
    if newest is None or newest[0] is None or newest[1] is None:
        return None
    return Place(newest[0], newest[1])
