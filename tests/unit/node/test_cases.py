"""The course of a case: strands, notes, managers, links, its end, and its confidential part."""

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import text
from sqlmodel import select

from node.domain.access import Principal
from node.domain.cases import StatementKind, StrandState
from node.domain.events import EventKind
from node.domain.work import ItemKind
from node.service.cancelling import handle_cancel
from node.service.cases.linking import handle_link, handle_unlink
from node.service.cases.listing import CaseFilter, list_cases
from node.service.cases.notes import (
    handle_add_note,
    handle_change_note,
    handle_delete_note,
    list_notes,
)
from node.service.cases.opening import handle_open_case
from node.service.cases.recording import (
    handle_name_manager,
    handle_record_guardian,
    handle_record_person,
)
from node.service.cases.statements import Post
from node.service.cases.viewing import list_timeline, load_overview
from node.service.composing import handle_send
from node.service.consent.circumstances import (
    NOTHING_KNOWN,
    Circumstances,
    get_circumstances,
    handle_set_circumstances,
    load_circumstances,
)
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.followers import follow_all
from node.service.permitting import ForbiddenError
from node.service.reading import get_case
from node.service.work.acts import handle_claim, handle_settle
from node.service.work.escalation import look_at_due
from node.store.case_tables import (
    CaseLinkRow,
    CaseNoteRow,
    CaseStatementRow,
)
from node.store.tables import CaseRow, EventRow
from protocol.identifiers import Channel
from protocol.messages.codes import GuardianSituation, PersonGroup, TraffickingStatus
from protocol.messages.general import Outcome
from tests.support.case_steps import case_at, find_strand, kinds_of, settle, start
from tests.support.duty import add_person, load_items, told
from tests.support.node import NOTIFICATION_BODY, Network, make_draft
from tests.support.people import STAFF, acting

CARER: Final = acting("carer", channels={Channel.ASSISTANCE})
POLICE: Final = acting("police", channels={Channel.POLICE})
AGAIN: Final = text(
    "INSERT INTO message_to_follow (message_id, next_attempt_at, attempts) "
    "SELECT message_id, stored_at, 0 FROM message"
)


def test_both_sides_know_managers_status_and_parties(network: Network) -> None:
    """What messages say of a case is shown on both sides, with who said it; repeated, it is one."""
    al, xk = network.node("AL"), network.node("XK")
    sent = start(network)
    accept = DecisionDraft(
        outcome=Outcome.ACCEPTED, case_manager=CaseManagerDraft(post="Duty social worker")
    )
    handle_decide(xk, sent.message_id, accept, who=STAFF)
    settle(network)
    for code in ("AL", "XK"):
        overview = load_overview(network.node(code), case_at(network, code, sent), who=STAFF)
        managers = {
            said.participant: said.details.post
            for said in overview.statements
            if said.kind is StatementKind.MANAGER and said.details
        }
        assert managers == {"AL": "Duty officer", "XK": "Duty social worker"}
        (strand,) = overview.strands
        assert (strand.person_status, strand.treated_as_child) == ("presumed", False)
        assert overview.phases == ("identification",)
        (party,) = overview.parties
        assert party.participant == {"AL": "XK", "XK": "AL"}[code]
        assert party.authorities == (f"{party.participant}-anti-trafficking-desk",)
    with al.database.transaction() as session:
        session.execute(AGAIN)
    follow_all(al)
    with al.database.reading() as session:
        said = session.exec(select(CaseStatementRow.message_id, CaseStatementRow.kind)).all()
    assert len(said) == len(set(said))


def test_a_message_that_never_left_has_said_nothing(network: Network) -> None:
    """What a cancelled message said of the person is forgotten."""
    al = network.node("AL")
    sent = start(network)
    body = dict(NOTIFICATION_BODY) | {"status": "formally_identified"}
    later = handle_send(al, make_draft(case=sent.case_reference, body=body), who=STAFF)
    follow_all(al)
    assert find_strand(al, sent.case_id, Channel.ASSISTANCE).person_status == "formally_identified"
    handle_cancel(al, later.message_id, who=STAFF)
    assert find_strand(al, sent.case_id, Channel.ASSISTANCE).person_status == "presumed"


