"""Two processes of a node on one PostgreSQL: every message once, also when one is killed.

So is what follows from messages: items, words of the index, what a register is told by webhook, and
mail to people. A letter that the mail server took, and whose sender died before it wrote that down,
comes once more under the same name, by which mail programs know it again; no other does.

Their partner XK runs in this process: it is not what is looked at, and a start of a program costs
more than all messages here.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from deploy.demo.processes import ServiceProcess, find_free_port
from deploy.demo.scenario import NodeClient
from deploy.demo.world import DemoNode, DemoWorld
from node.background import NodeTasks
from node.parts import build_parts
from node.service import reading
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.principals import describe_local
from node.service.webhooks.keeping import WebhookWish, handle_make
from node.service.work.addresses import handle_set_address
from node.service.work.roster import Member
from protocol.identifiers import Channel, ParticipantCode, Phase
from tests.support.consent import on_consent
from tests.support.duty import add_person, keep_roster
from tests.support.held_mail import HeldMail, holding_mail
from tests.support.node import NOTIFICATION_BODY, make_draft
from tests.support.people import STAFF, acting
from tests.support.postgres import PostgresCluster

READY_SECONDS, DELIVERY_SECONDS = 60.0, 120.0
#: Besides this nothing is handed over twice, unless its process died.
NEVER = timedelta(hours=1)
#: Longer than a hand-over takes on any machine that still answers; waited for after the kill.
LEASE = "PT15S"
COUNT = 16
#: People who get a letter each.
READERS = ("ana", "bes", "cen", "dor")


class _Register(BaseHTTPRequestHandler):
    """A program that is told what happens: says yes, and notes it."""

    heard: list[dict[str, Any]]

    def do_POST(self) -> None:
        """Answer."""
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.heard.append(told | {"name": self.headers["webhook-id"]})
        self.send_response(204)
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_register() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve one on a port of this machine; gives its address and what it was told."""
    heard: list[dict[str, Any]] = []
    handler = type("Handler", (_Register,), {"heard": heard})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", heard
        finally:
            server.shutdown()
            thread.join()


class RunHere(ServiceProcess):
    """A node that the test runs itself."""

    @override
    def start(self) -> None:
        """Start no program."""

    @override
    def wait_until(self, path: str, *, seconds: float) -> None:
        """Wait for none."""


class SharedWorld(DemoWorld):
    """XK, run by the test, and AL with a PostgreSQL database and two processes."""

    def __init__(self, folder: Path, url: str, *, mail: dict[str, str]) -> None:
        self.database_url = url
        self._mail = mail
        self.second: ServiceProcess | None = None
        super().__init__(folder, resend_first=NEVER)

    @override
    def choose_settings(self, code: ParticipantCode) -> dict[str, str]:
        shared = {
            "database_url": self.database_url,
            "lease": LEASE,
            "webhook_networks": "127.0.0.0/8",
        } | self._mail
        shared = shared if code == "AL" else {}
        return super().choose_settings(code) | shared

    @override
    def make_node(self, code: ParticipantCode, *, display_name: str) -> DemoNode:
        node = super().make_node(code, display_name=display_name)
        if code == "XK":
            log = self.folder / "none.log"
            node.process = RunHere(
                "XK", program="trm-node", settings={}, url=node.process.url, log=log
            )
            return node
        self.second = self._make_second(node)
        return node

    def _make_second(self, node: DemoNode) -> ServiceProcess:
        """Make another process of a node, on a port of its own."""
        port = find_free_port()
        settings = self.choose_settings(node.code) | {
            "data_dir": str(node.settings.data_dir),
            "unlock_key_file": str(node.settings.unlock_key_file),
            "port": str(port),
        }
        return ServiceProcess(
            "second AL",
            program="trm-node",
            settings={f"TRM_NODE_{key.upper()}": value for key, value in settings.items()},
            url=f"http://127.0.0.1:{port}",
            log=self.folder / "second-AL.log",
        )

    @override
    def stop(self) -> None:
        if self.second is not None:
            self.second.kill()
        super().stop()

    def add_webhook(self, url: str) -> None:
        """Let AL tell somebody everything that happens from now on."""
        wish = WebhookWish(label="register", url=url, channels=frozenset(Channel))
        with closing(build_parts(self.nodes["AL"].settings)) as parts:
            handle_make(parts.context, wish, who=describe_local("test"))

    def add_readers(self) -> None:
        """Let people at a desk of AL's get mail, and have somebody without at the other desk."""
        with closing(build_parts(self.nodes["AL"].settings)) as parts:
            context = parts.context
            for name in (*READERS, "colleague"):
                add_person(context, name)
            for name in READERS:
                handle_set_address(
                    context, name, f"{name}@example.org", language="en", who=acting(name)
                )
            members = [Member(name) for name in READERS]
            keep_roster(context, find_desk(self, "AL", Phase.FIRST_ASSISTANCE), *members)
            keep_roster(context, find_desk(self, "AL"), Member("colleague"))

    def find_holder(self, mail: HeldMail) -> ServiceProcess:
        """Return the process of AL that waits for the mail server."""
        assert self.second is not None
        processes = (self.nodes["AL"].process, self.second)
        (holder,) = [each for each in processes if mail.is_held_by(each.process_id)]
        return holder

    def read_logs(self) -> list[MutableMapping[str, Any]]:
        """Return what both processes of AL said."""
        lines = [
            line
            for name in ("node-AL", "second-AL")
            for line in (self.folder / f"{name}.log").read_text().splitlines()
        ]
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[HeldMail]:
    """Run a mail server."""
    with holding_mail(tmp_path / "mail.pem") as made:
        yield made


