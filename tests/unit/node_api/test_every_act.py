"""Acts of the interface that no story in other tests comes by: each done, and read back."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from console.accounts.models import Stage
from node.api.app import create_api
from node.service.accounts import open_sessions
from node.service.people import list_accounts
from node.service.tokens import TokenScope
from node.store.account_tables import ClearanceRow
from protocol.policy.facts import Role
from tests.support.access import no_refresh
from tests.support.case_world import CaseWorld, consent_for
from tests.support.consent import ON_FILE
from tests.support.node import make_draft
from tests.support.node_console import add_person
from tests.support.people import note_all_held, token_of
from tests.support.setting_up import open_session


@pytest.fixture
async def world(node_url_of: Callable[[str], str]) -> AsyncIterator[CaseWorld]:
    """AL and XK, which may tell each other everything."""
    made = await CaseWorld.make(node_url_of)
    note_all_held(made.network.node("AL"))
    yield made
    await made.close()


class Program:
    """A program of AL with a token that is bound to somebody."""

    def __init__(self, world: CaseWorld, person: str) -> None:
        context = world.network.node("AL")
        token = token_of(context, f"of-{person}", scope=TokenScope.PERSON, person=person)
        api = create_api(context, refresh_registry=no_refresh)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(api),
            base_url="http://al/",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        version: str | None = None,
        status: int = 0,
    ) -> Any:
        """Ask for something that works, or for what has this status; returns what is said."""
        more: dict[str, Any] = {"headers": {"If-Match": version}} if version else {}
        if json is not None:
            more["json"] = json
        answer = await self._client.request(method, path, **more)
        expected = answer.status_code == status if status else answer.is_success
        assert expected, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def tag(self, path: str) -> str:
        """Return the version of what stands there."""
        return (await self._client.get(path)).headers["etag"]


def write(**changes: Any) -> dict[str, Any]:
    """Return free text, as a program posts it."""
    fields = {
        "type": "general.message",
        "legal_basis": consent_for("XK"),
        "body": {"text": "She asked to be rung in the morning."},
    }
    return make_draft(**fields | changes).model_dump(mode="json", exclude_none=True)


def list_kinds(case: Mapping[str, Any]) -> list[str]:
    """Return what happened in a case, the newest first."""
    return [entry["kind"] for entry in case["timeline"]]


async def test_the_course_of_a_case(world: CaseWorld) -> None:
    """Linked and unlinked, handed over, its circumstances, closed and taken up again."""
    cases = [await world.ask("AL", "POST", "/cases", json={}) for _ in range(2)]
    path, other = f"/cases/{cases[0]['case_id']}", cases[1]["case_id"]
    await world.ask("AL", "POST", f"{path}/links", json={"case_id": other})
    both = [await world.ask("AL", "GET", f"/cases/{each['case_id']}") for each in cases]
    assert other in str(both[0])
    assert cases[0]["case_id"] in str(both[1])
    await world.ask("AL", "DELETE", f"{path}/links/{other}")
    assert other not in str(await world.ask("AL", "GET", path))

    add_person(world.network.node("AL"), "ben", Role.FOCAL_POINT)
    manager = {"post": "Case manager, care", "authority": "AL-anti-trafficking-desk"}
    named = await world.ask("AL", "PUT", f"{path}/manager", json=manager)
    stale = {"If-Match": f'"{named["row_version"] + 5}"'}
    late = await world.refuse("AL", "PUT", f"{path}/manager", json=manager, headers=stale)
    assert late["status"] == 412
    assert "Case manager, care" in str(await world.ask("AL", "GET", path))

    known = {"treated_as_child": True, "guardian_appointed": True}
    await world.ask("AL", "PUT", f"{path}/circumstances", json=known)
    read = (await world.ask("AL", "GET", f"{path}/circumstances"))["circumstances"]
    assert (read["treated_as_child"], read["guardian_appointed"]) == (True, True)

    exception = {
        "ground": "vital_interest",
        "justification": "He is on his way.",
        "person_told": "yes",
    }
    noted = await world.ask("AL", "POST", f"{path}/exceptions", json=exception)
    listed = await world.ask("AL", "GET", f"{path}/exceptions")
    assert noted["exception_id"] in str(listed)

    ending = {"outcome": "objectives_reached", "closed_on": "2026-03-04", "tell": False}
    await world.ask("AL", "POST", f"{path}/close", json=ending)
    assert (await world.ask("AL", "GET", path))["state"] == "closed"
    await world.ask("AL", "POST", f"{path}/reopen", json={"reason": "new_facts"})
    again = await world.ask("AL", "GET", path)
    assert again["state"] != "closed"
    kinds = list_kinds(again)
    assert {"case_closed", "case_reopened", "case_linked", "case_unlinked"} <= set(kinds)


async def test_notes_and_the_confidential_part(world: CaseWorld) -> None:
    """A note is changed and deleted by its version; Part I is for whom it was opened by name."""
    al = world.network.node("AL")
    for name in ("cleared", "other"):
        add_person(al, name, Role.FOCAL_POINT)
    account = {each.sign_in_name: each.id for each in list_accounts(al)}["cleared"]
    with al.database.transaction() as session:
        session.get_one(ClearanceRow, account).confidential = True
    cleared, other = Program(world, "cleared"), Program(world, "other")
    opened = await cleared.ask("POST", "/cases", {})
    notes = f"/cases/{opened['case_id']}/notes"
    note = await cleared.ask("POST", notes, {"text": "Ring on Monday."})
    one = f"{notes}/{note['note_id']}"
    await cleared.ask("PUT", one, {"text": "x"}, status=428)
    changed = await cleared.ask("PUT", one, {"text": "Ring on Tuesday."}, version='"1"')
    await cleared.ask("PUT", one, {"text": "Late."}, version='"1"', status=412)
    assert "Ring on Tuesday." in str(await cleared.ask("GET", notes))
    await cleared.ask("DELETE", one, version=f'"{changed["row_version"]}"')
    assert "Ring on Tuesday." not in str(await cleared.ask("GET", notes))
    part = f"/cases/{opened['case_id']}/confidential"
    await other.ask("PUT", part, {}, status=403)
    await cleared.ask("GET", part, status=404)
    said = {"identity": {"family_name": "Invented", "given_names": "Name"}}
    kept = await cleared.ask("PUT", part, said)
    assert kept["content"]["identity"]["family_name"] == "Invented"
    read = await cleared.ask("GET", part)
    assert (read["content"], read["row_version"]) == (kept["content"], 1)
    await cleared.ask("PUT", part, said, version='"7"', status=412)
    await other.ask("GET", part, status=403)


async def test_a_second_person_says_no_and_somebody_asks_no_more(world: CaseWorld) -> None:
    """Refused with a reason that who asked reads; taken back before anybody decided."""
    al = world.network.node("AL")
    add_person(al, "asker", Role.FOCAL_POINT)
    add_person(al, "approver", Role.APPROVER)
    asker, approver = Program(world, "asker"), Program(world, "approver")
    exception = {
        "ground": "vital_interest",
        "justification": "He is on his way.",
        "person_told": "yes",
    }
    basis = {"kind": "exception", "ground": "vital_interest"}
    asked = []
    for text in ("one", "two"):
        draft = write(
            legal_basis=basis, exception=exception, urgency="immediate", body={"text": text}
        )
        request = {"draft": draft, "justification": "It cannot wait."}
        asked.append(await asker.ask("POST", "/approvals", request))
    no, back = (f"/approvals/{each['approval_id']}" for each in asked)
    await approver.ask("POST", f"{no}/refuse", {"reason": "Ask her first."})
    assert "Ask her first." in str(await asker.ask("GET", no))
    await asker.ask("POST", f"{back}/take-back", {})
    states = {(await asker.ask("GET", each))["state"] for each in (no, back)}
    assert states == {"refused", "taken_back"}
    assert await approver.ask("GET", "/approvals") == []


async def test_an_item_goes_back_and_a_draft_goes(world: CaseWorld) -> None:
    """Claimed and let go again; a draft that nobody needs any more is dropped."""
    al = world.network.node("AL")
    add_person(al, "ana", Role.FOCAL_POINT)
    ana = Program(world, "ana")
    xk_draft = make_draft(recipient="AL").model_dump(mode="json", exclude_none=True)
    await world.send("XK", xk_draft)
    (item,) = (await ana.ask("GET", "/items"))["items"]
    path = f"/items/{item['item_id']}"
    await ana.ask("POST", f"{path}/claim", {})
    assert (await ana.ask("GET", path))["claimed_by"] is not None
    await ana.ask("POST", f"{path}/release", {})
    assert (await ana.ask("GET", path))["claimed_by"] is None
    kept = await ana.ask("POST", "/drafts", {"content": write()})
    one = f"/drafts/{kept['draft_id']}"
    await ana.ask("DELETE", one, version=await ana.tag(one))
    await ana.ask("GET", one, status=404)


async def test_people_their_devices_and_tokens(world: CaseWorld) -> None:
    """Other roles, out and in again, signed out everywhere; a token made and taken back."""
    al = world.network.node("AL")
    for name, role in (
        ("chief", Role.NODE_ADMIN),
        ("ana", Role.FOCAL_POINT),
        ("ben", Role.FOCAL_POINT),
    ):
        add_person(al, name, role)
    chief, ben = Program(world, "chief"), Program(world, "ben")
    people = {each["sign_in_name"]: each for each in await chief.ask("GET", "/people")}
    ana = f"/people/{people['ana']['account_id']}"
    wish = {"roles": ["approver"], "channels": ["assistance", "police"]}
    changed = await chief.ask("PUT", ana, wish, version=await chief.tag(ana))
    assert (changed["roles"], changed["access"]) == (["approver"], "waiting")
    await chief.ask("PUT", ana, wish, version='"77"', status=412)
    account = people["ana"]["account_id"]
    open_session(open_sessions(al), account, at=al.clock(), stage=Stage.ACTIVE)
    (device,) = await chief.ask("GET", f"{ana}/devices")
    await chief.ask("DELETE", f"{ana}/devices/{device['device_id']}")
    open_session(open_sessions(al), account, at=al.clock(), stage=Stage.ACTIVE)
    await chief.ask("DELETE", f"{ana}/devices")
    assert await chief.ask("GET", f"{ana}/devices") == []
    assert (await chief.ask("POST", f"{ana}/deactivate", {}))["active"] is False
    assert (await chief.ask("POST", f"{ana}/reactivate", {}))["active"] is True

    asked = {"label": "register", "scope": "reading", "channels": ["assistance"], "days": 2}
    made = await ben.ask("POST", "/tokens", asked)
    assert made["token"]
    assert "register" in {each["label"] for each in await ben.ask("GET", "/tokens")}
    await ben.ask("POST", "/tokens/register/revoke", {})
    (gone,) = [each for each in await ben.ask("GET", "/tokens") if each["label"] == "register"]
    assert gone["revoked_at"]


async def test_access_waits_for_a_colleague_by_the_interface(world: CaseWorld) -> None:
    """One is confirmed by the version that was seen, another is refused."""
    al = world.network.node("AL")
    add_person(al, "ana", Role.FOCAL_POINT)
    add_person(al, "chief", Role.NODE_ADMIN)
    ana, chief = Program(world, "ana"), Program(world, "chief")
    for name in ("right", "wrong"):
        await chief.ask(
            "POST",
            "/people",
            {"sign_in_name": name, "display_name": name, "roles": ["focal_point"]},
        )
    waiting = {each["sign_in_name"]: each for each in await ana.ask("GET", "/waiting-access")}
    for name, act in (("right", "confirm"), ("wrong", "refuse")):
        one = waiting[name]
        path = f"/waiting-access/{one['account_id']}/{act}"
        await ana.ask("POST", path, status=428)
        await ana.ask("POST", path, version=f'"{one["row_version"]}"')
    assert await ana.ask("GET", "/waiting-access") == []
    found = {each["sign_in_name"]: each["access"] for each in await chief.ask("GET", "/people")}
    assert (found["right"], found["wrong"]) == ("confirmed", "refused")


async def test_webhooks_are_kept(world: CaseWorld) -> None:
    """Made, changed by its version, given another secret, taken away."""
    add_person(world.network.node("AL"), "chief", Role.NODE_ADMIN)
    chief = Program(world, "chief")
    wish = {"label": "Register", "url": "https://register.example/in"}
    made = await chief.ask("POST", "/webhooks", wish)
    path = f"/webhooks/{made['webhook_id']}"
    version = await chief.tag(path)
    await chief.ask("PUT", path, {**wish, "label": "Other"}, version='"99"', status=412)
    await chief.ask("PUT", path, {**wish, "label": "Other"}, version=version)
    assert (await chief.ask("GET", path))["label"] == "Other"
    rotated = await chief.ask("POST", f"{path}/rotate-secret", {})
    assert rotated["secret"] != made["secret"]
    await chief.ask("DELETE", path)
    await chief.ask("GET", path, status=404)


async def test_two_recipients_confirm_what_one_withdrawal_asked(
    node_url_of: Callable[[str], str],
) -> None:
    """Whoever has the data is told; each deletes and answers for themselves, by programs alone."""
    world = await CaseWorld.make(node_url_of, "AL", "XK", "ME")
    try:
        first = await world.send("AL", write(consent=dict(ON_FILE)))
        draft = write(recipient="ME", legal_basis=consent_for("ME"), consent=dict(ON_FILE))
        await world.send("AL", {**draft, "case": first["case"]})
        path = f"/cases/{first['case_id']}/withdrawals"
        stopped = await world.ask("AL", "POST", path, json={"withdrawn_by": "person"})
        assert {told["peer"] for told in stopped["told"]} == {"XK", "ME"}
        world.settle()
        for number, code in enumerate(("XK", "ME")):
            (asked,) = await world.ask(code, "GET", "/deletions")
            confirm = f"/deletions/{asked['message_id']}/confirm"
            await world.ask(code, "POST", confirm, json={}, headers={"If-Match": '"1"'})
            world.settle()
            listed = await world.ask("AL", "GET", "/deletions", params={"open_only": False})
            done = [each for each in listed if each["state"] == "erased"]
            assert len(done) == number + 1
    finally:
        await world.close()
