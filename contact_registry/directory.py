"""A verified view of the whole registry at one version: what the rest of the product reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from contact_registry.fields import decode_base64
from contact_registry.models import (
    Authority,
    ContactsDocument,
    EncryptionKeyEntry,
    KeysDocument,
    ParticipantEntry,
)
from protocol.errors import UnsupportedError
from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.signing import VerifyKey
from protocol.suites import SUITES


class _Choice(NamedTuple):
    """Which key is sealed to from one moment to before another, or until keys change (None)."""

    entry: EncryptionKeyEntry | None
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Directory:
    """Everything the registry said at one version, verified.

    ``version`` and ``sha256`` are those of the TUF snapshot file, and are what every message pins:
    two Participants that see different hashes for one version have been shown different registries.
    ``expires_at`` is the moment after which the registry host should have said something newer.
    ``overdue`` names roles (``AL``, ``AL-node``) whose own signature has run out and since when;
    their documents are still here, except keys after the grace period (see
    :mod:`contact_registry.trust.verification`).
    """

    version: int
    sha256: str
    expires_at: datetime
    verified_at: datetime
    participants: tuple[ParticipantEntry, ...]
    contacts: Mapping[ParticipantCode, ContactsDocument]
    keys: Mapping[ParticipantCode, KeysDocument]
    overdue: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def participant(self, code: ParticipantCode) -> ParticipantEntry | None:
        """Return a Participant's entry, or None if it does not take part."""
        return self._entries.get(code)

    @cached_property
    def _entries(self) -> Mapping[ParticipantCode, ParticipantEntry]:
        return {entry.code: entry for entry in self.participants}

    @cached_property
    def _authorities(self) -> Mapping[AuthorityId, Authority]:
        return {
            desk.id: desk for document in self.contacts.values() for desk in document.authorities
        }

    def signing_key(
        self, participant: ParticipantCode, key_id: str, *, at: datetime | None = None
    ) -> VerifyKey | None:
        """Return the key of this name that the Participant lists, or None.

        With ``at``, None also when the key was not valid at that moment.
        """
        document = self.keys.get(participant)
        if document is None:
            return None
        for entry in document.signing_keys:
            if entry.key_id == key_id:
                if at is not None and not _is_within(at, entry.valid_from, entry.valid_to):
                    return None
                return _load_key(entry.public)
        return None

    def newest_encryption_key(
        self, participant: ParticipantCode, at: datetime
    ) -> EncryptionKeyEntry | None:
        """Return the key to seal to at this moment, or None.

        Of the valid keys of the strongest suite that both speak, the one that began last.
        """
        choice = self._choices.get(participant)
        if choice is None or not _is_within(at, choice.since, choice.until):
            choice = self._choices[participant] = self._choose(participant, at)
        return choice.entry

    @cached_property
    def _choices(self) -> dict[ParticipantCode, _Choice]:
        """What was chosen last: asked for each message, and changed once a week."""
        return {}

    def _choose(self, participant: ParticipantCode, at: datetime) -> _Choice:
        document = self.keys.get(participant)
        listed = document.encryption_keys if document is not None else ()
        changes = (moment for entry in listed for moment in (entry.valid_from, entry.valid_to))
        until = min((moment for moment in changes if moment > at), default=None)
        valid = [entry for entry in listed if _is_within(at, entry.valid_from, entry.valid_to)]
        try:
            suite = SUITES.choose({entry.suite for entry in valid})
        except UnsupportedError:
            return _Choice(None, at, until)
        newest = max(
            (entry for entry in valid if entry.suite == suite),
            key=lambda entry: (entry.valid_from, entry.key_id),
        )
        return _Choice(newest, at, until)

    def authority(self, authority_id: AuthorityId) -> Authority | None:
        """Return the authority of this identifier, valid or ended, or None."""
        return self._authorities.get(authority_id)

    def age(self, now: datetime) -> timedelta:
        """How long ago this view was verified against the registry host."""
        return now - self.verified_at


def _is_within(at: datetime, start: datetime, end: datetime | None) -> bool:
    return start <= at and (end is None or at < end)


@lru_cache(1024)
def _load_key(public: str) -> VerifyKey:
    """Load a public key once, not for each message that it signed."""
    return VerifyKey(decode_base64(public))
