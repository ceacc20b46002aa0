"""Changes in an SQL database, whichever it is: a node's or the hub's."""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from contact_registry.changes.change import (
    Change,
    ChangeEvent,
    ChangeId,
    ChangeSummary,
    EntryKind,
    Grounds,
)
from contact_registry.changes.errors import StaleChangeError
from contact_registry.changes.states import ChangeState, Step
from contact_registry.changes.tables import ChangeTables
from contact_registry.errors import RefusalCode
from contact_registry.models import parse_contacts, serialize_document
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey

_BASE: Final = "base"
_DRAFT: Final = "draft"
_METADATA: Final = "metadata"


class Sessions(Protocol):
    """A database: each block is one transaction."""

    def transaction(self) -> AbstractContextManager[Session]:
        """Begin a writing transaction: committed at the end, undone by any exception."""

    def reading(self) -> AbstractContextManager[Session]:
        """Begin a reading transaction: one consistent view."""


OnEvent = Callable[[Session, Change, ChangeEvent], None]
"""Is told of every event inside its transaction; what it raises undoes both."""


class SqlChangeStore:
    """Keeps changes in the tables given. Implements ``ChangeStore``."""

    def __init__(
        self, tables: ChangeTables, database: Sessions, *, on_event: OnEvent | None = None
    ) -> None:
        self._tables = tables
        self._database = database
        self._on_event = on_event

    def add(self, change: Change, event: ChangeEvent) -> None:
        """Keep a new change; raises ``StaleChangeError`` if its identifier is taken."""
        with self._database.transaction() as session:
            try:
                session.execute(
                    insert(self._tables.change).values(change_id=change.id, **_columns(change))
                )
            except IntegrityError as error:
                raise StaleChangeError(
                    "This change was begun a moment ago: repeat the request to have it."
                ) from error
            self._write_files(session, change)
            self._write_events(session, change, [event])

    def load(self, change_id: ChangeId) -> Change | None:
        """Return a change, or None."""
        table, file = self._tables.change, self._tables.file
        with self._database.reading() as session:
            row = (
                session.execute(select(table).where(table.c.change_id == change_id))
                .mappings()
                .one_or_none()
            )
            if row is None:
                return None
            named = [
                (name, data)
                for name, data in session.execute(
                    select(file.c.name, file.c.data).where(file.c.change_id == change_id)
                )
            ]
        return _read(row, dict(named))

    def save(self, change: Change, *, seen: int, events: Sequence[ChangeEvent]) -> None:
        """Replace a change that has row version ``seen``."""
        table = self._tables.change
        with self._database.transaction() as session:
            replaced = session.execute(
                update(table)
                .where(table.c.change_id == change.id, table.c.row_version == seen)
                .values(**_columns(change))
                .returning(table.c.change_id)
            ).one_or_none()
            if replaced is None:
                raise StaleChangeError(
                    "This change was changed meanwhile: open it again, look at it, and repeat what "
                    "you wanted to do."
                )
            self._write_files(session, change)
            self._write_events(session, change, events)

    def list(
        self,
        *,
        participant: ParticipantCode | None = None,
        states: Collection[ChangeState] | None = None,
        skip: int = 0,
        limit: int | None = 50,
    ) -> Sequence[ChangeSummary]:
        """Return changes, the one that was touched last first."""
        table = self._tables.change
        query = (
            select(table)
            .order_by(table.c.updated_at.desc(), table.c.change_id)
            .offset(skip)
            .limit(limit)
        )
        if participant is not None:
            query = query.where(table.c.participant == participant)
        if states is not None:
            query = query.where(table.c.state.in_([state.value for state in states]))
        with self._database.reading() as session:
            rows = session.execute(query).mappings().all()
        return [_summarise(row) for row in rows]

    def list_events(self, change_id: ChangeId) -> Sequence[ChangeEvent]:
        """Return what happened to a change, oldest first."""
        table = self._tables.event
        with self._database.reading() as session:
            rows = (
                session.execute(
                    select(table).where(table.c.change_id == change_id).order_by(table.c.event_id)
                )
                .mappings()
                .all()
            )
        return [_read_event(row) for row in rows]

    def _write_files(self, session: Session, change: Change) -> None:
        table = self._tables.file
        session.execute(delete(table).where(table.c.change_id == change.id))
        files = {_DRAFT: serialize_document(change.draft)}
        if change.base is not None:
            files[_BASE] = serialize_document(change.base)
        if change.metadata:
            files[_METADATA] = change.metadata
        session.execute(
            insert(table),
            [{"change_id": change.id, "name": name, "data": data} for name, data in files.items()],
        )

    def _write_events(
        self, session: Session, change: Change, events: Sequence[ChangeEvent]
    ) -> None:
        session.execute(
            insert(self._tables.event),
            [
                {
                    "change_id": change.id,
                    "at": event.at,
                    "actor": event.actor,
                    "step": event.step.value,
                    "entry_kind": event.entry_kind.value if event.entry_kind else None,
                    "entry": event.entry,
                    "reason": event.grounds.reason,
                    "evidence": event.grounds.evidence,
                    "detail": event.detail,
                }
                for event in events
            ],
        )
        if self._on_event is not None:
            for event in events:
                self._on_event(session, change, event)


