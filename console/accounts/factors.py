"""Further ways in, as values, and what they need kept: passkeys, recovery codes, ceremonies.

A **ceremony** is something that is begun with a browser and finished by it, once and in time: a
passkey's challenge, a visit at the national login.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from console.accounts.models import AccountId, TokenHash


class Purpose(StrEnum):
    """What a ceremony is for: one begun for one purpose never serves another."""

    PASSKEY_ADD = "passkey_add"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    NATIONAL = "national"


class FactorDeed(StrEnum):
    """What happens to somebody's further ways in, for the audit log."""

    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_FORGOTTEN = "recovery_codes_forgotten"
    NATIONAL_LOGIN_LINKED = "national_login_linked"
    NATIONAL_LOGIN_UNLINKED = "national_login_unlinked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey. ``public_key`` is COSE; ``sign_count`` stays 0 where nobody counts."""

    credential_id: bytes
    account_id: AccountId
    public_key: bytes
    sign_count: int
    label: str
    created_at: datetime
    used_at: datetime | None = None

    @property
    def passkey_id(self) -> str:
        """Its name in the store and in forms."""
        return hashlib.sha256(self.credential_id).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """A ceremony that was begun; ``secret`` is what its end is checked against."""

    ceremony_id: str
    purpose: Purpose
    secret: bytes
    expires_at: datetime


class FactorStore(Protocol):
    """Keeps further ways in. What two requests may race for is one call each, and atomic.

    What adds one does so only while the session that asks (``by``) is active: they raise
    :class:`~console.accounts.models.SessionOverError` for one that a set-up ended meanwhile.
    """

    def add_passkey(self, passkey: Passkey, *, by: TokenHash) -> bool:
        """Keep a new passkey; False if it is known already, to whomever."""
        ...

    def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """Give a passkey, or None."""
        ...

    def list_passkeys(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give somebody's passkeys, the oldest first."""
        ...

    def note_passkey_used(self, passkey: Passkey, *, sign_count: int, at: datetime) -> bool:
        """Note a use; False, and nothing noted, if its count is not the one of ``passkey`` now."""
        ...

    def remove_passkey(self, account_id: AccountId, passkey_id: str) -> bool:
        """Forget somebody's passkey; False if they have no such one."""
        ...

    def replace_recovery_codes(
        self, account_id: AccountId, hashes: Sequence[str], *, at: datetime, by: TokenHash
    ) -> None:
        """Put new recovery codes, by their hashes, in the place of all earlier ones."""
        ...

    def use_recovery_code(self, account_id: AccountId, code_hash: str, *, at: datetime) -> bool:
        """Use a recovery code up; False if it is not theirs, or was used."""
        ...

    def count_recovery_codes(self, account_id: AccountId) -> int:
        """Say how many are left."""
        ...

    def link_national(
        self, account_id: AccountId, identity_hash: str, *, at: datetime, by: TokenHash
    ) -> bool:
        """Link an account to a national identity; False if that is somebody else's."""
        ...

    def unlink_national(self, account_id: AccountId) -> bool:
        """Forget it; False if nothing was linked."""
        ...

    def find_national(self, identity_hash: str) -> AccountId | None:
        """Give whose national identity this is, or None."""
        ...

    def is_linked(self, account_id: AccountId) -> bool:
        """Say whether an account is linked."""
        ...

    def begin_ceremony(self, ceremony: Ceremony, *, now: datetime) -> None:
        """Keep a ceremony in the place of one of the same name; what is over is cleared away."""
        ...

    def take_ceremony(self, ceremony_id: str, purpose: Purpose, *, at: datetime) -> bytes | None:
        """Take a ceremony out, once: its secret, or None if it is unknown, over, or another's."""
        ...
