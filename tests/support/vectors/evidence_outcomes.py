"""How each bundle of the vectors ends, written by hand from SPEC section 16.6.

An outcome is the grade and, of each message, the steps that are proved; no message stands where
nothing else is looked at.
"""

from collections.abc import Mapping
from typing import Final

Outcome = tuple[str, tuple[tuple[str, ...], ...]]

SECOND_ROOT: Final = "second of the registry"
_FROM_SECOND: Final = frozenset(
    {"something older than the trusted root", "a snapshot under a root older than the trusted one"}
)

_ALTERED: Final[Outcome] = ("altered", ())
_CUT: Final[Outcome] = ("untrusted", ())
_PROVED: Final[Outcome] = ("proved", (("signed", "delivered"),))
_DOUBTED: Final[Outcome] = ("incomplete", (("signed", "delivered"),))
_UNSIGNED: Final[Outcome] = ("untrusted", (("delivered",),))
_UNRECEIVED: Final[Outcome] = ("altered", (("signed",),))
_NOTHING: Final[Outcome] = ("altered", ((),))
_TWO: Final = (("signed", "delivered"),)

#: Bundles that stand in the file as they are.
WHOLE: Final[Mapping[str, Outcome]] = {
    "delivered and read": ("proved", (("signed", "delivered", "read"),)),
    "signed by nobody": ("incomplete", (("signed", "delivered"),)),
}

_EXCHANGES: Final[Mapping[str, Outcome]] = {
    "refused": ("proved", (("signed", "rejected"),)),
    "a rejection that proves nothing": ("incomplete", (("signed",),)),
    "no receipt": ("incomplete", (("signed",),)),
    "a message changed, and the bundle signed again": ("altered", ((),)),
    "a registry file left out, and the bundle signed again": ("incomplete", (("signed",),)),
    "signed with a key that is not listed": ("untrusted", ((),)),
    "two messages at one place of a link": (
        "incomplete",
        (("signed", "delivered"), ("signed", "rejected")),
    ),
    "about another message than it says": ("altered", (("signed", "delivered"),)),
    "a receipt of somebody else": ("incomplete", (("signed",),)),
}

_MANIFESTS: Final[Mapping[str, Outcome]] = dict.fromkeys(
    (
        "a manifest with a surplus field",
        "a manifest of another format",
        "a manifest that covers with a surplus field",
        "a manifest that covers another kind",
        "a manifest of no moment",
        "a manifest of nobody",
        "a manifest of a number for its moment",
        "no manifest",
        "a manifest on a registry with a surplus field",
        "a manifest whose signer is no key id",
        "a list that lacks a member",
        "a list with a file that is not there",
        "a list with another size",
        "a list with another hash",
        "a list with another kind",
        "a list with a surplus field",
        "a list in another order",
        "a list with a file twice",
        "no signer beside a signature",
        "a signer that is not the key of the signature",
        "a signature by another key than the signer",
        "a signature with another magic",
        "a signature with a fourth item",
        "a signature for another context",
        "a signer without a signature",
        "a manifest that is too long",
    ),
    _ALTERED,
) | {"a manifest as long as one may be": _PROVED}

_MEMBERS: Final[Mapping[str, Outcome]] = dict.fromkeys(
    (
        "a registry file under another hash",
        "a message under another name",
        "a receipt under another name",
        "no log",
        "no report",
        "a log that is none",
        "a log of another format",
        "a log of somebody else",
        "a log with a surplus field",
        "a log that names an officer",
        "a log with an event of no moment",
        "a log with an event of no kind",
        "a log with an event of an unknown step",
        "a log with an event of a surplus field",
        "a log that is too long",
    ),
    _ALTERED,
) | {"a log with an event": _PROVED, "a log as long as one may be": _PROVED}

_MESSAGES: Final[Mapping[str, Outcome]] = {
    "payload and consignment name another message_id": _NOTHING,
    "payload and consignment name another sender": _NOTHING,
    "payload and consignment name another recipient": _NOTHING,
    "a receipt that names another recipient inside": _UNRECEIVED,
    "a receipt of wrong shape": _UNRECEIVED,
    "a receipt of a later version": ("incomplete", (("signed",),)),
    "a message among the receipts": _UNRECEIVED,
    "a receipt that was changed": _UNRECEIVED,
    "a receipt signed with a key that is not listed": ("untrusted", (("signed",),)),
    "a message of an unknown type": _PROVED,
    "a message with a name twice": _NOTHING,
    "a message of no moment": _NOTHING,
    "a message of a number for its moment": _NOTHING,
    "a message with a link of no number": _NOTHING,
    "a message outside of all links": _PROVED,
    "a message as deep as one may be": _PROVED,
    "a message that is too deep": _NOTHING,
}

_HISTORIES: Final[Mapping[str, Outcome]] = {
    "delivered and rejected": ("incomplete", (("signed", "delivered", "rejected"),)),
    "read and rejected": ("incomplete", (("signed", "read", "rejected"),)),
    "other bytes of the id delivered": _DOUBTED,
    "other bytes of the id read": _DOUBTED,
    "other bytes of the id in conflict": _DOUBTED,
    "other bytes of the id forged": _PROVED,
    "a message that follows another": _PROVED,
    "a message that follows something else": _DOUBTED,
    "a message behind a gap": _PROVED,
    "one place in two generations": _PROVED,
    "a message without receipt beside one": (
        "incomplete",
        (("signed", "delivered"), ("signed",)),
    ),
    "two messages to two recipients": _PROVED,
    "a message beside the one that it covers": ("altered", _TWO),
    "a case with a message of none": ("altered", _TWO),
    "a message is covered, and there is none": ("incomplete", ()),
    "a case is covered, and there is no message": ("incomplete", ()),
}

_METADATA: Final[Mapping[str, Outcome]] = dict.fromkeys(
    (
        "a registry of another version than is named",
        "targets in the place of a snapshot",
        "targets of another length than is named",
        "targets of another version than is named",
        "a role of another length than is named",
        "a role of another version than is named",
        "keys of another length than is named",
        "targets with another file",
        "a node that lists another's keys",
        "an entry that lists keys",
        "a Participant that is not listed",
        "a snapshot signed by a stranger",
        "a snapshot with a forged signature",
        "a delegation of a whole folder",
        "targets signed by one operator",
        "an entry signed by another Participant",
        "keys signed by another node",
        "a delegation that does not terminate",
        "a delegation of a pattern",
        "a delegation of another's keys",
        "a snapshot too long",
        "targets too long",
        "an entry too long",
        "a node's role too long",
    ),
    _UNSIGNED,
) | {
    "another registry of another version": _PROVED,
    "a snapshot that is missing": ("incomplete", (("delivered",),)),
    "a snapshot as long as may be": _PROVED,
    "targets as long as may be": _PROVED,
    "an entry as long as may be": _PROVED,
    "a node's role as long as may be": _PROVED,
}

_KEYS: Final[Mapping[str, Outcome]] = {
    "a key that begins at the claimed moment": _PROVED,
    "a key that begins a second later": _UNSIGNED,
    "a key that ends at the claimed moment": _UNSIGNED,
    "a key that ends a second later": _PROVED,
    "keys of another Participant": _UNSIGNED,
    "keys with a proof of another account": _UNSIGNED,
    "keys with a surplus field": _UNSIGNED,
}

_EXPIRIES: Final[Mapping[str, Outcome]] = {
    f"{name}{end}{late}": outcome
    for name, late in (
        ("the snapshot", ""),
        ("targets", ""),
        ("an entry", " 30 days after they ran out"),
        ("keys", " 30 days after they ran out"),
        ("the root", ""),
    )
    for end, outcome in ((": the last second", _PROVED), (": run out", _UNSIGNED))
}

_ROOTS: Final[Mapping[str, Outcome]] = {
    "a chain of two roots": _PROVED,
    "a chain of two roots, and a snapshot under the second": _PROVED,
    "a snapshot under a root that is missing": _UNSIGNED,
    "a second root signed by one operator": _CUT,
    "a second root signed by a stranger": _CUT,
    "a second root that only its own operators signed": _CUT,
    "a second root that its own operators did not sign": _CUT,
    "the first root in the place of the second": _CUT,
    "the third root in the place of the second": _CUT,
    "a second root as long as one may be": _PROVED,
    "a second root that is too long": _CUT,
    "something behind a gap in the roots": _PROVED,
    "a snapshot under a root behind a gap": _UNSIGNED,
    "no root": _PROVED,
    "another root of the trusted version": _CUT,
    "the trusted root, written otherwise": _PROVED,
    "the trusted root without its signatures": _PROVED,
    "the trusted root, as long as one may be": _PROVED,
    "the trusted root, too long": _CUT,
    "the first root had expired, the second not": _PROVED,
    "something older than the trusted root": _PROVED,
    "a snapshot under a root older than the trusted one": ("untrusted", ((),)),
    "two registries of one version": _DOUBTED,
    "two registries of one version, one the maker's": _DOUBTED,
    "one registry, with blanks behind": _PROVED,
}

#: Bundles that are described by their difference to another one.
FORGED: Final[Mapping[str, Outcome]] = {
    **_EXCHANGES,
    **_MANIFESTS,
    **_MEMBERS,
    **_MESSAGES,
    **_HISTORIES,
    **_METADATA,
    **_KEYS,
    **_EXPIRIES,
    **_ROOTS,
}


def find_root(bundle: str) -> str:
    """Return the name of the root from which a bundle is verified."""
    return SECOND_ROOT if bundle in _FROM_SECOND else "of the registry"
