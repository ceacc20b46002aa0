"""Encryption suites: which are spoken, which is chosen, and which is refused (SPEC section 5).

A suite names everything that sealing rests on: KEM, KDF, AEAD. A key is made for one suite and
published with its number, so the key decides the suite, and the envelope says both. Nobody between
the two ends can lower it:

- the recipient's keys and their suites stand in a document that the recipient's node signed;
- suite and key id are part of the sealing's ``info``, so an envelope with another number in front
  does not open;
- both ends have a floor. A suite below it is neither chosen nor opened, whatever the other side
  offers: a registry entry or an envelope that asks for it is refused.

The suite is not under the sender's signature: a message that is sealed again for a newer key, maybe
of a newer suite, keeps its signature and its evidence.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from protocol.errors import LocalProtocolError, UnsupportedError

SUITE_HYBRID: Final = 1
"""HPKE base mode: ML-KEM-768+X25519, HKDF-SHA256, ChaCha20-Poly1305."""

LARGEST_SUITE: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class SuiteTable:
    """The suites that one version of the software speaks.

    ``strongest_first`` is an order, not an arithmetic: a number says nothing about strength.
    ``floor`` is the weakest that is still good enough; what stands behind it is only named, so that
    its withdrawal can be told from a number that was never spoken.
    """

    strongest_first: tuple[int, ...]
    floor: int

    def __post_init__(self) -> None:
        """Refuse a table that contradicts itself."""
        numbers = self.strongest_first
        if self.floor not in numbers or len(set(numbers)) != len(numbers):
            raise LocalProtocolError("A table of suites names each once, and the floor among them.")

    @property
    def usable(self) -> tuple[int, ...]:
        """The suites at or above the floor, strongest first."""
        return self.strongest_first[: self.strongest_first.index(self.floor) + 1]

    def choose(self, offered: Collection[int]) -> int:
        """Return the strongest suite that both sides speak.

        ``offered`` are the suites of the recipient's keys that are valid now. Raises
        ``UnsupportedError`` if none of them is good enough: then nothing is sealed.
        """
        for suite in self.usable:
            if suite in offered:
                return suite
        raise UnsupportedError(
            "The recipient's keys are of no encryption suite that is good enough here: one of the "
            "two nodes needs an update, or the recipient must publish a newer key."
        )

    def verify_spoken(self, suite: int) -> None:
        """Refuse a suite that is unknown or below the floor; raises ``UnsupportedError``."""
        if suite in self.usable:
            return
        if suite in self.strongest_first:
            raise UnsupportedError(
                f"Encryption suite {suite} was withdrawn as too weak: the sender must update its "
                "node and seal again."
            )
        raise UnsupportedError(
            f"Encryption suite {suite} is not spoken here: this node or the sender's needs an "
            "update."
        )

    def verify_key_suite(self, suite: int, *, key_suite: int) -> None:
        """Refuse an envelope of another suite than the one its key was published for.

        Equality, and not "at least": one key under two suites would let a weakness of one show
        something of the other. Raises ``UnsupportedError``.
        """
        self.verify_spoken(suite)
        if suite != key_suite:
            raise UnsupportedError(
                f"The envelope is of encryption suite {suite}, its key was published for suite "
                f"{key_suite}: the sender must seal again as the registry says."
            )


SUITES: Final = SuiteTable(strongest_first=(SUITE_HYBRID,), floor=SUITE_HYBRID)
"""What this version speaks."""
