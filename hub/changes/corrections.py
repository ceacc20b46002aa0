"""Corrections in the hub's database; asking and closing one stands in the audit log with it."""

from collections.abc import Sequence

from sqlmodel import col, select

from contact_registry.changes.corrections import (
    Correction,
    CorrectionDesk,
    CorrectionId,
    CorrectionState,
)
from contact_registry.changes.errors import StaleChangeError
from hub.audit.actions import Action
from hub.context import HubContext
from hub.store.correction_tables import CorrectionRow
from protocol.identifiers import ParticipantCode

_ACTION_OF = {
    CorrectionState.ASKED: Action.CORRECTION_ASKED,
    CorrectionState.SETTLED: Action.CORRECTION_SETTLED,
    CorrectionState.WITHDRAWN: Action.CORRECTION_WITHDRAWN,
}


def open_correction_desk(context: HubContext) -> CorrectionDesk:
    """Open the desk where operators ask for corrections."""
    return CorrectionDesk(
        SqlCorrectionStore(context),
        read_directory=context.registry.current,
        clock=context.clock,
        random=context.random,
    )


class SqlCorrectionStore:
    """Keeps corrections. Implements ``CorrectionStore``."""

    def __init__(self, context: HubContext) -> None:
        self._context = context

    def add(self, correction: Correction) -> None:
        """Keep a new correction."""
        with self._context.audit.acting(
            correction.asked_by, Action.CORRECTION_ASKED, correction.id, **_facts(correction)
        ) as act:
            act.session.add(_write(correction))

    def load(self, correction_id: CorrectionId) -> Correction | None:
        """Return a correction, or None."""
        with self._context.database.reading() as session:
            row = session.get(CorrectionRow, correction_id)
            return None if row is None else _read(row)

    def save(self, correction: Correction, *, seen: int) -> None:
        """Replace a correction of row version ``seen``."""
        with self._context.audit.acting(
            correction.updated_by,
            _ACTION_OF[correction.state],
            correction.id,
            **_facts(correction),
        ) as act:
            row = act.session.get(CorrectionRow, correction.id, with_for_update=True)
            if row is None or row.row_version != seen:
                raise StaleChangeError(
                    "This was changed meanwhile: open the list again, and decide then."
                )
            row.sqlmodel_update(_write(correction).model_dump())

    def list(
        self, *, participant: ParticipantCode | None = None, open_only: bool = True, limit: int
    ) -> Sequence[Correction]:
        """Return corrections, the newest first."""
        query = select(CorrectionRow).order_by(
            col(CorrectionRow.asked_at).desc(), CorrectionRow.correction_id
        )
        if participant is not None:
            query = query.where(CorrectionRow.participant == participant)
        if open_only:
            query = query.where(CorrectionRow.state == CorrectionState.ASKED.value)
        with self._context.database.reading() as session:
            return [_read(row) for row in session.exec(query.limit(limit))]


def _facts(correction: Correction) -> dict[str, str]:
    return {"participant": correction.participant, "entry": correction.authority_id}


def _write(correction: Correction) -> CorrectionRow:
    return CorrectionRow(
        correction_id=correction.id,
        participant=correction.participant,
        authority_id=correction.authority_id,
        field=correction.field,
        text=correction.text,
        state=correction.state.value,
        row_version=correction.row_version,
        entry_sha256=correction.entry_sha256,
        asked_by=correction.asked_by,
        asked_at=correction.asked_at,
        updated_by=correction.updated_by,
        updated_at=correction.updated_at,
    )


def _read(row: CorrectionRow) -> Correction:
    return Correction(
        id=CorrectionId(row.correction_id),
        participant=ParticipantCode(row.participant),
        authority_id=row.authority_id,
        field=row.field,
        text=row.text,
        state=CorrectionState(row.state),
        row_version=row.row_version,
        entry_sha256=row.entry_sha256,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )
