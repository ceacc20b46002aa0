"""Programs in words: what a token opens, how a webhook stands, and what is wrong with a wish."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.hooks import KINDS, HookState
from node.service.tokens import TokenScope
from node.web.states import Look

SCOPES: Final[Mapping[TokenScope, Message]] = {
    TokenScope.MESSAGES: msg("Works on cases and messages"),
    TokenScope.READING: msg("Reads cases and messages"),
    TokenScope.DIRECTORY: msg("Keeps our entries in the directory"),
    TokenScope.DELIVERY: msg("Watches delivery, never contents"),
    TokenScope.PERSON: msg("Whatever its person may"),
    TokenScope.ADMINISTRATION: msg("Administers people and the node, never contents"),
    TokenScope.AUDIT: msg("Reads the audit log"),
}

MADE_HERE: Final = (TokenScope.DIRECTORY, TokenScope.DELIVERY, TokenScope.ADMINISTRATION)
"""What an administrator may make: others open what an administrator may not see."""

LIFETIMES: Final = (
    ("30", msg("30 days")),
    ("90", msg("90 days")),
    ("366", msg("A year")),
)

HOOK_LOOKS: Final[Mapping[HookState, Look]] = {
    HookState.ACTIVE: Look(pmsg("webhook", "Active"), "ok", "circle-check"),
    HookState.PAUSED: Look(pmsg("webhook", "Paused"), "neutral", "ban"),
    HookState.DISABLED: Look(pmsg("webhook", "Given up"), "danger", "circle-alert"),
}

_KIND_GROUPS: Final[tuple[tuple[Message, tuple[str, ...]], ...]] = (
    (
        pmsg("kinds of events", "Messages and answers"),
        ("message_", "decided", "decision_", "answer", "open_again", "act_not_"),
    ),
    (pmsg("kinds of events", "Files"), ("file_", "files_")),
    (pmsg("kinds of events", "Delivery"), ("link_", "envelope_", "registry_")),
    (
        pmsg("kinds of events", "Consent, approval and deletion"),
        (
            "consent_", "exception_", "circumstances_", "approval_", "withdrawal_", "deletion_",
            "recipient_told", "erased", "passed_on", "onward_",
        ),
    ),
    (pmsg("kinds of events", "Return"), ("return_", "arrival_")),
    (pmsg("kinds of events", "Items of the inbox"), ("item_",)),
    (pmsg("kinds of events", "Test"), ("test",)),
)  # fmt: skip
"""Kinds of events by how they begin; all others are of the case."""
_OF_CASE: Final = pmsg("kinds of events", "Course of the case")


def list_hook_kinds() -> list[tuple[Message, list[str]]]:
    """List what a webhook can be told of, in groups; the codes are those of the interface."""
    left, groups = set(KINDS), list[tuple[Message, list[str]]]()
    for words, beginnings in _KIND_GROUPS:
        found = sorted(kind for kind in left if kind.startswith(beginnings))
        left -= set(found)
        groups.append((words, found))
    return [*groups[:-1], (_OF_CASE, sorted(left)), groups[-1]]


BAD_LABEL: Final = msg(
    "Write up to 50 letters, digits and hyphens. A label stays with its program: it cannot be used "
    "for another one."
)
BAD_HOOK: Final = msg(
    "Write https://host/path, without a name or password in it, and without a fragment."
)
NO_LABEL: Final = msg("Write what people call it, up to 80 characters.")
NO_CHANNEL: Final = msg("Choose at least one channel.")
TOO_MANY: Final = msg("A node has at most 20 webhooks. Take one away first.")
TOO_MUCH: Final = msg(
    "That is too much at once. Choose a later moment, and let the program read the lists for what "
    "was before."
)
HOOK_CHANGED: Final = msg("Somebody changed this webhook since you opened the page.")
HOOK_EXISTS: Final = msg(
    "There is one of this label and address already. Look at it under Programs. Its secret is not "
    "shown again: make a new one there."
)
NO_TOKEN: Final = msg("No token of this label works any more.")
