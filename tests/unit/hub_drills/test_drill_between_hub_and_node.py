"""A drill from the hub's desk to a node and back, over real HTTP."""

from collections.abc import Callable
from pathlib import Path

import httpx
from fastapi import FastAPI

from contact_registry.drills.answering import is_confirmed_by_node
from contact_registry.drills.states import DrillState
from hub.drills.desk import DrillDesk
from hub.drills.router import create_drill_router
from node.adapters.drill_host import DrillHost
from node.service import drills
from node.service.drills import AnswerStanding
from node.workers.drills import DrillRounds
from protocol.drill_answer import AnsweredBy, DrillOutcome
from protocol.identifiers import AuthorityId, Phase
from tests.support.console_face import NOON
from tests.support.hub_console import build_hub
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    make_context,
    make_keystore,
)
from tests.support.registry import AL, RegistryWorld, Timepiece, serve

DESK = AuthorityId("AL-desk")


async def test_a_drill_goes_to_the_node_and_its_signed_answer_comes_back(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """Asked at the hub, answered at the node, closed at the hub, and known there as closed."""
    store = make_keystore("AL", at=NOON)
    world = RegistryWorld(tmp_path / "registry", clock=Timepiece(NOON))
    world.message_keys[AL] = store.signing_key
    world.publish_all()
    hub = build_hub(tmp_path, world=world)
    desk = DrillDesk(hub.context)
    asked = desk.ask(DESK, Phase.IDENTIFICATION, actor="operator")
    app = FastAPI()
    app.include_router(create_drill_router(desk))
    directory = FixedDirectory(hub.context.registry.current())
    node = make_context(store, directory, database_url=node_url_of("AL"), clock=FakeClock(NOON))
    with serve(app) as address, httpx.Client() as http:
        rounds = DrillRounds(node, DrillHost(address, http), interval=0.0)
        await rounds.run_round()
        (own,) = drills.list_own(node)
        assert own.drill.question == asked.question
        drills.handle_answer(
            node,
            asked.drill_id,
            outcome=DrillOutcome.REACHED,
            answered_by=AnsweredBy.DESK,
            actor="person",
        )
        await rounds.run_round()
    answered = desk.load(asked.drill_id)
    assert answered.state is DrillState.ANSWERED
    assert is_confirmed_by_node(answered, directory.directory)
    (own,) = drills.list_own(node)
    assert own.answer is not None
    assert (own.drill.state, own.answer.standing) == (DrillState.ANSWERED, AnswerStanding.TAKEN)
    (last,) = drills.list_last_drills(node, DESK)
    assert is_confirmed_by_node(last, directory.directory)
    node.database.close()
    hub.close()
