"""What people noted of a return in words of their own: each note is for one channel.

How far a return is prepared binds messages of every channel, and everybody who works on the case
sees it. A note may say anything, so it stays where it was written.
"""

from typing import Annotated, Final, Self

from pydantic import Field
from sqlmodel import Session

from node.domain.access import Principal
from node.domain.returns import NOTHING_PREPARED, ReturnJourney
from node.service.case_content import open_content
from node.service.case_work import CaseWork
from node.service.cases.strands import choose_channel
from node.service.context import NodeContext
from node.service.permitting import sees_whole_case
from node.store.tables import CaseRow
from protocol.identifiers import Channel
from protocol.messages.fields import Narrative

_OF_CHANNELS: Final[set[str]] = {"note", "notes", "note_changes"}


class KeptJourney(ReturnJourney):
    """A return as its row holds it.

    ``note`` is one from before channels were noted: for whoever sees the whole case.
    """

    notes: Annotated[dict[Channel, Narrative], Field(default_factory=dict, max_length=len(Channel))]
    #: How often the note of a channel changed while nothing else did.
    note_changes: Annotated[
        dict[Channel, int], Field(default_factory=dict, max_length=len(Channel))
    ]

    @classmethod
    def of(cls, journey: ReturnJourney, *, note: str | None, notes: dict[Channel, str]) -> Self:
        """Make it of what is recorded, with these notes instead of its own."""
        said = journey.model_dump(exclude=_OF_CHANNELS)
        return cls.model_validate(said | {"note": note, "notes": notes})

    def follow(self, before: Self) -> tuple[Self, frozenset[Channel]]:
        """Return it counted on from what was kept, with the channels whose note alone changed.

        None of them: what everybody sees was said anew, too.
        """
        alike = {"notes", "note_changes"}
        changed = frozenset(c for c in Channel if self.notes.get(c) != before.notes.get(c))
        if self.model_dump(exclude=alike) != before.model_dump(exclude=alike):
            changed = frozenset()
        counts = before.note_changes
        counts = counts | {each: counts.get(each, 0) + 1 for each in changed}
        return self.model_copy(update={"note_changes": counts}), changed

    def count_note_changes(self, *, who: Principal) -> int:
        """Count how often notes that somebody sees changed while nothing else did."""
        return sum(count for each, count in self.note_changes.items() if who.sees(each))


NOTHING_KEPT = KeptJourney.of(NOTHING_PREPARED, note=None, notes={})


def place_of_return(case_id: str) -> str:
    """Return what binds a sealed return to its row."""
    return f"return:{case_id}"


def open_journey(context: NodeContext, case: CaseRow, sealed: bytes | None) -> KeptJourney:
    """Return what a row says; None: there is no row."""
    if sealed is None:
        return NOTHING_KEPT
    return open_content(
        context, case, sealed, place=place_of_return(case.case_id), kind=KeptJourney
    )


def show_journey(
    session: Session, case: CaseRow, kept: KeptJourney, *, who: Principal, channel: Channel | None
) -> ReturnJourney:
    """Return a return as somebody sees it: with the note of a channel of theirs.

    ``channel``: which; None: the first of theirs that has one.
    """
    shown = kept.model_dump(exclude=_OF_CHANNELS)
    found = _find_note(session, case, kept, who=who, channel=channel)
    return ReturnJourney.model_validate(shown | {"note": found[1] if found else None})


def keep_notes(
    work: CaseWork, kept: KeptJourney, said: ReturnJourney, *, channel: Channel | None
) -> KeptJourney:
    """Return what is to be kept when somebody says how far a return is.

    Their note takes the place of the one that they were shown; those of other channels stay.
    Raises ``RefusedDraftError`` if they write the first note and see the case in several channels.
    """
    session, case, who = work.session, work.case, work.who
    notes, note = dict(kept.notes), kept.note
    found = _find_note(session, case, kept, who=who, channel=channel)
    if said.note == (found[1] if found else None):
        return KeptJourney.of(said, note=note, notes=notes)
    if channel is not None and found is None and said.note in (note, *notes.values()):
        # Read without a channel, it comes back for one: another channel's words stay there.
        return KeptJourney.of(said, note=note, notes=notes)
    if found and found[0] is None:
        note = None
    elif found and found[0]:
        del notes[found[0]]
    if said.note is not None:
        meant = found[0] if found else None
        meant = meant or choose_channel(session, case, who=who, wanted=channel)
        notes[meant] = said.note
    return KeptJourney.of(said, note=note, notes=notes)


def _find_note(
    session: Session, case: CaseRow, kept: KeptJourney, *, who: Principal, channel: Channel | None
) -> tuple[Channel | None, str] | None:
    """Return the note that somebody is shown, with its channel; None: nobody knows which."""
    wanted = who.channels if channel is None else who.channels & {channel}
    for each in Channel:
        if each in wanted and each in kept.notes:
            return each, kept.notes[each]
    if kept.note is not None and sees_whole_case(session, case.case_id, who=who):
        return None, kept.note
    return None
