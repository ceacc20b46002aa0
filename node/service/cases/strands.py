"""Strands: a case in one channel. Who may see which, and which one somebody means."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.cases import UNKNOWN_CHANNEL
from node.service.case_content import get_case_of
from node.service.context import NodeContext, RefusedDraftError, StaleError
from node.service.permitting import is_seen, require_channel
from node.store.bulk import in_parts, table_of
from node.store.case_tables import CaseStrandRow
from node.store.prepared import Prepared
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import Channel

_STRAND: Final = table_of(CaseStrandRow)
_TOUCH: Final = Prepared(
    update(_STRAND)
    .where(_STRAND.c.case_id == bindparam("of_case"), _STRAND.c.channel == bindparam("of_channel"))
    .values(opened_at=bindparam("began"), touched_at=bindparam("last"))
)


def touch_strand(
    session: Session, case_id: str, channel: str, *, at: datetime, lock: bool = False
) -> CaseStrandRow:
    """Return the strand, made if there is none, and note that something happened in it."""
    strand = session.get(CaseStrandRow, (case_id, channel), with_for_update=lock or None)
    if strand is None:
        strand = CaseStrandRow(case_id=case_id, channel=channel, opened_at=at, touched_at=at)
    strand.touched_at = max(strand.touched_at, at)
    strand.opened_at = min(strand.opened_at, at)
    session.add(strand)
    session.flush()
    return strand


def touch_strands(
    session: Session, touched: Iterable[tuple[str, str, datetime]]
) -> dict[tuple[str, str], CaseStrandRow]:
    """Do the same for what was stored in cases: triples of case, channel and moment.

    Returns the strands by case and channel, locked in one order, so that no two processes wait for
    each other.
    """
    moments: dict[tuple[str, str], list[datetime]] = {}
    for case_id, channel, at in touched:
        moments.setdefault((case_id, channel), []).append(at)
    strands: dict[tuple[str, str], CaseStrandRow] = {}
    for part in in_parts(sorted({case_id for case_id, _ in moments})):
        rows = session.exec(
            select(CaseStrandRow)
            .where(col(CaseStrandRow.case_id).in_(part))
            .order_by(col(CaseStrandRow.case_id), col(CaseStrandRow.channel))
            .with_for_update()
        )
        strands.update({(row.case_id, row.channel): row for row in rows})
    changes: list[dict[str, Any]] = []
    for key, stored in moments.items():
        case_id, channel = key
        strand = strands.get(key)
        if strand is None:
            strand = strands[key] = CaseStrandRow(
                case_id=case_id, channel=channel, opened_at=min(stored), touched_at=max(stored)
            )
            session.add(strand)
            continue
        last, began = max(strand.touched_at, *stored), min(strand.opened_at, *stored)
        # Written for all at once below: what is left for the session's own flush costs most of it.
        set_committed_value(strand, "touched_at", last)
        set_committed_value(strand, "opened_at", began)
        changes.append({"of_case": case_id, "of_channel": channel, "began": began, "last": last})
    if changes:
        _TOUCH.do(session, changes)
    return {key: strands[key] for key in moments}


def name_seen(who: Principal) -> list[str]:
    """Return the names of the strands that somebody sees."""
    names = sorted(channel.value for channel in who.channels)
    return [*names, UNKNOWN_CHANNEL] if who.sees(None) else names


def list_strands(session: Session, case_id: str, *, who: Principal) -> list[CaseStrandRow]:
    """Return the strands of a case that somebody sees, the oldest first."""
    return list(
        session.exec(
            select(CaseStrandRow)
            .where(CaseStrandRow.case_id == case_id, col(CaseStrandRow.channel).in_(name_seen(who)))
            .order_by(col(CaseStrandRow.opened_at), col(CaseStrandRow.channel))
        )
    )


def find_beginning(session: Session, case: CaseRow, *, who: Principal) -> datetime:
    """Return when a case began for somebody: what was before in other channels is not told."""
    if who.sees(None):
        return case.created_at
    strands = list_strands(session, case.case_id, who=who)
    of_case = (MessageRow.case_id == case.case_id, is_seen(who))
    first = select(MessageRow.stored_at).where(*of_case).order_by(col(MessageRow.stored_at))
    message = session.exec(first.limit(1)).first()
    known = [strand.opened_at for strand in strands] + ([message] if message else [])
    return min(known, default=case.created_at)


def choose_channel(
    session: Session, case: CaseRow, *, who: Principal, wanted: Channel | None
) -> Channel:
    """Return the channel in which somebody works on a case.

    ``wanted``: the one they name. Without it, the one channel in which they see the case; raises
    ``RefusedDraftError`` if there are several, ``ForbiddenError`` for one they are not cleared for.
    """
    if wanted is not None:
        require_channel(who, wanted)
        return wanted
    strands = session.exec(
        select(CaseStrandRow.channel).where(
            CaseStrandRow.case_id == case.case_id, col(CaseStrandRow.channel).in_(name_seen(who))
        )
    )
    of_case = (MessageRow.case_id == case.case_id, is_seen(who))
    messages = session.exec(select(MessageRow.channel).where(*of_case).distinct())
    found = ({*strands, *messages} - {None, UNKNOWN_CHANNEL}) or {Channel.ASSISTANCE.value}
    if len(found) > 1:
        raise RefusedDraftError(
            msg(
                "You see this case in several channels (%(channels)s): say in which one, as "
                "'channel'.",
                channels=", ".join(sorted(map(str, found))),
            )
        )
    channel = Channel(str(next(iter(found))))
    require_channel(who, channel)
    return channel


def get_strand(  # noqa: PLR0913 - whose strand of what, to do what, on which view of it
    context: NodeContext,
    session: Session,
    case_id: str,
    *,
    who: Principal,
    channel: Channel | None,
    row_version: int | None = None,
) -> tuple[CaseRow, CaseStrandRow]:
    """Return a case and the strand that somebody works on, locked and touched.

    Raises ``ForbiddenError``, ``NotFoundError``, ``RefusedDraftError`` if it is not clear which
    channel is meant, and ``StaleError`` if the strand is not as it was in ``row_version``.
    """
    case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
    meant = choose_channel(session, case, who=who, wanted=channel)
    strand = touch_strand(session, case_id, meant, at=context.clock(), lock=True)
    verify_version(strand, row_version)
    return case, strand


def verify_version(strand: CaseStrandRow, row_version: int | None) -> None:
    """Raise ``StaleError`` if somebody changed the strand since."""
    if row_version is not None and row_version != strand.row_version:
        raise StaleError(
            "Somebody changed this case while you looked at it: nothing was changed. Look at its "
            "newest state, and do it again if it is still right."
        )


def join_state(strands: Sequence[CaseStrandRow]) -> str:
    """Return how a case stands for who sees these strands: open while one of them is."""
    states = {strand.state for strand in strands}
    return "open" if "open" in states or not states else "closed"
