"""Keeps the lists that operators bring in until they are drafts, and tries them out.

Nothing of a list reaches the registry from here: what comes out are documents for drafts. A list
may name people who should not be in a registry at all, so it is kept sealed, and for two weeks.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Final

from sqlalchemy import delete
from sqlmodel import col, select

from console.storage.columns import leave_unread
from contact_registry.directory import Directory
from contact_registry.founding import FOUNDING_TIME_ZONES
from contact_registry.importing.importer import ImportDefaults, ImportResult, import_contact_file
from contact_registry.importing.reconciling import ChangeKind
from contact_registry.models import ContactsDocument
from hub.audit.actions import Action
from hub.audit.log import AuditFilter
from hub.context import HubContext
from hub.lists.answers import ListAnswers, Questions, ask
from hub.lists.errors import ListNotFoundError, StaleListError
from hub.store.list_tables import ListRow
from protocol.identifiers import ParticipantCode

KEPT_FOR: Final = timedelta(days=14)
LARGEST_LIST: Final = 8_000_000
_MOST_LISTED: Final = 100
#: Results of the lists that were tried out last: a page of findings is turned often.
_RESULTS: Final = 4
_UTC: Final = "UTC"


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list in hand. ``data`` is the file as it came."""

    list_id: str
    data: bytes
    answers: ListAnswers
    revision: int
    brought_in_by: str
    brought_in_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ListSummary:
    """A list in a list of lists."""

    list_id: str
    file_name: str
    brought_in_by: str
    brought_in_at: datetime
    expires_at: datetime


