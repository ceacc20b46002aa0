"""Somebody at work on a case: what the acts of one transaction on one case share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar

from pydantic import BaseModel
from sqlmodel import Session, SQLModel

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record
from node.service.case_content import get_case_of, seal_content
from node.service.context import NodeContext
from node.service.records import add_event
from node.store.tables import CaseRow

_Document = TypeVar("_Document", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class CaseWork:
    """Somebody at work on a case, in one transaction."""

    context: NodeContext
    session: Session
    case: CaseRow
    who: Principal

    @classmethod
    def begin(cls, context: NodeContext, session: Session, case_id: str, *, who: Principal) -> Self:
        """Open a case for somebody who may work on it.

        Raises ``ForbiddenError``; ``NotFoundError`` for one that is not there for them, or erased.
        """
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        return cls(context, session, case, who)

    def seal(self, content: BaseModel, *, place: str) -> bytes:
        """Encrypt a document under the key of the case; ``place`` binds it to its row."""
        return seal_content(self.context, self.case, content, place=place)

    def keep_document(
        self, kind: type[_Document], row: _Document | None, content: BaseModel, *, place: str
    ) -> _Document:
        """Let a document that a case has once say this; ``row``: where it stands already.

        Which of its versions that moves is the caller's.
        """
        said = {
            "content_sealed": self.seal(content, place=place),
            "updated_at": self.context.clock(),
            "updated_by": self.who.actor,
        }
        if row is None:
            row = kind(case_id=self.case.case_id, row_version=0, **said)
        else:
            row.sqlmodel_update(said)
        self.session.add(row)
        return row

    def tell(
        self,
        kind: EventKind,
        *,
        at: datetime | None = None,
        message_id: str | None = None,
        code: str | None = None,
        channel: str | None = None,
    ) -> None:
        """Write into the timeline what they did; see :func:`node.service.records.add_event`."""
        add_event(
            self.session,
            kind=kind,
            at=at or self.context.clock(),
            actor=self.who.actor,
            case_id=self.case.case_id,
            message_id=message_id,
            code=code,
            channel=channel,
        )

    def record(self, act: Act, subject: str) -> None:
        """Note in the audit log what they did; see :func:`node.service.audit.record`."""
        record(self.context, self.session, self.who, act, subject=subject)
