"""What happened, as webhooks tell it: from timelines of cases, and from notes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from node.service.principals import split_channels
from node.store.bulk import in_parts
from node.store.hook_tables import HookNoteRow, WebhookRow
from node.store.tables import EventRow, MessageRow
from protocol.identifiers import Channel

_EVERY = frozenset(Channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened. Identifiers and a kind, nothing else."""

    name: str
    kind: str
    at: datetime
    case_id: str | None
    message_id: str | None
    subject: str | None
    #: Those in which it happened; nothing: nobody knows.
    channels: frozenset[Channel]

    def is_for(self, webhook: WebhookRow) -> bool:
        """Whether this webhook wants it and may be told of it."""
        channels = split_channels(webhook.channels)
        is_wanted = not webhook.kinds or self.kind in webhook.kinds.split()
        return is_wanted and (channels >= _EVERY or bool(channels & self.channels))

    def write_row(self, webhook_id: str, *, due: datetime) -> Mapping[str, Any]:
        """Return the row that owes it to a webhook."""
        return {
            "webhook_id": webhook_id,
            "happening": self.name,
            "kind": self.kind,
            "at": self.at,
            "case_id": self.case_id,
            "message_id": self.message_id,
            "subject": self.subject,
            "line": self.case_id or self.name,
            "next_attempt_at": due,
            "attempts": 0,
        }


def read_events(session: Session, rows: Sequence[EventRow]) -> list[Happening]:
    """Describe entries of timelines, in their order.

    One about a message is of the message's channel; one about a case of those of its messages.
    """
    of_message = _find_channels(session, {row.message_id for row in rows if row.message_id})
    of_case = _find_case_channels(
        session, {row.case_id for row in rows if row.case_id and not row.message_id}
    )
    return [
        Happening(
            name=f"event-{row.event_id}",
            kind=row.kind,
            at=row.at,
            case_id=row.case_id,
            message_id=row.message_id,
            subject=None,
            channels=_choose(row, of_message, of_case),
        )
        for row in rows
    ]


def _choose(
    row: EventRow,
    of_message: Mapping[str, frozenset[Channel]],
    of_case: Mapping[str, frozenset[Channel]],
) -> frozenset[Channel]:
    if row.message_id:
        return of_message.get(row.message_id, frozenset())
    if row.channel:
        return frozenset(each for each in Channel if each.value == row.channel)
    return of_case.get(row.case_id or "", frozenset())


def read_notes(rows: Iterable[HookNoteRow]) -> list[Happening]:
    """Describe what stands in no timeline."""
    return [
        Happening(
            name=f"note-{row.note_id}",
            kind=row.kind,
            at=row.at,
            case_id=row.case_id,
            message_id=None,
            subject=row.subject,
            channels=frozenset({Channel(row.channel)}) if row.channel else frozenset(),
        )
        for row in rows
    ]


def _find_channels(session: Session, message_ids: set[str]) -> dict[str, frozenset[Channel]]:
    found = {}
    for part in in_parts(sorted(message_ids)):
        rows = session.exec(
            select(MessageRow.message_id, MessageRow.channel).where(
                col(MessageRow.message_id).in_(part)
            )
        )
        for message_id, channel in rows:
            found[message_id] = frozenset({Channel(channel)}) if channel else frozenset()
    return found


def _find_case_channels(session: Session, case_ids: set[str]) -> dict[str, frozenset[Channel]]:
    found: dict[str, frozenset[Channel]] = {}
    for part in in_parts(sorted(case_ids)):
        rows = session.exec(
            select(MessageRow.case_id, MessageRow.channel)
            .where(col(MessageRow.case_id).in_(part), col(MessageRow.channel).is_not(None))
            .distinct()
        )
        for case_id, channel in rows:
            if case_id and channel:
                found[case_id] = found.get(case_id, frozenset()) | {Channel(channel)}
    return found
