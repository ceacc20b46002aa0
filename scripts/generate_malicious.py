"""Write docs/malicious-hub.md: what a malicious hub or broker does to nodes, from its table.

usage: ``python scripts/generate_malicious.py [--check]``

With ``--check`` nothing is written; exits with 1 if the file is not what the table says.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.malicious.checks import CHECKS
from tests.malicious.rows import ROWS
from tests.malicious.table import Attack, Family, Outcome, Promise

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "malicious-hub.md"

OPENING: Final = """\
# A malicious hub, and what becomes of messages

<!-- Written by scripts/generate_malicious.py from the table of attacks: change that. -->

Hub and broker are trusted with carrying, and with nothing else. Here they do what they must not,
and real nodes meet it: real key stores and databases, relays, consumers and links, the registry
over HTTP. Every row is a test (`tests/malicious/test_malicious_hub.py`), and is carried out over
what it is about:

- envelopes between three nodes, in the hands of whoever carries them;
- a broker of our own that speaks NATS over TLS and lies where a row says so;
- a real nats-server, with the administrator's key of the account that owns the mailboxes;
- a registry host that holds the real online keys;
- a web server that answers nodes whatever it likes.

**Refused**: nothing of it is taken over. **Detected**: people are told, and by whom is in the
row. **Survived**: it costs time, and what was promised holds.

What a reader of the registry refuses, file by file, is in
[registry-attacks.md](registry-attacks.md); what a Participant can do with its credentials at the
broker in [permissions.md](permissions.md); the whole list of attacks, with other attackers, in
[attacks.md](attacks.md).

## What is promised


"""

CANNOT: Final = """\
## What a malicious hub can do

No software of a node takes this from whoever carries its messages:

- **See who writes to whom, when, how often, and how much.** Accounts, times, classes, and padded
  sizes are on the outside; the number of chunks tells that there is a file. A hub that compares
  these with what happens elsewhere learns from them.
- **Deny.** It can drop everything for ever. Nothing is lost without word: a sender sees at once
  that there is no receipt, and is told after 21 days that its message did not arrive. Until then
  a message on its way and a message that is being dropped look the same. Deadlines, and what is
  urgent, do not wait for that: telephone.
- **Delay** what it likes, for as long as the message lives, and choose whose.
- **Hide that a message is known.** A receipt that is withheld makes a sender believe that a
  message did not arrive which somebody reads; the recipient's copy is there all the same.
- **Freeze the registry for a day**, at most until the timestamp runs out, for a node that hears
  from nobody else; the first message of a Participant that was shown more tells.
- **Show a new node an older registry** of that day, before it has heard from anybody.
- **Have its word taken where nothing is signed**: what it says of others' drills by telephone,
  and what it asks to have corrected. It is shown as the hub's word, and nothing is done because
  of it.
- **Make work**: envelopes to refuse, connections to make anew. What is kept, and how much of the
  node it occupies, is bounded; its processor's time is not.

With more than the hub's own keys it can do more, and no less than whoever else has them: the
operators' keys together (the threshold) are the registry, and a directory key that the operators
hold for a Participant speaks for that Participant. That is why they are apart from the hub:
[ceremonies.md](ceremonies.md).

"""


def make_line(*cells: str) -> str:
    """Write one line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def describe_promises() -> Iterator[str]:
    """Write the promises, each with how many rows show it."""
    yield make_line("promise", "", "rows")
    yield "|---|---|---|"
    for promise in Promise:
        rows = [row for row in ROWS if row.promise is promise]
        yield make_line(promise.name.lower(), str(promise), str(len(rows)))
    yield ""


def describe_sum() -> Iterator[str]:
    """Write how many rows there are, and how they end."""
    yield f"## The {len(ROWS)} rows, counted\n"
    yield make_line("", *(str(outcome) for outcome in Outcome))
    yield "|---" * (len(Outcome) + 1) + "|"
    for family in Family:
        rows = [row for row in ROWS if row.family is family]
        counts = [sum(row.outcome is outcome for row in rows) for outcome in Outcome]
        yield make_line(str(family), *(str(count or "-") for count in counts))
    yield ""


def describe_row(row: Attack) -> str:
    """Write one row."""
    return make_line(
        f"{row.done}<br>`{row.name}`",
        row.expected,
        f"**{row.outcome}**",
        row.seen,
        row.promise.name.lower(),
    )


def describe_family(family: Family) -> Iterator[str]:
    """Write the section of one family."""
    yield f"## {family}\n"
    yield make_line("the hub or the broker", "expected", "", "seen by", "promise")
    yield "|---" * 5 + "|"
    for row in ROWS:
        if row.family is family:
            yield describe_row(row)
    yield ""


def describe_checks() -> Iterator[str]:
    """Write which checks are taken out of the node to show that rows can fail."""
    yield "## That rows can fail\n"
    yield (
        "For each of these a check is taken out of the node, and the row is shown to fail without "
        "it (`tests/malicious/test_rows_can_fail.py`).\n"
    )
    yield make_line("row", "without")
    yield "|---|---|"
    for check in CHECKS:
        where = getattr(check.owner, "__name__", str(check.owner)).rpartition(".")[2]
        yield make_line(f"`{check.row}`", f"`{where.strip('_')}.{check.name.strip('_')}`")
    yield ""


def make_document() -> str:
    """Put the document together."""
    lines = [OPENING.rstrip("\n") + "\n", *describe_promises(), *describe_sum()]
    for family in Family:
        lines += describe_family(family)
    lines += [*describe_checks(), CANNOT]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write or check the document; the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/malicious-hub.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    wanted = make_document()
    if not parser.parse_args().check:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == wanted:
        return 0
    print(
        "docs/malicious-hub.md is not what the table says: run scripts/generate_malicious.py.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
