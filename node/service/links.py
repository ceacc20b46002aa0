"""How the link with each Participant stands: what waits, what was heard, what is missing.

Metadata only. What is shown is drawn from what the store holds; no test message exists, because a
signed receipt of a real one is the only proof that the other side works.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, func, select

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.domain.access import Permission, Principal
from node.service.attention import Waiting, list_outbox
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import require
from node.service.records import IN, OUT
from node.store.link_tables import LinkGapRow, LinkGoneRow, RestoreQuestionRow
from node.store.tables import EvidenceRow, LinkHeadRow, MessageRow, OutboxRow, ReceiptDueRow
from protocol.identifiers import ParticipantCode

#: A receipt comes in seconds. After this without one, and without any other sign of life since the
#: message was handed over, the other side does not work.
DOWN_AFTER: Final = timedelta(minutes=15)
#: Nothing was heard, and nothing was owed: that may be as it should.
QUIET_AFTER: Final = timedelta(hours=3)
#: The newest messages of a link among which its last receipt is looked for.
_LOOKED_AT: Final = 50


class LinkState(StrEnum):
    """What is known of the other side."""

    UP = "up"
    QUIET = "quiet"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A link with one Participant, as administrators see it."""

    peer: str
    state: LinkState
    #: Since when it is quiet or down; None: it is neither.
    since: datetime | None
    #: The last message, receipt or refusal that came from there.
    heard_at: datetime | None
    receipt_at: datetime | None
    #: What waits for a receipt; None: nothing.
    waiting: Waiting | None
    #: Receipts that we owe, and since when.
    receipts_owed: int
    receipts_since: datetime | None
    #: Messages of theirs that never came: asked for, asked for in vain, told to be gone.
    missing: int
    missing_in_vain: int
    gone: int
    #: Whether they have still to say what our backup lacks.
    is_asked_after_restore: bool
    #: Until when the registry lists a key to which we can seal; None: it lists none.
    keys_until: datetime | None
    #: Where our numbering stands: generation and number of the last message.
    sent_generation: int
    sent_seq: int


def list_links(context: NodeContext, *, who: Principal) -> list[LinkView]:
    """Describe the link with each Participant that has a node, or to which something waits.

    What needs somebody comes first: down, quiet, unknown, up.
    """
    require(who, Permission.WATCH_DELIVERY)
    waiting = {each.peer: each for each in list_outbox(context)}
    directory = _find_directory(context)
    with context.database.reading() as session:
        heads = {row.peer: row for row in session.exec(select(LinkHeadRow))}
        listed = set(directory.keys) if directory is not None else set[str]()
        peers = sorted({*listed, *heads, *waiting} - {context.participant})
        sums = _Sums.load(session)
        views = [
            _describe(context, session, peer, _Known(waiting.get(peer), heads.get(peer), directory,
                                                     sums))
            for peer in peers
        ]  # fmt: skip
    order = (LinkState.DOWN, LinkState.QUIET, LinkState.UNKNOWN, LinkState.UP)
    return sorted(views, key=lambda view: (order.index(view.state), view.peer))


def load_link(context: NodeContext, peer: str, *, who: Principal) -> LinkView:
    """Describe one link; raises ``NotFoundError`` for a Participant that has none."""
    for view in list_links(context, who=who):
        if view.peer == peer:
            return view
    raise NotFoundError("There is no link with such a Participant: look at the list of links.")


