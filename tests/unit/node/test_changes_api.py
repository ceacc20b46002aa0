"""Changes of the own contacts through the JSON interface, and what a token opens."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contact_registry.agreements import AgreementStatement
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.signing_file import parse_signing_file
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.changes.states import ChangeState
from contact_registry.document import Document
from contact_registry.models import Authority
from contact_registry.schedules import WorkCalendar
from node.api.app import create_api
from node.service.context import NodeContext
from node.service.tokens import TokenScope
from node.store.change_tables import CHANGES
from node.workers.directory_changes import DirectoryChanges
from tests.support.changes import DeskWorld, open_desk_world
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    make_context,
    make_directory,
    make_keystore,
)
from tests.support.people import token_of
from tests.support.registry import AL, MK, make_authority, make_contacts
from tests.support.registry_content import make_terms

CHANGE = "0" * 32
ROUTES = [
    ("GET", "/directory/contacts"),
    ("GET", "/directory/changes"),
    ("POST", "/directory/changes"),
    ("GET", f"/directory/changes/{CHANGE}"),
    ("GET", f"/directory/changes/{CHANGE}/signing-file"),
    ("PUT", f"/directory/changes/{CHANGE}/document"),
    ("PUT", f"/directory/changes/{CHANGE}/authorities"),
    ("POST", f"/directory/changes/{CHANGE}/authorities/AL-desk/end"),
    ("PUT", f"/directory/changes/{CHANGE}/calendar"),
    ("PUT", f"/directory/changes/{CHANGE}/agreements"),
    ("POST", f"/directory/changes/{CHANGE}/prepare"),
    ("POST", f"/directory/changes/{CHANGE}/signatures"),
    ("POST", f"/directory/changes/{CHANGE}/publish"),
    ("POST", f"/directory/changes/{CHANGE}/resolve"),
    ("POST", f"/directory/changes/{CHANGE}/reopen"),
    ("POST", f"/directory/changes/{CHANGE}/withdraw"),
]


async def no_refresh() -> None:
    """Do nothing."""


class Program:
    """AL's case system, with a token for the directory, and the holder of the directory key."""

    def __init__(self, context: NodeContext, desks: DeskWorld, desk: ChangeDesk) -> None:
        self.context, self.desks, self.desk = context, desks, desk
        self.app = create_api(context, refresh_registry=no_refresh, changes=desk)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://node",
        )
        self.use(TokenScope.DIRECTORY)

    def use(self, scope: TokenScope) -> None:
        """Take a token of this scope from now on."""
        token = token_of(self.context, f"office-{scope}", scope=scope)
        self.http.headers["Authorization"] = f"Bearer {token}"

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Send a request that is expected to work; returns what was answered."""
        answer = await self.http.request(method, f"/directory{path}", **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def refuse(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Send a request that is expected to be refused; returns status and detail."""
        answer = await self.http.request(method, f"/directory{path}", **more)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["detail"]


@pytest.fixture
async def program(tmp_path: Path, node_url_of: Callable[[str], str]) -> AsyncIterator[Program]:
    """Give AL's interface beside a real registry."""
    with open_desk_world(tmp_path) as desks:
        store = make_keystore("AL")
        context = make_context(
            store,
            FixedDirectory(make_directory([store])),
            database_url=node_url_of("AL"),
            clock=FakeClock(),
        )
        desks.store = SqlChangeStore(CHANGES, context.database)
        desks.desk = desks.open_desk(participant=AL)
        made = Program(context, desks, desks.desk)
        yield made
        await made.http.aclose()
        context.database.close()


async def test_every_route_is_listed_here(program: Program) -> None:
    """A route that is added without standing in the table above is noticed."""
    described = program.app.openapi()["paths"]
    found = {
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if path.startswith(("/directory/changes", "/directory/contacts"))
    }
    listed = {
        (method, path.replace(CHANGE, "{change_id}").replace("AL-desk", "{authority_id}"))
        for method, path in ROUTES
    }
    assert found == listed


async def test_what_a_token_opens(program: Program) -> None:
    """No token, or one for messages: nothing of the directory; and the reverse."""
    program.use(TokenScope.MESSAGES)
    for method, path in ROUTES:
        answer = await program.http.request(method, path)
        assert (answer.status_code, "--scope directory" in answer.text) == (403, True)
    program.use(TokenScope.DIRECTORY)
    assert (await program.http.get("/messages")).status_code == 403
    assert (await program.http.get("/directory/desk", params={
        "participant": "AL", "phase": "return"})).status_code == 200  # fmt: skip
    del program.http.headers["Authorization"]
    for method, path in ROUTES:
        assert (await program.http.request(method, path)).status_code == 401


