"""What programs learn of delivery and of what was sent in vain, and what of it they take out."""

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from node.api.app import create_api
from node.service.composing import handle_send
from node.service.tokens import TokenScope
from protocol.identifiers import Channel
from tests.support.access import no_refresh
from tests.support.api import api_of
from tests.support.evidence_nodes import EvidenceNetwork, make_evidence_network
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, token_of


@pytest.fixture
def network(node_url_of: Callable[[str], str], tmp_path: Path) -> Iterator[Network]:
    """AL, XK and MK, with files."""
    made = make_network(["AL", "XK", "MK"], url_of=node_url_of, files=tmp_path)
    yield made
    made.close()


@pytest.fixture
def proving(node_url_of: Callable[[str], str], tmp_path: Path) -> Iterator[EvidenceNetwork]:
    """AL and XK on a real registry, whose past they keep."""
    made = make_evidence_network(["AL", "XK"], folder=tmp_path, url_of=node_url_of)
    yield made
    made.network.close()


async def test_what_waits_and_what_was_carried_is_seen_without_content(network: Network) -> None:
    """By Participant, direction and state, page by page: no type, no case, no desk."""
    al = network.node("AL")
    for _ in range(2):
        handle_send(al, make_draft(), who=STAFF)
    network.settle()
    network.clock.advance(seconds=1)
    waiting = handle_send(al, make_draft(recipient="MK"), who=STAFF)
    async with api_of(al, scope=TokenScope.DELIVERY) as program:
        state = (await program.get("/delivery")).json()
        [owed] = state["waiting"]
        assert (owed["peer"], owed["count"], owed["handed_over"]) == ("MK", 1, 0)
        assert (state["held_back"], state["registry"]["grade"]) == (0, "fresh")
        first = (await program.get("/delivery/messages", params={"limit": 2})).json()
        rest = {"limit": 2, "cursor": first["next"]}
        second = (await program.get("/delivery/messages", params=rest)).json()
        everything = [*first["items"], *second["items"]]
        assert [each["peer"] for each in everything] == ["MK", "XK", "XK"]
        assert second["next"] is None
        assert everything[0]["message_id"] == waiting.message_id
        assert "notification" not in json.dumps(everything)
        for wanted, expected in (
            ({"peer": "XK"}, 2),
            ({"dispatch": "delivered"}, 2),
            ({"dispatch": "queued"}, 1),
            ({"direction": "in"}, 0),
        ):
            found = (await program.get("/delivery/messages", params=wanted)).json()
            assert len(found["items"]) == expected, wanted
        room = (await program.get("/delivery/room")).json()
        assert (room["messages"], room["files"], room["quarantined"]) == (3, 0, 0)
        assert min(room["database_bytes"], room["free_bytes"]) > 0


async def test_what_was_refused_and_what_did_not_arrive(network: Network) -> None:
    """The recipient's administrator sees the reason; the sender's people see what came of it."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(recipient="MK"), who=STAFF)
    network.collect("AL")
    network.clock.advance(days=22)
    network.settle()
    async with api_of(network.node("MK"), scope=TokenScope.DELIVERY) as program:
        [refused] = (await program.get("/delivery/quarantine")).json()
        assert (refused["peer"], refused["reason"]) == ("AL", "expired")
    async with api_of(al) as program:
        [trouble] = (await program.get("/sent-troubles")).json()
        assert trouble["message_id"] == sent.message_id
        assert trouble["dispatch"] in {"expired", "rejected"}
    async with api_of(al, label="police", channels=frozenset({Channel.POLICE})) as program:
        assert (await program.get("/sent-troubles")).json() == []


async def test_the_audit_log_is_taken_out_as_a_whole(network: Network) -> None:
    """Line by line with every hash, the note that it was taken out first; or a part of it."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=STAFF)
    async with api_of(al) as reader:
        assert (await reader.get(f"/messages/{sent.message_id}/evidence")).is_success
    async with api_of(al, label="auditor", scope=TokenScope.AUDIT) as program:
        answer = await program.get("/audit/export")
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.text.splitlines()]
        head = (await program.get("/audit/head")).json()
        assert lines[0]["action"] == "audit_exported"
        assert (lines[0]["sequence"], lines[0]["entry_hash"]) == tuple(head.values())
        assert [line["sequence"] for line in lines] == list(range(len(lines), 0, -1))
        assert all(
            later["previous_hash"] == earlier["entry_hash"] for later, earlier in pairwise(lines)
        )
        part = await program.get("/audit/export", params={"action": "token_made"})
        actions = {json.loads(line)["action"] for line in part.text.splitlines()}
        assert actions == {"token_made"}


async def test_a_case_and_a_message_are_proved_by_what_a_program_took(
    proving: EvidenceNetwork,
) -> None:
    """The bundle is what ``trm-verify`` accepts, and holds nothing of another channel."""
    al = proving.network.node("AL")
    first = handle_send(al, make_draft(), who=STAFF)
    handle_send(al, make_draft(case=first.case_reference), who=STAFF)
    proving.network.settle()
    api = create_api(al, refresh_registry=no_refresh, archive=proving.archives["AL"])
    places = {f"/cases/{first.case_id}/bundle": 2, f"/messages/{first.message_id}/bundle": 1}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(api), base_url="http://node"
    ) as program:
        for place, count in places.items():
            token = token_of(al, hashlib.sha256(place.encode()).hexdigest()[:8])
            taken = await program.get(place, headers={"Authorization": f"Bearer {token}"})
            assert taken.headers["content-type"] == "application/zip"
            assert taken.headers["bundle-lacks"] == "0"
            verdict = verify_bundle(taken.content, trusted_root=proving.world.trusted_root)
            assert verdict.outcome is Outcome.PROVED
            assert len(verdict.judgement.messages) == count
        police = token_of(al, "police", channels=frozenset({Channel.POLICE}))
        for place in places:
            refused = await program.get(place, headers={"Authorization": f"Bearer {police}"})
            assert refused.status_code == 404
