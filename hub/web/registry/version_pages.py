"""Pages of the past: versions, two of them compared, and the registry as of a moment."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.dates import DateError, DateParts
from console.digits import read_number
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.history.errors import VersionNotKeptError
from directory_pages.codes import say
from directory_pages.differences import describe_changes
from hub.context import NotFoundError
from hub.web.registry.coverage import MATRIX_PAGE, build_matrix
from hub.web.registry.paging import Paging
from hub.web.registry.versions import describe_all_signed, describe_version, name_role
from hub.web.site import Form, PageRoute, Reader, Site, get_text, go_to
from protocol.identifiers import Phase

VERSIONS_PAGE: Final = 25
_MOMENT: Final = "%Y%m%dT%H%MZ"


def create_version_router(site: Site) -> APIRouter:
    """Build the pages; every operator may read them."""
    router = APIRouter(route_class=PageRoute)
    pages = _Pages(site)

    @router.get("/versions")
    def show_versions(request: Request, _who: Reader) -> Response:
        return pages.show_versions(request, 1)

    @router.get("/versions/page/{number}")
    def show_versions_page(request: Request, _who: Reader, number: int) -> Response:
        return pages.show_versions(request, number)

    @router.post("/versions/compare")
    def choose_two(request: Request, _who: Reader, form: Form) -> Response:
        return pages.choose_two(request, form)

    @router.post("/versions/as-of")
    def choose_moment(request: Request, _who: Reader, form: Form) -> Response:
        return pages.choose_moment(request, form)

    @router.get("/versions/{number}")
    def show_version(request: Request, _who: Reader, number: int) -> Response:
        return pages.show_version(request, number)

    @router.get("/versions/{old}/to/{new}")
    def compare(request: Request, _who: Reader, old: int, new: int) -> Response:
        return pages.compare(request, old, new)

    @router.get("/as-of/{moment}")
    def show_moment(request: Request, _who: Reader, moment: str) -> Response:
        return pages.show_moment(request, moment, 1)

    @router.get("/as-of/{moment}/{number}")
    def show_moment_page(request: Request, _who: Reader, moment: str, number: int) -> Response:
        return pages.show_moment(request, moment, number)

    return router


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site

    def _load(self, at: int | datetime) -> Directory:
        """Return a past version; one that was never in force is no page."""
        context = self._site.context
        try:
            history = context.reading.history(context.repository)
            return history.load_as_of(at)
        except VersionNotKeptError as error:
            raise NotFoundError(str(error)) from error

    # ------------------------------------------------------------------ versions

    def show_versions(
        self,
        request: Request,
        number: int,
        *,
        errors: Mapping[str, Message] | None = None,
        form: FormData | None = None,
    ) -> Response:
        context, names = self._site.context, self._site.names()
        numbers = context.reading.list_numbers(context.repository)
        page = Paging.of(len(numbers), number=number, size=VERSIONS_PAGE)
        versions = context.reading.tell_versions(context.repository, page.take(numbers))
        newest = numbers[0]
        return self._site.page(
            request,
            "registry/versions.html",
            errors=errors or {},
            rows=[
                describe_version(v, now=context.clock(), name=names.participant) for v in versions
            ],
            interrupted=context.reading.list_interrupted(context.repository),
            old=get_text(form, "old") if form else str(max(1, newest - 1)),
            new=get_text(form, "new") if form else str(newest),
            moment=DateParts.from_form(form, "moment") if form else None,
            previous=page.address_before("/versions/page"),
            next=page.address_after("/versions/page"),
        )

    def show_version(self, request: Request, number: int) -> Response:
        context, names = self._site.context, self._site.names()
        directory = self._load(number)
        numbers = context.reading.list_numbers(context.repository)
        place = numbers.index(number)
        (told,) = context.reading.tell_versions(context.repository, [number])
        history = context.reading.history(context.repository)
        signed = history.list_signatures(number)
        return self._site.page(
            request,
            "registry/version.html",
            row=describe_version(told, now=context.clock(), name=names.participant),
            directory=directory,
            signed=describe_all_signed(signed, now=told.published_at, name=names.participant),
            earlier=numbers[place + 1] if place + 1 < len(numbers) else None,
            later=numbers[place - 1] if place else None,
            is_newest=place == 0,
        )

    # ------------------------------------------------------------------ comparing

    def choose_two(self, request: Request, form: FormData) -> Response:
        chosen = {name: read_number(get_text(form, name)) for name in ("old", "new")}
        kept = set(self._site.context.reading.list_numbers(self._site.context.repository))
        errors = {
            name: msg(
                "Choose a version from %(first)s to %(newest)s.", first=min(kept), newest=max(kept)
            )
            for name, number in chosen.items()
            if number not in kept
        }
        if errors:
            return self.show_versions(request, 1, errors=errors, form=form)
        return go_to(f"/versions/{chosen['old']}/to/{chosen['new']}")

    def compare(self, request: Request, old: int, new: int) -> Response:
        context = self._site.context
        try:
            history = context.reading.history(context.repository)
            difference = history.diff(old, new)
        except VersionNotKeptError as error:
            raise NotFoundError(str(error)) from error
        return self._site.page(
            request,
            "registry/comparison.html",
            parts=describe_changes(difference.changes, old=difference.old, new=difference.new),
            old=difference.old,
            new=difference.new,
        )

    # ------------------------------------------------------------------ a moment

    def choose_moment(self, request: Request, form: FormData) -> Response:
        parts = DateParts.from_form(form, "moment")
        try:
            moment = parts.parse_moment(self._site.zone)
        except DateError as error:
            errors = {"moment": error.message}
            return self.show_versions(request, 1, errors=errors, form=form)
        problem = self._refuse_moment(moment)
        if problem is not None:
            return self.show_versions(request, 1, errors={"moment": problem}, form=form)
        return go_to(f"/as-of/{moment.astimezone(UTC):{_MOMENT}}")

    def _refuse_moment(self, moment: datetime) -> Message | None:
        context = self._site.context
        if moment > context.clock():
            return msg("This moment is still to come: give one that has passed.")
        try:
            history = context.reading.history(context.repository)
            history.find_version(moment)
        except VersionNotKeptError:
            return msg("There was no registry yet, or its moment is not certain: choose a version.")
        return None

    def show_moment(self, request: Request, text: str, number: int) -> Response:
        try:
            moment = datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
        except ValueError as error:
            raise NotFoundError("There is no such moment: choose one on the page.") from error
        if moment > self._site.context.clock():
            raise NotFoundError("This moment is still to come: give one that has passed.")
        directory = self._load(moment)
        coverage = self._site.context.reading.coverage(directory, moment)
        matrix = build_matrix(directory, coverage)
        page = Paging.of(len(matrix.participants), number=number, size=MATRIX_PAGE)
        names = replace(self._site.names(), directory=directory)
        return self._site.page(
            request,
            "registry/moment.html",
            moment=moment,
            directory=directory,
            code=make_verification_code(directory.version, directory.sha256),
            is_stale=directory.expires_at <= moment,
            names=names,
            overdue=[
                (name_role(role, names.participant), since)
                for role, since in directory.overdue.items()
            ],
            participants=page.take(matrix.participants),
            previous=page.address_before(f"/as-of/{text}"),
            next=page.address_after(f"/as-of/{text}"),
            table_phases=tuple(Phase),
            say=say,
        )
