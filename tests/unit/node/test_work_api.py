"""Items, rosters, calendar and addresses by the interface alone."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from node.adapters.calendars import LibraryCalendar
from node.api.app import create_api
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.tokens import TokenScope
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel, ParticipantCode
from tests.support.duty import add_person
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, token_of

DESK = "XK-anti-trafficking-desk"
Asking = Callable[..., Any]


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


@pytest.fixture
def xk(network: Network) -> NodeContext:
    """Return a node with a calendar, and two people."""
    holidays = LibraryCalendar(ParticipantCode("XK"))
    context = network.nodes["XK"] = replace(network.nodes["XK"], holidays=holidays)
    add_person(context, "ana")
    add_person(context, "ben")
    return context


async def no_refresh() -> None:
    """Do nothing."""


@pytest.fixture
async def ask(xk: NodeContext) -> AsyncIterator[Asking]:
    """Return how to ask as the holder of a token: method, path, token."""
    app = create_api(xk, refresh_registry=no_refresh)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:

        async def send(method: str, path: str, token: str, **more: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
            return await client.request(method, path, headers=headers, **more)

        yield send


async def test_from_a_roster_to_an_item_that_is_done(
    network: Network, xk: NodeContext, ask: Asking
) -> None:
    """A roster is kept, an item listed page by page, claimed, handed over, moved; twins lose."""
    token = token_of(xk, "register")
    keeper = token_of(xk, "keeper", scope=TokenScope.ADMINISTRATION)
    roster = {
        "members": [{"account_id": "ana"}, {"account_id": "ben", "is_reserve": True}],
        "shifts": [
            {"account_id": "ana", "weekdays": ["WE"], "opens_at": "08:00", "closes_at": "24:00"}
        ],
        "exceptions": [],
    }
    assert (await ask("PUT", f"/duty/desks/{DESK}", keeper, json=roster)).status_code == 428
    empty = await ask("GET", f"/duty/desks/{DESK}", token)
    put = await ask(
        "PUT",
        f"/duty/desks/{DESK}",
        keeper,
        json=roster,
        headers={"If-Match": empty.headers["etag"]},
    )
    assert put.status_code == 200, put.text
    assert (put.json()["row_version"], len(put.json()["members"])) == (1, 2)
    late = await ask(
        "PUT",
        f"/duty/desks/{DESK}",
        keeper,
        json=roster,
        headers={"If-Match": empty.headers["etag"]},
    )
    assert late.status_code == 412
    now = (await ask("GET", f"/duty/desks/{DESK}/now", token)).json()
    assert now["on_duty"] == ["ana"]
    assert [each["members"] for each in (await ask("GET", "/duty/desks", token)).json()] == [2]
    for _ in range(3):
        handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    follow_all(xk)
    keep_deadlines(xk)
    page = (await ask("GET", "/items?limit=2", token)).json()
    rest = (await ask("GET", "/items", token, params={"cursor": page["next"]})).json()
    assert len({item["item_id"] for item in page["items"] + rest["items"]}) == 3
    path = f"/items/{page['items'][0]['item_id']}"
    seen = (await ask("GET", path, token)).headers["etag"]
    claimed = await ask("POST", f"{path}/claim", token, headers={"If-Match": seen})
    assert claimed.json()["claimed_by"] == "api:register"
    other = token_of(xk, "other")
    assert (await ask("POST", f"{path}/claim", other)).status_code == 409
    others = (await ask("GET", f"{path}/colleagues", token)).json()
    assert [(each["account_id"], each["name"]) for each in others] == [
        ("ana", "ana"),
        ("ben", "ben"),
    ]
    handed = await ask("POST", f"{path}/hand-over", token, json={"account_id": "ben"})
    left = (await ask("GET", f"{path}/colleagues", token)).json()
    assert [each["account_id"] for each in left] == ["ana"]
    assert handed.json()["claimed_by"] == "ben"
    assert (await ask("POST", f"{path}/settle", token)).status_code == 422
    wrong = await ask("POST", f"{path}/move", token, json={"desk": "AL-anti-trafficking-desk"})
    assert wrong.status_code == 422
    assert "desk of ours" in wrong.json()["detail"]
    moved = await ask("POST", f"{path}/move", token, json={"desk": DESK})
    assert moved.json()["state"] == "open"
    assert (await ask("POST", f"{path}/release", token)).status_code == 409
    history = (await ask("GET", path, token)).json()["history"]
    assert [event["kind"] for event in history] == ["told", "claimed", "handed_over", "moved"]


async def test_each_sees_their_own(network: Network, xk: NodeContext, ask: Asking) -> None:
    """Notices of the one whose token it is; items of the channels; addresses of oneself."""
    handle_send(network.node("AL"), make_draft(), who=STAFF)
    network.settle()
    follow_all(xk)
    keep_deadlines(xk)
    mine = token_of(xk, "mine", scope=TokenScope.PERSON, person="ana")
    police = token_of(xk, "police", channels=frozenset({Channel.POLICE}))
    admin = token_of(xk, "admin", scope=TokenScope.ADMINISTRATION)
    told = (await ask("GET", "/notices", mine)).json()["items"]
    assert [each["item"]["kind"] for each in told] == ["decide"]
    assert (await ask("GET", "/notices", police)).json()["items"] == []
    assert (await ask("GET", "/items", police)).json()["items"] == []
    item = told[0]["item_id"]
    assert (await ask("GET", f"/items/{item}", police)).status_code == 404
    address = {"address": "ana@example.org", "language": "sq"}
    kept = await ask("PUT", "/duty/addresses/ana", mine, json=address)
    assert (kept.status_code, kept.json()["mail_is_set_up"]) == (200, False)
    assert (await ask("PUT", "/duty/addresses/ben", mine, json=address)).status_code == 403
    assert (await ask("GET", "/duty/addresses/ana", police)).status_code == 403
    assert len((await ask("GET", "/duty/addresses", admin)).json()) == 1
    assert (await ask("DELETE", "/duty/addresses/ana", mine)).status_code == 204
    assert (await ask("GET", "/duty/addresses/ana", mine)).status_code == 404
    bad = await ask("PUT", "/duty/addresses/ana", mine, json=address | {"address": "a b@c"})
    assert bad.status_code == 422
    days = (await ask("GET", "/duty/calendar?year=2026", mine)).json()
    assert {"day": "2026-02-17", "name": "Independence Day"}.items() <= days[3].items()
    assert not any(day["in_registry"] for day in days)
