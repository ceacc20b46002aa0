"""What a letter says: that something waits, at which node, and nothing else.

No person, no case, no type, no Participant but our own, no link.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from console.i18n import Message, msg
from node.domain.notices import Letter
from node.service.context import NodeContext
from node.service.work.routing import find_directory

Translate = Callable[[Message, str], str]
"""Says a sentence in the language of this tag, or in English where that is not offered."""

_LETTER_ID: Final = 24


def compose_letter(  # noqa: PLR0913 - what a letter is made of
    context: NodeContext,
    *,
    to: str,
    language: str,
    urgent: bool,
    count: int,
    key: str,
    translate: Translate,
) -> Letter:
    """Write a letter that says that something waits, and at which node; never what."""
    name, footnote = name_node(context, language)
    what = (
        (msg("You have urgent items.") if count > 1 else msg("You have an urgent item."))
        if urgent
        else (msg("You have new items.") if count > 1 else msg("You have a new item."))
    )
    lines = [
        translate(what, language),
        translate(msg("Node: %(name)s", name=name), language),
        translate(
            msg(
                "Open the node as you always do, and look at your list. This mail says no more on "
                "purpose, has no link, and nobody reads answers to it."
            ),
            language,
        ),
    ]
    if footnote:
        lines.append(footnote)
    return Letter(
        letter_id=hashlib.sha256(key.encode()).hexdigest()[:_LETTER_ID],
        to=to,
        subject=translate(what, language),
        text="\n\n".join(lines) + "\n",
        language=language,
        urgent=urgent,
    )


def name_node(context: NodeContext, language: str) -> tuple[str, str | None]:
    """Return what this node is called in a language, and the footnote to it."""
    directory = find_directory(context)
    entry = directory.participant(context.participant) if directory else None
    if entry is None:
        return str(context.participant), None
    return entry.name_in(language), entry.footnote_in(language)
