"""The page on which files are put to a message, before it is checked and sent."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.service.attachments.recipient_limits import find_recipient_limits
from node.service.attachments.sniffing import RefusedFileError
from node.service.attachments.staging import StagedFile, list_staged
from node.web.composition import Composition
from node.web.file_forms import ChosenFile, FilePlace, take_form
from node.web.file_routes import add_pieces
from node.web.file_words import say_size
from node.web.labels import say_code
from node.web.screens import ComposingPages
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from protocol.limits import LIMITS
from protocol.messages.fields import Sensitivity

_BAD_CLASS: Final = msg("Say what is in the file.")
_TAKES_NONE: Final = msg(
    "This recipient takes no files. Say in the message what is in them, or ask them how to hand "
    "them over."
)


class AttachingPages:
    """Shows the files of a draft, and takes new ones."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pages = ComposingPages(site)

    def show(
        self, request: Request, draft_id: str, who: SignedIn, *, problem: Message | None = None
    ) -> Response:
        """Render the page; raises ``NotFoundError`` for a draft that is not this person's."""
        composition = self.pages.open(draft_id, who)
        files = list_staged(self.site.context, owner=who.account.id, draft_id=draft_id)
        largest = self._find_largest(composition)
        return self.site.page(
            request,
            "attach.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            errors={"file": problem} if problem else {},
            draft=composition.draft,
            composition=composition,
            files=files,
            say_code=say_code,
            classes=[(mark.value, say_code(mark)) for mark in composition.file_classes()],
            say_size=say_size,
            file_hint=msg(
                "At most %(size)s. PDF, pictures, recordings, plain text, and documents without "
                "macros.",
                size=say_size(largest),
            ),
            most=LIMITS.attachments,
            takes_none=None if largest else _TAKES_NONE,
        )

    def _find_largest(self, composition: Composition) -> int:
        """Return what the recipient takes, in bytes; what is not known yet is judged later."""
        try:
            directory = self.site.context.directory.current()
            return find_recipient_limits(directory, composition.recipient).largest
        except RefusedFileError:
            return LIMITS.attachment

    def place(self, draft_id: str, who: SignedIn) -> FilePlace:
        """Say where files of a draft belong; raises ``NotFoundError`` for somebody else's."""
        composition, owner = self.pages.open(draft_id, who), str(who.account.id)

        def judge(chosen: ChosenFile) -> Sensitivity:
            if chosen.sensitivity not in set(composition.file_classes()):
                raise RefusedFileError(_BAD_CLASS)
            listed = list_staged(self.site.context, owner=owner, draft_id=draft_id)
            if len(listed) >= LIMITS.attachments:
                raise RefusedFileError(
                    msg(
                        "A message holds at most %(attachments)s files: remove one, or send the "
                        "others with another message in the same case.",
                        attachments=LIMITS.attachments,
                    )
                )
            return Sensitivity(chosen.sensitivity)

        return FilePlace(
            site=self.site,
            owner=owner,
            draft_id=draft_id,
            judge=judge,
            finish=_stay,
            recipient=composition.recipient or None,
        )


def _stay(_file: StagedFile) -> None:
    """Leave a whole file with its draft."""


def create_attaching_router(site: Site) -> APIRouter:
    """Build the pages on which files are put to a message."""
    router = APIRouter(route_class=PageRoute)
    pages = AttachingPages(site)

    def find_place(who: FocalPoint, draft_id: str) -> FilePlace:
        return pages.place(draft_id, who)

    _add_page(router, pages)
    add_pieces(router, "/attach/{draft_id}", find_place)
    return router


def _add_page(router: APIRouter, pages: AttachingPages) -> None:
    @router.get("/attach/{draft_id}")
    def show(request: Request, who: FocalPoint, draft_id: str) -> Response:
        return pages.show(request, draft_id, who)

    @router.post("/attach/{draft_id}/remove")
    def remove(who: FocalPoint, form: Form, draft_id: str) -> Response:
        pages.place(draft_id, who).discard(get_text(form, "file_id"))
        return go_to(f"/attach/{draft_id}")

    @router.post("/attach-file/{draft_id}")
    async def add(request: Request, who: FocalPoint, draft_id: str) -> Response:
        """Take a file as the browser sends it without a script."""
        place = await asyncio.to_thread(pages.place, draft_id, who)
        problem = await take_form(request, place)
        if problem is None:
            return go_to(f"/attach/{draft_id}")
        return await asyncio.to_thread(partial(pages.show, request, draft_id, who, problem=problem))
