"""What programs are told of changes of this Participant's contacts."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contact_registry.changes.change import Change, ChangeSummary
from contact_registry.changes.findings import FindingCode, Severity
from contact_registry.changes.reading import ChangeView
from contact_registry.changes.states import ChangeState, Step
from contact_registry.history.comparing import ChangeKind
from protocol.identifiers import Phase


class ChangeLine(BaseModel):
    """A change in a list."""

    change_id: str
    title: str
    state: ChangeState
    row_version: int
    based_on: int = Field(description="The published version of the contacts that it changes.")
    is_renewal: bool
    updated_by: str
    updated_at: datetime

    @classmethod
    def of(cls, change: Change | ChangeSummary) -> "ChangeLine":
        """Make it from what the desk says."""
        return cls(
            change_id=change.id,
            title=change.title,
            state=change.state,
            row_version=change.row_version,
            based_on=change.base_version,
            is_renewal=change.is_renewal,
            updated_by=change.updated_by,
            updated_at=change.updated_at,
        )


class DifferenceBody(BaseModel):
    """One difference between what is published and the draft."""

    kind: ChangeKind
    path: tuple[str, ...]
    old: Any
    new: Any


class FindingBody(BaseModel):
    """Something to know before signing; a blocking one keeps the signing file from being made."""

    code: FindingCode
    severity: Severity
    message: str
    entry: str
    phase: Phase | None
    person_group: str | None


class ConflictBody(BaseModel):
    """What the draft and a publication that overtook it both changed; null: not there."""

    key: str
    base: Any
    ours: Any
    theirs: Any


class EventBody(BaseModel):
    """One step of a change's story."""

    at: datetime
    actor: str
    step: Step
    entry: str
    reason: str
    evidence: str
    detail: str


class ChangeBody(ChangeLine):
    """A change with all that is to be said about it now."""

    document: dict[str, Any]
    differences: list[DifferenceBody]
    findings: list[FindingBody]
    conflicts: list[ConflictBody]
    node_keys_added: list[str]
    node_keys_removed: list[str]
    could_sign: list[str]
    signed_by: list[str]
    threshold: int
    digest: str | None = Field(description="To be compared with what the signer's tool shows.")
    signed_until: datetime | None
    refusal: str | None
    refusal_detail: str
    registry_version: int | None
    possible: list[Step]
    events: list[EventBody]

    @classmethod
    def of_view(cls, view: ChangeView) -> "ChangeBody":
        """Make it from what the desk says."""
        change = view.change
        return cls(
            **ChangeLine.of(change).model_dump(),
            document=change.draft.model_dump(mode="json"),
            differences=[
                DifferenceBody(kind=d.kind, path=d.path[2:], old=d.old, new=d.new)
                for d in view.differences
            ],
            findings=[
                FindingBody(
                    code=f.code,
                    severity=f.severity,
                    message=f.message,
                    entry=f.entry,
                    phase=f.phase,
                    person_group=f.person_group,
                )
                for f in view.findings
            ],
            conflicts=[
                ConflictBody(key=c.key, base=c.base, ours=c.ours, theirs=c.theirs)
                for c in view.conflicts
            ],
            node_keys_added=list(view.node_keys_added),
            node_keys_removed=list(view.node_keys_removed),
            could_sign=list(view.could_sign),
            signed_by=list(view.signed_by),
            threshold=view.threshold,
            digest=view.digest,
            signed_until=view.expires_at,
            refusal=change.refusal,
            refusal_detail=change.refusal_detail,
            registry_version=change.registry_version,
            possible=[step for step in Step if view.can(step)],
            events=[
                EventBody(
                    at=event.at,
                    actor=event.actor,
                    step=event.step,
                    entry=event.entry,
                    reason=event.grounds.reason,
                    evidence=event.grounds.evidence,
                    detail=event.detail,
                )
                for event in view.events
            ],
        )


class ContactsBody(BaseModel):
    """What is published of this Participant; version 0 and no document if nothing is."""

    version: int
    signed_until: datetime | None
    document: dict[str, Any] | None
