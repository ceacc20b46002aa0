"""Consent: free, informed, written, on file, for what it was given for, and only until withdrawn.

A class of data is covered by a consent record that names the class, the phase and the recipient and
has no flaw. Records are judged one by one and never added up within one class, so a further
record can only help. A withdrawal reaches every older record of the same class, phase and
recipient, not only its own: somebody who says no is not asked which paper was meant. A consent
given at the moment of a withdrawal, or later, is a new one.
"""

from collections.abc import Callable, Iterable
from typing import Final

from protocol.identifiers import Channel
from protocol.messages.codes import GuardianSituation
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.policy.decision import Check, Finding, make_refusal
from protocol.policy.facts import IDENTIFYING, Basis, ConsentRecord, Facts

COVERED_BY_GROUND: Final = {
    ExceptionGround.VITAL_INTEREST: frozenset(
        {
            Sensitivity.HEALTH,
            Sensitivity.PROTECTION,
            Sensitivity.FAMILY,
            Sensitivity.INTELLIGENCE,
        }
    ),
    ExceptionGround.BEST_INTEREST_OF_THE_CHILD: frozenset(
        {
            Sensitivity.HEALTH,
            Sensitivity.PROTECTION,
            Sensitivity.FAMILY,
            Sensitivity.JUDICIAL,
        }
    ),
    ExceptionGround.OVERRIDING_PUBLIC_INTEREST: frozenset(
        {
            Sensitivity.PROTECTION,
            Sensitivity.JUDICIAL,
            Sensitivity.INTELLIGENCE,
        }
    ),
    ExceptionGround.DUTY_UNDER_LAW: frozenset(Sensitivity) - IDENTIFYING - {Sensitivity.NONE},
}
"""What each exception can carry. None carries what points at one person."""

AFTER_WITHDRAWAL: Final = frozenset(
    {
        ExceptionGround.VITAL_INTEREST,
        ExceptionGround.BEST_INTEREST_OF_THE_CHILD,
        ExceptionGround.DUTY_UNDER_LAW,
    }
)
"""Exceptions that stand although the person withdrew consent: danger, the child, the law."""

SENT_AFTER_WITHDRAWAL: Final = frozenset(
    {
        "general.consent_withdrawn",
        "general.erasure",
        "general.correction",
        "general.decision",
        "general.response",
        "general.case_closed",
    }
)
"""What ends a matter instead of going on with it, as long as it holds no personal data."""


Flaw = Callable[[ConsentRecord, Sensitivity, Facts], bool]


def find_flaws(record: ConsentRecord, mark: Sensitivity, facts: Facts) -> frozenset[str]:
    """Return the codes of the rules that the record breaks for this class.

    They are rules of this file and of ``children``. The record's scope is another question.
    """
    return frozenset(code for code, is_broken in _FLAWS.items() if is_broken(record, mark, facts))


def _is_withdrawn(record: ConsentRecord, mark: Sensitivity, facts: Facts) -> bool:
    """Its own withdrawal, or a later one of the same class, phase and recipient."""
    return record.withdrawn_at is not None or any(
        other.withdrawn_at is not None
        and other.withdrawn_at > record.given_at
        and mark in other.classes
        for other in _list_in_scope(facts)
    )


#: What is known of the giver that keeps a consent from counting. A guardian is appointed by an
#: authority that looked; a parent is just there.
_BARS_GIVER: Final = {
    ConsentGiver.PERSON: frozenset[TriState](),
    ConsentGiver.PARENT: frozenset({TriState.YES, TriState.UNKNOWN}),
    ConsentGiver.GUARDIAN: frozenset({TriState.YES}),
}

#: What a message may say of the guardian whose consent it rests on; ``None``: it does not speak
#: of it.
_HAS_GUARDIAN: Final = frozenset({None, GuardianSituation.APPOINTED})

