"""What the registry says of the two authorities, of its own age, and of the instrument."""

from typing import Final

from protocol.messages.codes import Formality
from protocol.policy.approval import is_approved, tells_unconfirmed_desk
from protocol.policy.competence import find_for_group, find_for_phase, is_bound_elsewhere
from protocol.policy.decision import Finding, Outcome, Rule, make_refusal
from protocol.policy.facts import Facts, Staleness

FORMAL_ONLY: Final = frozenset(
    {"identification.joint_investigation", "identification.evidence_request"}
)
"""Types that the guidance describes as made under an instrument."""


def _has_no_sender(facts: Facts) -> Finding | None:
    sender = facts.registry.sender
    if sender is None or sender.authority != facts.message.from_authority or not sender.is_valid:
        return Finding()
    return None


def _has_no_recipient(facts: Facts) -> Finding | None:
    recipient = facts.registry.recipient
    if recipient is None or recipient.authority != facts.message.to_authority:
        return Finding()
    return None


def _has_ended_recipient(facts: Facts) -> Finding | None:
    recipient = facts.registry.recipient
    return Finding() if recipient is not None and not recipient.is_valid else None


def _has_incompetent_sender(facts: Facts) -> Finding | None:
    sender = facts.registry.sender
    if sender is not None and not is_bound_elsewhere(facts) and not find_for_phase(sender, facts):
        return Finding((str(facts.message.phase),))
    return None


def _has_incompetent_recipient(facts: Facts) -> Finding | None:
    recipient = facts.registry.recipient
    if (
        recipient is not None
        and not is_bound_elsewhere(facts)
        and not find_for_phase(recipient, facts)
    ):
        return Finding((str(facts.message.phase),))
    return None


def _has_recipient_of_other_group(facts: Facts) -> Finding | None:
    recipient = facts.registry.recipient
    if recipient is None or is_bound_elsewhere(facts) or not find_for_phase(recipient, facts):
        return None
    if find_for_group(recipient, facts):
        return None
    return Finding((str(facts.person_group),))


def _is_too_old(facts: Facts) -> Finding | None:
    if facts.registry.staleness is Staleness.TOO_OLD and facts.message.classes:
        return Finding()
    return None


def _is_stale(facts: Facts) -> Finding | None:
    is_warned = facts.registry.staleness is Staleness.STALE or (
        facts.registry.staleness is Staleness.TOO_OLD and not facts.message.classes
    )
    return Finding() if is_warned else None


def _is_unconfirmed(facts: Facts) -> Finding | None:
    return Finding() if tells_unconfirmed_desk(facts) and not is_approved(facts) else None


def _is_without_instrument(facts: Facts) -> Finding | None:
    message = facts.message
    has_one = bool((message.instrument or "").strip())
    return None if has_one == (message.formality is Formality.FORMAL) else Finding()


def _is_informal(facts: Facts) -> Finding | None:
    message = facts.message
    if message.type in FORMAL_ONLY and message.formality is Formality.INFORMAL:
        return Finding()
    return None


def _names_ended_instrument(facts: Facts) -> Finding | None:
    message = facts.message
    named = [
        agreement
        for agreement in facts.registry.agreements
        if agreement.instrument == message.instrument
        and agreement.is_between(message.sender, message.recipient)
    ]
    if message.formality is not Formality.FORMAL or not named:
        return None
    today = facts.at.date()
    if any(a.is_in_force(message.sender, message.recipient, on=today) for a in named):
        return None
    return Finding()


RULES: Final = (
    make_refusal(
        "registry.sender_not_listed",
        _has_no_sender,
        statement="The sender writes as an authority that the registry lists today.",
        sentence="Your authority is not listed in the registry today.",
        remedy="Send as an authority that is listed, or have the entry renewed.",
    ),
    make_refusal(
        "registry.recipient_not_listed",
        _has_no_recipient,
        statement="The recipient is an authority of the registry.",
        sentence="The recipient's authority is not in the registry.",
        remedy="Choose an authority from the registry.",
    ),
    make_refusal(
        "registry.recipient_not_valid",
        _has_ended_recipient,
        statement="The recipient's entry holds today.",
        sentence="The recipient's entry in the registry does not hold today.",
        remedy="Choose the authority that took over, or ask the recipient's Participant.",
    ),
    make_refusal(
        "registry.sender_not_competent",
        _has_incompetent_sender,
        statement="The sender's authority is competent for the phase.",
        sentence="Your authority is not listed as competent for this phase.",
        remedy="Hand the message to your authority for this phase.",
    ),
    make_refusal(
        "registry.recipient_not_competent",
        _has_incompetent_recipient,
        statement="The recipient's authority is competent for the phase. An answer goes back to "
        "who asked, a withdrawal, erasure or correction to whoever has the data.",
        sentence="The recipient's authority is not listed as competent for this phase.",
        remedy="Choose the authority that the registry names for this phase.",
    ),
    make_refusal(
        "registry.person_group",
        _has_recipient_of_other_group,
        statement="The recipient's authority is competent for children, or for adults, as the "
        "person is.",
        sentence="The recipient's authority is not listed for this group of persons.",
        remedy="Choose an authority that is listed for children, or for adults, as the case is.",
    ),
    make_refusal(
        "registry.too_old",
        _is_too_old,
        statement="A registry that could not be refreshed for too long carries no personal data.",
        sentence="The registry has not been refreshed for so long that no personal data is sent.",
        remedy="Restore the connection and refresh the registry, or send without personal data.",
    ),
    Rule(
        code="registry.unconfirmed_desk",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_is_unconfirmed,
        statement="An identifier goes to a desk that its Participant confirmed, or a second person"
        " approves.",
        sentence="The recipient's desk is listed by the operators, and its Participant has not "
        "confirmed it.",
        remedy="Ring the desk on a number you know, then ask an approver; or leave out what "
        "identifies the person.",
    ),
    Rule(
        code="registry.stale",
        outcome=Outcome.ALLOW,
        check=_is_stale,
        statement="A registry that could not be refreshed warns before it stops anything.",
        sentence="The registry has not been refreshed for some time.",
        remedy="Nothing is needed to send. Have the connection to the registry looked at.",
    ),
    make_refusal(
        "formality.instrument",
        _is_without_instrument,
        statement="A formal message names its instrument, and an informal one claims none.",
        sentence="A formal message names its instrument, and an informal one names none.",
        remedy="Name the agreement, memorandum or letter rogatory, or send informally.",
    ),
    make_refusal(
        "formality.formal_only",
        _is_informal,
        statement="Evidence is requested, and a joint investigation proposed, under an instrument.",
        sentence="A message of this type is sent under an instrument only.",
        remedy="Choose formal cooperation and name the instrument.",
    ),
    make_refusal(
        "formality.instrument_ended",
        _names_ended_instrument,
        statement="An instrument that the registry lists for both Participants is in force today. "
        "An instrument that the registry does not list, such as a letter rogatory, is not judged.",
        sentence="The instrument is not in force between the two Participants today.",
        remedy="Name an instrument that is in force, or send informally.",
    ),
)
