"""Webhooks: what they are told, in which order, how long it is tried, and what proves it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from console.refusals import say_english
from node.domain.access import Principal
from node.domain.events import EventKind
from node.domain.hooks import HookState, NoteKind
from node.service.context import NodeContext
from node.service.permitting import ForbiddenError
from node.service.records import add_event
from node.service.webhooks import telling
from node.service.webhooks.announcing import announce
from node.service.webhooks.keeping import (
    WebhookRefusedError,
    WebhookWish,
    forget_old_notes,
    handle_change,
    handle_make,
    handle_remove,
    handle_replay,
    handle_rotate_secret,
    handle_test,
    list_webhook_notices,
    list_webhooks,
    load_webhook,
)
from node.service.webhooks.noticing import notice
from node.service.webhooks.telling import Failure, claim_lines
from node.store.hook_tables import HookMarkRow, HookNoteRow, HookTellingRow
from node.store.tables import CaseRow, EventRow
from node.workers.webhook_sender import tell_all
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.node import Network
from tests.support.people import STAFF, acting

ADMIN = acting("admin", Role.NODE_ADMIN)
EVERY = frozenset(Channel)


@dataclass(slots=True)
class Receiver:
    """A receiver of webhooks that says what the test wants."""

    answers: list[Failure | None] = field(default_factory=list)
    heard: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    tried: int = 0

    async def post(self, _url: str, body: bytes, headers: Mapping[str, str]) -> Failure | None:
        """Note what got through."""
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            self.heard.append((headers, body))
        return answer

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What got through, read."""
        return [json.loads(body) for _, body in self.heard]

    @property
    def names(self) -> list[str]:
        """What got through, by its name."""
        return [headers["webhook-id"] for headers, _ in self.heard]


@dataclass(slots=True)
class Stumbling:
    """A receiver that never takes what happens in one case."""

    over: str
    #: The cases of what got through.
    heard: list[str] = field(default_factory=list)
    stumbled: int = 0

    async def post(self, _url: str, body: bytes, _headers: Mapping[str, str]) -> Failure | None:
        """Take what is of another case."""
        case = json.loads(body)["data"]["case_id"]
        if case == self.over:
            self.stumbled += 1
            return Failure("answered 500")
        self.heard.append(case)
        return None


def make(context: NodeContext, **changes: Any) -> tuple[str, str]:
    """Make a webhook for every channel."""
    wish = WebhookWish(label="National register", url="https://register.example/in")
    return handle_make(context, replace_wish(wish, **{"channels": EVERY} | changes), who=ADMIN)


def replace_wish(wish: WebhookWish, **changes: Any) -> WebhookWish:
    """Return another wish."""
    fields = {name: getattr(wish, name) for name in WebhookWish.__dataclass_fields__}
    return WebhookWish(**fields | changes)


def happen(context: NodeContext, *cases: str, kind: EventKind = EventKind.DECIDED) -> None:
    """Write entries into timelines."""
    with context.database.transaction() as session:
        for case in cases:
            if session.get(CaseRow, case) is None:
                row = CaseRow(
                    case_id=case, reference=case, created_at=context.clock(), wrapped_key=b""
                )
                session.add(row)
                session.flush()
            add_event(session, kind=kind, at=context.clock(), actor="officer", case_id=case)
            session.flush()


async def test_what_happens_is_told_signed_and_without_content(network_on_both: Network) -> None:
    """Every entry of a timeline is told once; the library of the standard verifies it."""
    al = network_on_both.node("AL")
    happen(al, "before")
    _, secret = make(al)
    happen(al, "case-a", "case-b")
    receiver = Receiver()
    await tell_all(al, receiver)
    await tell_all(al, receiver)
    assert len(receiver.heard) == 2
    headers, body = receiver.heard[0]
    # The library compares with the system's clock, which the test's node does not have.
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(body, dict(headers))
    wanted = Webhook(secret).sign(headers["webhook-id"], al.clock(), body.decode())
    assert headers["webhook-signature"] == wanted
    assert receiver.bodies[0] == {
        "type": "decided",
        "timestamp": "2026-03-04T11:00:00Z",
        "data": {"participant": "AL", "case_id": "case-a"},
    }


async def test_both_secrets_sign_for_a_day(network: Network) -> None:
    """A receiver changes its secret without missing anything; then the old one ends."""
    al = network.node("AL")
    webhook_id, old = make(al)
    new = handle_rotate_secret(al, webhook_id, who=ADMIN, seen=1)
    signatures = []
    for hours in (1, 24):
        network.clock.advance(hours=hours)
        handle_test(al, webhook_id, who=ADMIN)
        receiver = Receiver()
        await tell_all(al, receiver)
        ((headers, body),) = receiver.heard
        signed = (headers["webhook-id"], al.clock(), body.decode())
        named = {"old": Webhook(old).sign(*signed), "new": Webhook(new).sign(*signed)}
        given = headers["webhook-signature"].split()
        signatures.append([name for name, each in named.items() if each in given])
    assert signatures == [["old", "new"], ["new"]]


