"""Recovery codes: a way past a lost phone, printed and kept in a safe. Each works once.

A code has 80 random bits, so that a plain SHA-256 of it, with its account, is enough.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console.accounts.factors import FactorStore
from console.accounts.models import AccountId, SignedIn

HOW_MANY: Final = 10
_BYTES: Final = 10
_CODE: Final = re.compile(r"[A-Z2-7]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes:
    """Makes recovery codes and uses them up."""

    store: FactorStore
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]

    def make(self, signed_in: SignedIn) -> tuple[str, ...]:
        """Make a new set, shown here and never again; all earlier codes stop working.

        Raises :class:`~console.accounts.models.SessionOverError`.
        """
        account_id = signed_in.account.id
        codes = tuple(base64.b32encode(self.random(_BYTES)).decode() for _ in range(HOW_MANY))
        hashes = [_hash(account_id, code) for code in codes]
        self.store.replace_recovery_codes(
            account_id, hashes, at=self.clock(), by=signed_in.session.token_hash
        )
        return tuple("-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes)

    def use(self, account_id: AccountId, text: str) -> bool:
        """Use a code up; False if this is none of theirs that is left."""
        code = normalize_code(text)
        if code is None:
            return False
        return self.store.use_recovery_code(account_id, _hash(account_id, code), at=self.clock())


def normalize_code(text: str) -> str | None:
    """Give a recovery code as it is hashed, or None if this has not its shape."""
    code = "".join(text.split()).replace("-", "").upper()
    return code if _CODE.fullmatch(code) else None


def _hash(account_id: AccountId, code: str) -> str:
    return hashlib.sha256(f"{account_id}\0{code}".encode()).hexdigest()
