"""What the broker remarks beside a batch is no refusal; other words of the same number are."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from node.adapters.mailbox_pull import MailboxPull, MailboxUnavailableError
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass

_CLIENT = cast("Any", None)


class _Answering:
    """Plays the connected client; to each question the broker has a word, then a message."""

    def __init__(self, code: str, description: str) -> None:
        self._headers = {"Status": code, "Description": description}

    def new_inbox(self) -> str:
        """Name an inbox."""
        return "_INBOX.x"

    async def subscribe(self, _subject: str, *, cb: Callable[[Msg], Awaitable[None]]) -> None:
        """Remember who listens."""
        self._deliver = cb

    async def publish(self, _subject: str, _question: bytes, *, reply: str) -> None:
        """Answer at once."""
        await self._deliver(Msg(_CLIENT, reply, headers=self._headers))
        await self._deliver(Msg(_CLIENT, "trm.mbx.r.s.m", data=b"sealed"))


async def fetch_after(code: str, description: str) -> list[bytes]:
    """Fetch one message from a broker that says this first."""
    account = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
    client = cast("TlsClient", _Answering(code, description))
    pull = MailboxPull(client, account, TrafficClass.MESSAGE)
    await pull.start()
    return [message.data for message in await pull.fetch(batch=1, wait=0)]


@pytest.mark.parametrize("said", [("409", "Batch Completed"), ("100", "Idle Heartbeat")])
async def test_a_remark_ahead_of_the_last_message_does_not_hide_it(said: tuple[str, str]) -> None:
    """nats-server says "Batch Completed" ahead of the message when bytes were left."""
    assert await fetch_after(*said) == [b"sealed"]


async def test_another_word_of_the_same_number_is_a_refusal() -> None:
    """Only that remark is excepted."""
    with pytest.raises(MailboxUnavailableError, match="Leadership Change"):
        await fetch_after("409", "Leadership Change")
