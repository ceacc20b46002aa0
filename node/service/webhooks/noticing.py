"""From what happens to what each webhook has to be told, exactly once.

Timelines are read by the number of their entries. A number below the newest may come later: its
transaction was begun first and ends last. So numbers that are missing are remembered and looked for
until their transaction can be running no more.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_
from sqlmodel import Session, SQLModel, col, func, select

from node.domain.hooks import HookState
from node.service.context import NodeContext
from node.service.webhooks.happenings import Happening, read_events, read_notes
from node.store.bulk import in_parts, insert_rows
from node.store.hook_tables import HookMarkRow, HookNoteRow, HookTellingRow, WebhookRow
from node.store.tables import EventRow

EVENT: Final = "event"
NOTE: Final = "note"
#: Entries of one transaction.
AT_ONCE: Final = 200
#: No transaction lasts longer.
_LATEST: Final = timedelta(minutes=5)
#: Numbers that are remembered as missing: a server that restarts may skip some tens.
_MOST_MISSING: Final = 400


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    model: type[SQLModel]


_EVENTS: Final = _Source(EVENT, EventRow)
_NOTES: Final = _Source(NOTE, HookNoteRow)


def notice(context: NodeContext) -> int:
    """Take up what happened since the last time; returns how many entries were read."""
    with context.database.reading() as session:
        if session.exec(select(WebhookRow.webhook_id).limit(1)).first() is None:
            return 0
        if not any(_has_news(session, source) for source in (_EVENTS, _NOTES)):
            return 0
    return context.transact(lambda session: _notice(context, session))


def _has_news(session: Session, source: _Source) -> bool:
    mark = session.get(HookMarkRow, source.name)
    return mark is None or mark.missing != "{}" or _find_newest(session, source) != mark.upto


def _find_newest(session: Session, source: _Source) -> int:
    key = EventRow.event_id if source is _EVENTS else HookNoteRow.note_id
    return session.exec(select(func.max(key))).one() or 0


def begin_noticing(session: Session) -> None:
    """Let the first webhook be told of what happens from now on."""
    for source in (_EVENTS, _NOTES):
        mark = session.get(HookMarkRow, source.name)
        mark = mark or HookMarkRow(source=source.name, upto=0, missing="{}")
        mark.upto, mark.missing = _find_newest(session, source), "{}"
        session.add(mark)


def find_read(session: Session, source: str) -> tuple[int, list[int]]:
    """Return up to which number a source was read, and which below it were not there.

    Nobody reads on until this transaction ends.
    """
    mark = _lock_mark(session, source)
    return mark.upto, [int(number) for number in json.loads(mark.missing)]


def _lock_mark(session: Session, source: str) -> HookMarkRow:
    return session.exec(
        select(HookMarkRow).where(HookMarkRow.source == source).with_for_update()
    ).one()


def _notice(context: NodeContext, session: Session) -> int:
    now, total = context.clock(), 0
    webhooks = session.exec(select(WebhookRow).where(WebhookRow.state == HookState.ACTIVE)).all()
    for source in (_EVENTS, _NOTES):
        mark = _lock_mark(session, source.name)
        happenings, found = _read(session, source, mark)
        _advance(session, mark, found, now=now)
        owe(session, webhooks, happenings, now=now)
        total += len(found)
    return total


def _read(
    session: Session, source: _Source, mark: HookMarkRow
) -> tuple[list[Happening], list[int]]:
    missing = [int(number) for number in json.loads(mark.missing)]
    if source is _EVENTS:
        key = col(EventRow.event_id)
        events = session.exec(
            select(EventRow)
            .where(or_(key > mark.upto, key.in_(missing)))
            .order_by(key)
            .limit(AT_ONCE)
        ).all()
        return read_events(session, events), [row.event_id or 0 for row in events]
    key = col(HookNoteRow.note_id)
    notes = session.exec(
        select(HookNoteRow)
        .where(or_(key > mark.upto, key.in_(missing)))
        .order_by(key)
        .limit(AT_ONCE)
    ).all()
    return read_notes(notes), [row.note_id or 0 for row in notes]


def _advance(session: Session, mark: HookMarkRow, found: Sequence[int], *, now: datetime) -> None:
    """Note what was read, and which numbers are missing below it."""
    missing = {int(number): since for number, since in json.loads(mark.missing).items()}
    highest = max(found, default=mark.upto)
    if highest > mark.upto:
        gaps = range(max(mark.upto + 1, highest - _MOST_MISSING), highest)
        missing |= dict.fromkeys(set(gaps) - set(found), now.isoformat())
        mark.upto = highest
    kept = {
        number: since
        for number, since in missing.items()
        if number not in found and now - datetime.fromisoformat(since) < _LATEST
    }
    mark.missing = json.dumps(dict(sorted(kept.items())[-_MOST_MISSING:]))
    session.add(mark)


def owe(
    session: Session,
    webhooks: Iterable[WebhookRow],
    happenings: Sequence[Happening],
    *,
    now: datetime,
) -> int:
    """Owe each webhook what it wants of this, in this order; returns how much that is."""
    rows = [
        happening.write_row(webhook.webhook_id, due=now)
        for webhook in webhooks
        for happening in happenings
        if happening.is_for(webhook)
    ]
    for part in in_parts(rows):
        insert_rows(session, HookTellingRow, part)
    return len(rows)
