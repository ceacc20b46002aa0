"""What can become of a change, as one table: what is not in it cannot happen.

A change that was signed and did not reach the registry goes back to the draft, never on with old
signatures: they are for one version number and one set of bytes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contact_registry.changes.errors import StepNotPossibleError


class ChangeState(StrEnum):
    """Where a change stands."""

    DRAFTED = "drafted"
    """People write it."""
    CONFLICTING = "conflicting"
    """Somebody published meanwhile what does not go together with it; both are shown."""
    WAITING = "waiting_for_signatures"
    """Its signing file is made; keys are with people, elsewhere."""
    SIGNED = "signed"
    """Enough signatures are here."""
    PUBLISHING = "publishing"
    """On its way to the registry host; it stays here until the host has answered."""
    PUBLISHED = "published"
    REFUSED = "refused"
    """The registry host did not take it, and says why."""
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    """It no longer applies: what it wanted is published already, by another change."""


class Step(StrEnum):
    """What happens to a change."""

    EDITED = "edited"
    PREPARED = "prepared"
    SIGNATURE_ADDED = "signature_added"
    SIGNATURES_COMPLETE = "signatures_complete"
    REOPENED = "reopened"
    SENT = "sent"
    PUBLISHED = "published"
    REFUSED = "refused"
    MERGED = "merged"
    CONFLICT_FOUND = "conflict_found"
    RESOLVED = "resolved"
    NOTHING_LEFT = "nothing_left"
    WITHDRAWN = "withdrawn"


_S = ChangeState
#: Somebody else published; the same wherever the change stands, as long as it is open.
_OVERTAKEN: Final = {
    Step.MERGED: _S.DRAFTED,
    Step.CONFLICT_FOUND: _S.CONFLICTING,
    Step.NOTHING_LEFT: _S.SUPERSEDED,
}
#: A signing file may be sent by whoever holds it, not only from this desk.
_SEEN: Final = {Step.PUBLISHED: _S.PUBLISHED}

TRANSITIONS: Final[Mapping[ChangeState, Mapping[Step, ChangeState]]] = {
    _S.DRAFTED: {
        Step.EDITED: _S.DRAFTED,
        Step.PREPARED: _S.WAITING,
        Step.WITHDRAWN: _S.WITHDRAWN,
        **_OVERTAKEN,
    },
    _S.CONFLICTING: {
        Step.RESOLVED: _S.DRAFTED,
        Step.WITHDRAWN: _S.WITHDRAWN,
        **_OVERTAKEN,
    },
    _S.WAITING: {
        Step.SIGNATURE_ADDED: _S.WAITING,
        Step.SIGNATURES_COMPLETE: _S.SIGNED,
        Step.REOPENED: _S.DRAFTED,
        Step.WITHDRAWN: _S.WITHDRAWN,
        **_OVERTAKEN,
        **_SEEN,
    },
    _S.SIGNED: {
        Step.SIGNATURE_ADDED: _S.SIGNED,
        Step.SENT: _S.PUBLISHING,
        Step.REOPENED: _S.DRAFTED,
        Step.WITHDRAWN: _S.WITHDRAWN,
        **_OVERTAKEN,
        **_SEEN,
    },
    # No way back and none out while nobody knows whether the host has it.
    _S.PUBLISHING: {Step.REFUSED: _S.REFUSED, **_OVERTAKEN, **_SEEN},
    _S.REFUSED: {
        Step.REOPENED: _S.DRAFTED,
        Step.WITHDRAWN: _S.WITHDRAWN,
        **_OVERTAKEN,
        **_SEEN,
    },
    _S.PUBLISHED: {},
    # Files that were signed before it was withdrawn may still be sent.
    _S.WITHDRAWN: {**_SEEN},
    _S.SUPERSEDED: {},
}

OPEN: Final = frozenset(
    {_S.DRAFTED, _S.CONFLICTING, _S.WAITING, _S.SIGNED, _S.PUBLISHING, _S.REFUSED}
)
"""States of which something is still to be done."""


def advance(state: ChangeState, step: Step) -> ChangeState:
    """Return the state after ``step``; raises ``StepNotPossibleError`` if there is none."""
    following = TRANSITIONS[state].get(step)
    if following is None:
        raise StepNotPossibleError(
            f"A change that is {_WORDS[state]} cannot be {_WORDS[step]}: open it again to see "
            "what can be done now."
        )
    return following


def can(state: ChangeState, step: Step) -> bool:
    """Whether the state allows the step: for pages that offer only what can be done."""
    return step in TRANSITIONS[state]


_WORDS: Final[Mapping[str, str]] = {
    it.value: it.value.replace("_", " ") for kind in (ChangeState, Step) for it in kind
}
