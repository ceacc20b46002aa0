"""How entries of a timeline look that tell who looks after something, and who was told of it."""

from collections.abc import Mapping
from typing import Final

from console.i18n import pmsg
from node.domain.events import EventKind
from node.web.timeline_looks import TimelineLook

WORK_LOOKS: Final[Mapping[EventKind, TimelineLook]] = {
    EventKind.ITEM_CLAIMED: TimelineLook(
        pmsg("timeline", "Somebody here looks after it"), "info", "users"
    ),
    EventKind.ITEM_RELEASED: TimelineLook(
        pmsg("timeline", "It was given back: nobody here looks after it"), "warn", "circle-alert"
    ),
    EventKind.ITEM_HANDED_OVER: TimelineLook(
        pmsg("timeline", "It was handed over to a colleague"), "info", "forward"
    ),
    EventKind.ITEM_MOVED: TimelineLook(
        pmsg("timeline", "It was moved to another desk of ours"), "info", "forward"
    ),
    EventKind.ITEM_REMINDED: TimelineLook(
        pmsg("timeline", "The desk was reminded that it waits"), "warn", "alarm-clock"
    ),
    EventKind.ITEM_ESCALATED: TimelineLook(
        pmsg("timeline", "It still waits: others than the desk were told"), "danger", "alarm-clock"
    ),
}
