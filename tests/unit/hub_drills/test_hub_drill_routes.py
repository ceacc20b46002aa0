"""The hub's routes for nodes: who may ask, who may answer, and how refusals look."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI

from contact_registry.drills.models import Drill
from contact_registry.drills.news import parse_news
from contact_registry.drills.states import DrillState
from hub.drills.desk import DrillDesk
from hub.drills.router import create_drill_router
from protocol.drill_answer import DrillQuestion
from protocol.hub_request import HubRequest, Purpose
from protocol.identifiers import AuthorityId, Phase
from protocol.signing import SigningKey
from tests.support.drills import OTHER_KEY, sign_answer
from tests.support.hub_console import Hub
from tests.support.registry import AL, RegistryWorld

NEWS, ANSWERS = "/registry/drills/news", "/registry/drills/answers"


@pytest.fixture
async def http(desk: DrillDesk) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to the routes as a node does."""
    app = FastAPI()
    app.include_router(create_drill_router(desk))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as opened:
        yield opened


def ask(key: SigningKey, hub: Hub, *, later: timedelta = timedelta(0)) -> bytes:
    """Sign a request for the drills as AL's node."""
    at = hub.clock() + later
    return HubRequest.sign(Purpose.DRILLS, participant=AL, at=at, key=key).encode()


async def test_a_node_gets_its_questions_and_answers_them(
    http: httpx.AsyncClient, hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """Asked, answered, told: over HTTP, with the node's signature as the only permission."""
    drill = desk.ask(AuthorityId("AL-desk"), Phase.IDENTIFICATION, actor="op")
    key = drill_world.message_keys[AL]
    got = await http.post(NEWS, content=ask(key, hub))
    assert got.headers["cache-control"] == "no-store"
    news = parse_news(got.content)
    assert [notice.to_drill() for notice in news.drills] == [drill_without_asker(drill)]
    assert base64.b64decode(news.drills[0].question) == drill.question.encode()
    answer = sign_answer(drill.question, at=hub.clock(), key=key)
    for _ in range(2):  # a node that did not hear us sends it again
        taken = await http.post(ANSWERS, content=answer)
        assert taken.json() == {"drill": drill.drill_id, "state": "answered"}
    got = await http.post(NEWS, params={"since": news.revision}, content=ask(key, hub))
    (told,) = parse_news(got.content).drills
    assert (told.state, told.signed) == (DrillState.ANSWERED, base64.b64encode(answer).decode())


async def test_whoever_is_no_node_gets_nothing(
    http: httpx.AsyncClient, hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """A stranger's key, an old request, a changed one and garbage are refused as problems."""
    drill = desk.ask(AuthorityId("AL-desk"), Phase.IDENTIFICATION, actor="op")
    key = drill_world.message_keys[AL]
    good = ask(key, hub)
    answer = sign_answer(drill.question, at=hub.clock(), key=key)
    unknown = replace(drill.question, drill_id="f" * 32)
    other = replace(drill.question, phase=Phase.RETURN)

    def sign(question: DrillQuestion) -> bytes:
        return sign_answer(question, at=hub.clock(), key=key)

    for path, body, status, code in (
        (ANSWERS, sign(unknown), HTTPStatus.NOT_FOUND, "unknown_drill"),
        (ANSWERS, sign(other), HTTPStatus.CONFLICT, "other_drill"),
        (NEWS, ask(OTHER_KEY, hub), HTTPStatus.FORBIDDEN, "unknown_signer"),
        (NEWS, ask(key, hub, later=timedelta(minutes=-6)), 422, "wrong_moment"),
        (NEWS, good[:-1] + bytes([good[-1] ^ 1]), HTTPStatus.FORBIDDEN, "forged"),
        (NEWS, b"", HTTPStatus.BAD_REQUEST, "malformed"),
        (NEWS, bytes(1000), HTTPStatus.BAD_REQUEST, "malformed"),
        (ANSWERS, b"x", HTTPStatus.BAD_REQUEST, "malformed"),
        (ANSWERS, bytes(600), HTTPStatus.BAD_REQUEST, "malformed"),
        (ANSWERS, answer[:-1] + bytes([answer[-1] ^ 1]), HTTPStatus.FORBIDDEN, "forged"),
    ):
        refused = await http.post(path, content=body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert refused.headers["content-type"] == "application/problem+json"
    desk.withdraw(drill.drill_id, because="Mistake", seen=1, actor="op")
    late = await http.post(ANSWERS, content=answer)
    assert (late.status_code, late.json()["code"]) == (HTTPStatus.CONFLICT, "closed")


def drill_without_asker(drill: Drill) -> Drill:
    """Return the drill as nodes see it: who asked at the hub stays there."""
    return replace(drill, asked_by=None)
