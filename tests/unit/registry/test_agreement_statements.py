"""Agreements: one form of the terms, and only what all parties state themselves counts."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contact_registry.agreed import (
    AgreementStanding,
    Shortcoming,
    compute_last_day,
    list_agreements,
)
from contact_registry.agreements import AgreementStatement, SensitivityClass
from contact_registry.directory import Directory
from contact_registry.errors import DocumentError, RegistryError
from contact_registry.models import ListedBy, parse_contacts
from contact_registry.terms import find_agreed_deadline, load_agreements, load_calendar
from protocol.deadlines import AgreedDeadline
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.messages.fields import Sensitivity
from protocol.notice import NoticeRule
from protocol.policy import agreements as policy
from tests.support.registry import AL, MK
from tests.support.registry_content import (
    dump_contacts,
    list_contacts,
    make_terms,
    make_view,
    state,
)

QQ = ParticipantCode("QQ")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "valid_to": None,
    "deadlines": [],
    "notice_rule": "sixty_days_from_next_month",
}


def view(
    statements: Mapping[ParticipantCode, list[AgreementStatement]],
    *,
    operators_hold: ParticipantCode | None = None,
) -> Directory:
    """Return a registry in which each Participant states these."""
    return make_view(*(
        list_contacts(
            code,
            listed_by=ListedBy.OPERATOR if code == operators_hold else ListedBy.PARTICIPANT,
            agreements=stated,
        )
        for code, stated in statements.items()
    ))  # fmt: skip


def only(directory: Directory) -> AgreementStanding:
    """Return the one standing that there is."""
    (standing,) = list_agreements(directory)
    return standing


def test_classes_are_those_of_messages() -> None:
    """The registry's own list of classes holds what messages know, and nothing else."""
    assert {c.value for c in SensitivityClass} == {c.value for c in Sensitivity} - {"none"}


def test_an_agreement_that_both_state_counts() -> None:
    """The policy is given the very terms, with what either side lists of its end."""
    terms = make_terms()
    notice = {"given_by": "MK", "received_on": date(2028, 11, 3)}
    directory = view({
        AL: [state(terms, notices=(notice,))],
        MK: [state(terms, terminated_on=date(2029, 6, 1))],
    })  # fmt: skip
    assert only(directory).counts
    (agreement,) = load_agreements(directory)
    assert agreement == policy.Agreement(
        instrument=terms.instrument,
        participants=frozenset({AL, MK}),
        phases=frozenset({Phase.IDENTIFICATION, Phase.RETURN}),
        classes=frozenset({Sensitivity.IDENTITY, Sensitivity.CONTACT}),
        valid_from=date(2026, 2, 1),
        valid_to=date(2030, 12, 31),
        terminated_on=date(2029, 6, 1),
        notice_rule=NoticeRule.SIX_MONTHS,
        notices=(policy.Notice(given_by=MK, received_on=date(2028, 11, 3)),),
    )
    assert compute_last_day(only(directory), MK) == date(2029, 5, 2)
    assert compute_last_day(only(directory), AL) == date(2029, 5, 31)


@pytest.mark.parametrize(
    ("theirs", "shortcoming"),
    [
        ([], Shortcoming.NOT_STATED),
        ([make_terms(instrument="Another memorandum")], Shortcoming.OTHER_TERMS),
        ([make_terms(sensitivity_classes=["identity"])], Shortcoming.OTHER_TERMS),
        ([make_terms(id="al-mk-2027")], Shortcoming.NOT_STATED),
    ],
    ids=["silent", "other-instrument", "fewer-classes", "other-name"],
)
def test_one_word_alone_does_not_count(theirs: list[Any], shortcoming: Shortcoming) -> None:
    """What one party states and the other does not, or otherwise, gives the policy nothing."""
    directory = view({AL: [state(make_terms())], MK: [state(terms) for terms in theirs]})
    standings = [s for s in list_agreements(directory) if AL in s.statements]
    assert [dict(standing.shortcomings) for standing in standings] == [{MK: shortcoming}]
    assert load_agreements(directory) == ()


