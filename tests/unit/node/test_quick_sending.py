"""The short way of a request: the same answers as the route gives, for less."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlmodel import select
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.security import limit_body
from node.api.app import create_api
from node.api.quick_sending import QuickSending
from node.service.send_desk import SendDesk
from node.service.tokens import handle_revoke_tokens
from node.store.tables import MessageRow
from tests.support.node import Network, make_draft
from tests.support.people import LOCAL, token_of

_LIMIT = 50_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


async def no_refresh() -> None:
    """Do nothing."""


@dataclass
class Counted:
    """Counts the requests that the routes get, and limits bodies as a console does."""

    app: ASGIApp
    count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        self.count += 1
        await self.app(scope, receive, send)


@dataclass
class Doors:
    """AL's interface twice: by the routes, and with the short way in front of them."""

    plain: httpx.AsyncClient
    quick: httpx.AsyncClient
    routes: Counted

    async def ask(self, **what: Any) -> tuple[httpx.Response, httpx.Response]:
        """Post the same to both."""
        return (
            await self.plain.post("/messages", **what),
            await self.quick.post("/messages", **what),
        )


def limited(app: ASGIApp) -> ASGIApp:
    """Put the limit of bodies in front."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, limit_body(receive, _LIMIT), send)

    return serve


@pytest.fixture
async def doors(network: Network) -> AsyncIterator[Doors]:
    """Both ways, with a token that the desk has seen."""
    al = network.node("AL")
    desk, token = SendDesk(al), token_of(al, "test")
    api = create_api(al, refresh_registry=no_refresh, desk=desk)
    routes = Counted(api)
    quick = limited(QuickSending(routes, desk=desk, path="/messages"))
    desk.get_to_know(token)

    def open_client(app: ASGIApp) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://node",
            headers={"Authorization": f"Bearer {token}"},
        )

    async with open_client(limited(api)) as plain, open_client(quick) as short:
        yield Doors(plain, short, routes)


def draft(**changes: Any) -> dict[str, Any]:
    """Return a draft as a program sends it."""
    return make_draft(**changes).model_dump(mode="json", exclude_none=True)


async def test_what_is_in_order_never_reaches_the_routes(network: Network, doors: Doors) -> None:
    """Both ways queue the message and say so in the same shape; one of them without the routes."""
    by_route, by_short_way = await doors.ask(json=draft())
    assert (by_route.status_code, by_short_way.status_code) == (201, 201)
    assert by_route.json().keys() == by_short_way.json().keys()
    assert by_route.headers.keys() == by_short_way.headers.keys()
    assert doors.routes.count == 0
    with network.node("AL").database.reading() as session:
        stored = session.exec(select(MessageRow.message_id)).all()
    assert sorted(stored) == sorted(
        answer.json()["message_id"] for answer in (by_route, by_short_way)
    )


async def test_a_repetition_is_known_whichever_way_it_comes(doors: Doors) -> None:
    """The same key is one message, also where the repetition takes the other way."""
    answers = await doors.ask(json=draft(), headers={"Idempotency-Key": "one-and-the-same"})
    assert answers[0].json() == answers[1].json()
    other = await doors.quick.post(
        "/messages", json=draft(language="fr"), headers={"Idempotency-Key": "one-and-the-same"}
    )
    assert other.status_code == 422


async def test_headers_that_stand_there_twice_are_the_routes_to_read(doors: Doors) -> None:
    """Two keys, two kinds of content, two tokens: the short way guesses nothing."""
    twice = ("Idempotency-Key", "Content-Type", "Authorization")
    for number, name in enumerate(twice, start=1):
        given = [(name, "first-of-two"), (name, "second-of-two"), *JSON.items()]
        by_route, by_short_way = await doors.ask(content=json.dumps(draft()), headers=given)
        assert by_short_way.status_code == by_route.status_code, name
        assert doors.routes.count == number


_NOT_IN_ORDER: list[dict[str, Any]] = [
    {"json": draft(recipient="ZZ")},
    {"json": draft(case="TRM-2222-2222-2222-2222")},
    {"json": draft() | {"unheard_of": 1}},
    {"json": draft() | {"body": {"age_group": "unheard of"}}},
    {"json": []},
    {"content": b"{", "headers": JSON},
    {"content": b"\xff", "headers": JSON},
    {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
    {"json": draft(), "headers": {"Idempotency-Key": "short"}},
    {"json": draft(), "headers": {"Idempotency-Key": ""}},
    {"content": json.dumps(draft()).encode() + b"{}", "headers": JSON},
    {"content": b'{"body": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "headers": JSON},
    {"json": draft(), "headers": {"Authorization": "Bearer nobody's"}},
    {"json": draft(), "headers": {"Authorization": "Basic bm9ib2R5"}},
    {"content": b" " * (_LIMIT + 1), "headers": JSON},
]


async def test_what_is_refused_is_refused_in_the_same_words(doors: Doors) -> None:
    """Drafts, bodies, keys, tokens: whatever is wrong, the route says it, and is asked once."""
    for number, request in enumerate(_NOT_IN_ORDER, start=1):
        by_route, by_short_way = await doors.ask(**request)
        assert by_route.status_code >= 400, request
        assert by_short_way.status_code == by_route.status_code, request
        assert by_short_way.json() == by_route.json(), request
        assert doors.routes.count == number


async def test_a_token_that_was_taken_back_opens_neither(network: Network, doors: Doors) -> None:
    """Revoked between two messages: the next one is refused, though the desk knew the token."""
    assert (await doors.quick.post("/messages", json=draft())).status_code == 201
    handle_revoke_tokens(network.node("AL"), label="test", who=LOCAL)
    answer = await doors.quick.post("/messages", json=draft())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_nobodys_body_is_read_before_their_token(network: Network) -> None:
    """A token that the desk does not know: the request goes on with its body untouched."""
    heard: list[str] = []

    async def routes(_scope: Scope, _receive: Receive, _send: Send) -> None:
        heard.append("routes")

    async def receive() -> Message:
        heard.append("body")
        raise HTTPException(413)

    async def send(_message: Message) -> None:
        heard.append("answer")

    layer = QuickSending(routes, desk=SendDesk(network.node("AL")), path="/messages")
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/messages",
        "headers": [(b"authorization", b"Bearer unknown")],
    }
    await layer(scope, receive, send)
    assert heard == ["routes"]
