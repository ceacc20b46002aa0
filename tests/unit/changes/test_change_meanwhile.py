"""Around an open change: its Participant leaves, its key changes hands, its host is busy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from contact_registry.changes.change import ChangeId, Grounds
from contact_registry.changes.direct import RepositoryPublisher, RepositorySource
from contact_registry.changes.errors import ChangeNotFoundError, DraftRefusedError
from contact_registry.changes.findings import FindingCode
from contact_registry.changes.ports import Publisher, Receipt
from contact_registry.changes.published_role import PublishedRole
from contact_registry.changes.states import ChangeState, Step
from contact_registry.directory import Directory
from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.founding import make_entry
from contact_registry.history.comparing import Difference
from contact_registry.history.wording import word_difference
from contact_registry.models import ListedBy
from contact_registry.trust.submitting import Submission
from protocol.identifiers import ParticipantCode
from tests.support.changes import EDITOR, DeskWorld
from tests.support.registry import AL, make_authority


@dataclass
class Operators:
    """What is published, after the operators changed their part of it: a ceremony's outcome."""

    kept: RepositorySource
    left: set[ParticipantCode] = field(default_factory=set)
    holder: ListedBy | None = None

    def refresh(self) -> None:
        """Do nothing."""

    def directory(self) -> Directory:
        """Return the view without those who left."""
        seen = self.kept.directory()
        stay = tuple(entry for entry in seen.participants if entry.code not in self.left)
        return replace(seen, participants=stay)

    def role(self, code: ParticipantCode) -> PublishedRole:
        """Return what is published of who is still there, and who holds its key now."""
        if code in self.left:
            raise ChangeNotFoundError(f"{code} does not take part.")
        role = self.kept.role(code)
        held_by = self.holder or role.entry.directory_key_held_by
        entry = role.entry.model_copy(update={"directory_key_held_by": held_by})
        return replace(role, entry=entry)


def open_operated(desks: DeskWorld) -> Operators:
    """Let the desk read what operators may still change."""
    operators = Operators(RepositorySource(desks.world.open()))
    desks.desk = desks.open_desk(registry=operators)
    return operators


def test_a_participant_leaves_with_changes_open(desks: DeskWorld) -> None:
    """Its changes can still be read, say what is wrong, are not signed, and can be withdrawn."""
    operators = open_operated(desks)
    done = desks.publish(desks.make_signed(desks.draft(note="done")))
    waiting = desks.prepare(desks.draft(note="open"))
    draft = desks.draft(note="draft")
    operators.left.add(AL)
    assert desks.desk.look(done.id).change.state is ChangeState.PUBLISHED
    view = desks.desk.look(draft.id)
    assert view.could_sign == view.signed_by == ()
    assert view.findings[0].code is FindingCode.NOT_PUBLISHABLE
    assert "does not take part any more: withdraw this change" in view.findings[0].message
    assert "Albania" in view.published.entry.display_name
    assert list(word_difference(Difference(view.old, view.new, view.differences)))
    assert not view.can(Step.PREPARED)
    assert desks.desk.follow_all() == 0
    for change in (waiting, draft):
        gone = desks.desk.withdraw(change.id, seen=change.row_version, actor=EDITOR)
        assert gone.state is ChangeState.WITHDRAWN
    assert desks.desk.count_open() == 0
    with pytest.raises(ChangeNotFoundError):
        desks.begin()


def test_a_participant_with_a_footnote_keeps_it_when_it_has_left() -> None:
    """A Participant that the registry does not name any more is named as it was."""
    entry = make_entry(ParticipantCode("XK"), None, None)
    assert (entry.display_name, bool(entry.footnote)) == ("Kosovo*", True)


def test_the_directory_key_changes_hands_while_a_draft_is_open(desks: DeskWorld) -> None:
    """The draft is listed by who signs it in the end, not by who would have signed at first."""
    operators = open_operated(desks)
    change = desks.draft(note="typed")
    operators.holder = ListedBy.OPERATOR
    view = desks.desk.look(change.id)
    assert not view.is_blocked
    assert view.change.draft.listed_by is ListedBy.OPERATOR
    prepared = desks.prepare(view.change)
    assert prepared.draft.listed_by is ListedBy.OPERATOR
    assert desks.desk.look(change.id).change == prepared


