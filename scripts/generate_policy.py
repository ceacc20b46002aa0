"""Write docs/policy.md: the rules of the policy and every case that they are tested with.

usage: ``python scripts/generate_policy.py [--check]``

With ``--check`` nothing is written; exits with 1 if the file is not what rules and cases say.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from protocol.messages.head import ExceptionGround
from protocol.policy.channels import ABOUT_CARE, ABOUT_SUSPECTS
from protocol.policy.competence import FOLLOWS_THE_DATA
from protocol.policy.consent import AFTER_WITHDRAWAL, COVERED_BY_GROUND, SENT_AFTER_WITHDRAWAL
from protocol.policy.deciding import RULES
from protocol.policy.decision import Outcome
from protocol.policy.gates import GATES, Gate
from protocol.policy.registry import FORMAL_ONLY

ROOT: Final = Path(__file__).resolve().parents[1]
CASES: Final = ROOT / "tests" / "unit" / "protocol" / "policy_cases.csv"
SITUATIONS: Final = ROOT / "tests" / "unit" / "protocol" / "policy_situations.csv"
DOCUMENT: Final = ROOT / "docs" / "policy.md"

WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.ALLOW: "note",
    Outcome.NEEDS_SECOND_PERSON: "needs a second person",
    Outcome.REFUSE: "refused",
}
TOPICS: Final[Mapping[str, str]] = {
    "roles": "Who may send",
    "channels": "Channels",
    "registry": "Authorities and the registry",
    "formality": "Formal and informal cooperation",
    "names": "Names and other identifiers",
    "basis": "Legal basis",
    "consent": "Consent and withdrawal",
    "exceptions": "Exceptions",
    "children": "Children",
    "return": "Return",
    "onward": "Onward disclosure",
    "shelters": "Shelters",
    "files": "Files",
    "approval": "The second person",
}
GATE_WORDS: Final[Mapping[Gate, str]] = {
    Gate.DECISION: "voluntary decision recorded",
    Gate.RISK: "risks assessed",
    Gate.RECEPTION: "reception confirmed",
    Gate.NOTICE: "prior notice acknowledged",
    Gate.CHILD: "for a child: best interest assessed, guardian appointed",
    Gate.FAMILY: "to the family: family assessed, person and family agree",
}

OPENING: Final = """\
# May this be sent? The rules, and the cases they are tested with

<!-- Written by scripts/generate_policy.py from the rules and the table of cases: change those. -->

Before a message leaves, recorded facts alone decide: **allow**, **needs a second person**, or
**refuse**. Every rule is asked, and every finding is shown with what would make the message
allowed. The severest outcome prevails, so a refusal is never hidden behind something that an
approver could settle. A finding of a rule marked "note" is shown and stops nothing. An allowed
message says what it rests on: the consent record, the agreement, the exception.

An approval is for one content and one moment: when the message is queued, the decision is made
again on the facts as they are then.

## What the software cannot see

- It does not read free text, and no pattern is searched for in it. A name, or the address of a
  shelter, typed into a narrative is found only by the people who read the message.
- It does not look into attachments. Their kinds of data are what the sender said they are; where
  the sender said "none", a second person opens the file.
- That a consent was free and informed, and that a risk assessment was done well, is what people
  recorded.
- A suspect's data is of the kind "intelligence" and follows the same rules as any other kind. A
  suspected relative or partner who is named in a field for suspects is noticed; one who is named
  in a narrative is not.
- That data came from another Participant is known when it is passed on from the message that
  brought it, and not when somebody types it anew.
"""


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table of the tests."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Write a Markdown table, line by line."""
    names = list(head)
    yield "| " + " | ".join(names) + " |"
    yield "| " + " | ".join("---" for _ in names) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def describe_sets() -> Iterator[str]:
    """Write the tables that rules refer to."""
    yield "## Tables that the rules refer to\n"
    yield "What an exception can carry. Names and contact data are carried by none.\n"
    yield from make_table(
        ["ground", "kinds of data", "stands after a withdrawal"],
        (
            [
                str(ground).replace("_", " "),
                ", ".join(sorted(COVERED_BY_GROUND[ground])),
                "yes" if ground in AFTER_WITHDRAWAL else "no",
            ]
            for ground in ExceptionGround
        ),
    )
    yield "What stands before a step of a return. Other messages have no gate.\n"
    yield from make_table(
        ["message", *GATE_WORDS.values()],
        (
            [f"`{tag}`", *("yes" if gate in gates else "" for gate in GATE_WORDS)]
            for tag, gates in GATES.items()
        ),
    )
    for says, types in (
        ("Sent after a withdrawal, without personal data", SENT_AFTER_WITHDRAWAL),
        ("Sent to whoever has the data, competent or not", FOLLOWS_THE_DATA),
        ("Never in the assistance channel", ABOUT_SUSPECTS),
        ("Never in the police channel", ABOUT_CARE),
        ("Only under an instrument", FORMAL_ONLY),
    ):
        yield f"{says}: {', '.join(f'`{tag}`' for tag in sorted(types))}.\n"


def describe_topic(topic: str, cases: list[dict[str, str]]) -> Iterator[str]:
    """Write the rules of one topic, and their cases."""
    rules = [rule for rule in RULES if rule.code.split(".")[0] == topic]
    yield f"## {TOPICS[topic]}\n"
    yield from make_table(
        ["rule", "what it says", "otherwise", "what would make it allowed"],
        ([f"`{r.code}`", r.statement, WORDS[r.outcome], r.remedy] for r in rules),
    )
    codes = {rule.code for rule in rules}
    yield from make_table(
        ["case", "what happens", "base situation", "what is different", "decision", "reasons"],
        (
            [
                case["number"],
                case["title"],
                case["situation"],
                case["differences"],
                f"**{case['decision']}**",
                ", ".join(f"`{code}`" for code in case["reasons"].split()),
            ]
            for case in cases
            if case["rule"] in codes
        ),
    )


def make_document() -> str:
    """Put the document together."""
    cases = read_rows(CASES)
    lines = [OPENING, f"## The {len(read_rows(SITUATIONS))} base situations\n"]
    lines += ["Each may be sent as it stands; a case changes one or a few of its facts.\n"]
    lines += make_table(
        ["situation", "story"],
        ([row["situation"], row["story"]] for row in read_rows(SITUATIONS)),
    )
    lines += describe_sets()
    lines += [f"The {len(RULES)} rules and {len(cases)} cases follow, by topic.\n"]
    for topic in TOPICS:
        lines += describe_topic(topic, cases)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write or check the document; the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/policy.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    is_check = parser.parse_args().check
    wanted = make_document()
    if not is_check:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == wanted:
        return 0
    print(
        "docs/policy.md is not what rules and cases say: run scripts/generate_policy.py.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
