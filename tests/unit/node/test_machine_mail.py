"""What machines say to machines: its class, its way out, and the workers that see to it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.api.health import create_health_router
from node.domain.ports import LinkDownError
from node.service.opening import Arrival
from node.service.receiving import Intake, handle_arrivals
from node.store.link_tables import LinkAskedRow, LinkGapRow, MachineMailRow
from node.store.pin_tables import RegistryVerifiedRow
from node.store.tables import CaseRow, MessageRow, QuarantineRow, ReceiptDueRow
from node.workers.link_repair import LinkRepair
from node.workers.relay import Relay
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import RejectionCode
from protocol.identifiers import MessageId, ParticipantCode
from protocol.messages.link_repair import NumbersField, ResendRequestBody
from protocol.sealing import RecipientKey
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.link_repair import PATIENT, lose, missing, received, say, send
from tests.support.node import Network, make_network

ID = "0123456789abcdef" * 2
ASKING: dict[str, Any] = {"numbers": [{"generation": 1, "first": 1, "last": 2}]}


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK; the use cases below are tested on both databases elsewhere."""
    made = make_network(["AL", "XK"], url_of=node_url_of, rules=PATIENT)
    yield made
    made.close()


def craft(
    network: Network, fields: dict[str, Any], *, traffic: TrafficClass, days: float = 3
) -> Arrival:
    """Make an envelope of AL for XK."""
    head = {
        "version": 1,
        "message_id": ID,
        "sender": "AL",
        "recipient": "XK",
        "composed_at": "2026-03-04T11:00:00Z",
        "registry": {"version": 7, "sha256": "ab" * 32},
    }
    directory = network.directory.directory
    signed = SignedPayload.sign(
        json.dumps(head | fields).encode(),
        consignment=Consignment(
            message_id=MessageId(ID),
            sender=ParticipantCode("AL"),
            recipient=ParticipantCode("XK"),
            expires_at=network.clock() + timedelta(days=days),
        ),
        key=network.node("AL").keys.signing_key,
    )
    key = directory.newest_encryption_key(ParticipantCode("XK"), network.clock())
    assert key is not None
    return Arrival(
        sender=parse_account_id(directory.keys[ParticipantCode("AL")].broker.account),
        recipient=parse_account_id(directory.keys[ParticipantCode("XK")].broker.account),
        traffic=traffic,
        envelope=RecipientKey(key.public_bytes).seal(signed).encode(),
    )


def what_is_kept(network: Network) -> tuple[int, int, int]:
    """Count XK's messages, cases, and receipts that it owes."""
    with network.node("XK").database.reading() as session:
        return (
            len(session.exec(select(MessageRow)).all()),
            len(session.exec(select(CaseRow)).all()),
            len(session.exec(select(ReceiptDueRow)).all()),
        )


# ------------------------------------------------------------------ the class it travels in


@pytest.mark.parametrize("tag", ["system.resend_request", "system.something_new"])
def test_a_machine_message_among_messages_is_malformed(network: Network, tag: str) -> None:
    """Known or not: it is refused, and its sender is told as for any message."""
    arrival = craft(network, {"type": tag, "body": ASKING}, traffic=TrafficClass.MESSAGE)
    [result] = handle_arrivals(network.node("XK"), [arrival])
    assert (result.intake, result.reason) == (Intake.QUARANTINED, RejectionCode.MALFORMED)
    assert what_is_kept(network) == (0, 0, 1)


def test_an_unknown_message_among_machines_is_malformed(network: Network) -> None:
    """Only what begins with system. travels there; the refusal is not answered."""
    fields = {"type": "return.something_new"}
    arrival = craft(network, fields, traffic=TrafficClass.RECEIPT)
    [result] = handle_arrivals(network.node("XK"), [arrival])
    assert result.reason is RejectionCode.MALFORMED
    assert what_is_kept(network) == (0, 0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "system.something_new", "novelty": 1},
        {"type": "system.resend_request", "version": 2, "body": {"novelty": 1}},
        {"type": "system.receipt", "version": 9},
    ],
    ids=["new type", "newer request", "newer receipt"],
)
def test_a_machine_message_of_the_future_is_ignored(
    network: Network, fields: dict[str, Any]
) -> None:
    """Acknowledged and forgotten: nothing to show, nothing to answer, nothing in quarantine."""
    arrival = craft(network, fields, traffic=TrafficClass.RECEIPT)
    for _ in range(2):
        [result] = handle_arrivals(network.node("XK"), [arrival])
        assert (result.intake, result.reason) == (Intake.IGNORED, None)
    assert what_is_kept(network) == (0, 0, 0)
    with network.node("XK").database.reading() as session:
        assert session.exec(select(QuarantineRow)).all() == []


