"""A change of one Participant's contacts, as a value; and what happened to it, entry by entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from contact_registry.changes.states import OPEN, ChangeState, Step
from contact_registry.errors import RefusalCode
from contact_registry.models import ContactsDocument
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey

ChangeId = NewType("ChangeId", str)
"""32 small hexadecimal digits."""


class EntryKind(StrEnum):
    """What an edit was about."""

    DOCUMENT = "document"
    AUTHORITY = "authority"
    CALENDAR = "calendar"
    AGREEMENT = "agreement"
    NODE_KEYS = "node_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why somebody edits: for the people of this desk, never published. No personal data."""

    reason: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One entry of a change's story. ``detail`` names fields, codes and versions, no contents."""

    at: datetime
    actor: str
    step: Step
    entry_kind: EntryKind | None = None
    entry: str = ""
    grounds: Grounds = Grounds()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in hand.

    ``base_version`` and ``base`` are the version of the Participant's role, and its document, that
    the draft was made from (0 and None: nothing was published), with ``base_node_keys``.
    ``node_keys`` are those that the signature will name. ``theirs_version`` is the published
    version with which it conflicts, 0 if there is no conflict. ``metadata`` is the signing file's
    role metadata with what signatures there are, empty before it was prepared; it stays when the
    change is published. ``refusal`` is set in state REFUSED. ``registry_version`` is that of the
    whole registry in which it was published, if the host's answer arrived.
    """

    id: ChangeId
    participant: ParticipantCode
    title: str
    state: ChangeState
    row_version: int
    base_version: int
    base: ContactsDocument | None
    draft: ContactsDocument
    base_node_keys: tuple[VerifyKey, ...]
    node_keys: tuple[VerifyKey, ...]
    theirs_version: int = 0
    is_renewal: bool = False
    metadata: bytes = b""
    refusal: RefusalCode | None = None
    refusal_detail: str = ""
    registry_version: int | None = None
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSummary:
    """A change in a list."""

    id: ChangeId
    participant: ParticipantCode
    title: str
    state: ChangeState
    row_version: int
    base_version: int
    theirs_version: int
    is_renewal: bool
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Changes of a list, newest first, and whether there are more."""

    changes: Sequence[ChangeSummary]
    has_more: bool
