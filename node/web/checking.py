"""What is wrong or missing in a message that is being written, screen by screen."""

from datetime import datetime

from console.dates import DateError
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.routing import Gap
from directory_pages.codes import LANGUAGES
from node.service.building import Asking, find_longest
from node.web.composition import Composition, Screen, is_reachable
from node.web.fields import FormField, explain_error
from node.web.labels import CODE_LABELS, say_code, say_known
from node.web.legal_basis import NEW, Basis
from node.web.purposes import Shape, find_plan, needs_personal_data
from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.codes import Formality, Urgency
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ExceptionGround, OnwardScope

Errors = dict[str, Message]
"""What to do about each field, by its name."""


def find_errors(
    composition: Composition, screen: Screen, *, directory: Directory, now: datetime
) -> Errors:
    """Say what is wrong or missing on a screen, in the order of its fields."""
    match screen:
        case Screen.LINK:
            return _find_link_errors(composition, directory)
        case Screen.DESK:
            return _find_desk_errors(composition, directory, now)
        case Screen.BASIS:
            return _find_basis_errors(composition, now)
        case _:
            return _find_form_errors(composition, screen)


def _find_form_errors(composition: Composition, screen: Screen) -> Errors:
    match screen:
        case Screen.PERSON:
            return _find_person_errors(composition)
        case Screen.FACTS:
            return _find_body_errors(composition, screen)
        case Screen.CONTENT:
            return _find_content_errors(composition)
        case _:
            return {}


def _find_link_errors(composition: Composition, directory: Directory) -> Errors:
    draft, errors, plan = composition.draft, Errors(), composition.plan
    if find_plan(draft.kind) is None:
        name = "what" if draft.kind else "purpose"
        errors[name] = msg("Choose what you want to do.")
    recipient = composition.recipient
    if not is_reachable(directory, recipient) or recipient == composition.participant:
        errors["participant"] = msg("Choose the Participant that it concerns.")
    errors |= _find_body_errors(composition, Screen.LINK)
    if plan.fixed_phase is None and draft.get("phase") not in set(Phase):
        errors["phase"] = msg("Choose the phase that it belongs to.")
    if draft.get("channel") and draft.get("channel") not in set(plan.channels):
        errors["channel"] = msg("This kind of message does not go through this channel.")
    if plan.is_about_person and draft.get("possibly_under_18") not in set(TriState):
        errors["possibly_under_18"] = msg("Say whether the person is under 18.")
    if plan.asks_danger and draft.get("danger_now") not in set(TriState):
        errors["danger_now"] = msg("Say whether the person is in danger now.")
    return errors


def _find_desk_errors(composition: Composition, directory: Directory, now: datetime) -> Errors:
    answer = composition.resolve_desk(directory, at=now)
    if isinstance(answer, Gap):
        return {
            "to_authority": msg(
                "There is no desk to write to: %(reason)s. Choose another Participant, or ask the "
                "registry operators.",
                reason=say_known(type(answer.reason_code), answer.reason_code),
            )
        }
    offered = {str(desk.id) for desk in (answer.authority, *answer.alternatives)}
    desk = composition.draft.get("to_authority")
    if desk not in offered:
        return {"to_authority": msg("Choose the desk to write to.")}
    longest = find_deadline(composition, directory, desk=desk, at=now)
    return _find_due_errors(composition, longest, now)


def find_deadline(
    composition: Composition,
    directory: Directory,
    *,
    desk: str,
    at: datetime,
    urgency: Urgency | None = None,
) -> datetime | None:
    """Say when an answer is due at the latest, as it will be when the message is sent.

    ``urgency``: nothing for the one that was chosen. Raises ``RefusedDraftError`` for a desk that
    is not listed.
    """
    entry = composition.plan.entry
    asking = Asking(
        entry,
        composition.plan.kind or entry.kinds[0],
        phase=composition.phase,
        urgency=urgency or composition.urgency,
        child=composition.is_child,
    )
    pair = (composition.participant, ParticipantCode(composition.recipient))
    return find_longest(directory, asking, pair=pair, to_authority=desk, at=at)


def _find_due_errors(composition: Composition, longest: datetime | None, now: datetime) -> Errors:
    """Judge until when an answer is wanted: the rules may be shortened, never lengthened."""
    if not composition.expects_answer:
        return {}
    try:
        due = composition.terms.parse_due()
    except DateError as error:
        return {"answer_by": error.message}
    if due is not None and due <= now:
        return {"answer_by": msg("An answer is due in the future: choose a later moment.")}
    if due is not None and longest is not None and due > longest:
        return {
            "answer_by": msg(
                "This is later than the rules allow: choose an earlier moment, or leave it empty."
            )
        }
    return {}


def _find_body_errors(composition: Composition, screen: Screen) -> Errors:
    """Judge the whole body, and say what of it is wrong on this screen."""
    form = composition.screen_form(screen)
    if form is None or not form.parts:
        return {}
    return {
        name: error
        for name, error in composition.whole_form().find_errors().items()
        if form.owns(name)
    }


