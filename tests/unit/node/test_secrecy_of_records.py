"""What is recorded of a case with several channels: who sees what of it, and what messages obey."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sqlmodel import Session, delete

from node.domain.access import Principal
from node.domain.events import EventKind
from node.domain.returns import ReturnJourney
from node.service.building import Draft
from node.service.cases.opening import handle_open_case
from node.service.cases.strands import touch_strand
from node.service.cases.viewing import list_timeline
from node.service.composing import Sent, handle_send
from node.service.consent.circumstances import (
    Circumstances,
    get_circumstances,
    handle_set_circumstances,
)
from node.service.consent.exceptions import (
    ExceptionDraft,
    handle_record_exception,
    list_exceptions,
)
from node.service.consent.records import ConsentDraft, handle_record_consent, list_consents
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.deletions import list_deletions
from node.service.policy.checking import check_draft
from node.service.reading import get_message
from node.service.recalling import handle_tell_now
from node.service.returns import get_return, handle_record_return
from node.service.withdrawal_views import get_withdrawal, list_withdrawals
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from node.store.consent_tables import ConsentRow
from protocol.identifiers import Channel
from protocol.messages.fields import TriState
from protocol.messages.general import ConsentWithdrawn
from protocol.messages.head import ConsentGiver, ExceptionGround
from tests.support.case_world import agree
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, acting

CARE: Final = acting("care", channels=[Channel.ASSISTANCE])
POLICE: Final = acting("police", channels=[Channel.POLICE])
PROTECTION: Final = acting("protection", channels=[Channel.WITNESS_PROTECTION])
OF: Final = {
    CARE: Channel.ASSISTANCE,
    POLICE: Channel.POLICE,
    PROTECTION: Channel.WITNESS_PROTECTION,
}
GROUND: Final = ExceptionGround.VITAL_INTEREST
REFUSED: Final = "channels.elsewhere"
ALL: Final = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON)
_WAYS: Final = (("from", "AL"), ("to", "XK"))


class World:
    """A case on which assistance, police and witness protection work."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.al = al = network.node("AL")
        opened = handle_open_case(al, who=STAFF)
        self.case_id, self.reference = opened.case_id, opened.reference
        al.transact(self._begin)

    def _begin(self, session: Session) -> None:
        for channel in OF.values():
            touch_strand(session, self.case_id, channel, at=self.al.clock())

    def draft(self, channel: Channel, **changes: Any) -> Draft:
        """Return a message in a channel of this case, from desk to desk."""
        desks = {f"{way}_authority": f"{code}-anti-trafficking-desk" for way, code in _WAYS}
        return make_draft(case=self.reference, channel=channel, **desks, **changes)

    def count(self, kind: EventKind, *, who: Principal) -> int:
        """Count entries of the timeline as somebody sees it."""
        entries = list_timeline(self.al, self.case_id, who=who, limit=99).entries
        return sum(entry.kind == kind for entry in entries)


@pytest.fixture
def world(node_url_of: Callable[[str], str]) -> Iterator[World]:
    """Give a node with such a case, and a partner."""
    network = make_network(("AL", "XK"), url_of=node_url_of)
    yield World(network)
    network.close()


def test_an_exception_is_there_for_its_channel_alone(world: World) -> None:
    """List and timeline: each sees their own; who is cleared for all, all; nobody guesses which."""
    al, case_id = world.al, world.case_id
    for who in OF:
        why = ExceptionDraft(ground=GROUND, justification=f"What {who.actor} knows.")
        assert handle_record_exception(al, case_id, why, who=who).channel == OF[who]
    for who in (*OF, STAFF):
        told = [each.content.justification for each in list_exceptions(al, case_id, who=who)]
        expected = [who] if who in OF else [*OF]
        assert sorted(told) == sorted(f"What {each.actor} knows." for each in expected)
        assert world.count(EventKind.EXCEPTION_RECORDED, who=who) == len(expected)
    with pytest.raises(RefusedDraftError, match="in which one"):
        handle_record_exception(
            al, case_id, ExceptionDraft(ground=GROUND, justification="Why?"), who=STAFF
        )


