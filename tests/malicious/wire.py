"""Three nodes, and a broker between them that keeps all it ever saw and does what a row says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel, select

from node.domain.events import EventKind
from node.service import reading
from node.service.machine_mail import Body
from node.service.notices import list_notices
from node.service.opening import Arrival
from node.service.receiving import IntakeResult, handle_arrivals
from node.service.repairing import plan_requests
from node.store.tables import QuarantineRow
from protocol.envelope import Consignment, Envelope, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode
from protocol.sealing import RecipientKey
from protocol.signing import SigningKey
from protocol.subjects import AccountId, TrafficClass, parse_account_id
from tests.support import link_repair
from tests.support.node import Carried, Network, make_network
from tests.support.people import STAFF
from tests.support.received_files import take_small_objects

CODES = ("AL", "XK", "MK")


def damage(envelope: bytes) -> bytes:
    """Return an envelope whose last byte is another one."""
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


@dataclass
class Wire:
    """AL, XK and MK with real stores and keys. Nothing moves unless the row lets it."""

    network: Network
    recorded: list[Carried] = field(default_factory=list)

    # ------------------------------------------------------------------ what people do

    def write(self, count: int = 1, *, sender: str = "AL", recipient: str = "XK") -> list[str]:
        """Let people write; what leaves is in the broker's hands. Returns the messages' names."""
        sent = link_repair.send(self.network, sender=sender, recipient=recipient, count=count)
        return link_repair.names(sent)

    def say(self, sender: str, recipient: str, body: Body) -> None:
        """Let one machine say something to another."""
        link_repair.say(self.network, sender, recipient, body)

    # ----------------------------------------------------------------- what the broker does

    def take(self, to: str | None = None, traffic: TrafficClass | None = None) -> list[Carried]:
        """Take what is on its way out of the network, and keep a copy of it for ever.

        ``to`` and ``traffic``: only what is for this node, or in this class; the rest stays.
        """
        for code in CODES:
            self.network.collect(code)
        taken = [
            each
            for each in self.network.mailbox
            if (to is None or each.to == to)
            and (traffic is None or each.arrival.traffic is traffic)
        ]
        kept = [each for each in self.network.mailbox if not any(each is it for it in taken)]
        self.network.mailbox.clear()
        self.network.mailbox.extend(kept)
        self.recorded += taken
        return taken

    def give(self, *carried: Carried) -> list[IntakeResult]:
        """Deliver envelopes, one by one."""
        return [self.network.deliver(each) for each in carried]

    def give_at_once(self, to: str, *carried: Carried) -> list[IntakeResult]:
        """Deliver envelopes as one batch."""
        return handle_arrivals(self.network.node(to), [each.arrival for each in carried])

    def divert(self, carried: Carried, **changes: Any) -> Carried:
        """Return the envelope with another mailbox, sender, class or content."""
        to = str(changes.pop("to", carried.to))
        if "recipient" not in changes:
            changes["recipient"] = self.account(to)
        return Carried(
            to=ParticipantCode(to),
            arrival=replace(carried.arrival, **changes),
        )

    def account(self, code: str) -> AccountId:
        """Return the broker account that the registry lists for a Participant."""
        keys = self.network.directory.directory.keys
        return parse_account_id(keys[ParticipantCode(code)].broker.account)

    def be_honest(self) -> None:
        """Carry everything from now on, for three days in which nodes ask and send again."""
        for minutes in (0, 20, 70, 430, 800, 1_500, 1_500):
            self.pass_time(minutes=minutes)
            self.network.settle()

    def drop_all(self, *, days: int) -> None:
        """Drop everything for some days in which nodes ask and send again."""
        for _ in range(days):
            self.take()
            self.pass_time(hours=24)

    def pass_time(self, **span: float) -> None:
        """Let time pass, and nodes ask for what they miss."""
        self.network.clock.advance(**span)
        # Somebody looks at the registry now and then; what it says is not what these rows change.
        source = self.network.directory
        now = self.network.clock()
        if now + timedelta(hours=12) > source.directory.expires_at:
            source.directory = replace(
                source.directory, verified_at=now, expires_at=now + timedelta(days=1)
            )
        for code in CODES:
            plan_requests(self.network.node(code))

    # ------------------------------------------------------------------ what is seen

    def shown(self, code: str = "XK") -> list[str]:
        """Return the names of what a node shows as received, newest first."""
        return link_repair.received(self.network, code)

    def state(self, message_id: str, code: str = "AL") -> str | None:
        """Return what a sender sees of its message."""
        return reading.get_message(self.network.node(code), message_id, who=STAFF).item.dispatch

    def proofs(self, message_id: str, code: str = "AL") -> list[str]:
        """Return what signed receipts the sender holds for a message."""
        view = reading.get_message(self.network.node(code), message_id, who=STAFF)
        return [proof.status for proof in view.proofs]

    def told(self, kind: EventKind, code: str = "XK") -> int:
        """Return how often a node told its people something."""
        return link_repair.count_kind(self.network, kind, code)

    def missing(self, code: str = "XK") -> list[tuple[str, int, int]]:
        """Return what a node knows to miss."""
        return link_repair.missing(self.network, code)

    def notices(self, code: str = "XK") -> str:
        """Return what a node's administrators are told."""
        return " | ".join(list_notices(self.network.node(code)))

    def quarantine(self, code: str = "XK") -> list[tuple[str | None, str]]:
        """Return what a node put aside: whose it was said to be, and why; oldest first."""
        with self.network.node(code).database.reading() as session:
            rows = session.exec(select(QuarantineRow)).all()
        return [(row.peer, row.reason) for row in rows]

    def count_rows(self, table: type[SQLModel], code: str = "XK") -> int:
        """Return how many rows a table of a node has."""
        with self.network.node(code).database.reading() as session:
            return len(session.exec(select(table)).all())

    # ------------------------------------------------------------------ what others forge

    def forge(
        self,
        payload: bytes,
        *,
        key: SigningKey,
        sender: str = "AL",
        to: str = "XK",
        message_id: str = "0123456789abcdef" * 2,
        traffic: TrafficClass = TrafficClass.MESSAGE,
    ) -> Carried:
        """Make an envelope with any key, sealed for its recipient: everybody can seal."""
        consignment = Consignment(
            message_id=MessageId(message_id),
            sender=ParticipantCode(sender),
            recipient=ParticipantCode(to),
            expires_at=self.network.clock() + timedelta(days=3),
        )
        return self.seal(
            SignedPayload.sign(payload, consignment=consignment, key=key),
            sender=sender,
            to=to,
            traffic=traffic,
        )

    def seal(
        self,
        signed: SignedPayload,
        *,
        sender: str,
        to: str,
        traffic: TrafficClass = TrafficClass.MESSAGE,
    ) -> Carried:
        """Seal something signed for a node, and let it travel as somebody."""
        directory = self.network.directory.directory
        key = directory.newest_encryption_key(ParticipantCode(to), self.network.clock())
        assert key is not None
        arrival = Arrival(
            sender=self.account(sender),
            recipient=self.account(to),
            traffic=traffic,
            envelope=RecipientKey(key.public_bytes).seal(signed).encode(),
        )
        return Carried(to=ParticipantCode(to), arrival=arrival)

    def open(self, carried: Carried) -> SignedPayload:
        """Return what a colluding recipient reads: the signed payload."""
        keys = self.network.node(carried.to).keys
        return keys.open_envelope(Envelope.parse(carried.arrival.envelope))


class WireWithFiles(Wire):
    """The same; these nodes take files, in small chunks."""


@contextmanager
def open_wire(url_of: Callable[[str], str]) -> Iterator[Wire]:
    """Make the three nodes."""
    network = make_network(CODES, url_of=url_of)
    try:
        yield Wire(network)
    finally:
        network.close()


@contextmanager
def open_wire_with_files(folder: Path, url_of: Callable[[str], str]) -> Iterator[WireWithFiles]:
    """Make the three nodes, which take files."""
    network = make_network(CODES, url_of=url_of, files=folder / "files")
    take_small_objects(network, "XK")
    try:
        yield WireWithFiles(network)
    finally:
        network.close()
