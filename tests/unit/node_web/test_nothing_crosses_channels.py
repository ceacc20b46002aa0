"""One case in three channels: who is cleared for one reads nothing of another, on any route."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import pytest
from pypdf import PdfReader

from node.api.app import create_api
from node.service.followers import follow_all
from node.store.account_tables import ClearanceRow
from node.web.router import create_web_router
from protocol.policy.facts import Role
from tests.support.access import Faces, Route, list_api, list_pages, no_refresh, probe
from tests.support.marked_case import (
    KINDS,
    MARK,
    OF,
    SEALED,
    MarkedCase,
    hidden_words,
    mark,
    plant_case,
)
from tests.support.node_console import add_person, build_pair

READERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in OF},
    "both": ("care", "police"),
    "whole": tuple(OF),
}
#: To whom Part I was opened by name: of their channel, and to nobody else.
OPENED: Final = "police"
#: A return shows one note at a time, and the withdrawal is that of witness protection alone.
SHOWN: Final = {(name, kind) for name in OF for kind in KINDS[:4]}


@dataclass
class Scene(Faces):
    """Both faces of a node with that case."""

    case: MarkedCase


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Scene]:
    """Build it once; nothing is changed by looking."""
    pair = build_pair(tmp_path_factory.mktemp("channels"), url_of=shared_node_url_of)
    case, context = plant_case(pair), pair.al.context
    pair.network.settle()
    follow_all(context)
    for name, seen in READERS.items():
        for person in (name, f"{name}-asking"):  # a code of the second factor is good once
            account = add_person(
                context, person, Role.FOCAL_POINT, channels=[OF[each] for each in seen]
            )
            if name == OPENED:
                with context.database.transaction() as session:
                    session.get_one(ClearanceRow, account.id).confidential = True
    yield Scene(
        pair=pair,
        pages=pair.al.console.build_app([create_web_router(context, pair.al.console)]),
        api=create_api(context, refresh_registry=no_refresh),
        case=case,
    )
    pair.network.close()


async def _read_all(scene: Scene, reader: str) -> list[tuple[Route, str, str]]:
    """Let somebody look at every address of each channel: route, whose address, what was shown."""
    routes = sorted(
        route for route in list_pages(scene.pages) | list_api(scene.api) if route.method == "GET"
    )
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, reader)
        found = []
        for route in routes:
            client = browser.http if route.face == "page" else program
            for name, values in scene.case.known.items():
                if name == "care" or route.parameters & (set(values) - {"case_id"}):
                    found.append((route, name, (await probe(client, route, values)).text))
    return found


@pytest.mark.parametrize("reader", READERS)
async def test_nobody_reads_a_word_of_another_channel(scene: Scene, reader: str) -> None:
    """Pages and interface, every route, whatever identifiers they guess; their own they do read.

    Part I is read by whom it was opened to by name, of their channel.
    """
    shown = await _read_all(scene, reader)
    theirs = READERS[reader]
    hidden = hidden_words(theirs) | scene.case.of_others(theirs)
    hidden |= {mark(name, SEALED): name for name in OF if (reader, name) != (OPENED, OPENED)}
    told = [
        f"{route.face} {route.path} (address of {name}): {word} of {whose}"
        for route, name, text in shown
        for word, whose in hidden.items()
        if word in text and (word.startswith(MARK) or name != whose)  # what they asked for
    ]
    assert told == []
    words = {(name, kind) for name in theirs for kind in KINDS}
    for face in ("page", "api"):
        everything = "".join(text for route, _, text in shown if route.face == face)
        seen = {(name, kind) for name, kind in words if mark(name, kind) in everything}
        assert seen >= words & SHOWN, face
        assert (mark(OPENED, SEALED) in everything) is (reader == OPENED), face


@pytest.mark.parametrize("reader", READERS)
async def test_neither_search_nor_paper_crosses(scene: Scene, reader: str) -> None:
    """What is asked for by form: words of another channel are found by nobody, and not printed."""
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, f"{reader}-asking")
        for name in OF:
            for kind in ("TEXT", "NOTE"):
                words = mark(name, kind)
                found = await program.post("/search", json={"words": words})
                await browser.open("/search")
                page = await browser.send("/search", words=words)
                is_theirs = name in READERS[reader]
                assert bool(found.json()["items"]) is is_theirs, (name, kind)
                assert ("Nothing found" in page.text) is not is_theirs, (name, kind)
            sealed = {"words": mark(name, SEALED), "confidential": True}
            found = await program.post("/search", json=sealed)
            assert found.is_success is (reader == OPENED)
            if found.is_success:
                assert bool(found.json()["items"]) is (name == OPENED)
        paper = f"/case/{scene.case.case_id}/paper"
        await browser.open(paper)
        printed = await browser.send(paper, more=["names", "texts"])
    pages = PdfReader(BytesIO(printed.content)).pages
    text = "\n".join(each.extract_text() for each in pages)
    assert {name for name in OF if mark(name, "TEXT") in text} == set(READERS[reader])
    assert not [name for name in OF for kind in (*KINDS[1:], SEALED) if mark(name, kind) in text]
