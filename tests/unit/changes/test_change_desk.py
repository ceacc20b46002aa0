"""The desk: drafting, signing, publishing, and what is refused on the way."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from contact_registry.agreements import Notice
from contact_registry.changes.change import Change, EntryKind, Grounds
from contact_registry.changes.desk import signing_file_name
from contact_registry.changes.errors import (
    ChangeNotFoundError,
    DraftRefusedError,
    SigningFileError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.changes.findings import FindingCode
from contact_registry.changes.merging import Side
from contact_registry.changes.signing_file import parse_signing_file
from contact_registry.changes.states import ChangeState, Step
from contact_registry.errors import RefusalCode
from contact_registry.models import ListedBy
from contact_registry.schedules import Holiday, WorkCalendar
from contact_registry.trust.repository import NewParticipant
from protocol.identifiers import AuthorityId, ParticipantCode
from tests.support.changes import EDITOR, DeskWorld
from tests.support.registry import AL, MK, make_authority, make_contacts, make_entry, make_signer
from tests.support.registry_content import make_terms, state


def test_from_the_draft_to_the_registry(desks: DeskWorld) -> None:
    """What was drafted and signed is what everybody reads, and the story tells who did what."""
    change = desks.draft(note="Ring twice.")
    view = desks.desk.look(change.id)
    assert [d.path for d in view.differences] == [
        ("contacts", "AL", "authorities", "AL-desk", "note")
    ]
    assert view.can(Step.PREPARED)
    assert not view.can(Step.SENT)
    assert view.digest is None
    signed = desks.make_signed(change)
    view = desks.desk.look(change.id)
    assert signed.state is ChangeState.SIGNED
    assert view.signed_by == view.could_sign
    assert view.digest is not None
    done = desks.publish(signed)
    assert done.state is ChangeState.PUBLISHED
    assert done.registry_version == desks.world.open().published_version().version
    assert desks.find_published_note() == "Ring twice."
    assert [(event.actor, event.step) for event in desks.read_events(change)] == [
        (EDITOR, Step.EDITED),
        (EDITOR, Step.EDITED),
        (EDITOR, Step.PREPARED),
        (EDITOR, Step.SIGNATURES_COMPLETE),
        (EDITOR, Step.SENT),
        ("desk", Step.PUBLISHED),
    ]
    assert desks.desk.look(change.id).differences == view.differences
    assert desks.desk.count_open() == 0


def test_a_page_that_is_out_of_date_changes_nothing(desks: DeskWorld) -> None:
    """Whoever saw an earlier row version is told so; the draft is as the other person left it."""
    change = desks.draft(note="first")
    desks.edit(change, make_authority(AL, note="second"))
    refused: tuple[Callable[[], object], ...] = (
        lambda: desks.edit(change, make_authority(AL, note="third")),
        lambda: desks.prepare(change),
        lambda: desks.desk.withdraw(change.id, seen=change.row_version, actor=EDITOR),
    )
    for step in refused:
        with pytest.raises(StaleChangeError, match="Open it again"):
            step()
    assert desks.desk.look(change.id).change.draft.authorities[0].note == "second"


def test_a_node_has_its_own_participant_only(desks: DeskWorld) -> None:
    """MK's node neither sees nor begins a change of AL."""
    change = desks.begin()
    foreign = desks.open_desk(participant=MK)
    assert not foreign.list_changes().changes
    steps: tuple[Callable[[], object], ...] = (
        lambda: foreign.look(change.id),
        lambda: foreign.begin(AL, title="x", actor=EDITOR),
        lambda: foreign.load_published(AL),
        lambda: foreign.export_signing_file(change.id),
    )
    for step in steps:
        with pytest.raises(ChangeNotFoundError):
            step()


