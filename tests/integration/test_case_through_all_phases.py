"""Whole cases, by the JSON interface alone: an adult through all five phases, and a child."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import pytest
import pytest_asyncio

from node.service.tokens import TokenScope
from protocol.identifiers import Phase
from protocol.policy.facts import Role
from tests.support.case_world import (
    PREPARED,
    CaseWorld,
    answer_of,
    consent_for,
    draft_of,
    record_of,
)
from tests.support.duty import add_person
from tests.support.node import NO_PERSONAL_DATA
from tests.support.people import token_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSING: Final = {
    "outcome": "objectives_reached",
    "closed_on": "2026-03-04",
    "recipient_may_go_on": False,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_node_url_of: Callable[[str], str]) -> AsyncIterator[CaseWorld]:
    """AL, XK and MK, whose agreements cover everything."""
    made = await CaseWorld.make(shared_node_url_of, "AL", "XK", "MK")
    yield made
    await made.close()


def codes_of(problem: Mapping[str, Any]) -> set[str]:
    """Name the rules that refused a message."""
    assert "decision" in problem, problem
    return {str(reason["code"]) for reason in problem["decision"]["reasons"]}


class Exchange:
    """A case between two Participants, followed message by message."""

    def __init__(self, world: CaseWorld, case: str) -> None:
        self.world, self.case = world, case
        #: The state that each message has to end in.
        self.states: dict[str, str] = {}

    async def send(self, tag: str, sender: str, recipient: str, **changes: Any) -> str:
        """Send an example of a type in this case; returns its identifier."""
        basis = changes.pop("legal_basis", consent_for(recipient))
        draft = draft_of(tag, sender, recipient, case=self.case, legal_basis=basis, **changes)
        draft.pop("consent", None)  # it is on file already
        message_id = str((await self.world.send(sender, draft))["message_id"])
        self.states[message_id] = "told"
        return message_id

    async def accept(self, code: str, message_id: str) -> None:
        """Accept a message."""
        await self.world.accept(code, message_id)
        self.states[message_id] = "accepted"

    async def answer(self, tag: str, message_id: str, code: str, back: str) -> None:
        """Answer a question in full."""
        answer = answer_of(tag, code, back)
        await self.world.ask(code, "POST", f"/messages/{message_id}/answer", json=answer)
        self.world.settle()
        self.states[message_id] = "answered"

    async def verify(self, *codes: str) -> None:
        """Both sides see every conversation in the same state."""
        for message_id, state in self.states.items():
            for code in codes:
                path = f"/messages/{message_id}/conversation"
                held = await self.world.ask(code, "GET", path)
                assert (held["state"], held["provisional"]) == (state, False)
                assert [step["refusal"] for step in held["steps"] if step["refusal"]] == []


async def go_home(world: CaseWorld, exchange: Exchange, ours: str) -> None:
    """Prepare and make the return: its gates are data, and what is missing is named."""
    reception = "return.arrival_reception"
    early = draft_of(reception, "AL", "XK", example=2, case=exchange.case)
    refused = await world.refuse("AL", "POST", "/messages", json=early)
    assert "return.no_decision" in codes_of(refused)
    await world.ask("AL", "PUT", f"/cases/{ours}/return", json=dict(PREPARED))
    asked = await exchange.send(reception, "AL", "XK", example=2)
    await exchange.answer(reception, asked, "XK", "AL")
    notice = await exchange.send("return.return_notification", "AL", "XK", example=2)
    await exchange.accept("XK", notice)
    joint = "return.assisted_voluntary_return"
    asked = await exchange.send(joint, "AL", "XK", example=2)
    await exchange.answer(joint, asked, "XK", "AL")
    await exchange.send("return.arrival_confirmation", "XK", "AL")
    assert (await world.ask("AL", "GET", "/returns/unannounced")) in (
        [],
        {"items": [], "next": None},
    )


async def look_and_close(world: CaseWorld, code: str, case_id: str, peer: str) -> None:
    """One side sees the whole case, with its proofs, and closes it."""
    case = await world.ask(code, "GET", f"/cases/{case_id}")
    assert case["phases"] == [phase.value for phase in Phase]
    assert [party["participant"] for party in case["parties"]] == [peer]
    managers = {s["participant"] for s in case["statements"] if s["kind"] == "manager"}
    assert managers == {"AL", "XK"}
    delivered = [e for e in case["timeline"] if e["kind"] == "message_delivered"]
    assert delivered
    assert all(entry["proof"]["payload_sha256"] for entry in delivered)
    listed = await world.ask(code, "GET", "/cases?person_status=formally_identified")
    assert case_id in {line["case_id"] for line in listed["items"]}
    closed = await world.ask(code, "POST", f"/cases/{case_id}/close", json=CLOSING)
    assert len(closed["told"]) == 1
    world.settle()
    listed = await world.ask(code, "GET", "/cases?state=closed")
    assert case_id in {line["case_id"] for line in listed["items"]}


async def test_a_case_goes_through_all_five_phases(world: CaseWorld) -> None:
    """From a presumed victim found to the trial: sent, decided, answered, proved, closed."""
    opened = await world.ask("AL", "POST", "/cases", json={})
    ours = opened["case_id"]
    consents = f"/cases/{ours}/consents"
    await world.ask("AL", "POST", consents, json=record_of(consent_for("XK")))
    exchange = Exchange(world, opened["case"])

    # identification
    found = await exchange.send("identification.presumed_victim_notification", "AL", "XK")
    theirs = await world.find_case("XK", found)
    await world.ask("XK", "POST", f"/cases/{theirs}/consents", json=record_of(consent_for("AL")))
    await world.ask("XK", "POST", f"/messages/{found}/open")
    await exchange.accept("XK", found)
    identity = "identification.identity_check"
    asked = await exchange.send(identity, "AL", "XK")
    await exchange.answer(identity, asked, "XK", "AL")
    await exchange.send("identification.formal_status", "AL", "XK", example=1)
    # first assistance
    security = "first_assistance.security_assessment"
    asked = await exchange.send(security, "AL", "XK")
    await exchange.answer(security, asked, "XK", "AL")
    # social inclusion
    plan = await exchange.send("social_inclusion.assistance_plan", "AL", "XK")
    await exchange.accept("XK", plan)
    await go_home(world, exchange, ours)
    # proceedings, asked by the other side
    support = "proceedings.witness_support"
    asked = await exchange.send(support, "XK", "AL")
    await exchange.answer(support, asked, "AL", "XK")

    await exchange.verify("AL", "XK")
    for code, case_id, peer in (("AL", ours, "XK"), ("XK", theirs, "AL")):
        await look_and_close(world, code, case_id, peer)
    exchange.states = dict.fromkeys(exchange.states, "closed")
    await exchange.verify("AL", "XK")


def approver_of(world: CaseWorld, code: str) -> dict[str, str]:
    """Return what an approver's own program sends along."""
    context = world.network.node(code)
    add_person(context, "approver", Role.APPROVER)
    token = token_of(context, "approver", scope=TokenScope.PERSON, person="approver")
    return {"Authorization": f"Bearer {token}"}


