"""The words and the table of the rules, what a decision rests on, and facts out of messages."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from node.domain.access import GRANTS
from protocol.errors import LocalProtocolError
from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.codes import GuardianSituation
from protocol.messages.fields import Sensitivity, TriState, find_classified
from protocol.messages.head import CaseMessage, ConsentBasis, ExceptionBasis, ExceptionGround
from protocol.messages.return_gates import ReturnGate
from protocol.notice import NoticeRule, compute_end
from protocol.policy.agreements import Agreement, Notice
from protocol.policy.channels import ABOUT_CARE, ABOUT_SUSPECTS, TREND_ALERT
from protocol.policy.competence import FOLLOWS_THE_DATA
from protocol.policy.consent import AFTER_WITHDRAWAL, COVERED_BY_GROUND, SENT_AFTER_WITHDRAWAL
from protocol.policy.deciding import RULES, decide, make_table
from protocol.policy.decision import Ground, GroundKind, Outcome
from protocol.policy.facts import IDENTIFYING, Role
from protocol.policy.gates import GATES
from protocol.policy.gathering import gather_message_facts
from protocol.policy.registry import FORMAL_ONLY
from tests.support.examples import as_parameters, list_good, read_as
from tests.support.policy_situations import apply_words, load_situations


def test_a_code_names_one_rule() -> None:
    """A second rule under a known code is a defect of ours, and is refused when it is made."""
    with pytest.raises(LocalProtocolError, match="a code of its own"):
        make_table(RULES[0], RULES[0])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_speaks_in_sentences(rule: Any) -> None:
    """Statement, sentence and remedy are whole sentences, and none stands for another."""
    texts = [rule.statement, rule.sentence, rule.remedy]
    assert all(text[0].isupper() and text.endswith(".") for text in texts)
    assert len(set(texts)) == len(texts)
    assert all("  " not in text for text in texts)


KNOWN_TYPES = {
    "competence": set(FOLLOWS_THE_DATA),
    "channels": {TREND_ALERT, *ABOUT_SUSPECTS, *ABOUT_CARE},
    "consent": set(SENT_AFTER_WITHDRAWAL),
    "registry": set(FORMAL_ONLY),
    "returning": set(GATES),
}


@pytest.mark.parametrize("types", KNOWN_TYPES.values(), ids=KNOWN_TYPES.keys())
def test_a_type_that_a_rule_names_is_in_the_catalogue(types: set[str]) -> None:
    """A slip in a tag would switch a rule off unseen."""
    assert types <= set(CATALOGUE)


def test_the_roles_are_those_of_a_node() -> None:
    """A role that policy knows and that carries nothing at a node, or the reverse, cannot be."""
    assert set(Role) == set(GRANTS)


def test_no_exception_reaches_an_identifier() -> None:
    """Every ground is in the table, and none carries a name or contact data."""
    assert set(COVERED_BY_GROUND) == set(ExceptionGround)
    assert all(not classes & IDENTIFYING for classes in COVERED_BY_GROUND.values())
    assert ExceptionGround.OVERRIDING_PUBLIC_INTEREST not in AFTER_WITHDRAWAL


@pytest.mark.parametrize(
    ("rule", "received_on", "end"),
    [
        (NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH, date(2026, 3, 10), date(2026, 5, 31)),
        (NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH, date(2026, 3, 1), date(2026, 5, 31)),
        (NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH, date(2026, 12, 31), date(2027, 3, 2)),
        (NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH, date(2027, 12, 5), date(2028, 3, 1)),
        (NoticeRule.SIX_MONTHS, date(2026, 3, 10), date(2026, 9, 10)),
        (NoticeRule.SIX_MONTHS, date(2026, 8, 31), date(2027, 2, 28)),
        (NoticeRule.SIX_MONTHS, date(2027, 8, 31), date(2028, 2, 29)),
        (NoticeRule.SIX_MONTHS, date(2026, 12, 31), date(2027, 6, 30)),
    ],
    ids=str,
)
def test_a_notice_ends_an_agreement_on_its_day(
    rule: NoticeRule, received_on: date, end: date
) -> None:
    """The end follows from the day of receipt alone, also over years' ends and leap days."""
    assert compute_end(rule, received_on=received_on) == end


def test_the_earliest_known_end_counts() -> None:
    """A notice is not outlived by a later date that the registry states, nor the reverse."""
    members = (ParticipantCode("ME"), ParticipantCode("RS"))
    agreement = Agreement(
        instrument="Memorandum",
        participants=frozenset(members),
        phases=frozenset(),
        classes=frozenset(),
        valid_from=date(2024, 1, 1),
        terminated_on=date(2026, 12, 1),
        notices=(Notice(given_by=members[0], received_on=date(2026, 3, 10)),),
    )
    earlier = replace(agreement, terminated_on=date(2026, 5, 1))
    assert agreement.is_in_force(*members, on=date(2026, 5, 30))
    assert not agreement.is_in_force(*members, on=date(2026, 5, 31))
    assert earlier.is_in_force(*members, on=date(2026, 4, 30))
    assert not earlier.is_in_force(*members, on=date(2026, 5, 1))


