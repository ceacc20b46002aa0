"""Relay, consumer, and their supervisor: the order of things when something fails."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, SQLModel, select

from contact_registry.errors import RegistryUnavailableError
from contact_registry.models import EncryptionKeyEntry
from node.domain.ports import LinkDownError, MailboxFullError, NoLinkError, NoMailboxError
from node.service import plain_intake, quarantine, reading, receiving
from node.service.cancelling import handle_cancel
from node.service.composing import handle_send
from node.store.bulk import insert_rows
from node.store.tables import MessageRow, OutboxRow, ReceiptDueRow
from node.workers import consumer as consumer_module
from node.workers.clock_watch import ClockWatch
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass
from tests.support.node import NOON, Carried, Network, make_draft
from tests.support.people import STAFF, acting


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


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
    waiting: list[Any] = field(default_factory=list)
    is_up: bool = True
    times_up: int = 1

    async def publish(self, **what: Any) -> Ack:
        """Fail or take it."""
        if self.failures:
            raise self.failures.pop(0)
        self.published.append(what)
        return Ack()

    async def fetch(self, _traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give what waits."""
        taken, self.waiting = self.waiting[:batch], self.waiting[batch:]
        return taken


@dataclass
class Letter:
    """A delivery that records what was done with it, and what the store held at that moment."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes
    count_stored: Callable[[], int]
    stored_at_ack: int | None = None
    delayed: float | None = None
    ack_fails: bool = False

    async def ack(self) -> None:
        """Record what was stored when the broker was told."""
        self.stored_at_ack = self.count_stored()
        if self.ack_fails:
            raise LinkDownError("gone")

    async def delay(self, seconds: float) -> None:
        """Record it."""
        self.delayed = seconds


def letter(network: Network, carried: Carried) -> Letter:
    """Make a delivery of an envelope for XK."""

    def count() -> int:
        with network.node("XK").database.reading() as session:
            return len(session.exec(select(MessageRow)).all())

    arrival = carried.arrival
    return Letter(
        arrival.sender, arrival.recipient, arrival.traffic, arrival.envelope, count_stored=count
    )


async def no_refresh() -> None:
    """Do nothing: the registry is as new as it gets."""


@pytest.fixture
async def relay(network: Network) -> tuple[Relay, ScriptedLink]:
    """AL's relay over a scripted link."""
    link = ScriptedLink()
    return Relay(network.node("AL"), link), link


@pytest.mark.parametrize(
    "failure", [LinkDownError("down"), MailboxFullError("full"), NoMailboxError("none")]
)
async def test_a_failed_hand_over_is_tried_again(
    network: Network, relay: tuple[Relay, ScriptedLink], failure: Exception
) -> None:
    """The message stays, its error shows, and the next try carries the same transport id."""
    worker, link = relay
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u"))
    link.failures = [failure]
    await worker.run_round()
    view = reading.get_message(al, sent.message_id, who=STAFF)
    assert view.item.dispatch == "queued"
    assert view.trying is not None
    assert view.trying.last_error == str(failure)
    with al.database.reading() as session:
        transport = session.exec(select(OutboxRow)).one().transport_id
    network.clock.advance(minutes=1)
    await worker.run_round()
    assert [what["transport_id"] for what in link.published] == [transport]
    assert reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == "on_its_way"


