"""The desk of changes in the background: it goes on with what has no answer, and follows."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from console.process.tasks import BackgroundTasks
from contact_registry.changes.desk import ChangeDesk
from contact_registry.trust.published import PublishedVersion
from hub.changes.opening import open_change_desk
from hub.context import HubContext

_EVERY: Final = timedelta(seconds=15)


def add_change_rounds(
    tasks: BackgroundTasks, context: HubContext, *, after_publication: Callable[[], None]
) -> ChangeDesk:
    """Open the desk of changes and add its round; return the desk for the pages.

    ``after_publication`` is called in the event loop when the desk has published something.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def tell(_published: PublishedVersion) -> None:
        # The pages publish in worker threads, where nothing of the loop may be touched.
        for loop in loops:
            loop.call_soon_threadsafe(after_publication)

    desk = open_change_desk(context, on_published=tell)

    async def go_on() -> None:
        loops[:] = [asyncio.get_running_loop()]
        await asyncio.to_thread(desk.continue_publishing)
        await asyncio.to_thread(desk.follow_all)

    tasks.add_round("directory_changes", go_on, every=_EVERY)
    return desk
