"""What a row of the attack table is, and how a row is written: a function that does the attack.

The rows are in ``tests/support/registry_attacks_*.py``. The test runs each one; from the same rows
``scripts/generate_attacks.py`` writes docs/registry-attacks.md.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contact_registry.directory import Directory
from tests.support.registry_forge import HELD, Forge, Power


class Family(StrEnum):
    """The attacks that the TUF specification names (1.5.2), in its order, and ours after them."""

    ARBITRARY = "Arbitrary software"
    ENDLESS = "Endless data"
    EXTRANEOUS = "Extraneous dependencies"
    FAST_FORWARD = "Fast-forward"
    FREEZE = "Indefinite freeze"
    MIRRORS = "Malicious mirrors preventing updates"
    MIX = "Mix-and-match"
    ROLLBACK = "Rollback"
    SLOW = "Slow retrieval"
    KEYS = "Vulnerability to key compromises"
    WRONG = "Wrong software"
    PARSERS = "Hostile bytes"
    ROOTS = "Changes of the root"


class Outcome(StrEnum):
    """What a client does, tested. In all cases but the last two it keeps what it verified last."""

    REFUSED = "refused: does not verify"
    EXPIRED = "refused: too old"
    UNAVAILABLE = "an outage: tried again"
    WITHOUT_EFFECT = "no effect: the honest newest view"
    NOTHING_NEW = "nothing newer is seen"
    GOES_THROUGH = "goes through"


class Remedy(StrEnum):
    """What makes a client that met the attack see the honest view again; the first that does."""

    HONEST_HOST = "the next honest answer"
    NEXT_VERSIONS = "the next honest versions, above those of the attack"
    NEW_ONLINE_KEYS = "new online keys in a new root"
    #: Not tested here but with the ceremonies.
    CEREMONY = "the ceremony for the stolen key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One row.

    ``file``: which of several files it is about. ``knows``: the moment that the client has verified
    before; None: nothing yet. ``days``: how far the client's clock has moved on. ``silence``: the
    seconds for which it waits for a byte (None: as long as no test lasts). ``beginning``: those for
    the head of an answer (None: as in earnest). ``says``: a pattern in
    the client's error. ``seen``: what must hold of the view, where there is one.
    ``limit``: for what goes through, what bounds it. ``note``: what else is to be known.
    """

    name: str
    family: Family
    powers: tuple[Power, ...]
    done: str
    outcome: Outcome
    run: Callable[[Forge], None]
    says: str = ""
    remedy: Remedy = Remedy.HONEST_HOST
    knows: str | None = "known"
    limit: str = ""
    note: str = ""
    seen: Callable[[Directory], bool] | None = None
    file: str = ""
    days: float = 0
    silence: float | None = None
    beginning: float | None = None

    @property
    def id(self) -> str:
        """The row's name, with the file that it is about."""
        return f"{self.name}[{self.file}]" if self.file else self.name

    @property
    def place(self) -> str:
        """Below which path its host shows files."""
        return re.sub("[^a-z0-9_]+", "-", self.id.lower())

    @property
    def held(self) -> frozenset[str]:
        """The keys that the attacker holds."""
        return frozenset().union(*(HELD[power] for power in self.powers))


#: What a client reads when it brings a view from ``known`` to ``newest``.
FILES: Final = (
    "root",
    "timestamp",
    "snapshot",
    "targets",
    "list of Participants",
    "AL's metadata",
    "AL's contacts",
    "AL's node's metadata",
    "AL's node's keys",
)
_ROLES: Final = {
    "list of Participants": "targets",
    "AL's metadata": "AL",
    "AL's contacts": "AL",
    "AL's node's metadata": "AL-node",
    "AL's node's keys": "AL-node",
}
_DOCUMENTS: Final = frozenset({"list of Participants", "AL's contacts", "AL's node's keys"})


def find_file(forge: Forge, file: str) -> str:
    """Return the path of the newest version of one of :data:`FILES`."""
    role = _ROLES.get(file, file)
    return forge.document_name(role) if file in _DOCUMENTS else forge.name_of(role)


#: A row's function: of one file, or of none.
Deed = Callable[[Forge], None]
DeedOnFile = Callable[[Forge, str], None]

ATTACKS: Final[list[Attack]] = []

#: Who can use up version numbers, so that honest ones have to go beyond them.
_SIGN_VERSIONS: Final = frozenset({Power.TIMESTAMP, Power.ONLINE})


def attack(
    family: Family, outcome: Outcome, *powers: Power, **facts: object
) -> Callable[[Deed], Deed]:
    """Make a row of a function; its docstring says what is done, and then what else is to be known.

    ``facts``: fields of a row.
    """

    def add(deed: Deed) -> Deed:
        done, _, note = inspect.cleandoc(deed.__doc__ or "").partition("\n\n")
        row: dict[str, Any] = {
            "name": deed.__name__,
            "family": family,
            "powers": powers or (Power.NETWORK,),
            "done": done.replace("\n", " "),
            "note": note.strip().replace("\n", " "),
            "outcome": outcome,
            "run": deed,
            "remedy": Remedy.NEXT_VERSIONS if _SIGN_VERSIONS & set(powers) else Remedy.HONEST_HOST,
        }
        ATTACKS.append(Attack(**(row | facts)))
        return deed

    return add


def attack_on_files(
    family: Family, outcome: Outcome, *files: str, **facts: object
) -> Callable[[DeedOnFile], DeedOnFile]:
    """Make a row for each of ``files`` (default: all) of a function of the network's power."""

    def add(deed: DeedOnFile) -> DeedOnFile:
        for file in files or FILES:

            def deed_on_file(forge: Forge, file: str = file) -> None:
                deed(forge, find_file(forge, file))

            deed_on_file.__name__ = deed.__name__
            deed_on_file.__doc__ = deed.__doc__
            attack(family, outcome, file=file, **facts)(deed_on_file)
        return deed

    return add


def list_attacks(modules: Sequence[object]) -> list[Attack]:
    """Return all rows; ``modules`` are those that hold them, named so that they are loaded."""
    if not modules:
        raise ValueError("name the modules that hold the rows")
    return sorted(ATTACKS, key=lambda row: list(Family).index(row.family))