async def test_nothing_is_claimed_while_the_broker_is_away(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """Down: no attempt is used up. Up again: what had failed goes at once, without its pause."""
    worker, link = relay
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    link.is_up = False
    await worker.run_round()
    link.is_up, link.times_up = True, 2
    link.failures = [LinkDownError("down")]
    await worker.run_round()
    link.is_up = False
    await worker.run_round()
    link.is_up, link.times_up = True, 3
    await worker.run_round()
    assert len(link.published) == 1


async def test_what_waited_for_the_other_line_goes_when_that_comes_up(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """The line for large things alone was down: with it, what it failed goes, without its pause."""
    worker, link = relay
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    link.failures = [NoLinkError("the other line is down")]
    await worker.run_round()
    await worker.run_round()
    assert link.published == []
    link.times_up = 2
    await worker.run_round()
    assert len(link.published) == 1


@pytest.mark.parametrize(
    ("failure", "certain"), [(NoLinkError("no connection"), True), (LinkDownError("lost"), False)]
)
async def test_what_had_no_connection_has_not_left(
    network: Network, relay: tuple[Relay, ScriptedLink], failure: Exception, *, certain: bool
) -> None:
    """Taking it back is certain then; where a connection was lost meanwhile, nobody knows."""
    worker, link = relay
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u"))
    link.failures = [failure]
    await worker.run_round()
    assert handle_cancel(al, sent.message_id, who=STAFF).certain is certain


async def test_the_relay_rests_until_it_is_woken(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """With nothing to do a round waits, and a new message ends the wait at once."""
    worker, link = relay
    await worker.run_round()
    resting = asyncio.create_task(worker.run_round())
    await asyncio.to_thread(handle_send, network.node("AL"), make_draft(), who=acting("u"))
    await resting
    await worker.run_round()
    assert len(link.published) == 1


async def test_the_broker_forgets_only_after_the_commit(network: Network) -> None:
    """When the acknowledgement is sent, message and owed receipt are already in the store."""
    for _ in range(3):
        handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    letters = [letter(network, carried) for carried in network.mailbox]
    link = ScriptedLink(waiting=list(letters))
    await Consumer(network.node("XK"), link, refresh_registry=no_refresh).run_round()
    assert [each.stored_at_ack for each in letters] == [3, 3, 3]
    with network.node("XK").database.reading() as session:
        assert len(session.exec(select(ReceiptDueRow)).all()) == 3


async def test_a_lost_acknowledgement_shows_nothing_twice(network: Network) -> None:
    """The broker did not hear us and delivers again: known, receipted, not shown again."""
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    first = letter(network, network.mailbox[0])
    first.ack_fails = True
    again = letter(network, network.mailbox[0])
    link = ScriptedLink(waiting=[first])
    worker = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    await worker.run_round()
    link.waiting = [again]
    await worker.run_round()
    assert again.stored_at_ack == 1
    assert len(reading.list_items(network.node("XK"), direction="in", who=STAFF)) == 1


async def test_a_crash_before_the_commit_stores_and_acknowledges_nothing(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails in the middle of a transaction: nothing is kept, nothing acknowledged."""
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    waiting = letter(network, network.mailbox[0])

    def fail(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        if model is ReceiptDueRow:
            raise OSError("disk full")
        insert_rows(session, model, rows)

    monkeypatch.setattr(plain_intake, "insert_rows", fail)
    link = ScriptedLink(waiting=[waiting])
    worker = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    with pytest.raises(OSError, match="disk full"):
        await worker.run_round()
    assert waiting.stored_at_ack is None
    assert waiting.delayed is not None
    assert reading.list_items(network.node("XK"), direction="in", who=STAFF) == []
    monkeypatch.undo()
    link.waiting = [letter(network, network.mailbox[0])]
    await worker.run_round()
    assert len(reading.list_items(network.node("XK"), direction="in", who=STAFF)) == 1


async def test_one_envelope_that_breaks_us_does_not_hold_up_the_others(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours hits one of three: it is put aside for later, the others are taken in."""
    sent = [handle_send(network.node("AL"), make_draft(), who=acting("u")) for _ in range(3)]
    network.collect("AL")
    letters = [letter(network, carried) for carried in network.mailbox]
    real = receiving.store_arrivals
    broken = letters[1].envelope

    def stumble(context: Any, arrivals: Any, opened: Any) -> Any:
        if any(arrival.envelope == broken for arrival in arrivals):
            raise ZeroDivisionError
        return real(context, arrivals, opened)

    monkeypatch.setattr(consumer_module, "store_arrivals", stumble)
    link = ScriptedLink(waiting=list(letters))
    worker = Consumer(network.node("XK"), link, refresh_registry=no_refresh)
    await worker.run_round()
    xk = network.node("XK")
    shown = {item.message_id for item in reading.list_items(xk, direction="in", who=STAFF)}
    assert shown == {sent[0].message_id, sent[2].message_id}
    assert all(each.stored_at_ack is not None for each in letters)
    (aside,) = quarantine.list_quarantine(xk)
    assert (aside.reason, "ZeroDivisionError" in aside.detail) == ("internal", True)
    # Once mended, it arrives after all: its sender got no receipt and sends again.
    monkeypatch.undo()
    link.waiting = [letter(network, network.mailbox[1])]
    await worker.run_round()
    assert len(reading.list_items(xk, direction="in", who=STAFF)) == 3


async def test_intake_goes_on_without_the_registry_host(network: Network) -> None:
    """An unknown sender asks for a newer registry; that there is none holds nobody up."""
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    good = letter(network, network.mailbox[0])
    stranger = letter(network, network.mailbox[0])
    stranger.sender = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)

    async def fail() -> None:
        raise RegistryUnavailableError("gone")

    link = ScriptedLink(waiting=[stranger, good])
    await Consumer(network.node("XK"), link, refresh_registry=fail).run_round()
    assert good.stored_at_ack == 1
    assert len(reading.list_items(network.node("XK"), direction="in", who=STAFF)) == 1


async def test_a_newer_registry_makes_a_stranger_known(network: Network) -> None:
    """Somebody who joined a moment ago is not turned away: the registry is looked at again."""
    handle_send(network.node("AL"), make_draft(), who=acting("u"))
    network.collect("AL")
    complete = network.directory.directory
    network.directory.directory = replace(
        complete, keys={code: keys for code, keys in complete.keys.items() if code != "AL"}
    )

    async def refresh() -> None:
        network.directory.directory = complete

    link = ScriptedLink(waiting=[letter(network, network.mailbox[0])])
    await Consumer(network.node("XK"), link, refresh_registry=refresh).run_round()
    assert len(reading.list_items(network.node("XK"), direction="in", who=STAFF)) == 1


async def test_a_recipients_faulty_key_holds_up_nobody_else(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """A registry entry that nothing can be sealed for fails its own messages only."""
    worker, link = relay
    al = network.node("AL")
    directory = network.directory.directory
    keys = directory.keys[ParticipantCode("XK")]
    good = keys.encryption_keys[0]
    faulty = EncryptionKeyEntry.of(
        good.public_bytes[:1184] + bytes(32), valid_from=good.valid_from, valid_to=good.valid_to
    )
    network.directory.directory = replace(
        directory,
        keys={
            **directory.keys,
            ParticipantCode("XK"): keys.model_copy(update={"encryption_keys": (faulty,)}),
        },
    )
    stuck = handle_send(al, make_draft(), who=acting("u"))
    fine = handle_send(al, make_draft(recipient="MK"), who=acting("u"))
    await worker.run_round()
    assert len(link.published) == 1
    assert reading.get_message(al, fine.message_id, who=STAFF).item.dispatch == "on_its_way"
    view = reading.get_message(al, stuck.message_id, who=STAFF)
    assert view.trying is not None
    assert "registry entry is faulty" in str(view.trying.last_error)


async def test_a_damaged_row_holds_up_nobody_else(
    network: Network, relay: tuple[Relay, ScriptedLink]
) -> None:
    """A stored message that does not decrypt stays and says so; others, and receipts, go on."""
    worker, link = relay
    al = network.node("AL")
    damaged = handle_send(al, make_draft(), who=acting("u"))
    handle_send(al, make_draft(recipient="MK"), who=acting("u"))
    handle_send(network.node("MK"), make_draft(recipient="AL"), who=acting("u"))
    network.collect("MK")
    network.deliver(network.mailbox.popleft())
    with al.database.transaction() as session:
        row = session.get_one(MessageRow, damaged.message_id)
        sealed = row.signed_payload_sealed
        row.signed_payload_sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    await worker.run_round()
    assert sorted(what["traffic"] for what in link.published) == ["m", "r"]
    with al.database.reading() as session:
        outbox = session.get_one(OutboxRow, damaged.message_id)
        assert "same backup" in str(outbox.last_error)


def test_the_clock_is_watched() -> None:
    """Steady only after ten even minutes; a jump in either direction begins them anew."""
    watch = ClockWatch()
    seen = []
    wall, monotonic = NOON, 1000.0
    for minutes, jump in ((0, 0), (5, 0), (6, 0), (1, 24 * 60), (9, 0), (2, 0), (1, -60), (11, 0)):
        monotonic += 60 * minutes
        wall += timedelta(minutes=minutes + jump)
        seen.append(watch.is_steady(wall=wall, monotonic=monotonic))
    assert seen == [False, False, True, False, False, True, False, True]