@pytest.fixture
def world(
    tmp_path: Path, postgres_cluster: PostgresCluster, mail: HeldMail
) -> Iterator[SharedWorld]:
    """Run broker, hub, and two processes of AL."""
    mailing = {
        "smtp_host": "localhost",
        "smtp_port": str(mail.port),
        "smtp_ca": str(tmp_path / "mail.pem"),
        "smtp_from": "node@example.org",
    }
    with (
        postgres_cluster.schemas() as url_of,
        SharedWorld(tmp_path / "world", url_of("AL"), mail=mailing) as made,
    ):
        made.start(["AL", "XK"])
        assert made.second is not None
        made.second.start()
        made.second.wait_until("/readyz", seconds=READY_SECONDS)
        yield made


@asynccontextmanager
async def running_partner(world: SharedWorld) -> AsyncIterator[NodeContext]:
    """Run XK with everything that its program runs, but its pages."""
    with closing(build_parts(world.nodes["XK"].settings)) as parts:
        await asyncio.to_thread(parts.directory.refresh)
        async with NodeTasks.build(parts).owner:
            yield parts.context


@dataclass(frozen=True)
class Shared:
    """AL from outside: its two processes, and its database beside them."""

    world: SharedWorld
    clients: tuple[NodeClient, NodeClient]
    database: psycopg.Connection[Any]

    def write(self, count: int, *, label: str) -> list[str]:
        """Queue messages to XK, at one process and the other in turn."""
        draft: dict[str, Any] = {
            "type": "identification.presumed_victim_notification",
            "recipient": "XK",
            "to_authority": find_desk(self.world, "XK"),
            "legal_basis": {"kind": "no_personal_data"},
            "body": body_of("AL"),
        }
        return [
            self.clients[number % 2].send(draft, key=f"{label}-{number:04}")["message_id"]
            for number in range(count)
        ]

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """Ask its database."""
        return self.database.execute(question.encode()).fetchall()

    def wait_until_told(self, heard: list[dict[str, Any]]) -> None:
        """Wait until a register was told everything that happened."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        while missing := {name for _, name in self.ask(HAPPENED)} - {
            each["name"] for each in heard
        }:
            assert time.monotonic() < deadline, f"{len(missing)} were not told"
            time.sleep(0.1)

    def wait_for(self, question: str, answer: object) -> None:
        """Wait until a question to its database has this answer."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        while (found := self.ask(question)) != [(answer,)]:
            assert time.monotonic() < deadline, f"{question}: {found}, not {answer}"
            time.sleep(0.1)


def find_desk(world: SharedWorld, code: str, phase: Phase = Phase.IDENTIFICATION) -> str:
    """Return a desk for a phase."""
    return next(
        authority.id
        for authority in world.contacts.contacts[ParticipantCode(code)].authorities
        if any(competence.phase is phase for competence in authority.competences)
    )