def test_a_renewed_instrument_is_in_force() -> None:
    """Where the registry keeps the ended memorandum beside its renewal, the renewal counts."""
    words = "formality = formal; instrument = Memorandum A; agreement until = 2026-01-31"
    ended = apply_words(load_situations()["referral of an adult, with the name"], words)
    (old,) = ended.registry.agreements
    new = replace(old, valid_from=date(2026, 2, 1), valid_to=None)
    renewed = replace(ended, registry=replace(ended.registry, agreements=(old, new)))
    assert decide(ended).outcome is Outcome.REFUSE
    assert decide(renewed).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("situation", "grounds"),
    [
        ("a notification without personal data", [Ground(GroundKind.NO_PERSONAL_DATA)]),
        ("referral of an adult, by code", [Ground(GroundKind.CONSENT, "consent 1")]),
        (
            "referral of an adult, with the name",
            [
                Ground(GroundKind.CONSENT, "consent 1"),
                Ground(GroundKind.AGREEMENT, "Memorandum A"),
            ],
        ),
        ("danger to life", [Ground(GroundKind.EXCEPTION, "vital_interest")]),
    ],
    ids=str,
)
def test_an_allowed_message_says_what_it_rests_on(situation: str, grounds: list[Ground]) -> None:
    """Consent record, agreement and exception are named, so that the case can record them."""
    assert list(decide(load_situations()[situation]).grounds) == grounds


def test_a_refused_message_rests_on_nothing() -> None:
    """Grounds are of what is sent: a refusal names none."""
    facts = apply_words(load_situations()["referral of an adult, by code"], "author = none")
    assert decide(facts).grounds == ()


def test_reasons_name_codes_and_never_contents() -> None:
    """Details are classes, phases, roles and codes; a justification is not quoted."""
    facts = apply_words(load_situations()["danger to life"], "data = judicial; approval = none")
    decision = decide(facts)
    assert [reason.details for reason in decision.reasons] == [("judicial",), ()]
    assert facts.exception is not None
    assert facts.exception.justification not in repr(decision)


EXCEPTION = {
    "kind": "exception",
    "ground": "vital_interest",
    "justification": "Threats.",
    "approved_by_post": "Head of the desk",
    "approved_at": "2026-03-04T10:00:00Z",
    "person_informed": "yes",
}
CASE_TYPES = [tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage)]


@pytest.mark.parametrize(("tag", "fields"), as_parameters(CASE_TYPES, list_good))
def test_facts_of_every_type_come_from_its_annotations(tag: str, fields: dict[str, Any]) -> None:
    """Whatever the type, classes, child, basis and parties are read without knowing it."""
    message = read_as(CATALOGUE[tag].model, fields)
    assert isinstance(message, CaseMessage)
    facts = gather_message_facts(message)
    marks = {mark for _, mark in find_classified(message.body)}
    marks |= {attachment.sensitivity for attachment in message.attachments}
    assert facts.type == tag
    assert facts.classes == marks - {Sensitivity.NONE}
    assert facts.treated_as_child is message.body.treated_as_child
    assert facts.basis == message.legal_basis.kind
    assert (facts.ground is None) is not isinstance(message.legal_basis, ExceptionBasis)
    assert (facts.claim is None) is not isinstance(message.legal_basis, ConsentBasis)
    assert (facts.sender, facts.to_authority) == (message.sender, message.to_authority)


def test_facts_reach_into_the_body() -> None:
    """A shelter code and a forwarding are found by their fields; attachments add their classes."""
    name, fields = list_good("identification.initial_referral")[0]
    fields["body"]["shelter_code"] = "Q7-X2"
    fields["legal_basis"] = EXCEPTION
    written = dict(list_good("general.message"))["with a file"]
    fields["attachments"] = [{**written["attachments"][0], "sensitivity": "judicial"}]
    referral = read_as(CATALOGUE["identification.initial_referral"].model, fields)
    assert isinstance(referral, CaseMessage), name
    facts = gather_message_facts(referral)
    assert facts.shelter_codes == {"Q7-X2"}
    assert facts.ground is ExceptionGround.VITAL_INTEREST
    assert {Sensitivity.JUDICIAL, Sensitivity.PROTECTION} <= facts.classes
    assert facts.forwarded_to is None