def test_every_kind_of_edit(desks: DeskWorld) -> None:
    """Entries, calendar, agreements, node keys are edited, each with its grounds in the story."""
    change = desks.begin()
    grounds = Grounds(reason="They moved.", evidence="Letter 12")
    second = make_authority(
        AL, desks.desk.propose_authority_id(change.id, "Zyra Ë Re").removeprefix("AL-")
    )
    assert second.id == "AL-zyra-e-re"
    steps: tuple[Callable[..., Change], ...] = (
        lambda desk, **who: desk.put_authority(change.id, second, **who),
        lambda desk, **who: desk.end_authority(
            change.id, AuthorityId("AL-desk"), last_day=date(2026, 12, 31), **who
        ),
        lambda desk, **who: desk.put_calendar(
            change.id, WorkCalendar(holidays=(Holiday(day=date(2026, 11, 28)),)), **who
        ),
        lambda desk, **who: desk.put_agreement(change.id, state(make_terms()), **who),
        lambda desk, **who: desk.put_node_keys(change.id, [make_signer().verify_key], **who),
        lambda desk, **who: desk.remove_agreement(change.id, make_terms().id, **who),
        lambda desk, **who: desk.remove_authority(change.id, second.id, **who),
    )
    for step in steps:
        change = step(desks.desk, seen=change.row_version, actor=EDITOR, grounds=grounds)
    draft = change.draft
    assert [(a.id, a.valid_to) for a in draft.authorities] == [("AL-desk", date(2026, 12, 31))]
    assert draft.calendar is not None
    assert not draft.agreements
    assert [(e.entry_kind, e.entry) for e in desks.read_events(change)][1:] == [
        (EntryKind.AUTHORITY, "AL-zyra-e-re"),
        (EntryKind.AUTHORITY, "AL-desk"),
        (EntryKind.CALENDAR, ""),
        (EntryKind.AGREEMENT, "al-mk-2026"),
        (EntryKind.NODE_KEYS, ""),
        (EntryKind.AGREEMENT, "al-mk-2026"),
        (EntryKind.AUTHORITY, "AL-zyra-e-re"),
    ]
    assert {event.grounds for event in desks.read_events(change)[1:]} == {grounds}
    view = desks.desk.look(change.id)
    assert len(view.node_keys_added) == len(view.node_keys_removed) == 1


def test_what_cannot_stand_is_refused_and_the_draft_stays(desks: DeskWorld) -> None:
    """Another Participant's entry, an empty title, too many keys: said, and nothing is kept."""
    change = desks.draft(note="kept")
    who: dict[str, Any] = {"seen": change.row_version, "actor": EDITOR}
    with pytest.raises(DraftRefusedError, match="begins with its own Participant"):
        desks.edit(change, make_authority(MK))
    with pytest.raises(DraftRefusedError, match="contacts of MK"):
        desks.desk.put_document(change.id, make_contacts(MK), **who)
    with pytest.raises(DraftRefusedError, match="one line"):
        desks.desk.begin(AL, title=" \n ", actor=EDITOR)
    with pytest.raises(DraftRefusedError, match="at most 4"):
        desks.desk.put_node_keys(change.id, [make_signer().verify_key for _ in range(5)], **who)
    with pytest.raises(DraftRefusedError, match="shorten"):
        desks.desk.put_calendar(change.id, None, **who, grounds=Grounds(reason="x" * 2001))
    with pytest.raises(ChangeNotFoundError, match="not in this draft"):
        desks.desk.remove_authority(change.id, AuthorityId("AL-other"), **who)
    with pytest.raises(ChangeNotFoundError):
        desks.desk.begin(ParticipantCode("ZZ"), title="x", actor=EDITOR)
    assert desks.desk.look(change.id).change == change


def test_what_is_published_already_is_not_signed(desks: DeskWorld) -> None:
    """A draft that changes nothing is blocked; a renewal signs the same contacts again."""
    change = desks.begin()
    assert desks.desk.look(change.id).findings[0].code is FindingCode.NOTHING_CHANGED
    with pytest.raises(StepNotPossibleError, match="blocking"):
        desks.prepare(change)
    renewal = desks.desk.begin(AL, title="Renewal", actor=EDITOR, is_renewal=True)
    before = desks.desk.load_published(AL)
    desks.world.clock.move(timedelta(days=2))
    desks.world.repository.refresh_timestamp(desks.world.online)
    assert desks.publish(desks.make_signed(renewal)).state is ChangeState.PUBLISHED
    after = desks.desk.load_published(AL)
    assert after.document == before.document
    assert after.expires_at is not None
    assert before.expires_at is not None
    assert after.expires_at > before.expires_at


