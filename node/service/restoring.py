"""After a restore from a backup: a new generation on every link, and asking what was lost.

SPEC section 6.3. To be done before the restored node sends anything: the numbers that its backup
would give out next may have been given out already.
"""

from sqlmodel import Session, col, select

from node.service.context import NodeContext
from node.service.gap_watching import list_linked_peers, lock_link
from node.service.machine_mail import owe_machine_mail
from node.service.records import IN
from node.store.link_tables import LinkAskedRow
from node.store.tables import LinkHeadRow, MessageRow
from protocol.links import LinkHead, restart_link
from protocol.messages.link_repair import HeadField, ResendRequestBody, Restored


def begin_new_generation(context: NodeContext) -> list[str]:
    """Begin one on the link to every peer, and ask each for what the backup lacks.

    Returns the peers. All of them in one transaction: a node with half of its links restarted
    could not tell which.
    """
    heard_from = list_linked_peers(context)

    def restart(session: Session) -> list[str]:
        heads = {
            row.peer: row
            for row in session.exec(
                select(LinkHeadRow).order_by(col(LinkHeadRow.peer)).with_for_update()
            )
        }
        peers = sorted({*heads, *heard_from})
        for peer in peers:
            _restart(context, session, peer, heads.get(peer))
        return peers

    peers = context.transact(restart)
    context.signals.outbox.notify()
    return peers


def _restart(context: NodeContext, session: Session, peer: str, row: LinkHeadRow | None) -> None:
    now = context.clock()
    sent = LinkHead(row.generation, row.seq, row.digest) if row else LinkHead()
    lock_link(session, peer)
    body = ResendRequestBody(
        restored=Restored(
            received=HeadField.of(_find_last_received(session, peer)), sent=HeadField.of(sent)
        )
    )
    message_id = owe_machine_mail(context, session, peer=peer, body=body)
    session.add(LinkAskedRow(message_id=message_id, peer=peer, at=now))
    if row is None:
        row = LinkHeadRow(peer=peer, generation=0, seq=0, digest="")
    fresh = restart_link(sent, now=now)
    row.generation, row.seq, row.digest = fresh.generation, fresh.seq, fresh.digest
    session.add(row)
    session.flush()


def _find_last_received(session: Session, peer: str) -> LinkHead:
    row = session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == IN,
            MessageRow.peer == peer,
            col(MessageRow.link_seq).is_not(None),
        )
        .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
        .limit(1)
    ).first()
    if row is None or row.link_generation is None or row.link_seq is None:
        return LinkHead()
    return LinkHead(row.link_generation, row.link_seq, row.payload_sha256)
