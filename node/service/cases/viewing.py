"""A case as somebody sees it: what their channels know of it, and what happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import note_seen
from node.service.case_content import is_erased
from node.service.cases.linking import LinkedCase, list_links
from node.service.cases.statements import Statement, list_newest
from node.service.cases.strands import join_state, list_strands, name_seen
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import find_seen_case, is_event_seen, is_seen, require
from node.service.reading import TimelineEntry, describe_entries
from node.service.records import IN
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, EventRow, MessageRow
from protocol.identifiers import CaseReference, Phase


@dataclass(frozen=True, slots=True)
class Party:
    """A Participant of a case, and its authorities that were in touch with ours."""

    participant: str
    authorities: tuple[str, ...]
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strand:
    """A case in one channel."""

    channel: str
    state: str
    outcome: str | None
    opened_at: datetime
    touched_at: datetime
    closed_at: datetime | None
    manager_account: str | None
    person_status: str | None
    treated_as_child: bool | None
    row_version: int


@dataclass(frozen=True, slots=True)
class CaseOverview:
    """What somebody sees of a case besides its messages and its timeline."""

    state: str
    strands: tuple[Strand, ...]
    parties: tuple[Party, ...]
    own_authorities: tuple[str, ...]
    phases: tuple[str, ...]
    statements: tuple[Statement, ...]
    links: tuple[LinkedCase, ...]
    reference: CaseReference
    #: Erased for good: rows and proofs are there, nothing that was said.
    erased: bool


@dataclass(frozen=True, slots=True)
class TimelinePart:
    """A part of a timeline, newest first. ``next``: go on before this entry; None: the end."""

    entries: tuple[TimelineEntry, ...]
    next: int | None


def load_overview(context: NodeContext, case_id: str, *, who: Principal) -> CaseOverview:
    """Return what the caller's channels know. Raises ``ForbiddenError``, ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        case = _get(session, case_id, who=who)
        strands = list_strands(session, case_id, who=who)
        touches = _list_touches(session, case_id, who=who)
        statements = (
            [] if is_erased(case) else list_newest(context, session, case, channels=name_seen(who))
        )
        links = list_links(session, case_id, who=who)
    return CaseOverview(
        state=join_state(strands),
        strands=tuple(_strand(row) for row in strands),
        parties=tuple(_list_parties(touches)),
        own_authorities=tuple(sorted({touch.ours for touch in touches if touch.ours})),
        phases=_sort_phases(touch.phase for touch in touches),
        statements=tuple(statements),
        links=tuple(links),
        reference=CaseReference(case.reference),
        erased=is_erased(case),
    )


def list_timeline(
    context: NodeContext, case_id: str, *, who: Principal, limit: int, before: int | None = None
) -> TimelinePart:
    """Return what happened, newest first. Raises ``ForbiddenError``, ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        case = _get(session, case_id, who=who)
        seen = (MessageRow.case_id == case_id, is_seen(who))
        peers = select(MessageRow.peer).where(*seen)
        joined = col(EventRow.kind) == EventKind.PARTICIPANT_JOINED
        statement = (
            select(EventRow)
            .where(
                EventRow.case_id == case_id,
                or_(
                    col(EventRow.message_id).in_(select(MessageRow.message_id).where(*seen)),
                    and_(
                        col(EventRow.message_id).is_(None),
                        is_event_seen(who),
                        or_(~joined, col(EventRow.code).in_(peers)),
                    ),
                ),
            )
            .order_by(col(EventRow.event_id).desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(col(EventRow.event_id) < before)
        events = session.exec(statement).all()
        entries = describe_entries(session, case, events)
    note_seen(context, who, Act.CASE_SEEN, case_id)
    more = events[-1].event_id if len(events) == limit else None
    return TimelinePart(tuple(entries), more)


def _get(session: Session, case_id: str, *, who: Principal) -> CaseRow:
    case = find_seen_case(session, case_id, who=who)
    if case is None:
        raise NotFoundError("There is no such case here: open it again from the list.")
    return case


@dataclass(frozen=True, slots=True)
class _Touch:
    """That two authorities exchanged messages in a phase."""

    peer: str
    ours: str | None
    theirs: str | None
    phase: str | None


def _list_touches(session: Session, case_id: str, *, who: Principal) -> list[_Touch]:
    columns = (
        MessageRow.peer,
        MessageRow.direction,
        MessageRow.from_authority,
        MessageRow.to_authority,
        MessageRow.phase,
    )
    statement = select_columns(*map(col, columns)).where(
        col(MessageRow.case_id) == case_id, is_seen(who)
    )
    return [
        _Touch(peer, to, by, phase) if direction == IN else _Touch(peer, by, to, phase)
        for peer, direction, by, to, phase in session.execute(statement.distinct())
    ]


def _list_parties(touches: Sequence[_Touch]) -> list[Party]:
    return [
        Party(
            participant=peer,
            authorities=tuple(sorted({t.theirs for t in touches if t.peer == peer and t.theirs})),
            phases=_sort_phases(t.phase for t in touches if t.peer == peer),
        )
        for peer in sorted({touch.peer for touch in touches})
    ]


def _sort_phases(found: Iterable[str | None]) -> tuple[str, ...]:
    known = set(found)
    return tuple(phase for phase in Phase if phase in known)


def _strand(row: CaseStrandRow) -> Strand:
    return Strand(
        channel=row.channel,
        state=row.state,
        outcome=row.outcome,
        opened_at=row.opened_at,
        touched_at=row.touched_at,
        closed_at=row.closed_at,
        manager_account=row.manager_account,
        person_status=row.person_status,
        treated_as_child=row.treated_as_child,
        row_version=row.row_version,
    )
