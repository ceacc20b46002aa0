"""The audit log, for auditors and their tools: who did what to what, never what it said."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from console.audit.chain import AuditBrokenError, AuditFilter, AuditHead
from console.audit.entries import AuditEntry
from node.api.doors import Doors
from node.api.shapes import (
    DEFAULT_PAGE,
    GREATEST_INTEGER,
    Asked,
    Cursor,
    Limit,
    Page,
    PlainText,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.service.audit import list_audit, read_audit_head, verify_audit
from node.service.audit_export import export_audit
from node.service.context import NodeContext

_Wanted = Annotated[PlainText, Query(max_length=200)]


class AuditBody(BaseModel):
    """One act. Each entry holds the hash of the one before: see docs/access.md."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    entry_hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditBody":
        """Make it from what the service says."""
        return cls(
            sequence=entry.sequence,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=dict(entry.facts),
            previous_hash=entry.previous_hash,
            entry_hash=entry.entry_hash,
        )


class HeadBody(BaseModel):
    """The end of the log. Kept elsewhere, it later proves that nothing was taken away."""

    sequence: int
    entry_hash: str


class KnownHead(Asked):
    """An end that was noted earlier, which the log must still hold."""

    sequence: Annotated[int, Field(ge=0, le=GREATEST_INTEGER)]
    entry_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class VerdictBody(BaseModel):
    """Whether every hash fits."""

    intact: bool
    sequence: int | None = Field(description="The last entry; null if the log was touched.")
    entry_hash: str | None
    problem: str | None


def create_audit(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/audit")
    Auditor = Annotated[Principal, Depends(doors.who(Permission.READ_AUDIT))]

    @router.get("")
    def list_entries(  # noqa: PLR0913, PLR0917 - what a list can be narrowed by
        who: Auditor,
        actor: _Wanted = "",
        action: _Wanted = "",
        subject: _Wanted = "",
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> Page[AuditBody]:
        """List what was done, the newest first."""
        place = read_cursor("audit", cursor, (int,))
        entries = list_audit(
            context,
            who=who,
            wanted=AuditFilter(actor=actor, action=action, subject=subject),
            before=place[0] if place else None,
            limit=limit,
        )
        more = write_cursor("audit", [entries[-1].sequence]) if len(entries) == limit else None
        return Page(items=[AuditBody.of(entry) for entry in entries], next=more)

    @router.get(
        "/export",
        response_class=StreamingResponse,
        responses={HTTPStatus.OK: {"content": {"application/x-ndjson": {}}}},
    )
    def export(
        who: Auditor, actor: _Wanted = "", action: _Wanted = "", subject: _Wanted = ""
    ) -> StreamingResponse:
        """Take the log out, a line of JSON for each entry, newest first; that you did is noted.

        With everything in it, and narrowed by nothing, each hash can be computed anew elsewhere.
        """
        wanted = AuditFilter(actor=actor, action=action, subject=subject)
        return StreamingResponse(
            export_audit(context, wanted, who=who),
            media_type="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )

    @router.get("/head")
    def get_head(who: Auditor) -> HeadBody:
        """Say where the log ends."""
        head = read_audit_head(context, who=who)
        return HeadBody(sequence=head.sequence, entry_hash=head.entry_hash)

    @router.post("/verify")
    def verify(who: Auditor, known: KnownHead | None = None) -> VerdictBody:
        """Compute every hash anew; with a head that you noted, it must still be in the log."""
        noted = AuditHead(known.sequence, known.entry_hash) if known else None
        try:
            head = verify_audit(context, who=who, known=noted)
        except AuditBrokenError as error:
            return VerdictBody(intact=False, sequence=None, entry_hash=None, problem=str(error))
        return VerdictBody(
            intact=True, sequence=head.sequence, entry_hash=head.entry_hash, problem=None
        )

    return router
