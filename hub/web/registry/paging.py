"""Long lists in pages: which part is shown, and where the pages beside it are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Paging:
    """One page of a list; pages count from 1, and there is always one."""

    number: int
    size: int
    pages: int

    @classmethod
    def of(cls, length: int, *, number: int, size: int) -> Self:
        """Take the page of this number, or the one next to it that there is."""
        pages = max(1, -(-length // size))
        return cls(min(max(number, 1), pages), size, pages)

    def take(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Return what this page shows."""
        return items[(self.number - 1) * self.size : self.number * self.size]

    def address_before(self, prefix: str) -> str:
        """Return the address of the page before this one, empty on the first."""
        return f"{prefix}/{self.number - 1}" if self.number > 1 else ""

    def address_after(self, prefix: str) -> str:
        """Return the address of the page after this one, empty on the last."""
        return f"{prefix}/{self.number + 1}" if self.number < self.pages else ""
