"""How much room the node's store takes, and how much is left."""

from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import text
from sqlmodel import col, func, select

from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.permitting import require
from node.store.tables import MessageRow, QuarantineRow

#: More files than this are not measured one by one while somebody waits for a page.
MOST_MEASURED: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomUse:
    """Sizes in bytes."""

    is_sqlite: bool
    database_bytes: int
    messages: int
    files: int
    files_bytes: int
    #: There are more files than were measured.
    is_more: bool
    quarantined: int
    quarantined_bytes: int
    #: None where this process handles no files.
    free_bytes: int | None


def measure_room(context: NodeContext, *, who: Principal) -> RoomUse:
    """Measure database, files and quarantine."""
    require(who, Permission.WATCH_DELIVERY)
    is_sqlite = context.database.is_sqlite
    size = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if is_sqlite
        else "SELECT pg_database_size(current_database())"
    )
    with context.database.reading() as session:
        database_bytes = int(session.connection().execute(text(size)).scalar_one())
        messages = session.exec(select(func.count()).select_from(MessageRow)).one()
        quarantined, kept = session.exec(
            select(func.count(), func.sum(func.length(QuarantineRow.envelope))).where(
                col(QuarantineRow.settled_at).is_(None)
            )
        ).one()
    names: list[str] = []
    free: int | None = None
    files_bytes = 0
    if context.blob_store is not None:
        blobs = context.blob_store
        names = [name for name, _ in islice(blobs.list_names(), MOST_MEASURED + 1)]
        files_bytes = sum(blobs.size(name) or 0 for name in names[:MOST_MEASURED])
        free = blobs.free_bytes()
    return RoomUse(
        is_sqlite=is_sqlite,
        database_bytes=database_bytes,
        messages=messages,
        files=min(len(names), MOST_MEASURED),
        files_bytes=files_bytes,
        is_more=len(names) > MOST_MEASURED,
        quarantined=quarantined,
        quarantined_bytes=kept or 0,
        free_bytes=free,
    )
