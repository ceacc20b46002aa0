"""Each published version of the registry stands in the audit log, exactly once.

Publishing writes files, not rows, so the entry cannot share its transaction. It is made from what
is published instead, at the start and after each publication: a crash in between loses none.
"""

from collections.abc import Mapping
from typing import Final

from sqlmodel import Session
from tuf.api.metadata import Metadata, MetaFile, Snapshot

from contact_registry.errors import RepositoryStateError
from contact_registry.trust.published import PublishedRepository
from hub.audit.actions import Action
from hub.audit.log import AuditLog
from hub.context import HubRecords

#: The host signs these by itself: a version that changes nothing else is a renewal.
_ACTOR: Final = "program:registry"


def record_publications(records: HubRecords, repository: PublishedRepository) -> int:
    """Write down every version that the log does not have yet; how many those were. Blocking.

    A log that has none yet begins with the present version. Raises
    :class:`~contact_registry.errors.RepositoryStateError`.
    """
    newest = repository.published_version().version
    audit = records.audit
    if _find_recorded(audit) >= newest:
        return 0
    with records.database.transaction() as session:
        audit.lock(session)
        recorded = audit.find_last_subject(session, Action.REGISTRY_PUBLISHED)
        first = newest if recorded is None else int(recorded) + 1
        for version in range(first, newest + 1):
            _record(session, audit, version, repository)
    return max(newest + 1 - first, 0)


def _find_recorded(audit: AuditLog) -> int:
    with audit.reading() as session:
        recorded = audit.find_last_subject(session, Action.REGISTRY_PUBLISHED)
    return 0 if recorded is None else int(recorded)


def _record(
    session: Session, audit: AuditLog, version: int, repository: PublishedRepository
) -> None:
    """Name the roles whose files are newer than in the version before."""
    before = _read_snapshot(repository, version - 1) if version > 1 else {}
    now = _read_snapshot(repository, version)
    changed = [
        name.removesuffix(".json")
        for name, meta in sorted(now.items())
        if name not in before or before[name].version != meta.version
    ]
    shown = " ".join(changed)
    audit.record(
        session,
        _ACTOR,
        Action.REGISTRY_PUBLISHED,
        subject=str(version),
        detail={"roles": shown if len(shown) <= _LONGEST_ROLES else f"{len(changed)} roles"},
    )


_LONGEST_ROLES: Final = 1000


def _read_snapshot(repository: PublishedRepository, version: int) -> Mapping[str, MetaFile]:
    data = repository.read_metadata(f"{version}.{Snapshot.type}.json")
    if data is None:
        raise RepositoryStateError(
            f"Snapshot {version} is missing from the registry: restore it from a backup."
        )
    return Metadata[Snapshot].from_bytes(data).signed.meta