async def pass_on(world: CaseWorld, case: str, message_id: str, theirs: str) -> None:
    """XK passes the child on to MK: once AL allowed it, and the guardian and an approver agreed."""
    onward = draft_of(
        "identification.initial_referral",
        "XK",
        "MK",
        example=2,
        case=case,
        passes_on=message_id,
        legal_basis=dict(NO_PERSONAL_DATA),
    )
    del onward["body"]["family_note"]
    onward["body"]["child"]["guardian"] = "appointed"
    refused = await world.refuse("XK", "POST", "/messages", json=onward)
    codes = codes_of(refused)
    assert "onward.authority" in codes
    assert any(code.startswith("children.") for code in codes)
    await world.ask(
        "XK",
        "PUT",
        f"/cases/{theirs}/guardian",
        json={"situation": "appointed", "is_case_manager": True},
    )
    allowed = {"target": "MK-anti-trafficking-desk", "allowed": True}
    path = f"/messages/{message_id}/onward-answers"
    await world.ask("XK", "POST", path, json=allowed)
    [recorded] = await world.ask("XK", "GET", path)
    assert (recorded["target"], recorded["allowed"]) == (allowed["target"], True)
    refused = await world.refuse("XK", "POST", "/messages", json=onward)
    assert codes_of(refused) == {"children.onward_not_approved", "onward.not_reported"}
    report = {
        "type": "general.decision",
        "recipient": "AL",
        "case": case,
        "in_reply_to": message_id,
        "urgency": "urgent",
        "legal_basis": dict(NO_PERSONAL_DATA),
        "body": {"outcome": "forwarded", "forwarded_to": allowed["target"]},
    }
    approver = approver_of(world, "XK")
    for draft in (report, onward):  # the sender is told first, then it goes on
        refused = await world.refuse("XK", "POST", "/messages", json=draft)
        assert codes_of(refused) == {"children.onward_not_approved"}
        asked = {"draft": draft, "justification": "Her grandmother lives there."}
        waiting = await world.ask("XK", "POST", "/approvals", json=asked)
        path = f"/approvals/{waiting['approval_id']}/approve"
        given = {"post": "Head of unit", "case_manager_agrees": True}
        own = await world.refuse("XK", "POST", path, json=given)
        assert own["status"] == 403
        await world.ask("XK", "POST", path, json=given, headers=approver)
        world.settle()
    told = await world.ask("AL", "GET", f"/messages/{message_id}/conversation")
    assert told["state"] == "forwarded_elsewhere"
    listed = await world.ask("MK", "GET", "/cases")
    assert [(line["reference"], line["treated_as_child"]) for line in listed["items"]] == [
        (case, True)
    ]
    told = await world.ask("XK", "GET", f"/cases/{theirs}/timeline")
    assert {"approval_asked", "approval_given", "passed_on"} <= {e["kind"] for e in told["items"]}


