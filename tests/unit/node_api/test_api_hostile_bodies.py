"""Bodies that nobody can keep: refused, with nothing done, on either database."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from console.security import limit_body
from node.api.app import create_api
from tests.support.api import api_of, no_refresh
from tests.support.node import Network, make_draft
from tests.support.people import token_of

_LIMIT = 50_000


async def test_a_value_that_the_store_cannot_hold_is_the_callers_to_mend(
    network_on_both: Network,
) -> None:
    """NUL where a name is looked up: a refusal on both databases, and the next one is served."""
    draft = make_draft().model_dump(mode="json", exclude_none=True)
    async with api_of(network_on_both.node("AL")) as api:
        for wrong in ({"files": ["a\x00"]}, {"passes_on": "a\x00"}, {"case": "TRM-\x00"}):
            answer = await api.post("/messages", json=draft | wrong)
            assert answer.status_code in {404, 422}, wrong
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await api.post("/messages", json=draft)).status_code == 201


@pytest.mark.parametrize(
    "content", [b"[" * 400 + b"]" * 400, b'"\\ud800"', b'"\\u0000"'], ids=["deep", "half", "nul"]
)
async def test_a_draft_that_could_not_be_given_back_is_not_kept(
    network: Network, content: bytes
) -> None:
    """Nested too deep, half a character, NUL: refused, and the list of drafts still comes."""
    body = b'{"content": {"body": ' + content + b"}}"
    async with api_of(network.node("AL")) as api:
        answer = await api.post(
            "/drafts", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
        assert (await api.get("/drafts")).json() == {"items": [], "next": None}


async def test_too_much_is_refused_alike_with_and_without_a_key(network: Network) -> None:
    """A body that grows past the limit as it comes: 413 in the interface's words, both times."""
    al = network.node("AL")
    api, token = create_api(al, refresh_registry=no_refresh), token_of(al)

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        await api(scope, limit_body(receive, _LIMIT), send)

    async def grow() -> AsyncIterator[bytes]:
        for _ in range(_LIMIT // 1_000 + 1):
            yield b" " * 1_000

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    transport = httpx.ASGITransport(limited, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        plain = await client.post("/drafts", content=grow(), headers=headers)
        keyed = await client.post(
            "/drafts", content=grow(), headers=headers | {"Idempotency-Key": "too-much-1"}
        )
    assert plain.status_code == keyed.status_code == 413
    assert plain.json() == keyed.json()


async def test_a_parameter_that_comes_twice_is_refused_unless_it_is_a_list(
    network: Network,
) -> None:
    """Two cases asked for in one address: neither is guessed; several states are one question."""
    async with api_of(network.node("AL")) as api:
        twice = await api.get("/deletions", params=[("case_id", "a"), ("case_id", "b")])
        assert (twice.status_code, twice.json()["type"]) == (422, "urn:trm:problem:wrong-request")
        several = await api.get("/items", params=[("state", "open"), ("state", "claimed")])
        assert several.status_code == 200
