"""How entries of a timeline look that tell of the course of a case, not of a message's way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from console.i18n import Message, pmsg
from node.domain.events import EventKind


@dataclass(frozen=True, slots=True)
class TimelineLook:
    """How one entry of a timeline reads."""

    title: Message
    tone: str
    icon: str
    #: Whether the title already says which message it is about.
    names_message: bool = False


COURSE_LOOKS: Final[Mapping[EventKind, TimelineLook]] = {
    EventKind.ANSWERED: TimelineLook(pmsg("timeline", "%(what)s: answered"), "ok", "check"),
    EventKind.ANSWER_RECEIVED: TimelineLook(pmsg("timeline", "An answer came"), "ok", "check"),
    EventKind.ACT_NOT_IN_ORDER: TimelineLook(
        pmsg("timeline", "%(what)s: it changes nothing, because the matter has moved on"),
        "warn",
        "circle-alert",
    ),
    EventKind.NOTE_ADDED: TimelineLook(
        pmsg("timeline", "A note was written; it stays here"), "neutral", "pencil"
    ),
    EventKind.NOTE_CHANGED: TimelineLook(
        pmsg("timeline", "A note was changed"), "neutral", "pencil"
    ),
    EventKind.NOTE_DELETED: TimelineLook(pmsg("timeline", "A note was deleted"), "neutral", "ban"),
    EventKind.CASE_LINKED: TimelineLook(
        pmsg("timeline", "Linked with another case of the same person; it stays here"),
        "neutral",
        "plus",
    ),
    EventKind.CASE_UNLINKED: TimelineLook(
        pmsg("timeline", "A link with another case was taken back"), "neutral", "ban"
    ),
    EventKind.MANAGER_NAMED: TimelineLook(
        pmsg("timeline", "Our case manager was named"), "info", "users"
    ),
    EventKind.CASE_HANDED_OVER: TimelineLook(
        pmsg("timeline", "Handed over to another case manager here"), "info", "forward"
    ),
    EventKind.PERSON_STATUS_RECORDED: TimelineLook(
        pmsg("timeline", "The status of the person was recorded"), "info", "pencil"
    ),
    EventKind.PERSON_GROUP_RECORDED: TimelineLook(
        pmsg("timeline", "It was recorded whether the rules for children apply"), "info", "users"
    ),
    EventKind.GUARDIAN_RECORDED: TimelineLook(
        pmsg("timeline", "It was recorded who acts for the child"), "info", "users"
    ),
    EventKind.CASE_CLOSED: TimelineLook(
        pmsg("timeline", "The case was closed here"), "neutral", "circle-check"
    ),
    EventKind.CASE_REOPENED: TimelineLook(
        pmsg("timeline", "The case was opened again"), "warn", "refresh-cw"
    ),
    EventKind.CONFIDENTIAL_CHANGED: TimelineLook(
        pmsg("timeline", "The strictly confidential part was written"), "neutral", "pencil"
    ),
}
"""Entries of the course of a case."""
