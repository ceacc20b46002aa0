"""What machines say to machines: stored when it is decided, signed when it leaves.

Like receipts it travels in class ``r`` and is not receipted. It is owed until the broker has it,
or until it is too old to be of use; lost after that, it does no harm (SPEC section 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import BaseModel
from sqlmodel import Session, col, delete, select

from node.service.context import NodeContext
from node.service.due_rows import claim, is_due, try_later
from node.store.link_tables import MachineMailRow
from protocol.envelope import Consignment, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode, make_message_id
from protocol.messages.catalogue import encode_payload
from protocol.messages.head import Head, RegistryPin
from protocol.messages.link_repair import (
    RegistryConflict,
    RegistryConflictBody,
    ResendAnswer,
    ResendAnswerBody,
    ResendRequest,
    ResendRequestBody,
)

#: Machine messages claimed at once.
_BATCH: Final = 64
#: What was not handed over after this is out of date: whoever needs it asks again.
_USEFUL_FOR: Final = timedelta(days=2)

Body = ResendRequestBody | ResendAnswerBody | RegistryConflictBody

#: Which message carries which body, by type.
_CARRIERS: Final[dict[str, tuple[type[Head], type[BaseModel]]]] = {
    "system.resend_request": (ResendRequest, ResendRequestBody),
    "system.resend_answer": (ResendAnswer, ResendAnswerBody),
    "system.registry_conflict": (RegistryConflict, RegistryConflictBody),
}
_TYPE_OF: Final = {body: tag for tag, (_, body) in _CARRIERS.items()}


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something signed for one peer, ready to be sealed, and the rows that it settles."""

    peer: ParticipantCode
    due_ids: tuple[int, ...]
    signed: SignedPayload
    transport_id: str


def make_head(context: NodeContext, peer: str, *, now: datetime) -> dict[str, Any]:
    """Return what the head of every machine message says."""
    directory = context.directory.current()
    return {
        "message_id": make_message_id(context.random),
        "sender": context.participant,
        "recipient": peer,
        "composed_at": now.replace(microsecond=0),
        "registry": RegistryPin(version=directory.version, sha256=directory.sha256),
    }


def sign_machine_message(context: NodeContext, message: Head) -> SignedPayload:
    """Sign a machine message for its recipient."""
    return SignedPayload.sign(
        encode_payload(message),
        consignment=Consignment(
            message_id=MessageId(message.message_id),
            sender=context.participant,
            recipient=ParticipantCode(message.recipient),
            expires_at=message.composed_at + context.rules.expiry,
        ),
        key=context.keys.signing_key,
    )


def owe_machine_mail(context: NodeContext, session: Session, *, peer: str, body: Body) -> str:
    """Note that ``peer`` is to be told ``body``; returns the identifier it will have."""
    now = context.clock()
    message_id = make_message_id(context.random)
    session.add(
        MachineMailRow(
            message_id=message_id,
            peer=peer,
            type=_TYPE_OF[type(body)],
            body=body.model_dump_json(exclude_none=True),
            give_up_at=now + _USEFUL_FOR,
            next_attempt_at=now,
        )
    )
    session.flush()
    return message_id


def is_request_waiting(session: Session, peer: str) -> bool:
    """Whether a request to ``peer`` has not left yet: then there is nothing to ask again."""
    statement = select(MachineMailRow.mail_id).where(
        MachineMailRow.peer == peer, MachineMailRow.type == "system.resend_request"
    )
    return session.exec(statement.limit(1)).first() is not None


def claim_machine_mail(context: NodeContext) -> list[Parcel]:
    """Claim what is due, oldest first, and sign it; what is out of date is dropped."""
    now = context.clock()
    rows = context.transact(partial(_claim, context, now=now))
    return [_sign(context, row, now=now) for row in rows]


def _claim(context: NodeContext, session: Session, *, now: datetime) -> Sequence[MachineMailRow]:
    session.exec(delete(MachineMailRow).where(col(MachineMailRow.give_up_at) <= now))
    due = session.exec(
        select(MachineMailRow)
        .where(*is_due(MachineMailRow, now=now, rules=context.rules))
        .order_by(col(MachineMailRow.mail_id))
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        claim(row, now=now, rules=context.rules)
    session.flush()
    return due


def _sign(context: NodeContext, row: MachineMailRow, *, now: datetime) -> Parcel:
    carrier, body = _CARRIERS[row.type]
    head = make_head(context, row.peer, now=now) | {"message_id": row.message_id}
    message = carrier.model_validate({**head, "body": body.model_validate_json(row.body)})
    return Parcel(
        peer=ParticipantCode(row.peer),
        due_ids=() if row.mail_id is None else (row.mail_id,),
        signed=sign_machine_message(context, message),
        transport_id=context.random(16).hex(),
    )


def record_machine_mail_sent(context: NodeContext, parcel: Parcel) -> None:
    """Owe it no longer: the broker has it."""

    def record(session: Session) -> None:
        session.exec(delete(MachineMailRow).where(col(MachineMailRow.mail_id).in_(parcel.due_ids)))

    context.transact(record)


def record_machine_mail_failed(context: NodeContext, parcel: Parcel) -> None:
    """Nobody confirmed it: try again after a pause."""

    def record(session: Session) -> None:
        for mail_id in parcel.due_ids:
            row = session.get(MachineMailRow, mail_id)
            if row is not None:
                try_later(row, now=context.clock(), rules=context.rules)

    context.transact(record)
