"""What an administrator should know of received files: never what they are called or contain."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from console.i18n import Message, msg, nmsg
from node.domain.file_intake import FILE_INTAKE
from node.domain.file_states import Arrival, Scan
from node.domain.files import MIB
from node.service.context import NodeContext
from node.store.attachment_tables import ReceivedFileRow

#: A scan takes seconds: who waits longer waits for a scanner that does not answer.
_SCANNED_WITHIN: Final = timedelta(minutes=10)


def _note_full_disk(context: NodeContext) -> list[Message]:
    if context.blob_store is None or context.blob_store.free_bytes() >= FILE_INTAKE.reserve:
        return []
    reserve = FILE_INTAKE.reserve // MIB
    return [
        msg(
            "files: the disk has less than %(reserve)s MiB free. Files of others wait for room",
            reserve=reserve,
        )
    ]


def list_file_notices(context: NodeContext, session: Session) -> list[Message]:
    """Return one line for each kind of trouble; empty if there is none."""
    opened = col(ReceivedFileRow.state) == Arrival.OPENED
    arriving = col(ReceivedFileRow.state) == Arrival.ARRIVING
    since = func.coalesce(ReceivedFileRow.opened_at, ReceivedFileRow.noticed_at)
    questions: list[tuple[tuple[object, ...], Callable[[int], Message]]] = [
        (
            (opened, ReceivedFileRow.scan == Scan.FOUND),
            lambda count: msg(
                "files: malware found in %(count)s, quarantined. See the list of files", count=count
            ),
        ),
        (
            (
                opened,
                ReceivedFileRow.scan == Scan.WAITING,
                since < context.clock() - _SCANNED_WITHIN,
            ),
            lambda count: nmsg(
                "files: %(count)s waits for the malware scanner. Look whether it runs",
                "files: %(count)s wait for the malware scanner. Look whether it runs",
                count,
            ),
        ),
        (
            (arriving, col(ReceivedFileRow.trouble).is_not(None)),
            lambda count: nmsg(
                "files: %(count)s waits for room in its sender's share of the disk. Make room, or "
                "set TRM_NODE_FILES_OF_ONE_PARTICIPANT higher",
                "files: %(count)s wait for room in their sender's share of the disk. Make room, or "
                "set TRM_NODE_FILES_OF_ONE_PARTICIPANT higher",
                count,
            ),
        ),
        (
            (col(ReceivedFileRow.state) == Arrival.GIVEN_UP,),
            lambda count: nmsg(
                "files: %(count)s was asked for in vain. Telephone its sender",
                "files: %(count)s were asked for in vain. Telephone their senders",
                count,
            ),
        ),
    ]
    lines = _note_full_disk(context)
    for conditions, say in questions:
        count = session.exec(
            select(func.count()).select_from(ReceivedFileRow).where(*conditions)  # type: ignore[arg-type]  # conditions of SQLModel are typed as bool
        ).one()
        if count:
            lines.append(say(count))
    return lines
