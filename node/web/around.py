"""In what a message is written: whose it is, and what directory and case say now."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from node.domain.access import Principal
from node.web.fields import Offers
from node.web.legal_basis import FiledConsent
from node.web.terms import PassableMessage
from protocol.identifiers import ParticipantCode
from protocol.messages.fields import Sensitivity


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """In what a message is written: whose it is, and what directory and case say now."""

    participant: ParticipantCode
    zone: ZoneInfo
    #: Who writes.
    who: Principal
    #: Our desk, which every case manager on our side belongs to.
    own_desk: str = ""
    #: The identifying classes that an agreement with the recipient allows, in this phase, today.
    agreed: frozenset[Sensitivity] = frozenset()
    #: Consents on file in the case that name this recipient and phase.
    consents: tuple[FiledConsent, ...] = ()
    #: The case's rules for children apply, by what is known of it.
    is_child_case: bool = False
    #: It is noted in the case that the best interest of the child was assessed.
    is_best_interest_known: bool = False
    #: The recipient's desks, by their identifiers.
    their_desks: tuple[tuple[str, str], ...] = ()
    #: What came in the case from others than the recipient, and can be passed on.
    passable: tuple[PassableMessage, ...] = ()
    #: What can be chosen where a field names a Participant, a desk or a message.
    offers: Offers = field(default_factory=dict)
