"""The consumer: empties our mailbox into the store, and only then lets the broker forget."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from node.domain.ports import Delivery, LinkDownError, MailboxLink
from node.service.context import NodeContext
from node.service.opening import Arrival, needs_newer_registry
from node.service.receiving import IntakeResult, handle_arrivals

log = structlog.get_logger(__name__)

_BATCH: Final = 64
_FETCH_SECONDS: Final = 10.0
#: How long the broker keeps back what we could not take in now.
_RETRY_SECONDS: Final = 2.0


class Consumer:
    """One worker. The order of commit and acknowledgement is the promise of the whole product."""

    def __init__(
        self,
        context: NodeContext,
        link: MailboxLink,
        *,
        refresh_registry: Callable[[], Awaitable[None]],
    ) -> None:
        self._context = context
        self._link = link
        self._refresh_registry = refresh_registry

    async def run_round(self) -> None:
        """Fetch what is there, store it in one transaction, acknowledge it."""
        deliveries = await self._link.fetch(batch=_BATCH, wait=_FETCH_SECONDS)
        if not deliveries:
            return
        arrivals = [_arrival(delivery) for delivery in deliveries]
        if needs_newer_registry(self._context, arrivals):
            await self._refresh_registry()
        try:
            results = await asyncio.to_thread(handle_arrivals, self._context, arrivals)
        except Exception:
            # Nothing was stored. One envelope that our own code stumbles over must not hold up the
            # others: each is tried alone, and what fails stays in the mailbox and in the report.
            results_alone = await self._handle_alone(deliveries, arrivals)
            if results_alone:
                raise
            return
        self._log(arrivals, results)
        await self._acknowledge(deliveries)

    async def _handle_alone(
        self, deliveries: Sequence[Delivery], arrivals: Sequence[Arrival]
    ) -> int:
        failures = 0
        for delivery, arrival in zip(deliveries, arrivals, strict=True):
            try:
                results = await asyncio.to_thread(handle_arrivals, self._context, [arrival])
            except Exception as error:
                failures += 1
                log.exception("envelope_not_taken_in", problem=type(error).__name__)
                await self._delay(delivery)
            else:
                self._log([arrival], results)
                await self._acknowledge([delivery])
        return failures

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