class ListDesk:
    """The lists of one hub. Methods block."""

    def __init__(self, context: HubContext) -> None:
        self._context = context
        self._results: OrderedDict[tuple[str, int, str, date], ImportResult] = OrderedDict()
        self._lock = Lock()

    # ------------------------------------------------------------------ keeping

    def bring_in(self, data: bytes, answers: ListAnswers, *, actor: str) -> KeptList:
        """Keep a file that can be read as a table.

        Raises :class:`~contact_registry.errors.ContactListError` if it cannot; then it is not kept.
        """
        context, now = self._context, self._context.clock()
        ask(data, answers, known=())
        list_id = context.random(16).hex()
        row = ListRow(
            list_id=list_id,
            content_sealed=context.box.seal(data, context=f"list:{list_id}"),
            answers_sealed=self._seal_answers(list_id, answers),
            revision=1,
            brought_in_by=actor,
            brought_in_at=now,
            expires_at=now + KEPT_FOR,
        )
        with context.audit.acting(actor, Action.LIST_BROUGHT_IN, list_id, bytes=len(data)) as act:
            act.session.execute(delete(ListRow).where(col(ListRow.expires_at) <= now))
            act.session.add(row)
        return self._open(row)

    def load(self, list_id: str) -> KeptList:
        """Return a list; raises :class:`~hub.lists.errors.ListNotFoundError`."""
        with self._context.database.reading() as session:
            row = session.get(ListRow, list_id)
        if row is None or row.expires_at <= self._context.clock():
            raise _not_found()
        return self._open(row)

    def list_open(self) -> Sequence[ListSummary]:
        """Return the lists that nobody has finished, newest first; their bytes are not read."""
        statement = (
            select(ListRow)
            .options(leave_unread(ListRow.content_sealed, refused=True))
            .where(col(ListRow.expires_at) > self._context.clock())
            .order_by(col(ListRow.brought_in_at).desc(), col(ListRow.list_id))
            .limit(_MOST_LISTED)
        )
        with self._context.database.reading() as session:
            rows = session.exec(statement).all()
        return [
            ListSummary(
                list_id=row.list_id,
                file_name=self._open_answers(row.list_id, row.answers_sealed).file_name,
                brought_in_by=row.brought_in_by,
                brought_in_at=row.brought_in_at,
                expires_at=row.expires_at,
            )
            for row in rows
        ]

    def answer(self, kept: KeptList, answers: ListAnswers, *, actor: str) -> None:
        """Keep what was answered; raises :class:`~hub.lists.errors.StaleListError`."""
        action = Action.LIST_MAPPED
        with self._context.audit.acting(actor, action, kept.list_id) as act:
            row = act.session.get(ListRow, kept.list_id, with_for_update=True)
            if row is None:
                raise _not_found()
            if row.revision != kept.revision:
                raise StaleListError("Somebody else answered meanwhile: look at the list again.")
            row.answers_sealed = self._seal_answers(kept.list_id, answers)
            row.revision += 1
            act.detail["revision"] = row.revision
            act.session.add(row)

    def finish(self, kept: KeptList, action: Action, *, actor: str, drafts: int = 0) -> None:
        """Delete a list, because it became drafts or is not wanted.

        Raises :class:`~hub.lists.errors.StaleListError`.
        """
        with self._context.audit.acting(actor, action, kept.list_id, drafts=drafts) as act:
            row = act.session.get(ListRow, kept.list_id, with_for_update=True)
            if row is None:
                raise _not_found()
            if row.revision != kept.revision:
                raise StaleListError("Somebody else answered meanwhile: look at the list again.")
            act.session.delete(row)

    def find_end(self, list_id: str) -> Action | None:
        """Return how a list ended: drafted or discarded; None while it is kept, or unknown.

        The list itself is gone then; the audit log remembers it by its identifier.
        """
        for end in (Action.LIST_DRAFTED, Action.LIST_DISCARDED):
            if self._context.audit.list_entries(AuditFilter(action=end, subject=list_id), limit=1):
                return end
        return None

    def _seal_answers(self, list_id: str, answers: ListAnswers) -> bytes:
        data = answers.model_dump_json().encode()
        return self._context.box.seal(data, context=f"list-answers:{list_id}")

    def _open_answers(self, list_id: str, sealed: bytes) -> ListAnswers:
        opened = self._context.box.unseal(sealed, context=f"list-answers:{list_id}")
        return ListAnswers.model_validate_json(opened)

    def _open(self, row: ListRow) -> KeptList:
        box, name = self._context.box, row.list_id
        return KeptList(
            list_id=name,
            data=box.unseal(row.content_sealed, context=f"list:{name}"),
            answers=self._open_answers(name, row.answers_sealed),
            revision=row.revision,
            brought_in_by=row.brought_in_by,
            brought_in_at=row.brought_in_at,
            expires_at=row.expires_at,
        )

    # ------------------------------------------------------------------ trying out

    def ask(self, kept: KeptList, directory: Directory) -> Questions:
        """Return what people may be asked about a list; raises ``ContactListError``."""
        return ask(kept.data, kept.answers, known=[e.code for e in directory.participants])

    def try_out(self, kept: KeptList, directory: Directory) -> ImportResult:
        """Return what the list would do to what is published; nothing is changed.

        Raises :class:`~contact_registry.errors.ContactListError`.
        """
        today = self._context.clock().date()
        key = (kept.list_id, kept.revision, directory.sha256, today)
        with self._lock:
            if key in self._results:
                return self._results[key]
        answers = kept.answers
        result = import_contact_file(
            kept.data,
            defaults=ImportDefaults(
                today,
                f"List brought in on {kept.brought_in_at:%Y-%m-%d}",
                time_zones=find_time_zones(directory),
                participant=ParticipantCode(answers.participant) if answers.participant else None,
                mapping=answers.make_mapping(),
            ),
            onto=dict(directory.contacts),
            sheet=answers.sheet or None,
        )
        with self._lock:
            self._results[key] = result
            while len(self._results) > _RESULTS:
                self._results.popitem(last=False)
        return result


def find_time_zones(directory: Directory) -> Mapping[ParticipantCode, str]:
    """Return whose desks a list can name, and when it is noon there.

    The time zone that most desks of a Participant have; of a new one the founding table's.
    """
    zones: dict[ParticipantCode, str] = {}
    for entry in directory.participants:
        document = directory.contacts.get(entry.code)
        counted = Counter(a.time_zone for a in document.authorities) if document else Counter()
        founding = FOUNDING_TIME_ZONES.get(entry.code, _UTC)
        zones[entry.code] = counted.most_common(1)[0][0] if counted else founding
    return zones


def list_documents(result: ImportResult) -> dict[ParticipantCode, ContactsDocument]:
    """Return the documents that the list adds to or changes: one draft each."""
    touched = {
        change.participant
        for change in result.changes
        if change.kind in {ChangeKind.NEW, ChangeKind.CHANGED}
    }
    return {code: document for code, document in result.contacts.items() if code in touched}


def _not_found() -> ListNotFoundError:
    return ListNotFoundError(
        "There is no such list: it became drafts, was discarded, or was kept too long."
    )
