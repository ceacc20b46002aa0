"""How secrets of sign-in are kept: the port, which a face fills with its keys."""

from typing import Protocol


class Box(Protocol):
    """Seals small secrets, each for its own place."""

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """Encrypt a secret for the place that ``context`` names."""
        ...

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what was sealed for this place; raises the face's error for anything else."""
        ...
