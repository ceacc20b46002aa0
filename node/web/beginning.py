"""Beginning a message from another page: a case, a message, a desk of the directory, a gate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from console.accounts.models import SignedIn
from contact_registry.routing import Gap, resolve
from node.domain.access import Principal
from node.service.consent.circumstances import get_circumstances
from node.service.consent.records import list_consents
from node.service.context import NodeContext, NotFoundError
from node.service.drafts import OpenDraft, find_sent, handle_save_draft, load_draft
from node.service.reading import get_case, load_view
from node.service.records import ErasedError, find_case
from node.web.desks import describe_post
from node.web.legal_basis import Basis, find_usable
from node.web.purposes import PLANS, Plan, find_plan
from node.web.return_answers import fill_in_return
from node.web.site import Site
from protocol.identifiers import Channel, ParticipantCode, Phase, parse_case_reference
from protocol.messages.codes import Kind
from protocol.messages.fields import TriState
from protocol.messages.head import CaseMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a message is begun with."""

    #: A type of the catalogue that people send.
    tag: str
    #: Needed for types that can ask or tell.
    kind: Kind | None = None
    #: Nothing: asked on the first screen.
    participant: str = ""
    case_reference: str | None = None
    #: The desk that is chosen unless somebody chooses another one.
    to_authority: str = ""
    #: The message of this node that it follows.
    in_reply_to: str = ""
    #: Only of a type that leaves it open.
    phase: Phase | None = None
    channel: Channel | None = None
    #: Whether it rests on the consent of the case, if one alone on file counts for it.
    rests_on_file: bool = False
    #: What is filled in already, by the name of the field.
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)


def begin_message(site: Site, beginning: Beginning, *, draft_id: str, who: SignedIn) -> str:
    """Keep a draft under ``draft_id`` and return the address where it goes on.

    The same identifier again leads to what is being written, or was sent of it. Raises
    ``NotFoundError`` for a type that is not begun like this.
    """
    principal = site.principal(who)
    return keep_draft(
        site,
        lambda: _make_draft(site, beginning, draft_id=draft_id, who=principal),
        draft_id=draft_id,
        who=who,
    )


def keep_draft(site: Site, make: Callable[[], OpenDraft], *, draft_id: str, who: SignedIn) -> str:
    """Keep what ``make`` begins under ``draft_id``, once; return the address where it goes on."""
    account_id = who.account.id
    sent = find_sent(site.context, draft_id, account_id=account_id)
    if sent is not None:
        return f"/sent/{sent.message_id}"
    try:
        load_draft(site.context, draft_id, account_id=account_id)
    except NotFoundError:
        handle_save_draft(site.context, make(), account_id=account_id)
    # A draft without this screen leads on to its own first one.
    return f"/new/{draft_id}/link"


def _make_draft(site: Site, beginning: Beginning, *, draft_id: str, who: Principal) -> OpenDraft:
    plan = find_plan(f"{beginning.tag}:{beginning.kind}" if beginning.kind else beginning.tag)
    if plan is None:
        raise NotFoundError("There is no such kind of message: open the case and begin again.")
    answers = _fill_in(site, beginning, plan, who=who)
    answers |= {name: tuple(values) for name, values in beginning.answers.items()}
    given = {
        "participant": beginning.participant,
        "to_authority": beginning.to_authority,
        "in_reply_to": beginning.in_reply_to,
        "phase": beginning.phase or "",
        "channel": beginning.channel or "",
        "is_fixed": "yes" if beginning.participant else "",
    }
    answers |= {name: (str(value),) for name, value in given.items() if value}
    if beginning.case_reference and plan.is_about_person and "possibly_under_18" not in answers:
        answers |= _find_age(site, beginning.case_reference, who=who)
    if beginning.rests_on_file:
        answers |= _rest_on_file(site, beginning, plan, who=who)
    return OpenDraft(
        draft_id=draft_id,
        kind=name_kind(plan),
        case_reference=beginning.case_reference,
        answers=answers,
    )


def name_kind(plan: Plan) -> str:
    """Return how a draft says what is written."""
    usual = next((purpose for purpose, known in PLANS.items() if known == plan), None)
    return usual.value if usual else plan.value


def _rest_on_file(
    site: Site, beginning: Beginning, plan: Plan, *, who: Principal
) -> dict[str, tuple[str, ...]]:
    """Choose the consent that counts for this recipient and phase; of several, somebody chooses."""
    if not beginning.case_reference:
        return {}
    with site.context.database.reading() as session:
        row = find_case(session, parse_case_reference(beginning.case_reference))
    if row is None:
        return {}
    phase = plan.fixed_phase or beginning.phase or Phase.IDENTIFICATION
    consents = list_consents(site.context, row.case_id, who=who)
    usable = find_usable(consents, recipient=beginning.participant, phase=phase)
    if len(usable) != 1:
        return {}
    return {"basis": (Basis.CONSENT.value,), "consent_record": (usable[0].consent_id,)}


def _fill_in(
    site: Site, beginning: Beginning, plan: Plan, *, who: Principal
) -> dict[str, tuple[str, ...]]:
    """Give what nobody has to type again: our desk, and what the case says of a return."""
    answers = dict[str, tuple[str, ...]]()
    if "case_manager" in plan.body.model_fields:
        phase = plan.fixed_phase or beginning.phase or Phase.IDENTIFICATION
        answers |= fill_in_our_side(site.context, phase)
    if beginning.case_reference:
        with site.context.database.reading() as session:
            row = find_case(session, parse_case_reference(beginning.case_reference))
        if row is not None:
            answers |= fill_in_return(
                site,
                row.case_id,
                plan,
                peer=beginning.participant,
                channel=beginning.channel or plan.usual_channel,
                who=who,
            )
    return answers


def fill_in_our_side(context: NodeContext, phase: Phase) -> dict[str, tuple[str, ...]]:
    """Fill in the case manager from our desk's entry, so that nobody types it again.

    Our own desk need not be reachable by telephone: :func:`node.service.building.find_own_desk`.
    """
    desk = resolve(
        context.directory.current(),
        participant=ParticipantCode(context.participant),
        phase=phase,
        at=context.clock(),
    )
    if isinstance(desk, Gap):
        known = describe_post(desk.candidates[0]) if desk.candidates else {}
    else:
        known = describe_post(desk.authority)
    return {f"case_manager-{name}": (value,) for name, value in known.items() if value}


def _find_age(site: Site, reference: str, *, who: Principal) -> dict[str, tuple[str, ...]]:
    """Say whether the case is a child's, as far as its messages and records say."""
    with site.context.database.reading() as session:
        row = find_case(session, parse_case_reference(reference))
    if row is None:
        return {}
    known = get_circumstances(site.context, row.case_id, who=who).circumstances
    if known.treated_as_child:
        return {"possibly_under_18": (TriState.YES.value,)}
    case = get_case(site.context, row.case_id, who=who)
    for item in reversed([item for item in case.items if item.readable]):
        try:
            message = load_view(site.context, item.message_id, who=who).message
        except ErasedError:  # an earlier one may say it
            continue
        if isinstance(message, CaseMessage) and _is_about_person(message.type):
            age = TriState.YES if message.body.treated_as_child else TriState.NO
            return {"possibly_under_18": (age.value,)}
    return {}


def _is_about_person(tag: str) -> bool:
    plan: Plan | None = find_plan(tag)
    if plan is None:
        plan = find_plan(f"{tag}:{Kind.REQUEST}") or find_plan(f"{tag}:{Kind.NOTIFICATION}")
    return plan is not None and plan.is_about_person
