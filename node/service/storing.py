"""What becomes of a message of ours on its way into the store: its link, its signature, its row."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, select

from console.i18n import msg
from contact_registry.directory import Directory
from node.domain.states import Dispatch, Handling
from node.service.borrowed_words import borrow_words
from node.service.context import NodeContext, RefusedDraftError
from node.service.records import OUT
from node.service.restoring import is_restored
from node.store.bulk import table_of
from node.store.tables import LinkHeadRow, MessageRow
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import LocalProtocolError
from protocol.identifiers import MessageId, ParticipantCode
from protocol.limits import LIMITS
from protocol.links import LinkHead, restart_link
from protocol.messages.catalogue import encode_payload, get_entry
from protocol.messages.entries import Expectation
from protocol.messages.head import CaseMessage
from protocol.policy.decision import Ground, GroundKind


def verify_reachable(directory: Directory, recipient: ParticipantCode) -> None:
    """Raise ``RefusedDraftError`` if nothing can be sent to a Participant."""
    participant = directory.participant(recipient)
    if participant is None:
        raise RefusedDraftError(
            msg("%(recipient)s is no Participant of the registry.", recipient=recipient)
        )
    if recipient not in directory.keys:
        raise RefusedDraftError(
            msg(
                "%(participant)s has no node yet: use the contacts in the directory.",
                participant=participant.display_name,
            )
        )


def lock_link_head(context: NodeContext, session: Session, peer: ParticipantCode) -> LinkHeadRow:
    """Take the link to ``peer`` for this transaction: numbers are given one at a time."""
    statement = select(LinkHeadRow).where(LinkHeadRow.peer == peer).with_for_update()
    head = session.exec(statement).one_or_none()
    if head is None:
        begin_links(context, session, [peer])
        head = session.exec(statement).one()
    return head


def begin_links(context: NodeContext, session: Session, peers: Sequence[str]) -> None:
    """Write the heads of links that were not found, in this order; who calls locks them after.

    Another transaction may begin the same links now: this waits for its end and then leaves what
    it wrote, where a unique violation would undo everything else that this transaction did.
    """
    fresh = LinkHead()
    if is_restored(session):  # the link may have been begun after the backup
        fresh = restart_link(fresh, now=context.clock())
    begun = {"generation": fresh.generation, "seq": fresh.seq, "digest": fresh.digest}
    insert = sqlite.insert if context.database.is_sqlite else postgresql.insert
    session.connection().execute(
        insert(table_of(LinkHeadRow)).on_conflict_do_nothing(),
        [{"peer": peer, **begun} for peer in peers],
    )


def sign_message(context: NodeContext, message: CaseMessage) -> SignedPayload:
    """Sign a numbered message; raises ``RefusedDraftError`` if it is too large."""
    payload = encode_payload(message)
    if len(payload) > LIMITS.payload:
        raise RefusedDraftError(
            msg(
                "The message has %(size)s bytes; the limit is %(most)s. Shorten its texts or "
                "attach them as a file.",
                size=len(payload),
                most=LIMITS.payload,
            )
        )
    try:
        return SignedPayload.sign(
            payload,
            consignment=Consignment(
                message_id=MessageId(message.message_id),
                sender=ParticipantCode(message.sender),
                recipient=ParticipantCode(message.recipient),
                expires_at=message.composed_at + context.rules.expiry,
            ),
            key=context.keys.signing_key,
        )
    except LocalProtocolError as error:
        raise RefusedDraftError(borrow_words(error)) from error


def describe_row(
    message: CaseMessage, *, signed: SignedPayload, stored_at: datetime, grounds: Iterable[Ground]
) -> dict[str, Any]:
    """Return the columns of a message that are metadata; case and content are the caller's."""
    expects = get_entry(message.type).expectation_of(message.kind)
    return {
        "message_id": message.message_id,
        "wire_id": message.message_id,
        "direction": OUT,
        "peer": message.recipient,
        "type": message.type,
        "version": message.version,
        "readable": True,
        "phase": message.phase,
        "urgency": message.urgency,
        "channel": message.channel,
        "from_authority": message.from_authority,
        "to_authority": message.to_authority,
        "in_reply_to": message.in_reply_to,
        "composed_at": message.composed_at,
        "stored_at": stored_at,
        "answer_by": message.answer_by,
        "expires_at": signed.consignment.expires_at,
        "payload_sha256": signed.digest,
        "signer_key_id": signed.signer,
        "link_generation": message.link.generation,
        "link_seq": message.link.seq,
        "link_prev": message.link.prev,
        "registry_version": message.registry.version,
        "registry_sha256": message.registry.sha256,
        "rests_on": json.dumps([[each.kind, each.reference] for each in grounds]),
        "dispatch": Dispatch.QUEUED,
        "handling": (Handling.NOTHING_EXPECTED if expects is Expectation.NOTHING else Handling.NEW),
    }


def read_grounds(row: MessageRow) -> tuple[Ground, ...]:
    """Return what a message of ours rests on, as :func:`describe_row` noted it."""
    return tuple(
        Ground(GroundKind(kind), reference) for kind, reference in json.loads(row.rests_on or "[]")
    )