def test_a_message_rests_on_an_exception_of_its_own_channel_alone(world: World) -> None:
    """The words of another channel are not filled in, and carry nothing there."""
    al = world.al
    for who in (CARE, POLICE):
        basis = {"kind": "exception", "ground": GROUND, "person_informed": "yes"}
        draft = world.draft(OF[who], legal_basis=basis | {"justification": "As I say."})
        before = check_draft(al, draft, who=who)
        why = ExceptionDraft(
            ground=GROUND, justification=f"Of {who.actor}.", person_told=TriState.YES
        )
        handle_record_exception(al, world.case_id, why, who=who)
        plain = world.draft(OF[who], legal_basis={"kind": "exception", "ground": GROUND})
        after = check_draft(al, plain, who=who)
        codes = [{reason.code for reason in each.decision.reasons} for each in (before, after)]
        assert ["exceptions.no_record" in found for found in codes] == [True, False]
        assert after.message.model_dump()["legal_basis"]["justification"] == f"Of {who.actor}."


def test_notes_beside_a_consent_are_for_its_channel(world: World) -> None:
    """What it covers is seen by all, its notes and paper are not; none of witness protection is."""
    al, case_id = world.al, world.case_id
    given = {name: value for name, value in CONSENT.items() if name != "kind"} | dict(ON_FILE)
    for who in OF:
        draft = ConsentDraft.model_validate(given | {"note": f"Of {who.actor}."})
        made = handle_record_consent(al, case_id, draft, who=who)
        assert handle_record_consent(al, case_id, draft, who=who).consent_id == made.consent_id
    for who in (*OF, STAFF):
        seen = list_consents(al, case_id, who=who)
        notes = {each.content.note for each in seen}
        expected: set[str | None] = {f"Of {who.actor}."}
        if who is STAFF:
            expected = {f"Of {each.actor}." for each in OF}
        else:
            expected |= {None}
        count = 2 if who in {CARE, POLICE} else 3
        assert (notes, len(seen)) == (expected, count)
        assert all(each.content.classes for each in seen)
        assert world.count(EventKind.CONSENT_RECORDED, who=who) == count
        assert [each.is_whole for each in seen] == [each.content.note is not None for each in seen]


def test_protection_is_obeyed_by_all_and_shown_to_its_channel(world: World) -> None:
    """Anybody says so; from then on nothing leaves elsewhere, nobody else sees why or undoes it."""
    al, case_id = world.al, world.case_id
    handle_set_circumstances(al, case_id, Circumstances(in_shelter=True), who=CARE)
    handle_set_circumstances(
        al, case_id, Circumstances(in_shelter=True, in_witness_protection=True), who=CARE
    )
    again = Circumstances(in_shelter=True, guardian_appointed=True)
    handle_set_circumstances(al, case_id, again, who=POLICE)
    for who in (*OF, STAFF):
        known = get_circumstances(al, case_id, who=who).circumstances
        is_theirs = who in {PROTECTION, STAFF}
        assert (known.in_shelter, known.in_witness_protection) == (True, is_theirs)
        changes = world.count(EventKind.CIRCUMSTANCES_CHANGED, who=who)
        assert changes == (3 if is_theirs else 2)
    for who, channel in OF.items():
        decision = check_draft(al, world.draft(channel), who=who).decision
        refused = [reason for reason in decision.reasons if reason.code == REFUSED]
        assert bool(refused) == (who is not PROTECTION)
        for reason in refused:
            assert "protection" not in f"{reason.sentence} {reason.remedy} {reason.details}"
    handle_set_circumstances(al, case_id, again, who=PROTECTION)
    codes = {
        each.code for each in check_draft(al, world.draft(OF[CARE]), who=CARE).decision.reasons
    }
    assert REFUSED not in codes


def test_a_note_of_a_return_stays_in_its_channel(world: World) -> None:
    """How far it is binds all; each writes and sees their own note, and loses nobody else's."""
    al, case_id = world.al, world.case_id
    for who in OF:
        known = get_return(al, case_id, who=who).journey
        assert known.note is None
        said = known.model_copy(update={"note": f"Of {who.actor}.", "risk_assessed": True})
        assert handle_record_return(al, case_id, said, who=who).journey == said
    for who, channel in OF.items():
        journey = get_return(al, case_id, who=who).journey
        assert (journey.note, journey.risk_assessed) == (f"Of {who.actor}.", True)
        assert get_return(al, case_id, who=STAFF, channel=channel).journey == journey
    seen = get_return(al, case_id, who=STAFF).journey
    for note in ("Said anew.", None):
        said = ReturnJourney.model_validate(seen.model_dump() | {"note": note})
        handle_record_return(al, case_id, said, who=STAFF, channel=Channel.POLICE)
        assert get_return(al, case_id, who=POLICE).journey.note == note
        assert get_return(al, case_id, who=CARE).journey.note == "Of care."


