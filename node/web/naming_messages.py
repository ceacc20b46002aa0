"""Messages of a case as choices of a field that names one of them."""

from collections import Counter
from collections.abc import Sequence

from console.i18n import Message, msg
from node.service.reading import Item
from node.service.records import IN
from node.web.labels import say_type
from node.web.site import Names


def name_messages(items: Sequence[Item], names: Names) -> list[tuple[str, Message | str]]:
    """Name messages by what they are and who sent them; ``items``: the newest first.

    Several that would be called alike are counted, the newest as the first.
    """
    alike = Counter(_alike(item) for item in items)
    seen = Counter[tuple[str, str]]()
    found: list[tuple[str, Message | str]] = []
    for item in items:
        known = _alike(item)
        seen[known] += 1
        label = _say(item, names)
        if alike[known] > 1:
            # Translators: one of several messages that are called alike, in a list.
            label = msg(
                "%(message)s (%(number)s of %(count)s, newest first)",
                message=label,
                number=seen[known],
                count=alike[known],
            )
        found.append((item.message_id, label))
    return found


def _alike(item: Item) -> tuple[str, str]:
    return item.type, item.direction


def _say(item: Item, names: Names) -> Message:
    words = {"what": say_type(item.type), "participant": names.participant(item.peer)}
    # Translators: a message as a choice in a list: "Reception on arrival, from Albania"
    if item.direction == IN:
        return msg("%(what)s, from %(participant)s", **words)
    return msg("%(what)s, to %(participant)s", **words)
