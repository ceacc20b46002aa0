"""Exceptions to consent: vital interest, best interest of the child, public interest, duty by law.

Each needs a written justification and a second person, and the person is told. None of them
carries a name or other identifier (see ``names``).
"""

from typing import Final

from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ExceptionGround
from protocol.policy.approval import is_approved, rests_on_exception
from protocol.policy.consent import find_covering, is_covered_by_exception
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import IDENTIFYING, Facts


def _lack_record(facts: Facts) -> Finding | None:
    if not rests_on_exception(facts):
        return None
    if facts.exception is None or facts.exception.ground is not facts.message.ground:
        return Finding((str(facts.message.ground),))
    return None


def _lack_justification(facts: Facts) -> Finding | None:
    if rests_on_exception(facts) and facts.exception and not facts.exception.justification.strip():
        return Finding()
    return None


def _are_for_children_only(facts: Facts) -> Finding | None:
    if (
        rests_on_exception(facts)
        and facts.message.ground is ExceptionGround.BEST_INTEREST_OF_THE_CHILD
        and not facts.about_child
    ):
        return Finding()
    return None


def _do_not_reach(facts: Facts) -> Finding | None:
    if not rests_on_exception(facts):
        return None
    beyond = tuple(
        str(mark)
        for mark in Sensitivity
        if mark in facts.message.classes - IDENTIFYING
        and not is_covered_by_exception(facts, mark)
        and not find_covering(facts, mark)
    )
    return Finding(beyond) if beyond else None


def _leave_person_untold(facts: Facts) -> Finding | None:
    record = facts.exception
    if (
        rests_on_exception(facts)
        and record is not None
        and record.person_told is not TriState.YES
        and not record.reason_not_told.strip()
    ):
        return Finding()
    return None


def _tell_otherwise(facts: Facts) -> Finding | None:
    record, claimed = facts.exception, facts.message.claims_person_told
    if record is None or claimed in {None, record.person_told}:
        return None
    return Finding()


def _lack_second_person(facts: Facts) -> Finding | None:
    return Finding() if rests_on_exception(facts) and not is_approved(facts) else None


RULES: Final = (
    Rule(
        code="exceptions.no_record",
        outcome=Outcome.REFUSE,
        check=_lack_record,
        statement="An exception that a message claims is recorded in the case, with the same "
        "ground.",
        sentence="The case holds no record of the exception that the message claims.",
        remedy="Record the exception with this ground and its justification.",
    ),
    Rule(
        code="exceptions.no_justification",
        outcome=Outcome.REFUSE,
        check=_lack_justification,
        statement="An exception is justified in writing.",
        sentence="The exception has no written justification.",
        remedy="Write down why this cannot wait for consent.",
    ),
    Rule(
        code="exceptions.children_only",
        outcome=Outcome.REFUSE,
        check=_are_for_children_only,
        statement="The best interest of the child is a ground for children only.",
        sentence="The best interest of the child is claimed for an adult.",
        remedy="Choose another ground, or ask the person for consent.",
    ),
    Rule(
        code="exceptions.class_not_covered",
        outcome=Outcome.REFUSE,
        check=_do_not_reach,
        statement="An exception carries the kinds of data that its ground calls for, and no "
        "others. Danger to life: health, protection, family, intelligence. Best interest of the "
        "child: health, protection, family, judicial. Overriding public interest: protection, "
        "judicial, intelligence. Duty under law: every kind but identifiers. What a valid consent "
        "covers may go beside it.",
        sentence="This exception does not carry every kind of data in the message.",
        remedy="Leave these fields out, or obtain consent to them.",
    ),
    Rule(
        code="exceptions.person_not_told",
        outcome=Outcome.REFUSE,
        check=_leave_person_untold,
        statement="The person is told, or the reason why not is written down.",
        sentence="It is not recorded that the person was told, nor why not.",
        remedy="Tell the person what is sent and why, or write down why that cannot be done now.",
    ),
    Rule(
        code="exceptions.not_as_recorded",
        outcome=Outcome.REFUSE,
        check=_tell_otherwise,
        statement="What a message tells the recipient of an exception is what the record says: "
        "nobody must think that the person knows who was never told.",
        sentence="The message says otherwise than the record whether the person was told.",
        remedy="Let the message say what is recorded.",
    ),
    Rule(
        code="exceptions.second_person",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_lack_second_person,
        statement="An exception needs a second person's approval.",
        sentence="An exception is used, and no second person has approved it.",
        remedy="Ask an approver to read the message and the justification.",
    ),
)
