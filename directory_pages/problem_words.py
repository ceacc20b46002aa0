"""What is wrong with a field that was typed, in words that say what to type instead."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg
from contact_registry.editing.forms import FieldProblem
from directory_pages.entry_fields import Control, FormField

#: What the documents' own checks say, and how a page says it; a test holds it complete.
CHECKS: Final[Mapping[str, Message]] = {
    message.msgid: message
    for message in (
        msg("One line of text, without control characters or space around it."),
        msg("Text without control characters other than line ends."),
        msg("A time zone is an IANA name such as Europe/Tirane."),
        msg("A time of day is written as 08:00, in 24 hours; the end of a day 24:00."),
        msg("A mailbox is one address such as desk@authority.example."),
        msg("A number is written as +35544541821 (E.164)."),
        msg("An extension is 1 to 8 digits."),
        msg("An agreement is named by small letters, digits and single hyphens."),
        msg("A number that works inside one Participant only has no E.164 form."),
        msg("A route names an authority, or telephones and mailboxes of its own."),
        msg("Where a shelter stands is never listed: take address and city out."),
        msg("A desk answers around the clock or has hours: leave one out."),
        msg("A desk does not stand in for itself: name another, or channels."),
        msg("A day of the week is listed once in a row of hours."),
        msg("Hours begin before 24:00 and end at another time; a whole day is 00:00 to 24:00."),
        msg("A day of the weekend is listed once."),
        msg("A holiday is listed once."),
        msg("A pair has one row of deadlines."),
        msg("Deadlines are between two of the parties, by the alphabet."),
        msg("A party gives notice once."),
    )
} | {
    # These name a member of the document, which people at a form do not know by that name.
    "An authority cannot end before it begins: correct valid_to.": msg(
        "The last day is not before the first one."
    ),
    "A licence cannot end before it begins: correct valid_to.": msg(
        "The last day of a licence is not before its first one."
    ),
    "Hours cannot end before it begins: correct valid_to.": msg(
        "The last day of a season is not before its first one."
    ),
    "An agreement cannot end before it begins: correct valid_to.": msg(
        "The last day of an agreement is not before its first one."
    ),
    "Notice is given by a party: correct given_by.": msg("Choose which party gave notice."),
}

_MISSING: Final = frozenset({"missing", "string_too_short", "too_short"})
_LONG: Final = frozenset({"string_too_long", "too_long"})


_SHAPES: Final[Mapping[tuple[bool, bool], Message]] = {
    (True, True): msg("Choose an answer: %(field)s."),
    (True, False): msg("Fill this in: %(field)s."),
    (False, True): msg("Choose one of the answers offered: %(field)s."),
    (False, False): msg("Type this again, without line breaks or invisible characters: %(field)s."),
}
"""By whether an answer is missing, and whether it is chosen from a list."""


def explain(problem: FieldProblem, fields: Mapping[str, FormField]) -> Message:
    """Say what is wrong with a field; ``fields`` are those of the form by their whole names."""
    known = fields.get(problem.field)
    check = find_check(problem.message)
    if check is not None:
        return check
    if known is None:
        return msg("This cannot stand in the directory as it is: check what is typed here.")
    is_choice = known.control in {Control.SELECT, Control.TICKS}
    if problem.code in _LONG and not is_choice:
        return msg(
            "Shorten this to %(count)s characters: %(field)s.", count=known.most, field=known.label
        )
    shape = _SHAPES[problem.code in _MISSING, is_choice]
    return Message(msgid=shape.msgid, params={"field": known.label})


def find_check(text: str) -> Message | None:
    """Find the sentence of a check in a message that holds it, such as ``Value error, ...``."""
    return next((message for check, message in CHECKS.items() if check in text), None)
