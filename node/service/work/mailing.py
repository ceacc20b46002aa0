"""Notices on their way to a mail server: whose turn it is, and what became of each.

What waits for one reader goes into one letter, and a storm of messages makes no storm of mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, func, or_, select

from console.i18n import Language, Message, msg, nmsg
from node.domain.notices import (
    KEPT_FOR,
    MOST_IN_AN_HOUR,
    MOST_NOT_URGENT,
    NOTICE_TABLE,
    ONE_IN,
    ONE_URGENT_IN,
    PAUSES,
    REFUSED_FOR,
    TRIED_FOR,
    Letter,
    NoticeEvent,
    NoticeState,
)
from node.domain.work import ItemState
from node.service.context import NodeContext
from node.service.principals import load_people
from node.service.work.addresses import open_address
from node.service.work.letters import Translate, compose_letter
from node.service.work.routing import find_desk_of_ours
from node.service.work.telling import ROUTE
from node.store.bulk import in_parts
from node.store.work_tables import MailRefusalRow, NoticeAddressRow, NoticeRow, WorkItemRow

#: Notices that one round looks at.
_AT_ONCE: Final = 200
_HOUR: Final = timedelta(hours=1)
#: A letter is handed over within this, or by another process: a slow server has several answers.
_LEASE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Posting:
    """A letter to be sent, and the notices that it is made of."""

    letter: Letter
    recipient: str
    notice_ids: tuple[int, ...]


def claim_posting(context: NodeContext, *, translate: Translate) -> Posting | None:
    """Claim the next letter that is due, one for each reader, urgent ones first; None: no more.

    One at a time, so that none waits, claimed, for a server that is slow with others. What is not
    needed any more is dropped.
    """
    due = _is_due(context)
    with context.database.reading() as session:
        if session.exec(select(NoticeRow.notice_id).where(due).limit(1)).first() is None:
            return None

    def claim(session: Session) -> Posting | None:
        rows = session.exec(
            select(NoticeRow)
            .where(due)
            .order_by(col(NoticeRow.urgent).desc(), col(NoticeRow.notice_id))
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        ).all()
        still = _drop_not_needed(context, session, rows)
        return _compose(context, session, still, translate=translate)

    return context.transact(claim)


def _is_due(context: NodeContext) -> ColumnElement[bool]:
    now = context.clock()
    return (
        (col(NoticeRow.state) == NoticeState.WAITING)
        & or_(
            col(NoticeRow.next_attempt_at) <= now,
            # Written by a clock that was set back since.
            col(NoticeRow.next_attempt_at) > now + PAUSES[-1],
        )
        & or_(
            col(NoticeRow.claimed_until).is_(None),
            col(NoticeRow.claimed_until) < now,
            col(NoticeRow.claimed_until) > now + _LEASE,
        )
    )


def _drop_not_needed(
    context: NodeContext, session: Session, rows: Sequence[NoticeRow]
) -> list[NoticeRow]:
    """Drop notices of what is done, or of what somebody else has by now."""
    items: dict[str, WorkItemRow] = {}
    for part in in_parts({row.item_id for row in rows}):
        found = session.exec(select(WorkItemRow).where(col(WorkItemRow.item_id).in_(part)))
        items.update((item.item_id, item) for item in found)
    still = []
    for row in rows:
        item = items[row.item_id]
        taken = item.state == ItemState.CLAIMED and item.claimed_by != row.recipient
        if item.state == ItemState.DONE or (taken and item.due_at > context.clock()):
            _advance(row, NoticeEvent.SETTLED)
            session.add(row)
        else:
            still.append(row)
    return still


def _compose(
    context: NodeContext,
    session: Session,
    rows: Sequence[NoticeRow],
    *,
    translate: Translate,
) -> Posting | None:
    by_recipient: dict[str, list[NoticeRow]] = {}
    for row in rows:
        by_recipient.setdefault(row.recipient, []).append(row)
    now = context.clock()
    sent = _count_sent(session, since=now - _HOUR, until=now)
    for recipient, theirs in by_recipient.items():
        urgent = any(row.urgent for row in theirs)
        wait = _wait_for(session, recipient, urgent=urgent, now=now)
        if sent >= (MOST_IN_AN_HOUR if urgent else MOST_NOT_URGENT):
            wait = max(wait or timedelta(0), ONE_IN)
        if wait is not None:
            for row in theirs:
                row.next_attempt_at = now + wait
                session.add(row)
            continue
        posting = _write(context, session, recipient, theirs, translate=translate)
        if posting is not None:
            return posting
    return None


def _count_sent(session: Session, *, since: datetime, until: datetime) -> int:
    letters = select(NoticeRow.recipient, NoticeRow.sent_at).where(
        NoticeRow.state == NoticeState.SENT,
        col(NoticeRow.sent_at) > since,
        col(NoticeRow.sent_at) <= until,
    )
    return session.exec(select(func.count()).select_from(letters.distinct().subquery())).one()


def _wait_for(session: Session, recipient: str, *, urgent: bool, now: datetime) -> timedelta | None:
    """Return how long a reader is left alone, who had a letter a moment ago; None: not at all."""
    last = session.exec(
        select(func.max(NoticeRow.sent_at)).where(
            NoticeRow.recipient == recipient,
            NoticeRow.state == NoticeState.SENT,
            col(NoticeRow.sent_at) <= now,
        )
    ).one()
    if last is None:
        return None
    rest = last + (ONE_URGENT_IN if urgent else ONE_IN) - now
    return rest if rest > timedelta(0) else None


def _write(
    context: NodeContext,
    session: Session,
    recipient: str,
    rows: Sequence[NoticeRow],
    *,
    translate: Translate,
) -> Posting | None:
    """Write the letter, and claim its notices; None if the reader has no address any more."""
    found = _find_addresses(context, session, recipient)
    if found is None:
        for row in rows:
            _advance(row, NoticeEvent.SETTLED)
            session.add(row)
        return None
    to, language = found
    urgent = any(row.urgent for row in rows)
    ids = tuple(row.notice_id for row in rows if row.notice_id is not None)
    for row in rows:
        row.claimed_until = context.clock() + _LEASE
        row.attempts += 1
        session.add(row)
    letter = compose_letter(
        context,
        to=to,
        language=language,
        urgent=urgent,
        count=len({row.item_id for row in rows}),
        key=f"{recipient}:{ids[0]}",
        translate=translate,
    )
    return Posting(letter, recipient, ids)


def _find_addresses(
    context: NodeContext, session: Session, recipient: str
) -> tuple[str, str] | None:
    if recipient.startswith(ROUTE):
        return _find_mailbox(context, recipient)
    row = session.get(NoticeAddressRow, recipient)
    refusal = session.get(MailRefusalRow, recipient)
    is_refused = refusal is not None and refusal.at > context.clock() - REFUSED_FOR
    if row is None or is_refused or recipient not in load_people(session, [recipient]):
        return None
    return open_address(context, row), row.language


def _find_mailbox(context: NodeContext, recipient: str) -> tuple[str, str] | None:
    """Return a mailbox of a desk's out-of-hours route, and the desk's language."""
    desk, _, number = recipient.removeprefix(ROUTE).partition("#")
    authority = find_desk_of_ours(context, desk, at=context.clock())
    route = authority.out_of_hours if authority else None
    if authority is None or route is None or int(number) >= len(route.mailboxes):
        return None
    return route.mailboxes[int(number)], next(iter(authority.languages), Language.ENGLISH)


# --------------------------------------------------------------------------- outcomes


def record_sent(context: NodeContext, posting: Posting) -> None:
    """Note that the mail server took a letter, and with it the address."""
    change = {"state": NoticeState.SENT, "sent_at": context.clock(), "last_error": None}
    _record(context, posting, NoticeEvent.TAKEN, change)

    def forget_refusal(session: Session) -> None:
        session.exec(delete(MailRefusalRow).where(_is_of(posting.recipient)))

    with context.database.reading() as session:
        was_refused = session.get(MailRefusalRow, posting.recipient) is not None
    if was_refused:
        context.transact(forget_refusal)


def _is_of(recipient: str) -> ColumnElement[bool]:
    return col(MailRefusalRow.account_id) == recipient


def record_failed(context: NodeContext, posting: Posting, *, error: str) -> None:
    """Note that the mail server did not take a letter now: it is tried again, for a day."""
    _record(context, posting, NoticeEvent.FAILED, {"last_error": error[:200]})


def record_refused(context: NodeContext, posting: Posting, *, error: str) -> None:
    """Note that the mail server refuses an address: it is shown, and not used any more."""

    def record(session: Session) -> None:
        if session.get(NoticeAddressRow, posting.recipient) is None:
            return  # a mailbox of a route: its refused notice is shown
        row = session.get(MailRefusalRow, posting.recipient) or MailRefusalRow(
            account_id=posting.recipient, at=context.clock(), code=""
        )
        row.at, row.code = context.clock(), error[:20]
        session.add(row)

    _record(context, posting, NoticeEvent.REFUSED, {"last_error": error[:200]})
    context.transact(record)


def _record(
    context: NodeContext, posting: Posting, event: NoticeEvent, change: Mapping[str, object]
) -> None:
    now = context.clock()

    def record(session: Session) -> None:
        rows = session.exec(
            select(NoticeRow)
            .where(
                col(NoticeRow.notice_id).in_(posting.notice_ids),
                NoticeRow.state == NoticeState.WAITING,
            )
            .with_for_update()
        )
        for row in rows:
            for name, value in change.items():
                setattr(row, name, value)
            row.claimed_until = None
            happened = event
            if event is NoticeEvent.FAILED:
                row.next_attempt_at = now + PAUSES[min(row.attempts, len(PAUSES)) - 1]
                if now - row.created_at > TRIED_FOR:
                    happened = NoticeEvent.FAILED_FOR_LONG
            _advance(row, happened)
            session.add(row)

    context.transact(record)


def _advance(row: NoticeRow, event: NoticeEvent) -> None:
    row.state = NOTICE_TABLE.get((NoticeState.WAITING, event), NoticeState(row.state))


def list_mail_notices(session: Session) -> list[Message]:
    """Say which mail does not arrive; empty if all does."""
    refused = session.exec(select(func.count()).select_from(MailRefusalRow)).one()
    failing = session.exec(
        select(func.max(NoticeRow.attempts), func.count()).where(
            NoticeRow.state == NoticeState.WAITING, NoticeRow.attempts >= len(PAUSES) - 2
        )
    ).one()
    lines: list[Message] = []
    if refused:
        lines.append(
            nmsg(
                "mail: the mail server refuses %(count)s address that notices go to: correct it",
                "mail: the mail server refuses %(count)s addresses that notices go to: correct "
                "them",
                refused,
            )
        )
    lines += [
        msg(
            "mail: the mail server refuses a mailbox of the out-of-hours route of %(desk)s: "
            "correct it with our contacts in the directory",
            desk=desk,
        )
        for desk in _list_refused_routes(session)
    ]
    if failing[1]:
        lines.append(
            nmsg(
                "mail: %(count)s notice could not be sent for some time: look at the mail server",
                "mail: %(count)s notices could not be sent for some time: look at the mail server",
                failing[1],
            )
        )
    return lines


def _list_refused_routes(session: Session) -> list[str]:
    """Return desks of whose out-of-hours mailboxes the last notice was refused, by name."""
    newest = (
        select(func.max(NoticeRow.notice_id))
        .where(
            col(NoticeRow.recipient).startswith(ROUTE),
            col(NoticeRow.state).in_((NoticeState.SENT, NoticeState.REFUSED)),
        )
        .group_by(NoticeRow.recipient)
    )
    refused = select(NoticeRow.recipient).where(
        col(NoticeRow.notice_id).in_(newest), NoticeRow.state == NoticeState.REFUSED
    )
    return sorted({name.removeprefix(ROUTE).partition("#")[0] for name in session.exec(refused)})


def forget_old_notices(context: NodeContext) -> int:
    """Forget notices that were over long ago; returns how many."""
    old = (
        select(NoticeRow.notice_id)
        .where(
            NoticeRow.state != NoticeState.WAITING,
            NoticeRow.created_at < context.clock() - KEPT_FOR,
        )
        .limit(_AT_ONCE)
    )
    with context.database.reading() as session:
        found = session.exec(old).all()
    if found:
        gone = delete(NoticeRow).where(col(NoticeRow.notice_id).in_(found))
        context.transact(lambda session: session.exec(gone))
    return len(found)
