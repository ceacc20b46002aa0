"""What can be done with drills at the hub: ask, take an answer, write one down, withdraw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from contact_registry.directory import Directory
from contact_registry.drills.answering import check_answer, note_telephone_answer, parse_answer
from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill, find_last_results
from contact_registry.drills.news import PAGE, DrillNews, DrillNotice
from contact_registry.drills.schedule import (
    DrillRules,
    find_answer_by,
    list_desk_phases,
    list_due,
    make_question,
)
from contact_registry.drills.states import DrillState
from contact_registry.models import Authority
from contact_registry.standing_in import find_valid
from hub.audit.actions import Action
from hub.context import HubContext, NotFoundError
from hub.drills.rows import (
    find_open_row,
    list_current_rows,
    lock_row,
    make_row,
    read_row,
    write_row,
)
from hub.registry_reading import find_quarter
from hub.store.audit_tables import AuditRow
from hub.store.drill_tables import DrillRow
from protocol.drill_answer import DrillStatement
from protocol.identifiers import AuthorityId, ParticipantCode, Phase

PROGRAM: Final = "program:drills"
_RECENT: Final = 100
_MARK_LENGTH: Final = 32
NOT_LISTED_ANY_MORE: Final = "The desk is not listed for this phase any more."


@dataclass(frozen=True, slots=True)
class DrillDesk:
    """The drills of one hub. Everything here blocks: use it from worker threads."""

    context: HubContext

    @property
    def rules(self) -> DrillRules:
        """When desks are asked, as it is set."""
        return self.context.drill_rules

    # ------------------------------------------------------------------ reading

    def list_current(self) -> tuple[Drill, ...]:
        """Return how every desk stands now: open drills, and the last result of each, newest first.

        It grows with the registry and not with its years, and is read anew after a change only.
        """
        now = self.context.clock()
        with self.context.database.reading() as session:
            head = _read_head(session)
        drills = self.context.reading.keep(
            f"drills:{head}",
            self.context.registry.current(),
            find_quarter(now),
            self._read_current,
        )
        return tuple(drill.at(now) for drill in drills)

    def _read_current(self) -> tuple[Drill, ...]:
        with self.context.database.reading() as session:
            return tuple(read_row(row) for row in list_current_rows(session))

    def load(self, drill_id: str) -> Drill:
        """Return a drill; raises :class:`~hub.context.NotFoundError`."""
        with self.context.database.reading() as session:
            row = session.get(DrillRow, drill_id)
        if row is None:
            raise NotFoundError("There is no such drill.")
        return read_row(row).at(self.context.clock())

    def list_of_desk(self, authority: AuthorityId, phase: Phase) -> tuple[Drill, ...]:
        """Return the last hundred drills of a desk and phase, newest first."""
        now = self.context.clock()
        statement = (
            select(DrillRow)
            .where(DrillRow.authority == authority, DrillRow.phase == phase.value)
            .order_by(col(DrillRow.asked_at).desc())
            .limit(_RECENT)
        )
        with self.context.database.reading() as session:
            return tuple(read_row(row).at(now) for row in session.exec(statement).all())

    def list_last_of(self, authority: AuthorityId) -> tuple[Drill, ...]:
        """Return the last drill of each phase of a desk that says whether it can be reached."""
        now = self.context.clock()
        statement = (
            select(DrillRow)
            .where(DrillRow.authority == authority)
            .order_by(col(DrillRow.asked_at).desc())
            .limit(_RECENT)
        )
        with self.context.database.reading() as session:
            last = find_last_results(read_row(row).at(now) for row in session.exec(statement).all())
        return tuple(last[pair] for pair in sorted(last))

    def tell_news(self, since: int, mark: str = "") -> DrillNews:
        """Return what changed after a revision, for a node; one page, oldest change first.

        With another ``mark`` than that of the revision here, this hub was restored from a backup
        since: the answer says that it has nothing, which lets the node begin anew.
        """
        now = self.context.clock()
        with self.context.database.reading() as session:
            if mark and mark != _read_mark(session, since):
                return DrillNews(revision=0, head=0, drills=())
            head = _read_head(session)
            rows = session.exec(
                select(DrillRow)
                .where(DrillRow.revision > since)
                .order_by(col(DrillRow.revision))
                .limit(PAGE)
            ).all()
            revision = rows[-1].revision if len(rows) == PAGE else head
            next_mark = _read_mark(session, revision)
        return DrillNews(
            revision=revision,
            head=head,
            mark=next_mark,
            drills=tuple(DrillNotice.of(read_row(row).at(now)) for row in rows),
        )

    # ------------------------------------------------------------------ asking

    def ask(self, authority_id: AuthorityId, phase: Phase, *, actor: str) -> Drill:
        """Ask a desk now; an overdue question about the same is given up.

        Raises :class:`~contact_registry.drills.errors.DrillRefusedError`.
        """
        directory = self.context.registry.current()
        authority = self._find_listed(directory, authority_id, phase)
        try:
            with self.context.database.transaction() as session:
                return self._ask(session, authority, phase, directory=directory, actor=actor)
        except IntegrityError as error:
            raise _already_asked() from error

    def ask_due(self) -> int:
        """Ask what the schedule says is due, and close what is not listed any more.

        Returns how many were asked. What an operator asked meanwhile is left to the operator.
        """
        now = self.context.clock()
        directory = self.context.registry.current()
        current = self.list_current()
        self._close_unlisted(current, directory, now=now)
        asked = 0
        for due in list_due(directory, current, now=now, rules=self.rules):
            try:
                self.ask(due.authority.id, due.phase, actor=PROGRAM)
            except DrillRefusedError:
                continue
            asked += 1
        return asked

    def _ask(
        self,
        session: Session,
        authority: Authority,
        phase: Phase,
        *,
        directory: Directory,
        actor: str,
    ) -> Drill:
        now = self.context.clock()
        row = find_open_row(session, authority.id, phase)
        if row is not None:
            earlier = read_row(row).at(now)
            if earlier.state is not DrillState.OVERDUE:
                raise _already_asked()
            self._keep(session, row, earlier.supersede(), Action.DRILL_GIVEN_UP, actor=actor)
            session.flush()
        answer_by = find_answer_by(authority, directory, now=now, rules=self.rules)
        question = make_question(
            authority, phase, answer_by=answer_by, now=now, random=self.context.random
        )
        drill = Drill(question, asked_by=None if actor == PROGRAM else actor)
        entry = self.context.audit.record(
            session,
            actor,
            Action.DRILL_ASKED,
            subject=drill.drill_id,
            detail={"authority": authority.id, "phase": phase.value},
        )
        session.add(make_row(drill, revision=entry.sequence))
        session.flush()
        return drill

    def _find_listed(
        self, directory: Directory, authority_id: AuthorityId, phase: Phase
    ) -> Authority:
        authority = directory.authority(authority_id)
        if (
            authority is not None
            and find_valid([authority], self.context.clock())
            and any(competence.phase is phase for competence in authority.competences)
        ):
            return authority
        raise DrillRefusedError(
            "The directory lists no such desk for this phase today: look at the Participant's "
            "desks, and choose one that is listed.",
            code=DrillRefusal.NOT_LISTED,
        )

    def _close_unlisted(
        self, current: Sequence[Drill], directory: Directory, *, now: datetime
    ) -> None:
        listed = {(authority.id, phase) for authority, phase in list_desk_phases(directory, now)}
        for drill in current:
            if drill.is_open and drill.desk_phase not in listed:
                with self.context.database.transaction() as session:
                    row = lock_row(session, drill.drill_id)
                    if row is not None and read_row(row).is_open:
                        closed = read_row(row).close(because=NOT_LISTED_ANY_MORE)
                        self._keep(session, row, closed, Action.DRILL_WITHDRAWN, actor=PROGRAM)

    # ------------------------------------------------------------------ answers

    def take_answer(self, data: bytes) -> Drill:
        """Take a node's signed answer in; the same one again changes nothing.

        Anybody can send bytes here, so nothing is locked before the signature was checked. Raises
        :class:`~contact_registry.drills.errors.DrillRefusedError`.
        """
        drill_id = parse_answer(data).question.drill_id
        with self.context.database.reading() as session:
            asked = session.get(DrillRow, drill_id)
        if asked is None:
            raise DrillRefusedError(
                "The hub asked no such question: look for today's questions, and answer one of "
                "these.",
                code=DrillRefusal.UNKNOWN_DRILL,
            )
        result = check_answer(
            read_row(asked),
            data,
            directory=self.context.registry.current(),
            received_at=self._now(),
        )
        with self.context.database.transaction() as session:
            row, drill = self._lock(session, drill_id)
            answered = drill.answer(result)
            if answered is not drill:
                actor = f"participant:{drill.question.participant}"
                self._keep(session, row, answered, Action.DRILL_ANSWERED, actor=actor)
            return answered

    def record_telephone(
        self, drill_id: str, said: DrillStatement, *, seen: int, actor: str
    ) -> Drill:
        """Write down what a Participant without a node said on the telephone.

        ``seen`` is the row version of the page. Raises
        :class:`~contact_registry.drills.errors.DrillRefusedError`.
        """
        directory = self.context.registry.current()
        with self.context.database.transaction() as session:
            row, drill = self._load_for_change(session, drill_id, seen=seen)
            has_node = drill.question.participant in directory.keys
            result = note_telephone_answer(drill, said, recorded_by=actor, has_node=has_node)
            answered = drill.answer(result)
            self._keep(session, row, answered, Action.DRILL_ANSWER_RECORDED, actor=actor)
            return answered

    def withdraw(self, drill_id: str, *, because: str, seen: int, actor: str) -> Drill:
        """Take a question back; raises as :meth:`record_telephone`."""
        with self.context.database.transaction() as session:
            row, drill = self._load_for_change(session, drill_id, seen=seen)
            closed = drill.close(because=because)
            self._keep(session, row, closed, Action.DRILL_WITHDRAWN, actor=actor)
            return closed

    def count_overdue(self) -> int:
        """Count the open questions whose time has passed."""
        statement = select(func.count()).where(
            col(DrillRow.open_for).is_not(None), col(DrillRow.answer_by) <= self.context.clock()
        )
        with self.context.database.reading() as session:
            return session.exec(statement).one()

    def has_node(self, participant: ParticipantCode) -> bool:
        """Whether a Participant answers by its node's signature."""
        return participant in self.context.registry.current().keys

    def now_in_seconds(self) -> datetime:
        """Return the moment as drills write it: UTC, whole seconds."""
        return self._now()

    def _load_for_change(
        self, session: Session, drill_id: str, *, seen: int
    ) -> tuple[DrillRow, Drill]:
        row, drill = self._lock(session, drill_id)
        if row.row_version != seen:
            raise DrillRefusedError(
                "Somebody changed this drill while your page was open: look again.",
                code=DrillRefusal.CHANGED_MEANWHILE,
            )
        return row, drill.at(self.context.clock())

    def _lock(self, session: Session, drill_id: str) -> tuple[DrillRow, Drill]:
        row = lock_row(session, drill_id)
        if row is None:
            raise NotFoundError("There is no such drill.")
        return row, read_row(row)

    def _keep(
        self, session: Session, row: DrillRow, drill: Drill, action: Action, *, actor: str
    ) -> None:
        """Write a drill with its audit entry, whose number is the drill's revision."""
        detail: dict[str, str | int | bool | None] = {"state": drill.state.value}
        if drill.result is not None:
            detail["outcome"] = drill.result.outcome.value
            detail["answered_by"] = drill.result.answered_by.value
        entry = self.context.audit.record(
            session, actor, action, subject=drill.drill_id, detail=detail
        )
        session.add(write_row(row, drill, revision=entry.sequence))

    def _now(self) -> datetime:
        return self.context.clock().astimezone(UTC).replace(microsecond=0)


def _read_head(session: Session) -> int:
    """Return the revision of the latest change, 0 if there never was one."""
    return session.exec(select(func.max(col(DrillRow.revision)))).one() or 0


def _read_mark(session: Session, revision: int) -> str:
    """Return what tells this hub's history up to a revision from any other."""
    entry = session.get(AuditRow, revision)
    return "" if entry is None else entry.entry_hash[:_MARK_LENGTH]


def _already_asked() -> DrillRefusedError:
    return DrillRefusedError(
        "This desk is being asked about this phase already: wait for its answer, or withdraw that "
        "question first.",
        code=DrillRefusal.ALREADY_ASKED,
    )


def count_overdue_drills(context: HubContext) -> int:
    """Count the drills that are overdue, for the navigation."""
    return DrillDesk(context).count_overdue()
