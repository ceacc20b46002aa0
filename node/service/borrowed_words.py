"""What the protocol and the registry refuse, as sentences that a page can translate.

Both know no face, so their errors are plain English. Those that a person can meet stand here again,
word for word; a test holds the two together. Whatever else they say stays as it is.
"""

from typing import Final

from console.i18n import Message, msg
from console.phrasebook import Phrasebook

BORROWED: Final = Phrasebook(
    (
        msg("A Participant code is two to eight capital letters or digits, such as AL or XK."),
        msg(
            "An authority identifier is the Participant's code, a hyphen, and a name in lower-case "
            "letters, digits and hyphens, such as AL-different-and-equal."
        ),
        msg("A message identifier is 32 lower-case hexadecimal characters."),
        msg(
            "A case reference looks like TRM-4Q7KD-9XW2M-H: compare it with the message it came in."
        ),
        msg(
            "The last character of the case reference does not fit the others: one was misread or "
            "two were swapped. Ask for it again."
        ),
        msg("The recipient's node takes no objects that could hold a chunk."),
        msg("%(authority)s is not in the registry: choose a desk from the directory."),
    )
)
"""Sentences of others."""


def borrow_words(error: Exception) -> Message:
    """Give what was refused elsewhere as a message; what is not known here stays as it is."""
    return BORROWED.say(str(error))