def test_a_child_stays_one_until_somebody_here_says_otherwise(network: Network) -> None:
    """One word that the person is a child holds, for the policy, too; ours, later, ends it."""
    al = network.node("AL")
    child = {"guardian": "appointed", "child_informed": "yes"}
    body = dict(NOTIFICATION_BODY) | {
        "age_group": "under_18",
        "possibly_under_18": "yes",
        "child": child,
    }
    known = {"guardian_appointed": True, "guardian_is_case_manager": True}
    sent = start(network, body=body, urgency="urgent", circumstances=known)
    handle_send(al, make_draft(case=sent.case_reference, urgency="urgent"), who=STAFF)
    settle(network)
    for code in ("AL", "XK"):
        context, case_id = network.node(code), case_at(network, code, sent)
        assert find_strand(context, case_id, Channel.ASSISTANCE).treated_as_child is True
        with context.database.reading() as session:
            case = session.get_one(CaseRow, case_id)
            assert load_circumstances(context, session, case).treated_as_child
    network.clock.advance(minutes=1)
    handle_record_person(
        al, sent.case_id, who=STAFF, group=PersonGroup.CHILD, channel=Channel.POLICE
    )
    network.clock.advance(minutes=1)
    handle_record_person(al, sent.case_id, who=CARER, group=PersonGroup.ADULT)
    assert find_strand(al, sent.case_id, Channel.ASSISTANCE).treated_as_child is False
    view = get_circumstances(al, sent.case_id, who=STAFF)
    assert view.circumstances.treated_as_child  # in the other channel
    with al.database.transaction() as session:
        session.execute(AGAIN)
    follow_all(al)
    assert get_circumstances(al, sent.case_id, who=STAFF) == view
    with pytest.raises(RefusedDraftError, match="Say what is known"):
        handle_record_person(al, sent.case_id, who=CARER)


def test_lists_and_policy_say_the_same_of_a_child(network: Network) -> None:
    """Said of the case as a whole, it stands in each strand of whoever says it, and no further."""
    al = network.node("AL")
    case_id = handle_open_case(al, who=CARER).case_id
    handle_add_note(al, case_id, "For the police.", who=STAFF, channel=Channel.POLICE)
    child = Circumstances(treated_as_child=True, guardian_appointed=True)

    def say(said: Circumstances, who: Principal) -> list[bool | None]:
        network.clock.advance(minutes=1)
        view = handle_set_circumstances(al, case_id, said, who=who)
        strands = [find_strand(al, case_id, each) for each in (Channel.ASSISTANCE, Channel.POLICE)]
        return [view.circumstances.treated_as_child, *(row.treated_as_child for row in strands)]

    assert say(child, CARER) == [True, True, None]
    guardian = {said.kind: said.code for said in load_overview(al, case_id, who=CARER).statements}
    assert guardian[StatementKind.GUARDIAN] == GuardianSituation.APPOINTED
    assert say(NOTHING_KNOWN, STAFF) == [False, False, False]
    assert say(child, POLICE) == [True, False, True]
    assert say(NOTHING_KNOWN, CARER) == [True, False, True]


# ------------------------------------------------------------------ need to know


