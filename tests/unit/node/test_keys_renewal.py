"""A node keeps its own keys in the registry, and says what is wrong with them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from console.process.tasks import BackgroundTasks
from console.refusals import say_english
from contact_registry.directory import Directory
from contact_registry.models import KeysDocument
from node.background import find_registry_troubles
from node.service.context import NodeContext
from node.workers.keys_renewal import RENEW_AFTER, KeysRenewal, OwnKeys
from protocol.epochs import KeyPlan
from protocol.identifiers import ParticipantCode
from tests.support.node import (
    NOON,
    FakeClock,
    FixedDirectory,
    make_context,
    make_directory,
    make_keys,
    make_keystore,
)

AL = ParticipantCode("AL")
STORE = make_keystore("AL")


class HostAwayError(Exception):
    """The registry host did not take the keys."""


@dataclass
class FakePublisher(OwnKeys):
    """Publishes into a list; fails or answers as told, one entry for each call."""

    answers: list[int | Exception | None] = field(default_factory=list)
    published: list[datetime] = field(default_factory=list)
    rotated: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    @override
    def rotate(self, *, now: datetime, confirmed: datetime | None) -> KeyPlan:
        self.rotated.append((now, confirmed))
        return KeyPlan(make=(), publish=(), erase=())

    @override
    def describe(self, *, at: datetime) -> KeysDocument:
        return make_keys(STORE, at=NOON).model_copy(update={"issued_at": at})

    @override
    def publish(self, *, at: datetime) -> int | None:
        answer = self.answers.pop(0) if self.answers else 8
        if isinstance(answer, Exception):
            raise answer
        self.published.append(at)
        return answer


async def seen() -> None:
    """Return at once: the registry was looked at."""


@dataclass
class Renewing:
    """A renewal with all that a test looks at."""

    clock: FakeClock
    directory: FixedDirectory
    publisher: FakePublisher
    context: NodeContext
    worker: KeysRenewal

    def show(self, directory: Directory) -> None:
        """Let the registry say this."""
        self.directory.directory = directory


@pytest.fixture
def renewing(node_url_of: Callable[[str], str]) -> Iterator[Renewing]:
    """AL's renewal, over a registry that lists its keys as they are."""
    clock, directory = FakeClock(), FixedDirectory(make_directory([STORE]))
    context = make_context(STORE, directory, database_url=node_url_of("AL"), clock=clock)
    publisher = FakePublisher()
    worker = KeysRenewal(context, publisher, wait_for_registry=seen)
    yield Renewing(clock, directory, publisher, context, worker)
    context.database.close()


async def test_fresh_keys_are_left_alone(renewing: Renewing) -> None:
    """Up to thirty days after their issue nothing is published; a moment later they are."""
    renewing.clock.advance(days=RENEW_AFTER.days)
    await renewing.worker.run_round()
    assert renewing.publisher.published == []
    renewing.clock.advance(seconds=1)
    await renewing.worker.run_round()
    assert renewing.publisher.published == [NOON + RENEW_AFTER + timedelta(seconds=1)]


async def test_keys_are_rotated_by_the_last_time_the_registry_was_found_fresh(
    renewing: Renewing,
) -> None:
    """Each round looks at the calendar first; what may go is judged by a clock that was checked."""
    renewing.clock.advance(days=3)
    await renewing.worker.run_round()
    assert renewing.publisher.rotated == [(NOON + timedelta(days=3), NOON)]


@pytest.mark.parametrize("reason", ["missing", "changed", "overdue"])
async def test_what_is_wrong_in_the_registry_is_mended(renewing: Renewing, reason: str) -> None:
    """Keys that are gone, are others, or whose signature ran out, are published at once."""
    right = make_directory([STORE])
    wrong = {
        "missing": replace(right, keys={}),
        "changed": replace(right, keys={AL: make_keys(make_keystore("AL"))}),
        "overdue": replace(right, overdue={"AL-node": NOON}),
    }
    renewing.show(wrong[reason])
    assert renewing.worker.find_reason() == reason
    await renewing.worker.run_round()
    assert len(renewing.publisher.published) == 1
    renewing.show(right)
    await renewing.worker.run_round()
    assert len(renewing.publisher.published) == 1


async def test_keys_hidden_by_overdue_contacts_are_not_published_for_ever(
    renewing: Renewing,
) -> None:
    """Where the contacts' signature ran out, our own publishing would change nothing."""
    renewing.show(replace(make_directory([STORE]), keys={}, overdue={"AL": NOON}))
    await renewing.worker.run_round()
    assert renewing.publisher.published == []


async def test_after_publishing_the_registry_is_looked_at(renewing: Renewing) -> None:
    """The worker that refreshes the registry is woken, so that peers' view becomes ours."""
    woken = renewing.context.signals.registry_wanted.listen()
    renewing.show(replace(make_directory([STORE]), keys={}))
    await renewing.worker.run_round()
    async with asyncio.timeout(60):
        await woken.wait()


async def test_a_node_that_is_not_listed_is_no_failure_of_the_task(renewing: Renewing) -> None:
    """Before the operators have named the node there is nothing to publish to: troubles say so."""
    renewing.show(replace(make_directory([STORE]), keys={}))
    renewing.publisher.answers = [None]
    await renewing.worker.run_round()


async def test_a_refusal_shows_as_trouble_and_is_tried_again(
    renewing: Renewing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is away: the task is in trouble, tries again, and is well after its success."""
    monkeypatch.setattr("console.process.tasks._FIRST_PAUSE", 0.001)
    renewing.show(replace(make_directory([STORE]), keys={}))
    renewing.publisher.answers = [HostAwayError("down"), 9]
    tasks = BackgroundTasks(clock=renewing.clock)
    troubles: list[list[str]] = []
    done = asyncio.Event()

    async def work() -> None:
        troubles.append(tasks.list_troubles())
        await renewing.worker.run_round()
        done.set()

    tasks.add_round("keys_renewal", work, every=timedelta(hours=1))
    async with tasks, asyncio.timeout(60):
        await done.wait()
    assert troubles[0] == []
    assert "keys_renewal: failed 1 time in a row: HostAwayError" in troubles[1][0]


@pytest.mark.parametrize(
    ("directory", "now", "found"),
    [
        (make_directory([STORE]), NOON, None),
        (None, NOON, "never seen"),
        (make_directory([STORE]), NOON + timedelta(days=1, seconds=1), "not refreshed since"),
        (replace(make_directory([STORE]), keys={}), NOON, "nobody can send to this node"),
        (replace(make_directory([STORE]), overdue={"AL-node": NOON}), NOON, "signature ran out"),
        (replace(make_directory([STORE]), overdue={"XK-node": NOON}), NOON, None),
    ],
)
def test_what_is_wrong_with_the_registry_is_said(
    directory: Directory | None, now: datetime, found: str | None
) -> None:
    """Never seen, out of date, own keys missing or overdue: each is a trouble, others' are not."""
    troubles = find_registry_troubles(directory, participant=AL, now=now)
    if found is None:
        assert troubles == []
    else:
        (trouble,) = troubles
        assert found in say_english(trouble)
