"""A pull over a slow line: what is under way is no silence, and no more is asked for than comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from node.adapters import mailbox_pull
from node.adapters.mailbox_pull import BrokerSilentError, MailboxPull
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId, TrafficClass

CHUNK = 500_000


@dataclass
class Line:
    """Plays the connected client: it says nothing until somebody hears it out."""

    under_way: list[bytes]
    answers: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    _deliver: Callable[[Msg], Awaitable[None]] | None = None

    def new_inbox(self) -> str:
        """Name an inbox."""
        return "_INBOX.x"

    async def subscribe(self, _subject: str, *, cb: Callable[[Msg], Awaitable[None]]) -> None:
        """Remember who listens."""
        self._deliver = cb

    async def publish(self, _subject: str, question: bytes, *, reply: str) -> None:
        """Remember what was asked."""
        self.asked.append(json.loads(question))
        self._reply = reply

    async def hear_out(self, *, patience: float, at_most: float) -> bool:
        """Let one more message come, or the end of the request after the last."""
        assert self._deliver is not None
        client = cast("Any", None)
        if self.under_way:
            await self._deliver(Msg(client, "trm.mbx.r.s.b", data=self.under_way.pop(0)))
        elif self.answers:
            await self._deliver(Msg(client, self._reply, headers={"Status": "404"}))
        return self.answers


async def start_pull(line: Line) -> MailboxPull:
    """Make the pulling side of the mailbox of chunks."""
    account = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
    pull = MailboxPull(cast("TlsClient", line), account, TrafficClass.CHUNK)
    await pull.start()
    return pull


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every line for slow."""
    monkeypatch.setattr(mailbox_pull, "ANSWER_SECONDS", 0.01)


async def test_what_comes_slowly_comes() -> None:
    """Each message takes longer than the broker's answer may: all arrive, none is given up."""
    line = Line([bytes(CHUNK)] * 3)
    pull = await start_pull(line)
    assert [len(each.data) for each in await pull.fetch(batch=8, wait=0)] == [CHUNK] * 3


@pytest.mark.parametrize("answers", [True, False])
async def test_a_broker_that_says_nothing_is_silent(
    monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    """Whether its server still answers, or nothing comes at all."""
    monkeypatch.setattr(mailbox_pull, "_HANDING_SECONDS", 0.01)

    async def say_nothing(**_: float) -> bool:
        await asyncio.sleep(0)
        return answers

    line = Line([])
    monkeypatch.setattr(line, "hear_out", say_nothing)
    pull = await start_pull(line)
    with pytest.raises(BrokerSilentError):
        await pull.fetch(batch=8, wait=0)


async def test_no_more_is_asked_for_than_the_line_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request is for one chunk; how fast it came decides about the next."""
    line = Line([bytes(CHUNK)])
    pull = await start_pull(line)
    await pull.fetch(batch=8, wait=0)
    monkeypatch.setattr(mailbox_pull, "_AHEAD_SECONDS", 1e-9)  # a line that brings next to nothing
    line.under_way = [bytes(CHUNK)]
    await pull.fetch(batch=8, wait=0)
    await pull.fetch(batch=8, wait=0)

    first, second, third = (question["max_bytes"] for question in line.asked)
    assert first == third == mailbox_pull._LEAST_CHUNK_BYTES
    assert second > first
