"""The page on which files are put to a message, before it is checked and sent.

With a script a file goes up in pieces, with its progress, and goes on where it broke off. Without
one the browser sends it as one form, which is read as it arrives. Either way nothing of it lies on
the disk in clear.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from console.security import announced_length
from console.uploads import FileBegin, FileEnd, FilePiece, FormPart, FormText, stream_form
from node.domain.files import NoRoomError
from node.service.attachments.recipient_limits import find_recipient_limits
from node.service.attachments.sniffing import RefusedFileError
from node.service.attachments.staging import (
    FileDraft,
    FileWriter,
    StagedFile,
    handle_begin_file,
    handle_discard_file,
    list_staged,
    load_staged,
)
from node.service.attachments.streaming import SilentLineError, take_stream
from node.service.context import NodeError, NotFoundError
from node.web.composition import Composition
from node.web.file_words import say_size
from node.web.labels import say_code
from node.web.screens import ComposingPages
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from protocol.limits import LIMITS
from protocol.messages.fields import Sensitivity

#: What a form holds at least beside the file and its name: its token and its boundaries.
_LEAST_FRAMING: Final = 250
_NO_FILE: Final = msg("Choose a file first.")
_BAD_NAME: Final = msg(
    'Rename the file: its name must not hold any of / \\ : * ? " < > | nor begin or end with a '
    "full stop."
)
_BAD_CLASS: Final = msg("Say what is in the file.")
_TRY_AGAIN: Final = msg("The file did not arrive as a whole. Choose it again.")
_TAKES_NONE: Final = msg(
    "This recipient takes no files. Say in the message what is in them, or ask them how to hand "
    "them over."
)


def create_attaching_router(site: Site) -> APIRouter:
    """Build the pages on which files are put to a message."""
    router = APIRouter(route_class=PageRoute)
    pages = AttachingPages(site)
    _add_page(router, pages)
    _add_form(router, pages)
    _add_pieces(router, pages)
    return router


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """What a browser says of a file."""

    name: str
    #: Bytes.
    size: int
    sensitivity: str
    #: When it was changed, if a script says so: another edition does not go on where one broke off.
    edition: str = ""


class AttachingPages:
    """Shows the files of a draft, and takes new ones."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pages = ComposingPages(site)

    def show(
        self, request: Request, draft_id: str, who: SignedIn, *, problem: Message | str = ""
    ) -> Response:
        """Render the page; raises ``NotFoundError`` for a draft that is not this person's."""
        composition = self.pages.open(draft_id, who)
        files = list_staged(self.site.context, owner=who.account.id, draft_id=draft_id)
        largest = self._find_largest(composition)
        return self.site.page(
            request,
            "attach.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            errors={"file": as_message(problem)} if problem else {},
            draft=composition.draft,
            composition=composition,
            files=files,
            say_code=say_code,
            classes=[(mark.value, say_code(mark)) for mark in list_classes(composition)],
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

    def begin(self, draft_id: str, who: SignedIn, chosen: "ChosenFile") -> StagedFile:
        """Announce a file. Raises ``RefusedFileError`` with what to do."""
        composition = self.pages.open(draft_id, who)
        context, owner = self.site.context, str(who.account.id)
        if chosen.sensitivity not in set(list_classes(composition)):
            raise RefusedFileError(str(_BAD_CLASS))
        if len(list_staged(context, owner=owner, draft_id=draft_id)) >= LIMITS.attachments:
            raise RefusedFileError(
                f"A message holds at most {LIMITS.attachments} files: remove one, or send the "
                "others with another message in the same case."
            )
        try:
            draft = FileDraft(
                name=chosen.name,
                size=chosen.size,
                sensitivity=Sensitivity(chosen.sensitivity),
                edition=chosen.edition,
                recipient=composition.recipient or None,
            )
        except ValueError as error:
            raise RefusedFileError(str(_BAD_NAME)) from error
        return handle_begin_file(context, draft, owner=owner, draft_id=draft_id)

    def take_up(self, draft_id: str, who: SignedIn, chosen: "ChosenFile") -> StagedFile | None:
        """Find the same file where it broke off; None if it has to begin."""
        self.pages.open(draft_id, who)
        listed = list_staged(self.site.context, owner=str(who.account.id), draft_id=draft_id)
        for file in listed:
            about = file.description
            if not file.complete and chosen == ChosenFile(
                about.name, file.size, about.sensitivity, about.edition
            ):
                return file
        return None


def as_message(text: Message | str) -> Message:
    """Let words of the services stand beside translated ones: they are shown as they are."""
    return text if isinstance(text, Message) else msg("%(reason)s", reason=text)


def list_classes(composition: Composition) -> list[Sensitivity]:
    """List what a file of this message may hold: what its legal basis can cover."""
    return composition.file_classes()


def _add_page(router: APIRouter, pages: AttachingPages) -> None:
    @router.get("/attach/{draft_id}")
    def show(request: Request, who: FocalPoint, draft_id: str) -> Response:
        return pages.show(request, draft_id, who)

    @router.post("/attach/{draft_id}/remove")
    def remove(who: FocalPoint, form: Form, draft_id: str) -> Response:
        pages.pages.open(draft_id, who)
        handle_discard_file(
            pages.site.context, get_text(form, "file_id"), owner=str(who.account.id)
        )
        return go_to(f"/attach/{draft_id}")


def _add_form(router: APIRouter, pages: AttachingPages) -> None:
    @router.post("/attach-file/{draft_id}")
    async def add(request: Request, who: FocalPoint, draft_id: str) -> Response:
        """Take a file as the browser sends it without a script."""
        pages.pages.open(draft_id, who)
        parts = stream_form(request)
        problem: Message | str = ""
        try:
            if not await _take_form(request, pages, parts, draft_id=draft_id, who=who):
                problem = _NO_FILE
        except (RefusedFileError, NoRoomError) as error:
            problem = str(error)
        except NodeError:
            problem = _TRY_AGAIN
        except ClientDisconnect as error:  # nobody hears it
            raise HTTPException(HTTPStatus.BAD_REQUEST) from error
        if not problem:
            return go_to(f"/attach/{draft_id}")
        async for _ in parts:  # a browser shows no answer before it has sent all
            pass
        return pages.show(request, draft_id, who, problem=problem)


async def _take_form(
    request: Request,
    pages: AttachingPages,
    parts: AsyncIterator[FormPart],
    *,
    draft_id: str,
    who: SignedIn,
) -> bool:
    """Take the file of a form; whether there was one. Its class stands before it."""
    sensitivity = ""
    async for part in parts:
        match part:
            case FormText(name="sensitivity", value=value):
                sensitivity = value
            case FileBegin(file_name=file_name) if file_name:
                # A form does not say how long its file is, only how long it is itself.
                framing = len(file_name.encode()) + _LEAST_FRAMING
                size = min(announced_length(request.headers) - framing, LIMITS.attachment)
                chosen = ChosenFile(file_name, max(1, size), sensitivity)
                file, owner = pages.begin(draft_id, who, chosen), str(who.account.id)
                try:
                    await take_stream(
                        _pieces(parts),
                        partial(
                            FileWriter, pages.site.context, file.file_id, owner=owner, offset=0
                        ),
                        is_rest=True,
                    )
                except BaseException:  # a form cannot go on: the next one begins anew
                    await asyncio.to_thread(
                        handle_discard_file, pages.site.context, file.file_id, owner=owner
                    )
                    raise
                return True
            case _:
                pass
    return False


async def _pieces(parts: AsyncIterator[FormPart]) -> AsyncIterator[bytes]:
    async for part in parts:
        match part:
            case FilePiece(data=data):
                yield data
            case FileEnd():
                return
            case _:
                pass


def _add_pieces(router: APIRouter, pages: AttachingPages) -> None:
    """Add what the page's script asks for: announce, send pieces, ask how far it got."""

    @router.post("/attach/{draft_id}/begin")
    def begin(who: FocalPoint, form: Form, draft_id: str) -> Response:
        text = get_text(form, "size")
        if not (text.isascii() and text.isdecimal() and 0 < len(text) <= 12):  # noqa: PLR2004 - digits of any file
            return _refuse(str(_NO_FILE))
        chosen = ChosenFile(
            get_text(form, "name"),
            int(text),
            get_text(form, "sensitivity"),
            get_text(form, "edition")[:64],
        )
        try:
            file = pages.take_up(draft_id, who, chosen) or pages.begin(draft_id, who, chosen)
        except (RefusedFileError, NoRoomError) as error:
            return _refuse(str(error))
        return _tell(file)

    @router.get("/attach/{draft_id}/{file_id}")
    def ask(who: FocalPoint, draft_id: str, file_id: str) -> Response:
        pages.pages.open(draft_id, who)
        return _tell(load_staged(pages.site.context, file_id, owner=str(who.account.id)))

    @router.post("/attach/{draft_id}/{file_id}")
    async def take(
        request: Request,
        who: FocalPoint,
        draft_id: str,
        file_id: str,
        upload_offset: Annotated[int, Header(ge=0)],
    ) -> Response:
        pages.pages.open(draft_id, who)
        owner = str(who.account.id)
        try:
            file = await take_stream(
                request.stream(),
                partial(FileWriter, pages.site.context, file_id, owner=owner, offset=upload_offset),
            )
        except (ClientDisconnect, SilentLineError) as error:  # what came is kept
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
        except NotFoundError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND) from error
        except (NodeError, NoRoomError) as error:
            return _refuse(str(error), getattr(error, "members", {}))
        return _tell(file)


def _tell(file: StagedFile) -> Response:
    return JSONResponse(
        {"file_id": file.file_id, "received": file.received, "complete": file.complete}
    )


def _refuse(reason: str, members: dict[str, Any] | None = None) -> Response:
    status = HTTPStatus.CONFLICT if members else HTTPStatus.UNPROCESSABLE_ENTITY
    return JSONResponse({"problem": reason, **(members or {})}, status_code=status)
