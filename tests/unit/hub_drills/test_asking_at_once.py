"""Two operators ask the same desk at the same moment, and a node answers twice at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from console.storage.database import Database
from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill
from contact_registry.drills.states import DrillState
from hub.drills.desk import DrillDesk
from hub.store.migrating import migrate
from protocol.identifiers import AuthorityId, Phase
from tests.support.drills import sign_answer
from tests.support.hub_console import build_context
from tests.support.registry import AL, RegistryWorld

ASKERS = 4
DESK = AuthorityId("AL-desk")


@pytest.fixture(params=["sqlite", "postgres"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, drill_world: RegistryWorld
) -> Iterator[DrillDesk]:
    """Return drills on each kind of database: locks and constraints are the database's."""
    database = None
    if request.param == "postgres":
        database = Database(request.getfixturevalue("postgres_url"))
        migrate(database)
    context = build_context(
        tmp_path, repository=drill_world.repository, online=drill_world.online, database=database
    )
    yield DrillDesk(context)
    context.database.close()


def do_at_once(act: Callable[[int], Drill]) -> tuple[list[Drill], list[DrillRefusal]]:
    """Let several threads do something at the same moment; returns what each got."""
    barrier = Barrier(ASKERS)

    def run(number: int) -> Drill | DrillRefusal:
        barrier.wait()
        try:
            return act(number)
        except DrillRefusedError as error:
            return error.code

    with ThreadPoolExecutor(ASKERS) as pool:
        results = list(pool.map(run, range(ASKERS)))
    done = [result for result in results if isinstance(result, Drill)]
    return done, [result for result in results if isinstance(result, DrillRefusal)]


def test_one_question_is_asked_and_one_answer_taken(
    desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """Of several askers one asks and the others are told so; the same answer again is the same."""
    asked, refused = do_at_once(
        lambda number: desk.ask(DESK, Phase.IDENTIFICATION, actor=f"operator-{number}")
    )
    assert len(asked) == 1
    assert refused == [DrillRefusal.ALREADY_ASKED] * (ASKERS - 1)
    assert [drill.drill_id for drill in desk.list_current()] == [asked[0].drill_id]
    answer = sign_answer(
        asked[0].question, at=desk.now_in_seconds(), key=drill_world.message_keys[AL]
    )
    answered, refused = do_at_once(lambda _number: desk.take_answer(answer))
    assert refused == []
    assert {drill.state for drill in answered} == {DrillState.ANSWERED}
    assert desk.tell_news(0).head == 2
    desk.context.audit.verify()
