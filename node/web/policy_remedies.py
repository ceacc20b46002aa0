"""What would change the policy's answer, rule by rule: for pages, in every language.

The rules say it in English in ``protocol.policy``; a test compares the two.
"""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg

POLICY_REMEDIES: Final[Mapping[str, Message]] = {
    "roles.not_focal_point": msg("Ask a focal point to send the message."),
    "roles.administrator_or_auditor": msg("Ask a focal point who is neither to send the message."),
    "roles.not_cleared": msg("Ask a focal point who is cleared for it to send the message."),
    "channels.type": msg(
        "Send it in the channel that it belongs to, by somebody cleared for that one."
    ),
    "channels.reply": msg("Reply in the channel of that message, by somebody cleared for it."),
    "channels.trend_only": msg(
        "Send a trend alert in the trend channel, and anything else outside it."
    ),
    "channels.trend_personal_data": msg("Take out everything that is about a person."),
    "channels.elsewhere": msg(
        "Do not send it another way. Ask your supervisor who works on the case, and hand the "
        "message to them."
    ),
    "channels.desk": msg("Choose a desk that the registry lists for this channel."),
    "channels.last_resort": msg("Ask an approver whether this desk may see the message."),
    "registry.sender_not_listed": msg(
        "Send as an authority that is listed, or have the entry renewed."
    ),
    "registry.recipient_not_listed": msg("Choose an authority from the registry."),
    "registry.recipient_not_valid": msg(
        "Choose the authority that took over, or ask the recipient's Participant."
    ),
    "registry.sender_not_competent": msg("Hand the message to your authority for this phase."),
    "registry.recipient_not_competent": msg(
        "Choose the authority that the registry names for this phase."
    ),
    "registry.person_group": msg(
        "Choose an authority that is listed for children, or for adults, as the case is."
    ),
    "registry.too_old": msg(
        "Restore the connection and refresh the registry, or send without personal data."
    ),
    "registry.unconfirmed_desk": msg(
        "Ring the desk on a number you know, then ask an approver; or leave out what "
        "identifies the person."
    ),
    "registry.stale": msg(
        "Nothing is needed to send. Have the connection to the registry looked at."
    ),
    "formality.instrument": msg(
        "Name the agreement, memorandum or letter rogatory, or send informally."
    ),
    "formality.formal_only": msg("Choose formal cooperation and name the instrument."),
    "formality.instrument_ended": msg("Name an instrument that is in force, or send informally."),
    "names.no_agreement": msg("Send the case reference alone, without these fields."),
    "names.agreement_not_in_force": msg(
        "Send the case reference alone. A new agreement has to be in the registry first."
    ),
    "names.phase_not_agreed": msg("Send the case reference alone in this phase."),
    "names.class_not_agreed": msg("Leave out the fields of this kind."),
    "names.no_written_consent": msg(
        "Send the case reference alone, or obtain written consent that names this kind of "
        "data, this phase and this recipient."
    ),
    "names.never_by_exception": msg(
        "Send what is needed under the case reference, without these fields: the recipient "
        "can act on it and ask."
    ),
    "names.suspected_relative": msg(
        "Leave name, birth date and contact of the relative out, or ask an approver whether "
        "the police on the other side cannot do without."
    ),
    "basis.missing": msg("Record the consent that covers it, or leave these fields out."),
    "consent.missing": msg("Record the written consent, or leave these fields out."),
    "consent.not_as_recorded": msg(
        "Let the message name a recorded consent: who gave it, when, explained in which "
        "language, and no more than it covers."
    ),
    "consent.class_not_covered": msg(
        "Leave these fields out, or ask for consent to this kind of data."
    ),
    "consent.phase_not_covered": msg(
        "Ask for consent to this phase, or send without these fields."
    ),
    "consent.recipient_not_covered": msg(
        "Ask for consent to this recipient, or send without these fields."
    ),
    "consent.split": msg(
        "Ask for one consent that names kind of data, phase and recipient together."
    ),
    "consent.withdrawn": msg(
        "Send no more of it. Only a new consent, given after the withdrawal, changes this."
    ),
    "consent.sending_stopped": msg(
        "Send the withdrawal and the request to delete. If there is danger to life, a child "
        "to protect, or a duty under law, use that exception; otherwise wait for a new "
        "consent."
    ),
    "consent.not_free": msg(
        "Speak with the person without pressure, and record a consent given freely."
    ),
    "consent.not_informed": msg(
        "Explain what is sent, to whom and why, and record the consent anew."
    ),
    "consent.no_language": msg("Record the language that the person understood it in."),
    "consent.not_written": msg("Have the consent signed, and record that."),
    "consent.not_on_file": msg("File the signed paper or its copy in the case, and record that."),
    "consent.given_later": msg("Correct the date of the consent, or wait until it is given."),
    "consent.parent_of_an_adult": msg(
        "Ask the person; if the person has an appointed guardian, ask the guardian."
    ),
    "consent.giver_is_suspect": msg(
        "Have a guardian appointed, and obtain the guardian's consent; or ask the police "
        "about the parent, and record the answer."
    ),
    "exceptions.no_record": msg("Record the exception with this ground and its justification."),
    "exceptions.no_justification": msg("Write down why this cannot wait for consent."),
    "exceptions.children_only": msg("Choose another ground, or ask the person for consent."),
    "exceptions.class_not_covered": msg("Leave these fields out, or obtain consent to them."),
    "exceptions.person_not_told": msg(
        "Tell the person what is sent and why, or write down why that cannot be done now."
    ),
    "exceptions.not_as_recorded": msg("Let the message say what is recorded."),
    "exceptions.second_person": msg("Ask an approver to read the message and the justification."),
    "children.urgency": msg("Set the urgency to urgent or immediate."),
    "children.consent_by_child": msg(
        "Obtain the consent of the guardian, or of a parent who is not a suspect."
    ),
    "children.no_such_guardian": msg(
        "Record the appointment, and say so in the message; or obtain the consent of "
        "whoever may give it."
    ),
    "children.not_informed": msg(
        "Have the guardian inform the child in a way that fits its age, and record it."
    ),
    "children.case_manager": msg("Record the guardian as the case manager."),
    "children.onward_not_approved": msg("Ask the case manager, and record the approval."),
    "return.no_decision": msg(
        "Record the decision, or do not prepare a return. If the person travels all the "
        "same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.not_voluntary": msg(
        "Do not take part in a return against the person's will. If the person travels all "
        "the same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_risk_assessment": msg(
        "Do the risk assessment, or ask the recipient for one. If the person travels all "
        "the same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_foreign_checks": msg(
        "Do the checks that are missing, and record them. If the person travels all the "
        "same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_reception": msg(
        "Ask for reception on arrival, and wait until it is confirmed. If the person "
        "travels all the same, say so in the notice, and warn by a referral or a message at "
        "once."
    ),
    "return.no_notice": msg(
        "Send the return notification, and wait until it is accepted. If the person travels "
        "all the same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_best_interest": msg(
        "Have the best-interest assessment done and recorded. If the person travels all the "
        "same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_guardian": msg(
        "Have a guardian appointed, and record it. If the person travels all the same, say "
        "so in the notice, and warn by a referral or a message at once."
    ),
    "return.no_family_assessment": msg(
        "Ask the recipient for a check of the family, or plan another place. If the person "
        "travels all the same, say so in the notice, and warn by a referral or a message at "
        "once."
    ),
    "return.person_against_family": msg(
        "Ask the person, and plan another place if the answer is no. If the person travels "
        "all the same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.family_against": msg(
        "Have the recipient ask the family, or plan another place. If the person travels "
        "all the same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.stated_otherwise": msg(
        "Prepare what is missing, and correct the message. If the person travels all the "
        "same, say so in the notice, and warn by a referral or a message at once."
    ),
    "return.under_way": msg(
        "Ask an approver at once, and meanwhile warn by a referral or a message."
    ),
    "return.unannounced": msg(
        "Nothing is needed to send. Monitoring shows this return as a defect."
    ),
    "onward.no_account": msg(
        "Forward from the message that brought the case, so that its terms are known."
    ),
    "onward.authority": msg("Ask the sender first, and record the answer."),
    "onward.class": msg("Leave these out, or ask the sender."),
    "onward.phase": msg("Ask the sender whether it may be used for this purpose."),
    "onward.channel": msg(
        "Pass it on in the channel that it came in, or ask its sender to send it anew."
    ),
    "onward.target_not_listed": msg("Choose an authority from the registry."),
    "onward.withdrawn": msg(
        "Tell those who already have it, and delete what the withdrawal names."
    ),
    "onward.not_recorded": msg("Record what is passed on, to whom and why."),
    "onward.not_reported": msg("Let the report to the sender go out together with this message."),
    "shelters.unknown_code": msg(
        "Choose the shelter from the list, so that its opaque code is used."
    ),
    "shelters.contact_beside_shelter": msg(
        "Leave the contact fields out, or have an approver make sure that none of them "
        "tells where the shelter is."
    ),
    "files.no_class": msg("Give the file the class of what is in it, or have an approver open it."),
    "approval.own": msg("Ask another person who may approve."),
    "approval.role": msg(
        "Ask a person with the role of approver who is neither node administrator nor auditor."
    ),
    "approval.clearance": msg("Ask an approver who is cleared for this channel."),
    "approval.other_content": msg("Ask for approval of the message as it is now."),
}
"""By the code of the rule."""