async def test_a_child_is_referred_with_its_guardian(world: CaseWorld) -> None:
    """Urgent, by the guardian's consent; passed on only if the sender and the guardian allow."""
    opened = await world.ask("AL", "POST", "/cases", json={})
    path = f"/cases/{opened['case_id']}"
    await world.ask("AL", "PUT", f"{path}/person", json={"person_group": "child"})
    referral = draft_of(
        "identification.initial_referral",
        "AL",
        "XK",
        example=2,
        case=opened["case"],
        legal_basis=consent_for("XK", given_by="guardian"),
    )
    referral["body"]["child"]["guardian"] = "appointed"
    del referral["consent"]
    guardian = record_of(consent_for("XK", given_by="guardian"))
    await world.ask("AL", "POST", f"{path}/consents", json=guardian)
    refused = await world.refuse("AL", "POST", "/messages", json=referral)
    assert any(code.startswith("children.") for code in codes_of(refused))
    post = {"post": "Guardian of the centre for social work", "authority": "AL-social-work"}
    body = {"situation": "appointed", "post": post, "is_case_manager": True}
    await world.ask("AL", "PUT", f"{path}/guardian", json=body)
    slow = await world.refuse("AL", "POST", "/messages", json=referral | {"urgency": "standard"})
    assert slow["status"] == 422
    sent = await world.send("AL", referral)
    await world.accept("XK", sent["message_id"])
    theirs = await world.find_case("XK", sent["message_id"])
    listed = await world.ask("XK", "GET", "/cases?treated_as_child=true")
    assert theirs in {line["case_id"] for line in listed["items"]}
    known = await world.ask("XK", "GET", f"/cases/{theirs}/circumstances")
    assert known["circumstances"]["treated_as_child"] is True

    # no return without a best-interest assessment
    journey = dict(PREPARED) | {"best_interest_assessed": False, "reception_confirmed": True}
    await world.ask("AL", "PUT", f"{path}/return", json=journey)
    notice = draft_of(
        "return.return_notification",
        "AL",
        "XK",
        example=1,
        case=opened["case"],
        legal_basis=consent_for("XK", given_by="guardian"),
    )
    refused = await world.refuse("AL", "POST", "/messages", json=notice)
    assert "return.no_best_interest" in codes_of(refused)

    await pass_on(world, opened["case"], sent["message_id"], theirs)
