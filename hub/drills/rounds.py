"""The rounds of the hub that ask desks and remind them."""

import asyncio
from collections.abc import Awaitable, Callable

from hub.drills.desk import DrillDesk
from hub.drills.mailing import Mailer
from hub.drills.reminding import Reminding


def make_drill_round(desk: DrillDesk) -> Callable[[], Awaitable[None]]:
    """Return a round that asks what the schedule says is due."""

    async def ask_due() -> None:
        await asyncio.to_thread(desk.ask_due)

    return ask_due


def make_reminder_round(desk: DrillDesk, mailer: Mailer) -> Callable[[], Awaitable[None]]:
    """Return a round that sends what waits; it raises if something must be tried again."""
    reminding = Reminding(desk.context, desk)

    async def remind() -> None:
        await asyncio.to_thread(reminding.send_waiting, mailer)

    return remind
