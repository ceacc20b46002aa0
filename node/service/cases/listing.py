"""Lists of cases: those of the caller's channels, the one in which something happened last first.

A list walks the index of each channel from its newest strand on, so that its cost does not grow
with the number of cases. A case that is seen in several channels stands where its newest one does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, literal
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select, tuple_

from console.storage.columns import Moment
from node.domain.access import Permission, Principal
from node.domain.cases import StrandState
from node.service.cases.strands import join_state, name_seen
from node.service.context import NodeContext
from node.service.permitting import is_seen, require
from node.store.bulk import in_parts
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import CaseReference, Channel, Phase
from protocol.messages.codes import TraffickingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases are wanted. What is None is not asked for."""

    state: StrandState | None = None
    channel: Channel | None = None
    #: A Participant with which messages were exchanged.
    peer: str | None = None
    phase: Phase | None = None
    #: The account of our case manager.
    manager: str | None = None
    person_status: TraffickingStatus | None = None
    treated_as_child: bool | None = None
    reference: CaseReference | None = None


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One line of the list: what the caller's channels know."""

    case_id: str
    reference: CaseReference
    created_at: datetime
    touched_at: datetime
    state: str
    channels: tuple[str, ...]
    peers: tuple[str, ...]
    phases: tuple[str, ...]
    person_status: str | None
    treated_as_child: bool | None
    managers: tuple[str, ...]


@dataclass(slots=True)
class _Exchanged:
    """With whom, and in which phases, messages of a case were exchanged."""

    peers: set[str] = field(default_factory=set)
    phases: set[str] = field(default_factory=set)


def list_cases(
    context: NodeContext,
    *,
    who: Principal,
    limit: int,
    wanted: CaseFilter | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[CaseLine]:
    """List cases. ``after``: ``touched_at`` and ``case_id`` of the last line of the page before.

    Raises ``ForbiddenError``.
    """
    require(who, Permission.READ_CASES)
    asked = wanted or CaseFilter()
    names = name_seen(who)
    if asked.channel is not None:
        names = [name for name in names if name == asked.channel]
    with context.database.reading() as session:
        found: list[tuple[datetime, str]] = []
        for name in names:
            found += _list_places(session, name, names, asked, who=who, limit=limit, after=after)
        places = sorted(found, reverse=True)[:limit]
        return _describe(session, places, who=who)


def _list_places(  # noqa: PLR0913 - the strands of one channel, among those seen, that are wanted
    session: Session,
    channel: str,
    names: Sequence[str],
    asked: CaseFilter,
    *,
    who: Principal,
    limit: int,
    after: tuple[datetime, str] | None,
) -> list[tuple[datetime, str]]:
    """Return place in the list and identifier of the cases that stand in it by this channel."""
    newer = aliased(CaseStrandRow)
    is_newest = ~exists().where(
        col(newer.case_id) == col(CaseStrandRow.case_id),
        col(newer.channel).in_([name for name in names if name != channel]),
        tuple_(col(newer.touched_at), col(newer.channel))
        > tuple_(col(CaseStrandRow.touched_at), col(CaseStrandRow.channel)),
        *_ask(newer, asked),
    )
    statement = (
        select(CaseStrandRow.touched_at, CaseStrandRow.case_id)
        .where(col(CaseStrandRow.channel) == channel, *_ask(CaseStrandRow, asked))
        .order_by(col(CaseStrandRow.touched_at).desc(), col(CaseStrandRow.case_id).desc())
        .limit(limit)
    )
    if len(names) > 1:
        statement = statement.where(is_newest)
    if asked.peer is not None or asked.phase is not None:
        statement = statement.where(_exchanged(asked, who))
    if asked.reference is not None:
        of_reference = select(CaseRow.case_id).where(CaseRow.reference == asked.reference)
        statement = statement.where(col(CaseStrandRow.case_id).in_(of_reference))
    if after is not None:
        place = tuple_(col(CaseStrandRow.touched_at), col(CaseStrandRow.case_id))
        statement = statement.where(place < tuple_(literal(after[0], Moment()), after[1]))
    return [(touched_at, case_id) for touched_at, case_id in session.exec(statement)]


def _ask(strand: Any, asked: CaseFilter) -> list[ColumnElement[bool]]:
    """Return what is asked of a strand itself; ``strand`` is its table or an alias of it."""
    columns = {
        "state": asked.state,
        "manager_account": asked.manager,
        "person_status": asked.person_status,
        "treated_as_child": asked.treated_as_child,
    }
    return [
        col(getattr(strand, name)) == value for name, value in columns.items() if value is not None
    ]


def _exchanged(asked: CaseFilter, who: Principal) -> ColumnElement[bool]:
    """Return the condition that messages were exchanged with somebody, or in a phase."""
    conditions = [col(MessageRow.case_id) == col(CaseStrandRow.case_id), is_seen(who)]
    if asked.peer is not None:
        conditions.append(col(MessageRow.peer) == asked.peer)
    if asked.phase is not None:
        conditions.append(col(MessageRow.phase) == asked.phase)
    return exists().where(*conditions)


def _describe(
    session: Session, places: Sequence[tuple[datetime, str]], *, who: Principal
) -> list[CaseLine]:
    case_ids = [case_id for _, case_id in places]
    cases: dict[str, CaseRow] = {}
    strands: dict[str, list[CaseStrandRow]] = {}
    for part in in_parts(case_ids):
        for case in session.exec(select(CaseRow).where(col(CaseRow.case_id).in_(part))):
            cases[case.case_id] = case
        for strand in session.exec(
            select(CaseStrandRow)
            .where(
                col(CaseStrandRow.case_id).in_(part), col(CaseStrandRow.channel).in_(name_seen(who))
            )
            .order_by(col(CaseStrandRow.touched_at).desc(), col(CaseStrandRow.channel))
        ):
            strands.setdefault(strand.case_id, []).append(strand)
    exchanged = _find_exchanged(session, case_ids, who=who)
    return [
        _line(cases[case_id], strands[case_id], exchanged.get(case_id, _Exchanged()))
        for case_id in case_ids
    ]


def _find_exchanged(
    session: Session, case_ids: Iterable[str], *, who: Principal
) -> dict[str, _Exchanged]:
    found: dict[str, _Exchanged] = {}
    for part in in_parts(case_ids):
        statement = (
            select(MessageRow.case_id, MessageRow.peer, MessageRow.phase)
            .where(col(MessageRow.case_id).in_(part), is_seen(who))
            .distinct()
        )
        for case_id, peer, phase in session.exec(statement):
            line = found.setdefault(str(case_id), _Exchanged())
            line.peers.add(peer)
            if phase is not None:
                line.phases.add(phase)
    return found


def _line(case: CaseRow, strands: Sequence[CaseStrandRow], exchanged: _Exchanged) -> CaseLine:
    statuses = [strand.person_status for strand in strands if strand.person_status]
    said = [strand.treated_as_child for strand in strands if strand.treated_as_child is not None]
    return CaseLine(
        case_id=case.case_id,
        reference=CaseReference(case.reference),
        created_at=min(strand.opened_at for strand in strands),
        touched_at=strands[0].touched_at,
        state=join_state(strands),
        channels=tuple(sorted(strand.channel for strand in strands)),
        peers=tuple(sorted(exchanged.peers)),
        phases=tuple(phase for phase in Phase if phase in exchanged.phases),
        person_status=statuses[0] if statuses else None,
        treated_as_child=any(said) if said else None,
        managers=tuple(sorted({s.manager_account for s in strands if s.manager_account})),
    )