def _columns(change: Change) -> dict[str, object]:
    return {
        "participant": change.participant,
        "title": change.title,
        "state": change.state.value,
        "row_version": change.row_version,
        "base_version": change.base_version,
        "theirs_version": change.theirs_version,
        "is_renewal": change.is_renewal,
        "base_node_keys": _write_keys(change.base_node_keys),
        "node_keys": _write_keys(change.node_keys),
        "refusal": change.refusal.value if change.refusal else None,
        "refusal_detail": change.refusal_detail,
        "registry_version": change.registry_version,
        "created_by": change.created_by,
        "created_at": change.created_at,
        "updated_by": change.updated_by,
        "updated_at": change.updated_at,
    }


def _read(row: RowMapping, files: Mapping[str, bytes]) -> Change:
    base = files.get(_BASE)
    refusal = row["refusal"]
    return Change(
        **_common(row),
        base=None if base is None else parse_contacts(base),
        draft=parse_contacts(files[_DRAFT]),
        base_node_keys=_read_keys(row["base_node_keys"]),
        node_keys=_read_keys(row["node_keys"]),
        metadata=files.get(_METADATA, b""),
        refusal=None if refusal is None else RefusalCode(refusal),
        refusal_detail=row["refusal_detail"],
        registry_version=row["registry_version"],
    )


def _summarise(row: RowMapping) -> ChangeSummary:
    return ChangeSummary(**_common(row))


def _common(row: RowMapping) -> dict[str, Any]:
    return {
        "id": ChangeId(row["change_id"]),
        "participant": ParticipantCode(row["participant"]),
        "title": row["title"],
        "state": ChangeState(row["state"]),
        "row_version": row["row_version"],
        "base_version": row["base_version"],
        "theirs_version": row["theirs_version"],
        "is_renewal": row["is_renewal"],
        "created_by": row["created_by"],
        "created_at": row["created_at"],
        "updated_by": row["updated_by"],
        "updated_at": row["updated_at"],
    }


def _read_event(row: RowMapping) -> ChangeEvent:
    kind = row["entry_kind"]
    return ChangeEvent(
        at=row["at"],
        actor=row["actor"],
        step=Step(row["step"]),
        entry_kind=None if kind is None else EntryKind(kind),
        entry=row["entry"],
        grounds=Grounds(reason=row["reason"], evidence=row["evidence"]),
        detail=row["detail"],
    )


def _write_keys(keys: Sequence[VerifyKey]) -> str:
    return " ".join(base64.b64encode(key.public).decode() for key in keys)


def _read_keys(text: str) -> tuple[VerifyKey, ...]:
    return tuple(VerifyKey(base64.b64decode(word)) for word in text.split())
