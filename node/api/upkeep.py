"""What administrators of a node look after: links, files in trouble, backups. Never content."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, Field

from console.routes import take_routes
from node.api.conditional import RequiredVersion
from node.api.doors import Doors
from node.api.shapes import Asked, Id
from node.domain.access import Permission, Principal
from node.domain.backups import Backup, BackupKind
from node.domain.file_states import Arrival, Scan
from node.service.attachments.scanning import handle_scan_again
from node.service.attachments.showing import FileTrouble, list_troubled_files
from node.service.attention import Waiting
from node.service.backups import NewBackup, handle_note_backup, handle_note_test, list_backups
from node.service.context import NodeContext, NotFoundError
from node.service.links import LinkState, LinkView, handle_try_now, list_links, load_link


class PeerLinkBody(BaseModel):
    """How the link with one Participant stands."""

    peer: str
    state: LinkState
    since: datetime | None = Field(description="Since when it is quiet or down.")
    heard_at: datetime | None = Field(description="The last message, receipt or refusal of theirs.")
    receipt_at: datetime | None
    waiting: Waiting | None = Field(description="What waits for a receipt; null: nothing.")
    receipts_owed: int
    receipts_since: datetime | None
    missing: int = Field(description="Messages of theirs that never came: asked for.")
    missing_in_vain: int
    gone: int
    is_asked_after_restore: bool
    keys_until: datetime | None = Field(
        description="Until when the registry lists a key of theirs; null: it lists none."
    )
    sent_generation: int
    sent_seq: int

    @classmethod
    def of(cls, view: LinkView) -> "PeerLinkBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(view))


class HurriedBody(BaseModel):
    """How much leaves now."""

    count: int


class FileTroubleBody(BaseModel):
    """A received file that people cannot have, or should be careful with; never its name."""

    file_id: str
    message_id: str
    peer: str
    noticed_at: datetime
    size: int
    arrival: Arrival
    scan: Scan
    scan_detail: str | None
    scanned_at: datetime | None
    parts_done: int
    parts: int
    has_no_room: bool
    row_version: int = Field(description="The number in ``If-Match`` of having it scanned again.")

    @classmethod
    def of(cls, trouble: FileTrouble) -> "FileTroubleBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(trouble))


class BackupBody(BaseModel):
    """One backup."""

    backup_id: str
    made_at: datetime
    kind: BackupKind
    place: str
    size: int | None
    noted_by: str
    tested_at: datetime | None
    test_passed: bool | None
    tested_by: str | None

    @classmethod
    def of(cls, backup: Backup) -> "BackupBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(backup))


class BackupMade(Asked):
    """A backup that was made by other means than ``trm-node backup``."""

    made_at: AwareDatetime
    place: Annotated[str, Field(min_length=1, max_length=200, description="Where it lies.")]


class BackupTested(Asked):
    """What came of an attempt to restore a backup."""

    passed: bool


def create_upkeep(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    take_routes(router, _create_links(context, doors))
    take_routes(router, _create_files(context, doors))
    take_routes(router, _create_backups(context, doors))
    return router


def _create_links(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/delivery/links")
    Watcher = Annotated[Principal, Depends(doors.who(Permission.WATCH_DELIVERY))]

    @router.get("")
    def list_all(who: Watcher) -> list[PeerLinkBody]:
        """List how the link with each Participant stands; what needs somebody comes first."""
        return [PeerLinkBody.of(view) for view in list_links(context, who=who)]

    @router.get("/{participant}")
    def get(participant: Id, who: Watcher) -> PeerLinkBody:
        """Return how the link with one Participant stands."""
        return PeerLinkBody.of(load_link(context, participant, who=who))

    @router.post("/{participant}/try-now")
    def try_now(participant: Id, who: Watcher) -> HurriedBody:
        """Let everything that waits for a Participant leave at once. Safe at any time."""
        return HurriedBody(count=handle_try_now(context, participant, who=who))

    return router


def _create_files(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/delivery/files")
    Watcher = Annotated[Principal, Depends(doors.who(Permission.WATCH_DELIVERY))]

    @router.get("")
    def list_troubled(_who: Watcher) -> list[FileTroubleBody]:
        """List received files that people cannot have, or should be careful with."""
        return [FileTroubleBody.of(each) for each in list_troubled_files(context)]

    @router.post("/{file_id}/scan-again", status_code=HTTPStatus.NO_CONTENT)
    def scan_again(file_id: Id, who: Watcher, seen: RequiredVersion) -> None:
        """Have a file scanned once more, after the scanner has learnt something new."""
        handle_scan_again(context, file_id, row_version=seen, actor=who.actor)

    return router


def _create_backups(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/backups")
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_NODE))]

    def load(backup_id: str, who: Principal) -> BackupBody:
        for backup in list_backups(context, who=who):
            if backup.backup_id == backup_id:
                return BackupBody.of(backup)
        raise NotFoundError("There is no such backup in the list: note it first.")

    @router.get("")
    def list_all(who: Admin) -> list[BackupBody]:
        """List backups, the newest first."""
        return [BackupBody.of(backup) for backup in list_backups(context, who=who)]

    @router.post("", status_code=HTTPStatus.CREATED)
    def note(made: BackupMade, who: Admin) -> BackupBody:
        """Note a backup that was made by other means, so that nobody is told that there is none."""
        new = NewBackup(made_at=made.made_at, place=made.place)
        return load(handle_note_backup(context, new, who=who), who)

    @router.post("/{backup_id}/test")
    def note_test(backup_id: Id, tested: BackupTested, who: Admin) -> BackupBody:
        """Note that somebody tried to restore a backup, and what came of it."""
        handle_note_test(context, backup_id, passed=tested.passed, who=who)
        return load(backup_id, who)

    return router