def test_terms_keep_their_identifier(desks: DeskWorld) -> None:
    """Changed terms under a published identifier are blocked; a notice to them is not."""
    change = desks.begin()
    change = desks.desk.put_agreement(
        change.id, state(make_terms()), seen=change.row_version, actor=EDITOR
    )
    codes = {f.code for f in desks.desk.look(change.id).findings}
    assert FindingCode.AGREEMENT_NOT_SHARED in codes
    desks.publish(desks.make_signed(change))
    change = desks.begin()
    other = state(make_terms(instrument="Another memorandum"))
    change = desks.desk.put_agreement(change.id, other, seen=change.row_version, actor=EDITOR)
    assert FindingCode.TERMS_CHANGED in {f.code for f in desks.desk.look(change.id).findings}
    notice = Notice(given_by=AL, received_on=date(2026, 11, 1))
    ended = state(make_terms(), notices=(notice,))
    change = desks.desk.put_agreement(change.id, ended, seen=change.row_version, actor=EDITOR)
    assert desks.desk.look(change.id).can(Step.PREPARED)


def test_signatures_are_gathered_up_to_the_threshold(desks: DeskWorld) -> None:
    """With two of three keys, each signed file adds its own, and one alone is not enough."""
    signers = [make_signer() for _ in range(3)]
    code = ParticipantCode("BA")
    keys = tuple(signer.verify_key for signer in signers)
    desks.world.repository.add_participants(
        [NewParticipant(make_entry(code), keys, 2)],
        targets_signers=desks.world.operators,
        online=desks.world.online,
    )
    change = desks.desk.begin(code, title="First list", actor=EDITOR, document=make_contacts(code))
    change = desks.prepare(change)
    files = [desks.sign(change.id, [signer]) for signer in signers]
    change = desks.bring(change, files[2])
    assert change.state is ChangeState.WAITING
    change = desks.bring(change, files[2])
    assert change.state is ChangeState.WAITING
    with pytest.raises(StepNotPossibleError):
        desks.publish(change)
    change = desks.bring(change, files[0])
    assert change.state is ChangeState.SIGNED
    view = desks.desk.look(change.id)
    assert set(view.signed_by) == {keys[0].key_id, keys[2].key_id}
    assert desks.publish(change).state is ChangeState.PUBLISHED
    assert desks.world.open().load_directory().contacts[code].authorities


def test_signed_files_that_do_not_belong_here(desks: DeskWorld) -> None:
    """Another change's file, an unsigned one, a stranger's, rubbish: refused, nothing changes."""
    change = desks.prepare(desks.draft(note="one"))
    other = desks.prepare(desks.draft(note="two"))
    foreign = desks.sign(other.id)
    stranger = desks.sign(change.id, [make_signer()])
    unsigned = desks.desk.export_signing_file(change.id)
    forged = parse_signing_file(desks.sign(change.id))
    for signature in forged.metadata.signatures.values():
        signature.signature = "00" * 64
    for data, words in (
        (foreign, "another change"),
        (unsigned, "no signature by a key"),
        (stranger, "no signature by a key"),
        (forged.to_bytes(), "no signature by a key"),
        (b"%PDF-1.7", "no signing file"),
        (b"x" * 3_000_000, "more than any signing file"),
    ):
        with pytest.raises(SigningFileError, match=words):
            desks.bring(change, data)
    assert desks.desk.look(change.id).change == change
    both = desks.sign(change.id, [make_signer(), desks.world.directory_keys[AL]])
    assert desks.publish(desks.bring(change, both)).state is ChangeState.PUBLISHED


