"""Names and every other identifier: under an agreement *and* with written consent, or not at all.

"Otherwise the code alone": the guidance knows no third way, so no exception carries a name either.
"""

from collections.abc import Callable
from typing import Final

from protocol.messages.fields import Sensitivity
from protocol.policy.agreements import Agreement
from protocol.policy.approval import is_approved, tells_relative
from protocol.policy.consent import find_covering
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import IDENTIFYING, Basis, Facts

Step = Callable[[Agreement, Sensitivity, Facts], bool]


def _is_between(agreement: Agreement, _: Sensitivity, facts: Facts) -> bool:
    return agreement.is_between(facts.message.sender, facts.message.recipient)


def _is_in_force(agreement: Agreement, _: Sensitivity, facts: Facts) -> bool:
    message = facts.message
    return agreement.is_in_force(message.sender, message.recipient, on=facts.at.date())


def _covers_phase(agreement: Agreement, _: Sensitivity, facts: Facts) -> bool:
    return facts.message.phase in agreement.phases


def _covers_class(agreement: Agreement, mark: Sensitivity, _: Facts) -> bool:
    return mark in agreement.classes


_STEPS: Final[tuple[Step, ...]] = (_is_between, _is_in_force, _covers_phase, _covers_class)


def _count_steps(agreement: Agreement, mark: Sensitivity, facts: Facts) -> int:
    """How many steps an agreement passes before it fails one."""
    for passed, step in enumerate(_STEPS):
        if not step(agreement, mark, facts):
            return passed
    return len(_STEPS)


def find_agreements(facts: Facts, mark: Sensitivity) -> tuple[Agreement, ...]:
    """Return the agreements that allow this class between these two, in this phase, today."""
    return tuple(
        agreement
        for agreement in facts.registry.agreements
        if _count_steps(agreement, mark, facts) == len(_STEPS)
    )


def _list_identifying(facts: Facts) -> tuple[Sensitivity, ...]:
    """Return the identifying classes in the message, in the order of the class list."""
    found = facts.message.classes & IDENTIFYING
    return tuple(mark for mark in Sensitivity if mark in found) if found else ()


def _find_failing(facts: Facts, step: Step) -> tuple[str, ...]:
    """Name the identifying classes for which the best agreement fails at this step."""
    index = _STEPS.index(step)
    return tuple(
        str(mark)
        for mark in _list_identifying(facts)
        if index
        == max(
            (_count_steps(agreement, mark, facts) for agreement in facts.registry.agreements),
            default=0,
        )
    )


def _finding(details: tuple[str, ...]) -> Finding | None:
    return Finding(details) if details else None


def _lack_agreement(facts: Facts) -> Finding | None:
    return _finding(_find_failing(facts, _is_between))


def _have_no_agreement_in_force(facts: Facts) -> Finding | None:
    return _finding(_find_failing(facts, _is_in_force))


def _are_outside_phases(facts: Facts) -> Finding | None:
    return _finding(_find_failing(facts, _covers_phase))


def _are_outside_classes(facts: Facts) -> Finding | None:
    return _finding(_find_failing(facts, _covers_class))


def _lack_consent(facts: Facts) -> Finding | None:
    return _finding(
        tuple(str(mark) for mark in _list_identifying(facts) if not find_covering(facts, mark))
    )


def _rest_on_exception(facts: Facts) -> Finding | None:
    if facts.message.basis is not Basis.EXCEPTION:
        return None
    return _finding(
        tuple(
            str(mark)
            for mark in _list_identifying(facts)
            if not (find_covering(facts, mark) and find_agreements(facts, mark))
        )
    )


def _tell_by_relative(facts: Facts) -> Finding | None:
    return Finding() if tells_relative(facts) and not is_approved(facts) else None


RULES: Final = (
    Rule(
        code="names.no_agreement",
        outcome=Outcome.REFUSE,
        check=_lack_agreement,
        statement="A name or other identifier leaves only under an agreement of both Participants.",
        sentence="The two Participants have no agreement that allows a name or other identifier.",
        remedy="Send the case reference alone, without these fields.",
    ),
    Rule(
        code="names.agreement_not_in_force",
        outcome=Outcome.REFUSE,
        check=_have_no_agreement_in_force,
        statement="An agreement counts from its first day until its term or a notice has ended it.",
        sentence="The agreement on names is not in force today.",
        remedy="Send the case reference alone. A new agreement has to be in the registry first.",
    ),
    Rule(
        code="names.phase_not_agreed",
        outcome=Outcome.REFUSE,
        check=_are_outside_phases,
        statement="An agreement allows names in the phases that it lists.",
        sentence="The agreement does not cover this phase.",
        remedy="Send the case reference alone in this phase.",
    ),
    Rule(
        code="names.class_not_agreed",
        outcome=Outcome.REFUSE,
        check=_are_outside_classes,
        statement="An agreement allows the kinds of data that it lists: a name is one, a contact "
        "another.",
        sentence="The agreement does not cover this kind of identifier.",
        remedy="Leave out the fields of this kind.",
    ),
    Rule(
        code="names.no_written_consent",
        outcome=Outcome.REFUSE,
        check=_lack_consent,
        statement="A name or other identifier leaves only with written consent, besides the "
        "agreement.",
        sentence="There is no valid written consent to a name or other identifier.",
        remedy="Send the case reference alone, or obtain written consent that names this kind of "
        "data, this phase and this recipient.",
    ),
    Rule(
        code="names.never_by_exception",
        outcome=Outcome.REFUSE,
        check=_rest_on_exception,
        statement="No exception replaces agreement and consent for a name: the code goes alone.",
        sentence="An exception cannot carry a name or other identifier.",
        remedy="Send what is needed under the case reference, without these fields: the recipient "
        "can act on it and ask.",
    ),
    Rule(
        code="names.suspected_relative",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_tell_by_relative,
        statement="Who a suspected relative or partner is tells who the person is. Where the "
        "person's own identity does not go along, a second person approves.",
        sentence="A suspected relative or partner is named, and by that the person can be known.",
        remedy="Leave name, birth date and contact of the relative out, or ask an approver whether "
        "the police on the other side cannot do without.",
    ),
)
