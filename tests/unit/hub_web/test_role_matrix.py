"""Every route of the hub's console, and whom it lets in: a route that is not listed here fails.

A new page adds its routes to :data:`ROUTES`. ``{...}`` in a path is filled from :data:`EXAMPLES`,
which name nothing that exists: who is let in then gets 404 and changes nothing.
"""

import re
from collections.abc import Iterable, Iterator

import pytest
from fastapi.routing import APIRoute

from tests.support.hub_console import Hub, HubReader
from tests.support.page_reader import OWN

READ = {"operator", "admin", "observer"}
EDIT = {"operator"}
ADMIN = {"admin"}
AUDIT = {"admin", "observer"}

ROUTES: dict[str, set[str]] = {
    # the overview, accounts, the log, delivery
    "GET /": READ,
    "GET /founding": READ,
    "GET /kept": READ,
    "POST /kept/send": READ,
    "POST /kept/discard": READ,
    "GET /delivery": ADMIN,
    "GET /network": ADMIN,
    "GET /live/network": ADMIN,
    "GET /network/of/{code}": ADMIN,
    "GET /network/broker": ADMIN,
    "POST /network/alerts/{key}/take": ADMIN,
    "POST /network/alerts/{key}/give-back": ADMIN,
    "GET /admission": {"operator", "admin"},
    "POST /admission/compare": {"operator", "admin"},
    "GET /endings": {"operator", "admin"},
    "GET /endings/page/{number}": {"operator", "admin"},
    "GET /operators": ADMIN,
    "GET /operators/new": ADMIN,
    "POST /operators/new": ADMIN,
    "GET /operators/{account_id}": ADMIN,
    "POST /operators/{account_id}/roles": ADMIN,
    "POST /operators/{account_id}/link": ADMIN,
    "POST /operators/{account_id}/shut-out": ADMIN,
    "POST /operators/{account_id}/let-in": ADMIN,
    "GET /audit": AUDIT,
    "GET /audit/check": AUDIT,
    # the registry
    "GET /participants": READ,
    "GET /participants/page/{number}": READ,
    "GET /participants/{code}": READ,
    "GET /desks": READ,
    "POST /desks": READ,
    "GET /desks/{authority}": READ,
    "GET /coverage": READ,
    "GET /coverage/{channel}/{kept}/{number}": READ,
    "POST /coverage": READ,
    "GET /findings": READ,
    "GET /findings/list/{view}/{number}": READ,
    "GET /findings/{key}": READ,
    "POST /findings/{key}/{step}": EDIT,
    "GET /versions": READ,
    "GET /versions/page/{number}": READ,
    "GET /versions/{number}": READ,
    "GET /versions/{old}/to/{new}": READ,
    "POST /versions/compare": READ,
    "POST /versions/as-of": READ,
    "GET /as-of/{moment}": READ,
    "GET /as-of/{moment}/{number}": READ,
    "GET /listed": READ,
    "POST /listed": READ,
    "GET /signing": READ,
    "GET /signing/page/{number}": READ,
    "GET /export": READ,
    "GET /export/{version}": READ,
    "POST /export": READ,
    "GET /import": EDIT,
    "POST /import": EDIT,
    "GET /import/{list_id}": EDIT,
    "GET /import/{list_id}/findings/{number}": EDIT,
    "GET /import/{list_id}/report": EDIT,
    "POST /import/{list_id}/answers": EDIT,
    "POST /import/{list_id}/drafts": EDIT,
    "POST /import/{list_id}/discard": EDIT,
    # changes, agreements, corrections
    "GET /changes": READ,
    "GET /changes/closed": READ,
    "GET /changes/new": EDIT,
    "POST /changes/new": EDIT,
    "POST /changes/for-desk": EDIT,
    "GET /changes/{change_id}": READ,
    "POST /changes/{change_id}/step": EDIT,
    "POST /changes/{change_id}/choose": EDIT,
    "GET /changes/{change_id}/desks": EDIT,
    "GET /changes/{change_id}/desk/{key}": EDIT,
    "POST /changes/{change_id}/desk/{key}": EDIT,
    "GET /changes/{change_id}/end/{key}": EDIT,
    "POST /changes/{change_id}/end/{key}": EDIT,
    "GET /changes/{change_id}/calendar": EDIT,
    "POST /changes/{change_id}/calendar": EDIT,
    "GET /changes/{change_id}/signing-file": EDIT,
    "POST /changes/{change_id}/signed": EDIT,
    "GET /agreements": READ,
    "GET /agreements/new": EDIT,
    "POST /agreements/new": EDIT,
    "GET /agreements/{key}/state": EDIT,
    "POST /agreements/{key}/state": EDIT,
    "GET /agreements/{key}/end": EDIT,
    "POST /agreements/{key}/end": EDIT,
    "GET /corrections": READ,
    "GET /corrections/all": READ,
    "GET /corrections/ask/{authority}": EDIT,
    "POST /corrections/ask/{authority}": EDIT,
    "POST /corrections/{correction_id}/move": EDIT,
    # drills
    "GET /drills": READ,
    "GET /drills/of/{code}": READ,
    "GET /drills/{drill_id}": READ,
    "POST /drills/ask": EDIT,
    "POST /drills/{drill_id}/withdraw": EDIT,
    "POST /drills/{drill_id}/telephone": EDIT,
}
"""Method and path -> the people of tests.support.hub_console.PEOPLE whom the route lets in."""

