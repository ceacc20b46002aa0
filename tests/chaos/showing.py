"""What nodes show over their interfaces at the end of a run, and what is still under way."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.demo.scenario import NodeClient
from tests.chaos.arena import Arena
from tests.chaos.files import list_received
from tests.chaos.ledger import Ledger

Say = Callable[[str], None]

_LOOK_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 15.0
DELIVERED: Final = frozenset({"delivered", "read"})
FAILED: Final = frozenset({"rejected", "expired", "cancelled", "given_up"})
TAKEN_BACK: Final = "cancelled"
_UNSETTLED: Final[Mapping[str, str]] = {
    "messages on their way": "SELECT count(*) FROM message WHERE direction = 'out' "
    "AND dispatch IN ('queued', 'on_its_way')",
    "receipts owed": "SELECT count(*) FROM receipt_due",
    "gaps asked for": "SELECT count(*) FROM link_gap WHERE NOT given_up",
    "questions of restored nodes": "SELECT count(*) FROM restore_question WHERE ask_at IS NOT NULL",
    "hand-overs asked for": "SELECT count(*) FROM outbox WHERE once_until IS NOT NULL",
    "files on their way": "SELECT count(*) FROM received_file WHERE state = 'arriving' "
    "AND ask_at IS NOT NULL",
}


def read_rows(file: Path, statement: str) -> list[Any]:
    """Ask a node's database, without touching it."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(statement).fetchall()


def list_unsettled(arena: Arena) -> dict[str, int]:
    """Return what is still under way, in all nodes together."""
    counts: Counter[str] = Counter()
    for estate in arena.estates.values():
        for what, statement in _UNSETTLED.items():
            counts[what] += read_rows(estate.folder / "node.db", statement)[0][0]
    return {what: count for what, count in counts.items() if count}


def wait_until_settled(arena: Arena, *, say: Say, seconds: float) -> None:
    """Return when nothing is under way any more, or when it takes too long: the verdict tells."""
    began = told = time.monotonic()
    while (left := list_unsettled(arena)) and time.monotonic() - began < seconds:
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            say("still " + ", ".join(f"{count} {what}" for what, count in left.items()))
        time.sleep(_LOOK_SECONDS)  # the state of other processes has no event
    if left:
        say(f"NOT SETTLED: {left}")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the nodes show over their interfaces."""

    #: By Participant: how often each received message is listed.
    received: Mapping[str, Counter[str]]
    #: By Participant: what became of each sent message that it knows.
    sent: Mapping[str, Mapping[str, str]]
    #: Failed messages for which the sender is told a reason.
    reasons: Mapping[str, str]
    #: By message with files, as the recipient has it: digests of what it hands out.
    files: Mapping[str, list[str]] = field(default_factory=dict)
    #: Messages that a sender knew as delivered before its disk was lost.
    once_delivered: frozenset[str] = frozenset()


def ask_nodes(arena: Arena, ledger: Ledger) -> Shown:
    """Ask every node what it shows, page by page, and for every file."""
    received: dict[str, Counter[str]] = {}
    sent: dict[str, dict[str, str]] = {}
    reasons: dict[str, str] = {}
    for code, node in arena.nodes.items():
        client = NodeClient(code=code, url=node.url, token=node.api_token)
        try:
            received[code] = Counter(
                item["message_id"] for item in _list(client, "in") if item["readable"]
            )
            sent[code] = {item["message_id"]: item["dispatch"] for item in _list(client, "out")}
            for message_id, state in sent[code].items():
                if state in FAILED:
                    reasons |= _ask_reason(client, message_id, state)
        finally:
            client.close()
    files = _ask_files(arena, ledger, received)
    return Shown(received, sent, reasons, files, _list_once_delivered(arena))


def _list_once_delivered(arena: Arena) -> frozenset[str]:
    return frozenset(
        message_id
        for estate in arena.estates.values()
        for file in estate.discarded
        for message_id, dispatch in read_rows(
            file, "SELECT message_id, dispatch FROM message WHERE direction = 'out'"
        )
        if dispatch in DELIVERED
    )


def _ask_files(
    arena: Arena, ledger: Ledger, received: Mapping[str, Counter[str]]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, node in arena.nodes.items():
        headers = {"Authorization": f"Bearer {node.api_token}"}
        with httpx.Client(base_url=f"{node.url}/api/v1", headers=headers, timeout=60) as http:
            for entry in ledger.accepted:
                is_here = entry.recipient == code and entry.message_id in received[code]
                if entry.files and is_here:
                    found[entry.message_id] = list_received(http, entry.message_id)
    return found


def _list(client: NodeClient, direction: str) -> Iterator[dict[str, Any]]:
    parameters = {"direction": direction}
    while True:
        page = client.ask("/messages", **parameters)
        yield from page["items"]
        if page["next"] is None:
            return
        parameters["cursor"] = page["next"]


def _ask_reason(client: NodeClient, message_id: str, state: str) -> dict[str, str]:
    view = client.ask(f"/messages/{message_id}")
    case = client.ask(f"/cases/{view['item']['case_id']}")
    kinds = {event["kind"] for event in case["timeline"] if event["message_id"] == message_id}
    told = [proof["reason"] for proof in view["proofs"] if proof["reason"]]
    if f"message_{state}" in kinds and (state != "rejected" or told):
        return {message_id: ", ".join(told) or state}
    return {}
