"""Consents on file: who gave them, to what, in which language, and until when.

Whether a person consented, and to what, binds messages of every channel, and everybody who works on
the case sees it. What was noted beside it, and the scan of the signed paper, are for the channel in
which it was recorded. One that was recorded in witness protection is there for that channel alone:
whom it names says where somebody is.

A record is never changed. What was written down wrongly is recorded anew, and the wrong one
withdrawn; so whatever a message once rested on can be shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session, col, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.case_content import get_case_of, open_content, seal_content
from node.service.case_work import CaseWork
from node.service.cases.strands import choose_channel
from node.service.context import NodeContext, RefusedDraftError
from node.service.permitting import sees_whole_case
from node.store.bulk import in_parts
from node.store.consent_tables import CaseDocumentRow, ConsentRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel, ParticipantCode, Phase
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

_PROTECTION: Final = Channel.WITNESS_PROTECTION

_NOTED: Final = ("child_view", "note")
"""What somebody wrote beside a consent in words of their own."""


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
    #: The scan of the signed paper, if there is one here and it is theirs to see.
    document_id: str | None
    #: False: notes beside it, and its scan, are those of a channel that is not theirs.
    is_whole: bool
    row_version: int


def handle_record_consent(
    context: NodeContext,
    case_id: str,
    draft: ConsentDraft,
    *,
    who: Principal,
    channel: Channel | None = None,
) -> ConsentView:
    """Put a consent on file, with what is noted beside it for the people of a channel.

    Raises ``NotFoundError``, ``ForbiddenError``; ``RefusedDraftError`` if who records it sees the
    case in several channels and names none.
    """

    def record(session: Session) -> ConsentView:
        work = CaseWork.begin(context, session, case_id, who=who)
        meant = choose_channel(session, work.case, who=who, wanted=channel)
        row = record_consent(work, draft, channel=meant)
        return _view(context, work.case, row, None, is_whole=True)

    return context.transact(record)


def record_consent(work: CaseWork, draft: ConsentDraft, *, channel: Channel) -> ConsentRow:
    """Do it in the caller's transaction; one on file in the channel is not written again."""
    context, case = work.context, work.case
    rows = _list_rows(work.session, [case.case_id])
    for row in rows:
        is_same = row.channel == channel and row.withdrawn_at is None
        if is_same and _open(context, case, row) == draft:
            return row
    if len(rows) >= _MOST:
        raise RefusedDraftError(
            msg(
                "This case has %(most)s consents on file: record no more, and ask "
                "whoever wrote the program to look at it.",
                most=_MOST,
            )
        )
    row = ConsentRow(**describe_row(context, case, draft, who=work.who, channel=channel))
    work.session.add(row)
    work.session.flush()
    work.tell(EventKind.CONSENT_RECORDED, at=row.recorded_at, channel=find_teller(channel))
    work.record(Act.CONSENT_RECORDED, row.consent_id)
    return row


def describe_row(
    context: NodeContext, case: CaseRow, draft: ConsentDraft, *, who: Principal, channel: Channel
) -> dict[str, Any]:
    """Return the columns of a consent that is put on file, under a new name."""
    consent_id = context.random(16).hex()
    return {
        "consent_id": consent_id,
        "case_id": case.case_id,
        "channel": channel,
        "content_sealed": seal_content(context, case, draft, place=_place(consent_id)),
        "recorded_at": context.clock(),
        "recorded_by": who.actor,
        "row_version": 1,
    }


def find_teller(channel: Channel) -> Channel | None:
    """Return in whose timeline it is told that a consent was recorded; None: everybody's."""
    return _PROTECTION if channel is _PROTECTION else None


def list_consents(context: NodeContext, case_id: str, *, who: Principal) -> list[ConsentView]:
    """List the consents of a case, the oldest first; see ``ConsentView.is_whole``."""
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
            _view(
                context,
                case,
                row,
                documents.get(row.consent_id),
                is_whole=is_of_theirs(session, row, who=who),
            )
            for row in _list_rows(session, [case_id])
            if (row.channel is not None and row.channel != _PROTECTION)
            or is_of_theirs(session, row, who=who)
        ]


def is_of_theirs(session: Session, row: ConsentRow, *, who: Principal) -> bool:
    """Whether what was noted beside a consent, and its scan, are theirs to see."""
    if row.channel is None:
        return sees_whole_case(session, row.case_id, who=who)
    return row.channel in who.channels


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
    context: NodeContext,
    case: CaseRow,
    row: ConsentRow,
    document_id: str | None,
    *,
    is_whole: bool,
) -> ConsentView:
    content = _open(context, case, row)
    return ConsentView(
        consent_id=row.consent_id,
        content=content if is_whole else content.model_copy(update=dict.fromkeys(_NOTED)),
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        withdrawn_at=row.withdrawn_at,
        document_id=document_id if is_whole else None,
        is_whole=is_whole,
        row_version=row.row_version,
    )
