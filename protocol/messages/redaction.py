"""A message without the fields of some classes: for readers who need to know only the rest.

What is withheld is decided by the annotations of the fields and by nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from protocol.messages.fields import Sensitivity, StatedClass, get_sensitivity


@dataclass(frozen=True, slots=True)
class WithheldField:
    """A field that held something and was taken out."""

    #: As errors and corrections name places: ``body.household.0.identity.given_names``.
    path: str
    sensitivity: Sensitivity


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is left of a message, as a JSON tree, and which fields were withheld.

    In the tree a withheld value is replaced by ``{"withheld": <class>}``, so that a reader sees
    that there is something and which class it needs; what held nothing is absent as on the wire.
    The tree is for showing and printing: it is not a message, and no type reads it back.
    """

    tree: dict[str, Any]
    withheld: tuple[WithheldField, ...]


def redact(message: BaseModel, *, keep: frozenset[Sensitivity]) -> Redaction:
    """Withhold each field of ``message`` whose class is not in ``keep``.

    A field that carries no class of its own is kept: it is of the head, which every receiving
    machine reads, or it holds a model whose fields are classed one by one. A class that is given
    to a nested model, or that a part states of itself, holds for all of it: an attachment is shown
    or withheld with its name and its key. With every class kept, the tree is the whole message.
    """
    withheld: list[WithheldField] = []
    tree = message.model_dump(mode="json", exclude_none=True)
    return Redaction(_Sieve(keep, withheld).sift(message, tree, at=""), tuple(withheld))


@dataclass(frozen=True, slots=True)
class _Sieve:
    keep: frozenset[Sensitivity]
    withheld: list[WithheldField]

    def sift(self, model: BaseModel, tree: Mapping[str, Any], *, at: str) -> dict[str, Any]:
        return {
            name: self._sift_field(model, name, value, at=f"{at}{name}")
            for name, value in tree.items()
        }

    def _sift_field(self, model: BaseModel, name: str, value: Any, *, at: str) -> Any:
        mark = get_sensitivity(type(model), name)
        held = getattr(model, name)
        if mark is not None:
            # An empty list holds nothing: to mark it as withheld would tell that there was more.
            return value if value == [] else self._sift_classed(mark, value, at=at)
        if isinstance(held, BaseModel):
            return self._sift_part(held, value, at=at)
        if isinstance(held, tuple):
            return [
                self._sift_part(item, part, at=f"{at}.{index}")
                for index, (item, part) in enumerate(zip(held, value, strict=True))
            ]
        return value

    def _sift_part(self, held: Any, value: Any, *, at: str) -> Any:
        if isinstance(held, StatedClass):
            return self._sift_classed(held.sensitivity, value, at=at)
        return self.sift(held, value, at=f"{at}.") if isinstance(held, BaseModel) else value

    def _sift_classed(self, mark: Sensitivity, value: Any, *, at: str) -> Any:
        if mark in self.keep:
            return value
        self.withheld.append(WithheldField(at, mark))
        return {"withheld": mark.value}
