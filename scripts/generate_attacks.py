"""Write docs/registry-attacks.md: every attack on the registry that is tested, from its table.

usage: ``python scripts/generate_attacks.py [--check]``

With ``--check`` nothing is written; exits with 1 if the file is not what the table says, or if a
test that it names does not exist.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.support.registry_attack_rows import ROWS
from tests.support.registry_attack_table import FILES, Attack, Family, Outcome, Remedy
from tests.support.registry_attacks_elsewhere import ELSEWHERE, SCENARIOS, Scenario
from tests.support.registry_forge import Power

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "registry-attacks.md"

OPENING: Final = """\
# Attacks on the registry, and what a node does

<!-- Written by scripts/generate_attacks.py from the table of attacks: change that. -->

Every row is a test: `tests/integration/registry/test_attacks.py` makes the attack, over HTTP,
against the client that a node runs. The bench that forges files refuses keys that the row does not
give the attacker. If a row does not say otherwise, the client has verified an earlier version, and
is offered the attack in place of the honest newest one. Each test shows four things:

1. what the client does, and its error;
2. that it still holds what it had verified before, unless the attack goes through;
3. that it hangs up on what never ends, and asks for nothing that no role leads it to;
4. what brings it to the honest newest view again: that, and nothing less.

What people see meanwhile is in [operations.md](operations.md), attacks on messages, nodes and the
broker are in [attacks.md](attacks.md), what is done after a theft is in
[ceremonies.md](ceremonies.md).

## Who attacks

| power | what it is |
|---|---|
| none (the network, or the registry host) | shows any files, in any way; every attacker does |
| timestamp key, online keys | what the hub says with which version is newest: one key, or both |
| one operator's key | of three, where two are needed |
| two operators' keys | the threshold: whoever has it is the registry |
| AL's directory key, AL's node key | what signs AL's contacts, and AL's keys |
| MK's keys | another Participant, which takes part rightly and is hostile |

