"""Every route x role x channel: let in or refused as the table says, and content only for those.

``access.csv`` beside this file is the table; ``docs/access.md`` shows it.
"""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from console.i18n import Message
from contact_registry.changes.sql_store import SqlChangeStore
from node.api.app import create_api
from node.service.composing import handle_send
from node.service.inviting import Entrance
from node.store.change_tables import CHANGES
from node.web.router import create_web_router
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.access import (
    ROLES,
    Answer,
    Faces,
    Route,
    ask,
    list_api,
    list_pages,
    no_refresh,
    probe,
    read_table,
)
from tests.support.changes import open_desk_world
from tests.support.node import NOTIFICATION_BODY, make_draft
from tests.support.node_console import add_person, build_pair
from tests.support.people import STAFF
from tests.support.registry import AL

MARK = "MARK7731"
#: Roles that never see content, by whatever route.
KEPT_OUT = (Role.NODE_ADMIN, Role.AUDITOR, Role.DIRECTORY_EDITOR)


@dataclass
class Scene(Faces):
    """AL's faces, with one sent message of the channel ``assistance`` and its identifiers."""

    known: dict[str, str]
    reference: str


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Scene]:
    """Build it once: nothing that these tests ask for exists, but one message."""
    folder = tmp_path_factory.mktemp("access")
    pair = build_pair(folder, url_of=shared_node_url_of)
    context = pair.network.node("AL")
    manager = {**NOTIFICATION_BODY["case_manager"], "post": MARK}
    draft = make_draft(body={**NOTIFICATION_BODY, "case_manager": manager})
    sent = handle_send(context, draft, who=STAFF)
    for role in ROLES:
        add_person(context, _name(role), role)
    add_person(context, "elsewhere", Role.FOCAL_POINT, channels=[Channel.POLICE])
    with open_desk_world(folder) as desks:
        desks.store = SqlChangeStore(CHANGES, context.database)
        desk = desks.open_desk(participant=AL)
        console = pair.al.console
        yield Scene(
            pair=pair,
            pages=console.build_app([create_web_router(context, console, changes=desk)]),
            api=create_api(
                context,
                refresh_registry=no_refresh,
                changes=desk,
                entrance=Entrance(public_url="http://localhost", translate=say),
            ),
            known={"message_id": sent.message_id, "case_id": sent.case_id},
            reference=sent.case_reference,
        )
    pair.network.close()


def say(message: Message, _language: str) -> str:
    """Say a sentence in English."""
    return message.msgid


def _name(role: Role) -> str:
    return f"the-{role.value.replace('_', '-')}"


def test_every_route_stands_in_the_table(scene: Scene) -> None:
    """A route that is added to pages or interface without a line in the table is noticed."""
    assert set(read_table()) == list_pages(scene.pages) | list_api(scene.api)


async def _ask_all(scene: Scene, name: str) -> dict[Route, Answer]:
    """Let somebody ask every route: what can be looked at exists, what would change does not."""
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, name)
        return {
            route: await probe(
                browser.http if route.face == "page" else program, route, scene.known
            )
            for route in sorted(read_table())
        }


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_let_in_where_the_table_says(scene: Scene, role: Role) -> None:
    """Each route lets in or refuses as the table says, and content comes to those who may see it.

    No route gives an administrator, an auditor or an editor a word of what a message says; the same
    word comes on both faces to a focal point, so that it would be noticed.
    """
    answers = await _ask_all(scene, _name(role))
    table = read_table()
    assert [
        f"{route.method} {route.path}: {'let in' if answer.is_let_in else 'refused'}"
        for route, answer in answers.items()
        if answer.is_let_in is not (role in table[route])
    ] == []
    shown = {route for route, answer in answers.items() if MARK in answer.text}
    if role in KEPT_OUT:
        assert shown == set()
    elif role is Role.FOCAL_POINT:
        assert {route.face for route in shown} == {"page", "api"}


async def test_another_channel_is_not_there(scene: Scene) -> None:
    """For a focal point of the police channel the message and its case do not exist, anywhere."""
    answers = await _ask_all(scene, "elsewhere")
    named = {
        route
        for route, roles in read_table().items()
        if route.method == "GET" and route.parameters & set(scene.known)
        if Role.FOCAL_POINT in roles
    }
    assert {route: answers[route].status for route in named} == dict.fromkeys(named, 404)
    told = (scene.reference, scene.known["message_id"], scene.known["case_id"], MARK)
    assert [
        route
        for route, answer in answers.items()
        if route not in named and any(each in answer.text for each in told)
    ] == []


async def test_nobody_acts_on_another_channel_by_a_form(scene: Scene) -> None:
    """Sent with real identifiers, each form is answered as for those that nobody has."""
    context = scene.pair.al.context
    add_person(context, "acting", Role.FOCAL_POINT, channels=[Channel.POLICE])
    add_person(context, "looking", Role.FOCAL_POINT, channels=[Channel.ASSISTANCE])
    forms = {
        route
        for route, roles in read_table().items()
        if route.face == "page" and route.method == "POST" and Role.FOCAL_POINT in roles
        if route.parameters and route.parameters <= set(scene.known)
    }
    assert len(forms) > 20
    nobodys = dict.fromkeys(scene.known, "1" * 32)
    async with AsyncExitStack() as stack:
        _, own = await scene.open(stack, "looking")
        before = await _look(scene, own)
        other, _ = await scene.open(stack, "acting")
        for route in sorted(forms):
            answers = [await ask(other.http, route, known) for known in (scene.known, nobodys)]
            assert [answer.status_code for answer in answers] == [404, 404], route
            for answer in answers:
                assert scene.reference not in answer.text
        assert await _look(scene, own) == before


async def _look(scene: Scene, program: httpx.AsyncClient) -> list[str]:
    """Return what somebody who sees the message and its case reads of them."""
    case = f"/cases/{scene.known['case_id']}"
    places = (f"/messages/{scene.known['message_id']}", case, f"{case}/notes", f"{case}/consents")
    answers = [await program.get(place) for place in places]
    assert all(answer.is_success for answer in answers)
    return [answer.text for answer in answers]
