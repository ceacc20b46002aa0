"""Consent, approval, withdrawal and return through the JSON interface."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from node.api.app import create_api
from node.service.people import NewPerson, Standing, handle_add_account
from node.service.tokens import TokenScope
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.case_world import CaseWorld, consent_for, record_of
from tests.support.consent import ON_FILE
from tests.support.node import make_draft
from tests.support.people import LOCAL, token_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_node_url_of: Callable[[str], str]) -> AsyncIterator[CaseWorld]:
    """AL and XK, for all tests of this file: each has a case of its own."""
    made = await CaseWorld.make(shared_node_url_of)
    yield made
    await made.close()


def write(**changes: Any) -> dict[str, Any]:
    """Return free text on consent, as a program posts it."""
    fields = {
        "type": "general.message",
        "legal_basis": consent_for("XK"),
        "body": {"text": "She asked to be rung in the morning."},
    }
    return make_draft(**fields | changes).model_dump(mode="json", exclude_none=True)


async def test_the_policy_is_asked_before_and_told_in_the_problem(world: CaseWorld) -> None:
    """The preview and the refusal name the same rules and what to do; on file, it is allowed."""
    checked = await world.ask("AL", "POST", "/drafts/check", json=write())
    assert checked["decision"]["outcome"] == "refuse"
    assert checked["desk"]["authority"] == "XK-anti-trafficking-desk"
    problem = await world.refuse("AL", "POST", "/messages", json=write())
    assert (problem["status"], problem["type"]) == (422, "urn:trm:problem:refused-by-policy")
    assert problem["decision"]["reasons"] == checked["decision"]["reasons"]
    assert all(reason["remedy"] for reason in problem["decision"]["reasons"])
    assert "rung" not in str(problem)

    opened = await world.ask("AL", "POST", "/cases", json={})
    consents = f"/cases/{opened['case_id']}/consents"
    await world.ask("AL", "POST", consents, json=record_of(consent_for("XK")))
    draft = write(case=opened["case"])
    checked = await world.ask("AL", "POST", "/drafts/check", json=draft)
    [ground] = checked["decision"]["grounds"]
    [on_file] = await world.ask("AL", "GET", consents)
    assert (ground["kind"], ground["reference"]) == ("consent", on_file["consent_id"])
    sent = await world.send("AL", draft)
    view = await world.ask("AL", "GET", f"/messages/{sent['message_id']}")
    assert view["rests_on"] == [ground]
    received = await world.ask("XK", "GET", f"/messages/{sent['message_id']}")
    assert received["rests_on"] == []


async def test_a_withdrawal_and_its_confirmation(world: CaseWorld) -> None:
    """Withdrawn at one side, deleted and confirmed at the other, by programs alone."""
    sent = await world.send("AL", write(consent=dict(ON_FILE)))
    path = f"/cases/{sent['case_id']}/withdrawals"
    stopped = await world.ask("AL", "POST", path, json={"withdrawn_by": "person"})
    assert [told["peer"] for told in stopped["told"]] == ["XK"]
    world.settle()
    [asked] = await world.ask("XK", "GET", "/deletions")
    confirm = f"/deletions/{asked['message_id']}/confirm"
    stale = await world.refuse("XK", "POST", confirm, json={}, headers={"If-Match": '"7"'})
    assert stale["status"] == 412
    await world.ask("XK", "POST", confirm, json={}, headers={"If-Match": '"1"'})
    world.settle()
    [confirmed] = await world.ask("AL", "GET", "/deletions", params={"open_only": False})
    assert confirmed["state"] == "erased"
    gone = await world.refuse("XK", "GET", f"/messages/{sent['message_id']}")
    assert gone["status"] == 404


async def test_a_withdrawal_whose_recipients_are_looked_at_before_they_are_told(
    world: CaseWorld,
) -> None:
    """Stopped at once, told on a word; told again it is told once."""
    sent = await world.send("AL", write(consent=dict(ON_FILE)))
    path = f"/cases/{sent['case_id']}/withdrawals"
    said = {"withdrawn_by": "person", "procedure_note": "By telephone."}
    stopped = await world.ask("AL", "POST", path, params={"tell_later": True}, json=said)
    assert [(each["peer"], each["message_id"]) for each in stopped["told"]] == [("XK", None)]
    place = f"{path}/{stopped['withdrawal_id']}"
    view = await world.ask("AL", "GET", place)
    assert await world.ask("AL", "GET", path) == [view]
    assert (view["said"]["withdrawn_by"], view["said"]["procedure_note"]) == (
        "person",
        "By telephone.",
    )
    [desk] = view["waiting"]
    assert (desk["peer"], desk["message_ids"]) == ("XK", [sent["message_id"]])
    world.settle()
    before = await world.ask("XK", "GET", "/deletions")
    assert sent["case_id"] not in {each["case_id"] for each in before}
    for _ in range(2):
        told = await world.ask("AL", "POST", f"{place}/tell-now")
        assert told == {**view, "waiting": []}
    world.settle()
    theirs = await world.find_case("XK", sent["message_id"])
    [owed] = await world.ask("XK", "GET", "/deletions", params={"case_id": theirs})
    assert owed["state"] == "open"
    for method, wrong in (
        ("GET", f"{path}/nothing"),
        ("POST", f"{path}/nothing/tell-now"),
        ("POST", f"/cases/nothing/withdrawals/{stopped['withdrawal_id']}/tell-now"),
    ):
        refused = await world.refuse("AL", method, wrong)
        assert refused["status"] == 404


async def test_a_second_person_by_the_interface(world: CaseWorld) -> None:
    """An exception waits for an approver with a token of their own, and leaves with their post."""
    al = world.network.node("AL")
    exception = {
        "ground": "vital_interest",
        "justification": "He is on his way.",
        "person_told": "yes",
    }
    basis = {"kind": "exception", "ground": "vital_interest"}
    draft = write(legal_basis=basis, exception=exception, urgency="immediate")
    problem = await world.refuse("AL", "POST", "/messages", json=draft)
    assert problem["type"] == "urn:trm:problem:needs-second-person"
    asked = {"draft": draft, "justification": "It cannot wait."}
    request = await world.ask("AL", "POST", "/approvals", json=asked)
    path = f"/approvals/{request['approval_id']}/approve"
    own = await world.refuse("AL", "POST", path, json={"post": "Head of unit"})
    assert own["status"] == 403

    standing = Standing(roles=frozenset({Role.APPROVER}), channels=frozenset(Channel))
    handle_add_account(
        al, NewPerson(sign_in_name="beni", display_name="Beni", standing=standing), who=LOCAL
    )
    token = token_of(al, "approver", scope=TokenScope.PERSON, person="beni")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(al, refresh_registry=_nothing)),
        base_url="http://al/",
        headers={"Authorization": f"Bearer {token}"},
    ) as approver:
        [listed] = (await approver.get("/approvals")).json()
        assert listed["justification"] == "It cannot wait."
        done = await approver.post(path, json={"post": "Head of unit"})
    assert done.status_code == 201, done.text
    view = await world.ask("AL", "GET", f"/messages/{done.json()['message_id']}")
    assert view["message"]["legal_basis"]["approved_by_post"] == "Head of unit"


async def _nothing() -> None:
    """Do nothing."""


async def test_a_return_by_the_interface(world: CaseWorld) -> None:
    """What is missing is listed with who can do it; who did not see the newest changes nothing."""
    opened = await world.ask("AL", "POST", "/cases", json={})
    path = f"/cases/{opened['case_id']}/return"
    state = await world.ask("AL", "GET", path)
    assert {each["step"] for each in state["missing"]} >= {"informed_decision", "six_checks"}
    journey = {"decision_recorded": True, "decided_on": "2026-03-02", "is_voluntary": True}
    saved = await world.ask("AL", "PUT", path, json=journey, headers={"If-Match": '"0"'})
    assert saved["row_version"] == 1
    stale = await world.refuse("AL", "PUT", path, json=journey, headers={"If-Match": '"0"'})
    assert stale["status"] == 412
    assert await world.ask("AL", "GET", "/returns/unannounced") == []
