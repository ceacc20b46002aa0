"""Admission as a recurring task: read the registry, reconcile the broker, keep the report."""

import asyncio
from collections.abc import Callable

from contact_registry.directory import Directory
from hub.broker.admission import Admission, AdmissionAction, AdmissionReport


class AdmissionIncompleteError(Exception):
    """Some Participants could not be brought up to date; the next round tries again."""


class AdmissionRounds:
    """Does one round after the other. ``load_directory`` may block; it runs in a thread."""

    def __init__(self, admission: Admission, *, load_directory: Callable[[], Directory]) -> None:
        self._admission = admission
        self._load_directory = load_directory
        self._one_round = asyncio.Lock()
        self._directory: Directory | None = None
        self._last: AdmissionReport | None = None
        self._last_complete: AdmissionReport | None = None

    @property
    def directory(self) -> Directory | None:
        """The registry as of the last round."""
        return self._directory

    @property
    def last(self) -> AdmissionReport | None:
        """What the last round did."""
        return self._last

    @property
    def last_complete(self) -> AdmissionReport | None:
        """What the last round did in which nothing failed."""
        return self._last_complete

    async def run(self) -> None:
        """Do one round; raises :class:`AdmissionIncompleteError` if it is to be repeated soon."""
        # Reading inside the lock: an older view must not be carried out after a newer one.
        async with self._one_round:
            self._directory = await asyncio.to_thread(self._load_directory)
            self._last = await self._admission.reconcile(self._directory)
        failed = self._last.having(AdmissionAction.FAILED)
        if failed:
            raise AdmissionIncompleteError(
                "; ".join(f"{outcome.participant}: {outcome.detail}" for outcome in failed)
            )
        self._last_complete = self._last
