"""The page that gives the contact list as a file, of any version and in each language."""

from datetime import date

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.digits import read_number
from console.i18n import Message, msg
from console.request_state import get_request_state
from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.exporting.wording import PrintLanguage
from contact_registry.history.errors import VersionNotKeptError
from hub.audit.actions import Action
from hub.context import NotFoundError
from hub.web.registry.exports import (
    FORMAT_NAMES,
    ExportFormat,
    LettersMissingError,
    export_file,
    list_languages,
)
from hub.web.site import Form, PageRoute, Reader, Site, get_text


def create_export_router(site: Site) -> APIRouter:
    """Build the page; every operator may take the list, and the log says who did."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/export")
    def show(request: Request, _who: Reader) -> Response:
        return _show(site, request, site.context.registry.current())

    @router.get("/export/{version}")
    def show_version(request: Request, _who: Reader, version: int) -> Response:
        return _show(site, request, _load(site, version))

    @router.post("/export")
    def export(request: Request, who: Reader, form: Form) -> Response:
        return _export(site, request, form, actor=str(who.account.id))

    return router


def _load(site: Site, version: int) -> Directory:
    context = site.context
    current = context.registry.current()
    if version == current.version:
        return current
    try:
        history = context.reading.history(context.repository)
        return history.load_as_of(version)
    except VersionNotKeptError as error:
        raise NotFoundError(str(error)) from error


def _find_day(site: Site, directory: Directory) -> date:
    """Return the day whose desks are listed: today, or the day of a past version."""
    current = site.context.registry.current()
    moment = site.context.clock() if directory == current else directory.verified_at
    return moment.astimezone(site.zone).date()


def _show(
    site: Site,
    request: Request,
    directory: Directory,
    *,
    errors: dict[str, Message] | None = None,
    form: FormData | None = None,
) -> Response:
    language = get_request_state(request).language
    return site.page(
        request,
        "registry/export.html",
        errors=errors or {},
        directory=directory,
        code=make_verification_code(directory.version, directory.sha256),
        day=_find_day(site, directory),
        formats=[(form.value, *words) for form, words in FORMAT_NAMES.items()],
        languages_of_list=list_languages(),
        chosen=get_text(form, "format") if form else ExportFormat.PDF.value,
        language_of_list=get_text(form, "language_of_list") if form else language.value,
    )


def _export(site: Site, request: Request, form: FormData, *, actor: str) -> Response:
    version = read_number(get_text(form, "version"))
    if version is None:
        raise NotFoundError("There is no such version: open the page again.")
    directory = _load(site, version)
    chosen, language = get_text(form, "format"), get_text(form, "language_of_list")
    errors: dict[str, Message] = {}
    if chosen not in set(ExportFormat):
        errors["format"] = msg("Choose a format.")
    if language not in set(PrintLanguage):
        errors["language_of_list"] = msg("Choose a language.")
    if errors:
        return _show(site, request, directory, errors=errors, form=form)
    try:
        file = export_file(
            directory,
            ExportFormat(chosen),
            day=_find_day(site, directory),
            language=PrintLanguage(language),
        )
    except LettersMissingError:
        errors["format"] = msg(
            "The fonts of the PDF lack letters of this list: choose the web page, and print it."
        )
        return _show(site, request, directory, errors=errors, form=form)
    audit = site.context.audit
    with audit.acting(
        actor, Action.REGISTRY_EXPORTED, str(directory.version), format=chosen, language=language
    ):
        return Response(
            file.data,
            media_type=file.media_type,
            headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
        )
