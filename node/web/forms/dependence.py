"""Which fields apply only to certain answers of others: one table, for page, script and reading.

With a script a field that does not apply is not shown; without one its condition stands beside it
in words. What was typed into it is kept, and does not leave.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from console.i18n import Message


@dataclass(frozen=True, slots=True)
class Condition:
    """When a field applies: if one of the alternatives holds.

    An alternative names fields of the same model, each with the answers of which one is given.
    """

    any_of: tuple[Mapping[str, frozenset[str]], ...]
    #: The condition in words; ``None``: one field alone decides, and the page says it.
    words: Message | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that decide."""
        return frozenset(name for one in self.any_of for name in one)

    @property
    def deciding(self) -> tuple[str, frozenset[str]] | None:
        """The one field that decides, with its answers; ``None`` if there are more."""
        if len(self.any_of) != 1 or len(self.any_of[0]) != 1:
            return None
        return next(iter(self.any_of[0].items()))

    def is_met(self, get: Callable[[str], Collection[str]]) -> bool:
        """Say whether it holds; ``get`` gives the answers of a field of the same model."""
        return any(
            all(wanted & set(get(name)) for name, wanted in one.items()) for one in self.any_of
        )

    def write(self, place: Callable[[str], str]) -> str:
        """Write the alternatives for the script of the page; ``place`` names a field there."""
        return json.dumps(
            [{place(name): sorted(wanted) for name, wanted in one.items()} for one in self.any_of]
        )
