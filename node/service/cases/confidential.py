"""Part I of the follow-up form: who the person is. Strictly confidential.

It has a table, a key and a permission of its own, and no message, list or export takes anything
from it, nor any search but one that asks for nothing else: what is to be sent of it is written into
a message, where the rule for names decides. Whoever reads or writes it stands in the audit log
before they see a word.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record
from node.service.case_content import get_case_of
from node.service.case_work import CaseWork
from node.service.cases.strands import get_strand, name_seen
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.permitting import require
from node.service.search.indexing import index_confidential
from node.service.search.rebuilding import walk_texts
from node.store.case_tables import CaseConfidentialRow
from protocol.identifiers import Channel
from protocol.messages.social_inclusion_follow_up import ConfidentialPart


@dataclass(frozen=True, slots=True)
class Confidential:
    """Part I as it is shown."""

    channel: str
    content: ConfidentialPart
    changed_at: datetime
    changed_by: str
    row_version: int


def get_confidential(
    context: NodeContext, case_id: str, *, who: Principal, channel: Channel | None = None
) -> Confidential:
    """Return Part I, after noting who reads it. Raises ``ForbiddenError``, ``NotFoundError``."""
    require(who, Permission.READ_CONFIDENTIAL)

    def work(session: Session) -> Confidential:
        get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        row = _find(session, case_id, who=who, channel=channel)
        record(context, session, who, Act.CONFIDENTIAL_SEEN, subject=case_id)
        return _show(context, row)

    return context.transact(work)


def handle_write_confidential(  # noqa: PLR0913 - what is written where, by whom, on which view
    context: NodeContext,
    case_id: str,
    content: ConfidentialPart,
    *,
    who: Principal,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> Confidential:
    """Write Part I anew as a whole.

    ``row_version`` is what was seen; nothing if there was none: raises ``StaleError`` if it is
    another by now. Raises ``ForbiddenError``, ``NotFoundError``.
    """
    require(who, Permission.READ_CONFIDENTIAL)

    def write(session: Session) -> Confidential:
        case, strand = get_strand(context, session, case_id, who=who, channel=channel)
        row = session.get(CaseConfidentialRow, (case_id, strand.channel), with_for_update=True)
        if (row.row_version if row else None) != row_version:
            raise StaleError(
                "The confidential part changed since you read it, or you have not read it: nothing "
                "was changed. Read it first, and send the version that you saw."
            )
        row = row or _begin(context, case_id, strand.channel, who)
        written = _write(context, session, row, content)
        written.changed_at, written.changed_by = context.clock(), who.actor
        session.add(written)
        session.flush()
        work = CaseWork(context, session, case, who)
        work.record(Act.CONFIDENTIAL_CHANGED, case_id)
        work.tell(EventKind.CONFIDENTIAL_CHANGED, channel=strand.channel)
        return _show(context, written)

    return context.transact(write)


def _begin(context: NodeContext, case_id: str, channel: str, who: Principal) -> CaseConfidentialRow:
    return CaseConfidentialRow(
        case_id=case_id,
        channel=channel,
        wrapped_key=context.keys.make_case_key(),
        content_sealed=b"",
        changed_at=context.clock(),
        changed_by=who.actor,
        row_version=0,
    )


def _write(
    context: NodeContext, session: Session, row: CaseConfidentialRow, content: ConfidentialPart
) -> CaseConfidentialRow:
    row.content_sealed = context.keys.encrypt(
        content.model_dump_json(exclude_none=True).encode(),
        wrapped_key=row.wrapped_key,
        context=_place(row),
    )
    row.row_version += 1
    session.add(row)
    index_confidential(
        context,
        session,
        case_id=row.case_id,
        channel=row.channel,
        texts=walk_texts(content.model_dump(mode="json", exclude_none=True)),
    )
    return row


def _find(
    session: Session, case_id: str, *, who: Principal, channel: Channel | None
) -> CaseConfidentialRow:
    names = name_seen(who) if channel is None else [channel.value] if who.sees(channel) else []
    rows = session.exec(
        select(CaseConfidentialRow).where(
            CaseConfidentialRow.case_id == case_id, col(CaseConfidentialRow.channel).in_(names)
        )
    ).all()
    if not rows:
        raise NotFoundError("Nobody has written a confidential part for this case yet: write it.")
    if len(rows) > 1:
        raise RefusedDraftError(
            msg("There is one in several channels: say in which one, as 'channel'.")
        )
    return rows[0]


def _show(context: NodeContext, row: CaseConfidentialRow) -> Confidential:
    content = context.keys.decrypt(
        row.content_sealed, wrapped_key=row.wrapped_key, context=_place(row)
    )
    return Confidential(
        channel=row.channel,
        content=ConfidentialPart.model_validate_json(content),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        row_version=row.row_version,
    )


def _place(row: CaseConfidentialRow) -> str:
    return f"confidential:{row.case_id}:{row.channel}"
