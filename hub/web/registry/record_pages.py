"""Pages of records: who was listed when a message was sent, and who signed what is published."""

from typing import Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.dates import DateParts
from console.i18n import Message, msg
from contact_registry.errors import RegistryError
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.history.errors import OtherVersionError, VersionNotKeptError
from directory_pages.codes import offer, say
from hub.web.registry.listed import ListedQuestion, ListedView, answer_listed, read_question
from hub.web.registry.paging import Paging
from hub.web.registry.versions import describe_all_signed
from hub.web.site import Form, PageRoute, Reader, Site, get_text, go_to
from protocol.identifiers import Channel, Phase

SIGNATURES_PAGE: Final = 50
_LISTED: Final = "/listed"
_ASKED: Final = ("participant", "phase", "child", "channel", "version", "sha256")
_SENT: Final = ("sent_day", "sent_month", "sent_year", "sent_time")
_LONGEST_ANSWER: Final = 100


def create_record_router(site: Site) -> APIRouter:
    """Build the pages; every operator may read them."""
    router = APIRouter(route_class=PageRoute)
    looked_for = site.looked_for(_LISTED)

    @router.get(_LISTED)
    def show_listed(request: Request, who: Reader) -> Response:
        asked = looked_for.find(request, who=who)
        return _show_listed(site, request, FormData(dict(asked)) if asked else None)

    @router.post(_LISTED)
    def find_listed(request: Request, who: Reader, form: Form) -> Response:
        question, _ = read_question(form, zone=site.zone, now=site.context.clock())
        if question is None:
            return _show_listed(site, request, form)
        response = go_to(_LISTED)
        asked = {name: get_text(form, name)[:_LONGEST_ANSWER] for name in (*_ASKED, *_SENT)}
        looked_for.keep(response, asked, who=who)
        return response

    @router.get("/signing")
    def show_signing(request: Request, _who: Reader) -> Response:
        return _show_signing(site, request, 1)

    @router.get("/signing/page/{number}")
    def show_signing_page(request: Request, _who: Reader, number: int) -> Response:
        return _show_signing(site, request, number)

    return router


def _show_signing(site: Site, request: Request, number: int) -> Response:
    context, names = site.context, site.names()
    signed = context.reading.list_signed(context.repository)
    page = Paging.of(len(signed), number=number, size=SIGNATURES_PAGE)
    directory = context.registry.current()
    views = describe_all_signed(signed, now=context.clock(), name=names.participant)
    return site.page(
        request,
        "registry/signing.html",
        signed=page.take(views),
        directory=directory,
        code=make_verification_code(directory.version, directory.sha256),
        previous=page.address_before("/signing/page"),
        next=page.address_after("/signing/page"),
    )


def _show_listed(site: Site, request: Request, form: FormData | None = None) -> Response:
    names = site.names()
    view: ListedView | None = None
    errors: dict[str, Message] = {}
    if form is not None:
        question, errors = read_question(form, zone=site.zone, now=site.context.clock())
        if question is not None:
            view, errors = _answer(site, question)
    return site.page(
        request,
        "registry/listed.html",
        errors=errors,
        asked={name: get_text(form, name) if form else "" for name in _ASKED},
        sent=DateParts.from_form(form, "sent") if form else None,
        participants=[
            (entry.code, names.participant(entry.code))
            for entry in site.context.registry.current().participants
        ],
        phases=offer(Phase),
        channels=offer(Channel),
        view=view,
        say=say,
    )


def _answer(site: Site, question: ListedQuestion) -> tuple[ListedView | None, dict[str, Message]]:
    context = site.context
    try:
        history = context.reading.history(context.repository)
        return answer_listed(history, question), {}
    except OtherVersionError:
        return None, {
            "sha256": msg(
                "The registry never published this version with this hash: compare the hash with "
                "the sender by telephone. If it stays so, raise the alarm."
            )
        }
    except VersionNotKeptError:
        return None, {"version": msg("No such version was in force: check number and moment.")}
    except RegistryError:
        return None, {
            "version": msg("This version does not verify any more: restore the registry's files.")
        }
