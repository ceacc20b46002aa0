"""What a row of the table of a malicious hub is, and how one is written: a function that does it.

The rows are in the files ``rows_*.py`` beside this one. ``test_malicious_hub.py`` runs each; from
the same rows ``scripts/generate_malicious.py`` writes docs/malicious-hub.md.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Family(StrEnum):
    """What is misused, in the order of the document."""

    CARRYING = "Dropping, delaying, repeating, reordering"
    MISDIRECTING = "Redirecting, and passing off as another's"
    ALTERING = "Altering and inventing envelopes"
    RECEIPTS = "Receipts"
    MACHINES = "Questions and answers between nodes"
    CHUNKS = "Chunks of attachments"
    ANSWERS = "False answers of the broker"
    PROTOCOL = "A broker that breaks its own protocol"
    STORES = "The administrator of the broker"
    REGISTRY = "The registry"
    HUB = "What else the hub says"


class Outcome(StrEnum):
    """How it ends for the nodes, tested."""

    REFUSED = "refused"
    DETECTED = "detected"
    SURVIVED = "survived"


class Promise(StrEnum):
    """What is promised to people, whatever hub and broker do."""

    ARRIVES = "what was accepted is shown exactly once, or its sender is told"
    GENUINE = "what is shown was signed by its sender for this recipient"
    PROVEN = "a message counts as delivered, read or refused by the recipient's signature alone"
    KEYS = "keys and names come from the registry's signatures alone"
    WORKS = "the node goes on working, and what it needs of disk and memory is bounded"
    SECRET = "nobody between two nodes reads what is written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One row. ``arena``: the class of what ``run`` is given; ``seen``: how, and by whom."""

    name: str
    family: Family
    outcome: Outcome
    promise: Promise
    done: str
    expected: str
    seen: str
    arena: type
    run: Callable[[Any], Awaitable[None] | None]


ATTACKS: Final[list[Attack]] = []

Deed = Callable[[Any], Awaitable[None] | None]


def attack(
    family: Family, outcome: Outcome, promise: Promise, *, seen: str
) -> Callable[[Deed], Deed]:
    """Make a row of a function; its docstring says what the hub does, and then what is expected.

    What it is given is said by the annotation of its parameter.
    """

    def add(deed: Deed) -> Deed:
        done, _, expected = inspect.cleandoc(deed.__doc__ or "").partition("\n\n")
        (parameter,) = inspect.signature(deed).parameters.values()
        ATTACKS.append(
            Attack(
                name=deed.__name__,
                family=family,
                outcome=outcome,
                promise=promise,
                done=done.replace("\n", " "),
                expected=expected.strip().replace("\n", " "),
                seen=seen,
                arena=parameter.annotation,
                run=deed,
            )
        )
        return deed

    return add


def list_attacks(modules: Sequence[object]) -> list[Attack]:
    """Return all rows; ``modules`` are those that hold them, named so that they are loaded."""
    if not modules:
        raise ValueError("name the modules that hold the rows")
    return sorted(ATTACKS, key=lambda row: list(Family).index(row.family))
