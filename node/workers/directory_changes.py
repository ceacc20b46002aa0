"""Bringing the changes of our contacts to an end: sent again until the hub has answered."""

import asyncio

import structlog

from contact_registry.changes.desk import ChangeDesk

log = structlog.get_logger(__name__)


class DirectoryChanges:
    """One worker over the desk of this node."""

    def __init__(self, desk: ChangeDesk) -> None:
        self._desk = desk

    async def run_round(self) -> None:
        """Send what has no answer yet, and let every draft follow what was published."""
        waiting = await asyncio.to_thread(self._desk.continue_publishing)
        moved = await asyncio.to_thread(self._desk.follow_all)
        if waiting or moved:
            log.info("directory_changes_followed", waiting=waiting, moved=moved)
