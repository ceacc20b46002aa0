"""Files: nothing looks into one, so what its sender says of it is read by a second person.

A file of a sensitive class needs the same basis as a field of that class. A file of which its
sender says that it holds no personal data would need none at all: a scan of a passport under the
wrong class would leave without agreement and consent.
"""

from typing import Final

from protocol.policy.approval import is_approved, sends_unclassed_file
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Facts


def _are_said_to_hold_nothing(facts: Facts) -> Finding | None:
    return Finding() if sends_unclassed_file(facts) and not is_approved(facts) else None


RULES: Final = (
    Rule(
        code="files.no_class",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_are_said_to_hold_nothing,
        statement="A file that is said to hold no personal data is opened by a second person.",
        sentence="A file is said to hold no personal data, and no second person has opened it.",
        remedy="Give the file the class of what is in it, or have an approver open it.",
    ),
)