def test_a_draft_that_nobody_wrote_in_yet_goes_on(desks: DeskWorld) -> None:
    """Somebody opens the form, somebody else publishes: the form can still be sent."""
    empty = desks.begin()
    renewal = desks.desk.begin(AL, title="Renew", actor=EDITOR, is_renewal=True)
    desks.publish_note("meanwhile")
    followed = desks.desk.look(empty.id).change
    assert (followed.state, followed.base_version) == (ChangeState.DRAFTED, 2)
    assert desks.edit(followed, make_authority(AL, note="typed")).state is ChangeState.DRAFTED
    assert desks.desk.look(renewal.id).change.state is ChangeState.SUPERSEDED


@pytest.mark.parametrize("text", ["x" * 2001, "a\x00b", "a\x1bb", "\ud800"])
def test_a_reason_that_cannot_be_kept(desks: DeskWorld, text: str) -> None:
    """Too long, or with characters that a database refuses: said at once, and nothing is cut."""
    change = desks.begin()
    for grounds in (Grounds(reason=text), Grounds(evidence=text)):
        with pytest.raises(DraftRefusedError):
            desks.desk.put_calendar(
                change.id, None, seen=change.row_version, actor=EDITOR, grounds=grounds
            )
    with pytest.raises(DraftRefusedError):
        desks.desk.withdraw(change.id, seen=change.row_version, actor=EDITOR, reason=text)
    kept = "Two lines,\r\nwith\u00a0a blank that does not break."
    done = desks.desk.withdraw(change.id, seen=change.row_version, actor=EDITOR, reason=kept)
    assert desks.read_events(done)[-1].detail == kept


@dataclass
class BusyHost:
    """A registry host that cannot take anything for now, for reasons of its own."""

    kept: Publisher
    why: RefusalCode | None

    def send(self, submission: Submission) -> Receipt:
        """Refuse as long as there is a reason."""
        if self.why is not None:
            raise SubmissionRefusedError("Not now.", code=self.why)
        return self.kept.send(submission)

    def find(self, role: str, version: int) -> bytes | None:
        """Return what is published."""
        return self.kept.find(role, version)


@pytest.mark.parametrize("why", [RefusalCode.TOO_OFTEN, RefusalCode.ONLINE_KEY_MISSING])
def test_a_host_that_cannot_take_it_now(desks: DeskWorld, why: RefusalCode) -> None:
    """What is not the fault of the change does not cost its signatures: it is sent again."""
    host = BusyHost(RepositoryPublisher(desks.world.open(), desks.world.online), why)
    desk = desks.open_desk(publisher=host)
    change = desks.publish(desks.make_signed(desks.draft(note="x")), desk)
    assert (change.state, desk.continue_publishing()) == (ChangeState.PUBLISHING, 1)
    host.why = None
    assert desk.continue_publishing() == 0
    assert desk.look(change.id).change.state is ChangeState.PUBLISHED


@contextmanager
def counting_loads(desks: DeskWorld, loaded: list[ChangeId]) -> Iterator[None]:
    """Note which changes are read whole."""
    load = desks.store.load

    def note(change_id: ChangeId) -> object:
        loaded.append(change_id)
        return load(change_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desks.store, "load", note)
        yield


def test_a_round_reads_what_it_has_to_and_forgets_nothing(desks: DeskWorld) -> None:
    """Of many changes only those are read that something was published past; the oldest too."""
    oldest = desks.draft(city="Tirana")
    given_up = []
    for _ in range(60):
        desks.world.clock.move(timedelta(seconds=1))
        change = desks.begin()
        desks.desk.withdraw(change.id, seen=change.row_version, actor=EDITOR)
        given_up.append(change.id)
    loaded: list[ChangeId] = []
    with counting_loads(desks, loaded):
        assert desks.desk.follow_all() == 0
        assert loaded == []
        desks.publish_note("meanwhile")
        desks.publish_note("and again")
        assert desks.desk.follow_all() == 1
        assert loaded == [oldest.id]
        desks.desk.follow_all()
        assert loaded == [oldest.id]
    assert desks.desk.look(oldest.id).change.base_version == 3
