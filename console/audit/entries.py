"""One entry of the audit log, and the hash that binds it to the one before.

The hash is SHA-256 over the JSON array of the log's domain (a text that no other log has), the hash
before, sequence, moment (UTC, microseconds), actor, action, subject, and the text of the detail, in
this order, in ASCII and without blanks. The first entry follows :data:`FIRST_HASH`. Nobody who
holds the last hash can be shown a log from which an entry was taken, or in which one was changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

FIRST_HASH: Final = "0" * 64
LONGEST_ACTOR: Final = 120
LONGEST_SUBJECT: Final = 200
LONGEST_DETAIL: Final = 2000

Detail = Mapping[str, str | int | bool | None]
"""More about an act: identifiers, codes and numbers. Never names of people, reasons, or text."""


class AuditEntryError(ValueError):
    """An act cannot be written down as it was given: a defect of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act as it stands in the log. ``detail`` is the JSON text that was hashed."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    previous_hash: str
    entry_hash: str

    @property
    def facts(self) -> dict[str, str | int | bool | None]:
        """The detail as an object."""
        loaded: dict[str, str | int | bool | None] = json.loads(self.detail)
        return loaded


def write_detail(detail: Detail) -> str:
    """Write the detail as the text that is hashed; raises :class:`AuditEntryError` if too long."""
    text = json.dumps(dict(detail), sort_keys=True, separators=(",", ":"))
    if len(text) > LONGEST_DETAIL:
        raise AuditEntryError(
            f"The detail of an audit entry has at most {LONGEST_DETAIL} characters: name "
            "identifiers, not contents."
        )
    return text


def check_party(actor: str, subject: str) -> None:
    """Raise :class:`AuditEntryError` unless both can be written down."""
    if not actor or len(actor) > LONGEST_ACTOR or not actor.isprintable():
        raise AuditEntryError(f"An actor has 1 to {LONGEST_ACTOR} printable characters.")
    if len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise AuditEntryError(f"A subject has at most {LONGEST_SUBJECT} printable characters.")


def compute_hash(entry: AuditEntry, *, domain: str) -> str:
    """Compute the hash of an entry of a log from everything else in it."""
    parts = [
        domain,
        entry.previous_hash,
        entry.sequence,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail,
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode("ascii")).hexdigest()
