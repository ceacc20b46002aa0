"""Return: only voluntary, safe, prepared. Each step has its gates.

Some messages are never held back here: those that find things out (risk assessment, family
tracing), the confirmation of an arrival, and everything outside ``return.*``. So a focal point who
learns that a person is being returned unprepared can always warn the other side.
"""

from typing import Final

from protocol.policy.approval import is_approved
from protocol.policy.decision import Check, Finding, Outcome, Rule
from protocol.policy.facts import Facts, ReturnFacts
from protocol.policy.gates import Gate, find_stated, stands, travels_unprepared

_ARRIVAL: Final = "return.arrival_confirmation"


def _find(is_missing: bool) -> Finding | None:  # noqa: FBT001 - the one thing it is asked
    return Finding() if is_missing else None


def _lacks_decision(facts: Facts) -> Finding | None:
    return _find(stands(Gate.DECISION, facts) and not facts.returning.decision_recorded)


def _is_not_voluntary(facts: Facts) -> Finding | None:
    return _find(
        stands(Gate.DECISION, facts)
        and facts.returning.decision_recorded
        and not facts.returning.is_voluntary
    )


def _lacks_risk_assessment(facts: Facts) -> Finding | None:
    return _find(stands(Gate.RISK, facts) and not facts.returning.risk_assessed)


def _lacks_foreign_checks(facts: Facts) -> Finding | None:
    return _find(stands(Gate.CHECKS, facts) and not facts.returning.foreign_checks_done)


def _lacks_reception(facts: Facts) -> Finding | None:
    return _find(stands(Gate.RECEPTION, facts) and not facts.returning.reception_confirmed)


def _lacks_notice(facts: Facts) -> Finding | None:
    return _find(stands(Gate.NOTICE, facts) and not facts.returning.notice_acknowledged)


def _lacks_best_interest(facts: Facts) -> Finding | None:
    return _find(
        stands(Gate.CHILD, facts)
        and facts.about_child
        and not facts.returning.best_interest_assessed
    )


def _lacks_guardian(facts: Facts) -> Finding | None:
    return _find(
        stands(Gate.CHILD, facts) and facts.about_child and not facts.case.guardian_appointed
    )


def _goes_to_family(facts: Facts) -> ReturnFacts | None:
    returning = facts.returning
    return returning if stands(Gate.FAMILY, facts) and returning.is_to_family else None


def _lacks_family_assessment(facts: Facts) -> Finding | None:
    returning = _goes_to_family(facts)
    return _find(returning is not None and not returning.family_assessed)


def _lacks_person_agreement(facts: Facts) -> Finding | None:
    returning = _goes_to_family(facts)
    return _find(returning is not None and not returning.person_agrees_to_family)


def _lacks_family_agreement(facts: Facts) -> Finding | None:
    returning = _goes_to_family(facts)
    return _find(returning is not None and not returning.family_agrees)


def _says_otherwise(facts: Facts) -> Finding | None:
    stated = () if facts.is_under_way else find_stated(facts)
    return Finding(stated) if stated else None


def _is_under_way_unprepared(facts: Facts) -> Finding | None:
    return _find(travels_unprepared(facts) and not is_approved(facts))


def _was_unannounced(facts: Facts) -> Finding | None:
    return _find(facts.message.type == _ARRIVAL and not facts.returning.notice_acknowledged)


#: Said with every refusal: a person on the road must not arrive unknown because of a rule.
_WARN: Final = (
    " If the person travels all the same, say so in the notice, and warn by a referral or a message"
    " at once."
)


def _refuse(code: str, check: Check, *, statement: str, sentence: str, remedy: str) -> Rule:
    return Rule(
        code=code,
        outcome=Outcome.REFUSE,
        check=check,
        statement=statement,
        sentence=sentence,
        remedy=remedy + _WARN,
    )


RULES: Final = (
    _refuse(
        "return.no_decision",
        _lacks_decision,
        statement="Before documents, reception, notice or travel the person's informed decision is"
        " recorded.",
        sentence="The person's informed decision to return is not recorded.",
        remedy="Record the decision, or do not prepare a return.",
    ),
    _refuse(
        "return.not_voluntary",
        _is_not_voluntary,
        statement="A return is voluntary.",
        sentence="The recorded decision is not a voluntary one.",
        remedy="Do not take part in a return against the person's will.",
    ),
    _refuse(
        "return.no_risk_assessment",
        _lacks_risk_assessment,
        statement="Before reception, notice or travel the risk assessment is done.",
        sentence="The risks of the return are not assessed.",
        remedy="Do the risk assessment, or ask the recipient for one.",
    ),
    _refuse(
        "return.no_foreign_checks",
        _lacks_foreign_checks,
        statement="Before notice or travel the six checks are done, if the person is a foreigner"
        " where the return begins.",
        sentence="The six checks before the return of a foreign person are not all done.",
        remedy="Do the checks that are missing, and record them.",
    ),
    _refuse(
        "return.no_reception",
        _lacks_reception,
        statement="Before notice or travel the recipient has confirmed the reception.",
        sentence="The recipient has not confirmed the reception.",
        remedy="Ask for reception on arrival, and wait until it is confirmed.",
    ),
    _refuse(
        "return.no_notice",
        _lacks_notice,
        statement="Before travel the recipient has acknowledged a prior notice.",
        sentence="The recipient has not acknowledged a prior notice of this return.",
        remedy="Send the return notification, and wait until it is accepted.",
    ),
    _refuse(
        "return.no_best_interest",
        _lacks_best_interest,
        statement="Before the return of a child its best interest is assessed.",
        sentence="The best interest of the child is not assessed.",
        remedy="Have the best-interest assessment done and recorded.",
    ),
    _refuse(
        "return.no_guardian",
        _lacks_guardian,
        statement="Before the return of a child a guardian is appointed.",
        sentence="The child has no guardian.",
        remedy="Have a guardian appointed, and record it.",
    ),
    _refuse(
        "return.no_family_assessment",
        _lacks_family_assessment,
        statement="A return to the family needs an assessment of the family.",
        sentence="The family to which the person returns is not assessed.",
        remedy="Ask the recipient for a check of the family, or plan another place.",
    ),
    _refuse(
        "return.person_against_family",
        _lacks_person_agreement,
        statement="A return to the family needs the agreement of the person.",
        sentence="The person's agreement to return to the family is not recorded.",
        remedy="Ask the person, and plan another place if the answer is no.",
    ),
    _refuse(
        "return.family_against",
        _lacks_family_agreement,
        statement="A return to the family needs the agreement of the family.",
        sentence="The family's agreement is not recorded.",
        remedy="Have the recipient ask the family, or plan another place.",
    ),
    _refuse(
        "return.stated_otherwise",
        _says_otherwise,
        statement="What the message itself says of the return meets every gate of its step.",
        sentence="The message itself says that the return is not prepared.",
        remedy="Prepare what is missing, and correct the message.",
    ),
    Rule(
        code="return.under_way",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_under_way_unprepared,
        statement="Where the person travels all the same, the gates hold nothing back: the other "
        "side is told, once a second person has seen it.",
        sentence="The person is on the way, and the return is not prepared.",
        remedy="Ask an approver at once, and meanwhile warn by a referral or a message.",
    ),
    Rule(
        code="return.unannounced",
        outcome=Outcome.ALLOW,
        check=_was_unannounced,
        statement="An arrival without an acknowledged prior notice is confirmed, and shown as a "
        "defect.",
        sentence="The person arrived without an acknowledged prior notice.",
        remedy="Nothing is needed to send. Monitoring shows this return as a defect.",
    ),
)
