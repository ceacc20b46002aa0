"""Every page of a console, found by walking its routes and following its own links.

:func:`walk_pages` opens pages in process as each of the people it is given, takes the links of
every page that comes, and remembers one address for each route. What no link leads to is opened by
the values that the caller knows. So a new page is found by itself, or missed by name.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from itertools import product
from typing import Any, Final, TypeVar

from starlette.routing import compile_path

from tests.support.page_reader import PageReader

T = TypeVar("T")
_LINK: Final = re.compile(r'href="(/[^"?#]*)')
_PAGE: Final = "<!doctype html>"
_LOOKS: Final = 2
_GUESSES: Final = 8
#: What is no page of its own: a part of one, a file, or a stream without an end.
NOT_PAGES: Final = ("/live/", "/static/", "/set-up/qr.svg", "/stay", "/national")


@dataclass(frozen=True, slots=True)
class Stop:
    """A page: its route, an address of it, who can open it, and how large it is."""

    route: str
    address: str
    person: str
    size: int
    title: str


@dataclass
class Walk:
    """What a walk found."""

    stops: dict[str, Stop] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Routes that answered, but with a file or with the way to another page."""
    flaws: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    """What stood in addresses, by the names in braces of their routes."""


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something of asyncio in a thread of its own: Playwright has a loop in this one."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(lambda: asyncio.run(work())).result()


def list_routes(routes: Iterable[Any]) -> Iterator[str]:
    """List the addresses that can be looked at, in the order in which they are matched."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from list_routes(inner.routes)
        elif "GET" in (getattr(route, "methods", None) or ()):
            yield route.path


async def walk_pages(
    reader: PageReader, routes: Sequence[str], *, person: str, walk: Walk, known: Iterable[str] = ()
) -> None:
    """Open what the reader, who is signed in, can reach; adds to ``walk``."""
    patterns = [(path, compile_path(path)[0]) for path in routes]
    waiting = deque([*(path for path in routes if "{" not in path), *known])
    seen: dict[str, int] = {}
    visited: set[str] = set()
    while waiting:
        address = waiting.popleft()
        if address in visited or address.startswith(NOT_PAGES):
            continue
        visited.add(address)
        route = next((path for path, pattern in patterns if pattern.match(address)), None)
        if route is None or seen.get(route, 0) >= _LOOKS:
            continue
        answer = await reader.http.get(address)
        if answer.is_server_error:
            walk.flaws.append(f"{address} fails with {answer.status_code}")
        if answer.is_client_error:
            continue
        seen[route] = seen.get(route, 0) + 1
        if answer.is_redirect or not answer.text.lstrip().startswith(_PAGE):
            walk.elsewhere.add(route)
            continue
        waiting.extend(unescape(link) for link in _LINK.findall(answer.text))
        walk.stops.setdefault(route, _describe(route, address, person, answer.text))
        for name, value in pattern_values(patterns, route, address).items():
            walk.values.setdefault(name, []).append(value)


def pattern_values(
    patterns: Sequence[tuple[str, re.Pattern[str]]], route: str, address: str
) -> dict[str, str]:
    """Read what an address says for each name in braces of its route."""
    pattern = next(pattern for path, pattern in patterns if path == route)
    found = pattern.match(address)
    return found.groupdict() if found else {}


def guess_addresses(missed: Iterable[str], walk: Walk) -> Iterator[str]:
    """Fill routes that no link led to with identifiers that other pages had."""
    for route in missed:
        names = re.findall(r"\{([a-z_]+)", route)
        offers = [list(dict.fromkeys(walk.values.get(name, ())))[:_GUESSES] for name in names]
        for values in product(*offers):
            address = route
            for name, value in zip(names, values, strict=True):
                address = re.sub(rf"\{{{name}(:[a-z]+)?\}}", value, address)
            yield address


def _describe(route: str, address: str, person: str, html: str) -> Stop:
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    return Stop(
        route=route,
        address=address,
        person=person,
        size=len(html.encode()),
        title=unescape(title[1].strip()) if title else "",
    )


def find_missed(routes: Iterable[str], walk: Walk, excused: Mapping[str, str]) -> list[str]:
    """List the routes that nobody came to and nobody excused."""
    return [
        path
        for path in routes
        if path not in walk.stops
        and path not in walk.elsewhere
        and path not in excused
        and not path.startswith(NOT_PAGES)
    ]


async def walk_as(
    reader: PageReader, routes: Sequence[str], *, person: str, walk: Walk, known: Iterable[str] = ()
) -> None:
    """Walk by links first; then try what no link led to with the identifiers that were seen."""
    await walk_pages(reader, routes, person=person, walk=walk, known=known)
    missed = find_missed(routes, walk, {})
    guesses = list(guess_addresses([path for path in missed if "{" in path], walk))
    await walk_pages(reader, missed, person=person, walk=walk, known=guesses)


async def begin_change(reader: PageReader) -> list[str]:
    """Begin a change of the hub's directory, as one who may; returns its addresses."""
    await reader.open("/changes/new")
    await reader.send("/changes/new", title="New telephone number", participant="AL")
    return [reader.path, *(f"{reader.path}/{part}" for part in ("desks", "calendar"))]