_FLAWS: Final[dict[str, Flaw]] = {
    "consent.withdrawn": _is_withdrawn,
    "consent.not_free": lambda record, _, __: not record.is_free,
    "consent.not_informed": lambda record, _, __: not record.is_informed,
    "consent.no_language": lambda record, _, __: record.explained_in is None,
    "consent.not_written": lambda record, _, __: not record.is_written,
    "consent.not_on_file": lambda record, _, __: not record.is_on_file,
    "consent.given_later": lambda record, _, facts: record.given_at > facts.at,
    "consent.parent_of_an_adult": lambda record, _, facts: (
        not facts.about_child and record.given_by is ConsentGiver.PARENT
    ),
    "consent.giver_is_suspect": lambda record, _, __: (
        record.giver_is_suspect in _BARS_GIVER[record.given_by]
    ),
    "children.consent_by_child": lambda record, _, facts: (
        facts.about_child and record.given_by is ConsentGiver.PERSON
    ),
    "children.no_such_guardian": lambda record, _, facts: (
        facts.about_child
        and record.given_by is ConsentGiver.GUARDIAN
        and not (facts.case.guardian_appointed and facts.message.guardian in _HAS_GUARDIAN)
    ),
    "children.not_informed": lambda record, _, facts: (
        facts.about_child and not record.child_informed
    ),
}


def _list_in_scope(facts: Facts) -> Iterable[ConsentRecord]:
    message = facts.message
    return (c for c in facts.consents if c.is_for(message.phase, message.recipient))


def find_covering(facts: Facts, mark: Sensitivity) -> tuple[ConsentRecord, ...]:
    """Return the records that cover this class for this phase and recipient, without a flaw."""
    return tuple(
        record
        for record in _list_in_scope(facts)
        if mark in record.classes and not find_flaws(record, mark, facts)
    )


def is_covered_by_exception(facts: Facts, mark: Sensitivity) -> bool:
    """Whether the exception that the message claims can carry this class at all."""
    ground = facts.message.ground
    return (
        facts.message.basis is Basis.EXCEPTION
        and ground is not None
        and mark in COVERED_BY_GROUND[ground]
    )


def find_uncovered(facts: Facts) -> tuple[Sensitivity, ...]:
    """Return the classes that need consent here and have none, in the order of the class list.

    Under consent that is every class in the message. Under an exception it is what points at one
    person; the rest is a matter of ``exceptions.class_not_covered``.
    """
    return facts.work_out(_find_uncovered)


def _find_uncovered(facts: Facts) -> tuple[Sensitivity, ...]:
    basis = facts.message.basis
    if basis is Basis.NO_PERSONAL_DATA:
        return ()
    needed = facts.message.classes & (
        IDENTIFYING if basis is Basis.EXCEPTION else facts.message.classes
    )
    return tuple(m for m in Sensitivity if m in needed and not find_covering(facts, m))


def make_flaw_check(code: str) -> Check:
    """Make the check for one flaw: it fires where flawed consent is all there is for a class."""

    def check(facts: Facts) -> Finding | None:
        flawed = tuple(
            str(mark)
            for mark in find_uncovered(facts)
            if any(
                mark in record.classes and code in find_flaws(record, mark, facts)
                for record in _list_in_scope(facts)
            )
        )
        return Finding(flawed) if flawed else None

    return check


def _lacks_basis(facts: Facts) -> Finding | None:
    if facts.message.basis is Basis.NO_PERSONAL_DATA and facts.message.classes:
        return Finding(_name(facts.message.classes))
    return None


def _lacks_record(facts: Facts) -> Finding | None:
    uncovered = find_uncovered(facts)
    return Finding(_name(uncovered)) if uncovered and not facts.consents else None


def _claims_other_consent(facts: Facts) -> Finding | None:
    claim = facts.message.claim
    if claim is None or any(
        (claim.given_by, claim.given_at, claim.explained_in)
        == (record.given_by, record.given_at, record.explained_in)
        and claim.classes <= record.classes
        and claim.phases <= record.phases
        and claim.recipients <= record.recipients
        for record in facts.consents
    ):
        return None
    return Finding()


