"""Consents on file: who gave them, to what, in which language, and until when.

A record is never changed. What was written down wrongly is recorded anew, and the wrong one
withdrawn; so whatever a message once rested on can be shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record
from node.service.case_content import get_case_of, open_content, seal_content
from node.service.context import NodeContext, RefusedDraftError
from node.service.records import add_event
from node.store.bulk import in_parts
from node.store.consent_tables import CaseDocumentRow, ConsentRow
from node.store.tables import CaseRow
from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.fields import (
    LanguageField,
    Narrative,
    ParticipantField,
    Sensitivity,
    TriState,
)
from protocol.messages.head import ConsentBasis, ConsentGiver
from protocol.policy.facts import ConsentRecord

_MOST: Final = 200
"""Consents of one case: more is a program gone wrong."""


def _in_utc(moment: datetime) -> datetime:
    """Return it as messages say it: in UTC, in whole seconds."""
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("is no moment that a calendar has: correct the year") from error


PlainInstant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its time zone, as somebody types it."""


class ConsentStatement(BaseModel):
    """How the consent was given. What it is for stands beside it, or in the message itself.

    What nobody established keeps its default, and the defaults carry nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_free: bool = False
    is_informed: bool = False
    is_written: bool = False
    is_on_file: bool = False
    #: Of a parent or a guardian: whether they are a suspect.
    giver_is_suspect: TriState = TriState.UNKNOWN
    #: In a way that fits the child's age.
    child_informed: bool = False
    #: What the child itself says to it.
    child_view: Narrative | None = None
    note: Narrative | None = None


class ConsentDraft(ConsentStatement):
    """A consent as somebody records it."""

    given_by: ConsentGiver
    given_at: PlainInstant
    #: ``None``: nobody wrote it down, and then nothing rests on it.
    explained_in: LanguageField | None = None
    classes: Annotated[tuple[Sensitivity, ...], Field(min_length=1, max_length=len(Sensitivity))]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, max_length=len(Phase))]
    recipients: Annotated[tuple[ParticipantField, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _verify(self) -> Self:
        if Sensitivity.NONE in self.classes:
            raise ValueError("Consent is given to kinds of personal data: leave 'none' out.")
        return self

    @classmethod
    def of(cls, basis: ConsentBasis, statement: ConsentStatement) -> Self:
        """Make it of what a message says of a consent, and of how it was given."""
        return cls(
            given_by=basis.given_by,
            given_at=basis.given_at,
            explained_in=basis.explained_in,
            classes=tuple(mark for mark in basis.classes if mark is not Sensitivity.NONE),
            phases=basis.phases,
            recipients=basis.recipients,
            **statement.model_dump(),
        )


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A consent on file."""

    consent_id: str
    content: ConsentDraft
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None
    #: The scan of the signed paper, if there is one here.
    document_id: str | None
    row_version: int


def handle_record_consent(
    context: NodeContext, case_id: str, draft: ConsentDraft, *, who: Principal
) -> ConsentView:
    """Put a consent on file; raises ``NotFoundError``, ``ForbiddenError``."""

    def work(session: Session) -> ConsentView:
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        return _view(context, case, record_consent(context, session, case, draft, who=who), None)

    return context.transact(work)


def record_consent(
    context: NodeContext, session: Session, case: CaseRow, draft: ConsentDraft, *, who: Principal
) -> ConsentRow:
    """Do it in the caller's transaction; one that is on file already is not written again."""
    rows = _list_rows(session, [case.case_id])
    for row in rows:
        if row.withdrawn_at is None and _open(context, case, row) == draft:
            return row
    if len(rows) >= _MOST:
        raise RefusedDraftError(
            f"This case has {_MOST} consents on file: record no more, and ask whoever wrote the "
            "program to look at it."
        )
    consent_id = context.random(16).hex()
    row = ConsentRow(
        consent_id=consent_id,
        case_id=case.case_id,
        content_sealed=seal_content(context, case, draft, place=_place(consent_id)),
        recorded_at=context.clock(),
        recorded_by=who.actor,
    )
    session.add(row)
    session.flush()
    add_event(
        session,
        kind=EventKind.CONSENT_RECORDED,
        at=row.recorded_at,
        actor=who.actor,
        case_id=case.case_id,
    )
    record(context, session, who, Act.CONSENT_RECORDED, subject=consent_id)
    return row


def list_consents(context: NodeContext, case_id: str, *, who: Principal) -> list[ConsentView]:
    """List the consents of a case, the oldest first."""
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        documents = dict(
            session.exec(
                select(CaseDocumentRow.consent_id, CaseDocumentRow.document_id).where(
                    CaseDocumentRow.case_id == case_id
                )
            ).all()
        )
        return [
            _view(context, case, row, documents.get(row.consent_id))
            for row in _list_rows(session, [case_id])
        ]


def describe_consent(
    content: ConsentDraft, *, reference: str, withdrawn_at: datetime | None = None
) -> ConsentRecord:
    """Return a consent as the policy takes it."""
    return ConsentRecord(
        reference=reference,
        given_by=content.given_by,
        given_at=content.given_at,
        classes=frozenset(content.classes),
        phases=frozenset(content.phases),
        recipients=frozenset(ParticipantCode(code) for code in content.recipients),
        explained_in=content.explained_in,
        is_free=content.is_free,
        is_informed=content.is_informed,
        is_written=content.is_written,
        is_on_file=content.is_on_file,
        giver_is_suspect=content.giver_is_suspect,
        child_informed=content.child_informed,
        withdrawn_at=withdrawn_at,
    )


def lock_consents(session: Session, case_id: str) -> Sequence[ConsentRow]:
    """Return the consents of a case for changing them."""
    return session.exec(
        select(ConsentRow)
        .where(ConsentRow.case_id == case_id)
        .order_by(col(ConsentRow.recorded_at), col(ConsentRow.consent_id))
        .with_for_update()
    ).all()


def open_consent(
    context: NodeContext, case: CaseRow, consent_id: str, sealed: bytes
) -> ConsentDraft:
    """Return what a row says."""
    return open_content(context, case, sealed, place=_place(consent_id), kind=ConsentDraft)


def _list_rows(session: Session, case_ids: Iterable[str]) -> list[ConsentRow]:
    return [
        row
        for part in in_parts(sorted(case_ids))
        for row in session.exec(
            select(ConsentRow)
            .where(col(ConsentRow.case_id).in_(part))
            .order_by(col(ConsentRow.recorded_at), col(ConsentRow.consent_id))
        )
    ]


def _place(consent_id: str) -> str:
    return f"consent:{consent_id}"


def _open(context: NodeContext, case: CaseRow, row: ConsentRow) -> ConsentDraft:
    return open_consent(context, case, row.consent_id, row.content_sealed)


def _view(
    context: NodeContext, case: CaseRow, row: ConsentRow, document_id: str | None
) -> ConsentView:
    return ConsentView(
        consent_id=row.consent_id,
        content=_open(context, case, row),
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        withdrawn_at=row.withdrawn_at,
        document_id=document_id,
        row_version=row.row_version,
    )
