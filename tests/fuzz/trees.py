"""Changes to JSON by its structure, so that an input stays near enough to valid to reach the rules.

Bytes changed at random are refused by the JSON reader; a value put in the place of another is
refused, if at all, by the rule about that value.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from pydantic import BaseModel

from tests.fuzz.target import QUOTED

Tree = Any
_Place = tuple[Any, Any]
"""A container (dict or list) and the key or index in it."""

_MOST_CHANGES: Final = 3
_DEEP: Final = 40

_NAMES: Final = (QUOTED, "a", "", "body", "é", "__class__", "x" * 5_000)

VALUES: Final[tuple[Tree, ...]] = (
    QUOTED, QUOTED, None, True, False, 0, -1, 1, 1.0, 0.5, 1e308, 2**31, 2**53 + 1, 2**64,
    -(2**63) - 1, 10**40, "", " ", "a", "\x00", "\u202e", "\ud800", "e\u0301", "\ufeffa",
    "\u200b", "\u0600", "x" * 501, "x" * 5_000, "1", "true", "null", "*", "../x", "__proto__",
    [], {}, [[]], [None], {"": None}, "0" * 64, "f" * 32, "AL", "XK", "MK",
    "2026-03-04T11:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-02-30",
    "2026-03-04T11:00:00.000001Z", "2026-03-04T24:00:00Z", "2026-03-04", "P1D", "0001-01-01",
    "9999-12-31",
)  # fmt: skip
"""Values at which rules bend: borders of numbers, moments and texts, and other types."""


def list_words(*models: type[BaseModel]) -> tuple[str, ...]:
    """List the names and codes that the models know: what a blind change would never spell."""
    words: set[str] = set()

    def visit(part: Tree) -> None:
        if isinstance(part, dict):
            words.update(name for name in part.get("properties", {}))
            words.update(word for word in part.get("enum", ()) if isinstance(word, str))
            if isinstance(part.get("const"), str):
                words.add(part["const"])
            for inner in part.values():
                visit(inner)
        elif isinstance(part, list):
            for inner in part:
                visit(inner)

    for model in models:
        visit(model.model_json_schema())
    return tuple(sorted(words))


@dataclass(frozen=True, slots=True)
class TreeMutator:
    """Changes JSON: a few values replaced, moved, doubled, renamed, or taken out.

    ``words`` are names and codes worth trying; ``donors`` are documents whose parts are put in.
    """

    words: Sequence[str] = ()
    donors: Sequence[Tree] = ()

    def __call__(self, data: bytes, random: Random) -> bytes | None:
        """Return changed JSON, or None if ``data`` is none."""
        try:
            root = {"": json.loads(data)}
        except (ValueError, RecursionError):
            return None
        changes: tuple[Callable[[Tree, Random], None], ...] = (
            self._replace, self._replace, self._graft, self._graft, self._respell, self._remove,
            self._add, self._double, self._move, self._wrap,
        )  # fmt: skip
        for _ in range(random.randint(1, _MOST_CHANGES)):
            random.choice(changes)(root, random)
        try:
            return json.dumps(root[""], ensure_ascii=random.random() < 0.5).encode()
        except (UnicodeEncodeError, RecursionError):  # a lone surrogate has no UTF-8
            return json.dumps(root[""]).encode()

    def _replace(self, root: Tree, random: Random) -> None:
        container, key = _choose(root, random)
        container[key] = self._value(random)

    def _graft(self, root: Tree, random: Random) -> None:
        """Put a part of a valid document in, under a place of the same name if there is one."""
        container, key = _choose(root, random)
        if not self.donors:
            container[key] = self._value(random)
            return
        parts = _list_places({"": random.choice(self.donors)})
        same = [place for place in parts if place[1] == key and isinstance(key, str)]
        donor, name = random.choice(same or parts)
        container[key] = _copy(donor[name])

    def _respell(self, root: Tree, random: Random) -> None:
        """Change one character of a text, or a little of a number."""
        places = [p for p in _list_places(root) if isinstance(p[0][p[1]], str | int)]
        if not places:
            return
        container, key = random.choice(places)
        value = container[key]
        if isinstance(value, str):
            at = random.randint(0, len(value))
            letter = random.choice(("", "a", "A", "0", "-", " ", "\n", "\x7f", "é", "\u2028", "Z"))
            container[key] = value[:at] + letter + value[at + random.randint(0, 1) :]
        else:
            container[key] = value + random.choice((-1, 1, -256, 2**31))

    def _remove(self, root: Tree, random: Random) -> None:
        container, key = _choose(root, random)
        if container is not root:
            del container[key]

    def _add(self, root: Tree, random: Random) -> None:
        container, key = _choose(root, random)
        inside = container[key]
        if isinstance(inside, dict):
            inside[self._word(random)] = self._value(random)
        elif isinstance(inside, list):
            inside.append(self._value(random))

    def _double(self, root: Tree, random: Random) -> None:
        lists = [p[0][p[1]] for p in _list_places(root) if isinstance(p[0][p[1]], list)]
        full = [each for each in lists if each]
        if full:
            chosen = random.choice(full)
            chosen.extend(_copy(random.choice(chosen)) for _ in range(random.choice((1, 2, 20))))

    def _move(self, root: Tree, random: Random) -> None:
        (one, here), (other, there) = _choose(root, random), _choose(root, random)
        one[here], other[there] = _copy(other[there]), _copy(one[here])

    def _wrap(self, root: Tree, random: Random) -> None:
        container, key = _choose(root, random)
        for _ in range(random.choice((1, 1, 1, _DEEP))):
            container[key] = random.choice(([container[key]], {self._word(random): container[key]}))

    def _value(self, random: Random) -> Tree:
        if self.words and random.random() < 0.5:
            return random.choice(self.words)
        return _copy(random.choice(VALUES))

    def _word(self, random: Random) -> str:
        if self.words and random.random() < 0.8:
            return random.choice(self.words)
        return random.choice(_NAMES)


def _list_places(root: Tree) -> list[_Place]:
    found: list[_Place] = []
    open_parts = [root]
    while open_parts:
        part = open_parts.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part))
        for key in keys:
            found.append((part, key))
            if isinstance(part[key], dict | list):
                open_parts.append(part[key])
    return found


def _choose(root: Tree, random: Random) -> _Place:
    return random.choice(_list_places(root))


def _copy(part: Tree) -> Tree:
    return json.loads(json.dumps(part))
