"""In what a message is written: agreements, consents on file, what can be chosen in its fields."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from console.i18n import Message
from contact_registry.directory import Directory
from contact_registry.terms import load_agreements
from node.domain.access import Permission, Principal
from node.service.building import Wanted, find_own_desk
from node.service.consent.circumstances import get_circumstances
from node.service.consent.records import list_consents
from node.service.consent.shelters import list_shelters
from node.service.context import NodeContext, NotFoundError, RefusedDraftError
from node.service.drafts import OpenDraft
from node.service.reading import Item, get_case
from node.service.records import IN, find_case
from node.web.around import Surroundings
from node.web.composition import Composition
from node.web.fields import SHELTER_CODE, Offers
from node.web.legal_basis import FiledConsent, find_usable
from node.web.naming_messages import name_messages
from node.web.site import Site
from node.web.terms import PassableMessage
from protocol.identifiers import ParticipantCode, Phase, parse_case_reference
from protocol.messages.describing import ValueKind
from protocol.messages.fields import Sensitivity
from protocol.policy.facts import IDENTIFYING


def find_agreed(
    directory: Directory,
    pair: tuple[ParticipantCode, ParticipantCode],
    *,
    phase: Phase,
    at: datetime,
) -> frozenset[Sensitivity]:
    """Return the identifying classes that these two agreed on, for a phase, as of a day in UTC."""
    return frozenset(
        mark
        for agreement in load_agreements(directory)
        if phase in agreement.phases and agreement.is_in_force(*pair, on=at.date())
        for mark in agreement.classes & IDENTIFYING
    )


def surround(site: Site, draft: OpenDraft, *, who: Principal) -> Composition:
    """Put what is being written into what directory and case say now.

    Raises ``NotFoundError`` for a case that is not there for who writes.
    """
    context, directory = site.context, site.context.directory.current()
    plain = Surroundings(participant=context.participant, zone=site.zone, who=who)
    bare = Composition(draft, plain)
    case = _CaseFacts.load(context, draft, who=who, recipient=bare.recipient, phase=bare.phase)
    agreed = frozenset[Sensitivity]()
    if bare.recipient:
        pair = (context.participant, ParticipantCode(bare.recipient))
        agreed = find_agreed(directory, pair, phase=bare.phase, at=context.clock())
    around = Surroundings(
        participant=context.participant,
        zone=site.zone,
        who=who,
        own_desk=_name_own_desk(site, directory, Composition(draft, case.lay_over(plain))),
        agreed=agreed,
        consents=case.consents,
        is_child_case=case.is_child,
        is_best_interest_known=case.is_best_interest_known,
        their_desks=_list_desks(directory, bare.recipient),
        passable=case.passable,
        offers=_list_offers(site, directory, bare.recipient, case, who=who),
    )
    return Composition(draft, around)


class _CaseFacts:
    """What the case of a draft says; nothing for a case that is opened with it."""

    def __init__(self) -> None:
        self.is_child = self.is_best_interest_known = False
        self.shelter_codes: tuple[str, ...] = ()
        self.passable: tuple[PassableMessage, ...] = ()
        self.consents: tuple[FiledConsent, ...] = ()
        #: What went between both sides, the newest first: an answer is named in what follows it.
        self.messages: list[Item] = []

    @classmethod
    def load(
        cls,
        context: NodeContext,
        draft: OpenDraft,
        *,
        who: Principal,
        recipient: str,
        phase: Phase,
    ) -> "_CaseFacts":
        facts = cls()
        if not draft.case_reference or not who.may(Permission.READ_CASES):
            return facts
        with context.database.reading() as session:
            row = find_case(session, parse_case_reference(draft.case_reference))
        if row is None:
            raise NotFoundError("The case of this draft is not here any more: begin a new message.")
        known = get_circumstances(context, row.case_id, who=who).circumstances
        facts.is_child = known.treated_as_child
        facts.is_best_interest_known = known.best_interest_assessed
        facts.shelter_codes = known.shelter_codes
        consents = list_consents(context, row.case_id, who=who)
        facts.consents = find_usable(consents, recipient=recipient, phase=phase)
        case = get_case(context, row.case_id, who=who)
        facts.messages = [
            item for item in reversed(case.items) if item.peer == recipient and item.readable
        ]
        facts.passable = tuple(
            PassableMessage(item.message_id, item.type, item.peer)
            for item in reversed(case.items)
            if item.peer != recipient and item.direction == IN and item.readable
        )
        return facts

    def lay_over(self, plain: Surroundings) -> Surroundings:
        """Say what decides about the desk."""
        return replace(plain, is_child_case=self.is_child)


def _name_own_desk(site: Site, directory: Directory, composition: Composition) -> str:
    """Name our desk for the form; sending names it again, and says so if there is none."""
    try:
        return find_desk_of_ours(site.context, directory, composition)
    except RefusedDraftError:
        return f"{site.context.participant}-desk"


def find_desk_of_ours(context: NodeContext, directory: Directory, composition: Composition) -> str:
    """Return our competent desk; raises ``RefusedDraftError`` with the reason if there is none."""
    wanted = Wanted(composition.phase, channel=composition.channel, child=composition.is_child)
    return find_own_desk(
        directory, participant=context.participant, wanted=wanted, at=context.clock()
    )


def _list_desks(directory: Directory, participant: str) -> tuple[tuple[str, str], ...]:
    contacts = directory.contacts.get(ParticipantCode(participant)) if participant else None
    return tuple((str(desk.id), desk.name) for desk in contacts.authorities) if contacts else ()


def _list_shelters(
    site: Site, case: _CaseFacts, *, who: Principal
) -> list[tuple[str, Message | str]]:
    """List the codes that may be named: ours with their shelters, and those that came."""
    if not who.may(Permission.WORK_CASES):
        return []
    ours = [
        (each.code, f"{each.code} ({each.name})") for each in list_shelters(site.context, who=who)
    ]
    known = {code for code, _ in ours}
    return [*ours, *((code, code) for code in case.shelter_codes if code not in known)]


def _list_offers(
    site: Site, directory: Directory, recipient: str, case: _CaseFacts, *, who: Principal
) -> Offers:
    names = site.names()
    own = site.context.participant
    desks = [*_list_desks(directory, own), *_list_desks(directory, recipient)]
    offers: dict[str, Sequence[tuple[str, Message | str]]] = {
        ValueKind.PARTICIPANT: [
            (e.code, names.participant(e.code)) for e in directory.participants
        ],
        ValueKind.AUTHORITY: desks,
        ValueKind.MESSAGE: name_messages(case.messages, names),
        SHELTER_CODE: _list_shelters(site, case, who=who),
    }
    return {kind: choices for kind, choices in offers.items() if choices}
