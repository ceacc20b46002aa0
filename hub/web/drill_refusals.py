"""Why nothing was asked or recorded about a drill, in the reader's language."""

from typing import Final

from console.i18n import msg
from console.phrasebook import Phrasebook

DRILL_REFUSALS: Final = Phrasebook(
    (
        msg(
            "The directory lists no such desk for this phase today: look at the Participant's "
            "desks, and choose one that is listed."
        ),
        msg("Somebody changed this drill while your page was open: look again."),
        msg(
            "This desk is being asked about this phase already: wait for its answer, or withdraw "
            "that question first."
        ),
        msg(
            "%(participant)s has a node, which signs its answers itself: ask its focal point to "
            "answer there."
        ),
        msg(
            "The answer says %(time)s UTC, which is before the question or after now: set the "
            "clocks of node and hub right, then answer again."
        ),
        msg(
            "The drill is closed (%(state)s): nothing can change it. Ask anew if the desk is to be "
            "tried again."
        ),
    )
)
"""The sentences of ``hub.drills`` and ``contact_registry.drills`` that an operator can meet."""
