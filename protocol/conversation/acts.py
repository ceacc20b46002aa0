"""Which message does what to a conversation: from its type and one code, in plain values.

A message is an act of the conversation whose opener it names in ``in_reply_to``. The closing of a
case is an act of every conversation of the case that its author knew of (SPEC, section on
conversations).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.conversation.table import Act
from protocol.errors import LocalProtocolError
from protocol.identifiers import AuthorityId, get_participant_of

CLOSING_TYPE: Final = "general.case_closed"
"""The one type that acts on all conversations of its case at once."""

_DECISION: Final = "general.decision"
_FORWARDED: Final = "forwarded"

ACT_OF_CODE: Final[Mapping[tuple[str, str], Act]] = MappingProxyType(
    {
        # by ``outcome``; ``forwarded`` depends on where to
        (_DECISION, "accepted"): Act.ACCEPT,
        (_DECISION, "declined"): Act.DECLINE,
        (_DECISION, "more_information_needed"): Act.ASK_FOR_MORE,
        # by ``completeness``
        ("general.response", "full"): Act.ANSWER,
        ("general.response", "partial"): Act.ANSWER_IN_PART,
        ("general.response", "none_available"): Act.ANSWER_NONE_AVAILABLE,
        # by ``effect``
        ("general.correction", "corrects"): Act.INFORM,
        ("general.correction", "retracts"): Act.WITHDRAW,
    }
)
"""The act that a message is, by its type and the code of its body that matters."""

_CODED_TYPES: Final = frozenset(tag for tag, _ in ACT_OF_CODE)
_NEVER_OPENERS: Final = _CODED_TYPES | {CLOSING_TYPE, "general.message"}
_MACHINES: Final = "system."


def is_opener(tag: str) -> bool:
    """Whether a message of this type has a conversation of its own.

    Decisions, responses, messages, corrections and closings only act on the conversations of
    others, and machines have none. Every other type opens one, also when it is itself sent in
    reply to something.
    """
    return tag not in _NEVER_OPENERS and not tag.startswith(_MACHINES)


def name_act(
    tag: str, *, code: str | None = None, forwarded_to: str | None = None, author: str | None = None
) -> Act:
    """Return the act that a message is.

    ``code`` is the body's ``outcome``, ``completeness`` or ``effect``, where the type has one.
    ``forwarded_to`` (authority) and ``author`` (Participant that sent the message) are needed for
    the outcome ``forwarded`` only. Every type that is not listed informs. Raises
    ``LocalProtocolError`` for a code that is not listed: no code is taken for another.
    """
    if tag == CLOSING_TYPE:
        return Act.CLOSE
    if tag not in _CODED_TYPES:
        return Act.INFORM
    if (tag, code) == (_DECISION, _FORWARDED):
        if forwarded_to is None or author is None:
            raise LocalProtocolError("Say where a decision forwards to, and who took it.")
        within = get_participant_of(AuthorityId(forwarded_to)) == author
        return Act.FORWARD if within else Act.FORWARD_ELSEWHERE
    try:
        return ACT_OF_CODE[tag, code or ""]
    except KeyError:
        known = ", ".join(known for type_, known in ACT_OF_CODE if type_ == tag)
        raise LocalProtocolError(
            f"A {tag} with this code is no act: pass one of {known}."
        ) from None
