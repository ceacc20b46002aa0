"""What people answer on the way of a return, by the names of the fields; all of it is invented.

Only what nobody has said before: the node fills in what is recorded, what our last message said,
and which message asked, confirmed or acknowledged.
"""

from typing import Final

from tests.browser.walks.screens import Typed


def on_day(name: str, day: int, *, time: str = "") -> dict[str, str]:
    """Answer a date of March 2026."""
    said = {f"{name}_day": str(day), f"{name}_month": "3", f"{name}_year": "2026"}
    return {**said, f"{name}_time": time} if time else said


BORDER: Final = "Invented border crossing"
DECIDED: Final[Typed] = {
    "decision_recorded": "yes",
    "is_voluntary": "yes",
    "informed_of": ["risks_of_return", "alternatives_to_return", "right_to_change_the_decision"],
    **on_day("decided_on", 2),
    "explained_in": "sq",
}
CHECKED: Final[Typed] = {
    "risk_assessed": "yes",
    "is_foreign_person": "yes",
    "checks": [
        "identity_and_documents", "right_to_stay_and_proceedings", "threats_at_the_place",
        "family_and_home", "assistance_there", "fitness_to_travel",
    ],
}  # fmt: skip
RECEPTION: Final[Typed] = {
    "gates-decision-decided_by": "person",
    "gates-risk-level": "low",
    **on_day("gates-risk-assessed_on", 1),
    "gates-risk-management_plan": "no",
    "gates-reception-state": "requested",
    "gates-destination": "own_home",
    "journey-mode": "official_vehicle",
    **on_day("journey-arrival_at", 12, time="12:30"),
    "journey-arrival_place": BORDER,
    "journey-escorts": ["police"],
    "transport_wanted": "no",
}
WE_RECEIVE: Final[Typed] = {
    "completeness": "full",
    "answer-reply": "confirmed",
    "answer-reception-authority": "XK-anti-trafficking-coordination-office",
    "answer-reception-accommodation": "own_home",
    "answer-meeting_place": BORDER,
    **on_day("answer-meeting_at", 12, time="12:30"),
    "answer-met_by": "Social worker on duty",
    "basis": "consent",
}
NOTICE: Final[Typed] = {
    "stage": "date_fixed",
    "travel_documents_ready": "yes",
    "needed_in_proceedings": "no",
}
PLAN: Final[Typed] = {
    "steps-0-step": "tickets",
    "steps-0-responsible": "AL-anti-trafficking-coordination-office",
    "costs": "sender",
}
WE_AGREE: Final[Typed] = {
    "completeness": "full",
    "answer-agreement": "agreed",
    "basis": "consent",
}
ARRIVED: Final[Typed] = {
    "outcome": "arrived",
    **on_day("arrived_at", 4, time="11:00"),
    "reception-authority": "XK-anti-trafficking-coordination-office",
    "reception-accommodation": "own_home",
    "state": "well",
    "next_steps": ["needs_assessment"],
}