def body_of(sender: str) -> dict[str, Any]:
    """Return a body whose case manager is the sender's."""
    manager = {"post": "Duty officer", "authority": f"{sender}-duty-desk"}
    return {**NOTIFICATION_BODY, "case_manager": manager}


def write_back(world: SharedWorld, partner: NodeContext) -> None:
    """Let XK write as many."""
    draft = make_draft(recipient="AL", to_authority=find_desk(world, "AL"), body=body_of("XK"))
    for _ in range(COUNT):
        handle_send(partner, draft, who=acting("u1"))


def write_to_readers(world: SharedWorld, partner: NodeContext) -> None:
    """Let XK write to the desk whose people get mail."""
    phase, said = Phase.FIRST_ASSISTANCE, on_consent("AL")
    said["legal_basis"]["phases"] = [phase.value]
    desk, body = find_desk(world, "AL", phase), {"text": "Is there a place?"}
    draft = make_draft(
        type="general.message", recipient="AL", to_authority=desk, phase=phase, body=body, **said
    )
    handle_send(partner, draft, who=acting("u1"))


async def send_held_letter_again(shared: Shared, mail: HeldMail) -> None:
    """Let the lease of the letter be over whose sender was killed: every other came once."""
    await asyncio.to_thread(shared.wait_for, UNSENT, 1)
    [held, *others] = mail.letters
    assert len({held, *others}) == len(mail.letters) == len(READERS)
    assert len(shared.ask(LAPSE_LETTER)) == 1
    await asyncio.to_thread(shared.wait_for, UNSENT, 0)
    assert mail.letters == [held, *others, held]


def count_intakes(lines: list[MutableMapping[str, Any]]) -> dict[str, int]:
    """Sum up what a node says it took in, by what became of it."""
    counted: Counter[str] = Counter()
    for line in lines:
        if line.get("event") == "envelopes_taken_in":
            counted[line["intake"]] += line["count"]
    # One receipt speaks for many messages: how many came is a matter of moments.
    return {intake: count for intake, count in counted.items() if intake != "receipt"}


def wait_until_logged(read: Callable[[], list[MutableMapping[str, Any]]]) -> None:
    """Wait until a node says that it stored all: the line follows the rows by a moment."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    while (found := count_intakes(read())).get("stored", 0) < COUNT:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


#: Receipts that AL was given, and those that it gave.
GIVEN_TO_US = "SELECT count(*) FROM evidence WHERE NOT given"
GIVEN_BY_US = "SELECT count(*) FROM evidence WHERE given"
WAITING = "SELECT count(*) FROM outbox"
KINDS = (
    "SELECT event.kind, count(*) FROM event JOIN message USING (message_id) "
    "WHERE direction = 'out' GROUP BY event.kind"
)
WRITTEN_TWICE = (
    "SELECT message_id, event.kind FROM event JOIN message USING (message_id) "
    "WHERE direction = 'out' GROUP BY message_id, event.kind HAVING count(*) > 1"
)
NUMBERS = "SELECT link_seq FROM message WHERE direction = 'out' ORDER BY link_seq"


#: What follows from messages that came, each message once: an item, a document of the index.
FOLLOWED = """
SELECT count(*), count(DISTINCT message.message_id), count(DISTINCT item_id),
       count(DISTINCT document)
FROM message
LEFT JOIN work_item ON work_item.message_id = message.message_id
LEFT JOIN search_document ON search_document.kind = 'message' AND subject_id = message.message_id
WHERE direction = 'in'
"""
TO_FOLLOW = "SELECT count(*) FROM message_to_follow"
OWED = "SELECT count(*) FROM hook_telling"
#: The lease of what a killed process was telling is over: three minutes, that nobody waits for.
LAPSE = "UPDATE hook_telling SET claimed_until = now() - interval '1 second' RETURNING 1"
#: So is that of a letter, five minutes, once no other letter is on its way.
UNSENT = "SELECT count(*) FROM notice WHERE state <> 'sent'"
LAPSE_LETTER = (
    "UPDATE notice SET claimed_until = now() - interval '1 second' WHERE state = 'waiting' "
    "RETURNING recipient"
)
HAPPENED = (
    "SELECT case_id, 'event-' || event_id FROM event WHERE case_id IS NOT NULL ORDER BY event_id"
)


def sort_by_case(told: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Sort names of what happened by case, each in its order; what was told again counts once."""
    cases: dict[str, list[str]] = {}
    for case_id, name in dict.fromkeys(told):
        cases.setdefault(case_id, []).append(name)
    return cases


