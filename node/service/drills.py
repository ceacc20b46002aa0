"""Reachability drills at the node: what is asked of us, answering, and how others' desks did.

Questions and results come from the hub; answers are signed here and kept until the hub has them.
What the hub says of other Participants is its word, except where it brings their signed answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, delete, func, or_, select, update

from contact_registry.drills.models import Drill, find_last_results
from contact_registry.drills.news import DrillNews, parse_notice
from node.service.borrowed_words import borrow_words
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.store.drill_tables import DrillAnswerRow, DrillCursorRow, DrillRow
from protocol.drill_answer import AnsweredBy, DrillAnswer, DrillOutcome, DrillStatement
from protocol.errors import RemoteProtocolError
from protocol.hub_request import HubRequest, Purpose
from protocol.identifiers import AuthorityId

_CURSOR: Final = 1
_LONGEST_REFUSAL: Final = 500
#: Drills that are kept: more than 200 Participants with 40 desks of 5 phases each can have, and of
#: our own desks. Beyond, only what is about the same desks is taken in: a hub that invents desks,
#: ours or others', fills neither the disk nor the page.
MOST_DRILLS: Final = 120_000
MOST_OWN: Final = 3_000


class DrillHostError(Exception):
    """The hub cannot be reached or understood: nothing is lost, it is tried again."""


class AnswerStanding(StrEnum):
    """What became of an answer that was given here."""

    #: Signed and kept; it goes to the hub as soon as the hub can be reached.
    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What somebody here answered."""

    outcome: DrillOutcome
    answered_by: AnsweredBy
    answered_at: datetime
    actor: str
    standing: AnswerStanding
    refusal: str


@dataclass(frozen=True, slots=True)
class OwnDrill:
    """A question to one of our desks, and what was answered here, if anything."""

    drill: Drill
    answer: GivenAnswer | None


# ------------------------------------------------------------------ reading


def list_own(context: NodeContext) -> list[OwnDrill]:
    """List the drills of our desks: open ones first, the nearest deadline first, then results."""
    with context.database.reading() as session:
        rows = session.exec(
            select(DrillRow, DrillAnswerRow)
            .outerjoin(DrillAnswerRow, col(DrillAnswerRow.drill_id) == col(DrillRow.drill_id))
            .where(DrillRow.participant == context.participant)
        ).all()
        found = [OwnDrill(_read(context, row), _read_answer(answer)) for row, answer in rows]
    return sorted(
        found,
        key=lambda own: (
            not own.drill.is_open or own.answer is not None,
            own.drill.question.answer_by,
            own.drill.drill_id,
        ),
    )


def count_unanswered(context: NodeContext) -> int:
    """Count the open questions to our desks that nobody here has answered."""
    statement = (
        select(func.count())
        .select_from(DrillRow)
        .outerjoin(DrillAnswerRow, col(DrillAnswerRow.drill_id) == col(DrillRow.drill_id))
        .where(
            DrillRow.participant == context.participant,
            col(DrillRow.is_open).is_(True),
            or_(
                col(DrillAnswerRow.drill_id).is_(None),
                col(DrillAnswerRow.standing) == AnswerStanding.REFUSED.value,
            ),
        )
    )
    with context.database.reading() as session:
        return session.exec(statement).one()


def list_last_drills(context: NodeContext, authority: AuthorityId) -> list[Drill]:
    """Return the last drill of each phase of a desk that says whether it can be reached."""
    with context.database.reading() as session:
        rows = session.exec(select(DrillRow).where(DrillRow.authority == authority)).all()
    last = find_last_results(_read(context, row) for row in rows)
    return [last[pair] for pair in sorted(last)]


def load_own(context: NodeContext, drill_id: str) -> OwnDrill:
    """Return one drill of ours; raises :class:`~node.service.context.NotFoundError`."""
    with context.database.reading() as session:
        row = session.get(DrillRow, drill_id)
        if row is None or row.participant != context.participant:
            raise NotFoundError("There is no such drill here.")
        return OwnDrill(_read(context, row), _read_answer(session.get(DrillAnswerRow, drill_id)))