def test_operators_cannot_agree_for_a_participant() -> None:
    """A statement under a key that the operators hold is shown and does not count."""
    directory = view({AL: [state(make_terms())], MK: [state(make_terms())]}, operators_hold=MK)
    assert dict(only(directory).shortcomings) == {MK: Shortcoming.LISTED_BY_OPERATOR}
    assert load_agreements(directory) == ()


def test_a_group_needs_every_word() -> None:
    """In a group one missing party stops it for all; a stranger's word changes nothing."""
    terms = make_terms(parties=["AL", "MK", "QQ"], deadlines=[])
    two = view({AL: [state(terms)], MK: [state(terms)]})
    assert dict(only(two).shortcomings) == {QQ: Shortcoming.NO_PARTICIPANT}
    three = view({code: [state(terms)] for code in (AL, MK, QQ)})
    assert only(three).counts
    pretended = make_terms(id=terms.id, parties=["QQ", "RS"], deadlines=[])
    beside = view({AL: [state(terms)], MK: [state(terms)], QQ: [state(terms)],
                   ParticipantCode("RS"): [state(pretended)]})  # fmt: skip
    assert [a.participants for a in load_agreements(beside)] == [frozenset({AL, MK, QQ})]


def test_notice_ends_it_for_its_giver_only() -> None:
    """In a group the others go on; the earliest day of receipt that anybody lists counts."""
    terms = make_terms(parties=["AL", "MK", "QQ"], **PLAIN)
    listed = [
        state(terms, notices=({"given_by": "QQ", "received_on": date(2026, 3, day)},))
        for day in (20, 10)
    ]
    directory = view({AL: [listed[0]], MK: [listed[1]], QQ: [state(terms)]})
    (agreement,) = load_agreements(directory)
    assert [n.received_on for n in agreement.notices] == [date(2026, 3, 10)]
    assert agreement.is_in_force(AL, QQ, on=date(2026, 5, 30))
    assert not agreement.is_in_force(AL, QQ, on=date(2026, 5, 31))
    assert agreement.is_in_force(AL, MK, on=date(2027, 1, 1))
    assert compute_last_day(only(directory), QQ) == date(2026, 5, 30)
    assert compute_last_day(only(directory), AL) is None


def change_terms(**changes: object) -> dict[str, Any]:
    """Return the full document with other terms."""
    document = dump_contacts()
    document["agreements"][0]["terms"] |= changes
    return document


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"parties": ["MK", "AL"]}, "Write parties once each and in their order"),
        ({"parties": ["AL", "AL", "MK"]}, "Write parties once"),
        ({"parties": ["AL"]}, "parties"),
        ({"parties": ["MK", "QQ"], "deadlines": []}, "agreements that it is a party of"),
        ({"phases": ["return", "identification"]}, "Write phases once"),
        ({"phases": []}, "phases"),
        ({"sensitivity_classes": ["contact", "identity"]}, "Write sensitivity_classes"),
        ({"sensitivity_classes": ["none"]}, "sensitivity_classes"),
        ({"deadlines": [{"between": ["AL", "QQ"]}]}, "between two of the parties"),
        ({"deadlines": [{"between": ["MK", "AL"]}]}, "between two of the parties"),
        ({"deadlines": [{}, {}]}, "one row of deadlines"),
        ({"deadlines": [{"between": ["AL", "MK"]}, {}]}, "Write deadlines once"),
        ({"deadlines": [{"working_days": 0}]}, "working_days"),
        ({"deadlines": [{"working_days": 261}]}, "working_days"),
        ({"deadlines": [{"urgent_minutes": 0}]}, "urgent_minutes"),
        ({"valid_to": "2026-01-31"}, "cannot end before it begins"),
        ({"id": "AL MK"}, "small letters"),
        ({"id": "a" * 81}, "small letters"),
        ({"instrument": ""}, "instrument"),
        ({"notice_rule": "never"}, "notice_rule"),
    ],
)
def test_terms_have_one_form(changes: dict[str, object], advice: str) -> None:
    """What could be written in two ways is refused in all but one, with what to do."""
    with pytest.raises(DocumentError, match=advice):
        parse_contacts(json.dumps(change_terms(**changes)).encode())