def test_reopening_drops_the_signatures(desks: DeskWorld) -> None:
    """What is edited again has to be signed again, and the old file no longer fits."""
    change = desks.prepare(desks.draft(note="one"))
    data = desks.sign(change.id)
    assert signing_file_name(change) == "AL-2.trm-change"
    signed = desks.bring(change, data)
    reopened = desks.desk.reopen(signed.id, seen=signed.row_version, actor=EDITOR)
    with pytest.raises(StepNotPossibleError, match="prepare the change first"):
        desks.desk.export_signing_file(change.id)
    edited = desks.edit(reopened, make_authority(AL, note="two"))
    prepared = desks.prepare(edited)
    with pytest.raises(SigningFileError, match="earlier state"):
        desks.bring(prepared, data)


def test_a_signature_that_ran_out_on_the_way_is_refused_and_signed_anew(desks: DeskWorld) -> None:
    """The host's refusal is kept with its reason; nothing of the draft is lost."""
    change = desks.make_signed(desks.draft(note="late"))
    desks.world.clock.move(timedelta(days=91))
    desks.world.repository.refresh_timestamp(desks.world.online)
    refused = desks.publish(change)
    assert (refused.state, refused.refusal) == (ChangeState.REFUSED, RefusalCode.EXPIRED)
    assert "check the clock" in refused.refusal_detail
    again = desks.desk.reopen(refused.id, seen=refused.row_version, actor=EDITOR)
    assert again.refusal is None
    assert desks.publish(desks.make_signed(again)).state is ChangeState.PUBLISHED
    assert desks.find_published_note() == "late"


def test_drafts_of_different_fields_are_merged(desks: DeskWorld) -> None:
    """The second of two drafts goes on from the first: both are in the registry in the end."""
    one, two = desks.draft(city="Tirana"), desks.draft(post="Duty officer")
    note = [f for f in desks.desk.look(one.id).findings if f.code is FindingCode.OTHER_CHANGE_OPEN]
    assert [finding.entry for finding in note] == [two.id]
    second = desks.make_signed(two)
    desks.publish(desks.make_signed(one))
    with pytest.raises(StaleChangeError):
        desks.publish(second)
    view = desks.desk.look(two.id)
    assert view.change.state is ChangeState.DRAFTED
    assert view.signed_by == ()
    assert [event.step for event in view.events][-1] is Step.MERGED
    assert desks.publish(desks.make_signed(view.change)).state is ChangeState.PUBLISHED
    desk = desks.world.open().load_directory().contacts[AL].authorities[0]
    assert (desk.city, desk.post) == ("Tirana", "Duty officer")


@pytest.mark.parametrize(("side", "note"), [(Side.OURS, "mine"), (Side.THEIRS, "theirs")])
def test_a_conflict_is_shown_with_both_sides_and_decided(
    desks: DeskWorld, side: Side, note: str
) -> None:
    """Both values are shown with what was there before; nothing moves until somebody chooses."""
    change = desks.draft(note="mine", city="Tirana")
    desks.publish_note("theirs")
    view = desks.desk.look(change.id)
    assert view.change.state is ChangeState.CONFLICTING
    (conflict,) = view.conflicts
    assert conflict.key == "authorities/AL-desk/note"
    assert (conflict.base, conflict.ours, conflict.theirs) == ("", "mine", "theirs")
    assert not view.can(Step.PREPARED)
    assert desks.desk.look(change.id).change == view.change
    with pytest.raises(DraftRefusedError, match="Decide these as well: authorities/AL-desk/note"):
        desks.desk.resolve(change.id, {}, seen=view.change.row_version, actor=EDITOR)
    decided = desks.desk.resolve(
        change.id, {conflict.key: side}, seen=view.change.row_version, actor=EDITOR
    )
    entry = decided.draft.authorities[0]
    assert (decided.state, entry.note, entry.city) == (ChangeState.DRAFTED, note, "Tirana")
    assert desks.publish(desks.make_signed(decided)).state is ChangeState.PUBLISHED
    assert desks.find_published_note() == note


