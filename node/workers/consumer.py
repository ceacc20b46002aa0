"""The consumer: empties our mailbox into the store, and only then lets the broker forget."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from contact_registry.errors import RegistryError
from node.domain.ports import Delivery, LinkDownError, MailboxLink
from node.service.context import NodeContext
from node.service.gathering import Gathering
from node.service.intake_order import is_immediate, put_immediate_first
from node.service.opening import Arrival, Opened, Refused, is_unknown_sender, open_arrivals
from node.service.receiving import IntakeResult, handle_stumble, store_arrivals
from protocol.subjects import TrafficClass

log = structlog.get_logger(__name__)

#: Envelopes fetched and opened at once: so far something immediate can overtake (at ~1 ms each, all
#: of them are stored long before the broker would offer them again).
_WINDOW: Final = 512
#: Envelopes stored in one transaction.
_BATCH: Final = 256
#: So few are opened sooner than a thread is woken for it.
_FEW: Final = 2
_FETCH_SECONDS: Final = 10.0
#: How long intake waits for a newer registry before it goes on with what there is.
_REFRESH_SECONDS: Final = 3.0
#: How long the broker keeps back what we could not take in now.
_RETRY_SECONDS: Final = 2.0


#: What a store says that cannot take anything now: no fault of any envelope.
_STORE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeoutError, OSError)


class Consumer:
    """One worker for one class. Its order of commit and acknowledgement is the whole promise."""

    def __init__(
        self,
        context: NodeContext,
        link: MailboxLink,
        *,
        traffic: TrafficClass = TrafficClass.MESSAGE,
        refresh_registry: Callable[[], Awaitable[None]],
        hand_chunks: Callable[[Sequence[Delivery]], Awaitable[None]] | None = None,
    ) -> None:
        """``hand_chunks`` takes in and acknowledges chunks, should any come out of this mailbox."""
        self._context = context
        self._link = link
        self._traffic = traffic
        self._refresh_registry = refresh_registry
        self._hand_chunks = hand_chunks
        self._gathering = Gathering()

    async def run_round(self) -> None:
        """Fetch what is there, open all of it, and take it in part by part, the immediate first.

        Each part is stored in one transaction and then acknowledged. Raises only if the store
        cannot take anything now: what is not stored stays in the mailbox.
        """
        await self._gathering.wait()
        deliveries = await self._link.fetch(self._traffic, batch=_WINDOW, wait=_FETCH_SECONDS)
        chunks = [each for each in deliveries if each.traffic is TrafficClass.CHUNK]
        if chunks and self._hand_chunks is not None:  # just after an update (see the port)
            await self._hand_chunks(chunks)
            deliveries = [each for each in deliveries if each.traffic is not TrafficClass.CHUNK]
        if not deliveries:
            self._gathering.note(0)
            return
        letters = [(delivery, _arrival(delivery)) for delivery in deliveries]
        try:
            opened = await self._open([arrival for _, arrival in letters])
        except _STORE_AWAY:
            await self._delay_all(letters)
            raise
        except Exception as error:  # noqa: BLE001 - each is tried alone below, and put aside if it fails
            log.warning("batch_not_opened", count=len(letters), problem=type(error).__name__)
            for delivery, arrival in letters:
                await self._handle_alone(delivery, arrival)
            return
        self._gathering.note(len(opened))
        if any(is_immediate(outcome) for outcome in opened):
            self._context.signals.rush.note()
        order = put_immediate_first(opened)
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            try:
                await self._take_in_part([letters[at] for at in part], [opened[at] for at in part])
            except _STORE_AWAY:
                await self._delay_all(letters[at] for at in order[start:])
                raise

    async def _take_in_part(
        self, letters: Sequence[tuple[Delivery, Arrival]], opened: Sequence[Opened | Refused]
    ) -> None:
        arrivals = [arrival for _, arrival in letters]
        try:
            results = await asyncio.to_thread(store_arrivals, self._context, arrivals, opened)
        except _STORE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - each is tried alone below, and put aside if it fails
            log.warning("batch_not_taken_in", count=len(letters), problem=type(error).__name__)
            for delivery, arrival in letters:
                await self._handle_alone(delivery, arrival)
            return
        self._log(arrivals, results)
        await self._acknowledge([delivery for delivery, _ in letters])

    async def _open(self, arrivals: Sequence[Arrival]) -> list[Opened | Refused]:
        if len(arrivals) <= _FEW:
            opened = open_arrivals(self._context, arrivals)
        else:
            opened = await asyncio.to_thread(open_arrivals, self._context, arrivals)
        if any(is_unknown_sender(outcome) for outcome in opened) and await self._try_refresh():
            opened = await asyncio.to_thread(open_arrivals, self._context, arrivals)
        return opened

    async def _take_in(self, arrivals: Sequence[Arrival]) -> list[IntakeResult]:
        opened = await self._open(arrivals)
        return await asyncio.to_thread(store_arrivals, self._context, arrivals, opened)

    async def _try_refresh(self) -> bool:
        """Look for a newer registry, for a moment; without one, the last verified view goes on."""
        try:
            async with asyncio.timeout(_REFRESH_SECONDS):
                await self._refresh_registry()
        except (RegistryError, TimeoutError) as error:
            log.warning("registry_not_refreshed", problem=type(error).__name__)
            self._context.signals.registry_wanted.notify()
            return False
        return True

    async def _handle_alone(self, delivery: Delivery, arrival: Arrival) -> None:
        """Take in one envelope of a batch that failed, or put it aside.

        What our own software cannot cope with must never hold up the others.
        """
        try:
            results = await self._take_in([arrival])
        except _STORE_AWAY:
            await self._delay(delivery)
            raise
        except Exception as error:
            log.exception("envelope_not_taken_in")
            result = await asyncio.to_thread(
                handle_stumble, self._context, arrival, problem=type(error).__name__
            )
            results = [result]
        self._log([arrival], results)
        await self._acknowledge([delivery])

    async def _acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget. If it does not hear us, it delivers again and we know them."""
        outcomes = await asyncio.gather(
            *(delivery.ack() for delivery in deliveries), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, LinkDownError):
                log.info("acknowledgement_lost")
            elif isinstance(outcome, BaseException):
                raise outcome

    async def _delay_all(self, letters: Iterable[tuple[Delivery, Arrival]]) -> None:
        await asyncio.gather(*(self._delay(delivery) for delivery, _ in letters))

    async def _delay(self, delivery: Delivery) -> None:
        try:
            await delivery.delay(_RETRY_SECONDS)
        except LinkDownError:
            log.info("delay_lost")

    def _log(self, arrivals: Sequence[Arrival], results: Sequence[IntakeResult]) -> None:
        for intake, count in Counter(result.intake for result in results).items():
            log.info("envelopes_taken_in", intake=intake, count=count)
        for arrival, result in zip(arrivals, results, strict=True):
            if result.reason is not None:
                log.warning(
                    "envelope_quarantined",
                    reason=result.reason,
                    message_id=result.message_id,
                    sender_account=arrival.sender,
                )


def _arrival(delivery: Delivery) -> Arrival:
    return Arrival(
        sender=delivery.sender,
        recipient=delivery.recipient,
        traffic=delivery.traffic,
        envelope=delivery.envelope,
    )