def test_who_works_in_one_channel_sees_nothing_of_another(network: Network) -> None:
    """Lists, timeline, notes and facts of a case are those of the own channels."""
    al = network.node("AL")
    sent = start(network)
    body = dict(NOTIFICATION_BODY) | {"status": "formally_identified"}
    network.clock.advance(hours=1)
    handle_send(
        al, make_draft(case=sent.case_reference, channel=Channel.POLICE, body=body), who=STAFF
    )
    settle(network)
    handle_add_note(al, sent.case_id, "For carers.", who=STAFF, channel=Channel.ASSISTANCE)
    handle_add_note(al, sent.case_id, "For the police.", who=STAFF, channel=Channel.POLICE)
    for who, status, written in (
        (CARER, "presumed", "For carers."),
        (POLICE, "formally_identified", "For the police."),
    ):
        (line,) = list_cases(al, who=who, limit=9)
        assert (line.person_status, line.channels) == (status, tuple(sorted(who.channels)))
        assert [note.text for note in list_notes(al, sent.case_id, who=who, limit=9)] == [written]
        assert kinds_of(al, sent.case_id, who).count("note_added") == 1
        assert kinds_of(al, sent.case_id, who).count("message_queued") == 1
        assert len(load_overview(al, sent.case_id, who=who).strands) == 1
        began = {"case_opened", "participant_joined"} & set(kinds_of(al, sent.case_id, who))
        assert len(began) == (2 if who is CARER else 0)  # it was theirs that began it
        assert line.created_at == get_case(al, sent.case_id, who=who).created_at
        assert (line.created_at < network.clock() - timedelta(minutes=30)) == (who is CARER)
    with pytest.raises(RefusedDraftError, match="several channels"):
        handle_add_note(al, sent.case_id, "Where?", who=STAFF)
    with pytest.raises(ForbiddenError, match="not cleared"):
        handle_add_note(al, sent.case_id, "Not mine.", who=CARER, channel=Channel.POLICE)
    secret = handle_open_case(al, who=POLICE, channel=Channel.POLICE)
    for look in (load_overview, get_notes):
        with pytest.raises(NotFoundError):
            look(al, secret.case_id, who=CARER)
    unknown = f"{sent.message_id[::-1]}"
    for hidden in (unknown, sent.message_id):  # nobody learns which of the two there is
        with pytest.raises(NotFoundError, match="no such message here"):
            handle_send(al, make_draft(in_reply_to=hidden), who=POLICE)
    assert secret.case_id not in {line.case_id for line in list_cases(al, who=CARER, limit=9)}


def get_notes(context: NodeContext, case_id: str, *, who: Principal) -> object:
    """Ask for the notes of a case."""
    return list_notes(context, case_id, who=who, limit=9)


# ------------------------------------------------------------------ what people record


def test_a_note_is_changed_by_whoever_saw_it_and_deleted_for_good(network: Network) -> None:
    """A stale change is refused, a deleted text is nowhere in the store, and nothing crosses."""
    al = network.node("AL")
    sent = start(network)
    note = handle_add_note(al, sent.case_id, "She likes INVENTED-WORD.", who=CARER)
    changed = handle_change_note(
        al, sent.case_id, note.note_id, "She likes tea.", who=STAFF, row_version=note.row_version
    )
    with pytest.raises(StaleError):
        handle_delete_note(al, sent.case_id, note.note_id, who=CARER, row_version=note.row_version)
    with al.database.reading() as session:
        row = session.get_one(CaseNoteRow, note.note_id)
        assert b"tea" not in (row.text_sealed or b"tea")
    handle_delete_note(al, sent.case_id, note.note_id, who=CARER, row_version=changed.row_version)
    (kept,) = list_notes(al, sent.case_id, who=CARER, limit=9)
    assert (kept.text, kept.author) == (None, "carer")
    settle(network)
    with network.node("XK").database.reading() as session:
        assert session.exec(select(CaseNoteRow)).all() == []
    told = [kind for kind in kinds_of(al, sent.case_id) if kind.startswith("note_")]
    assert told == ["note_added", "note_changed", "note_deleted"]


def test_notes_and_timeline_go_on_where_a_page_ended(network: Network) -> None:
    """Pages of notes, of the timeline and of the list miss nothing and repeat nothing."""
    al = network.node("AL")
    cases = [handle_open_case(al, who=STAFF).case_id for _ in range(5)]
    case_id = cases[0]
    texts = [f"Note {number}" for number in range(5)]
    for each in texts:
        handle_add_note(al, case_id, each, who=STAFF)
    page = list_notes(al, case_id, who=STAFF, limit=3)
    rest = list_notes(al, case_id, who=STAFF, limit=3, after=(page[-1].at, page[-1].note_id))
    assert sorted(str(note.text) for note in page + rest) == texts
    first = list_timeline(al, case_id, who=STAFF, limit=4)
    second = list_timeline(al, case_id, who=STAFF, limit=4, before=first.next)
    assert len(first.entries + second.entries) == 6
    assert second.next is None
    found, place = [], None
    while lines := list_cases(al, who=STAFF, limit=2, after=place):
        found += [line.case_id for line in lines]
        place = (lines[-1].touched_at, lines[-1].case_id)
    assert sorted(found) == sorted(cases)