def test_a_forwarding_decision_says_whom_to() -> None:
    """Forwarding is onward disclosure: its target is a fact of the message."""
    _, fields = list_good("general.decision")[0]
    fields["body"] = {"outcome": "forwarded", "forwarded_to": "AL-reception"}
    decision = read_as(CATALOGUE["general.decision"].model, fields)
    assert isinstance(decision, CaseMessage)
    assert gather_message_facts(decision).forwarded_to == AuthorityId("AL-reception")


def test_a_return_states_its_own_gates() -> None:
    """What a notice says is missing, and that the person is under way, are facts of the message."""
    model = CATALOGUE["return.return_notification"].model
    read = {}
    for name, fields in list_good("return.return_notification"):
        message = read_as(model, fields)
        assert isinstance(message, CaseMessage)
        read[name] = gather_message_facts(message)
    ready = read["an adult's return with every gate met"]
    forced = read["a return against the person's will can be told"]
    assert (ready.unmet_gates, ready.is_under_way) == (frozenset(), False)
    assert ReturnGate.VOLUNTARY in forced.unmet_gates
    assert forced.is_under_way


SUSPECTED_FATHER = {
    "role": "recruiter",
    "tie": "parent",
    "family_name": "Invented",
    "description": "Took her across the border.",
}


@pytest.mark.parametrize(
    ("suspect", "is_told"),
    [
        pytest.param(SUSPECTED_FATHER, True, id="a named father"),
        pytest.param(SUSPECTED_FATHER | {"tie": "stranger"}, False, id="a named stranger"),
        pytest.param(SUSPECTED_FATHER | {"family_name": None}, False, id="a father without name"),
        pytest.param(
            SUSPECTED_FATHER | {"family_name": None, "reached_by": ["invented-telephone"]},
            True,
            id="a father's telephone",
        ),
    ],
)
def test_a_suspected_relative_is_a_fact(suspect: dict[str, Any], *, is_told: bool) -> None:
    """Who a suspected parent is tells who the person is; a stranger or a mere role does not."""
    _, fields = list_good("identification.trafficking_information")[0]
    part = fields["body"].get("question") or fields["body"]["information"]
    part["suspects"] = [{name: value for name, value in suspect.items() if value is not None}]
    fields["legal_basis"] = EXCEPTION | {"ground": "duty_under_law"}
    message = read_as(CATALOGUE["identification.trafficking_information"].model, fields)
    assert isinstance(message, CaseMessage)
    assert gather_message_facts(message).names_suspected_relative is is_told


def test_what_a_message_says_beside_its_fields_is_known() -> None:
    """A file under no class, the answer that travels, the guardian, and what is said of telling."""
    written = dict(list_good("general.message"))["with a file"]
    _, fields = list_good("identification.presumed_victim_notification")[0]
    fields["body"] |= {
        "age_group": "under_18",
        "possibly_under_18": "yes",
        "child": {"guardian": "not_yet_appointed", "child_informed": "no"},
    }
    fields |= {"urgency": "urgent", "legal_basis": EXCEPTION}
    fields["attachments"] = [{**written["attachments"][0], "sensitivity": "none"}]
    notice = read_as(CATALOGUE["identification.presumed_victim_notification"].model, fields)
    assert isinstance(notice, CaseMessage)
    facts = gather_message_facts(notice)
    assert facts.has_unclassed_file
    assert facts.guardian is GuardianSituation.NOT_YET_APPOINTED
    assert facts.claims_person_told is TriState.YES
    assert facts.answers is None
    _, fields = list_good("general.response")[0]
    response = read_as(CATALOGUE["general.response"].model, fields)
    assert isinstance(response, CaseMessage)
    facts = gather_message_facts(response)
    assert facts.answers == fields["body"]["answer"]["answers"]
    assert (facts.has_unclassed_file, facts.guardian, facts.claims_person_told) == (
        False,
        None,
        None,
    )


def test_what_a_second_person_can_settle_is_written_down_here() -> None:
    """Making a rule softer, or a warning, is a decision: this list has to be changed, too."""
    mild = {rule.code: rule.outcome for rule in RULES if rule.outcome is not Outcome.REFUSE}
    notes = {code for code, outcome in mild.items() if outcome is Outcome.ALLOW}
    assert notes == {"registry.stale", "return.unannounced"}
    assert set(mild) - notes == {
        "approval.clearance",
        "approval.other_content",
        "approval.own",
        "approval.role",
        "channels.last_resort",
        "children.onward_not_approved",
        "exceptions.second_person",
        "files.no_class",
        "names.suspected_relative",
        "registry.unconfirmed_desk",
        "return.under_way",
        "shelters.contact_beside_shelter",
    }
