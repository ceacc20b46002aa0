"""The acts of the audit log in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from console.i18n import Message, pmsg
from hub.audit.actions import Action
from hub.audit.entries import AuditEntry
from hub.web.role_words import ROLE_NAMES

ACTION_WORDS: Final[Mapping[str, Message]] = {
    Action.ACCOUNT_ADDED: pmsg("audit", "Operator added"),
    Action.ROLES_CHANGED: pmsg("audit", "Roles changed"),
    Action.SHUT_OUT: pmsg("audit", "Operator shut out"),
    Action.LET_IN: pmsg("audit", "Operator let in again"),
    Action.LINK_MADE: pmsg("audit", "Sign-in link made"),
    Action.LINK_FOLLOWED: pmsg("audit", "Sign-in link used"),
    Action.CREDENTIALS_SET: pmsg("audit", "Password and second factor set"),
    Action.SECOND_FACTOR_FORGOTTEN: pmsg("audit", "Password and second factor forgotten"),
    Action.SIGNED_IN: pmsg("audit", "Signed in"),
    Action.SESSION_ENDED: pmsg("audit", "Session ended"),
    Action.FORM_KEPT: pmsg("audit", "Form kept, because the screen had locked"),
    Action.FORM_SENT_AFTER_ALL: pmsg("audit", "Kept form sent after all"),
    Action.FORM_DISCARDED: pmsg("audit", "Kept form discarded"),
    Action.REGISTRY_PUBLISHED: pmsg("audit", "Registry version published"),
    Action.FINDING_TAKEN: pmsg("audit", "Finding taken"),
    Action.FINDING_ASSIGNED: pmsg("audit", "Finding assigned"),
    Action.FINDING_GIVEN_BACK: pmsg("audit", "Finding given back"),
    Action.FINDING_RESOLVED: pmsg("audit", "Finding resolved"),
    Action.FINDING_REOPENED: pmsg("audit", "Finding opened again"),
    Action.LIST_BROUGHT_IN: pmsg("audit", "Contact list brought in"),
    Action.LIST_MAPPED: pmsg("audit", "Headings of a contact list matched"),
    Action.LIST_DRAFTED: pmsg("audit", "Changes drafted from a contact list"),
    Action.LIST_DISCARDED: pmsg("audit", "Contact list discarded"),
    Action.REGISTRY_EXPORTED: pmsg("audit", "Directory exported"),
    Action.CHANGE_EDITED: pmsg("audit", "Change edited"),
    Action.CHANGE_PREPARED: pmsg("audit", "Change put up for signatures"),
    Action.CHANGE_SIGNED: pmsg("audit", "Signature of a change taken in"),
    Action.CHANGE_REOPENED: pmsg("audit", "Change opened for editing again"),
    Action.CHANGE_SENT: pmsg("audit", "Change sent to be published"),
    Action.CHANGE_PUBLISHED: pmsg("audit", "Change published"),
    Action.CHANGE_REFUSED: pmsg("audit", "Change refused"),
    Action.CHANGE_MERGED: pmsg("audit", "Change merged with what was published meanwhile"),
    Action.CHANGE_IN_CONFLICT: pmsg(
        "audit", "Change in conflict with what was published meanwhile"
    ),
    Action.CHANGE_RESOLVED: pmsg("audit", "Conflict of a change resolved"),
    Action.CHANGE_SUPERSEDED: pmsg("audit", "Change superseded"),
    Action.CHANGE_WITHDRAWN: pmsg("audit", "Change withdrawn"),
    Action.CORRECTION_ASKED: pmsg("audit", "Correction asked"),
    Action.CORRECTION_SETTLED: pmsg("audit", "Correction settled"),
    Action.CORRECTION_WITHDRAWN: pmsg("audit", "Correction withdrawn"),
    Action.DRILL_ASKED: pmsg("audit", "Drill asked"),
    Action.DRILL_ANSWERED: pmsg("audit", "Drill answered"),
    Action.DRILL_ANSWER_RECORDED: pmsg("audit", "Answer to a drill recorded"),
    Action.DRILL_GIVEN_UP: pmsg("audit", "Drill given up without an answer"),
    Action.DRILL_WITHDRAWN: pmsg("audit", "Drill withdrawn"),
    Action.REMINDER_SENT: pmsg("audit", "Reminder sent"),
    Action.ALERT_TAKEN: pmsg("audit", "Alert taken"),
    Action.ALERT_GIVEN_BACK: pmsg("audit", "Alert given back"),
    Action.ADMISSION_COMPARED: pmsg("audit", "Broker compared with the registry by hand"),
}
"""Every :class:`~hub.audit.actions.Action` has its words here: a test looks for the missing."""

_DETAIL_NAMES: Final[Mapping[str, Message]] = {
    "roles": pmsg("audit detail", "roles"),
    "was": pmsg("audit detail", "was"),
    "now": pmsg("audit detail", "now"),
}

ACCOUNT_ACTIONS: Final = frozenset(
    {
        Action.ACCOUNT_ADDED,
        Action.ROLES_CHANGED,
        Action.SHUT_OUT,
        Action.LET_IN,
        Action.LINK_MADE,
        Action.LINK_FOLLOWED,
        Action.CREDENTIALS_SET,
        Action.SECOND_FACTOR_FORGOTTEN,
        Action.SIGNED_IN,
        Action.SESSION_ENDED,
    }
)
"""Acts whose subject is an account."""


_ROLE_DETAILS: Final = frozenset({"roles", "was", "now"})
"""Of acts on accounts, these details are lists of roles."""


@dataclass(frozen=True, slots=True)
class WordedEntry:
    """An entry as a page shows it; ``details`` are pairs of a name and its values."""

    entry: AuditEntry
    what: Message | str
    is_about_account: bool
    details: tuple[tuple[Message | str, tuple[Message | str, ...]], ...]


def say_action(action: str) -> Message | str:
    """Say what was done; an act of another version of this program by its code."""
    return ACTION_WORDS.get(action, action)


def _say_fact(entry: AuditEntry, name: str) -> tuple[Message | str, ...]:
    value = str(entry.facts[name])
    if entry.action in ACCOUNT_ACTIONS and name in _ROLE_DETAILS:
        return tuple(ROLE_NAMES.get(role, role) for role in value.split())
    return (value,)


def word_entry(entry: AuditEntry) -> WordedEntry:
    """Put an entry in words; what the detail names stands in the order of the table."""
    facts = entry.facts
    known = [name for name in _DETAIL_NAMES if name in facts]
    return WordedEntry(
        entry=entry,
        what=say_action(entry.action),
        is_about_account=entry.action in ACCOUNT_ACTIONS,
        details=tuple(
            (_DETAIL_NAMES.get(name, name), _say_fact(entry, name))
            for name in (*known, *(name for name in facts if name not in known))
        ),
    )