async def test_a_program_drafts_and_publishes(program: Program) -> None:
    """Drafted entry by entry, signed by people, published: and told with all that was found."""
    change = await program.call("POST", "/changes", json={"title": "New number"})
    at = f"/changes/{change['change_id']}"

    async def put(what: str, **body: Document) -> None:
        nonlocal change
        params = {"row_version": change["row_version"]}
        parts = {name: part.model_dump(mode="json") for name, part in body.items()}
        said = {"reason": "They moved.", "evidence": "Letter 7", **parts}
        change = await program.call("PUT", f"{at}/{what}", params=params, json=said)

    await put("authorities", authority=make_authority(AL, "second", note="x"))
    await put("calendar", calendar=WorkCalendar())
    await put("agreements", statement=AgreementStatement(terms=make_terms()))
    await put("document", document=make_contacts(AL, note="from a program"))
    await put("authorities", authority=make_authority(AL, "second", note="x"))
    change = await program.call(
        "POST", f"{at}/authorities/AL-second/end",
        params={"row_version": change["row_version"]}, json={"last_day": "2026-12-31"},
    )  # fmt: skip
    told = await program.call("GET", at)
    assert {tuple(d["path"]) for d in told["differences"]} == {
        ("authorities", "AL-desk", "note"), ("authorities", "AL-second"),
    }  # fmt: skip
    assert "prepared" in told["possible"]
    assert {(event["reason"], event["evidence"]) for event in told["events"]} == {
        ("", ""), ("They moved.", "Letter 7"),
    }  # fmt: skip

    async def step(name: str, **more: Any) -> None:
        nonlocal change
        params = {"row_version": change["row_version"]}
        change = await program.call("POST", f"{at}/{name}", params=params, **more)

    await step("prepare", json={"days": 30})
    await step("reopen")
    await step("prepare", json={"days": 30})
    answer = await program.http.get(f"/directory{at}/signing-file")
    assert answer.headers["content-disposition"] == 'attachment; filename="AL-2.trm-change"'
    await step("signatures", content=program.desks.sign(change["change_id"]))
    told = await program.call("GET", at)
    assert (told["signed_by"], told["threshold"]) == (told["could_sign"], 1)
    await step("publish")
    assert change["state"] == "published"
    contacts = await program.call("GET", "/contacts")
    assert contacts["version"] == 2
    assert contacts["document"]["authorities"][0]["note"] == "from a program"
    assert await program.call("GET", "/changes") == []
    assert len(await program.call("GET", "/changes", params={"open_only": False})) == 1


def write_authority(authority: Authority) -> str:
    """Return the body that lists an authority."""
    return json.dumps({"authority": authority.model_dump(mode="json")})


async def test_a_repeated_beginning_begins_one_change(program: Program) -> None:
    """The answer was lost, the program asks again: the same change; another key, another one."""
    key, new = {"Idempotency-Key": "order-2026-7"}, {"title": "New number"}
    first = await program.call("POST", "/changes", json=new, headers=key)
    assert await program.call("POST", "/changes", json=new, headers=key) == first
    other = {"Idempotency-Key": "order-2026-8"}
    assert (await program.call("POST", "/changes", json=new, headers=other)) != first
    assert len(await program.call("GET", "/changes")) == 2


async def test_conflicts_and_refusals(program: Program) -> None:
    """Stale, foreign, malformed, not yet possible: each with its status and what to do."""
    change = await program.call("POST", "/changes", json={"title": "x"})
    at, seen = f"/changes/{change['change_id']}", {"row_version": change["row_version"]}
    mine = write_authority(make_authority(AL, note="mine"))
    bad = json.dumps({"authority": {"id": "AL-desk", "secret": "typed"}})
    status, detail = await program.refuse("PUT", f"{at}/authorities", params=seen, content=bad)
    assert status == 422
    assert "time_zone" in detail
    assert "typed" not in detail
    foreign = write_authority(make_authority(MK))
    assert (await program.refuse("PUT", f"{at}/authorities", params=seen, content=foreign))[
        0
    ] == 422
    await program.call("PUT", f"{at}/authorities", params=seen, content=mine)
    assert (await program.refuse("PUT", f"{at}/authorities", params=seen, content=mine))[0] == 409
    seen = {"row_version": 2}
    assert (await program.refuse("POST", f"{at}/publish", params=seen))[0] == 409
    assert (await program.refuse("GET", f"/changes/{CHANGE}"))[0] == 404
    program.desks.publish_note("theirs")
    told = await program.call("GET", at)
    assert [(c["key"], c["ours"], c["theirs"]) for c in told["conflicts"]] == [
        ("authorities/AL-desk/note", "mine", "theirs")
    ]
    decided = await program.call(
        "POST", f"{at}/resolve", params={"row_version": told["row_version"]},
        json={"choices": {"authorities/AL-desk/note": "ours"}},
    )  # fmt: skip
    seen = {"row_version": decided["row_version"]}
    await program.call("POST", f"{at}/prepare", params=seen, json={})
    seen = {"row_version": decided["row_version"] + 1}
    status, detail = await program.refuse("POST", f"{at}/signatures", params=seen, content=b"no")
    assert (status, "no signing file" in detail) == (422, True)
    withdrawn = await program.call("POST", f"{at}/withdraw", params=seen)
    assert withdrawn["state"] == "withdrawn"
    huge = b" " * 2_000_000
    answer = await program.http.put(f"/directory{at}/document", params=seen, content=huge)
    assert answer.status_code == 413


async def test_the_worker_brings_changes_to_an_end(program: Program) -> None:
    """A change that was sent and not answered, and a draft that was overtaken, both move on."""
    desks = program.desks
    sent = desks.make_signed(desks.draft(note="sent"))
    overtaken = desks.draft(city="Tirana")
    desks.world.publish(parse_signing_file(desks.desk.export_signing_file(sent.id)).to_submission())
    await DirectoryChanges(program.desk).run_round()
    assert desks.desk.look(sent.id).change.state is ChangeState.PUBLISHED
    assert desks.desk.look(overtaken.id).change.base_version == 2
