"""Every route of a node, walked: which roles it lets in, in which channels, and what it shows."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI

from console.forgery import HEADER, derive_form_token
from console.guard import KIT_FORMS
from node.service.tokens import TokenScope
from protocol.policy.facts import Role
from tests.support.node_console import NodeSite, PageReader, Pair
from tests.support.page_reader import OWN
from tests.support.people import token_of

TABLE: Final = Path(__file__).resolve().parents[1] / "unit" / "node_web" / "access.csv"
ROLES: Final = tuple(Role)
NOBODY: Final = "0" * 32
#: The kit's own pages: signing in and out, and the own account. They show nothing of any case.
KIT: Final = KIT_FORMS | {
    "/link/{token}",
    "/set-up/qr.svg",
    "/stay",
    "/signed-out",
    "/sessions",
    "/glossary",
    "/glossary/{tag}",
    "/national",
    "/national/back",
    "/national/finish",
}
_FORBIDDEN: Final = 403
_PARAMETER: Final = re.compile(r"\{([a-z_]+)(?::[a-z]+)?\}")


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One route of pages or interface."""

    face: str
    path: str
    method: str

    def fill(self, values: Mapping[str, str]) -> str:
        """Give its address, with these identifiers and else with ones that nobody has."""
        return _PARAMETER.sub(lambda found: values.get(found[1], NOBODY), self.path)

    @property
    def parameters(self) -> set[str]:
        """What its address names."""
        return set(_PARAMETER.findall(self.path))


def read_table(path: Path = TABLE) -> dict[Route, frozenset[Role]]:
    """Read the table: for each route the roles that it lets in."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            Route(row["face"], row["route"], row["method"]): frozenset(
                role for role in ROLES if row[role.value] == "yes"
            )
            for row in csv.DictReader(file)
        }


def list_pages(app: FastAPI) -> set[Route]:
    """List the pages of a console, without the kit's own."""
    return {
        Route("page", path, method)
        for path, method in _walk(app.routes)
        if method != "HEAD" and path not in KIT
    }


def _walk(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes)
        elif getattr(route, "methods", None):
            for method in sorted(route.methods):
                yield route.path, method


def list_api(app: FastAPI) -> set[Route]:
    """List the routes of the interface."""
    described: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]
    return {
        Route("api", path, method.upper())
        for path, methods in described.items()
        for method in methods
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody got: whether they were let in, the status, and every word of it."""

    is_let_in: bool
    status: int
    text: str


async def no_refresh() -> None:
    """Do nothing: the registry is what the test says."""


@dataclass
class Faces:
    """Pages and interface of the node AL."""

    pair: Pair
    pages: FastAPI
    api: FastAPI

    async def open(self, stack: AsyncExitStack, name: str) -> tuple[PageReader, httpx.AsyncClient]:
        """Sign somebody in on the pages, and give them a token of their own for the interface."""
        site = NodeSite(context=self.pair.al.context, console=self.pair.al.console, app=self.pages)
        reader = await stack.enter_async_context(PageReader(site))
        await reader.sign_in(name)
        token = token_of(site.context, f"of-{name}", scope=TokenScope.PERSON, person=name)
        program = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api),
            base_url="http://node",
            headers={"Authorization": f"Bearer {token}"},
        )
        return reader, await stack.enter_async_context(program)


async def probe(client: httpx.AsyncClient, route: Route, known: Mapping[str, str]) -> Answer:
    """Ask a route: what can be looked at is there, what would be changed does not exist."""
    answer = await ask(client, route, known if route.method == "GET" else {})
    if answer.is_server_error:
        raise AssertionError(f"{route} fails: {answer.text}")
    return Answer(answer.status_code != _FORBIDDEN, answer.status_code, answer.text)


async def ask(client: httpx.AsyncClient, route: Route, values: Mapping[str, str]) -> httpx.Response:
    """Ask a route; forms carry the token that their page would."""
    headers = {}
    if route.face == "page" and route.method != "GET":
        token = next(value for name, value in client.cookies.items() if "session" in name)
        headers = {**OWN, HEADER: derive_form_token(token)}
    body: dict[str, Any] = {}
    if route.face == "api" and route.method in {"POST", "PUT"}:
        body = {"json": {}}
    return await client.request(
        route.method, route.fill(values), headers=headers, follow_redirects=False, **body
    )


def write_rows(found: Mapping[Route, Sequence[Role]], path: Path = TABLE) -> None:
    """Write the table, in the order of faces and addresses."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["face", "method", "route", *(role.value for role in ROLES)])
        for route in sorted(found):
            marks = ("yes" if role in found[route] else "no" for role in ROLES)
            writer.writerow([route.face, route.method, route.path, *marks])
