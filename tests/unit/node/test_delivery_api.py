"""Dead letters and taking back, for programs: each token opens its own side and nothing else."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlmodel import Session

from node.api.app import create_api
from node.service.composing import handle_send
from node.service.dead_letters import list_dead_letters
from node.service.reading import PAGE
from node.service.tokens import TokenScope
from node.store.tables import MessageRow, QuarantineRow
from protocol.errors import RejectionCode
from protocol.subjects import TrafficClass
from tests.support.node import Network, make_draft, make_network
from tests.support.people import acting, token_of


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    yield made
    made.close()


def write(network: Network) -> str:
    """Queue a message of AL."""
    return handle_send(network.node("AL"), make_draft(), who=acting("u1")).message_id


async def no_refresh() -> None:
    """Do nothing."""


async def test_a_program_sees_delivery_and_never_content(network: Network) -> None:
    """A token of delivery opens dead letters and no message; one of messages the reverse."""
    message_id = write(network)
    network.clock.advance(days=2)
    al = network.node("AL")
    app = create_api(al, refresh_registry=no_refresh)
    tokens = {
        scope: token_of(al, scope, scope=scope)
        for scope in (TokenScope.DELIVERY, TokenScope.MESSAGES)
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://node"
    ) as client:

        async def ask(
            scope: TokenScope, path: str, body: object = None, *, post: bool = False
        ) -> httpx.Response:
            headers = {"Authorization": f"Bearer {tokens[scope]}"}
            if post:
                return await client.post(path, headers=headers, json=body)
            return await client.get(path, headers=headers)

        letters = "/delivery/dead-letters"
        assert (await ask(TokenScope.MESSAGES, letters)).status_code == 403
        assert (await ask(TokenScope.DELIVERY, f"/messages/{message_id}")).status_code == 403
        (listed,) = (await ask(TokenScope.DELIVERY, letters)).json()
        assert (listed["letter_id"], listed["kind"]) == (message_id, "undelivered")
        assert not {"type", "phase", "body", "message", "urgency"} & set(listed)
        one = f"{letters}/{message_id}"
        retried = await ask(TokenScope.DELIVERY, f"{one}/retry", post=True)
        assert retried.json() == {"outcome": "queued"}
        with al.database.transaction() as session:  # as if its keys were replaced since
            session.get_one(MessageRow, message_id).signer_key_id = "0" * 32
        assert (await ask(TokenScope.DELIVERY, one)).json()["obstacle"] == "keys_replaced"
        vain = await ask(TokenScope.DELIVERY, f"{one}/retry", post=True)
        assert (vain.status_code, "written anew" in vain.json()["detail"]) == (422, True)
        wrong = await ask(TokenScope.DELIVERY, f"{one}/settle", {"reason": "bored"}, post=True)
        assert wrong.status_code == 422
        stale = await ask(
            TokenScope.DELIVERY, f"{one}/settle?row_version=9", {"reason": "not_needed"}, post=True
        )
        assert stale.status_code == 409
        done = await ask(TokenScope.DELIVERY, f"{one}/settle", {"reason": "not_needed"}, post=True)
        assert (done.json()["kind"], done.json()["settled_at"] is None) == ("given_up", False)
        shown = (await ask(TokenScope.DELIVERY, one)).json()
        assert [event["kind"] for event in shown["events"]] == [
            "message_queued", "message_retried", "message_given_up",
        ]  # fmt: skip
        cancelled = await ask(TokenScope.MESSAGES, f"/messages/{write(network)}/cancel", post=True)
        assert cancelled.json()["certain"] is True
        late = await ask(TokenScope.MESSAGES, f"/messages/{message_id}/cancel", post=True)
        assert late.status_code == 409
        assert "correction" in late.json()["detail"]


def test_nobody_hides_what_did_not_arrive_behind_a_heap(network: Network) -> None:
    """A page of newer envelopes that are no good, and of settled letters, leaves it in sight."""
    message_id = write(network)
    network.clock.advance(days=2)
    al = network.node("AL")

    def heap(session: Session) -> None:
        for number in range(2 * PAGE):
            row = QuarantineRow(
                at=network.clock(),
                traffic=TrafficClass.MESSAGE,
                reason=RejectionCode.FORGED,
                detail="",
                identity=f"{number:064x}",
                envelope_sha256=f"{number:064x}",
                envelope=b"",
                settled_at=network.clock() if number % 2 else None,
            )
            session.add(row)

    al.transact(heap)
    for open_only in (True, False):
        letters = list_dead_letters(al, open_only=open_only)
        assert len(letters) == PAGE
        assert letters[0].letter_id == message_id
