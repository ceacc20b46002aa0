"""Shelters: an opaque code, never an address.

Not checked here: no rule reads free text. An address typed into a narrative is seen by nobody but
the people who read the message before it leaves; the forms say so beside the field. What can be
decided without guessing is whether a code was issued by software, and whether contact data of
somebody who lives in a shelter is about to leave.
"""

from typing import Final

from protocol.policy.approval import is_approved, may_tell_shelter
from protocol.policy.decision import Finding, Outcome, Rule
from protocol.policy.facts import Facts


def _are_named_freely(facts: Facts) -> Finding | None:
    unknown = facts.message.shelter_codes - facts.case.shelter_codes
    return Finding() if unknown else None


def _may_be_told_by_contact(facts: Facts) -> Finding | None:
    return Finding() if may_tell_shelter(facts) and not is_approved(facts) else None


RULES: Final = (
    Rule(
        code="shelters.unknown_code",
        outcome=Outcome.REFUSE,
        check=_are_named_freely,
        statement="A shelter is named by a code that software issued, never by one that somebody "
        "made up.",
        sentence="The shelter code is not one that was issued for a shelter.",
        remedy="Choose the shelter from the list, so that its opaque code is used.",
    ),
    Rule(
        code="shelters.contact_beside_shelter",
        outcome=Outcome.NEEDS_SECOND_PERSON,
        check=_may_be_told_by_contact,
        statement="Contact data of somebody in a shelter is read by a second person: it may be its"
        " address.",
        sentence="The person lives in a shelter, and the message holds contact data.",
        remedy="Leave the contact fields out, or have an approver make sure that none of them "
        "tells where the shelter is.",
    ),
)
