"""Every type of the catalogue, sent, received and answered through the JSON interface."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import pytest
import pytest_asyncio

from node.service.building import Draft
from node.service.composing import RECORDED_ELSEWHERE, queue_message
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.codes import Kind
from protocol.messages.entries import Expectation
from protocol.messages.head import CaseMessage
from tests.support.case_world import (
    PREPARED,
    CaseWorld,
    answer_of,
    consent_for,
    draft_of,
    record_of,
)
from tests.support.examples import get_body_type, read_as
from tests.support.people import STAFF

#: What settles or corrects another message, tested with the message that it is about.
ABOUT_OTHERS: Final = frozenset({"general.decision", "general.response", "general.correction"})
NO_CONVERSATION: Final = frozenset({"general.message", "general.case_closed"})
TYPES: Final = sorted(
    tag
    for tag, entry in CATALOGUE.items()
    if issubclass(entry.model, CaseMessage) and tag not in ABOUT_OTHERS
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_node_url_of: Callable[[str], str]) -> AsyncIterator[CaseWorld]:
    """AL and XK, who may tell each other everything, and MK, to which something is forwarded."""
    made = await CaseWorld.make(shared_node_url_of, "AL", "XK", "MK")
    yield made
    await made.close()


MK_DESK: Final = "MK-anti-trafficking-desk"
#: Who hears that data is to be deleted passes nothing on any more.
WITHDRAWING: Final = frozenset({"general.consent_withdrawn", "general.erasure"})
#: What a recipient may say instead of a yes, one after the other, and what follows from it.
TURNED_AWAY: Final[list[tuple[dict[str, str], str]]] = [
    (
        {"outcome": "more_information_needed", "procedure_note": "In which place?"},
        "more_information_needed",
    ),
    ({"outcome": "declined", "decline_reason": "not_competent"}, "declined"),
    (
        {"outcome": "forwarded", "forwarded_to": MK_DESK},
        "forwarded_elsewhere",
    ),
]

#: Of these types the first example describes a return that is not prepared yet.
_EXAMPLE: Final = {
    "return.arrival_reception": 2,
    "return.assisted_voluntary_return": 2,
    "return.return_notification": 2,
}


async def begin(world: CaseWorld, tag: str, sender: str, recipient: str) -> str | None:
    """Record what has to come before a message of this type; returns its case, if there is one."""
    if not tag.startswith("return."):
        return None
    opened = await world.ask(sender, "POST", "/cases", json={})
    path = f"/cases/{opened['case_id']}/return"
    await world.ask(sender, "PUT", path, json=dict(PREPARED) | {"reception_confirmed": True})
    reference = str(opened["case"])
    if tag == "return.assisted_voluntary_return":
        notice = draft_of(
            "return.return_notification", sender, recipient, example=2, case=reference
        )
        told = await world.send(sender, notice)
        await world.accept(recipient, told["message_id"])
    return reference


async def send(world: CaseWorld, tag: str, sender: str, draft: dict[str, Any]) -> Mapping[str, Any]:
    """Send it; what only the node sends, it sends, and refuses to whoever posts it."""
    if tag not in RECORDED_ELSEWHERE:
        return await world.send(sender, draft)
    for told in (draft, draft | {"in_reply_to": "0" * 32}):  # with others at once, and alone
        refused = await world.refuse(sender, "POST", "/messages", json=told)
        assert (refused["status"], RECORDED_ELSEWHERE[tag] in refused["detail"]) == (422, True)
    refused = await world.refuse(sender, "POST", "/drafts/check", json=draft)
    assert RECORDED_ELSEWHERE[tag] in refused["detail"]
    node = world.network.node(sender)
    queued = node.transact(
        lambda session: queue_message(node, session, Draft.model_validate(draft), who=STAFF)
    )
    world.settle()
    return {"message_id": queued.message_id}


async def turn_it_away(world: CaseWorld, tag: str, message_id: str, code: str, back: str) -> None:
    """Let the recipient ask for more, decline, and forward it; both sides see each of it.

    What expects nothing is not decided about, and stays as it was.
    """
    path = f"/messages/{message_id}"
    told = (await world.ask(code, "GET", path))["message"]
    is_told = CATALOGUE[tag].expectation_of(Kind(told["kind"])) is Expectation.NOTHING
    allowed = {"target": MK_DESK, "allowed": True}
    await world.ask(code, "POST", f"{path}/onward-answers", json=allowed)
    turned = TURNED_AWAY[:-1] if tag in WITHDRAWING else TURNED_AWAY
    for decision, state in turned:
        seen = (await world.ask(code, "GET", path))["item"]["row_version"]
        more: dict[str, Any] = {"json": decision, "headers": {"If-Match": f'"{seen}"'}}
        if is_told:
            refused = await world.refuse(code, "POST", f"{path}/decision", **more)
            assert "expects no decision" in refused["detail"]
        else:
            decided = await world.ask(code, "POST", f"{path}/decision", **more)
            world.settle()
            typed = await world.ask(back, "GET", f"/messages/{decided['message_id']}")
            assert decision.items() <= typed["message"]["body"].items()
        for side in (code, back):
            held = await world.ask(side, "GET", f"{path}/conversation")
            assert held["state"] == ("told" if is_told else state)
            assert [step["refusal"] for step in held["steps"] if step["refusal"]] == []
    if turned is not TURNED_AWAY and not is_told:
        forward, _ = TURNED_AWAY[-1]
        seen = (await world.ask(code, "GET", path))["item"]["row_version"]
        more = {"json": forward, "headers": {"If-Match": f'"{seen}"'}}
        refused = await world.refuse(code, "POST", f"{path}/decision", **more)
        assert [each["code"] for each in refused["decision"]["reasons"]] == ["onward.withdrawn"]


async def settle_it(world: CaseWorld, tag: str, message_id: str, code: str, back: str) -> str:
    """Let the recipient do what a type expects; returns the state that follows on both sides."""
    path = f"/messages/{message_id}"
    view = await world.ask(code, "GET", path)
    expects = CATALOGUE[tag].expectation_of(Kind(view["message"]["kind"]))
    if expects is Expectation.DECISION:
        await world.accept(code, message_id)
        return "accepted"
    if expects is Expectation.NOTHING:
        decision = {"outcome": "accepted", "case_manager": {"post": "Case manager"}}
        refused = await world.refuse(code, "POST", f"{path}/decision", json=decision)
        assert "expects no decision" in refused["detail"]
        return "told"
    consents = f"/cases/{view['item']['case_id']}/consents"
    await world.ask(code, "POST", consents, json=record_of(consent_for(back)))
    answer = answer_of(tag, code, back)
    answered = await world.ask(code, "POST", f"{path}/answer", json=answer)
    world.settle()
    typed = (await world.ask(back, "GET", f"/messages/{answered['message_id']}"))["message"]
    assert typed["body"]["answer"]["answers"] == tag
    assert typed["in_reply_to"] == message_id
    return "answered"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("tag", TYPES)
async def test_every_type_is_sent_received_and_settled(world: CaseWorld, tag: str) -> None:
    """In both directions it arrives as it was written; what it expects ends it on both sides.

    One way it is accepted or answered, the other way asked about, declined and forwarded.
    """
    ways = [("AL", "XK"), ("XK", "AL")]
    for sender, recipient in ways:
        example = _EXAMPLE.get(tag, 0)
        case = await begin(world, tag, sender, recipient)
        draft = draft_of(tag, sender, recipient, example=example, case=case)
        sent = await send(world, tag, sender, draft)
        path = f"/messages/{sent['message_id']}"
        view = await world.ask(recipient, "GET", path)
        assert (view["item"]["type"], view["item"]["peer"]) == (tag, sender)
        body = get_body_type(CATALOGUE[tag].model)
        assert read_as(body, view["message"]["body"]) == read_as(body, draft["body"])
        if tag in NO_CONVERSATION:
            assert (await world.refuse(sender, "GET", f"{path}/conversation"))["status"] == 404
        elif (sender, recipient) == ways[TYPES.index(tag) % 2]:  # each side settles half of them
            state = await settle_it(world, tag, sent["message_id"], recipient, sender)
            for code in (sender, recipient):
                assert (await world.ask(code, "GET", f"{path}/conversation"))["state"] == state
        else:
            await turn_it_away(world, tag, sent["message_id"], recipient, sender)