def test_an_expired_machine_message_is_refused(network: Network) -> None:
    """It has no place on a link, so nothing can have announced it; and nobody is told."""
    fields = {"type": "system.resend_request", "body": ASKING}
    arrival = craft(network, fields, traffic=TrafficClass.RECEIPT, days=-1)
    [result] = handle_arrivals(network.node("XK"), [arrival])
    assert result.reason is RejectionCode.EXPIRED
    assert what_is_kept(network) == (0, 0, 0)


def test_what_came_late_and_is_malformed_is_expired(network: Network) -> None:
    """The first step that fails decides the code."""
    arrival = craft(network, {"type": "x"}, traffic=TrafficClass.MESSAGE, days=-1)
    [result] = handle_arrivals(network.node("XK"), [arrival])
    assert result.reason is RejectionCode.EXPIRED


# ------------------------------------------------------------------ the workers


@dataclass
class Ack:
    """What a broker says to a publish."""

    sequence: int = 1
    duplicate: bool = False


@dataclass
class ScriptedLink:
    """A link whose publishes fail as told, one entry for each; then they succeed."""

    failures: list[Exception] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    is_up: bool = True
    times_up: int = 1

    async def publish(self, **what: Any) -> Ack:
        """Fail or take it."""
        if self.failures:
            raise self.failures.pop(0)
        self.published.append(what)
        return Ack()

    async def fetch(self, _traffic: TrafficClass, *, batch: int, wait: float) -> list[Any]:
        """Give nothing."""
        return []


async def test_the_relay_takes_it_to_the_broker_and_tries_again(network: Network) -> None:
    """It is owed until the broker confirms it; then it is owed no longer."""
    body = ResendRequestBody(numbers=(NumbersField(generation=1, first=1, last=1),))
    say(network, "AL", "XK", body)
    link = ScriptedLink(failures=[LinkDownError("down")])
    relay = Relay(network.node("AL"), link)
    await relay.run_round()
    assert link.published == []
    network.clock.advance(seconds=2)
    await relay.run_round()
    assert [each["traffic"] for each in link.published] == [TrafficClass.RECEIPT]
    with network.node("AL").database.reading() as session:
        assert session.exec(select(MachineMailRow)).all() == []


def test_what_is_out_of_date_is_not_sent_any_more(network: Network) -> None:
    """A broker that was away for days is not handed old questions."""
    body = ResendRequestBody(numbers=(NumbersField(generation=1, first=1, last=1),))
    say(network, "AL", "XK", body)
    network.clock.advance(days=2)
    assert network.collect("AL") == 0
    with network.node("AL").database.reading() as session:
        assert session.exec(select(MachineMailRow)).all() == []


async def test_the_worker_finds_and_asks(network: Network) -> None:
    """Its first round looks through what is held; later ones ask when it is time."""
    send(network, count=3)
    lose(network, 1)
    network.settle()
    with network.node("XK").database.transaction() as session:
        session.delete(session.exec(select(LinkGapRow)).one())
    worker = LinkRepair(network.node("XK"))
    await worker.run_round()
    assert missing(network) == [("AL", 2, 2)]
    network.clock.advance(minutes=10)
    await worker.run_round()
    network.settle()
    assert len(received(network)) == 3
    with network.node("XK").database.reading() as session:
        assert len(session.exec(select(LinkAskedRow)).all()) == 1
        assert session.exec(select(col(RegistryVerifiedRow.version))).all() == [7]


class NoDirectory:
    """A registry that was never seen."""

    def current(self) -> Directory:
        """Say so."""
        raise RegistryUnavailableError("never seen")


async def test_the_worker_goes_on_without_a_registry(network: Network) -> None:
    """Whoever refreshes the registry tells that there is none; links are looked after."""
    send(network, count=3)
    lose(network, 1)
    network.settle()
    network.clock.advance(minutes=10)
    blind = replace(network.node("XK"), directory=NoDirectory())
    await LinkRepair(blind).run_round()
    with network.node("XK").database.reading() as session:
        assert len(session.exec(select(LinkAskedRow)).all()) == 1


# ------------------------------------------------------------------ what people are shown


@pytest.mark.parametrize(
    ("troubles", "status"), [([], 200), (["broker link: down"], 503)], ids=["ready", "not ready"]
)
async def test_a_notice_never_makes_the_node_not_ready(troubles: list[str], status: int) -> None:
    """A peer can cause one: it is named beside the troubles, and only those count."""
    notices = ["link from AL: something"]
    app = FastAPI()
    app.include_router(create_health_router(lambda: troubles, lambda: notices))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["notices"]) == (status, notices)