async def test_a_case_stays_in_order_and_holds_up_no_other(network_on_both: Network) -> None:
    """What failed is tried again before anything later of its case; other cases go on."""
    al = network_on_both.node("AL")
    make(al)
    happen(al, "case-a", "case-b", "case-a")
    receiver = Receiver(answers=[Failure("answered 500")])
    await tell_all(al, receiver)
    told = [body["data"]["case_id"] for body in receiver.bodies]
    assert told == ["case-b"]
    network_on_both.clock.advance(seconds=60)
    await tell_all(al, receiver)
    numbers = [int(name.removeprefix("event-")) for name in receiver.names]
    of_a = [n for n, body in zip(numbers, receiver.bodies, strict=True) if "case-a" in str(body)]
    assert of_a == sorted(of_a)
    assert len(of_a) == 2
    assert sorted(numbers) == sorted(set(numbers))


async def test_a_case_that_is_never_taken_silences_no_other(network_on_both: Network) -> None:
    """Its receiver stumbles over one thing for good: all else is told, and people learn of it."""
    al = network_on_both.node("AL")
    webhook_id, _ = make(al)
    receiver = Stumbling("case-a")
    happen(al, "case-a", "case-a")
    for hour in range(6 * 24):
        happen(al, f"case-b{hour}")
        await tell_all(al, receiver)
        network_on_both.clock.advance(hours=1)
    await tell_all(al, receiver)
    assert receiver.heard == [f"case-b{hour}" for hour in range(6 * 24)]
    assert receiver.stumbled < 30
    assert load_webhook(al, webhook_id, who=ADMIN).state is HookState.ACTIVE
    with al.database.reading() as session:
        (line,) = list_webhook_notices(session)
    assert "does not take what happened in one case" in say_english(line)
    receiver.over = ""
    network_on_both.clock.advance(hours=11)
    await tell_all(al, receiver)
    assert receiver.heard[-2:] == ["case-a", "case-a"]
    with al.database.reading() as session:
        assert list_webhook_notices(session) == []


async def test_pauses_grow_and_in_the_end_people_are_told(network: Network) -> None:
    """A receiver that is away is asked ever less often, given up after days, and taken up again."""
    al = network.node("AL")
    webhook_id, _ = make(al)
    happen(al, "case-a", "case-a")
    receiver = Receiver(answers=[Failure("ConnectError")] * 100)
    begun, tried = al.clock(), []
    while load_webhook(al, webhook_id, who=ADMIN).state is HookState.ACTIVE:
        before = receiver.tried
        await tell_all(al, receiver)
        if receiver.tried > before:
            tried.append(al.clock() - begun)
        network.clock.advance(seconds=5 if al.clock() - begun < timedelta(minutes=1) else 1800)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert all(pause >= least for pause, least in zip(pauses, telling.PAUSES, strict=False))
    assert pauses[-1] >= telling.PAUSES[-1] >= timedelta(hours=10)
    assert tried[-1] >= telling.GIVEN_UP_AFTER
    assert receiver.tried < 25
    with al.database.reading() as session:
        (line,) = list_webhook_notices(session)
    assert "National register" in say_english(line)
    happen(al, "case-a")  # while it is given up
    receiver.answers.clear()
    view = load_webhook(al, webhook_id, who=ADMIN)
    wish = WebhookWish(label=view.label, url=view.url, channels=EVERY)
    handle_change(al, webhook_id, wish, who=ADMIN, seen=view.row_version)
    await tell_all(al, receiver)
    assert [body["type"] for body in receiver.bodies] == ["decided"] * 3


async def test_a_receiver_that_wants_nothing_more_is_left_alone(network: Network) -> None:
    """410 ends it at once, and 'Retry-After' is heeded within limits."""
    al = network.node("AL")
    webhook_id, _ = make(al)
    handle_test(al, webhook_id, who=ADMIN)
    receiver = Receiver(answers=[Failure("answered 429", wish=timedelta(hours=1))])
    await tell_all(al, receiver)
    network.clock.advance(minutes=59)
    await tell_all(al, receiver)
    assert receiver.tried == 1
    network.clock.advance(minutes=1)
    receiver.answers.append(Failure("answered 410", is_gone=True))
    await tell_all(al, receiver)
    assert load_webhook(al, webhook_id, who=ADMIN).state is HookState.DISABLED


