"""kill -9 of sender, recipient, hub, broker amid a case and a file: nothing lost or doubled."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from contact_registry.directory import Directory
from deploy.demo.scenario import NodeClient, verify_receipt
from deploy.demo.world import DemoWorld
from protocol.identifiers import ParticipantCode, Phase
from tests.support.broker import kill_broker
from tests.support.consent import on_consent
from tests.support.files_sent import make_picture
from tests.support.node import NOTIFICATION_BODY, REFERRAL_BODY

READY_SECONDS = 60.0
MIB = 1024**2
Clients = dict[str, NodeClient]


def revive(world: DemoWorld, code: str) -> None:
    """Start a node again and wait until it serves (it need not reach the broker yet)."""
    world.nodes[code].process.start()
    world.nodes[code].process.wait_until("/healthz", seconds=READY_SECONDS)


def body_for(sender: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body whose case manager is the sender's."""
    manager = {"post": "Duty officer", "authority": f"{sender}-duty-desk"}
    return {**body, "case_manager": manager}


def identification_desk(directory: Directory, code: str) -> str:
    """Return a desk of a Participant for identification, reachable by telephone or not."""
    return next(
        authority.id
        for authority in directory.contacts[ParticipantCode(code)].authorities
        if any(competence.phase is Phase.IDENTIFICATION for competence in authority.competences)
    )


def notify(client: NodeClient, *, to: str, desk: str, key: str) -> dict[str, Any]:
    """Queue a notification."""
    draft = {
        "type": "identification.presumed_victim_notification",
        "recipient": to,
        "to_authority": desk,
        "legal_basis": {"kind": "no_personal_data"},
        "body": body_for(client.code, NOTIFICATION_BODY),
    }
    return client.send(draft, key=key)


def wait_delivered(client: NodeClient, message_id: str) -> None:
    """Wait until the sender has the recipient's receipt."""
    client.wait_for(
        f"/messages/{message_id}",
        lambda view: view["item"]["dispatch"] in {"delivered", "read"},
        what=f"delivery of {message_id}",
    )


def received(client: NodeClient) -> list[str]:
    """Return the ids of all messages that a node shows as received, page by page."""
    ids: list[str] = []
    parameters: dict[str, str] = {"direction": "in"}
    while True:
        page = client.ask("/messages", **parameters)
        ids += [item["message_id"] for item in page["items"]]
        if page["next"] is None:
            return ids
        parameters["cursor"] = page["next"]


def send_killed(world: DemoWorld, client: NodeClient, content: bytes, *, desk: str) -> str:
    """Send a file of many parts, and kill its node once some left; returns the message's id."""
    http = httpx.Client(
        base_url=f"{world.nodes['AL'].url}/api/v1",
        headers={"Authorization": f"Bearer {world.nodes['AL'].api_token}"},
    )
    with http:
        draft = {
            "name": "map.png",
            "sensitivity": "protection",
            "size": len(content),
            "recipient": "XK",
        }
        file_id = client.post("/files", draft)["file_id"]
        for begin in range(0, len(content), 4 * MIB):  # in pieces, as the draft of the IETF says
            http.patch(
                f"/files/{file_id}",
                content=content[begin : begin + 4 * MIB],
                headers={"Upload-Offset": str(begin)},
            ).raise_for_status()
    sent = client.send(
        {
            "type": "identification.presumed_victim_notification",
            "recipient": "XK",
            "to_authority": desk,
            **on_consent("XK"),
            "body": body_for("AL", NOTIFICATION_BODY),
            "files": [file_id],
        },
        key="with-a-file",
    )
    message_id = str(sent["message_id"])
    client.wait_for(
        f"/messages/{message_id}/files",
        lambda files: files[0]["parts_done"] > 0,
        what="hand-over of some parts",
    )
    world.nodes["AL"].process.kill()
    return message_id


def fetch_file(world: DemoWorld, message: str) -> bytes:
    """Fetch the one file of a message that XK received."""
    with httpx.Client(
        base_url=f"{world.nodes['XK'].url}/api/v1",
        headers={"Authorization": f"Bearer {world.nodes['XK'].api_token}"},
    ) as http:
        (file,) = http.get(f"/messages/{message}/files").raise_for_status().json()
        return http.get(f"/received-files/{file['file_id']}").raise_for_status().content


