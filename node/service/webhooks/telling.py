"""What a webhook is told next, and what came of it.

In order per case: of each case the oldest goes first, and what follows waits until it got through.
A webhook that fails is tried with one thing at a time, after growing pauses: with what waits
longest for its turn, so that what fails again and again holds up nothing but its own case.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import exists, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from node.domain.hooks import HookState
from node.service.context import NodeContext
from node.service.webhooks.signing import sign_headers
from node.service.webhooks.targets import open_target
from node.store.bulk import delete_rows
from node.store.hook_tables import HookTellingRow, WebhookRow

log = structlog.get_logger(__name__)

#: Cases of one webhook at a time.
_LINES: Final = 8
#: Of each case at a time.
_OF_LINE: Final = 20
#: How long what was claimed waits for its process.
LEASE: Final = timedelta(minutes=3)
#: Pauses after failures; the last one repeats.
PAUSES: Final = tuple(timedelta(seconds=s) for s in (5, 30, 300, 1_800, 7_200, 18_000, 36_000))
#: So long nothing got through, and people are told instead.
GIVEN_UP_AFTER: Final = timedelta(days=5)
#: After so many failures people are told that one thing is not taken: some three hours.
TOLD_AFTER: Final = 5
_LONGEST_WISH: Final = timedelta(hours=6)
_ERROR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Telling:
    """One request to be made."""

    telling_id: int
    name: str
    body: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Line:
    """What one webhook is told of one case, in order."""

    webhook_id: str
    url: str
    secrets: tuple[str, ...]
    tellings: tuple[Telling, ...]

    def sign(self, telling: Telling, *, at: datetime) -> Mapping[str, str]:
        """Return the headers of one attempt."""
        signed = sign_headers(telling.body, message_id=telling.name, at=at, secrets=self.secrets)
        return {"content-type": "application/json", **signed}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: a status or the kind of an error, nothing that was said."""

    why: str
    #: The receiver wants nothing more (410).
    is_gone: bool = False
    #: How long it asks to be left alone.
    wish: timedelta | None = None


def claim_lines(context: NodeContext) -> list[Line]:
    """Claim what is due; no other process gets it before the lease ends."""
    with context.database.reading() as session:
        if session.exec(select(HookTellingRow.telling_id).limit(1)).first() is None:
            return []
    return context.transact(lambda session: _claim(context, session))


def _claim(context: NodeContext, session: Session) -> list[Line]:
    now = context.clock()
    webhooks = session.exec(
        select(WebhookRow)
        .where(WebhookRow.state == HookState.ACTIVE, col(WebhookRow.next_attempt_at) <= now)
        .order_by(WebhookRow.webhook_id)
    ).all()
    lines = []
    for webhook in webhooks:
        target = open_target(context, webhook)
        most = (1, 1) if webhook.failures else (_LINES, _OF_LINE)
        for first in _list_first(session, webhook.webhook_id, now=now, limit=most[0]):
            rows = _claim_line(session, first, now=now, limit=most[1])
            line = Line(
                webhook_id=webhook.webhook_id,
                url=target.url,
                secrets=target.list_secrets(at=now),
                tellings=tuple(_write(context, row) for row in rows),
            )
            lines.append(line)
    return lines


def _list_first(
    session: Session, webhook_id: str, *, now: datetime, limit: int
) -> Sequence[HookTellingRow]:
    """Return the oldest of each case, of those that may go now; what was due first first."""
    earlier = aliased(HookTellingRow)
    return session.exec(
        select(HookTellingRow)
        .where(
            HookTellingRow.webhook_id == webhook_id,
            col(HookTellingRow.next_attempt_at) <= now,
            or_(
                col(HookTellingRow.claimed_until).is_(None),
                col(HookTellingRow.claimed_until) <= now,
            ),
            ~exists().where(
                col(earlier.webhook_id) == HookTellingRow.webhook_id,
                col(earlier.line) == HookTellingRow.line,
                col(earlier.telling_id) < col(HookTellingRow.telling_id),
            ),
        )
        .order_by(col(HookTellingRow.next_attempt_at), col(HookTellingRow.telling_id))
        .limit(limit)
        .with_for_update(skip_locked=True, of=HookTellingRow)
    ).all()


def _claim_line(
    session: Session, first: HookTellingRow, *, now: datetime, limit: int
) -> Sequence[HookTellingRow]:
    rows = session.exec(
        select(HookTellingRow)
        .where(HookTellingRow.webhook_id == first.webhook_id, HookTellingRow.line == first.line)
        .order_by(col(HookTellingRow.telling_id))
        .limit(limit)
    ).all()
    for row in rows:
        row.claimed_until = now + LEASE
        session.add(row)
    return rows


def _write(context: NodeContext, row: HookTellingRow) -> Telling:
    data = {
        "participant": context.participant,
        "case_id": row.case_id,
        "message_id": row.message_id,
        "subject": row.subject,
    }
    body = {
        "type": row.kind,
        "timestamp": row.at.isoformat().replace("+00:00", "Z"),
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return Telling(
        telling_id=row.telling_id or 0,
        name=row.happening,
        body=json.dumps(body, separators=(",", ":")).encode(),
        attempts=row.attempts,
    )


def record_told(
    context: NodeContext, line: Line, told: Sequence[Telling], failure: Failure | None
) -> None:
    """Note how far a line came; the rest of it may be claimed again."""

    def write(session: Session) -> None:
        now = context.clock()
        webhook = session.exec(
            select(WebhookRow)
            .where(WebhookRow.webhook_id == line.webhook_id)
            .with_for_update(key_share=True)
        ).one_or_none()
        if webhook is None:  # it was taken away meanwhile, with all that was owed
            return
        delete_rows(session, HookTellingRow, [each.telling_id for each in told])
        rest = line.tellings[len(told) :]
        session.execute(
            update(HookTellingRow)
            .where(col(HookTellingRow.telling_id).in_([each.telling_id for each in rest]))
            .values(claimed_until=None)
        )
        if told:
            webhook.failures, webhook.failing_since, webhook.last_error = 0, None, None
            webhook.last_success_at, webhook.next_attempt_at = now, now
        if failure is not None and rest:
            _record_failure(session, webhook, rest[0], failure, now=now)
        session.add(webhook)

    context.transact(write)


def _record_failure(
    session: Session, webhook: WebhookRow, telling: Telling, failure: Failure, *, now: datetime
) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    webhook.last_error = failure.why[:_ERROR_LENGTH]
    webhook.next_attempt_at = now + max(
        _pause(webhook.failures), min(failure.wish or timedelta(0), _LONGEST_WISH)
    )
    session.execute(
        update(HookTellingRow)
        .where(col(HookTellingRow.telling_id) == telling.telling_id)
        .values(attempts=telling.attempts + 1, next_attempt_at=now + _pause(telling.attempts + 1))
    )
    if failure.is_gone or now - webhook.failing_since >= GIVEN_UP_AFTER:
        webhook.state = HookState.DISABLED
        webhook.row_version += 1
        log.warning("webhook_disabled", webhook=webhook.webhook_id, why=webhook.last_error)


def _pause(failures: int) -> timedelta:
    return PAUSES[min(failures, len(PAUSES)) - 1]