def find_news_age(context: NodeContext) -> datetime | None:
    """Return when the hub last told us about drills; None if it never did."""
    with context.database.reading() as session:
        row = session.get(DrillCursorRow, _CURSOR)
    return None if row is None else row.asked_at


# ------------------------------------------------------------------ answering


def handle_answer(
    context: NodeContext,
    drill_id: str,
    *,
    outcome: DrillOutcome,
    answered_by: AnsweredBy,
    actor: str,
) -> GivenAnswer:
    """Sign an answer to a question about one of our desks, and keep it for sending.

    It is on the disk before this returns. The same answer again is the same answer. Raises
    :class:`~node.service.context.StaleError` if somebody answered otherwise or the question is
    closed, :class:`~node.service.context.RefusedDraftError` for an answer that contradicts itself.
    """
    now = context.clock().astimezone(UTC).replace(microsecond=0)
    try:
        statement = DrillStatement(outcome, answered_by, now)
    except RemoteProtocolError as error:
        raise RefusedDraftError(borrow_words(error)) from error

    def keep(session: Session) -> GivenAnswer:
        row = session.get(DrillRow, drill_id)
        if row is None or row.participant != context.participant:
            raise NotFoundError("There is no such drill here.")
        given = session.get(DrillAnswerRow, drill_id)
        if given is not None and given.standing != AnswerStanding.REFUSED:
            if (given.outcome, given.answered_by) == (outcome.value, answered_by.value):
                return _read_given(given)
            raise StaleError("Somebody here has answered this already: look at the answer.")
        drill = _read(context, row)
        if not drill.is_open:
            raise StaleError("This question is closed: it needs no answer any more.")
        signed = DrillAnswer.sign(
            drill.question.encode(), statement=statement, key=context.keys.signing_key
        )
        answer = DrillAnswerRow(
            drill_id=drill_id,
            answer=signed.encode(),
            outcome=outcome.value,
            answered_by=answered_by.value,
            answered_at=now,
            actor=actor,
            standing=AnswerStanding.WAITING.value,
        )
        return _read_given(session.merge(answer))

    given = context.transact(keep)
    context.signals.drills.notify()
    return given


# ------------------------------------------------------------------ talking with the hub


def make_request(context: NodeContext) -> bytes:
    """Sign the request by which the hub knows who asks."""
    return HubRequest.sign(
        Purpose.DRILLS,
        participant=context.participant,
        at=context.clock(),
        key=context.keys.signing_key,
    ).encode()


def list_owed(context: NodeContext) -> Sequence[tuple[str, bytes]]:
    """Return the answers that the hub does not have yet: drill and signed bytes."""
    with context.database.reading() as session:
        rows = session.exec(
            select(DrillAnswerRow)
            .where(DrillAnswerRow.standing == AnswerStanding.WAITING.value)
            .order_by(col(DrillAnswerRow.answered_at))
        ).all()
    return [(row.drill_id, row.answer) for row in rows]


def note_sent(context: NodeContext, drill_id: str, *, refusal: str = "") -> None:
    """Write down what the hub did with an answer; ``refusal`` is its reason, empty if it took it.

    A refused answer can be given anew while the question is open.
    """
    standing = AnswerStanding.REFUSED if refusal else AnswerStanding.TAKEN

    def write(session: Session) -> None:
        row = session.get(DrillAnswerRow, drill_id)
        if row is not None and row.standing == AnswerStanding.WAITING:
            row.standing = standing.value
            row.refusal = refusal[:_LONGEST_REFUSAL]
            session.add(row)

    context.transact(write)


def find_cursor(context: NodeContext) -> tuple[int, str]:
    """Return the revision after which the hub is asked for news, and its mark."""
    with context.database.reading() as session:
        row = session.get(DrillCursorRow, _CURSOR)
    return (0, "") if row is None else (row.revision, row.mark)


