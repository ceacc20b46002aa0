"""What the sender of data answered when it was asked whether its data may be passed on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg, pmsg
from node.domain.access import Principal
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.once import KeyUsedError
from node.service.onward_answers import (
    OnwardAnswer,
    handle_record_onward_answer,
    list_onward_answers,
)
from node.service.reading import MessageView, get_case, get_message
from node.service.records import IN
from node.web.cases.acting import do_once
from node.web.cases.words import STALE
from node.web.labels import say_type
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from node.web.states import Look
from node.web.terms import say_onward
from protocol.messages.head import CaseMessage

_LOOKS: Final[Mapping[bool, Look]] = {
    True: Look(pmsg("passing on", "Allowed"), "ok", "check"),
    False: Look(pmsg("passing on", "Not allowed"), "warn", "ban"),
}
_COUNT: Final = re.compile(r"\d{1,3}", re.ASCII)
_FIELDS: Final = ("target", "allowed", "answer_message")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A received message, and what can be chosen about it."""

    view: MessageView
    message: CaseMessage
    #: Every desk of the directory but the sender's: (identifier, words).
    desks: list[tuple[str, Message]]
    #: Later messages of the sender in the case.
    answers: list[tuple[str, Message | str]]


def create_passing_on_router(site: Site) -> APIRouter:
    """Build the page."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/onward/{message_id}")
    def show(request: Request, who: FocalPoint, message_id: str) -> Response:
        return _show(site, request, who, message_id)

    @router.post("/onward/{message_id}")
    def record(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        principal = site.principal(who)
        typed = {name: get_text(form, name) for name in _FIELDS}
        errors = _judge(_open(site, message_id, principal), typed)
        if not errors:
            seen, key = get_text(form, "seen"), get_text(form, "key")
            errors = _record(site, principal, message_id, typed=typed, seen=seen, key=key)
        if errors:
            return _show(site, request, who, message_id, typed=typed, errors=errors)
        return go_to(f"/onward/{message_id}")

    return router


def _open(site: Site, message_id: str, who: Principal) -> _Asked:
    view = get_message(site.context, message_id, who=who)
    item, message, names = view.item, view.message, site.names()
    if item.direction != IN or item.case_id is None or not isinstance(message, CaseMessage):
        raise NotFoundError("Nothing of this can be passed on: open a received message.")
    contacts = names.directory.contacts if names.directory else {}
    desks = [
        (
            str(desk.id),
            # Translators: a desk in a list, with its Participant
            msg("%(desk)s, %(participant)s", desk=desk.name, participant=names.participant(code)),
        )
        for code, listed in contacts.items()
        if code != item.peer
        for desk in listed.authorities
    ]
    later = [
        (each.message_id, say_type(each.type))
        for each in get_case(site.context, item.case_id, who=who).items
        if each.direction == IN
        and each.peer == item.peer
        and each.readable
        and each.message_id != message_id
        and each.stored_at >= item.stored_at
    ]
    return _Asked(view, message, desks, later)


def _judge(asked: _Asked, typed: Mapping[str, str]) -> dict[str, Message]:
    errors = dict[str, Message]()
    if typed["target"] not in dict(asked.desks):
        errors["target"] = msg("Choose the desk.")
    if typed["allowed"] not in {"yes", "no"}:
        errors["allowed"] = msg("Say what the sender answered.")
    return errors


def _record(  # noqa: PLR0913 - what is written down of which message, by whom, on which view
    site: Site,
    who: Principal,
    message_id: str,
    *,
    typed: Mapping[str, str],
    seen: str,
    key: str,
) -> dict[str, Message]:
    answer = OnwardAnswer(
        target=typed["target"],
        allowed=typed["allowed"] == "yes",
        answer_message=typed["answer_message"] or None,
    )
    try:
        do_once(
            site.context,
            lambda: handle_record_onward_answer(
                site.context,
                message_id,
                answer,
                who=who,
                seen=int(seen) if _COUNT.fullmatch(seen) else -1,
            ),
            actor=who.actor,
            key=key,
            asked=repr((message_id, sorted(typed.items()))),
        )
    except KeyUsedError:
        return {"target": msg("This form was sent already: look at the list, then send it again.")}
    except StaleError:
        return {"allowed": STALE}
    except (RefusedDraftError, NotFoundError) as error:
        return {"answer_message": say_refused(error)}
    return {}


def _show(  # noqa: PLR0913 - a message, and what was typed about it
    site: Site,
    request: Request,
    who: SignedIn,
    message_id: str,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, Message] | None = None,
) -> Response:
    principal = site.principal(who)
    asked = _open(site, message_id, principal)
    return site.page(
        request,
        "onward.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors or {},
        item=asked.view.item,
        what=say_type(asked.view.item.type),
        message=asked.message,
        onward=say_onward(asked.message.onward),
        desks=asked.desks,
        answers=asked.answers,
        recorded=list_onward_answers(site.context, message_id, who=principal),
        look_of=_LOOKS.get,
        typed=typed or dict.fromkeys(_FIELDS, ""),
    )
