"""What a file of vectors is, and how one is put together.

A case names an operation and gives its input; then it says what comes out: ``expected``, or the
rejection code as ``error``. Operations are explained in the file, in words, for somebody who has
the specification and not this code. Here each one also has a function that does it with the code of
this project, from the JSON values of the file and nothing else.

What is expected is written by hand where that is possible. Where it is not (signatures, encoded
bytes) it is what the code says, and a test compares it with other libraries.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocol.errors import RemoteProtocolError

Json = dict[str, Any]
Run = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
"""Does an operation: takes the input of a case and what the file gives to all of its cases."""

_COMPUTED: Final = object()


class VectorError(Exception):
    """A case says something else than the code does: one of the two is wrong."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an implementation does, in words and as a function."""

    about: str
    run: Run


@dataclass(slots=True)
class Family:
    """One file of vectors while it is put together."""

    #: The path below ``protocol/vectors``, without its ending.
    name: str
    description: str
    #: Sections of the specification.
    spec: tuple[str, ...]
    operations: Mapping[str, Operation]
    #: What all cases share: keys, mostly.
    given: Json = field(default_factory=dict)
    cases: list[Json] = field(default_factory=list)

    def good(self, name: str, operation: str, data: Json, *, expected: Any = _COMPUTED) -> None:
        """Add a case that has a result; raises ``VectorError`` if it has another one here."""
        try:
            found = self.operations[operation].run(data, self.given)
        except RemoteProtocolError as error:
            raise VectorError(f"{self.name}: '{name}' is refused here: {error}") from error
        if expected is not _COMPUTED and found != expected:
            raise VectorError(f"{self.name}: '{name}' gives {found} here, not {expected}.")
        self._add(name, operation, data, "expected", found)

    def bad(self, name: str, operation: str, data: Json, *, error: str) -> None:
        """Add a case that is refused; raises ``VectorError`` if it is not, or for another cause."""
        try:
            found = self.operations[operation].run(data, self.given)
        except RemoteProtocolError as refusal:
            if refusal.code != error:
                raise VectorError(
                    f"{self.name}: '{name}' is {refusal.code} here, not {error}."
                ) from refusal
        else:
            raise VectorError(f"{self.name}: '{name}' is not refused here, it gives {found}.")
        self._add(name, operation, data, "error", error)

    def _add(self, name: str, operation: str, data: Json, kind: str, outcome: Any) -> None:
        if any(case["name"] == name for case in self.cases):
            raise VectorError(f"{self.name}: two cases are named '{name}'.")
        self.cases.append({"name": name, "operation": operation, "input": data, kind: outcome})

    def render(self) -> str:
        """Write the file, a line for each case.

        It is ASCII: no editor shows a text in it as another one.
        """
        opening = {
            "description": self.description,
            "spec": list(self.spec),
            "operations": {name: each.about for name, each in self.operations.items()},
            **({"given": self.given} if self.given else {}),
        }
        head = json.dumps(opening, indent=1, ensure_ascii=True).removesuffix("\n}")
        lines = ",\n  ".join(json.dumps(case, ensure_ascii=True) for case in self.cases)
        return f'{head},\n "cases": [\n  {lines}\n ]\n}}\n'


def run_case(family: Family, case: Mapping[str, Any], given: Mapping[str, Any]) -> Json:
    """Do what a case of a file says; returns ``{"expected": ...}`` or ``{"error": ...}``."""
    try:
        return {"expected": family.operations[case["operation"]].run(case["input"], given)}
    except RemoteProtocolError as error:
        return {"error": str(error.code)}
