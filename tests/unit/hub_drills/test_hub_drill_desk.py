"""Drills at the hub: asking, answers, the schedule, and what nodes are told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill
from contact_registry.drills.states import DrillState
from contact_registry.freshness import Mark
from hub.audit.log import AuditFilter
from hub.context import NotFoundError
from hub.drills.desk import PROGRAM, DrillDesk
from hub.drills.scoring import current_scores
from protocol.drill_answer import AnsweredBy, DrillOutcome, DrillStatement
from protocol.identifiers import AuthorityId, Phase
from tests.support.drills import sign_answer
from tests.support.hub_console import Hub
from tests.support.registry import AL, MK, RegistryWorld

AL_DESK = AuthorityId("AL-desk")
MK_DESK = AuthorityId("MK-desk")
LATE = timedelta(days=3)


def refuse(act: Callable[[], object]) -> DrillRefusal:
    """Return why the hub refuses something."""
    with pytest.raises(DrillRefusedError) as refused:
        act()
    assert str(refused.value)
    return refused.value.code


def answer(drill: Drill, world: RegistryWorld, hub: Hub, **changes: Any) -> bytes:
    """Sign as the node of AL does."""
    fields: dict[str, Any] = {"at": hub.clock(), "key": world.message_keys[AL]}
    return sign_answer(drill.question, **(fields | changes))


def test_a_drill_is_asked_answered_and_written_down(
    hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """The answer of the node closes the drill, once; the log names the operator and the node."""
    drill = desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="operator-1")
    assert refuse(lambda: desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="op")) is (
        DrillRefusal.ALREADY_ASKED
    )
    data = answer(drill, drill_world, hub)
    answered = desk.take_answer(data)
    assert (answered.state, desk.take_answer(data)) == (DrillState.ANSWERED, answered)
    assert desk.load(drill.drill_id) == answered
    other = answer(drill, drill_world, hub, outcome=DrillOutcome.NOT_REACHED)
    assert refuse(lambda: desk.take_answer(other)) is DrillRefusal.CLOSED
    entries = hub.context.audit.list_entries(AuditFilter(subject=drill.drill_id))
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("participant:AL", "drill_answered"),
        ("operator-1", "drill_asked"),
    ]
    hub.context.audit.verify()


def test_only_the_nodes_own_answer_to_an_open_question_is_taken(
    hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """Another node's key, an answer to an earlier drill and a made-up drill are refused."""
    first = desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="op")
    replayed = answer(first, drill_world, hub)
    desk.withdraw(first.drill_id, because="Mistake", seen=1, actor="op")
    second = desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="op")
    assert refuse(lambda: desk.take_answer(replayed)) is DrillRefusal.CLOSED
    stranger = answer(second, drill_world, hub, key=drill_world.message_keys[MK])
    assert refuse(lambda: desk.take_answer(stranger)) is DrillRefusal.UNKNOWN_SIGNER
    hub.clock.now -= timedelta(days=1)
    made_up = answer(Drill(second.question), drill_world, hub)
    assert refuse(lambda: desk.take_answer(made_up)) is DrillRefusal.WRONG_MOMENT
    elsewhere = desk.load(second.drill_id)
    assert elsewhere.state is DrillState.ASKED
    with pytest.raises(NotFoundError):
        desk.load("0" * 32)


def test_the_telephone_is_for_participants_without_a_node(hub: Hub, desk: DrillDesk) -> None:
    """An operator writes down what MK said; for AL, which has a node, that is refused."""
    heard = DrillStatement(DrillOutcome.ENTRY_WRONG, AnsweredBy.RESERVE, hub.clock())
    with_node = desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="op")
    without = desk.ask(MK_DESK, Phase.IDENTIFICATION, actor="op")

    def record(drill: Drill, seen: int = 1) -> Drill:
        return desk.record_telephone(drill.drill_id, heard, seen=seen, actor="op")

    assert refuse(lambda: record(with_node)) is DrillRefusal.HAS_NODE
    assert refuse(lambda: record(without, seen=2)) is DrillRefusal.CHANGED_MEANWHILE
    recorded = record(without)
    assert recorded.result is not None
    assert (recorded.state, recorded.result.recorded_by) == (DrillState.ANSWERED, "op")
    assert refuse(lambda: record(without)) is DrillRefusal.CHANGED_MEANWHILE


def test_the_schedule_asks_gives_up_and_asks_again(hub: Hub, desk: DrillDesk) -> None:
    """Both desks are asked once; after a week without an answer they are asked anew."""
    assert desk.ask_due() == 2
    assert desk.ask_due() == 0
    assert {drill.asked_by for drill in desk.list_current()} == {None}
    hub.clock.now += LATE
    assert desk.count_overdue() == 2
    assert {drill.state for drill in desk.list_current()} == {DrillState.OVERDUE}
    assert desk.ask_due() == 0
    hub.clock.now += timedelta(days=4)  # a Tuesday again
    assert desk.ask_due() == 2
    states = [drill.state for drill in desk.list_of_desk(AL_DESK, Phase.IDENTIFICATION)]
    assert states == [DrillState.ASKED, DrillState.UNANSWERED]
    given_up = hub.context.audit.list_entries(AuditFilter(action="drill_given_up"))
    assert {entry.actor for entry in given_up} == {PROGRAM}
    scores = current_scores(hub.context)
    assert scores[AL].scores[Mark.DRILLS].points == 0


def test_a_desk_that_is_not_listed_is_neither_asked_nor_left_open(
    hub: Hub, desk: DrillDesk
) -> None:
    """Nobody is asked about a phase that is not listed; what is open about one is closed."""
    for authority, phase in ((AL_DESK, Phase.RETURN), (AuthorityId("AL-x"), Phase.IDENTIFICATION)):
        assert refuse(lambda a=authority, p=phase: desk.ask(a, p, actor="op")) is (  # type: ignore[misc]  # bound for the loop
            DrillRefusal.NOT_LISTED
        )
    desk.ask_due()
    hub.clock.now -= timedelta(days=365 * 10)  # before any desk was valid
    assert desk.ask_due() == 0
    assert desk.list_current() == ()


def test_nodes_are_told_what_changed_and_begin_anew_after_a_restore(
    hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """Each change has a later revision; nothing is told twice, and results come whole."""
    drill = desk.ask(AL_DESK, Phase.IDENTIFICATION, actor="op")
    first = desk.tell_news(0)
    assert [notice.to_drill().question for notice in first.drills] == [drill.question]
    assert desk.tell_news(first.revision).drills == ()
    desk.take_answer(answer(drill, drill_world, hub))
    second = desk.tell_news(first.revision)
    (told,) = (notice.to_drill() for notice in second.drills)
    assert told.result is not None
    assert (told.state, told.result.signed) == (
        DrillState.ANSWERED,
        answer(drill, drill_world, hub),
    )
    assert second.head > first.head
    assert not second.has_more
    assert desk.tell_news(10_000).revision == second.head
    assert desk.tell_news(first.revision, first.mark) == second
    assert first.mark != second.mark
    restored = desk.tell_news(first.revision, second.mark)  # another history up to this revision
    assert (restored.revision, restored.head, restored.drills) == (0, 0, ())