@pytest.mark.parametrize(
    "notices",
    [
        [{"given_by": "QQ", "received_on": "2026-03-01"}],
        [{"given_by": "MK", "received_on": "2026-03-01"}] * 2,
    ],
    ids=["stranger", "twice"],
)
def test_notices_that_cannot_be(notices: list[dict[str, str]]) -> None:
    """Notice is given by a party, once."""
    document = dump_contacts()
    document["agreements"][0]["notices"] = notices
    with pytest.raises(DocumentError):
        parse_contacts(json.dumps(document).encode())


def test_one_statement_for_each_agreement() -> None:
    """A Participant cannot state two wordings under one name."""
    document = dump_contacts()
    document["agreements"] *= 2
    with pytest.raises(DocumentError, match="listed once"):
        parse_contacts(json.dumps(document).encode())


def test_the_hash_is_of_the_terms_alone() -> None:
    """Both sides read the same hash, whatever each lists of the end; any other word changes it."""
    one, other = state(make_terms()), state(make_terms(), terminated_on=date(2029, 1, 1))
    assert one.terms.sha256 == other.terms.sha256
    assert make_terms(valid_to="2030-12-30").sha256 != one.terms.sha256


def test_agreed_deadlines() -> None:
    """The pair's own row replaces that for all, while the agreement is in force, in its phases."""
    terms = make_terms()
    directory = view({AL: [state(terms)], MK: [state(terms)]})

    def ask(
        phase: Phase = Phase.RETURN, at: datetime = AT, pair: tuple[str, str] = ("MK", "AL")
    ) -> AgreedDeadline | None:
        one, other = map(ParticipantCode, pair)
        return find_agreed_deadline(directory, pair=(one, other), phase=phase, at=at)

    assert ask() == AgreedDeadline(urgent=timedelta(hours=12))
    assert ask(Phase.PROCEEDINGS) is None
    assert ask(at=AT.replace(year=2031)) is None
    assert ask(pair=("AL", "QQ")) is None


def test_the_later_agreement_decides_deadlines() -> None:
    """Of two in force the one that began last counts, and one that only one states never does."""
    old = make_terms(id="old", deadlines=[{"working_days": 9}], valid_from="2025-01-01")
    new = make_terms(id="a-new", deadlines=[{"working_days": 2}])
    both = view({AL: [state(old), state(new)], MK: [state(old), state(new)]})
    half = view({AL: [state(old), state(new)], MK: [state(old)]})
    found = [
        find_agreed_deadline(directory, pair=(AL, MK), phase=Phase.RETURN, at=AT)
        for directory in (both, half)
    ]
    assert found == [AgreedDeadline(working_days=2), AgreedDeadline(working_days=9)]


def test_working_days_come_from_the_registry() -> None:
    """A desk's calendar has its zone and its Participant's days off; unlisted, the weekend only."""
    directory = make_view(list_contacts(AL, holidays=[date(2026, 3, 3)]), list_contacts(MK))
    calendar = load_calendar(directory, AuthorityId("AL-desk"))
    assert str(calendar.zone) == "Europe/Tirane"
    assert not calendar.is_working_day(date(2026, 3, 3))
    assert load_calendar(directory, AuthorityId("MK-desk")).is_working_day(date(2026, 3, 3))
    with pytest.raises(RegistryError, match="choose a desk"):
        load_calendar(directory, AuthorityId("AL-nobody"))