def test_a_consent_of_witness_protection_carries_nothing_elsewhere(world: World) -> None:
    """Nobody finds out by what is allowed that it is there, or whom it names."""
    al, case_id = world.al, world.case_id

    def judge(who: Principal) -> tuple[str, set[str]]:
        draft = world.draft(OF[who], legal_basis=CONSENT)
        decision = check_draft(al, draft, who=who).decision
        return decision.outcome, {reason.code for reason in decision.reasons}

    before = {who: judge(who) for who in OF}
    given = {name: value for name, value in CONSENT.items() if name != "kind"} | dict(ON_FILE)
    made = handle_record_consent(al, case_id, ConsentDraft.model_validate(given), who=PROTECTION)
    assert judge(PROTECTION) != before[PROTECTION]
    assert {who: judge(who) for who in (CARE, POLICE)} == {
        who: before[who] for who in (CARE, POLICE)
    }
    wish = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON, consents=(made.consent_id,))
    handle_withdraw(al, case_id, wish, who=PROTECTION)
    told = {who: world.count(EventKind.CONSENT_WITHDRAWN, who=who) for who in (*OF, STAFF)}
    assert told == {CARE: 0, POLICE: 0, PROTECTION: 1, STAFF: 1}


def test_a_note_that_was_read_of_one_channel_is_not_filed_in_another(world: World) -> None:
    """What a program reads and sends back under another channel carries nobody's words there."""
    al, case_id = world.al, world.case_id
    known = get_return(al, case_id, who=PROTECTION).journey
    secret = known.model_copy(update={"note": "Of the unit."})
    handle_record_return(al, case_id, secret, who=PROTECTION)
    read = get_return(al, case_id, who=STAFF).journey
    assert read.note == "Of the unit."
    handle_record_return(al, case_id, read, who=STAFF, channel=Channel.ASSISTANCE)
    assert get_return(al, case_id, who=CARE).journey.note is None
    assert get_return(al, case_id, who=PROTECTION).journey.note == "Of the unit."


def test_what_is_hidden_moves_no_version_that_somebody_sees(world: World) -> None:
    """The hidden tick and another channel's note: who does not see them can go on writing."""
    al, case_id = world.al, world.case_id
    tick = Circumstances(in_witness_protection=True)
    assert handle_set_circumstances(al, case_id, tick, who=PROTECTION, row_version=0).row_version
    assert get_circumstances(al, case_id, who=CARE).row_version == 0
    said = Circumstances(in_shelter=True)
    view = handle_set_circumstances(al, case_id, said, who=CARE, row_version=0)
    assert view.row_version == 1
    with pytest.raises(StaleError):
        handle_set_circumstances(al, case_id, said, who=PROTECTION, row_version=1)
    handle_set_circumstances(al, case_id, said, who=PROTECTION, row_version=2)
    assert get_circumstances(al, case_id, who=CARE).row_version == 1

    noted = ReturnJourney(note="Of the unit.")
    handle_record_return(al, case_id, noted, who=PROTECTION, row_version=0)
    assert get_return(al, case_id, who=CARE).row_version == 0
    assert world.count(EventKind.RETURN_CHANGED, who=CARE) == 0
    assessed = ReturnJourney(risk_assessed=True)
    assert handle_record_return(al, case_id, assessed, who=CARE, row_version=0).row_version == 1
    with pytest.raises(StaleError):
        handle_record_return(al, case_id, noted, who=PROTECTION, row_version=1)
    assert get_return(al, case_id, who=PROTECTION).row_version == 2
    assert world.count(EventKind.RETURN_CHANGED, who=PROTECTION) == 2


def _write(world: World, who: Principal, word: str) -> Sent:
    """Send free text on a consent that is put on file with it."""
    agree(world.network)  # desks of every channel
    basis = CONSENT | {"classes": ["protection"], "recipients": ["XK"], "explained_in": "sq"}
    if who is PROTECTION:
        basis |= {"explained_in": "en"}
    draft = world.draft(
        OF[who], type="general.message", legal_basis=basis, body={"text": word}, consent=ON_FILE
    )
    return handle_send(world.al, draft, who=who)


def _list_words(world: World, *, who: Principal) -> dict[Channel, str]:
    """Return what is told in each channel that somebody sees: that all was withdrawn, or a part."""
    words = {}
    for owed in list_deletions(world.al, who=who, case_id=world.case_id):
        message = get_message(world.al, owed.message_id, who=who).message
        assert isinstance(message, ConsentWithdrawn)
        words[message.channel] = message.body.scope.value
    return words


