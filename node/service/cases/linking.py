"""Two cases of one person, known to this node alone.

A reference says nothing of the person, so nothing but a link joins two cases, and no message, no
export and no other Participant ever learns of it. A link is known in the channels in which it was
noted: that the police know two cases to be of one person, carers who see both do not learn.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, or_, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.events import EventKind
from node.service.case_content import get_case_of
from node.service.cases.strands import choose_channel, list_strands, name_seen
from node.service.context import NodeContext, NotFoundError, RefusedDraftError
from node.service.permitting import find_seen_case, require_channel
from node.service.records import add_event
from node.store.case_tables import CaseLinkRow
from node.store.tables import CaseRow
from protocol.identifiers import CaseReference, Channel


@dataclass(frozen=True, slots=True)
class LinkedCase:
    """Another case of the same person."""

    case_id: str
    reference: CaseReference
    at: datetime
    actor: str


class _End(NamedTuple):
    """A case in the channel in which its link is known. Ends compare by the case."""

    case_id: str
    channel: str


def list_links(session: Session, case_id: str, *, who: Principal) -> list[LinkedCase]:
    """Return the cases that are linked with this one in channels of the caller, each once."""
    rows = session.exec(
        select(CaseLinkRow)
        .where(
            or_(CaseLinkRow.first_case_id == case_id, CaseLinkRow.second_case_id == case_id),
            col(CaseLinkRow.first_channel).in_(name_seen(who)),
            col(CaseLinkRow.second_channel).in_(name_seen(who)),
        )
        .order_by(col(CaseLinkRow.at))
    ).all()
    found: dict[str, LinkedCase] = {}
    for row in rows:
        other_id = row.second_case_id if row.first_case_id == case_id else row.first_case_id
        other = find_seen_case(session, other_id, who=who)
        if other is not None:
            reference = CaseReference(other.reference)
            linked = LinkedCase(other_id, reference, at=row.at, actor=row.actor)
            found.setdefault(other_id, linked)
    return list(found.values())


def handle_link(
    context: NodeContext,
    case_id: str,
    other_case_id: str,
    *,
    who: Principal,
    channel: Channel | None = None,
) -> list[LinkedCase]:
    """Link two cases; done twice it is done once. Returns the links of the first one.

    ``channel``: in which it is known; needed if the caller sees the cases in several. Raises
    ``NotFoundError`` for a case that is not there for the caller, ``RefusedDraftError``.
    """

    def work(session: Session) -> list[LinkedCase]:
        pair = _find_pair(session, case_id, other_case_id, who=who)
        first, second = sorted(_choose_ends(session, pair, who=who, wanted=channel))
        key = (first.case_id, second.case_id, first.channel, second.channel)
        if session.get(CaseLinkRow, key) is None:
            session.add(
                CaseLinkRow(
                    first_case_id=first.case_id,
                    second_case_id=second.case_id,
                    first_channel=first.channel,
                    second_channel=second.channel,
                    at=context.clock(),
                    actor=who.actor,
                )
            )
            session.flush()
            _tell(context, session, (first, second), EventKind.CASE_LINKED, who=who)
        return list_links(session, case_id, who=who)

    return context.transact(work)


def handle_unlink(
    context: NodeContext, case_id: str, other_case_id: str, *, who: Principal
) -> None:
    """Take a link back, in all channels of the caller. Raises ``NotFoundError`` without one."""

    def work(session: Session) -> None:
        pair = _find_pair(session, case_id, other_case_id, who=who)
        first, second = sorted(case.case_id for case in pair)
        rows = session.exec(
            select(CaseLinkRow)
            .where(
                CaseLinkRow.first_case_id == first,
                CaseLinkRow.second_case_id == second,
                col(CaseLinkRow.first_channel).in_(name_seen(who)),
                col(CaseLinkRow.second_channel).in_(name_seen(who)),
            )
            .with_for_update()
        ).all()
        if not rows:
            raise NotFoundError("These two cases are not linked: look at the case again.")
        for row in rows:
            session.delete(row)
            ends = (_End(first, row.first_channel), _End(second, row.second_channel))
            _tell(context, session, ends, EventKind.CASE_UNLINKED, who=who)
        session.flush()

    context.transact(work)


def _find_pair(
    session: Session, case_id: str, other_case_id: str, *, who: Principal
) -> tuple[CaseRow, CaseRow]:
    if case_id == other_case_id:
        raise RefusedDraftError(msg("A case is not linked with itself: name the other case."))
    one = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
    other = get_case_of(session, other_case_id, who=who, permission=Permission.WORK_CASES)
    return one, other


def _choose_ends(
    session: Session, pair: tuple[CaseRow, CaseRow], *, who: Principal, wanted: Channel | None
) -> list[_End]:
    """Return both cases in the channel that is wanted, else in the only one that they share."""
    if wanted is not None:
        require_channel(who, wanted)
    seen = [{row.channel for row in list_strands(session, case.case_id, who=who)} for case in pair]
    shared = seen[0] & seen[1] & set(Channel)
    ends = []
    for case, channels in zip(pair, seen, strict=True):
        named = wanted if wanted in channels else None
        if named is None and len(shared) == 1:
            named = Channel(next(iter(shared)))
        chosen = named or choose_channel(session, case, who=who, wanted=None)
        ends.append(_End(case.case_id, chosen.value))
    return ends


def _tell(
    context: NodeContext,
    session: Session,
    ends: tuple[_End, _End],
    kind: EventKind,
    *,
    who: Principal,
) -> None:
    """Write it into both timelines, for those who see the other case."""
    for end, other in (ends, ends[::-1]):
        add_event(
            session,
            kind=kind,
            at=context.clock(),
            actor=who.actor,
            case_id=end.case_id,
            channel=other.channel,
        )
