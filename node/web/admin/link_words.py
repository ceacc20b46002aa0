"""Links with Participants in words: how one stands, and what would help."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from console.formats import describe_duration
from console.i18n import Message, msg, pmsg
from node.service.links import LinkState, LinkView
from node.web.states import Look

_LOOKS: Final[Mapping[LinkState, tuple[str, str]]] = {
    LinkState.UP: ("ok", "circle-check"),
    LinkState.QUIET: ("neutral", "clock"),
    LinkState.DOWN: ("danger", "circle-alert"),
    LinkState.UNKNOWN: ("neutral", "circle-dashed"),
}


def look_at_link(view: LinkView, *, now: datetime) -> Look:
    """Say how a link stands, and for how long."""
    tone, icon = _LOOKS[view.state]
    if view.since is None:
        word = pmsg("link", "Up") if view.state is LinkState.UP else pmsg("link", "Unknown")
        return Look(word, tone, icon)
    age = describe_duration(now - view.since)
    if view.state is LinkState.DOWN:
        return Look(msg("Down for %(duration)s", duration=age), tone, icon)
    return Look(msg("Quiet for %(duration)s", duration=age), tone, icon)


def say_link_help(view: LinkView) -> Message:
    """Say what the state means, and what to do."""
    if view.waiting is not None and view.waiting.refused:
        return msg(
            "Their mailbox at the broker is full. What waits leaves by itself when their node "
            "fetches. Telephone their administrator."
        )
    if view.state is LinkState.DOWN:
        return msg(
            "The broker has what we sent, and no receipt came. Their node does not fetch, or its "
            "receipts do not arrive. Telephone their administrator. Nothing is lost meanwhile."
        )
    if view.state is LinkState.QUIET:
        return msg(
            "Nothing came for some time, and nothing was owed. This may be as it should. The next "
            "message shows it."
        )
    if view.state is LinkState.UNKNOWN:
        return msg("Nothing was ever heard from there. The first receipt shows that it works.")
    if view.waiting is not None:
        return msg("They answer, and not all that we sent has its receipt yet.")
    return msg("They receive what we send, and say so.")
