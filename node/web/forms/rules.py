"""The rules of several fields in plain words, and at which field each is said.

A model checks its rules after its fields; its finding names the part, not the field that has to
change. The table below knows it. Its sentences are those of ``protocol.messages``, which a test
compares, so that none is shown untranslated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from console.i18n import Message, msg


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what to do, and the fields where it is said, the first that the form has."""

    words: Message
    fields: tuple[str, ...]


_RULES: Final = (
    # Arrival.
    Rule(msg("Who is to receive somebody needs the place and the time of arrival."), ("journey",)),
    Rule(
        msg(
            "A confirmed reception says who receives, where and when they meet, who waits, "
            "and which desk is reachable."
        ),
        ("reception", "meeting_place", "meeting_at", "met_by", "case_manager"),
    ),
    Rule(msg("Say in the note why, and when or where it would be possible."), ("note",)),
    Rule(
        msg("Say when the person arrived and in which state, or that they did not."),
        ("arrived_at", "state"),
    ),
    Rule(msg("Say who received the person and where they stay."), ("reception",)),
    Rule(msg("Say when the person is expected now."), ("expected_at",)),
    Rule(
        msg(
            "Of a person who is missing, and of no other, say what was done to find them and "
            "whether danger is suspected."
        ),
        ("search_measures", "danger_suspected"),
    ),
    Rule(
        msg("Of a child who arrived, and of nobody else, say whether the guardian took over."),
        ("guardian_took_over",),
    ),
    # Family tracing.
    Rule(
        msg("Say who is sought or where they were last: else nobody can search."),
        ("identity", "last_known_places"),
    ),
    Rule(
        msg("Somebody under suspicion is told nothing: empty what may be told."),
        ("may_be_told",),
    ),
    Rule(msg("The person does not want the search: do not ask for it."), ("person_agrees",)),
    Rule(
        msg(
            "Of somebody who was found, and of nobody else, say whether they wish contact and"
            " would receive the person."
        ),
        ("wishes_contact", "would_receive_person"),
    ),
    Rule(msg("Say which concern stopped the search."), ("concerns",)),
    Rule(msg("Each person who is sought has one result: join those of one number."), ("results",)),
    Rule(
        msg("Say until when the search goes on if, and only if, one does."),
        ("search_continues_until",),
    ),
    # First assistance.
    Rule(msg("Name the conditions that the option depends on."), ("conditions",)),
    Rule(msg("Describe what 'other' means, or choose another code."), ("description",)),
    Rule(msg("Each need stands once: take the repeated one out."), ("needs",)),
    Rule(
        msg("Measures lower a risk that was assessed: correct one of the levels."),
        ("level_with_measures",),
    ),
    Rule(msg("A place is of high risk: advise measures, to postpone, or not to go."), ("advice",)),
    Rule(msg("Name the measures, at the places that need them."), ("places",)),
    Rule(msg("Say when it is expected if, and only if, it follows later."), ("expected_on",)),
    Rule(msg("Say in the note why it is withheld."), ("note",)),
    Rule(msg("List spells of assistance if, and only if, there were some."), ("spells",)),
    Rule(msg("The family is suspected: ask for records only."), ("approach",)),
    Rule(msg("The person does not agree to contact: ask for records only."), ("approach",)),
    Rule(msg("Say when the family was met if, and only if, it was met."), ("visited_on",)),
    Rule(msg("Say who the witness is if, and only if, it is not the person."), ("witness",)),
    Rule(msg("For a child require the guardian and a psychologist."), ("conditions",)),
    Rule(
        msg("Say when and by whom it was taken if, and only if, it was taken."),
        ("taken_on", "taken_by"),
    ),
    Rule(msg("Say for when it is arranged if, and only if, it is arranged."), ("arranged_for",)),
    Rule(msg("Only a statement that was taken has answers to questions."), ("said",)),
    Rule(msg("Each question stands once: take the repeated one out."), ("said",)),
    # General.
    Rule(msg("Only a decision 'declined' has a decline reason."), ("decline_reason",)),
    Rule(msg("Only a decision 'forwarded' names where to."), ("forwarded_to",)),
    Rule(
        msg(
            "A correction says what is right, or names the message that replaces the earlier "
            "one; a retraction does neither."
        ),
        ("right_text",),
    ),
    Rule(
        msg("A withdrawal in part names classes, phases or messages; a full one names none."),
        ("classes",),
    ),
    Rule(msg("List the messages if, and only if, not the whole case is meant."), ("messages",)),
    Rule(msg("Say what is kept and why if, and only if, not all was erased."), ("kept",)),
    Rule(msg("Say when it was erased, unless nothing was."), ("erased_at",)),
    Rule(msg("Say in a note how the case ended."), ("procedure_note",)),
    Rule(
        msg(
            "Say who acts for the child and whether the child was told, or, for an adult, "
            "leave the child's part out."
        ),
        ("child",),
    ),
    Rule(
        msg(
            "Say who acts for the child, or, for an adult, leave the child's part out. "
            "Whoever is possibly under 18 counts as a child."
        ),
        ("child",),
    ),
    Rule(
        msg("Give an answer, or say that nothing is available and why; never both."),
        ("none_reason", "answer"),
    ),
    Rule(msg("Say in a note why there is no answer."), ("procedure_note",)),
    Rule(msg("Only a partial answer says when the rest is expected."), ("rest_expected_on",)),
    Rule(
        msg("The last day comes before the first: correct one of the two."),
        (
            "last_day",
            "ends_on",
            "until_on",
            "latest_on",
            "review_on",
            "valid_until",
            "appeal_possible_until",
            "paid_on",
            "assess_again_on",
        ),
    ),
    Rule(
        msg("Say in the note what 'other' means, or choose another code."),
        ("note", "measures_note"),
    ),
    Rule(
        msg("Give the first day, the last day, or both; or leave the period out."),
        ("first_day",),
    ),
    Rule(
        msg("The time of observation ends before it begins: exchange the dates."),
        ("observed_to",),
    ),
    # Identification.
    Rule(msg("Say when the risk was assessed, or that it is not yet assessed."), ("assessed_at",)),
    Rule(
        msg("Say when and by whom it was decided; leave both out while nothing is decided."),
        ("decided_on", "decided_by"),
    ),
    Rule(
        msg("Name the forms of exploitation that the decision rests on."),
        ("exploitation_forms",),
    ),
    Rule(msg("Each element stands once: take the repeated one out."), ("elements",)),
    Rule(msg("The result does not fit the elements: correct one of the two."), ("result",)),
    Rule(msg("Say in which town the interpreter has to be, or ask for remote help."), ("town",)),
    Rule(msg("Say what is known beside the grading: at least one field or the note."), ("note",)),
    Rule(msg("State conditions if, and only if, the position has some."), ("conditions",)),
    Rule(msg("Say whose approval is awaited if, and only if, one is awaited."), ("approval_by",)),
    Rule(
        msg("Say something of the suspect beside the role: at least a description."),
        ("description",),
    ),
    Rule(msg("Give the vehicle's registration or a description."), ("registration",)),
    Rule(
        msg("An identity says at least one thing: fill a field, or leave it out."),
        ("family_name",),
    ),
    # Judicial.
    Rule(msg("Say on which ground something is held back, and only then."), ("ground",)),
    Rule(msg("Each thing asked for has one reply: join those of one number."), ("items", "files")),
    Rule(msg("Say which office collected what is given."), ("collected_by",)),
    Rule(
        msg("Of a file that is given, and of no other, say what was blacked out."),
        ("redactions",),
    ),
    Rule(
        msg("Either nothing was blacked out, or something was: correct the list."),
        ("redactions",),
    ),
    Rule(msg("Give the asset's number or a description."), ("identifier",)),
    Rule(msg("Say whose assets are sought: a suspect or a company."), ("suspects", "companies")),
    Rule(
        msg("Say whose it is: one of the suspects, or else one of the companies."),
        ("suspect_number", "company_number"),
    ),
    Rule(msg("A claim that was made took a route: say which."), ("route",)),
    Rule(msg("An offer names its route."), ("route",)),
    Rule(
        msg("Say under which conditions the route is open, or why it is closed."),
        ("conditions",),
    ),
    Rule(msg("Name a route, the support given, or the amount granted."), ("routes",)),
    Rule(msg("Say which amount was granted if, and only if, one was."), ("amount_granted",)),
    Rule(msg("Ask for at least one service or protective measure."), ("services",)),
    Rule(msg("Say what the video link needs if, and only if, one is asked for."), ("video_link",)),
    Rule(msg("Say at least one thing that is given or not possible."), ("offers",)),
    Rule(
        msg("A measure is given or not possible: take it off one of the lists."),
        ("not_possible",),
    ),
    Rule(msg("Describe the video link if, and only if, one is given."), ("video_link",)),
    Rule(msg("The person does not agree to be assessed: do not ask for it."), ("person_agrees",)),
    Rule(msg("Name the conditions under which the person can testify."), ("conditions",)),
    Rule(
        msg("Say when to assess again if, and only if, the person may be fit then."),
        ("assess_again_on",),
    ),
    # Journey and return.
    Rule(msg("The arrival lies after the departure: correct one of the moments."), ("arrival_at",)),
    Rule(msg("Name the escorts, or say that there is none or that it is not known."), ("escorts",)),
    Rule(msg("No more can be under 18 than travel: correct one of the numbers."), ("under_18",)),
    Rule(
        msg("Name the authority or the organisation that receives the person."),
        ("organisation", "provider", "authority"),
    ),
    Rule(
        msg("Only a stay in a shelter has a shelter's code: correct one of them."),
        ("shelter_code",),
    ),
    Rule(msg("Say what was found: a medium or high risk, or another aspect."), ("finding",)),
    Rule(
        msg("Name one that is responsible: an authority, or else a provider."),
        ("responsible", "responsible_provider"),
    ),
    Rule(msg("An assessment says low, medium or high: answer when it is done."), ("level",)),
    Rule(
        msg(
            "At high risk a return is not simply possible: recommend measures, another place,"
            " a later day, or no return."
        ),
        ("recommendation",),
    ),
    Rule(msg("The level as a whole is not below the highest finding: raise it."), ("level",)),
    Rule(msg("The review follows the assessment: correct one of the days."), ("review_on",)),
    Rule(msg("A return that is possible with measures names the measures."), ("plan",)),
    Rule(
        msg("Of a plan, and only of a plan, say whether the person agrees to it."),
        ("plan_agreed_with_person",),
    ),
    Rule(msg("Ask for the best interest of a child, always; of an adult, never."), ("question",)),
    Rule(
        msg(
            "Say how far the best-interest assessment of the child has come, or, for an "
            "adult, leave it out."
        ),
        ("gates", "best_interest", "information"),
    ),
    Rule(
        msg(
            "A decision says when it was made, by whom, and in which language it was "
            "explained. Leave all three out while there is no decision."
        ),
        ("decided_on", "decided_by", "explained_in"),
    ),
    Rule(msg("Only a decision that was made can be on file: correct one of them."), ("on_file",)),
    Rule(
        msg("Say on which day the risk was assessed, or that it is not yet assessed."),
        ("assessed_on",),
    ),
    Rule(
        msg(
            "Name the recipient's message that confirms the reception if, and only if, it is "
            "confirmed."
        ),
        ("confirmation_message",),
    ),
    Rule(
        msg(
            "Say on which day and by which office the best interest was determined, or that "
            "it is not yet determined."
        ),
        ("determined_on", "determined_by"),
    ),
    Rule(
        msg("Say on which day the family was assessed, or that it is not yet assessed."),
        ("assessed_on",),
    ),
    Rule(
        msg(
            "A return to the family or to relatives says what their assessment found and who "
            "agreed; any other return leaves the family's part out."
        ),
        ("family",),
    ),
    Rule(
        msg(
            "For a child the guardian or a parent who is no suspect decides, and the child is"
            " heard: correct who decided."
        ),
        ("gates",),
    ),
    Rule(
        msg("An adult decides in person, or by an appointed guardian: correct who decided."),
        ("gates",),
    ),
    Rule(
        msg("Name the message that gave prior notice, or say there was no notice."),
        ("notice_message",),
    ),
    Rule(
        msg("Name the decision that acknowledged the notice if, and only if, there is one."),
        ("acknowledgement_message",),
    ),
    Rule(
        msg("A planned return says between which days it is expected."),
        ("earliest_on", "latest_on"),
    ),
    Rule(msg("A return with a fixed day, or under way, says when the arrival is."), ("journey",)),
    Rule(msg("Say what changes: a step, the journey, the handover, or a note."), ("note", "steps")),
    Rule(msg("Say in the note what keeps you from agreeing, and what would do."), ("note",)),
    Rule(msg("Who agrees to the plan names the desk that coordinates it."), ("case_manager",)),
    Rule(msg("The person wants no contact with the consulate: leave it out."), ("consulate",)),
    Rule(msg("A child's travel permit is for a child: say which one travels."), ("document",)),
    Rule(msg("Say where the document is handed out."), ("collect_at",)),
    Rule(msg("Say on which day the document is expected."), ("available_on",)),
    Rule(msg("Say what is missing if, and only if, more is needed."), ("missing",)),
    Rule(msg("Say why the document was refused if, and only if, it was."), ("refused_because",)),
    # Social inclusion.
    Rule(
        msg("Say who decided on the plan and when; leave both out while nothing is decided."),
        ("decided_by", "decided_on"),
    ),
    Rule(msg("Say in the part note which part of the plan is not agreed to."), ("part_note",)),
    Rule(msg("Describe the activity: its service is 'other'."), ("description",)),
    Rule(msg("Say what the goal is: its area is 'other'."), ("goal",)),
    Rule(msg("For a child the guardian or a parent who is no suspect decides."), ("consent",)),
    Rule(msg("Say in the note why the plan ended early."), ("note",)),
    Rule(
        msg("A plan that was refused is not carried out: correct the activities."),
        ("carried_out", "consent"),
    ),
    Rule(
        msg(
            "The family is contacted only if the person agrees: ask the person, or check "
            "without contact."
        ),
        ("manner",),
    ),
    Rule(msg("Somebody in the household is suspected: check without contact."), ("manner",)),
    Rule(
        msg("Say what the family may be told if, and only if, it is contacted."),
        ("may_be_told",),
    ),
    Rule(msg("Say in the note what the other placement is."), ("note",)),
    Rule(msg("Say in the note what the concern is."), ("note",)),
    Rule(msg("Report on each aspect once: two findings are on the same one."), ("findings",)),
    Rule(msg("Name the conditions if, and only if, there are any."), ("conditions",)),
    Rule(msg("With a serious concern a placement needs conditions, or is refused."), ("advice",)),
    Rule(msg("Say which other document is wanted."), ("note",)),
    Rule(msg("Say in the note what the documents are for."), ("note",)),
    Rule(
        msg("Say when it was issued and how it comes if, and only if, it was."),
        ("issued_on", "delivery"),
    ),
    Rule(msg("Say when the document is expected."), ("expected_on",)),
    Rule(msg("Say what is missing, or why the document is refused."), ("requirement",)),
    Rule(msg("Say in the comment what the other accommodation is."), ("comment",)),
    Rule(msg("Name a provider only for a service that was given."), ("provider",)),
    Rule(msg("Proceedings that ended had started: correct one of the two."), ("criminal_ended",)),
    Rule(msg("Fill the part on return only for a person who left."), ("returned",)),
    Rule(msg("Say in the destination note where the person went."), ("destination_note",)),
    Rule(
        msg("Fill at least one field on the children, or leave the part out."),
        ("narrative", "placed"),
    ),
    Rule(msg("Say in the narrative where the child was placed."), ("narrative",)),
    Rule(msg("A provider is named: remove the reason why there is none."), ("no_provider_reason",)),
    Rule(msg("Say in the preference note what the person prefers."), ("preference_note",)),
    Rule(msg("For a child fill the part on children."), ("children",)),
    Rule(msg("Give the reviews in their order, each once, on later and later days."), ("reviews",)),
    Rule(msg("Say in the note which other service is needed."), ("note",)),
    Rule(msg("Say how the provider is reached: telephone, mailbox or authority."), ("telephone",)),
    Rule(msg("A shelter, and nothing else, is named by a shelter code."), ("shelter_code",)),
    Rule(msg("Where a shelter is never leaves its Participant: remove the place."), ("place",)),
    Rule(msg("Say which doubts there are, or choose another reason."), ("doubts",)),
    Rule(msg("Answer each question once: two findings are on the same one."), ("findings",)),
    Rule(msg("A finding speaks against the provider: vouch with conditions or not."), ("verdict",)),
    Rule(msg("A provider with links to traffickers is not vouched for."), ("verdict",)),
)

#: Findings that name what they found: known by how they begin.
_BEGINNINGS: Final[Mapping[str, Rule]] = {
    "A decision 'accepted'": Rule(msg("Say who coordinates the case."), ("case_manager",)),
    "A decision 'declined'": Rule(msg("Say why it is declined."), ("decline_reason",)),
    "A decision 'forwarded'": Rule(msg("Say where it was forwarded to."), ("forwarded_to",)),
    "A decision 'more_information_needed'": Rule(
        msg("Say what you need to know."), ("procedure_note",)
    ),
    "State in the subject": Rule(
        msg("Say what is known of each thing that has to be verified."), ("subject",)
    ),
}

RULES: Final[Mapping[str, Rule]] = {rule.words.msgid: rule for rule in _RULES}


def find_rule(finding: str) -> Rule | None:
    """Find the rule that a model's sentence states; ``None``: this version does not know it."""
    known = RULES.get(finding)
    if known is not None:
        return known
    return next((rule for start, rule in _BEGINNINGS.items() if finding.startswith(start)), None)
