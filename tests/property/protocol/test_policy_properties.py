"""What holds of every decision, whatever the facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase
from protocol.messages.codes import Formality, GuardianSituation, Kind, Urgency
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.messages.return_gates import ReturnGate
from protocol.notice import NoticeRule
from protocol.policy.agreements import Agreement, Notice
from protocol.policy.deciding import RULES, decide
from protocol.policy.decision import Outcome
from protocol.policy.facts import (
    IDENTIFYING,
    Approval,
    AuthorityListing,
    Basis,
    CaseFacts,
    Competence,
    ConsentClaim,
    ConsentRecord,
    ExceptionRecord,
    Facts,
    MessageFacts,
    OnwardFacts,
    Person,
    RegistryFacts,
    ReturnFacts,
    Role,
    Staleness,
)
from protocol.policy.gates import GATES
from tests.support.policy_situations import load_cases

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PARTICIPANTS = [ParticipantCode(code) for code in ("AL", "ME", "RS")]
TYPES = sorted(
    {case.facts.message.type for case in load_cases()}
    | set(GATES)
    | {"first_assistance.needs_assessment", "proceedings.asset_tracing"}
)

booleans = st.booleans()
days = st.integers(-400, 400).map(lambda n: (NOON + timedelta(days=n)).date())
moments = st.integers(-5, 3).map(lambda n: NOON + timedelta(days=n))
classes = st.frozensets(st.sampled_from(list(set(Sensitivity) - {Sensitivity.NONE})), max_size=4)
phases = st.frozensets(st.sampled_from(Phase))
participants = st.sampled_from(PARTICIPANTS)
authorities = st.builds(
    lambda code, desk: AuthorityId(f"{code}-{desk}"),
    participants,
    st.sampled_from(["desk", "other"]),
)
people = st.builds(
    Person,
    name=st.sampled_from(["one", "two"]),
    roles=st.frozensets(st.sampled_from(Role)),
    channels=st.frozensets(st.sampled_from(Channel)),
)
listings = st.builds(
    AuthorityListing,
    authority=authorities,
    is_valid=booleans,
    is_confirmed=booleans,
    is_last_resort=booleans,
    competences=st.frozensets(
        st.builds(Competence, phase=st.sampled_from(Phase), channel=st.sampled_from(Channel)),
        max_size=3,
    ),
)
agreements = st.builds(
    Agreement,
    instrument=st.sampled_from(["A", "B"]),
    participants=st.frozensets(participants, min_size=2),
    phases=phases,
    classes=classes,
    valid_from=days,
    valid_to=st.none() | days,
    terminated_on=st.none() | days,
    notice_rule=st.sampled_from(NoticeRule),
    notices=st.lists(st.builds(Notice, given_by=participants, received_on=days), max_size=1).map(
        tuple
    ),
)
consents = st.builds(
    ConsentRecord,
    reference=st.sampled_from(["1", "2"]),
    given_by=st.sampled_from(ConsentGiver),
    given_at=moments,
    classes=classes,
    phases=phases,
    recipients=st.frozensets(participants),
    explained_in=st.none() | st.just("sq"),
    is_free=booleans,
    is_informed=booleans,
    is_written=booleans,
    is_on_file=booleans,
    giver_is_suspect=st.sampled_from(TriState),
    child_informed=booleans,
    withdrawn_at=st.none() | moments,
)


claims = st.builds(
    ConsentClaim,
    given_by=st.sampled_from(ConsentGiver),
    given_at=moments,
    explained_in=st.just("sq"),
    classes=classes,
    phases=phases,
    recipients=st.frozensets(participants),
)


@st.composite
def made_messages(draw: st.DrawFn) -> MessageFacts:
    """Make a message whose basis and ground fit each other."""
    basis = draw(st.sampled_from(Basis))
    ground = draw(st.sampled_from(ExceptionGround)) if basis is Basis.EXCEPTION else None
    built = st.builds(
        MessageFacts,
        type=st.sampled_from(TYPES),
        kind=st.sampled_from(Kind),
        phase=st.sampled_from(Phase),
        channel=st.sampled_from(Channel),
        sender=participants,
        recipient=participants,
        from_authority=authorities,
        to_authority=authorities,
        formality=st.sampled_from(Formality),
        instrument=st.none() | st.sampled_from(["A", "B", " "]),
        urgency=st.sampled_from(Urgency),
        classes=classes,
        treated_as_child=booleans,
        basis=st.just(basis),
        ground=st.just(ground),
        claim=st.none() if basis is not Basis.CONSENT else st.none() | claims,
        claims_person_told=st.none() if ground is None else st.sampled_from(TriState),
        answers=st.none() | st.sampled_from(TYPES),
        guardian=st.none() | st.sampled_from(GuardianSituation),
        has_unclassed_file=booleans,
        names_suspected_relative=booleans,
        shelter_codes=st.frozensets(st.sampled_from(["Q7", "R4"]), max_size=1),
        forwarded_to=st.none() | authorities,
        unmet_gates=st.frozensets(st.sampled_from(ReturnGate), max_size=1),
        is_under_way=booleans,
    )
    return draw(built)


made_facts = st.builds(
    Facts,
    message=made_messages(),
    author=people,
    at=st.just(NOON),
    registry=st.builds(
        RegistryFacts,
        staleness=st.sampled_from(Staleness),
        sender=st.none() | listings,
        recipient=st.none() | listings,
        agreements=st.lists(agreements, max_size=2).map(tuple),
    ),
    case=st.builds(
        CaseFacts,
        asked_by=st.none() | authorities,
        replies_in=st.none() | st.sampled_from(Channel),
    ),
    consents=st.lists(consents, max_size=3).map(tuple),
    exception=st.none()
    | st.builds(
        ExceptionRecord,
        ground=st.sampled_from(ExceptionGround),
        justification=st.sampled_from(["", " ", "Threats"]),
        person_told=st.sampled_from(TriState),
        reason_not_told=st.sampled_from(["", "Cannot be reached"]),
    ),
    approval=st.none() | st.builds(Approval, by=people, is_of_this_content=booleans),
    returning=st.builds(ReturnFacts),
    onward=st.none()
    | st.builds(OnwardFacts, classes=classes, source_channel=st.sampled_from(Channel)),
)

#: Facts made freely are refused nearly always; the cases of the table bring the allowed ones.
facts_of_cases = st.sampled_from([case.facts for case in load_cases()])
all_facts = facts_of_cases | made_facts


@given(all_facts)
def test_a_decision_is_total_and_always_the_same(facts: Facts) -> None:
    """Whatever the facts, there is one answer, and asking again gives it again."""
    decision = decide(facts)
    assert decision.outcome in set(Outcome)
    assert decide(facts) == decision


@given(all_facts)
def test_a_refusal_is_never_hidden(facts: Facts) -> None:
    """Every finding is a reason in the order of the table, and the severest one prevails."""
    decision = decide(facts)
    found = [rule.code for rule in RULES if rule.check(facts) is not None]
    assert [reason.code for reason in decision.reasons] == found
    severities = [reason.outcome.severity for reason in decision.reasons]
    assert decision.outcome.severity == max(severities, default=0)
    assert all(reason.sentence and reason.remedy for reason in decision.reasons)


@given(all_facts, consents, st.integers(0, 3))
def test_a_further_consent_never_makes_it_worse(
    facts: Facts, consent: ConsentRecord, place: int
) -> None:
    """Adding a consent that is not withdrawn, wherever it stands, never lowers the answer."""
    added = replace(consent, withdrawn_at=None)
    more = replace(facts, consents=(*facts.consents[:place], added, *facts.consents[place:]))
    assert decide(more).outcome.severity <= decide(facts).outcome.severity


@given(all_facts, consents.filter(lambda c: bool(c.classes)), moments, st.integers(0, 3))
def test_withdrawing_never_makes_it_better(
    facts: Facts, consent: ConsentRecord, at: datetime, place: int
) -> None:
    """Withdrawing a consent, whichever it is, never raises the answer."""
    held = (*facts.consents, consent)
    index = place % len(held)
    withdrawn = replace(held[index], withdrawn_at=max(at, held[index].withdrawn_at or at))
    before = replace(facts, consents=held)
    after = replace(facts, consents=(*held[:index], withdrawn, *held[index + 1 :]))
    assert decide(after).outcome.severity >= decide(before).outcome.severity


@given(all_facts, agreements)
def test_a_further_agreement_never_makes_it_worse(facts: Facts, agreement: Agreement) -> None:
    """For a message that is not sent under an instrument, one more agreement only helps."""
    message = replace(facts.message, formality=Formality.INFORMAL, instrument=None)
    before = replace(facts, message=message)
    registry = replace(facts.registry, agreements=(*facts.registry.agreements, agreement))
    assert (
        decide(replace(before, registry=registry)).outcome.severity
        <= decide(before).outcome.severity
    )


@given(all_facts, people, booleans)
def test_an_approval_never_lifts_a_refusal(facts: Facts, by: Person, same: bool) -> None:
    """A second person settles what needs one; no approval turns a refusal into anything else."""
    unapproved = decide(replace(facts, approval=None))
    approved = decide(replace(facts, approval=Approval(by=by, is_of_this_content=same)))
    assert (approved.outcome is Outcome.REFUSE) == (unapproved.outcome is Outcome.REFUSE)


@given(all_facts)
def test_an_identifier_never_leaves_without_agreement_and_consent(facts: Facts) -> None:
    """Whatever else is true, a name that may be sent has both an agreement and a consent."""
    decision = decide(facts)
    if decision.outcome is Outcome.REFUSE or not facts.message.classes & IDENTIFYING:
        return
    today = facts.at.date()
    sender, recipient = facts.message.sender, facts.message.recipient
    for mark in facts.message.classes & IDENTIFYING:
        assert any(
            mark in agreement.classes
            and facts.message.phase in agreement.phases
            and agreement.is_in_force(sender, recipient, on=today)
            for agreement in facts.registry.agreements
        )
        assert any(
            mark in consent.classes
            and recipient in consent.recipients
            and facts.message.phase in consent.phases
            and consent.is_written
            and consent.is_on_file
            and consent.withdrawn_at is None
            for consent in facts.consents
        )
