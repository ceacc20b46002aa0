"""Passwords: Argon2id (RFC 9106), and the rules of NIST SP 800-63B-4 section 3.1.1.

Length is what counts: at least 15 characters, at most 128, no rules of composition, no forced
change, paste allowed; words that everybody tries first are refused.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from console.i18n import Message, msg

MIN_CHARACTERS: Final = 15
MAX_CHARACTERS: Final = 128  # a bound on the work of hashing, far above what people type

# The second choice of RFC 9106 section 4, for servers that share their memory: 64 MiB, 3 passes.
ARGON2ID: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)

# What people try when fifteen characters are asked for; compared without case, spaces and marks.
_EXPECTED: Final = frozenset(
    {
        "passwordpassword",
        "passwordpassword1",
        "password1234567",
        "password12345678",
        "123456789012345",
        "1234567890123456",
        "12345678901234567890",
        "qwertyuiopasdfgh",
        "qwertyuiopasdfghjkl",
        "qwertyqwertyqwerty",
        "qwerty123456789",
        "qwerty1234567890",
        "administrator123",
        "administratoradministrator",
        "adminadminadmin",
        "welcomewelcome1",
        "letmeinletmein1",
        "iloveyouiloveyou",
        "correcthorsebatterystaple",
        "changemechangeme",
        "thisismypassword",
        "thequickbrownfox",
        "abcdefghijklmno",
        "abcdefghijklmnopqrstuvwxyz",
        "referralreferral",
        "traffickingreferral",
        "nationalfocalpoint",
        "focalpointfocalpoint",
    }
)
_MIN_DISTINCT: Final = 5  # "aaaaaaaaaaaaaaa" and "121212121212121" are no secrets


#: Each takes 64 MiB and a processor: more at once would only be slower, and could fill the memory.
AT_ONCE: Final = 2
#: With these in front of it an attempt takes a second or two; the next one is turned away.
MAY_WAIT: Final = 6


class TooManyAttemptsError(Exception):
    """So many passwords are being checked that this one is not taken on: try again later."""


class _Turns:
    """Lets a few threads at a time through, a few more wait, and no others."""

    def __init__(self, at_once: int, may_wait: int) -> None:
        self._free = at_once
        self._places = at_once + may_wait
        self._condition = Condition()

    @contextmanager
    def take(self) -> Iterator[None]:
        with self._condition:
            if not self._places:
                raise TooManyAttemptsError("Too many passwords are being checked: try again.")
            self._places -= 1
            self._condition.wait_for(lambda: self._free > 0)
            self._free -= 1
        try:
            yield
        finally:
            with self._condition:
                self._free += 1
                self._places += 1
                self._condition.notify()


class Passwords:
    """Checks and hashes passwords; give a cheap hasher in tests.

    ``at_once`` of them, while ``may_wait`` more wait; whoever else asks gets
    :class:`TooManyAttemptsError`.
    """

    def __init__(
        self,
        hasher: PasswordHasher = ARGON2ID,
        *,
        at_once: int = AT_ONCE,
        may_wait: int = MAY_WAIT,
    ) -> None:
        self._hasher = hasher
        self._turns = _Turns(at_once, may_wait)
        self._nobody = hasher.hash("the password of nobody, so that an unknown name costs the same")

    def find_weakness(self, password: str, *, sign_in_name: str) -> Message | None:
        """Say what is wrong with a new password, or None if it may be used."""
        characters = normalize_password(password)
        if len(characters) < MIN_CHARACTERS:
            return msg(
                "Choose a password of at least %(count)s characters. "
                "Four or five unrelated words are easy to remember.",
                count=MIN_CHARACTERS,
            )
        if len(characters) > MAX_CHARACTERS:
            return msg("Choose a password of at most %(count)s characters.", count=MAX_CHARACTERS)
        plain = "".join(character for character in characters.casefold() if character.isalnum())
        own_name = "".join(c for c in sign_in_name.casefold() if c.isalnum())
        if plain in _EXPECTED or len(set(plain)) < _MIN_DISTINCT:
            return msg("This password is one of the first that others would try. Choose another.")
        if own_name and plain.replace(own_name, "").strip("0123456789") == "":
            return msg("Choose a password that is not your sign-in name.")
        return None

    def hash_password(self, password: str) -> str:
        """Hash a password for storage: a PHC string with its own salt and parameters.

        Raises :class:`TooManyAttemptsError`.
        """
        with self._turns.take():
            return self._hasher.hash(_encode(normalize_password(password)))

    def is_password(self, password: str, stored: str | None) -> bool:
        """Tell whether this is the stored password; takes as long when nothing is stored.

        Raises :class:`TooManyAttemptsError`.
        """
        candidate = normalize_password(password)
        if len(candidate) > MAX_CHARACTERS:
            candidate = ""
        try:
            with self._turns.take():
                self._hasher.verify(
                    stored if stored is not None else self._nobody, _encode(candidate)
                )
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):
            return False  # a damaged hash lets nobody in; recovery by a one-time link stays open
        return stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a stored hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def _encode(password: str) -> bytes:
    # What a browser cannot type must be refused like any wrong password, not fail.
    return password.encode(errors="surrogatepass")


def normalize_password(password: str) -> str:
    """Give one spelling to what different keyboards type alike (NFKC, as SP 800-63B asks)."""
    return unicodedata.normalize("NFKC", password)