async def test_only_wanted_kinds_and_channels_are_told(network: Network) -> None:
    """A webhook hears of its kinds, and of cases of its channels; notes have a channel, too."""
    al = network.node("AL")
    make(al, kinds=frozenset({"item_escalated"}), channels=frozenset({Channel.POLICE}))
    happen(al, "case-a")
    with al.database.transaction() as session:
        for channel in (Channel.POLICE, Channel.ASSISTANCE, None):
            announce(session, NoteKind.ITEM_ESCALATED, at=al.clock(), subject="i", channel=channel)
        announce(session, NoteKind.ITEM_CLAIMED, at=al.clock(), channel=Channel.POLICE)
    receiver = Receiver()
    await tell_all(al, receiver)
    assert [body["type"] for body in receiver.bodies] == ["item_escalated"]
    assert receiver.names == ["note-1"]


async def test_everything_since_a_moment_is_told_again(network: Network) -> None:
    """A replay tells it with the same names, in order, also what is owed already."""
    al = network.node("AL")
    webhook_id, _ = make(al)
    happen(al, "case-a")
    receiver = Receiver()
    await tell_all(al, receiver)
    network.clock.advance(hours=1)
    since = al.clock()
    happen(al, "case-a", "case-a")
    await tell_all(al, receiver)
    happen(al, "case-a")
    notice(al)  # owed, not told
    assert handle_replay(al, webhook_id, since=since, who=ADMIN) == 3
    receiver.heard.clear()
    await tell_all(al, receiver)
    assert receiver.names == ["event-2", "event-3", "event-4"]


def test_what_is_claimed_is_claimed_once(network_on_both: Network) -> None:
    """A second process gets nothing until the lease is over."""
    al = network_on_both.node("AL")
    webhook_id, _ = make(al)
    handle_test(al, webhook_id, who=ADMIN)
    assert len(claim_lines(al)) == 1
    assert claim_lines(al) == []
    network_on_both.clock.advance(seconds=telling.LEASE.total_seconds())
    assert len(claim_lines(al)) == 1


def test_an_entry_that_is_committed_late_is_told(network_on_both: Network) -> None:
    """A number below the newest that was not there yet is looked for until it cannot come."""
    al = network_on_both.node("AL")
    make(al)
    happen(al, "case-a")
    notice(al)
    for number in (7, 4):
        with al.database.transaction() as session:
            session.add(
                EventRow(
                    event_id=number, case_id="case-a", at=al.clock(), kind="decided", actor="x"
                )
            )
        notice(al)
    with al.database.reading() as session:
        owed = [row.happening for row in session.exec(select(HookTellingRow))]
        mark = session.get(HookMarkRow, "event")
    assert sorted(owed) == ["event-1", "event-4", "event-7"]
    assert mark is not None
    assert sorted(json.loads(mark.missing)) == ["2", "3", "5", "6"]
    network_on_both.clock.advance(minutes=5)
    notice(al)
    with al.database.reading() as session:
        mark = session.get(HookMarkRow, "event")
    assert mark is not None
    assert mark.missing == "{}"


@pytest.mark.parametrize("who", [STAFF, acting("auditor", Role.AUDITOR)])
def test_webhooks_are_for_administrators(network: Network, who: Principal) -> None:
    """Whoever reads cases does not decide what leaves the node."""
    al = network.node("AL")
    with pytest.raises(ForbiddenError):
        list_webhooks(al, who=who)
    with pytest.raises(ForbiddenError):
        handle_replay(al, "x", since=al.clock(), who=who)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://register.example/in"},
        {"url": "https://user:secret@register.example/in"},
        {"url": "https://register.example/in#part"},
        {"url": "https:///in"},
        {"url": "https://register.example:65536/in"},
        {"url": "https://register.example:0/in"},
        {"url": "https://[register]/in"},
        {"kinds": frozenset({"no_such_kind"})},
        {"channels": frozenset()},
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(
    network: Network, changes: dict[str, Any]
) -> None:
    """An address of the wrong kind, an unknown kind of event, no channel."""
    wish = WebhookWish(label="x", url="https://register.example/in")
    with pytest.raises(WebhookRefusedError):
        handle_make(network.node("AL"), replace_wish(wish, **changes), who=ADMIN)


def test_what_is_taken_away_is_owed_nothing(network: Network) -> None:
    """With a webhook goes all that it was owed; old notes go after their time."""
    al = network.node("AL")
    webhook_id, _ = make(al)
    handle_test(al, webhook_id, who=ADMIN)
    with al.database.transaction() as session:
        announce(session, NoteKind.ITEM_OPENED, at=al.clock())
    notice(al)
    handle_remove(al, webhook_id, who=ADMIN, seen=None)
    network.clock.advance(days=31)
    forget_old_notes(al)
    with al.database.reading() as session:
        assert session.exec(select(HookTellingRow)).all() == []
        assert session.exec(select(HookNoteRow)).all() == []