EXAMPLES: dict[str, str] = {}
"""Parameter of a path -> an example; any other parameter is thirty-two zeros."""

KIT = re.compile(
    r"/(sign-in|link|set-up|unlock|hide|stay|sign-out|signed-out|sessions|language|confirm|glossary)(/.*)?"
)
"""Pages of the kit, which have their own tests."""


def list_routes(hub: Hub) -> Iterator[tuple[str, str]]:
    """List method and path of every route that is not the kit's."""
    for path, methods in walk(hub.app.routes):
        if not KIT.fullmatch(path):
            for method in sorted(methods - {"HEAD"}):
                yield method, path


def walk(routes: Iterable[object], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Go into included routers, which the framework keeps as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            context = getattr(route, "include_context")  # noqa: B009 - the framework's own, without types
            yield from walk(included.routes, prefix + context.prefix)
        else:
            assert isinstance(route, APIRoute), f"{route}: a page is an APIRoute"
            yield prefix + route.path, set(route.methods or ())


def fill(path: str) -> str:
    """Put examples in the place of parameters."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: EXAMPLES.get(m[1], "0" * 32), path)


def test_every_route_is_listed(hub: Hub) -> None:
    """The table and the application name the same routes: a forgotten one is a hole."""
    assert {f"{method} {path}" for method, path in list_routes(hub)} == set(ROUTES)


@pytest.mark.parametrize("name", ["operator", "admin", "observer"])
async def test_each_role_opens_what_is_its_own(hub: Hub, reader: HubReader, name: str) -> None:
    """A route answers 403 to whom it is not for, and something else to whom it is for."""
    await reader.sign_in(name)
    token = reader.find_form("/hide").fields["form_token"][0]
    wrong = []
    for method, path in list_routes(hub):
        answer = await reader.http.request(
            method, fill(path), data={"form_token": token}, headers=OWN
        )
        is_allowed = name in ROUTES[f"{method} {path}"]
        if (answer.status_code != 403) is not is_allowed or answer.status_code >= 500:
            wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []


async def test_a_stranger_opens_nothing(hub: Hub, reader: HubReader) -> None:
    """Without a session every route leads to signing in, whatever the method."""
    await reader.open("/sign-in")
    token = reader.find_form("/sign-in").fields["form_token"][0]
    for method, path in list_routes(hub):
        answer = await reader.http.request(
            method, fill(path), data={"form_token": token}, headers=OWN
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), path


async def test_a_form_without_its_token_is_refused(hub: Hub, reader: HubReader) -> None:
    """No POST works for somebody who is led to it from another page."""
    await reader.sign_in("everything")
    for method, path in list_routes(hub):
        if method != "GET":
            answer = await reader.http.request(method, fill(path), headers=OWN)
            assert answer.status_code == 403, path