def test_lists_are_filtered_and_a_case_of_two_channels_is_one_line(network: Network) -> None:
    """Each filter finds its cases; a case seen in two channels stands once, at its newest."""
    al = network.node("AL")
    sent = start(network)
    network.clock.advance(minutes=1)
    other = handle_send(al, make_draft(recipient="MK"), who=STAFF)
    network.clock.advance(minutes=1)
    again = make_draft(case=sent.case_reference, channel=Channel.POLICE)
    handle_send(al, again, who=STAFF)
    settle(network)
    lines = list_cases(al, who=STAFF, limit=9)
    assert [line.case_id for line in lines] == [sent.case_id, other.case_id]
    one_by_one = list_cases(al, who=STAFF, limit=1)
    place = (one_by_one[0].touched_at, one_by_one[0].case_id)
    one_by_one += list_cases(al, who=STAFF, limit=9, after=place)
    assert one_by_one == lines
    for wanted, expected in (
        (CaseFilter(peer="MK"), {other.case_id}),
        (CaseFilter(channel=Channel.POLICE), {sent.case_id}),
        (CaseFilter(person_status=TraffickingStatus.PRESUMED), {sent.case_id, other.case_id}),
        (CaseFilter(person_status=TraffickingStatus.POTENTIAL), set()),
        (CaseFilter(reference=other.case_reference), {other.case_id}),
        (CaseFilter(state=StrandState.CLOSED), set()),
        (CaseFilter(manager="nobody"), set()),
        (CaseFilter(treated_as_child=True), set()),
    ):
        found = {line.case_id for line in list_cases(al, who=STAFF, limit=9, wanted=wanted)}
        assert found == expected


def test_a_guardian_is_recorded_for_the_policy(network: Network) -> None:
    """Whoever acts for a child stands in the case, and the policy goes by it."""
    al = network.node("AL")
    case_id = handle_open_case(al, who=STAFF).case_id
    post = Post(post="Guardian of the centre for social work", authority="AL-social-work")
    handle_record_person(al, case_id, who=STAFF, group=PersonGroup.CHILD)
    version = handle_record_guardian(
        al, case_id, GuardianSituation.APPOINTED, who=STAFF, post=post, is_case_manager=True
    )
    with pytest.raises(StaleError):
        handle_record_guardian(
            al, case_id, GuardianSituation.UNKNOWN, who=STAFF, row_version=version - 1
        )
    with pytest.raises(RefusedDraftError, match="Only an appointed"):
        handle_record_guardian(al, case_id, GuardianSituation.UNKNOWN, who=STAFF, post=post)
    said = {each.kind: each for each in load_overview(al, case_id, who=STAFF).statements}
    assert said[StatementKind.GUARDIAN].details == post
    with al.database.reading() as session:
        known = load_circumstances(al, session, session.get_one(CaseRow, case_id))
    assert (known.treated_as_child, known.guardian_appointed) == (True, True)
    assert known.guardian_is_case_manager


def test_a_manager_is_one_of_ours(network: Network) -> None:
    """A post of another Participant, or a person who does not work on cases, is refused."""
    al = network.node("AL")
    case_id = handle_open_case(al, who=STAFF).case_id
    foreign = Post(post="Desk", authority="XK-anti-trafficking-desk")
    with pytest.raises(RefusedDraftError, match="names its own case manager"):
        handle_name_manager(al, case_id, foreign, who=STAFF)
    ours = Post(post="Desk", authority="AL-anti-trafficking-desk")
    with pytest.raises(RefusedDraftError, match="does not work on cases"):
        handle_name_manager(al, case_id, ours, who=STAFF, account_id="0" * 32)
    handle_name_manager(al, case_id, ours, who=STAFF)
    assert kinds_of(al, case_id)[-1] == EventKind.MANAGER_NAMED


