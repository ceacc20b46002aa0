"""The short way out: what was claimed as it was stored leaves without being looked for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from node.domain.ports import MailboxLink
from node.service import dispatching, receipts
from node.service.attachments import chunk_sending
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned
from node.service.handoff import Handoff
from node.service.mailbox_valve import MailboxValve
from node.service.receipts import ReceiptParcel
from node.workers.envelopes import EnvelopeSender
from node.workers.waiting import wait_for_event

T = TypeVar("T")
R = TypeVar("R")

_BATCH: Final = 128
#: What the broker confirmed is noted after this many seconds, or when so much has come together.
#: Mostly the receipt is here by then, and there is nothing left to note. Should this process end
#: before, the claim ends, too, and the broker knows what it gets a second time.
_NOTE_AFTER: Final = 0.1
_NOTE_AT: Final = 256
_LONGEST_WAIT: Final = 2.0


class FreshRelay(Generic[T, R]):
    """One worker; a few of them let one batch be sealed while the broker stores another."""

    def __init__(
        self,
        handoff: Handoff[T],
        link: MailboxLink,
        *,
        send: Callable[[T], Awaitable[R]],
        note: Callable[[Sequence[tuple[T, R]]], None],
    ) -> None:
        """``note`` records what became of what was sent; it runs in a thread."""
        self._handoff = handoff
        self._link = link
        self._send = send
        self._note = note
        self._wake = handoff.filled.listen()
        self._sent: list[tuple[T, R]] = []
        self._note_at = 0.0

    @property
    def owes_a_note(self) -> bool:
        """Whether something was sent of which the store does not know yet."""
        return bool(self._sent)

    async def run_round(self) -> None:
        """Wait until something is handed on, hand it over, and note it, if not at once."""
        try:
            await self._run_round()
        except BaseException:
            # As long as this does not go on, what is stored is the relay's to look for.
            self._handoff.set_open(is_open=False)
            raise

    async def _run_round(self) -> None:
        self._handoff.set_open(is_open=self._link.is_up)
        now = asyncio.get_running_loop().time
        batch = self._handoff.take(_BATCH)
        if batch:
            outcomes = await asyncio.gather(*(self._send(each) for each in batch))
            if not self._sent:
                self._note_at = now() + _NOTE_AFTER
            self._sent += zip(batch, outcomes, strict=True)
        if self._sent and (now() >= self._note_at or len(self._sent) >= _NOTE_AT):
            # Should this fail, the claims end: the broker is asked again, under the same names.
            sent, self._sent = self._sent, []
            await asyncio.to_thread(self._note, sent)
        elif not batch:
            at_most = max(0.0, self._note_at - now()) if self._sent else _LONGEST_WAIT
            await wait_for_event(self._wake, at_most=at_most)


def make_message_relay(context: NodeContext, link: MailboxLink) -> FreshRelay[Consigned, Attempt]:
    """Build a worker for messages."""
    sender, valve = EnvelopeSender(context, link), MailboxValve(context)

    async def send(message: Consigned) -> Attempt:
        attempt = await sender.send_message(message)
        if attempt.error is None and message.file is not None:
            context.leaving.files.put([message.file])
        return attempt

    def note(sent: Sequence[tuple[Consigned, Attempt]]) -> None:
        messages, attempts = [each for each, _ in sent], [attempt for _, attempt in sent]
        failed = (message for message, attempt in sent if attempt.error is not None)
        chunk_sending.give_back(context, [each.file for each in failed if each.file is not None])
        dispatching.record_attempts(context, attempts)
        valve.learn(messages, attempts)

    return FreshRelay(context.leaving.messages, link, send=send, note=note)


def make_receipt_relay(context: NodeContext, link: MailboxLink) -> FreshRelay[ReceiptParcel, bool]:
    """Build a worker for receipts."""
    sender = EnvelopeSender(context, link)

    async def send(parcel: ReceiptParcel) -> bool:
        return await sender.send_parcel(parcel, kind="receipts")

    def note(sent: Sequence[tuple[ReceiptParcel, bool]]) -> None:
        receipts.record_parcels_sent(context, [parcel for parcel, is_there in sent if is_there])
        for parcel, is_there in sent:
            if not is_there:
                receipts.record_receipts_failed(context, parcel)

    return FreshRelay(context.leaving.receipts, link, send=send, note=note)