def _leaves_class_out(facts: Facts) -> Finding | None:
    missing = [
        mark for mark in find_uncovered(facts) if not any(mark in c.classes for c in facts.consents)
    ]
    return Finding(_name(missing)) if missing and facts.consents else None


def _leaves_phase_out(facts: Facts) -> Finding | None:
    missing = [
        mark
        for mark in find_uncovered(facts)
        if (named := [c for c in facts.consents if mark in c.classes])
        and not any(facts.message.phase in c.phases for c in named)
    ]
    return Finding((str(facts.message.phase),)) if missing else None


def _leaves_recipient_out(facts: Facts) -> Finding | None:
    missing = [
        mark
        for mark in find_uncovered(facts)
        if (named := [c for c in facts.consents if mark in c.classes])
        and not any(facts.message.recipient in c.recipients for c in named)
    ]
    return Finding((str(facts.message.recipient),)) if missing else None


def _is_split_over_records(facts: Facts) -> Finding | None:
    split = [
        mark
        for mark in find_uncovered(facts)
        if (named := [c for c in facts.consents if mark in c.classes])
        and any(facts.message.phase in c.phases for c in named)
        and any(facts.message.recipient in c.recipients for c in named)
        and not any(c.is_for(facts.message.phase, facts.message.recipient) for c in named)
    ]
    return Finding(_name(split)) if split else None


def has_standing_withdrawal(facts: Facts) -> bool:
    """Whether consent for this phase and recipient was withdrawn, and none is left or new."""
    in_scope = tuple(_list_in_scope(facts))
    return any(record.withdrawn_at is not None for record in in_scope) and all(
        find_flaws(record, mark, facts) for record in in_scope for mark in record.classes
    )


def _goes_on_after_withdrawal(facts: Facts) -> Finding | None:
    message = facts.message
    is_ending = message.type in SENT_AFTER_WITHDRAWAL and not message.classes
    if message.channel is Channel.TREND or is_ending:
        return None
    if not has_standing_withdrawal(facts):
        return None
    if message.basis is Basis.EXCEPTION and message.ground in AFTER_WITHDRAWAL:
        return None
    return Finding()


def _name(marks: Iterable[Sensitivity]) -> tuple[str, ...]:
    """Name classes in the order of the class list, whatever set they come from."""
    wanted = set(marks)
    return tuple(str(mark) for mark in Sensitivity if mark in wanted)


