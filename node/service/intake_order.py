"""In which order opened envelopes are stored: what is immediate overtakes the others.

The broker cannot see what is urgent, so a mailbox is in order of arrival. A consumer therefore
takes more out of it than it stores in one transaction, opens everything, and stores in this order.
Opening costs a fraction of storing.
"""

from collections.abc import Sequence

from node.service.opening import Opened, Refused
from protocol.messages.codes import Urgency
from protocol.messages.head import CaseMessage


def put_immediate_first(outcomes: Sequence[Opened | Refused]) -> list[int]:
    """Return the places of ``outcomes`` in the order in which to store them.

    Only ``immediate`` overtakes; everything else keeps the order in which it came, because each
    message that overtakes an earlier one of its link leaves a gap until that is stored, too.
    """
    return sorted(range(len(outcomes)), key=lambda place: not is_immediate(outcomes[place]))


def is_immediate(outcome: Opened | Refused) -> bool:
    """Say whether what came is a message that asks for an answer within hours."""
    return (
        isinstance(outcome, Opened)
        and isinstance(outcome.message, CaseMessage)
        and outcome.message.urgency is Urgency.IMMEDIATE
    )
