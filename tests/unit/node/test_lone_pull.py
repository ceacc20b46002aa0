"""Messages that come one by one cost one request each; company is noticed and fetched with them."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from node.adapters.mailbox_pull import MailboxPull
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass

_NOTHING = {"Status": "404", "Description": "No Messages"}


class Mailbox:
    """Plays the connected client and a mailbox behind it, which hands out what waits."""

    def __init__(self) -> None:
        self.waiting = 0
        self.asked: list[dict[str, Any]] = []
        self.number_of: Callable[[int], str] = lambda pending: f"$JS.ACK.s.c.1.7.7.0.{pending}"

    def new_inbox(self) -> str:
        """Name an inbox."""
        return "_INBOX.x"

    async def subscribe(self, _subject: str, *, cb: Callable[[Msg], Awaitable[None]]) -> None:
        """Remember who listens."""
        self._deliver = cb

    async def publish(self, _subject: str, question: bytes, *, reply: str) -> None:
        """Hand out what waits; a request that waits gets the next message, as if it came now."""
        asked = json.loads(question)
        self.asked.append(asked)
        if "no_wait" not in asked:
            self.waiting = max(self.waiting, 1)
        client = cast("Any", None)
        for _ in range(min(asked["batch"], self.waiting)):
            self.waiting -= 1
            number = self.number_of(self.waiting)
            await self._deliver(Msg(client, "trm.mbx.r.s.m", reply=number, data=b"sealed"))
            asked["batch"] -= 1
        if asked["batch"]:
            await self._deliver(Msg(client, reply, headers=_NOTHING))


@pytest.fixture
async def lone() -> tuple[MailboxPull, Mailbox]:
    """Return a pull where the last message came alone, and its mailbox."""
    mailbox = Mailbox()
    account = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
    pull = MailboxPull(cast("TlsClient", mailbox), account, TrafficClass.MESSAGE)
    await pull.start()
    assert len(await pull.fetch(batch=8, wait=10)) == 1
    mailbox.asked.clear()
    return pull, mailbox


async def test_each_that_comes_alone_costs_one_request(lone: tuple[MailboxPull, Mailbox]) -> None:
    """The request that waited for it is the only one."""
    pull, mailbox = lone
    for _ in range(3):
        assert len(await pull.fetch(batch=8, wait=10)) == 1
    assert len(mailbox.asked) == 3
    assert not any(each.get("no_wait") for each in mailbox.asked)


async def test_company_comes_with_the_first(lone: tuple[MailboxPull, Mailbox]) -> None:
    """The broker says with the first how many more there are: they are asked for at once."""
    pull, mailbox = lone
    mailbox.waiting = 5
    assert len(await pull.fetch(batch=8, wait=10)) == 5
    mailbox.waiting = 4
    assert len(await pull.fetch(batch=8, wait=10)) == 4  # and then all at once
    assert [bool(each.get("no_wait")) for each in mailbox.asked] == [False, True, True]


async def test_who_does_not_wait_asks_for_all(lone: tuple[MailboxPull, Mailbox]) -> None:
    """A look at the mailbox takes what is there, and returns where nothing is."""
    pull, mailbox = lone
    assert await pull.fetch(batch=8, wait=0) == []
    mailbox.waiting = 3
    assert len(await pull.fetch(batch=8, wait=0)) == 3


@pytest.mark.parametrize(
    "number", ["", "$JS.ACK.s.c.1.7.7.0.many", f"$JS.ACK.s.c.1.7.7.{'9' * 999}.0"]
)
async def test_a_message_without_its_number_is_handed_on(
    lone: tuple[MailboxPull, Mailbox], number: str
) -> None:
    """What the broker did not number as it should is refused elsewhere, not here."""
    pull, mailbox = lone
    mailbox.number_of = lambda _: number
    assert len(await pull.fetch(batch=8, wait=10)) == 1