RULES: Final = (
    make_refusal(
        "basis.missing",
        _lacks_basis,
        statement="Personal data leaves only on a legal basis: consent, or a named exception.",
        sentence="The message holds personal data and claims no legal basis for it.",
        remedy="Record the consent that covers it, or leave these fields out.",
    ),
    make_refusal(
        "consent.missing",
        _lacks_record,
        statement="A message that claims consent rests on a consent that the sender holds.",
        sentence="No consent is recorded in this case.",
        remedy="Record the written consent, or leave these fields out.",
    ),
    make_refusal(
        "consent.not_as_recorded",
        _claims_other_consent,
        statement="What a message tells the recipient of a consent is what the record says.",
        sentence="The message describes a consent that is not on record like this.",
        remedy="Let the message name a recorded consent: who gave it, when, explained in which "
        "language, and no more than it covers.",
    ),
    make_refusal(
        "consent.class_not_covered",
        _leaves_class_out,
        statement="Consent covers the kinds of data that it names, and no others.",
        sentence="The consent does not cover every kind of data in this message.",
        remedy="Leave these fields out, or ask for consent to this kind of data.",
    ),
    make_refusal(
        "consent.phase_not_covered",
        _leaves_phase_out,
        statement="Consent covers the phases that it names, and no others.",
        sentence="The consent does not cover this phase.",
        remedy="Ask for consent to this phase, or send without these fields.",
    ),
    make_refusal(
        "consent.recipient_not_covered",
        _leaves_recipient_out,
        statement="Consent covers the recipients that it names, and no others.",
        sentence="The consent does not name this recipient.",
        remedy="Ask for consent to this recipient, or send without these fields.",
    ),
    make_refusal(
        "consent.split",
        _is_split_over_records,
        statement="One consent names kind of data, phase and recipient together; scopes are not "
        "added up.",
        sentence="No single consent covers this kind of data for this phase and this recipient.",
        remedy="Ask for one consent that names kind of data, phase and recipient together.",
    ),
    make_refusal(
        "consent.withdrawn",
        make_flaw_check("consent.withdrawn"),
        statement="Consent that was withdrawn carries nothing more.",
        sentence="The consent was withdrawn.",
        remedy="Send no more of it. Only a new consent, given after the withdrawal, changes this.",
    ),
    make_refusal(
        "consent.sending_stopped",
        _goes_on_after_withdrawal,
        statement="A withdrawal stops further sending at once. What is left: messages that end the"
        " matter (the withdrawal itself, a request to delete, a correction, a decision, a "
        "response, the closing of the case) and hold no personal data, and an exception for danger "
        "to life, for the child, or by law.",
        sentence="The person withdrew consent: nothing further is sent to this recipient.",
        remedy="Send the withdrawal and the request to delete. If there is danger to life, a child "
        "to protect, or a duty under law, use that exception; otherwise wait for a new consent.",
    ),
    make_refusal(
        "consent.not_free",
        make_flaw_check("consent.not_free"),
        statement="Consent is free.",
        sentence="It is not recorded that the consent was given freely.",
        remedy="Speak with the person without pressure, and record a consent given freely.",
    ),
    make_refusal(
        "consent.not_informed",
        make_flaw_check("consent.not_informed"),
        statement="Consent is informed.",
        sentence="It is not recorded that the person was informed before consenting.",
        remedy="Explain what is sent, to whom and why, and record the consent anew.",
    ),
    make_refusal(
        "consent.no_language",
        make_flaw_check("consent.no_language"),
        statement="The record says in which language consent was explained.",
        sentence="The record does not say in which language the consent was explained.",
        remedy="Record the language that the person understood it in.",
    ),
    make_refusal(
        "consent.not_written",
        make_flaw_check("consent.not_written"),
        statement="Consent is written.",
        sentence="The consent is not in writing.",
        remedy="Have the consent signed, and record that.",
    ),
    make_refusal(
        "consent.not_on_file",
        make_flaw_check("consent.not_on_file"),
        statement="Written consent is on file at the sender.",
        sentence="The signed consent is not on file.",
        remedy="File the signed paper or its copy in the case, and record that.",
    ),
    make_refusal(
        "consent.given_later",
        make_flaw_check("consent.given_later"),
        statement="Consent comes before sending.",
        sentence="The consent is dated later than this message.",
        remedy="Correct the date of the consent, or wait until it is given.",
    ),
    make_refusal(
        "consent.parent_of_an_adult",
        make_flaw_check("consent.parent_of_an_adult"),
        statement="An adult consents in person, or by an appointed guardian.",
        sentence="A parent consented for an adult.",
        remedy="Ask the person; if the person has an appointed guardian, ask the guardian.",
    ),
    make_refusal(
        "consent.giver_is_suspect",
        make_flaw_check("consent.giver_is_suspect"),
        statement="Nobody who is a suspect consents for another person. Of a parent it is "
        "recorded that they are none.",
        sentence="Whoever consented for the person is a suspect, or is a parent of whom nobody "
        "recorded that they are none.",
        remedy="Have a guardian appointed, and obtain the guardian's consent; or ask the police "
        "about the parent, and record the answer.",
    ),
)
