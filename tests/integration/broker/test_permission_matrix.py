"""Everything that a Participant's credentials must not be good for, tried at a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, groupby

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from hub.broker.mailbox_snapshots import MailboxSnapshot
from node.adapters.broker_identity import node_permissions
from protocol.broker_credentials import Permissions
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass, inbox_prefix
from tests.support.broker import (
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    make_directory,
)
from tests.support.intrusion import connect_with, settle
from tests.support.permission_attempts import ATTEMPTS, DOCUMENT, LISTENING, Attempt, render

_ANSWER_SECONDS = 100.0
_KNOWN_ID = "known-to-the-victim"


@dataclass
class Scene:
    """An intruder, its victim and a third Participant; the victim's mailbox holds one message."""

    hub: Hub
    intruder: TestParticipant
    victim: TestParticipant
    other: TestParticipant
    overheard: list[Msg] = field(default_factory=list)

    def fill(self, text: str) -> str:
        """Put the accounts in for their names."""
        for name in ("me", "victim", "other"):
            text = text.replace(f"{{{name}}}", self.names[name])
        return text

    @property
    def names(self) -> Mapping[str, str]:
        """The accounts by the names that the table gives them."""
        return {
            "me": self.intruder.account,
            "victim": self.victim.account,
            "other": self.other.account,
        }

    async def look(self) -> tuple[list[MailboxSnapshot | None], frozenset[str], list[str]]:
        """Tell what nobody but its owner may change: mailboxes of the others, all names."""
        return (
            [await self.hub.mailboxes.count(one.account) for one in (self.victim, self.other)],
            await self.hub.mailboxes.list_names(),
            sorted((await self.hub.registrar.request_json("$SYS.REQ.CLAIMS.LIST"))["data"]),
        )

    async def count_waiting(self) -> int:
        """Count what lies in the victim's mailbox."""
        found = await self.hub.mailboxes.count(self.victim.account)
        return found.stored if found else 0


@pytest.fixture
async def scene(place: BrokerPlace, hub: Hub) -> AsyncIterator[Scene]:
    """Admit three, let the third write to the victim, and watch the victim's inbox."""
    intruder, victim, other = people = [
        TestParticipant(ParticipantCode(code)) for code in ("AA", "BB", "CC")
    ]
    await hub.admission.reconcile(make_directory([]))
    assert (await hub.admission.reconcile(make_directory(people))).is_complete
    made = Scene(hub, intruder, victim, other)
    async with (
        LinkedNode(place, made.other) as writer,
        connect_with(place, made.victim, node_permissions(made.victim.account)) as watcher,
    ):
        await writer.put(made.victim, b"for the victim only", transport_id=_KNOWN_ID)

        async def overhear(message: Msg) -> None:
            made.overheard.append(message)

        await watcher.subscribe(f"{inbox_prefix(made.victim.account)}.>", cb=overhear)
        await settle(watcher)
        yield made


class Trying:
    """An intruder's connection: tries one row after the other and tells what came of it."""

    def __init__(self, client: Client, scene: Scene) -> None:
        self._client = client
        self._scene = scene
        self._answers: asyncio.Queue[Msg] = asyncio.Queue()
        self._inbox = f"{inbox_prefix(scene.intruder.account)}.attempt"

    async def listen(self) -> None:
        """Wait for answers at the intruder's own inbox."""

        async def take(message: Msg) -> None:
            self._answers.put_nowait(message)

        await self._client.subscribe(f"{self._inbox}.*", cb=take)
        await settle(self._client)

    async def try_to_publish(self, attempt: Attempt, number: int) -> str:
        """Return ``denied``, ``nobody``, the text of an error, or ``done: ...``."""
        scene = self._scene
        subject = scene.fill(attempt.subject)
        reply = scene.fill(attempt.reply) or f"{self._inbox}.{number}"
        headers = {name: scene.fill(value) for name, value in attempt.headers}
        self._client._err = None  # the last complaint was about another row
        await self._client.publish(
            subject, scene.fill(attempt.payload).encode(), reply=reply, headers=headers or None
        )
        await settle(self._client)
        if "permissions violation for publish" in str(self._client.last_error):
            return "denied"
        if attempt.reply:
            return "done: aimed elsewhere"
        if attempt.goes_unanswered and self._answers.empty():
            return "nobody"
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await self._answers.get()
            while answer.subject != reply:  # one to a row before, which had been given up
                answer = await self._answers.get()
        if answer.headers and answer.headers.get("Status") == "503":
            return "nobody"
        if attempt.tells_of_oneself and json.loads(answer.data)["data"]["num_connections"] == 1:
            return "itself"  # the victim is connected, too
        return f"done: {answer.data.decode(errors='replace')}"


