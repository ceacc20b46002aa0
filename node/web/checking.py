"""What is wrong or missing in a message that is being written, screen by screen."""

import json
from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from console.dates import DateError
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.routing import Gap
from directory_pages.codes import LANGUAGES
from node.web.composition import Basis, Composition, Purpose, Screen, is_reachable
from node.web.fields import FormField, explain_date, explain_error
from node.web.labels import CODE_LABELS, say_known
from protocol.messages.fields import Sensitivity, TriState

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
        case Screen.FACTS:
            return _find_body_errors(composition, composition.fact_fields())
        case Screen.BASIS:
            return _find_basis_errors(composition, now)
        case _:
            return {}


def _find_link_errors(composition: Composition, directory: Directory) -> Errors:
    draft, errors = composition.draft, Errors()
    if draft.kind not in {Purpose.NOTIFICATION, Purpose.REFERRAL}:
        errors["purpose"] = msg("Choose what you want to do.")
    recipient = composition.recipient
    if not is_reachable(directory, recipient) or recipient == composition.participant:
        errors["participant"] = msg("Choose the Participant that it concerns.")
    if composition.purpose is Purpose.NOTIFICATION:
        errors |= _find_body_errors(composition, composition.tie_fields())
    if draft.get("possibly_under_18") not in set(TriState):
        errors["possibly_under_18"] = msg("Say whether the person is under 18.")
    if draft.get("danger_now") not in set(TriState):
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
    if composition.draft.get("to_authority") not in offered:
        return {"to_authority": msg("Choose the desk to write to.")}
    return {}


def _find_body_errors(composition: Composition, fields: Sequence[FormField]) -> Errors:
    # The desk of the case manager is filled in when the message is sent.
    body = composition.body(our_desk=f"{composition.participant}-desk")
    try:
        composition.plan.body.model_validate_json(json.dumps(body))
    except ValidationError as error:
        found = [(tuple(map(str, item["loc"])), item["type"]) for item in error.errors()]
        answers, zone = composition.draft.answers, composition.zone
        return {
            field.name: explain_date(field, answers, zone=zone) or explain_error(field, kind)
            for field in fields
            for place, kind in reversed(found)
            if place and place[: len(field.path)] == field.path[: len(place)]
        }
    return {}


def _find_basis_errors(composition: Composition, now: datetime) -> Errors:
    if composition.draft.get("basis") not in set(Basis):
        return {"basis": msg("Choose the legal basis.")}
    if composition.has_consent:
        return _find_consent_errors(composition, now)
    if composition.purpose is Purpose.MESSAGE:
        return {"basis": msg("Free text may speak of the person: it needs consent.")}
    return {}


def _find_consent_errors(composition: Composition, now: datetime) -> Errors:
    draft, errors = composition.draft, Errors()
    if draft.get("given_by") not in {value for value, _ in composition.givers()}:
        errors["given_by"] = msg("Say who gave the consent.")
    try:
        if composition.date_parts("given_at").parse_moment(composition.zone) > now:
            errors["given_at"] = msg("The consent was given in the past: check the day.")
    except DateError as error:
        errors["given_at"] = error.message
    if draft.get("explained_in") not in LANGUAGES:
        errors["explained_in"] = msg("Say in which language it was explained.")
    covered = set(draft.list("classes"))
    if not covered or covered - set(CODE_LABELS[Sensitivity]):
        errors["classes"] = msg("Choose what the signed consent covers.")
    for field in composition.consent_fields():
        if composition.is_filled(field) and field.sensitivity not in covered:
            errors[field.name] = msg(
                "The consent does not cover this: empty %(field)s, or tick %(mark)s if the signed "
                "form covers it.",
                field=field.label,
                mark=say_known(Sensitivity, field.sensitivity),
            )
    return _find_body_errors(composition, composition.consent_fields()) | errors