def _find_person_errors(composition: Composition) -> Errors:
    """Ask for every field of the child's part: a model can only ask for the part as a whole."""
    form = composition.screen_form(Screen.PERSON)
    left_open = [leaf for leaf in form.fields if not form.value(leaf.name)] if form else []
    return {
        **{leaf.name: explain_error(leaf, "missing") for leaf in left_open},
        **_find_body_errors(composition, Screen.PERSON),
    }


def _find_content_errors(composition: Composition) -> Errors:
    errors = _find_body_errors(composition, Screen.CONTENT)
    form = composition.screen_form(Screen.CONTENT)
    halves = {"question", "information"} & set(composition.plan.body.model_fields)
    if halves and form is not None and form.fields and not halves & set(composition.body()):
        errors[form.fields[0].name] = msg("Fill in what you ask, or what you tell.")
    has_none = composition.classes() and not composition.sendable()
    if (has_none and needs_personal_data(composition.plan)) or composition.is_basis_too_narrow():
        errors["basis"] = msg("This message is about the person: choose another legal basis.")
    return errors


def _find_basis_errors(composition: Composition, now: datetime) -> Errors:
    kind, errors = composition.basis.kind, Errors()
    match kind:
        case None:
            return {"basis": msg("Choose the legal basis.")}
        case Basis.CONSENT:
            errors |= _find_consent_errors(composition, now)
        case Basis.EXCEPTION:
            errors |= _find_exception_errors(composition)
        case _ if composition.plan.shape is Shape.TEXT:
            return {"basis": msg("Free text may speak of the person: it needs consent.")}
        case _ if needs_personal_data(composition.plan):
            return {"basis": msg("This message is about the person: choose another legal basis.")}
    errors |= _find_formality_errors(composition) | find_onward_errors(composition)
    return _find_body_errors(composition, Screen.BASIS) | errors


def find_onward_errors(composition: Composition) -> Errors:
    """Say what is wrong with what the other side may pass on."""
    terms = composition.terms
    if not composition.has_personal_basis or terms.scope is not OnwardScope.LISTED_AUTHORITIES:
        return {}
    known = {desk for desk, _ in composition.around.their_desks}
    if not terms.authorities or set(terms.authorities) - known:
        return {"onward_authorities": msg("Tick at least one desk, or choose another answer.")}
    return {}


def _find_formality_errors(composition: Composition) -> Errors:
    is_formal = composition.formality is Formality.FORMAL
    if is_formal and not composition.draft.get("instrument").strip():
        return {"instrument": msg("Name the instrument under which it is sent.")}
    return {}


def _find_consent_errors(composition: Composition, now: datetime) -> Errors:
    draft, errors, basis = composition.draft, Errors(), composition.basis
    if basis.filed is None:
        if basis.consents and draft.get("consent_record") != NEW:
            errors["consent_record"] = msg("Choose a consent on file, or record a new one.")
        if draft.get("given_by") not in {value for value, _ in composition.givers()}:
            errors["given_by"] = msg("Say who gave the consent.")
        try:
            if basis.given_at.parse_moment(composition.zone) > now:
                errors["given_at"] = msg("The consent was given in the past: check the day.")
        except DateError as error:
            errors["given_at"] = error.message
        if draft.get("explained_in") not in LANGUAGES:
            errors["explained_in"] = msg("Say in which language it was explained.")
        covered = set(draft.list("classes"))
        if not covered or covered - set(CODE_LABELS[Sensitivity]):
            errors["classes"] = msg("Choose what the signed consent covers.")
        for leaf in _list_uncovered(composition):
            errors[leaf.name] = msg(
                "The consent does not cover this: empty %(field)s, or tick %(mark)s if the signed "
                "form covers it.",
                field=leaf.label,
                mark=say_code(leaf.sensitivity),
            )
    return errors


def _list_uncovered(composition: Composition) -> list[FormField]:
    form = composition.screen_form(Screen.BASIS)
    covered = composition.basis.classes | {Sensitivity.NONE}
    return [] if form is None else form.withheld(frozenset(covered))


def _find_exception_errors(composition: Composition) -> Errors:
    draft, errors, basis = composition.draft, Errors(), composition.basis
    if basis.ground is None:
        errors["ground"] = msg("Say which exception it is.")
    elif basis.ground is ExceptionGround.BEST_INTEREST_OF_THE_CHILD and not composition.is_child:
        errors["ground"] = msg("The best interest of the child is a ground for children only.")
    if not basis.text("justification"):
        errors["justification"] = msg("Write down why it cannot wait for consent.")
    if draft.get("person_told") not in set(TriState):
        errors["person_told"] = msg("Say whether the person was told.")
    elif draft.get("person_told") != TriState.YES and not basis.text("reason_not_told"):
        errors["reason_not_told"] = msg("Write down why the person was not told.")
    return errors
