"""Looking after findings: what is wrong now, joined with what people did about it.

Each step names the revision that its page showed; another one is refused and nothing is lost. What
is done stands in the audit log; reasons do not, since they are text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from console.face import Clock
from console.storage.database import Database
from hub.audit.actions import Action
from hub.audit.log import AuditLog
from hub.findings.errors import FindingNotFoundError, FindingStepError, StaleFindingError
from hub.findings.observing import Observed
from hub.findings.states import STEPS, Standing, Step
from hub.store.finding_tables import FindingEventRow, FindingRow

SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 500
#: Something that stays as it is is looked at again at least once a year.
LONGEST_REST: Final = timedelta(days=366)
_KEPT_EVENTS: Final = 200
_MEANWHILE: Final = "Somebody else did something with this finding meanwhile: look at it again."
_ACTIONS: Final[Mapping[Step, Action]] = MappingProxyType(
    {
        Step.TAKE: Action.FINDING_TAKEN,
        Step.ASSIGN: Action.FINDING_ASSIGNED,
        Step.GIVE_BACK: Action.FINDING_GIVEN_BACK,
        Step.RESOLVE: Action.FINDING_RESOLVED,
        Step.REOPEN: Action.FINDING_REOPENED,
    }
)


@dataclass(frozen=True, slots=True)
class Record:
    """What people did about a finding. ``revision`` 0: nothing yet."""

    key: str
    standing: Standing = Standing.OPEN
    assigned_to: str = ""
    reason: str = ""
    until: date | None = None
    revision: int = 0
    updated_by: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a finding's story."""

    step: Step
    actor: str
    assigned_to: str
    reason: str
    until: date | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Followed:
    """A finding that is true now, and how it is looked after."""

    observed: Observed
    record: Record
    standing: Standing
    """Open again when the day has passed until which it might stay as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """What somebody wants to do; ``seen`` is the revision that the page showed."""

    step: Step
    seen: int
    assigned_to: str = ""
    reason: str = ""
    until: date | None = None


class FindingDesk:
    """Keeps what is done about findings. Methods block."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def follow(self, observed: Iterable[Observed]) -> list[Followed]:
        """Join what is wrong with what was done about it, in the order given."""
        with self._database.reading() as session:
            records = {row.finding_key: _read(row) for row in session.exec(select(FindingRow))}
        today = self._clock().date()
        return [
            Followed(one, record, _judge(record, today))
            for one in observed
            for record in [records.get(one.key, Record(one.key))]
        ]

    def list_events(self, key: str) -> Sequence[Event]:
        """Return what was done with a finding, newest first."""
        statement = (
            select(FindingEventRow)
            .where(FindingEventRow.finding_key == key)
            .order_by(col(FindingEventRow.event_id).desc())
            .limit(_KEPT_EVENTS)
        )
        with self._database.reading() as session:
            rows = session.exec(statement).all()
        return [
            Event(Step(row.step), row.actor, row.assigned_to, row.reason, row.until, row.at)
            for row in rows
        ]

    def act(self, observed: Observed, request: StepRequest, *, actor: str) -> Record:
        """Do one step with a finding that is true now.

        Raises :class:`~hub.findings.errors.StaleFindingError` and
        :class:`~hub.findings.errors.FindingStepError`; then nothing has changed.
        """
        try:
            return self._act(observed, request, actor=actor)
        except IntegrityError as error:  # both were the first to do something with it
            raise StaleFindingError(_MEANWHILE) from error

    def _act(self, observed: Observed, request: StepRequest, *, actor: str) -> Record:
        now = self._clock()
        self._check(request, today=now.date())
        action = _ACTIONS[request.step]
        with self._audit.acting(actor, action, observed.key, code=observed.code.value) as act:
            row = _load(act.session, observed)
            if row.revision != request.seen:
                raise StaleFindingError(_MEANWHILE)
            today = now.date()
            after = STEPS[_judge(_read(row), today)].get(request.step)
            if after is None:
                raise FindingStepError("This cannot be done with it as it stands: look again.")
            row.standing = after
            row.assigned_to = _choose_holder(request, row, after=after, actor=actor)
            row.reason = request.reason if after is Standing.RESOLVED else ""
            row.until = request.until if after is Standing.RESOLVED else None
            row.revision += 1
            row.updated_by, row.updated_at = actor, now
            act.session.add(row)
            act.session.flush()
            act.session.add(_tell(row, request, at=now))
        return _read(row)

    def _check(self, request: StepRequest, *, today: date) -> None:
        if request.step is Step.ASSIGN and not request.assigned_to:
            raise FindingStepError("Choose who looks after it.")
        if request.step is not Step.RESOLVE:
            return
        if not SHORTEST_REASON <= len(request.reason) <= LONGEST_REASON:
            raise FindingStepError(
                f"Say why it may stay as it is, in {SHORTEST_REASON} to {LONGEST_REASON} "
                "characters."
            )
        if request.until is None or not today < request.until <= today + LONGEST_REST:
            raise FindingStepError(
                "Name the day on which somebody looks again: after today, within a year."
            )


def find_followed(followed: Iterable[Followed], key: str) -> Followed:
    """Return one finding; raises :class:`~hub.findings.errors.FindingNotFoundError`."""
    for one in followed:
        if one.observed.key == key:
            return one
    raise FindingNotFoundError(
        "There is no such finding any more: what it was about was put right, or it never was one."
    )


def _judge(record: Record, today: date) -> Standing:
    resting = record.standing is Standing.RESOLVED
    if resting and record.until is not None and record.until <= today:
        return Standing.OPEN
    return record.standing


def _choose_holder(request: StepRequest, row: FindingRow, *, after: Standing, actor: str) -> str:
    if request.step is Step.TAKE:
        return actor
    if request.step is Step.ASSIGN:
        return request.assigned_to
    return row.assigned_to if after is Standing.RESOLVED else ""


def _load(session: Session, observed: Observed) -> FindingRow:
    row = session.get(FindingRow, observed.key, with_for_update=True)
    if row is not None:
        return row
    return FindingRow(
        finding_key=observed.key,
        code=observed.code,
        participant=observed.participant or "",
        phase=observed.phase or "",
        authority=observed.authority.id if observed.authority else "",
        standing=Standing.OPEN,
        assigned_to="",
        reason="",
        revision=0,
        updated_by="",
        updated_at=datetime.min.replace(tzinfo=UTC),
    )


def _read(row: FindingRow) -> Record:
    return Record(
        key=row.finding_key,
        standing=Standing(row.standing),
        assigned_to=row.assigned_to,
        reason=row.reason,
        until=row.until,
        revision=row.revision,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )


def _tell(row: FindingRow, request: StepRequest, *, at: datetime) -> FindingEventRow:
    return FindingEventRow(
        finding_key=row.finding_key,
        step=request.step,
        actor=row.updated_by,
        assigned_to=row.assigned_to,
        reason=request.reason,
        until=request.until,
        at=at,
    )