def take_news(context: NodeContext, news: DrillNews, *, since: int) -> bool:
    """Take in what the hub said of the time after ``since``; returns whether to ask again.

    A hub that knows less than it told us before was restored from a backup: all is asked for anew,
    and what it has lost is forgotten. Our own answers stay, and go out again, for it may have lost
    them, too; one that it still has it knows.
    """

    def keep(session: Session) -> bool:
        begin_anew = news.head < since
        if begin_anew:
            session.exec(delete(DrillRow))
            session.exec(
                update(DrillAnswerRow)
                .where(col(DrillAnswerRow.standing) == AnswerStanding.TAKEN.value)
                .values(standing=AnswerStanding.WAITING.value)
            )
        is_full = {
            True: _count_rows(session, DrillRow.participant == context.participant) >= MOST_OWN,
            False: _count_rows(session) >= MOST_DRILLS,
        }
        for notice in () if begin_anew else news.drills:
            drill = notice.to_drill()
            question = drill.question
            is_ours = question.participant == context.participant
            if is_full[is_ours] and not _is_known(session, drill):
                continue
            session.merge(
                DrillRow(
                    drill_id=question.drill_id,
                    participant=question.participant,
                    authority=question.authority,
                    phase=question.phase.value,
                    notice=notice.model_dump_json(),
                    is_open=drill.is_open,
                )
            )
            session.flush()
            _forget_older(context, session, drill)
        session.merge(
            DrillCursorRow(
                cursor_id=_CURSOR,
                revision=0 if begin_anew else news.revision,
                mark="" if begin_anew else news.mark,
                asked_at=context.clock(),
            )
        )
        return begin_anew or news.has_more

    asks_again = context.transact(keep)
    if news.drills:
        context.signals.inbox.notify()
    if news.head < since:
        context.signals.drills.notify()
    return asks_again


def _count_rows(session: Session, *wanted: bool) -> int:
    return session.exec(select(func.count()).select_from(DrillRow).where(*wanted)).one()


def _is_known(session: Session, drill: Drill) -> bool:
    authority, phase = drill.desk_phase
    return _count_rows(session, DrillRow.authority == authority, DrillRow.phase == phase.value) > 0


def _forget_older(context: NodeContext, session: Session, drill: Drill) -> None:
    """Keep of a desk and phase the last open question, the last result, and the last closed one.

    However much a hub says, what is kept of it is bounded by the desks that it names.
    """
    authority, phase = drill.desk_phase
    rows = session.exec(
        select(DrillRow).where(DrillRow.authority == authority, DrillRow.phase == phase.value)
    ).all()
    drills = [_read(context, row) for row in rows]
    closed = [each for each in drills if not each.is_open]
    kept = {each.drill_id for each in find_last_results(closed).values()}
    for group in (closed, [each for each in drills if each.is_open]):
        if group:
            kept.add(max(group, key=lambda each: each.question.asked_at).drill_id)
    for row in rows:
        if row.drill_id not in kept:
            session.delete(row)
            answer = session.get(DrillAnswerRow, row.drill_id)
            if answer is not None and answer.standing != AnswerStanding.WAITING:
                session.delete(answer)


def _read(context: NodeContext, row: DrillRow) -> Drill:
    return parse_notice(row.notice).to_drill().at(context.clock())


def _read_answer(row: DrillAnswerRow | None) -> GivenAnswer | None:
    return None if row is None else _read_given(row)


def _read_given(row: DrillAnswerRow) -> GivenAnswer:
    return GivenAnswer(
        outcome=DrillOutcome(row.outcome),
        answered_by=AnsweredBy(row.answered_by),
        answered_at=row.answered_at,
        actor=row.actor,
        standing=AnswerStanding(row.standing),
        refusal=row.refusal,
    )
