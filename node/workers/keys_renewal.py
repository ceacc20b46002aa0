"""Keeping this node's own keys: made and erased by the calendar, and listed as they are.

Opening keys hold for one epoch each (:mod:`protocol.epochs`). What may be erased is judged by the
last moment at which the registry was fetched and found fresh: a clock that jumped ahead finds it
expired, so it erases nothing.

Our signature under our keys runs out after some months, and then nobody may seal to us any more. So
it is given anew long before, by the node itself, as soon as one of these holds: the registry's copy
is old, it is missing, it says other keys than ours, or its signature has run out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from contact_registry.models import KeysDocument
from contact_registry.trust.layout import node_role, participant_role
from node.service.context import NodeContext
from protocol.epochs import KeyPlan

log = structlog.get_logger(__name__)

#: A third of the time for which the signature holds: two months remain to mend what prevents it.
RENEW_AFTER: Final = timedelta(days=30)


class OwnKeys(Protocol):
    """Our keys, and the way to bring them into the registry."""

    def rotate(self, *, now: datetime, confirmed: datetime | None) -> KeyPlan:
        """Make the keys that are missing, erase those that are past; what was done. Blocking."""
        ...

    def describe(self, *, at: datetime) -> KeysDocument:
        """Return what the registry should say."""
        ...

    def publish(self, *, at: datetime) -> int | None:
        """Publish; the version, or ``None``: the registry does not list our node (yet). Blocking.

        Raises an error of its own if it should have been taken and was not.
        """
        ...


class KeysRenewal:
    """One worker. ``wait_for_registry`` returns once the registry was looked at."""

    def __init__(
        self,
        context: NodeContext,
        own_keys: OwnKeys,
        *,
        wait_for_registry: Callable[[], Awaitable[None]],
    ) -> None:
        self._context = context
        self._own_keys = own_keys
        self._wait_for_registry = wait_for_registry

    async def run_round(self) -> None:
        """Rotate our keys, and publish them again if there is a reason to."""
        await self._wait_for_registry()
        await self._rotate()
        reason = self.find_reason()
        if reason is None:
            return
        at = self._context.clock().replace(microsecond=0)
        version = await asyncio.to_thread(self._own_keys.publish, at=at)
        if version is None:
            log.warning("own_keys_not_listed", participant=self._context.participant)
            return
        log.info("own_keys_published", reason=reason, version=version)
        self._context.signals.registry_wanted.notify()

    async def _rotate(self) -> None:
        directory = self._context.directory.current()
        plan = await asyncio.to_thread(
            self._own_keys.rotate, now=self._context.clock(), confirmed=directory.verified_at
        )
        if plan.make or plan.erase:
            log.info("own_keys_rotated", made=len(plan.make), erased=len(plan.erase))

    def find_reason(self) -> str | None:
        """Say why our keys should be published again: a short code, or ``None``."""
        directory = self._context.directory.current()
        now = self._context.clock()
        listed = directory.keys.get(self._context.participant)
        if listed is None:
            # Overdue contacts hide our keys, however new: only who holds the directory key helps.
            hidden = participant_role(self._context.participant) in directory.overdue
            return None if hidden else "missing"
        if listed != self._own_keys.describe(at=listed.issued_at):
            return "changed"
        if node_role(self._context.participant) in directory.overdue:
            return "overdue"
        return "old" if now - listed.issued_at > RENEW_AFTER else None
