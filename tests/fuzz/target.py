"""What a fuzz target is: one parser of outside bytes, and what it may do with any input.

A target's ``check`` takes any bytes. It returns, or raises one of its ``refusals``; whatever else
leaves it is a finding. A broken property is an ``AssertionError`` and thereby a finding too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

#: Longest sentence of a refusal, in characters. One that grows with the input fills logs and pages
#: with what a stranger wrote.
LONGEST_REFUSAL: Final = 4_000

#: Words that changed inputs hold now and then, as values and as names: no refusal repeats them.
QUOTED: Final = "Quoted Content"

Mutator = Callable[[bytes, Random], bytes | None]
"""Changes an input by its structure; ``None``: it has none, change its bytes instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under test."""

    name: str
    check: Callable[[bytes], None]
    #: Inputs to start from, made by the builders of the tests.
    make_seeds: Callable[[], Iterable[bytes]]
    #: What the parser's contract allows it to raise.
    refusals: tuple[type[Exception], ...]
    mutate: Mutator | None = None
    #: Longest input that is tried, in bytes.
    longest: int = 4_096
    #: A refusal may repeat words of the input, because they are about no person.
    may_quote: bool = False

    def run(self, data: bytes) -> None:
        """Try one input; returns unless it is a finding."""
        try:
            self.check(data)
        except self.refusals as error:
            said = str(error)
            assert 0 < len(said) <= LONGEST_REFUSAL, "A refusal is short enough to read."
            assert self.may_quote or QUOTED not in said, "A refusal quotes no content."


def require(*, held: bool, what: str) -> None:
    """Report a broken property as a finding."""
    if not held:
        raise AssertionError(what)


def read_text(data: bytes) -> str:
    """Return text as JSON can bring it: any characters, lone surrogates included."""
    return data.decode("utf-8", "surrogateescape")
