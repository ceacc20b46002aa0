"""What this node knows of cases, as the policy takes it: one statement for a whole batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import sqlmodel
from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    String,
    bindparam,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlmodel import Session, col

from console.storage.columns import Moment
from node.domain.returns import NOTHING_PREPARED, ReturnJourney
from node.service.case_content import is_erased
from node.service.consent.circumstances import (
    NOTHING_KNOWN,
    Circumstances,
    open_circumstances,
)
from node.service.consent.exceptions import describe_exception, open_exception
from node.service.consent.records import describe_consent, open_consent
from node.service.context import NodeContext
from node.service.return_notes import open_journey
from node.store.bulk import in_parts
from node.store.consent_tables import (
    CircumstancesRow,
    ConsentRow,
    ExceptionRow,
    ReturnJourneyRow,
)
from node.store.prepared import Prepared
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from protocol.messages.head import ExceptionGround
from protocol.policy.facts import ConsentRecord, ExceptionRecord


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded of a case. The newest exception of a channel and ground counts."""

    consents: tuple[ConsentRecord, ...] = ()
    #: References of those that are there for witness protection alone.
    protected: frozenset[str] = frozenset()
    exceptions: Mapping[tuple[str, ExceptionGround], ExceptionRecord] = field(
        default_factory=lambda: MappingProxyType({})
    )
    circumstances: Circumstances = NOTHING_KNOWN
    journey: ReturnJourney = NOTHING_PREPARED

    def list_consents(self, channel: Channel) -> tuple[ConsentRecord, ...]:
        """Return the consents on which a message of a channel may rest.

        Others would show by what is allowed that they are there, and what they cover.
        """
        if channel is Channel.WITNESS_PROTECTION or not self.protected:
            return self.consents
        return tuple(each for each in self.consents if each.reference not in self.protected)

    def find_exception(self, channel: Channel, ground: object) -> ExceptionRecord | None:
        """Return the exception on which a message of a channel may rest."""
        named = ((own, known) for (of, known), own in self.exceptions.items() if of == channel)
        return next((own for own, known in named if known == ground), None)


NOTHING: Final = Known()

_CONSENT, _EXCEPTION, _CIRCUMSTANCES, _RETURN = range(4)


def load_known(
    context: NodeContext, session: Session, cases: Iterable[CaseRow]
) -> dict[str, Known]:
    """Return what is recorded of these cases; one of which nothing is recorded is not in it."""
    by_id = {case.case_id: case for case in cases if not is_erased(case)}
    found: dict[str, list[_Row]] = {}
    for part in in_parts(sorted(by_id)):
        for row in map(_Row._make, _QUESTION.ask(session, {"case_ids": part})):
            found.setdefault(row.case_id, []).append(row)
    return {case_id: _read(context, by_id[case_id], rows) for case_id, rows in found.items()}


def hold_consents(session: Session, found: Mapping[str, Known]) -> dict[str, Known]:
    """Hold the consents that were found until this transaction ends, and say which still stand.

    A withdrawal takes the same rows: whoever comes second sees what the first one did. So nothing
    is queued on a consent whose withdrawal could not see it. Where only one writes at a time,
    there is nothing to hold.
    """
    cases = sorted(case_id for case_id, known in found.items() if known.consents)
    if not cases or session.get_bind().dialect.name == "sqlite":
        return dict(found)
    withdrawn: dict[str, datetime | None] = {}
    for part in in_parts(cases):
        withdrawn.update(
            session.exec(
                sqlmodel.select(ConsentRow.consent_id, ConsentRow.withdrawn_at)
                .where(col(ConsentRow.case_id).in_(part))
                .order_by(col(ConsentRow.recorded_at), col(ConsentRow.consent_id))
                .with_for_update(read=True)
            ).all()
        )
    return {
        case_id: replace(
            known,
            consents=tuple(
                replace(each, withdrawn_at=withdrawn.get(each.reference, each.withdrawn_at))
                for each in known.consents
            ),
        )
        for case_id, known in found.items()
    }


class _Row(NamedTuple):
    """A consent, an exception, circumstances, or a return, as its table has it."""

    kind: int
    case_id: str
    own_id: str
    sealed: bytes
    at: datetime
    withdrawn_at: datetime | None
    channel: str | None


def _make_question() -> CompoundSelect[Any]:
    """Ask four tables at once: a message that comes alone waits for one answer, not for four."""
    wanted: BindParameter[Any] = bindparam("case_ids", expanding=True)
    never = type_coerce(null(), Moment)
    question: CompoundSelect[Any] = union_all(
        select(
            literal(_CONSENT).label("kind"),
            col(ConsentRow.case_id).label("case_id"),
            col(ConsentRow.consent_id).label("own_id"),
            col(ConsentRow.content_sealed).label("sealed"),
            col(ConsentRow.recorded_at).label("at"),
            col(ConsentRow.withdrawn_at).label("withdrawn_at"),
            col(ConsentRow.channel).label("channel"),
        ).where(col(ConsentRow.case_id).in_(wanted)),
        select(
            literal(_EXCEPTION),
            col(ExceptionRow.case_id),
            col(ExceptionRow.exception_id),
            col(ExceptionRow.content_sealed),
            col(ExceptionRow.recorded_at),
            never,
            col(ExceptionRow.channel),
        ).where(col(ExceptionRow.case_id).in_(wanted)),
        select(
            literal(_CIRCUMSTANCES),
            col(CircumstancesRow.case_id),
            col(CircumstancesRow.case_id),
            col(CircumstancesRow.content_sealed),
            col(CircumstancesRow.updated_at),
            never,
            literal(None, String),
        ).where(col(CircumstancesRow.case_id).in_(wanted)),
        select(
            literal(_RETURN),
            col(ReturnJourneyRow.case_id),
            col(ReturnJourneyRow.case_id),
            col(ReturnJourneyRow.content_sealed),
            col(ReturnJourneyRow.updated_at),
            never,
            literal(None, String),
        ).where(col(ReturnJourneyRow.case_id).in_(wanted)),
    )
    return question.order_by("at", "own_id")


#: Made once: putting a question together costs more than asking it.
_QUESTION: Final = Prepared(_make_question())


def _read(context: NodeContext, case: CaseRow, rows: Iterable[_Row]) -> Known:
    consents, protected = list[ConsentRecord](), set[str]()
    exceptions = dict[tuple[str, ExceptionGround], ExceptionRecord]()
    circumstances, journey = NOTHING_KNOWN, NOTHING_PREPARED
    for row in rows:
        if row.kind == _CONSENT:
            content = open_consent(context, case, row.own_id, row.sealed)
            consents.append(
                describe_consent(content, reference=row.own_id, withdrawn_at=row.withdrawn_at)
            )
            if row.channel == Channel.WITNESS_PROTECTION:
                protected.add(row.own_id)
        elif row.kind == _EXCEPTION:
            if row.channel is None:
                continue  # nobody knows for whose messages it was
            record = open_exception(context, case, row.own_id, row.sealed)
            exceptions[row.channel, record.ground] = describe_exception(record)
        elif row.kind == _CIRCUMSTANCES:
            circumstances = open_circumstances(context, case, row.sealed)
        else:
            journey = open_journey(context, case, row.sealed)
    return Known(
        tuple(consents),
        frozenset(protected),
        MappingProxyType(exceptions),
        circumstances,
        journey,
    )