def test_a_third_publication_while_somebody_decides(desks: DeskWorld) -> None:
    """Choices that were made about an older version are refused, and the newer one is shown."""
    change = desks.draft(note="mine")
    desks.publish_note("theirs")
    seen = desks.desk.look(change.id).change.row_version
    desks.publish_note("newer")
    with pytest.raises(StaleChangeError):
        desks.desk.resolve(
            change.id, {"authorities/AL-desk/note": Side.OURS}, seen=seen, actor=EDITOR
        )
    assert [c.theirs for c in desks.desk.look(change.id).conflicts] == ["newer"]
    desks.publish_note("")
    assert desks.desk.look(change.id).change.state is ChangeState.DRAFTED


def test_what_somebody_else_published_too_no_longer_applies(desks: DeskWorld) -> None:
    """A draft whose every change is published already is superseded, and says by which version."""
    change = desks.draft(note="same")
    desks.publish_note("same")
    assert desks.desk.follow_all() == 1
    view = desks.desk.look(change.id)
    assert view.change.state is ChangeState.SUPERSEDED
    assert view.events[-1].detail == "version 2"


def test_a_file_that_was_sent_by_its_signer_is_recognised(desks: DeskWorld) -> None:
    """Published past the desk, even after it was withdrawn: the desk says that it is published."""
    waiting = desks.prepare(desks.draft(note="sent directly"))
    data = desks.sign(waiting.id)
    withdrawn = desks.desk.withdraw(
        waiting.id, seen=waiting.row_version, actor=EDITOR, reason="not yet"
    )
    assert withdrawn.state is ChangeState.WITHDRAWN
    desks.world.publish(parse_signing_file(data).to_submission())
    assert desks.desk.follow_all() == 1
    assert desks.desk.look(waiting.id).change.state is ChangeState.PUBLISHED


def test_who_holds_the_key_answers_for_the_list(desks: DeskWorld) -> None:
    """Contacts that operators sign are listed by the operators, whatever a list claims."""
    code, signer = ParticipantCode("BA"), make_signer()
    entry = make_entry(code).model_copy(update={"directory_key_held_by": ListedBy.OPERATOR})
    desks.world.repository.add_participants(
        [NewParticipant(entry, (signer.verify_key,))],
        targets_signers=desks.world.operators,
        online=desks.world.online,
    )
    change = desks.desk.begin(code, title="List", actor=EDITOR, document=make_contacts(code))
    assert change.draft.listed_by is ListedBy.OPERATOR
    change = desks.desk.put_document(
        change.id, make_contacts(code), seen=change.row_version, actor=EDITOR
    )
    assert change.draft.listed_by is ListedBy.OPERATOR
    assert change.base_version == 0


def test_a_delegation_that_would_cut_the_node_off_is_blocked(desks: DeskWorld) -> None:
    """Dropping the key that signed the node's published keys is found before anybody signs."""
    change = desks.begin()
    change = desks.desk.put_node_keys(change.id, [], seen=change.row_version, actor=EDITOR)
    findings = desks.desk.look(change.id).findings
    assert findings[0].code is FindingCode.NOT_PUBLISHABLE
    assert "node" in findings[0].message
    assert FindingCode.NODE_KEYS_CHANGED in {finding.code for finding in findings}


def test_lists_and_pages(desks: DeskWorld) -> None:
    """Changes come in pages, newest first; a store tells open ones from the others."""
    made = []
    for _ in range(52):
        desks.world.clock.move(timedelta(seconds=1))
        made.append(desks.begin().id)
    first, second = (desks.desk.list_changes(page=number) for number in (1, 2))
    assert first.has_more
    assert not second.has_more
    assert [c.id for c in (*first.changes, *second.changes)] == made[::-1]
    assert desks.desk.list_changes(participant=MK).changes == ()
    assert desks.desk.list_changes(states={ChangeState.PUBLISHED}).changes == ()
