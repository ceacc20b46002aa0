"""Two nodes, a broker that forgets, and backups: everything that can go wrong around a restore."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from console.storage.database import Database
from node.domain.states import Dispatch
from node.service import reading
from node.service.composing import handle_send
from node.service.gap_watching import list_linked_peers, watch_anew
from node.service.repairing import plan_requests
from node.service.restoring import begin_new_generation, repeat_questions
from node.store.tables import MessageRow
from tests.support.copied_stores import CopiedStores
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting

CODES = ("AL", "XK")
_WEIGHTS = {
    "send": 6,
    "hand over": 8,
    "deliver": 10,
    "wipe": 2,
    "ask": 4,
    "back up": 2,
    "restore": 1,
    "wait": 4,
}


@dataclass
class Entry:
    """One message that a node accepted, as somebody outside wrote it down."""

    sender: str
    recipient: str
    message_id: str
    #: The sender was restored to a backup that is older than this message.
    is_forgotten: bool = False


@dataclass
class Backup:
    """A copy of a node's store, and how many messages had been accepted before it."""

    url: str
    accepted: int


@dataclass
class Ordeal:
    """The two nodes and the ledger."""

    stores: CopiedStores
    random: Random
    network: Network = field(init=False)
    ledger: list[Entry] = field(default_factory=list)
    backups: dict[str, Backup] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start the nodes; a backup of each was made before anything happened."""
        self.urls = {code: self.stores.make() for code in CODES}
        self.network = make_network(CODES, url_of=self.urls.__getitem__)
        for code in CODES:
            self.back_up(code)

    def run(self, steps: int) -> None:
        """Let that many things happen."""
        for _ in range(steps):
            [what] = self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            self.do(what, self.random.choice(CODES))

    def do(self, what: str, code: str) -> None:
        """Let one thing happen to a node."""
        match what:
            case "send":
                self.send(code)
            case "hand over":
                self.network.collect(code)
            case "deliver":
                self.deliver(self.random.randint(1, 6))
            case "wipe":
                self.wipe(code)
            case "ask":
                self.ask(code)
            case "back up":
                self.back_up(code)
            case "restore":
                self.restore(code)
            case _:
                self.network.clock.advance(minutes=self.random.choice([1, 6, 15, 70]))

    def send(self, sender: str) -> None:
        """Let a node accept a message to the other."""
        recipient = next(code for code in CODES if code != sender)
        body = dict(make_draft().body)
        body["case_manager"] = body["case_manager"] | {
            "authority": f"{sender}-anti-trafficking-desk"
        }
        draft = make_draft(recipient=recipient, body=body)
        sent = handle_send(self.network.node(sender), draft, who=acting("u1"))
        self.ledger.append(Entry(sender, recipient, sent.message_id))

    def deliver(self, count: int) -> None:
        """Deliver some envelopes, in any order."""
        mailbox = self.network.mailbox
        for _ in range(min(count, len(mailbox))):
            at = self.random.randrange(len(mailbox))
            carried = mailbox[at]
            del mailbox[at]
            self.network.deliver(carried)

    def wipe(self, code: str) -> None:
        """Let the broker forget all that waits for a node."""
        kept = [each for each in self.network.mailbox if each.to != code]
        self.network.mailbox.clear()
        self.network.mailbox.extend(kept)

    def ask(self, code: str) -> None:
        """Let a node's worker for links look once."""
        repeat_questions(self.network.node(code))
        plan_requests(self.network.node(code))

    def back_up(self, code: str) -> None:
        """Copy a node's store."""
        copy = self.stores.copy(self.urls[code], self.network.node(code).database)
        self.backups[code] = Backup(copy, len(self.ledger))

    def restore(self, code: str) -> None:
        """Put a node back to its backup, as docs/operations.md says."""
        backup = self.backups[code]
        old = self.network.node(code)
        old.database.close()
        self.urls[code] = self.stores.copy(backup.url)
        node = replace(old, database=Database(self.urls[code]))
        self.network.nodes[code] = node
        begin_new_generation(node)
        for peer in list_linked_peers(node):
            watch_anew(node, peer)
        for entry in self.ledger[backup.accepted :]:
            entry.is_forgotten |= entry.sender == code

    def heal(self) -> None:
        """Give the nodes two days in which nothing goes wrong."""
        for _ in range(60):
            self.network.clock.advance(minutes=45)
            for code in CODES:
                self.ask(code)
            self.network.settle()

    def list_lost(self) -> Sequence[Entry]:
        """Return what its sender knows of and its recipient does not show exactly once."""
        shown = {
            code: [
                item.message_id
                for item in reading.list_items(self.network.node(code), direction="in", who=STAFF)
            ]
            for code in CODES
        }
        return [
            entry
            for entry in self.ledger
            if shown[entry.recipient].count(entry.message_id) != 1 and not entry.is_forgotten
        ]

    def list_unproven(self) -> Sequence[Entry]:
        """Return what arrived and is not known as delivered to a sender that remembers it."""
        lost = self.list_lost()
        return [
            entry
            for entry in self.ledger
            if not entry.is_forgotten and entry not in lost and not self._is_delivered(entry)
        ]

    def _is_delivered(self, entry: Entry) -> bool:
        with self.network.node(entry.sender).database.reading() as session:
            row = session.get(MessageRow, entry.message_id)
        return row is not None and row.dispatch in {Dispatch.DELIVERED, Dispatch.READ}
