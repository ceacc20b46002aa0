"""That nobody over there can be written to about something, for pages and for programs."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg
from contact_registry.routing import Gap, GapReason
from node.service.context import RefusedDraftError

_WORDS: Final[Mapping[GapReason, str]] = {
    reason: message.msgid
    for reason, message in (
        (
            GapReason.UNKNOWN_PARTICIPANT,
            msg("%(participant)s does not take part: choose another Participant."),
        ),
        (
            GapReason.NOTHING_LISTED,
            msg("%(participant)s lists no desk on this day: ask the registry operators."),
        ),
        (
            GapReason.NOBODY_COMPETENT,
            msg("%(participant)s lists no desk for this: ask the registry operators."),
        ),
        (
            GapReason.NOBODY_REACHABLE,
            msg(
                "The desks of %(participant)s for this have no telephone or mailbox that works "
                "from abroad: ask the registry operators."
            ),
        ),
    )
}


class NoDeskError(RefusedDraftError):
    """The directory lists no competent desk. ``str`` is the registry's own, longer reason."""

    def __init__(self, gap: Gap, *, name: str) -> None:
        """Say it shortly for a page; ``name`` is the Participant's."""
        super().__init__(Message(msgid=_WORDS[gap.reason_code], params={"participant": name}))
        self.args = (gap.reason,)
