"""Nobody acts on what is of a channel that they do not see: whoever asks finds nothing there."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from node.api.app import create_api
from node.service.tokens import TokenScope
from node.store.account_tables import ClearanceRow
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.access import Route, list_api, no_refresh
from tests.support.case_world import PREPARED, CaseWorld, consent_for, record_of
from tests.support.node import make_draft
from tests.support.node_console import add_person
from tests.support.people import note_all_held, token_of

BODIES: Final[Mapping[str, Any]] = {
    "/answer": {
        "type": "general.response",
        "legal_basis": consent_for("XK"),
        "body": {"text": "x"},
    },
    "/approve": {"post": "x"},
    "/circumstances": {"treated_as_child": True},
    "/close": {"outcome": "objectives_reached", "closed_on": "2026-03-04", "tell": False},
    "/confidential": {"identity": {"family_name": "Invented", "given_names": "Name"}},
    "/consents": record_of(consent_for("XK")),
    "/decision": {"outcome": "more_information_needed", "procedure_note": "x"},
    "/drafts/{draft_id}": {"content": {"type": "general.message"}},
    "/document": {"file_id": "0" * 32},
    "/erase": {"ground": "demand_of_the_person"},
    "/erasure-requests": {"ground": "demand_of_the_person"},
    "/exceptions": {"ground": "vital_interest", "justification": "x", "person_told": "yes"},
    "/guardian": {"situation": "appointed", "is_case_manager": True},
    "/hand-over": {"account_id": "0" * 32},
    "/links": {"case_id": "2" * 32},
    "/manager": {"post": "x", "authority": "AL-anti-trafficking-desk"},
    "/move": {"desk": "AL-anti-trafficking-desk"},
    "/notes": {"text": "x"},
    "/notes/{note_id}": {"text": "x"},
    "/onward-answers": {"target": "MK-anti-trafficking-desk", "allowed": True},
    "/person": {"person_group": "adult"},
    "/refuse": {"reason": "x"},
    "/reopen": {"reason": "other"},
    "/return": dict(PREPARED),
    "/withdrawals": {"withdrawn_by": "person"},
}
"""A body that fits, for each act: what is refused is refused for its identifier."""

_LOOKED_AT: Final = (
    "cases/{case_id}",
    "cases/{case_id}/notes",
    "cases/{case_id}/consents",
    "cases/{case_id}/return",
    "cases/{case_id}/withdrawals",
    "messages/{message_id}",
    "messages/{sent_id}",
    "drafts/{draft_id}",
    "files/{file_id}",
    "items/{item_id}",
    "approvals/{approval_id}",
)

#: Deleting a file that is not there is done, as often as it is said; one of others' stays.
_DISCARDING: Final = Route(face="api", path="/files/{file_id}", method="DELETE")

OTHERS: Final = [
    (channel, role)
    for channel in Channel
    if channel is not Channel.ASSISTANCE
    for role in (Role.FOCAL_POINT, Role.APPROVER)
]


@dataclass
class Scene:
    """A case of assistance at AL with everything in it, by its identifiers."""

    world: CaseWorld
    known: Mapping[str, str]
    routes: list[Route]

    def open(self, name: str) -> httpx.AsyncClient:
        """Return a program that is bound to somebody."""
        context = self.world.network.node("AL")
        token = token_of(context, f"of-{name}", scope=TokenScope.PERSON, person=name)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(create_api(context, refresh_registry=no_refresh)),
            base_url="http://al/",
            headers={"Authorization": f"Bearer {token}"},
        )


@pytest.fixture
async def scene(node_url_of: Callable[[str], str], tmp_path: Path) -> AsyncIterator[Scene]:
    """Make the case, with a message each way, and one of everything that is made in a case."""
    world = await CaseWorld.make(node_url_of, files=tmp_path)
    al = world.network.node("AL")
    note_all_held(al)
    add_person(al, "care", Role.FOCAL_POINT)
    scene = Scene(world, {}, [])
    draft = make_draft().model_dump(mode="json", exclude_none=True)
    sent = await world.send("AL", draft)
    back = await world.send("XK", {**draft, "recipient": "AL", "case": sent["case"]})
    keep_deadlines(al)
    case = f"cases/{sent['case_id']}"
    async with scene.open("care") as care:
        note = (await care.post(f"{case}/notes", json={"text": "n"})).json()
        consent = (await care.post(f"{case}/consents", json=BODIES["/consents"])).json()
        items = (await care.get("items")).json()["items"]
        exception = {"ground": "vital_interest", "justification": "x", "person_told": "yes"}
        asked = {
            **draft,
            "legal_basis": {"kind": "exception", "ground": "vital_interest"},
            "exception": exception,
            "urgency": "immediate",
            "case": sent["case"],
        }
        request = {"draft": asked, "justification": "It cannot wait."}
        approval = await care.post("approvals", json=request)
        assert approval.is_success, approval.text
        kept = (await care.post("drafts", json={"content": asked})).json()
        announced = {"name": "report.pdf", "size": 9, "sensitivity": "protection"}
        file = (await care.post("files", json=announced)).json()
        said = {"withdrawn_by": "person"}
        stopped = await care.post(f"{case}/withdrawals", params={"tell_later": True}, json=said)
        assert stopped.is_success, stopped.text
    scene.known = {
        "draft_id": kept["draft_id"],
        "file_id": file["file_id"],
        "withdrawal_id": stopped.json()["withdrawal_id"],
        "sent_id": sent["message_id"],
        "case_id": sent["case_id"],
        "message_id": back["message_id"],
        "item_id": items[0]["item_id"],
        "note_id": note["note_id"],
        "consent_id": consent["consent_id"],
        "approval_id": approval.json()["approval_id"],
    }
    api = create_api(al, refresh_registry=no_refresh)
    scene.routes = sorted(r for r in list_api(api) if r.parameters & scene.known.keys())
    yield scene
    await world.close()


@pytest.mark.parametrize(("channel", "role"), OTHERS)
async def test_who_does_not_see_a_channel_finds_nothing_of_it(
    scene: Scene, channel: Channel, role: Role
) -> None:
    """Every act with identifiers of a case of assistance: as for those that nobody has."""
    assert len(scene.routes) > 40
    al = scene.world.network.node("AL")
    name = f"{channel}-{role}".replace("_", "-")
    account = add_person(al, name, role, channels=[channel])
    with al.database.transaction() as session:  # Part I of their own cases is open to them
        session.get_one(ClearanceRow, account.id).confidential = True
    nobodys = dict.fromkeys(scene.known, "1" * 32)
    async with scene.open("care") as care:
        before = await _look(scene, care)
        async with scene.open(name) as other:
            for route in scene.routes:
                answers = [await _ask(other, route, known) for known in (scene.known, nobodys)]
                statuses = [answer.status_code for answer in answers]
                is_done = route == _DISCARDING and role is Role.FOCAL_POINT
                expected = {204} if is_done else {403, 404}
                assert statuses[0] in expected, (route, answers[0].text)
                assert statuses[0] == statuses[1], route
                assert answers[0].text == answers[1].text, route
            replies = [await _reply(other, known["message_id"]) for known in (scene.known, nobodys)]
            assert replies[0].status_code == (404 if role is Role.FOCAL_POINT else 403)
            assert replies[0].json() == replies[1].json()
        assert await _look(scene, care) == before


async def _reply(client: httpx.AsyncClient, message_id: str) -> httpx.Response:
    """Reply to a message, of which one knows no more than its identifier."""
    draft = make_draft(in_reply_to=message_id).model_dump(mode="json", exclude_none=True)
    return await client.post("messages", json=draft)


async def _look(scene: Scene, care: httpx.AsyncClient) -> list[str]:
    """Return what somebody of the channel sees of it all."""
    seen = []
    for path in _LOOKED_AT:
        answer = await care.get(path.format(**scene.known))
        assert answer.is_success
        seen.append(answer.text)
    return seen


async def _ask(client: httpx.AsyncClient, route: Route, known: Mapping[str, str]) -> httpx.Response:
    more: dict[str, Any] = {"headers": {"If-Match": '"1"', "Upload-Offset": "0"}}
    if route.method not in {"GET", "DELETE"}:
        fitting = [body for end, body in BODIES.items() if route.path.endswith(end)]
        more["json"] = fitting[0] if fitting else {}
    return await client.request(route.method, route.fill(known), **more)