def test_who_is_given_a_case_is_told_and_gets_what_is_open_in_it(network: Network) -> None:
    """Each new manager is told until they have taken over; whoever names themselves knows."""
    xk = network.node("XK")
    ana, beni = (add_person(xk, name) for name in ("ana", "beni"))
    add_person(xk, "carer", channels={Channel.POLICE})
    sent = start(network)
    case_id = case_at(network, "XK", sent)
    ours = Post(post="Desk", authority="XK-anti-trafficking-desk")

    def give(account_id: str | None, who: Principal) -> list[tuple[str | None, str]]:
        handle_name_manager(xk, case_id, ours, who=who, account_id=account_id)
        look_at_due(xk)
        return [(row.claimed_by, row.state) for row in load_items(xk, kind=ItemKind.TAKE_OVER)]

    with pytest.raises(RefusedDraftError, match="does not work on cases"):
        give("carer", ana)
    assert give("ana", ana) == []
    (question,) = load_items(xk, message_id=sent.message_id)
    handle_claim(xk, question.item_id, who=ana)
    assert give("beni", ana) == [("beni", "claimed")]
    (item,) = load_items(xk, kind=ItemKind.TAKE_OVER)
    assert told(xk, item.item_id) == [("beni", "owner")]
    (question,) = load_items(xk, message_id=sent.message_id)
    assert question.claimed_by == "beni"
    handle_settle(xk, item.item_id, who=beni)
    assert give("ana", beni) == [("ana", "claimed")]
    assert [kind for kind in kinds_of(xk, case_id) if kind.startswith("case_handed")] == [
        "case_handed_over"
    ] * 2
    assert [state for _, state in give(None, ana)] == ["done"]


def test_a_link_is_seen_by_who_sees_both_cases(network: Network) -> None:
    """Linked once however often; told to nobody else; taken back by whoever works on both."""
    al = network.node("AL")
    sent = start(network)
    secret = handle_open_case(al, who=POLICE, channel=Channel.POLICE)
    for _ in range(2):
        (linked,) = handle_link(al, sent.case_id, secret.case_id, who=STAFF)
        assert linked.reference == secret.reference
    assert load_overview(al, sent.case_id, who=CARER).links == ()
    assert "case_linked" not in kinds_of(al, sent.case_id, CARER)
    with pytest.raises(NotFoundError):
        handle_unlink(al, sent.case_id, secret.case_id, who=CARER)
    with pytest.raises(RefusedDraftError, match="with itself"):
        handle_link(al, sent.case_id, sent.case_id, who=STAFF)
    settle(network)
    with network.node("XK").database.reading() as session:
        assert session.exec(select(CaseLinkRow)).all() == []
    handle_unlink(al, secret.case_id, sent.case_id, who=STAFF)
    assert load_overview(al, sent.case_id, who=STAFF).links == ()


def test_a_link_is_known_in_its_channel_alone(network: Network) -> None:
    """What the police know of two cases, carers who see both do not learn, nor take back."""
    al = network.node("AL")
    one, other = (handle_open_case(al, who=STAFF).case_id for _ in range(2))
    for case_id in (one, other):
        handle_add_note(al, case_id, "For the police.", who=STAFF, channel=Channel.POLICE)
    with pytest.raises(RefusedDraftError, match="several channels"):
        handle_link(al, one, other, who=STAFF)
    handle_link(al, one, other, who=STAFF, channel=Channel.POLICE)
    assert load_overview(al, one, who=CARER).links == ()
    assert "case_linked" not in kinds_of(al, other, CARER)
    with pytest.raises(NotFoundError, match="not linked"):
        handle_unlink(al, one, other, who=CARER)
    (linked,) = handle_link(al, other, one, who=CARER)
    assert (linked.case_id, linked.actor) == (one, "carer")
    assert len(load_overview(al, one, who=STAFF).links) == 1
    handle_unlink(al, one, other, who=CARER)
    assert len(load_overview(al, one, who=POLICE).links) == 1


def test_entries_of_the_timeline_name_their_channel(network: Network) -> None:
    """What people record is told to those of its channel alone."""
    al = network.node("AL")
    case_id = handle_open_case(al, who=STAFF).case_id
    handle_record_person(
        al, case_id, who=STAFF, status=TraffickingStatus.POTENTIAL, channel=Channel.POLICE
    )
    with al.database.reading() as session:
        rows = session.exec(select(EventRow).where(EventRow.case_id == case_id)).all()
    assert {row.kind: row.channel for row in rows}["person_status_recorded"] == Channel.POLICE
