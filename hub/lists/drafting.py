"""From a list that was tried out to drafts: one for each Participant that it changes.

Pressing the button twice, or again after a crash half-way, makes no second draft: a draft carries
the name of its list, and one that is there already is taken.
"""

from collections.abc import Mapping
from typing import Final

from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.states import OPEN
from contact_registry.models import ContactsDocument
from hub.lists.desk import KeptList
from protocol.identifiers import ParticipantCode

_SHOWN_DIGITS: Final = 8


def make_title(kept: KeptList) -> str:
    """Return how the drafts of a list are called, whoever makes them and whenever."""
    return f"Contact list of {kept.brought_in_at:%Y-%m-%d} ({kept.list_id[:_SHOWN_DIGITS]})"


def draft_list(
    desk: ChangeDesk,
    kept: KeptList,
    documents: Mapping[ParticipantCode, ContactsDocument],
    *,
    actor: str,
) -> dict[ParticipantCode, str]:
    """Make a draft of each document; returns their identifiers.

    Raises what :meth:`~contact_registry.changes.drafting.DraftingDesk.begin` does; what was made
    before stays, and is found again.
    """
    title = make_title(kept)
    made: dict[ParticipantCode, str] = {}
    for code, document in documents.items():
        begun = desk.list_changes(participant=code, states=OPEN).changes
        known = next((change for change in begun if change.title == title), None)
        if known is not None:
            made[code] = known.id
        else:
            made[code] = desk.begin(code, title=title, actor=actor, document=document).id
    return made