@asynccontextmanager
async def trying(
    place: BrokerPlace, scene: Scene, permissions: Permissions
) -> AsyncIterator[Trying]:
    """Connect as the intruder."""
    async with connect_with(place, scene.intruder, permissions) as client:
        made = Trying(client, scene)
        await made.listen()
        yield made


#: How the broker answers what it does not do.
ERRORS = ('"error"', "-ERR")
HEADERS = ATTEMPTS[-1].group


@pytest.mark.parametrize("is_bold", [False, True], ids=["as a node", "with everything allowed"])
async def test_every_attempt_is_refused_or_reaches_nobody(
    place: BrokerPlace, scene: Scene, *, is_bold: bool
) -> None:
    """Each publication is denied, unheard or answered by an error, and nothing of others moves."""
    permissions = (
        Permissions(publish=(">",), subscribe=(">",))
        if is_bold
        else node_permissions(scene.intruder.account)
    )
    before = await scene.look()
    numbers = count()  # never one twice: a late answer to one row is none to another
    achieved: list[str] = []
    async with trying(place, scene, permissions) as intruder:
        for group, rows in groupby(ATTEMPTS, key=lambda attempt: attempt.group):
            for attempt in rows:
                outcome = await intruder.try_to_publish(attempt, next(numbers))
                harmless = outcome in {"denied", "nobody", "itself"} or any(
                    e in outcome for e in ERRORS
                )
                if not harmless and not attempt.may_publish:
                    achieved.append(f"{group} / {attempt.aim}: {outcome}")
            if group != HEADERS:  # these put messages of the intruder into the victim's mailbox
                assert await scene.look() == before, group
    assert achieved == []
    assert scene.overheard == []
    (_, other_mailbox), *names = await scene.look()
    assert [other_mailbox, *names] == [before[0][1], *before[1:]]
    async with LinkedNode(place, scene.victim) as victim:
        deliveries = await victim.take(await scene.count_waiting())
    first, *others = deliveries
    assert (first.envelope, first.sender) == (b"for the victim only", scene.other.account)
    assert not first.redelivered
    assert {delivery.sender for delivery in others} <= {scene.intruder.account}


@pytest.mark.parametrize("is_bold", [False, True], ids=["as a node", "with everything allowed"])
async def test_listening_brings_nothing_of_others(
    place: BrokerPlace, scene: Scene, *, is_bold: bool
) -> None:
    """A node's token may not listen at all; the boldest one hears nothing that others say."""
    permissions = (
        Permissions(publish=(">",), subscribe=(">",))
        if is_bold
        else node_permissions(scene.intruder.account)
    )
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    async with (
        connect_with(place, scene.intruder, permissions) as client,
        LinkedNode(place, scene.victim) as victim,
    ):
        for one in LISTENING:
            client._err = None
            await client.subscribe(scene.fill(one.subject), queue=one.queue, cb=hear)
            await settle(client)
            refused = "permissions violation for subscription" in str(client.last_error)
            assert refused or is_bold, one.aim
        await victim.put(scene.other, b"between others")
        (delivery,) = await victim.take()
        await delivery.ack()
        await settle(client)
    assert heard == []


async def test_what_must_work_works(place: BrokerPlace, scene: Scene) -> None:
    """A node puts every class into any mailbox as itself, and empties its own."""
    async with (
        LinkedNode(place, scene.intruder) as node,
        LinkedNode(place, scene.other) as other,
    ):
        for traffic in TrafficClass:
            acknowledged = await node.put(scene.other, b"sealed", traffic=traffic)
            assert not acknowledged.duplicate
        deliveries = [
            delivery for traffic in TrafficClass for delivery in await other.take(traffic=traffic)
        ]
        assert [delivery.traffic for delivery in deliveries] == list(TrafficClass)
        assert {delivery.sender for delivery in deliveries} == {scene.intruder.account}
        for delivery in deliveries:
            await delivery.ack()
    snapshot = await scene.hub.mailboxes.count(scene.other.account)
    assert snapshot is not None
    assert snapshot.stored == 0


def test_the_document_is_the_table() -> None:
    """``python -m tests.support.permission_attempts`` writes what is published."""
    assert len(ATTEMPTS) >= 60
    assert len({(row.group, row.aim) for row in ATTEMPTS}) == len(ATTEMPTS)
    assert DOCUMENT.read_text(encoding="utf-8") == render()
