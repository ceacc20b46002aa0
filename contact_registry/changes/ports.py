"""What a desk works with: where changes are kept, what is published, and who publishes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from contact_registry.changes.change import Change, ChangeEvent, ChangeId, ChangeSummary
from contact_registry.changes.published_role import PublishedRole
from contact_registry.changes.states import ChangeState
from contact_registry.directory import Directory
from contact_registry.trust.submitting import Submission
from protocol.identifiers import ParticipantCode


class ChangeStore(Protocol):
    """Keeps changes. Each method is one transaction: all of it is on the disk, or none."""

    def add(self, change: Change, event: ChangeEvent) -> None:
        """Keep a new change; raises ``StaleChangeError`` if its identifier is taken."""

    def load(self, change_id: ChangeId) -> Change | None:
        """Return a change, or None."""

    def save(self, change: Change, *, seen: int, events: Sequence[ChangeEvent]) -> None:
        """Replace a change that has row version ``seen``; its new one stands in ``change``.

        Raises :class:`~contact_registry.changes.errors.StaleChangeError` if it has another.
        """

    def list(
        self,
        *,
        participant: ParticipantCode | None = None,
        states: Collection[ChangeState] | None = None,
        skip: int = 0,
        limit: int | None = 50,
    ) -> Sequence[ChangeSummary]:
        """Return changes, the one that was touched last first; ``limit`` None: all of them."""

    def list_events(self, change_id: ChangeId) -> Sequence[ChangeEvent]:
        """Return what happened to a change, oldest first."""


class RegistrySource(Protocol):
    """What is published, verified. Methods may block."""

    def refresh(self) -> None:
        """Look for a newer version. What cannot be reached is no error: the last view stays."""

    def directory(self) -> Directory:
        """Return the newest verified view; raises the registry's own errors if there is none."""

    def role(self, code: ParticipantCode) -> PublishedRole:
        """Return what that view says of one Participant; raises ``ChangeNotFoundError``."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The registry host's answer to a submission: the registry version that has it, if known."""

    registry_version: int | None


class Publisher(Protocol):
    """Brings submissions to the registry host. Methods block."""

    def send(self, submission: Submission) -> Receipt:
        """Publish.

        Raises ``SubmissionRefusedError``, or ``RegistryUnavailableError`` if nobody can say whether
        it arrived.
        """

    def find(self, role: str, version: int) -> bytes | None:
        """Return the published metadata of a role in this version, None if there is none (yet).

        Raises ``RegistryUnavailableError``.
        """