def test_the_case_completes_whatever_is_killed(
    world: DemoWorld, directory: Directory, clients: Clients
) -> None:
    """Sender, recipient, broker, and hub die in the middle of each step; the case completes."""
    al, xk = clients["AL"], clients["XK"]
    desk = identification_desk(directory, "XK")

    # The sender dies right after it said yes, with the broker away: the message is on its disk.
    kill_broker(world.broker)
    notification = notify(al, to="XK", desk=desk, key="notification")
    world.nodes["AL"].process.kill()
    revive(world, "AL")
    world.broker.start()
    wait_delivered(al, notification["message_id"])

    # The recipient is off, then the broker that alone holds the message dies.
    world.nodes["XK"].process.kill()
    world.hub.kill()
    referral = al.send(
        {
            "type": "identification.initial_referral",
            "recipient": "XK",
            "case": notification["case"],
            "in_reply_to": notification["message_id"],
            "to_authority": notification["to_authority"],
            "legal_basis": {"kind": "no_personal_data"},
            "body": body_for("AL", REFERRAL_BODY),
        },
        key="referral",
    )
    al.wait_for(
        f"/messages/{referral['message_id']}",
        lambda view: view["item"]["dispatch"] == "on_its_way",
        what="hand-over to the broker",
    )
    kill_broker(world.broker)
    world.broker.start()
    revive(world, "XK")
    wait_delivered(al, referral["message_id"])

    # The decider dies right after deciding, and the broker with it.
    message_id = referral["message_id"]
    xk.post(f"/messages/{message_id}/open")
    kill_broker(world.broker)
    decision = xk.post(
        f"/messages/{message_id}/decision",
        {"outcome": "accepted", "case_manager": {"post": "Case manager on duty"}},
        key="decision",
    )
    world.nodes["XK"].process.kill()
    world.nodes["AL"].process.kill()
    world.broker.start()
    revive(world, "XK")
    revive(world, "AL")
    wait_delivered(xk, decision["message_id"])
    handled = al.ask(f"/messages/{message_id}")
    assert handled["item"]["handling"] == "accepted"
    assert handled["decided_by_message"] == decision["message_id"]

    # Asking again with the same keys sends nothing again.
    assert (
        notify(al, to="XK", desk=desk, key="notification")["message_id"]
        == notification["message_id"]
    )
    assert sorted(received(xk)) == sorted([notification["message_id"], message_id])
    assert received(al) == [decision["message_id"]]
    for client, sent in ((al, notification), (al, referral), (xk, decision)):
        verify_receipt(client, message_id=sent["message_id"], directory=directory)
    case = al.ask(f"/cases/{notification['case_id']}")
    delivered = [e["message_id"] for e in case["timeline"] if e["kind"] == "message_delivered"]
    assert sorted(delivered) == sorted([notification["message_id"], message_id])

    # The sender dies while a file of 32 parts leaves: it goes on, and arrives byte for byte.
    content = make_picture(16 * MIB)
    with_file = send_killed(world, al, content, desk=desk)
    revive(world, "AL")
    wait_delivered(al, with_file)
    (arrived,) = set(received(xk)) - {notification["message_id"], message_id}
    assert fetch_file(world, arrived) == content


def kill_at_random(world: DemoWorld, random: Random, *, times: int) -> None:
    """Kill and revive one part after the other, at random moments.

    In the main thread: what it starts is tied to the thread that started it.
    """
    for _ in range(times):
        time.sleep(random.uniform(0.05, 0.8))  # the moment of a crash is not an event to wait for
        victim = random.choice(["AL", "XK", "broker"])
        if victim == "broker":
            kill_broker(world.broker)
            time.sleep(random.uniform(0.0, 0.5))  # as above
            world.broker.start()
        else:
            world.nodes[victim].process.kill()
            time.sleep(random.uniform(0.0, 0.5))  # as above
            revive(world, victim)


@dataclass
class Traffic:
    """Messages both ways, as careful programs send: the same key until the node has said yes."""

    clients: Clients
    desks: Mapping[str, str]
    over: threading.Event = field(default_factory=threading.Event)
    sent: dict[str, list[str]] = field(default_factory=lambda: {"AL": [], "XK": []})

    def run(self) -> None:
        """Send until it is over; a message begun is finished."""
        number = 0
        while not self.over.is_set():
            sender, recipient = ("AL", "XK") if number % 2 else ("XK", "AL")
            answer = self._insist(sender, recipient, key=f"random-{number:04}")
            self.sent[sender].append(answer["message_id"])
            number += 1

    def _insist(self, sender: str, recipient: str, *, key: str) -> dict[str, Any]:
        while True:
            try:
                return notify(
                    self.clients[sender], to=recipient, desk=self.desks[recipient], key=key
                )
            except httpx.HTTPError:
                self.over.wait(0.05)


def test_random_kills(world: DemoWorld, directory: Directory, clients: Clients) -> None:
    """Parts die at random moments under traffic both ways: each message is shown exactly once."""
    random = Random(20260304)
    traffic = Traffic(clients, {code: identification_desk(directory, code) for code in clients})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(traffic.run)
        try:
            kill_at_random(world, random, times=5)
        finally:
            traffic.over.set()
        running.result(timeout=READY_SECONDS)
    for code, other in (("AL", "XK"), ("XK", "AL")):
        assert traffic.sent[code]
        for message_id in traffic.sent[code]:
            wait_delivered(clients[code], message_id)
        verify_receipt(clients[code], message_id=traffic.sent[code][-1], directory=directory)
        assert sorted(received(clients[other])) == sorted(traffic.sent[code])
