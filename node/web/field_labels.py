"""What the fields of message bodies are called, and what to know when filling them in.

Keyed by the field's own name: a name means the same in every message type.
"""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg

FIELD_LABELS: Final[Mapping[str, Message]] = {
    "status": msg("Status of the person"),
    "sex": msg("Sex"),
    "age_group": msg("Age group"),
    "possibly_under_18": msg("May be under 18"),
    "exploitation_forms": msg("Forms of exploitation"),
    "languages_spoken": msg("Languages spoken"),
    "interpreter_needed": msg("Interpreter needed"),
    "danger_now": msg("In danger now"),
    "danger_note": msg("About the danger"),
    "case_manager": msg("Case manager"),
    "post": msg("Post of the case manager"),
    "authority": msg("Authority of the case manager"),
    "telephone": msg("Telephone of the case manager"),
    "mailbox": msg("Mailbox of the case manager"),
    "reachable": msg("When the case manager can be reached"),
    "child": msg("Child"),
    "guardian": msg("Who acts for the child"),
    "child_informed": msg("The child has been informed"),
    "ties": msg("Why it concerns this Participant"),
    "found_on": msg("Found on"),
    "immediate_needs": msg("Immediate needs"),
    "needs_note": msg("About the needs"),
    "circumstances": msg("Circumstances of the exploitation"),
    "reflection_period_until": msg("Reflection period until"),
    "note": msg("Note"),
    "handover": msg("Who leads the case"),
    "reason": msg("Reason for the referral"),
    "reason_note": msg("About the reason"),
    "services_requested": msg("Services asked for"),
    "services_note": msg("About the services"),
    "phases_concerned": msg("Phases concerned"),
    "whereabouts": msg("Where the person is"),
    "shelter_code": msg("Code of the shelter"),
    "expected_arrival": msg("Expected arrival"),
    "risk": msg("Risk"),
    "level": msg("Level of risk"),
    "assessed_at": msg("Risk assessed at"),
    "threats": msg("Threats"),
    "measures_taken": msg("Measures taken"),
    "summary": msg("Summary of the case"),
    "health_note": msg("Health"),
    "family_note": msg("Family"),
    "legal_note": msg("Proceedings"),
    "documents_held": msg("Documents held"),
    "outcome": msg("Decision"),
    "decline_reason": msg("Reason for declining"),
    "forwarded_to": msg("Forwarded to"),
    "procedure_note": msg("Note on the procedure"),
    "text": msg("Text"),
}

FIELD_HINTS: Final[Mapping[str, Message]] = {
    "exploitation_forms": msg("Choose all that apply, or Not known."),
    "found_on": msg("The day, as exactly as it is known."),
    "immediate_needs": msg("Only what is needed in the next days."),
    "guardian": msg("Never a parent who is a suspect."),
    "post": msg("A post or desk that answers, not a private person."),
    "telephone": msg("With the code for calls from abroad, such as +355 4 454 1821."),
    "reachable": msg("Such as: Monday to Friday, 8:00 to 16:00."),
    "danger_note": msg("What the danger is and where it comes from. Never an address."),
    "shelter_code": msg("Capital letters and digits. The address of a shelter never leaves us."),
    "circumstances": msg("Only what the other side needs in order to act."),
    "measures_taken": msg("What is done already. Never an address."),
    "procedure_note": msg("One line on the procedure. Nothing about the person."),
    "text": msg("Write of the person by the case reference, never by name."),
}
