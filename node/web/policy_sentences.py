"""What is in the way, in the words of each rule of the policy: for pages, in every language.

The rules say it in English in ``protocol.policy``; a test compares the two.
"""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg

POLICY_SENTENCES: Final[Mapping[str, Message]] = {
    "roles.not_focal_point": msg("You do not have the role of focal point."),
    "roles.administrator_or_auditor": msg("Node administrators and auditors do not send messages."),
    "roles.not_cleared": msg("You are not cleared for this channel."),
    "channels.type": msg("A message of this type does not travel in this channel."),
    "channels.reply": msg("The message that this one replies to came in another channel."),
    "channels.trend_only": msg(
        "Trend alerts have a channel of their own, and share it with nothing."
    ),
    "channels.trend_personal_data": msg("The trend channel carries no personal data."),
    "channels.elsewhere": msg("This case is not worked on in this channel."),
    "channels.desk": msg("The recipient's desk does not work in this channel."),
    "channels.last_resort": msg(
        "Nobody in this channel can be reached, and the desk works in another one."
    ),
    "registry.sender_not_listed": msg("Your authority is not listed in the registry today."),
    "registry.recipient_not_listed": msg("The recipient's authority is not in the registry."),
    "registry.recipient_not_valid": msg(
        "The recipient's entry in the registry does not hold today."
    ),
    "registry.sender_not_competent": msg(
        "Your authority is not listed as competent for this phase."
    ),
    "registry.recipient_not_competent": msg(
        "The recipient's authority is not listed as competent for this phase."
    ),
    "registry.person_group": msg(
        "The recipient's authority is not listed for this group of persons."
    ),
    "registry.too_old": msg(
        "The registry has not been refreshed for so long that no personal data is sent."
    ),
    "registry.unconfirmed_desk": msg(
        "The recipient's desk is listed by the operators, and its Participant has not confirmed it."
    ),
    "registry.stale": msg("The registry has not been refreshed for some time."),
    "formality.instrument": msg(
        "A formal message names its instrument, and an informal one names none."
    ),
    "formality.formal_only": msg("A message of this type is sent under an instrument only."),
    "formality.instrument_ended": msg(
        "The instrument is not in force between the two Participants today."
    ),
    "names.no_agreement": msg(
        "The two Participants have no agreement that allows a name or other identifier."
    ),
    "names.agreement_not_in_force": msg("The agreement on names is not in force today."),
    "names.phase_not_agreed": msg("The agreement does not cover this phase."),
    "names.class_not_agreed": msg("The agreement does not cover this kind of identifier."),
    "names.no_written_consent": msg(
        "There is no valid written consent to a name or other identifier."
    ),
    "names.never_by_exception": msg("An exception cannot carry a name or other identifier."),
    "names.suspected_relative": msg(
        "A suspected relative or partner is named, and by that the person can be known."
    ),
    "basis.missing": msg("The message holds personal data and claims no legal basis for it."),
    "consent.missing": msg("No consent is recorded in this case."),
    "consent.not_as_recorded": msg(
        "The message describes a consent that is not on record like this."
    ),
    "consent.class_not_covered": msg(
        "The consent does not cover every kind of data in this message."
    ),
    "consent.phase_not_covered": msg("The consent does not cover this phase."),
    "consent.recipient_not_covered": msg("The consent does not name this recipient."),
    "consent.split": msg(
        "No single consent covers this kind of data for this phase and this recipient."
    ),
    "consent.withdrawn": msg("The consent was withdrawn."),
    "consent.sending_stopped": msg(
        "The person withdrew consent: nothing further is sent to this recipient."
    ),
    "consent.not_free": msg("It is not recorded that the consent was given freely."),
    "consent.not_informed": msg(
        "It is not recorded that the person was informed before consenting."
    ),
    "consent.no_language": msg(
        "The record does not say in which language the consent was explained."
    ),
    "consent.not_written": msg("The consent is not in writing."),
    "consent.not_on_file": msg("The signed consent is not on file."),
    "consent.given_later": msg("The consent is dated later than this message."),
    "consent.parent_of_an_adult": msg("A parent consented for an adult."),
    "consent.giver_is_suspect": msg(
        "Whoever consented for the person is a suspect, or is a parent of whom nobody "
        "recorded that they are none."
    ),
    "exceptions.no_record": msg(
        "The case holds no record of the exception that the message claims."
    ),
    "exceptions.no_justification": msg("The exception has no written justification."),
    "exceptions.children_only": msg("The best interest of the child is claimed for an adult."),
    "exceptions.class_not_covered": msg(
        "This exception does not carry every kind of data in the message."
    ),
    "exceptions.person_not_told": msg("It is not recorded that the person was told, nor why not."),
    "exceptions.not_as_recorded": msg(
        "The message says otherwise than the record whether the person was told."
    ),
    "exceptions.second_person": msg("An exception is used, and no second person has approved it."),
    "children.urgency": msg("A message in the case of a child cannot be of standard urgency."),
    "children.consent_by_child": msg("The child's own consent is the only one recorded."),
    "children.no_such_guardian": msg(
        "A guardian consented, and by the case or the message none is appointed."
    ),
    "children.not_informed": msg("It is not recorded that the child was informed."),
    "children.case_manager": msg(
        "The child has a guardian, and somebody else is the case manager."
    ),
    "children.onward_not_approved": msg(
        "The child's case manager has not approved that this is passed on."
    ),
    "return.no_decision": msg("The person's informed decision to return is not recorded."),
    "return.not_voluntary": msg("The recorded decision is not a voluntary one."),
    "return.no_risk_assessment": msg("The risks of the return are not assessed."),
    "return.no_foreign_checks": msg(
        "The six checks before the return of a foreign person are not all done."
    ),
    "return.no_reception": msg("The recipient has not confirmed the reception."),
    "return.no_notice": msg("The recipient has not acknowledged a prior notice of this return."),
    "return.no_best_interest": msg("The best interest of the child is not assessed."),
    "return.no_guardian": msg("The child has no guardian."),
    "return.no_family_assessment": msg("The family to which the person returns is not assessed."),
    "return.person_against_family": msg(
        "The person's agreement to return to the family is not recorded."
    ),
    "return.family_against": msg("The family's agreement is not recorded."),
    "return.stated_otherwise": msg("The message itself says that the return is not prepared."),
    "return.under_way": msg("The person is on the way, and the return is not prepared."),
    "return.unannounced": msg("The person arrived without an acknowledged prior notice."),
    "onward.no_account": msg("The case is forwarded, and nothing says what its sender allowed."),
    "onward.authority": msg("The sender of the data has not allowed that this authority gets it."),
    "onward.class": msg("More kinds of data are passed on than their sender allowed."),
    "onward.phase": msg("The data was not given for this phase."),
    "onward.channel": msg("The data came in another channel."),
    "onward.target_not_listed": msg("The authority is not in the registry today."),
    "onward.withdrawn": msg(
        "The person withdrew consent: what was received is not passed on any more."
    ),
    "onward.not_recorded": msg("It is not recorded that this is passed on."),
    "onward.not_reported": msg("No report back to the sender of the data is arranged."),
    "shelters.unknown_code": msg("The shelter code is not one that was issued for a shelter."),
    "shelters.contact_beside_shelter": msg(
        "The person lives in a shelter, and the message holds contact data."
    ),
    "files.no_class": msg(
        "A file is said to hold no personal data, and no second person has opened it."
    ),
    "approval.own": msg("The author approved the message."),
    "approval.role": msg("Whoever approved the message may not approve."),
    "approval.clearance": msg("Whoever approved the message is not cleared for its channel."),
    "approval.other_content": msg("The message was changed after it was approved."),
}
"""By the code of the rule."""
