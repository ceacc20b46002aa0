"""What has to be known to decide whether a message may be sent. Plain values, no rules.

Whoever asks fills these in: the message speaks for itself
(:func:`~protocol.policy.gathering.gather_message_facts`), the node knows case, consent and people,
the registry knows authorities and agreements. A fact that nobody established keeps its default, and
the defaults are the cautious answer. Moments are aware, in UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase
from protocol.messages.codes import Formality, GuardianSituation, Kind, PersonGroup, Urgency
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver, ExceptionGround, OnwardScope
from protocol.messages.return_gates import ReturnGate
from protocol.policy.agreements import Agreement

T = TypeVar("T")

IDENTIFYING: Final = frozenset({Sensitivity.IDENTITY, Sensitivity.CONTACT})
"""What points at one person: the name and every other identifier, telephone and address included.

These leave only under an agreement *and* written consent.
"""


class Role(StrEnum):
    """What a person of a node may do."""

    FOCAL_POINT = "focal_point"
    APPROVER = "approver"
    NODE_ADMIN = "node_admin"
    AUDITOR = "auditor"
    DIRECTORY_EDITOR = "directory_editor"


class Staleness(StrEnum):
    """How old the verified registry is. A grade, so that it warns long before it stops."""

    FRESH = "fresh"
    STALE = "stale"
    TOO_OLD = "too_old"


class Basis(StrEnum):
    """The legal basis that the message claims."""

    CONSENT = "consent"
    EXCEPTION = "exception"
    NO_PERSONAL_DATA = "no_personal_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentClaim:
    """What the message tells the recipient of the consent that it rests on."""

    given_by: ConsentGiver
    given_at: datetime
    explained_in: str
    classes: frozenset[Sensitivity]
    phases: frozenset[Phase]
    recipients: frozenset[ParticipantCode]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What the message says of itself.

    ``classes`` leaves ``none`` out. ``ground`` and ``claims_person_told`` are there under an
    exception, ``claim`` under consent. ``answers`` is the tag that a typed answer answers, and
    ``guardian`` what the body says of who acts for a child.
    """

    type: str
    kind: Kind
    phase: Phase
    channel: Channel
    sender: ParticipantCode
    recipient: ParticipantCode
    from_authority: AuthorityId
    to_authority: AuthorityId
    formality: Formality
    instrument: str | None
    urgency: Urgency
    classes: frozenset[Sensitivity]
    treated_as_child: bool
    basis: Basis
    ground: ExceptionGround | None = None
    claim: ConsentClaim | None = None
    claims_person_told: TriState | None = None
    answers: str | None = None
    guardian: GuardianSituation | None = None
    #: A file of which its sender says that it holds no personal data.
    has_unclassed_file: bool = False
    #: Name, birth date or contact of a suspect who is a relative or partner of the person.
    names_suspected_relative: bool = False
    shelter_codes: frozenset[str] = frozenset()
    forwarded_to: AuthorityId | None = None
    #: Conditions of a return that the message itself says are not met.
    unmet_gates: frozenset[ReturnGate] = frozenset()
    is_under_way: bool = False

    @property
    def holds_identifiers(self) -> bool:
        """Whether something in it points at one person."""
        return bool(self.classes & IDENTIFYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at the sender's node. ``name`` is the account, never shown in a decision."""

    name: str
    roles: frozenset[Role]
    channels: frozenset[Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A second person's word. It is for one content: a changed draft is approved again."""

    by: Person
    is_of_this_content: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """One consent as the sender holds it: free, informed, written, on file, and for what.

    ``reference`` is the sender's own name for the record. ``explained_in`` is the language it was
    explained in, ``None`` if nobody wrote that down. ``child_informed`` means in a way that fits
    the child's age. ``giver_is_suspect`` matters where another than the person gave it. Somebody
    who withdraws a part only gives a new, narrower consent: the old record is withdrawn whole.
    """

    reference: str
    given_by: ConsentGiver
    given_at: datetime
    classes: frozenset[Sensitivity]
    phases: frozenset[Phase]
    recipients: frozenset[ParticipantCode]
    explained_in: str | None = None
    is_free: bool = False
    is_informed: bool = False
    is_written: bool = False
    is_on_file: bool = False
    giver_is_suspect: TriState = TriState.UNKNOWN
    child_informed: bool = False
    withdrawn_at: datetime | None = None

    def is_for(self, phase: Phase, recipient: ParticipantCode) -> bool:
        """Whether it speaks of this phase and this recipient."""
        return phase in self.phases and recipient in self.recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRecord:
    """Why something is sent without consent, as the sender holds it."""

    ground: ExceptionGround
    justification: str = ""
    person_told: TriState = TriState.UNKNOWN
    reason_not_told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Competence:
    """One thing that an authority is competent for. ``groups``: adults, children, or both."""

    phase: Phase
    channel: Channel
    groups: frozenset[PersonGroup] = frozenset(PersonGroup)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityListing:
    """An authority as the registry lists it at this moment.

    ``is_valid``: its entry holds today, where it is. ``is_confirmed``: the Participant itself
    answers for the entry, not only the operators. ``is_last_resort``: routing named it because
    nobody listed for the phase and channel can be reached.
    """

    authority: AuthorityId
    is_valid: bool
    competences: frozenset[Competence]
    is_confirmed: bool = False
    is_last_resort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFacts:
    """What the verified registry says. ``None``: not listed."""

    staleness: Staleness = Staleness.TOO_OLD
    sender: AuthorityListing | None = None
    recipient: AuthorityListing | None = None
    agreements: tuple[Agreement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What the sender knows of the case beyond this message."""

    treated_as_child: bool = False
    guardian_appointed: bool = False
    guardian_is_case_manager: bool = False
    in_shelter: bool = False
    in_witness_protection: bool = False
    #: The authority whose message this one answers (``in_reply_to``); ``None``: it answers none.
    asked_by: AuthorityId | None = None
    #: The channel of the message that this one names in ``in_reply_to``.
    replies_in: Channel | None = None
    #: Codes that software issued for shelters, or that came from others in this case.
    shelter_codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFacts:
    """How far a return is prepared.

    ``reception_confirmed`` and ``notice_acknowledged`` are the recipient's human answers, not
    machine receipts. ``is_under_way``: the person travels, or will whatever this side does.
    ``foreign_checks_done``: the six checks before the return of a foreign person, or the person is
    none.
    """

    decision_recorded: bool = False
    is_voluntary: bool = False
    risk_assessed: bool = False
    foreign_checks_done: bool = False
    reception_confirmed: bool = False
    is_under_way: bool = False
    notice_acknowledged: bool = False
    best_interest_assessed: bool = False
    is_to_family: bool = False
    family_assessed: bool = False
    person_agrees_to_family: bool = False
    family_agrees: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardFacts:
    """What is passed on of what another Participant sent, and what that one allowed.

    ``classes`` are the kinds of data passed on, also where they are handed over beside the message
    (a decision "forwarded"). The purpose of data is the phase and the channel it was sent in, and
    the further phases that its consent named: ``allowed_phases`` and ``source_channel``.
    ``scope`` and ``allowed_authorities`` are the onward rule of the message that brought the data;
    ``was_asked_and_allowed``: its sender answered yes, for this target. ``is_target_listed`` and
    ``is_target_competent``: what the registry says today, for this phase and channel.
    """

    classes: frozenset[Sensitivity]
    source_channel: Channel
    allowed_classes: frozenset[Sensitivity] = frozenset()
    allowed_phases: frozenset[Phase] = frozenset()
    scope: OnwardScope = OnwardScope.ASK_FIRST
    allowed_authorities: frozenset[AuthorityId] = frozenset()
    was_asked_and_allowed: bool = False
    is_target_listed: bool = False
    is_target_competent: bool = False
    consent_withdrawn: bool = False
    is_recorded: bool = False
    report_back_arranged: bool = False
    case_manager_approved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision rests on. ``at`` is the moment of sending."""

    message: MessageFacts
    author: Person
    at: datetime
    registry: RegistryFacts
    case: CaseFacts = field(default_factory=CaseFacts)
    consents: tuple[ConsentRecord, ...] = ()
    exception: ExceptionRecord | None = None
    approval: Approval | None = None
    returning: ReturnFacts = field(default_factory=ReturnFacts)
    onward: OnwardFacts | None = None
    #: What was worked out of these facts. Not one of them.
    _found: dict[Callable[..., Any], Any] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def work_out(self, find: "Callable[[Facts], T]") -> T:
        """Return what ``find`` says of these facts, asking it once: many rules ask the same."""
        if find not in self._found:
            self._found[find] = find(self)
        found: T = self._found[find]
        return found

    @property
    def about_child(self) -> bool:
        """Whether the rules for children apply: the message or the case says so."""
        return self.message.treated_as_child or self.case.treated_as_child

    @property
    def is_reply(self) -> bool:
        """Whether it goes back to the authority that wrote first."""
        return self.case.asked_by == self.message.to_authority

    @property
    def is_under_way(self) -> bool:
        """Whether the person of a return travels already: the message or the case says so."""
        return self.message.is_under_way or self.returning.is_under_way

    @property
    def person_group(self) -> PersonGroup:
        """As the registry asks it."""
        return PersonGroup.CHILD if self.about_child else PersonGroup.ADULT

    @property
    def onward_target(self) -> AuthorityId:
        """Who gets what is passed on: whom a decision forwards to, else the recipient."""
        return self.message.forwarded_to or self.message.to_authority
