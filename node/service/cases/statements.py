"""What is said of a case: by its messages, on either side, and by people here.

Statements are kept as a history, each with who said it, when, and in which message: the newest one
of a kind counts. Whether the rules for children apply is decided with care: one word that they do
holds until somebody here says, later, that they do not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, delete, select

from console.storage.columns import leave_unread
from node.domain.cases import StatementKind
from node.service.case_content import open_content, seal_content
from node.service.case_work import CaseWork
from node.service.context import NodeContext
from node.store.bulk import in_parts, insert_rows
from node.store.case_tables import CaseStatementRow, CaseStrandRow
from node.store.tables import CaseRow
from protocol.messages.codes import GuardianSituation, PersonGroup, TraffickingStatus
from protocol.messages.fields import Line
from protocol.messages.head import CaseManager, CaseMessage, CasePersonBody, PersonBody
from protocol.messages.identification import FormalStatusBody
from protocol.messages.person import PersonFacts


class Post(BaseModel):
    """A post with official contacts: never a private person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    post: Line
    authority: str | None = Field(default=None, max_length=120)
    telephone: Line | None = None
    mailbox: Line | None = None
    reachable: Line | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One statement before it is kept."""

    kind: StatementKind
    code: str | None = None
    details: Post | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it is shown."""

    kind: StatementKind
    participant: str
    channel: str
    code: str | None
    details: Post | None
    at: datetime
    message_id: str | None
    actor: str | None


def gather_statements(message: CaseMessage) -> Iterator[Said]:
    """Yield what a message says of its case, one of each kind at most."""
    body = message.body
    if isinstance(body, PersonFacts | FormalStatusBody):
        yield Said(StatementKind.PERSON_STATUS, TraffickingStatus(body.status))
    if body.treated_as_child:
        yield Said(StatementKind.PERSON_GROUP, PersonGroup.CHILD)
    elif isinstance(body, PersonBody | CasePersonBody):
        yield Said(StatementKind.PERSON_GROUP, PersonGroup.ADULT)
    if isinstance(body, PersonBody) and body.child is not None:
        yield Said(StatementKind.GUARDIAN, GuardianSituation(body.child.guardian))
    manager = next(_find_managers(body), None)
    if manager is not None:
        yield Said(StatementKind.MANAGER, details=Post.model_validate(manager.model_dump()))


def _find_managers(body: Any) -> Iterator[CaseManager]:
    parts = (getattr(body, name, None) for name in ("question", "information", "answer"))
    for part in (body, *parts):
        found = getattr(part, "case_manager", None)
        if isinstance(found, CaseManager):
            yield found


def keep_statement(work: CaseWork, strand: CaseStrandRow, said: Said) -> None:
    """Keep what somebody here says of a case."""
    work.session.flush()
    row = {
        **_describe_row(work.context, work.case, said),
        "channel": strand.channel,
        "participant": work.context.participant,
        "at": work.context.clock(),
        "actor": work.who.actor,
    }
    insert_rows(work.session, CaseStatementRow, [row])


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidInMessage:
    """What one message says of its case."""

    message_id: str
    participant: str
    case: CaseRow
    channel: str
    at: datetime
    statements: Sequence[Said]


def keep_said(context: NodeContext, session: Session, messages: Sequence[SaidInMessage]) -> None:
    """Keep what messages say; what is there of the same message and kind stays."""
    known = set[tuple[str | None, str]]()
    for part in in_parts([each.message_id for each in messages]):
        statement = select(CaseStatementRow.message_id, CaseStatementRow.kind).where(
            col(CaseStatementRow.message_id).in_(part)
        )
        known.update(session.exec(statement).all())
    rows = [
        {
            **_describe_row(context, each.case, said),
            "channel": each.channel,
            "participant": each.participant,
            "at": each.at,
            "message_id": each.message_id,
        }
        for each in messages
        for said in each.statements
        if (each.message_id, said.kind) not in known
    ]
    insert_rows(session, CaseStatementRow, rows)


