"""The JSON interface: who may use it, what it refuses, and what a repetition does."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from node.api.app import create_api
from node.service.tokens import TokenError, find_caller
from tests.support.node import Network, make_draft
from tests.support.people import token_of


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


async def no_refresh() -> None:
    """Do nothing."""


@pytest.fixture
async def api(network: Network) -> AsyncIterator[httpx.AsyncClient]:
    """AL's interface, with a valid token."""
    token = token_of(network.node("AL"), "test")
    app = create_api(network.node("AL"), refresh_registry=no_refresh)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://node",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


def draft() -> dict[str, Any]:
    """Return a draft as a program sends it."""
    return make_draft().model_dump(mode="json", exclude_none=True)


ROUTES = [
    ("POST", "/messages"),
    ("GET", "/messages"),
    ("GET", f"/messages/{'0' * 32}"),
    ("GET", f"/messages/{'0' * 32}/evidence"),
    ("POST", f"/messages/{'0' * 32}/open"),
    ("POST", f"/messages/{'0' * 32}/cancel"),
    ("POST", f"/messages/{'0' * 32}/decision"),
    ("POST", "/files"),
    ("GET", "/files"),
    ("GET", "/files/x"),
    ("PATCH", "/files/x"),
    ("DELETE", "/files/x"),
    ("GET", f"/messages/{'0' * 32}/files"),
    ("GET", "/received-files/x"),
    ("GET", "/cases"),
    ("POST", "/cases"),
    ("GET", "/cases/x"),
    ("GET", "/cases/x/timeline"),
    ("GET", "/cases/x/conversations"),
    ("GET", f"/messages/{'0' * 32}/conversation"),
    ("GET", "/cases/x/notes"),
    ("POST", "/cases/x/notes"),
    ("PUT", "/cases/x/notes/n"),
    ("DELETE", "/cases/x/notes/n"),
    ("POST", "/cases/x/links"),
    ("DELETE", "/cases/x/links/y"),
    ("PUT", "/cases/x/manager"),
    ("PUT", "/cases/x/person"),
    ("PUT", "/cases/x/guardian"),
    ("POST", "/cases/x/close"),
    ("POST", "/cases/x/reopen"),
    ("GET", "/cases/x/confidential"),
    ("PUT", "/cases/x/confidential"),
    ("GET", "/directory/desk"),
    ("POST", "/registry/refresh"),
    ("GET", "/drills"),
    ("POST", "/drills/x/answer"),
    ("GET", "/me"),
    ("GET", "/people"),
    ("POST", "/people"),
    ("GET", "/people/x"),
    ("PUT", "/people/x"),
    ("POST", "/people/x/deactivate"),
    ("POST", "/people/x/reactivate"),
    ("POST", "/people/x/sign-in-link"),
    ("GET", "/people/x/devices"),
    ("DELETE", "/people/x/devices"),
    ("DELETE", "/people/x/devices/d"),
    ("GET", "/tokens"),
    ("POST", "/tokens"),
    ("POST", "/tokens/x/revoke"),
    ("GET", "/waiting-access"),
    ("POST", "/waiting-access/x/confirm"),
    ("POST", "/waiting-access/x/refuse"),
    ("GET", "/audit"),
    ("GET", "/audit/head"),
    ("GET", "/audit/export"),
    ("POST", "/audit/verify"),
    ("POST", "/drafts/check"),
    ("GET", "/approvals"),
    ("POST", "/approvals"),
    ("GET", "/approvals/x"),
    ("POST", "/approvals/x/approve"),
    ("POST", "/approvals/x/refuse"),
    ("POST", "/approvals/x/take-back"),
    ("GET", "/cases/x/consents"),
    ("POST", "/cases/x/consents"),
    ("GET", "/cases/x/consents/y/document"),
    ("POST", "/cases/x/consents/y/document"),
    ("GET", "/cases/x/exceptions"),
    ("POST", "/cases/x/exceptions"),
    ("GET", "/cases/x/circumstances"),
    ("PUT", "/cases/x/circumstances"),
    ("GET", "/shelters"),
    ("POST", "/shelters"),
    ("GET", f"/messages/{'0' * 32}/onward-answers"),
    ("POST", f"/messages/{'0' * 32}/onward-answers"),
    ("GET", "/sent-troubles"),
    ("GET", f"/messages/{'0' * 32}/bundle"),
    ("GET", "/cases/x/bundle"),
    ("GET", "/cases/x/withdrawals"),
    ("POST", "/cases/x/withdrawals"),
    ("GET", "/cases/x/withdrawals/y"),
    ("POST", "/cases/x/withdrawals/y/tell-now"),
    ("POST", "/cases/x/erasure-requests"),
    ("GET", "/deletions"),
    ("POST", "/deletions/x/confirm"),
    ("POST", f"/messages/{'0' * 32}/erase"),
    ("POST", "/cases/x/erase"),
    ("GET", "/cases/x/return"),
    ("PUT", "/cases/x/return"),
    ("GET", "/approvals/x/files/x"),
    ("GET", "/recipients-to-tell"),
    ("POST", "/recipients-to-tell/x/settle"),
    ("GET", "/returns/unannounced"),
    ("POST", "/returns/unannounced/x/settle"),
    ("POST", "/search"),
    ("GET", "/drafts"),
    ("POST", "/drafts"),
    ("GET", "/drafts/x"),
    ("PUT", "/drafts/x"),
    ("DELETE", "/drafts/x"),
    ("POST", "/drafts/x/send"),
    ("POST", f"/messages/{'0' * 32}/answer"),
    ("GET", "/webhooks"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks/x"),
    ("PUT", "/webhooks/x"),
    ("DELETE", "/webhooks/x"),
    ("POST", "/webhooks/x/rotate-secret"),
    ("POST", "/webhooks/x/test"),
    ("POST", "/webhooks/x/replay"),
    ("GET", "/items"),
    ("GET", "/items/x"),
    ("GET", "/items/x/colleagues"),
    ("POST", "/items/x/claim"),
    ("POST", "/items/x/release"),
    ("POST", "/items/x/hand-over"),
    ("POST", "/items/x/move"),
    ("POST", "/items/x/settle"),
    ("GET", "/notices"),
    ("GET", "/duty/desks"),
    ("GET", "/duty/desks/x"),
    ("PUT", "/duty/desks/x"),
    ("GET", "/duty/desks/x/now"),
    ("GET", "/duty/calendar"),
    ("GET", "/duty/addresses"),
    ("GET", "/duty/addresses/x"),
    ("PUT", "/duty/addresses/x"),
    ("DELETE", "/duty/addresses/x"),
    ("GET", "/delivery/dead-letters"),
    ("GET", "/delivery/dead-letters/x"),
    ("POST", "/delivery/dead-letters/x/retry"),
    ("POST", "/delivery/dead-letters/x/settle"),
    ("GET", "/delivery"),
    ("GET", "/delivery/messages"),
    ("GET", "/delivery/quarantine"),
    ("GET", "/delivery/room"),
    ("GET", "/delivery/links"),
    ("GET", "/delivery/links/XK"),
    ("POST", "/delivery/links/XK/try-now"),
    ("GET", "/delivery/files"),
    ("POST", "/delivery/files/x/scan-again"),
    ("GET", "/backups"),
    ("POST", "/backups"),
    ("POST", "/backups/x/test"),
    ("GET", "/unasked-access"),
    ("POST", "/unasked-access/told"),
]


async def test_every_route_is_listed_here(network: Network) -> None:
    """A route that is added without standing in the table above is noticed."""
    app = create_api(network.node("AL"), refresh_registry=no_refresh)
    described = app.openapi()["paths"]
    found = {(method.upper(), path) for path, methods in described.items() for method in methods}
    listed = {(method, template_of(path, method, found)) for method, path in ROUTES}
    assert found == listed


def template_of(path: str, method: str, described: set[tuple[str, str]]) -> str:
    """Return the described path that an example stands for: with the fewest parts left open."""
    fitting = [
        template
        for name, template in described
        if name == method and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", template), path)
    ]
    return min(fitting, key=lambda template: template.count("{"), default=path)


async def test_no_route_without_a_token(api: httpx.AsyncClient) -> None:
    """No token, a wrong one, another scheme: refused on every route, before a body is read."""
    api.headers.pop("Authorization")
    headers = {"Content-Type": "application/json"}
    for method, path in ROUTES:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dTpw"}):
            answer = await api.request(method, path, headers=headers | given, content=b"{broken")
            assert answer.status_code == 401, (method, path, given)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["type"] == "urn:trm:problem:no-valid-token"


async def test_tokens_end(network: Network) -> None:
    """A token is known until its end, and cannot be made endless or with a strange label."""
    al = network.node("AL")
    token = token_of(al, "case-system", days=1 / 24)
    caller = find_caller(al, token)
    assert caller is not None
    assert caller.actor == "api:case-system"
    network.clock.advance(hours=1)
    assert find_caller(al, token) is None
    with pytest.raises(TokenError):
        token_of(al, "x", days=9999)
    with pytest.raises(TokenError):
        token_of(al, "a b")


async def test_send_and_ask(api: httpx.AsyncClient, network: Network) -> None:
    """A message sent by a program can be asked for, in lists, by itself, and in its case."""
    sent = await api.post("/messages", json=draft(), headers={"Idempotency-Key": "key-0001"})
    assert sent.status_code == 201
    again = await api.post("/messages", json=draft(), headers={"Idempotency-Key": "key-0001"})
    assert again.json() == sent.json()
    network.settle()
    message_id = sent.json()["message_id"]
    listed = (await api.get("/messages", params={"direction": "out"})).json()["items"]
    assert [item["message_id"] for item in listed] == [message_id]
    view = (await api.get(f"/messages/{message_id}")).json()
    assert view["item"]["dispatch"] == "delivered"
    assert view["message"]["body"]["sex"] == "female"
    assert [proof["status"] for proof in view["proofs"]] == ["delivered"]
    case = (await api.get(f"/cases/{sent.json()['case_id']}")).json()
    assert case["case"] == sent.json()["case"]
    evidence = (await api.get(f"/messages/{message_id}/evidence")).json()
    assert len(evidence["signed_receipts"]) == 1
    desk = await api.get("/directory/desk", params={"participant": "XK", "phase": "return"})
    assert desk.json()["authority"] == "XK-anti-trafficking-desk"
    assert desk.json()["turn_to"] == "desk"
    assert desk.json()["telephones"] == ["+35544541821"]
    assert desk.json()["duty"]["state"] in {"on", "unknown"}


async def test_a_desk_of_another_moment(api: httpx.AsyncClient, network: Network) -> None:
    """A moment to come is answered from today's directory, a past one only from what was kept."""
    question = {"participant": "XK", "phase": "return"}
    later = network.clock() + timedelta(days=2)
    answer = await api.get("/directory/desk", params=question | {"at": later.isoformat()})
    assert answer.json()["at"] == later.isoformat().replace("+00:00", "Z")
    for moment, words in (
        ("2020-01-01T00:00:00Z", "keeps nothing"),
        ("2020-01-01T00:00:00", "zone"),
        ("0001-01-01T00:00:00+14:00", "year"),
        ("9999-12-31T23:59:59-12:00", "year"),
    ):
        answer = await api.get("/directory/desk", params=question | {"at": moment})
        assert answer.status_code == 422
        assert words in answer.json()["detail"]


async def test_a_gap_is_an_answer(api: httpx.AsyncClient) -> None:
    """Where there is no desk, a program is told why by a code, and who could not be reached."""
    question = {"participant": "XK", "phase": "return", "channel": "trend", "place": "Prizren"}
    answer = await api.get("/directory/desk", params=question)
    assert answer.status_code == 404
    assert answer.json()["reason_code"] == "nobody_competent"
    assert answer.json()["candidates"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/messages/{'0' * 32}", None, 404),
        ("GET", "/cases/none", None, 404),
        ("GET", "/directory/desk?participant=??&phase=return", None, 422),
        ("GET", "/directory/desk?participant=ZZ&phase=return", None, 404),
        ("GET", "/directory/desk?participant=XK&phase=holiday", None, 422),
        ("GET", "/messages?limit=100000", None, 422),
        ("POST", "/messages", {"type": "x"}, 422),
        ("POST", f"/messages/{'0' * 32}/decision", {"outcome": "accepted"}, 404),
    ],
)
async def test_refusals_are_problem_details(
    api: httpx.AsyncClient, method: str, path: str, body: Any, status: int
) -> None:
    """What cannot be done is answered as RFC 9457 says, with what to do."""
    answer = await api.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]


async def test_refusals_do_not_repeat_what_was_sent(api: httpx.AsyncClient) -> None:
    """A wrong value is named by its place, never quoted."""
    wrong = draft() | {"urgency": "SECRET-WORDS"}
    answer = await api.post("/messages", json=wrong)
    assert answer.status_code == 422
    assert "SECRET-WORDS" not in answer.text
    assert "urgency" in answer.text
    inside = draft()
    inside["body"]["needs_note"] = "SECRET-WORDS \x07"
    answer = await api.post("/messages", json=inside)
    assert answer.status_code == 422
    assert "SECRET-WORDS" not in answer.text
    assert "needs_note" in answer.text


async def test_an_unexpected_failure_says_nothing_of_the_inside(
    api: httpx.AsyncClient, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is a 500 with advice, without text of the error."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SECRET-WORDS")

    monkeypatch.setattr("node.service.reading.list_items", fail)
    answer = await api.get("/messages")
    assert answer.status_code == 500
    assert "SECRET-WORDS" not in answer.text