def read_heard(heard: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what a register was told of cases, as it came: the case, and the name."""
    return [(told["data"]["case_id"], told["name"]) for told in heard if "case_id" in told["data"]]


async def test_two_processes_share_the_work_and_take_over_from_each_other(
    world: SharedWorld, mail: HeldMail
) -> None:
    """Nothing is handed over, taken in, followed or told twice; what a killed one held goes on.

    The one is killed that has a letter at the mail server, which took it and does not answer.
    """
    one, other = world.nodes["AL"], world.second
    assert other is not None
    url = world.database_url.replace("postgresql+psycopg", "postgresql")
    with (
        psycopg.connect(url, autocommit=True) as database,
        closing(NodeClient(code="AL", url=one.url, token=one.api_token)) as first,
        closing(NodeClient(code="AL", url=other.url, token=one.api_token)) as second,
        capture_logs() as partner_says,
        running_register() as (register, heard),
    ):
        world.add_webhook(register)
        shared = Shared(world, (first, second), database)
        async with running_partner(world) as partner:
            back = asyncio.create_task(asyncio.to_thread(write_back, world, partner))
            sent = await asyncio.to_thread(shared.write, COUNT, label="both")
            await back
            await asyncio.to_thread(shared.wait_for, GIVEN_TO_US, COUNT)
            await asyncio.to_thread(shared.wait_for, GIVEN_BY_US, COUNT)
            for read in (world.read_logs, partner_says.copy):
                await asyncio.to_thread(wait_until_logged, read)
                assert count_intakes(read()) == {"stored": COUNT}
            kinds = dict(shared.ask(KINDS))
            # A receipt may be here before the broker's word is written down: then there is no step.
            assert kinds.pop("message_on_its_way", 0) <= COUNT
            assert kinds == {"message_queued": COUNT, "message_delivered": COUNT}
            assert shared.ask(WRITTEN_TWICE) == []
            assert shared.ask(WAITING) == [(0,)]
            await asyncio.to_thread(shared.wait_for, TO_FOLLOW, 0)
            assert shared.ask(FOLLOWED) == [(COUNT,) * 4]
            await asyncio.to_thread(shared.wait_until_told, heard)
            told = read_heard(heard)
            assert len(set(told)) == len(told)
            assert sort_by_case(told) == sort_by_case(shared.ask(HAPPENED))
            # Each number of the link was given once, whichever process gave it.
            assert shared.ask(NUMBERS) == [(number,) for number in range(1, COUNT + 1)]

            await asyncio.to_thread(world.add_readers)
            await asyncio.to_thread(write_to_readers, world, partner)
            back = asyncio.create_task(asyncio.to_thread(write_back, world, partner))
            sent += await asyncio.to_thread(shared.write, COUNT, label="killed")
            assert await asyncio.to_thread(mail.is_held.wait, DELIVERY_SECONDS)
            world.find_holder(mail).kill()
            await back
            await asyncio.to_thread(shared.wait_for, GIVEN_TO_US, 2 * COUNT)
            await asyncio.to_thread(shared.wait_for, GIVEN_BY_US, 2 * COUNT + 1)
            await asyncio.to_thread(shared.wait_for, WAITING, 0)
            await asyncio.to_thread(shared.wait_for, TO_FOLLOW, 0)
            assert shared.ask(FOLLOWED) == [(2 * COUNT + 1,) * 4]
            await send_held_letter_again(shared, mail)
            shared.ask(LAPSE)
            await asyncio.to_thread(shared.wait_until_told, heard)
            await asyncio.to_thread(shared.wait_for, OWED, 0)
            assert sort_by_case(read_heard(heard)) == sort_by_case(shared.ask(HAPPENED))
            found = [
                item.message_id for item in reading.list_items(partner, direction="in", who=STAFF)
            ]
    assert sorted(found) == sorted(sent)