def _describe_row(context: NodeContext, case: CaseRow, said: Said) -> dict[str, Any]:
    """Return the columns that tell what is said of a case; who says it where is the caller's."""
    sealed = None
    if said.details is not None:
        sealed = seal_content(context, case, said.details, place=_place(case.case_id, said.kind))
    return {
        "case_id": case.case_id,
        "kind": said.kind,
        "code": said.code,
        "details_sealed": sealed,
    }


def sum_up(session: Session, strands: Iterable[CaseStrandRow]) -> None:
    """Let strands say what their statements amount to."""
    wanted = {(strand.case_id, strand.channel): strand for strand in strands}
    said: dict[tuple[str, str], list[CaseStatementRow]] = {key: [] for key in wanted}
    for part in in_parts(sorted({case_id for case_id, _ in wanted})):
        rows = session.exec(
            select(CaseStatementRow)
            .options(leave_unread(CaseStatementRow.details_sealed))
            .where(
                col(CaseStatementRow.case_id).in_(part),
                col(CaseStatementRow.kind).in_(
                    [StatementKind.PERSON_STATUS, StatementKind.PERSON_GROUP]
                ),
            )
        )
        for row in rows:
            said.get((row.case_id, row.channel), []).append(row)
    for key, strand in wanted.items():
        newest = _newest(row for row in said[key] if row.kind == StatementKind.PERSON_STATUS)
        strand.person_status = newest.code if newest else None
        strand.treated_as_child = judge_child(
            [row for row in said[key] if row.kind == StatementKind.PERSON_GROUP]
        )
        session.add(strand)


def judge_child(rows: Sequence[CaseStatementRow]) -> bool | None:
    """Say whether the rules for children apply; None if nobody said anything of it."""
    if not rows:
        return None
    own = _newest(row for row in rows if row.actor is not None)
    counting = [row for row in rows if own is None or _age(row) >= _age(own)]
    return any(row.code == PersonGroup.CHILD for row in counting)


def forget_statements(session: Session, message_id: str) -> None:
    """Take back what a message said that never left."""
    rows = session.exec(
        select(CaseStatementRow).where(CaseStatementRow.message_id == message_id)
    ).all()
    session.execute(delete(CaseStatementRow).where(col(CaseStatementRow.message_id) == message_id))
    strands = [
        session.get(CaseStrandRow, key, with_for_update=True)
        for key in sorted({(row.case_id, row.channel) for row in rows})
    ]
    sum_up(session, [strand for strand in strands if strand is not None])


def list_newest(
    context: NodeContext, session: Session, case: CaseRow, *, channels: Sequence[str]
) -> list[Statement]:
    """Return the newest statement of each kind and Participant in these channels."""
    rows = session.exec(
        select(CaseStatementRow)
        .where(
            CaseStatementRow.case_id == case.case_id, col(CaseStatementRow.channel).in_(channels)
        )
        .order_by(col(CaseStatementRow.at), col(CaseStatementRow.statement_id))
    ).all()
    newest = {(row.kind, row.participant): row for row in rows}
    return [_show(context, case, row) for row in newest.values()]


def _show(context: NodeContext, case: CaseRow, row: CaseStatementRow) -> Statement:
    details = None
    if row.details_sealed is not None:
        place = _place(case.case_id, StatementKind(row.kind))
        details = open_content(context, case, row.details_sealed, place=place, kind=Post)
    return Statement(
        kind=StatementKind(row.kind),
        participant=row.participant,
        channel=row.channel,
        code=row.code,
        details=details,
        at=row.at,
        message_id=row.message_id,
        actor=row.actor,
    )


def _place(case_id: str, kind: StatementKind) -> str:
    return f"statement:{case_id}:{kind}"


def _age(row: CaseStatementRow) -> tuple[datetime, int]:
    return row.at, row.statement_id or 0


def _newest(rows: Iterable[CaseStatementRow]) -> CaseStatementRow | None:
    return max(rows, key=_age, default=None)