A view consists of: root, timestamp, snapshot, targets, the list of Participants, and for each
Participant metadata and contacts, its node's metadata and keys. "All files" are all of these, each
in a test of its own. "The ceremony" is tested with the ceremonies, the other remedies here.
"""

FAMILIES: Final = {
    Family.ARBITRARY: "Another's content is made to pass for signed content.",
    Family.ENDLESS: "The node's memory, disk or line is filled.",
    Family.EXTRANEOUS: "More is made to count than what the registry defines.",
    Family.FAST_FORWARD: "Version numbers are used up, so that honest ones look old for ever.",
    Family.FREEZE: "What is true no longer is shown as the newest.",
    Family.MIRRORS: "A host does not give what it should.",
    Family.MIX: "Files that are each honest, and never stood together, are put together.",
    Family.ROLLBACK: "An older version is shown to somebody who knows a newer one.",
    Family.SLOW: "A host keeps the node waiting.",
    Family.KEYS: "What each stolen key can do, and where it ends.",
    Family.WRONG: "Somebody's content is made to stand for another's.",
    Family.PARSERS: "Bytes that are to break what reads them.",
    Family.ROOTS: "Whose keys count is changed by somebody who may not.",
}


class MissingTestError(Exception):
    """The table names a test that does not exist."""


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a Markdown table, line by line."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") or "-" for cell in row) + " |"
    yield ""


def describe_rows(rows: Iterable[Attack]) -> Iterator[list[str]]:
    """Write rows of one attack, done to several files, as one."""
    for _, same in groupby(rows, key=lambda row: (row.name, row.outcome, row.remedy)):
        group = list(same)
        row = group[0]
        files = [each.file for each in group if each.file]
        powers = dict.fromkeys(power for each in group for power in each.powers)
        yield [
            row.done.removesuffix("."),
            "all files" if set(files) == set(FILES) else "; ".join(files),
            "; ".join(power for power in powers if power is not Power.NETWORK),
            f"**{row.outcome}**" if row.limit else str(row.outcome),
            str(row.remedy),
            "; ".join(text for text in (row.limit, row.note) if text),
        ]


def describe_family(family: Family) -> Iterator[str]:
    """Write the section of one family."""
    rows = [row for row in ROWS if row.family is family]
    yield f"## {family}\n"
    yield f"{FAMILIES[family]} {len(rows)} attacks.\n"
    yield from make_table(
        [
            "what is done",
            "to",
            "with",
            "the client",
            "well again by",
            "bounds and notes",
        ],
        describe_rows(sorted(rows, key=lambda row: row.name)),
    )


def describe_sum() -> Iterator[str]:
    """Write how many attacks there are, and how they end."""
    yield f"## The {len(ROWS)} attacks, counted\n"
    counted = [(family, [row for row in ROWS if row.family is family]) for family in Family]
    yield from make_table(
        ["attack", *(str(outcome) for outcome in Outcome)],
        (
            [str(family)]
            + [str(sum(row.outcome is outcome for row in rows) or "") for outcome in Outcome]
            for family, rows in counted
        ),
    )
    through = sum(row.outcome is Outcome.GOES_THROUGH for row in ROWS)
    needs_keys = sum(row.remedy is Remedy.NEW_ONLINE_KEYS for row in ROWS)
    yield (
        f"{through} go through, each with a stolen key and for what that key may say; the row says "
        f"what bounds it. After {needs_keys} a node refuses the honest registry until the "
        "operators have put new online keys into the root: a thief of online keys can cause that, "
        "and nobody else can.\n"
    )


def require_test(file: str, test: str) -> str:
    """Return how a test is called; raises :class:`MissingTestError` if there is none."""
    path = ROOT / file
    if not path.is_file() or f"def {test}(" not in path.read_text(encoding="utf-8"):
        raise MissingTestError(f"{file} has no {test}: name the test that shows it.")
    return f"`{path.name}::{test}`"


def describe_elsewhere() -> Iterator[str]:
    """Write the attacks whose tests are no rows."""
    yield "## What the table does not hold\n"
    yield "These have tests of their own.\n"
    for topic, rows in groupby(ELSEWHERE, key=lambda row: row.topic):
        yield f"### {topic}\n"
        yield from make_table(
            ["what is done", "what happens", "test"],
            ([row.done, row.happens, require_test(row.file, row.test)] for row in rows),
        )


def describe_scenario(scenario: Scenario) -> list[str]:
    """Write one scenario."""
    known = {row.name for row in ROWS}
    unknown = set(scenario.rows) - known
    if unknown:
        raise MissingTestError(f"The table has no row {', '.join(sorted(unknown))}.")
    shown = [f"row `{name}`" for name in scenario.rows]
    if scenario.test:
        shown.append(require_test(scenario.file, scenario.test))
    return [scenario.title, "; ".join(shown), scenario.apart]


def describe_conformance() -> Iterator[str]:
    """Write the scenarios of the conformance suite."""
    yield "## Conformance\n"
    yield (
        "The scenarios of the suite of The Update Framework ("
        "[tuf-conformance](https://github.com/theupdateframework/tuf-conformance)), written afresh "
        "from the [specification](https://theupdateframework.github.io/specification/): the suite "
        "is no package, and drives a client by commands that ours does not have. The client does "
        "more than the specification asks: it verifies every Participant's files as one set.\n"
    )
    yield from make_table(
        ["scenario", "shown by", "different here"], (describe_scenario(each) for each in SCENARIOS)
    )


WEAKNESSES: Final = """\
## Known, and not stopped

- A host that is slow with each of many files, within a minute for each, delays a refresh by the
  sum of them; the age of the view goes on growing, and is shown.
- A new node that is shown an honest version of some hours ago cannot know: it is told by the first
  message that names a newer one.
- A root that is withheld leaves withdrawn operators' keys good for that node until the root that it
  has runs out.
- Two histories are found when a message crosses between them, and not before.
- Who looks at the registry, and when, is seen by the host.
"""


def make_document() -> str:
    """Put the document together; raises :class:`MissingTestError`."""
    lines = [OPENING, *describe_sum()]
    for family in Family:
        lines += describe_family(family)
    lines += [*describe_elsewhere(), *describe_conformance(), WEAKNESSES]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write or check the document; the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/registry-attacks.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    is_check = parser.parse_args().check
    try:
        wanted = make_document()
    except MissingTestError as error:
        print(error, file=sys.stderr)
        return 1
    if not is_check:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == wanted:
        return 0
    print(
        "docs/registry-attacks.md is not what the table says: run scripts/generate_attacks.py.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