def handle_try_now(context: NodeContext, peer: str, *, who: Principal) -> int:
    """Let everything that waits for a Participant leave at once; returns how much that is.

    Safe at any time: whoever has a message knows it by its identifier. Raises ``NotFoundError``.
    """
    load_link(context, peer, who=who)

    def hurry(session: Session) -> int:
        now = context.clock()
        rows = session.exec(
            select(OutboxRow)
            .where(OutboxRow.peer == peer, col(OutboxRow.next_attempt_at) > now)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.next_attempt_at = now
            session.add(row)
        return len(rows)

    count = context.transact(hurry)
    context.signals.outbox.notify()
    return count


def _find_directory(context: NodeContext) -> Directory | None:
    with suppress(RegistryUnavailableError):
        return context.directory.current()
    return None


@dataclass(frozen=True, slots=True)
class _Sums:
    """What small tables say of all links."""

    missing: Counter[str]
    in_vain: Counter[str]
    gone: Counter[str]
    asked: frozenset[str]
    owed: dict[str, tuple[int, datetime]]

    @classmethod
    def load(cls, session: Session) -> "_Sums":
        """Read them."""
        gaps = session.exec(select(LinkGapRow)).all()
        owed = session.exec(
            select(
                ReceiptDueRow.peer, func.count(), func.min(ReceiptDueRow.at)
            ).group_by(ReceiptDueRow.peer)
        ).all()  # fmt: skip
        asked = select(RestoreQuestionRow.peer).where(col(RestoreQuestionRow.answered_at).is_(None))
        return cls(
            missing=_count(row for row in gaps if not row.given_up),
            in_vain=_count(row for row in gaps if row.given_up),
            gone=_count(session.exec(select(LinkGoneRow))),
            asked=frozenset(session.exec(asked)),
            owed={peer: (count, since) for peer, count, since in owed},
        )


def _count(ranges: Iterable[LinkGapRow | LinkGoneRow]) -> Counter[str]:
    found = Counter[str]()
    for row in ranges:
        found[row.peer] += row.last - row.first + 1
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one link beforehand."""

    waiting: Waiting | None
    head: LinkHeadRow | None
    directory: Directory | None
    sums: _Sums


def _describe(context: NodeContext, session: Session, peer: str, known: _Known) -> LinkView:
    receipt_at = _find_last_receipt(session, peer)
    heard_at = max(
        (at for at in (receipt_at, _find_last_received(session, peer)) if at is not None),
        default=None,
    )
    state, since = judge(
        known.waiting, heard_at=heard_at, handed_at=_find_unanswered(session, peer),
        now=context.clock(),
    )  # fmt: skip
    owed, owed_since = known.sums.owed.get(peer, (0, None))
    listed = known.directory.keys if known.directory is not None else {}
    keys = listed.get(ParticipantCode(peer))
    return LinkView(
        peer=peer,
        state=state,
        since=since,
        heard_at=heard_at,
        receipt_at=receipt_at,
        waiting=known.waiting,
        receipts_owed=owed,
        receipts_since=owed_since,
        missing=known.sums.missing[peer],
        missing_in_vain=known.sums.in_vain[peer],
        gone=known.sums.gone[peer],
        is_asked_after_restore=peer in known.sums.asked,
        keys_until=max((key.valid_to for key in keys.encryption_keys), default=None)
        if keys is not None
        else None,
        sent_generation=known.head.generation if known.head else 0,
        sent_seq=known.head.seq if known.head else 0,
    )


def judge(
    waiting: Waiting | None,
    *,
    heard_at: datetime | None,
    handed_at: datetime | None,
    now: datetime,
) -> tuple[LinkState, datetime | None]:
    """Say how a link stands, and since when.

    ``handed_at``: when the oldest message was stored that the broker has and nobody receipted.
    """
    is_silent = handed_at is not None and (heard_at is None or heard_at < handed_at)
    if is_silent and handed_at is not None and now - handed_at >= DOWN_AFTER:
        return LinkState.DOWN, handed_at
    if waiting is not None and waiting.refused and waiting.refused_since is not None:
        return LinkState.DOWN, waiting.refused_since
    if heard_at is None:
        return LinkState.UNKNOWN, None
    if now - heard_at >= QUIET_AFTER:
        return LinkState.QUIET, heard_at
    return LinkState.UP, None


def _find_last_received(session: Session, peer: str) -> datetime | None:
    return session.exec(
        select(MessageRow.stored_at)
        .where(MessageRow.direction == IN, MessageRow.peer == peer)
        .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
        .limit(1)
    ).first()


def _find_last_receipt(session: Session, peer: str) -> datetime | None:
    newest: Sequence[str] = session.exec(
        select(MessageRow.message_id)
        .where(MessageRow.direction == OUT, MessageRow.peer == peer)
        .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
        .limit(_LOOKED_AT)
    ).all()
    return session.exec(
        select(func.max(EvidenceRow.stored_at)).where(
            col(EvidenceRow.message_id).in_(newest), col(EvidenceRow.given).is_(False)
        )
    ).one()


def _find_unanswered(session: Session, peer: str) -> datetime | None:
    return session.exec(
        select(func.min(MessageRow.stored_at))
        .join(OutboxRow, col(OutboxRow.message_id) == col(MessageRow.message_id))
        .where(OutboxRow.peer == peer, col(OutboxRow.handed_over) > 0)
    ).one()