def test_a_withdrawal_in_witness_protection_is_told_and_seen_there_alone(world: World) -> None:
    """Neither the other desks nor the timeline, the list or the answer elsewhere say anything."""
    al, case_id = world.al, world.case_id
    for who in (CARE, PROTECTION):
        _write(world, who, f"Of {who.actor}.")
    world.network.settle()
    [hidden] = [
        each.consent_id
        for each in list_consents(al, case_id, who=PROTECTION)
        if each.content.explained_in == "en"
    ]
    wish = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON, consents=(hidden,))
    with pytest.raises(StaleError):
        handle_withdraw(al, case_id, wish, who=CARE)
    stopped = handle_withdraw(al, case_id, wish, who=PROTECTION)
    assert [each.channel for each in stopped.told] == [Channel.WITNESS_PROTECTION]
    for who in (CARE, STAFF):
        is_theirs = who is STAFF
        assert [view.withdrawal_id for view in list_withdrawals(al, case_id, who=who)] == (
            [stopped.withdrawal_id] if is_theirs else []
        )
        assert world.count(EventKind.WITHDRAWAL_RECORDED, who=who) == is_theirs
        assert _list_words(world, who=who) == (
            {Channel.WITNESS_PROTECTION: "part"} if is_theirs else {}
        )
    with pytest.raises(NotFoundError):
        get_withdrawal(al, case_id, stopped.withdrawal_id, who=CARE)
    with pytest.raises(NotFoundError):
        handle_tell_now(al, stopped.withdrawal_id, who=CARE)
    # What they withdraw is everything that they can know of: no "part" betrays another consent.
    rest = handle_withdraw(al, case_id, ALL, who=CARE)
    assert [each.channel for each in rest.told] == [Channel.ASSISTANCE]
    assert _list_words(world, who=CARE) == {Channel.ASSISTANCE: "all"}


def test_what_is_named_elsewhere_leaves_witness_protection_out(world: World) -> None:
    """All that police sees is 'all' there, and a part where another consent stands."""
    al, case_id = world.al, world.case_id
    sent = {who: _write(world, who, f"Of {who.actor}.") for who in (POLICE, PROTECTION)}
    named = tuple(each.consent_id for each in list_consents(al, case_id, who=POLICE))
    wish = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON, consents=named)
    stopped = handle_withdraw(al, case_id, wish, who=POLICE)
    assert stopped.taken_back == (sent[POLICE].message_id,)
    [view] = list_withdrawals(al, case_id, who=POLICE)
    assert view.said is not None
    assert (view.said.reach.is_all, view.said.reach.protected, view.said.draft.consents) == (
        True, None, (),
    )  # fmt: skip
    [whole] = list_withdrawals(al, case_id, who=STAFF)
    assert whole.said is not None
    assert not whole.said.reach.within(Channel.WITNESS_PROTECTION).is_all
    # Where only what is hidden stands, the answer is that of a case in which nothing does.
    answers = []
    for _ in range(2):
        with pytest.raises(StaleError) as refused:
            handle_withdraw(al, case_id, ALL, who=POLICE)
        answers.append(str(refused.value))
        if len(answers) == 1:
            handle_withdraw(al, case_id, ALL, who=PROTECTION)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("is_hidden_there", [False, True])
def test_what_left_on_claims_is_taken_back_whatever_is_hidden(
    world: World, *, is_hidden_there: bool
) -> None:
    """The wish is obeyed, the answer betrays nothing: messages from before consents were kept."""
    al, case_id = world.al, world.case_id
    sent = _write(world, CARE, "Of care.")
    al.transact(lambda session: session.connection().execute(delete(ConsentRow)))
    if is_hidden_there:
        _write(world, PROTECTION, "Of protection.")
    stopped = handle_withdraw(al, case_id, ALL, who=CARE)
    assert (stopped.taken_back, stopped.told) == ((sent.message_id,), ())
    assert len(list_withdrawals(al, case_id, who=CARE)) == 1
    assert world.count(EventKind.CONSENT_WITHDRAWN, who=CARE) == 0
    assert all(each.withdrawn_at for each in list_consents(al, case_id, who=PROTECTION))
    with pytest.raises(StaleError):
        handle_withdraw(al, case_id, ALL, who=CARE)
