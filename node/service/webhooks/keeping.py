"""Webhooks and how they stand: made, changed, stopped, taken away, and told again."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from console.audit.entries import Detail
from console.i18n import Message, msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.hooks import KINDS, HookState, NoteKind
from node.service.audit import record
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.permitting import require
from node.service.principals import split_channels, write_channels
from node.service.webhooks.happenings import Happening, read_events, read_notes
from node.service.webhooks.noticing import EVENT, NOTE, begin_noticing, find_read, owe
from node.service.webhooks.targets import Target, make_secret, open_target, seal_target
from node.service.webhooks.telling import TOLD_AFTER
from node.store.bulk import in_parts
from node.store.hook_tables import HookNoteRow, HookTellingRow, WebhookRow
from node.store.tables import EventRow
from protocol.identifiers import Channel

#: More is nobody's intent, and each is told everything.
MOST_WEBHOOKS: Final = 20
#: Most that is told again at once.
MOST_REPLAYED: Final = 50_000
#: How long what stands in no timeline is kept for replays.
NOTES_KEPT: Final = timedelta(days=30)
_LONGEST_URL: Final = 500
_URL: Final = re.compile(
    r"https?://([A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:(?P<port>[0-9]{1,5}))?"
    r"(/[\x21\x24-\x7e]*)?"
)
_PORTS: Final = range(1, 65_536)


class WebhookRefusedError(NodeError):
    """A webhook cannot be kept as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWish:
    """What a webhook shall be."""

    label: str
    url: str
    kinds: frozenset[str] = frozenset()
    channels: frozenset[Channel] = frozenset({Channel.ASSISTANCE})
    is_paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook as administrators see it. Its secret is shown once, when it is made."""

    webhook_id: str
    label: str
    url: str
    kinds: tuple[str, ...]
    channels: tuple[Channel, ...]
    state: HookState
    created_at: datetime
    failures: int
    failing_since: datetime | None
    last_error: str | None
    last_success_at: datetime | None
    owed: int
    both_secrets_until: datetime | None
    row_version: int


def handle_make(context: NodeContext, wish: WebhookWish, *, who: Principal) -> tuple[str, str]:
    """Keep a new webhook; returns its identifier and its secret, which is never shown again.

    Raises :class:`WebhookRefusedError`, ``ForbiddenError``.
    """
    require(who, Permission.ADMINISTER_NODE)
    _verify(wish)
    webhook_id, secret = context.random(16).hex(), make_secret(context)

    def make(session: Session) -> None:
        count = session.exec(select(func.count()).select_from(WebhookRow)).one()
        if count >= MOST_WEBHOOKS:
            raise WebhookRefusedError(
                f"A node has at most {MOST_WEBHOOKS} webhooks: take one away first."
            )
        if count == 0:
            begin_noticing(session)
        now = context.clock()
        session.add(
            WebhookRow(
                webhook_id=webhook_id,
                label=wish.label,
                target_sealed=seal_target(context, webhook_id, Target(wish.url, secret)),
                kinds=" ".join(sorted(wish.kinds)),
                channels=write_channels(wish.channels),
                created_at=now,
                created_by=who.actor,
                state=HookState.PAUSED if wish.is_paused else HookState.ACTIVE,
                next_attempt_at=now,
            )
        )
        record(context, session, who, Act.WEBHOOK_MADE, subject=webhook_id)

    context.transact(make)
    return webhook_id, secret


def _verify(wish: WebhookWish) -> None:
    found = _URL.fullmatch(wish.url)
    if len(wish.url) > _LONGEST_URL or not found or int(found["port"] or 1) not in _PORTS:
        raise WebhookRefusedError(
            "The address is no address of a program: write https://host/path, without a name or "
            "password in it, and without a fragment."
        )
    if unknown := wish.kinds - KINDS:
        raise WebhookRefusedError(
            f"{len(unknown)} of the kinds do not exist: see docs/api.md, or leave them out to be "
            "told everything."
        )
    if not wish.channels:
        raise WebhookRefusedError("Name at least one channel that it is told of.")


def list_webhooks(context: NodeContext, *, who: Principal) -> list[WebhookView]:
    """List all, by label."""
    require(who, Permission.ADMINISTER_NODE)
    with context.database.reading() as session:
        rows = session.exec(
            select(WebhookRow).order_by(WebhookRow.label, WebhookRow.webhook_id)
        ).all()
        return [_view(context, session, row) for row in rows]


def load_webhook(context: NodeContext, webhook_id: str, *, who: Principal) -> WebhookView:
    """Return one; raises ``NotFoundError``."""
    require(who, Permission.ADMINISTER_NODE)
    with context.database.reading() as session:
        return _view(context, session, _get(session, webhook_id))


def _get(session: Session, webhook_id: str, *, lock: bool = False) -> WebhookRow:
    statement = select(WebhookRow).where(WebhookRow.webhook_id == webhook_id)
    row = session.exec(
        statement.with_for_update(key_share=True) if lock else statement
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such webhook: list them.")
    return row


def _view(context: NodeContext, session: Session, row: WebhookRow) -> WebhookView:
    target = open_target(context, row)
    is_both = target.old_until is not None and target.old_until > context.clock()
    owed = session.exec(
        select(func.count())
        .select_from(HookTellingRow)
        .where(HookTellingRow.webhook_id == row.webhook_id)
    ).one()
    return WebhookView(
        webhook_id=row.webhook_id,
        label=row.label,
        url=target.url,
        kinds=tuple(row.kinds.split()),
        channels=tuple(sorted(split_channels(row.channels))),
        state=HookState(row.state),
        created_at=row.created_at,
        failures=row.failures,
        failing_since=row.failing_since,
        last_error=row.last_error,
        last_success_at=row.last_success_at,
        owed=owed,
        both_secrets_until=target.old_until if is_both else None,
        row_version=row.row_version,
    )


def _change(
    context: NodeContext,
    webhook_id: str,
    *,
    seen: int | None,
    work: Callable[[Session, WebhookRow], None],
) -> None:
    def change(session: Session) -> None:
        row = _get(session, webhook_id, lock=True)
        if seen is not None and seen != row.row_version:
            raise StaleError("Somebody changed this webhook since: look at it again.")
        work(session, row)

    context.transact(change)


def handle_change(
    context: NodeContext, webhook_id: str, wish: WebhookWish, *, who: Principal, seen: int | None
) -> WebhookView:
    """Let a webhook be this. One that had been given up or paused takes up from when it failed."""
    require(who, Permission.ADMINISTER_NODE)
    _verify(wish)

    def work(session: Session, row: WebhookRow) -> None:
        target = open_target(context, row)
        row.label = wish.label
        row.target_sealed = seal_target(
            context,
            webhook_id,
            Target(wish.url, target.secret, target.old_secret, target.old_until),
        )
        row.kinds, row.channels = " ".join(sorted(wish.kinds)), write_channels(wish.channels)
        was = row.state
        row.state = HookState.PAUSED if wish.is_paused else HookState.ACTIVE
        if was == HookState.DISABLED and row.state == HookState.ACTIVE:
            _tell_again(context, session, row, since=row.failing_since or context.clock())
        row.failures, row.failing_since, row.last_error = 0, None, None
        row.next_attempt_at = context.clock()
        row.row_version += 1
        session.add(row)
        record(
            context,
            session,
            who,
            Act.WEBHOOK_CHANGED,
            subject=webhook_id,
            detail={"version": row.row_version},
        )

    _change(context, webhook_id, seen=seen, work=work)
    context.signals.hooks.notify()
    return load_webhook(context, webhook_id, who=who)


def handle_remove(
    context: NodeContext, webhook_id: str, *, who: Principal, seen: int | None
) -> None:
    """Take a webhook away, with what it was still owed."""
    require(who, Permission.ADMINISTER_NODE)

    def work(session: Session, row: WebhookRow) -> None:
        session.execute(delete(HookTellingRow).where(col(HookTellingRow.webhook_id) == webhook_id))
        session.delete(row)
        record(context, session, who, Act.WEBHOOK_REMOVED, subject=webhook_id)

    _change(context, webhook_id, seen=seen, work=work)


def handle_rotate_secret(
    context: NodeContext, webhook_id: str, *, who: Principal, seen: int | None
) -> str:
    """Return a new secret, shown once; the one before it signs beside it for a day."""
    require(who, Permission.ADMINISTER_NODE)
    secret = make_secret(context)

    def work(session: Session, row: WebhookRow) -> None:
        target = open_target(context, row).rotate(secret, at=context.clock())
        row.target_sealed = seal_target(context, webhook_id, target)
        row.row_version += 1
        session.add(row)
        detail = {"version": row.row_version}
        record(context, session, who, Act.WEBHOOK_SECRET_CHANGED, subject=webhook_id, detail=detail)

    _change(context, webhook_id, seen=seen, work=work)
    return secret


def handle_test(context: NodeContext, webhook_id: str, *, who: Principal) -> str:
    """Owe a webhook something that says nothing; returns its name."""
    require(who, Permission.ADMINISTER_NODE)
    name = f"test-{context.random(16).hex()}"

    def work(session: Session, row: WebhookRow) -> None:
        now = context.clock()
        test = Happening(
            name=name,
            kind=NoteKind.TEST,
            at=now,
            case_id=None,
            message_id=None,
            subject=None,
            channels=frozenset(Channel),
        )
        session.add(HookTellingRow(**test.write_row(row.webhook_id, due=now)))

    _change(context, webhook_id, seen=None, work=work)
    context.signals.hooks.notify()
    return name


def handle_replay(context: NodeContext, webhook_id: str, *, since: datetime, who: Principal) -> int:
    """Owe a webhook everything since a moment, once more and in order; returns how much that is.

    Raises :class:`WebhookRefusedError` if that is too much at once.
    """
    require(who, Permission.ADMINISTER_NODE)
    counts: list[int] = []

    def work(session: Session, row: WebhookRow) -> None:
        counts.append(_tell_again(context, session, row, since=since))
        detail: Detail = {"since": since.isoformat(timespec="seconds"), "count": counts[-1]}
        record(context, session, who, Act.WEBHOOK_REPLAYED, subject=webhook_id, detail=detail)

    _change(context, webhook_id, seen=None, work=work)
    context.signals.hooks.notify()
    return counts[-1]


def _tell_again(context: NodeContext, session: Session, row: WebhookRow, *, since: datetime) -> int:
    """Owe it again. What it is owed of that time already is put back into its place."""
    happenings = _list_since(session, since)
    session.execute(
        delete(HookTellingRow).where(
            col(HookTellingRow.webhook_id) == row.webhook_id, col(HookTellingRow.at) >= since
        )
    )
    return sum(owe(session, [row], part, now=context.clock()) for part in in_parts(happenings))


def _list_since(session: Session, since: datetime) -> Sequence[Happening]:
    """Return what was taken up already: what was not yet is going to be owed anyway."""
    read, missing = find_read(session, EVENT)
    events = session.exec(
        select(EventRow)
        .where(
            col(EventRow.at) >= since,
            col(EventRow.event_id) <= read,
            col(EventRow.event_id).not_in(missing),
        )
        .order_by(col(EventRow.event_id))
        .limit(MOST_REPLAYED + 1)
    ).all()
    read, missing = find_read(session, NOTE)
    notes = session.exec(
        select(HookNoteRow)
        .where(
            col(HookNoteRow.at) >= since,
            col(HookNoteRow.note_id) <= read,
            col(HookNoteRow.note_id).not_in(missing),
        )
        .order_by(col(HookNoteRow.note_id))
        .limit(MOST_REPLAYED + 1)
    ).all()
    if len(events) + len(notes) > MOST_REPLAYED:
        raise WebhookRefusedError(
            f"That is more than {MOST_REPLAYED} things: choose a later moment, and read the lists "
            "of messages and cases for what was before."
        )
    found = [*read_events(session, events), *read_notes(notes)]
    return sorted(found, key=lambda happening: happening.at)


def forget_old_notes(context: NodeContext) -> None:
    """Delete what stands in no timeline and is older than replays reach."""
    before = context.clock() - NOTES_KEPT
    with context.database.transaction() as session:
        session.execute(delete(HookNoteRow).where(col(HookNoteRow.at) < before))


def list_webhook_notices(session: Session) -> list[Message]:
    """Name the webhooks that are told nothing any more, and those that one case is kept from."""
    rows = session.exec(
        select(WebhookRow).where(WebhookRow.state == HookState.DISABLED).order_by(WebhookRow.label)
    )
    return [
        msg(
            "webhook %(label)s: its receiver has not answered since %(since)s and is told nothing "
            "any more. Have it repaired, then save the webhook again: it takes up where it broke "
            "off",
            label=row.label,
            since=f"{row.failing_since:%Y-%m-%d %H:%M} UTC",
        )
        for row in rows
        if row.failing_since is not None
    ] + _list_stuck(session)


def _list_stuck(session: Session) -> list[Message]:
    stuck = session.exec(
        select(WebhookRow.label, func.min(HookTellingRow.at))
        .join(HookTellingRow, col(HookTellingRow.webhook_id) == col(WebhookRow.webhook_id))
        .where(WebhookRow.state == HookState.ACTIVE, HookTellingRow.attempts >= TOLD_AFTER)
        .group_by(col(WebhookRow.webhook_id), col(WebhookRow.label))
        .order_by(WebhookRow.label)
    )
    return [
        msg(
            "webhook %(label)s: its receiver does not take what happened in one case at %(since)s, "
            "and learns nothing later of that case until it does. Have it repaired",
            label=label,
            since=f"{since:%Y-%m-%d %H:%M} UTC",
        )
        for label, since in stuck
    ]
