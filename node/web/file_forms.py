"""A file that a browser brings in: as one form, or in pieces with its progress.

With a script a file goes up in pieces, and goes on where it broke off. Without one the browser
sends it as one form, which is read as it arrives. Either way nothing of it lies on the disk in
clear. A page says where its files belong (:class:`FilePlace`), and how it is shown.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from console.digits import read_number
from console.i18n import Message, msg
from console.request_state import get_request_state
from console.security import announced_length
from console.uploads import FileBegin, FileEnd, FilePiece, FormPart, FormText, stream_form
from node.domain.files import NoRoomError
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
from node.web.refusing import say_refused
from node.web.site import Form, Site, get_text
from protocol.limits import LIMITS
from protocol.messages.fields import Sensitivity

#: What a form holds at least beside the file and its name: its token and its boundaries.
_LEAST_FRAMING: Final = 250
#: Digits of the size of any file.
_MOST_DIGITS: Final = 12
_LONGEST_EDITION: Final = 64
_NO_FILE: Final = msg("Choose a file first.")
_BAD_NAME: Final = msg(
    'Rename the file: its name must not hold any of / \\ : * ? " < > | nor begin or end with a '
    "full stop."
)
_TRY_AGAIN: Final = msg("The file did not arrive as a whole. Choose it again.")


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """What a browser says of a file."""

    name: str
    #: Bytes.
    size: int
    sensitivity: str = ""
    #: When it was changed, if a script says so: another edition does not go on where one broke off.
    edition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """Where the files of one page belong."""

    site: Site
    #: Whose they are, and of which draft or consent.
    owner: str
    draft_id: str
    #: Judges a file before it comes; returns its class. Raises ``RefusedFileError``.
    judge: Callable[[ChosenFile], Sensitivity]
    #: Does what follows once a file is whole.
    finish: Callable[[StagedFile], object]
    #: To whom the files go, if that is known: what it does not take is refused at once.
    recipient: str | None = None

    def begin(self, chosen: ChosenFile) -> StagedFile:
        """Announce a file. Raises ``RefusedFileError`` with what to do, ``NoRoomError``."""
        sensitivity = self.judge(chosen)
        try:
            draft = FileDraft(
                name=chosen.name,
                size=chosen.size,
                sensitivity=sensitivity,
                edition=chosen.edition,
                recipient=self.recipient,
            )
        except ValueError:
            # The page shows this sentence, and not the rule of the model that says the same.
            raise RefusedFileError(_BAD_NAME) from None
        return handle_begin_file(self.site.context, draft, owner=self.owner, draft_id=self.draft_id)

    def take_up(self, chosen: ChosenFile) -> StagedFile | None:
        """Find the same file where it broke off; None if it has to begin."""
        for file in list_staged(self.site.context, owner=self.owner, draft_id=self.draft_id):
            about = file.description
            known = ChosenFile(about.name, file.size, about.sensitivity, about.edition)
            if not file.complete and chosen == known:
                return file
        return None

    def discard(self, file_id: str) -> None:
        """Take a file away again."""
        handle_discard_file(self.site.context, file_id, owner=self.owner)

    def open_writer(self, file_id: str, offset: int) -> FileWriter:
        """Open what takes the bytes of a file from ``offset`` on."""
        return FileWriter(self.site.context, file_id, owner=self.owner, offset=offset)


# As one form.


async def take_form(request: Request, place: FilePlace) -> Message | None:
    """Take the file of a form as it arrives; returns what was in the way, or None.

    Nothing of a file that did not come as a whole stays: a form cannot go on, the next one begins
    anew.
    """
    parts = stream_form(request)
    problem: Message | None = None
    try:
        staged = await _take_parts(request, place, parts)
        if staged is None:
            problem = _NO_FILE
        elif staged.complete:
            await asyncio.to_thread(place.finish, staged)
    except (RefusedFileError, NoRoomError) as error:
        problem = say_refused(error)
    except NodeError:
        problem = _TRY_AGAIN
    except ClientDisconnect as error:  # nobody hears it
        raise HTTPException(HTTPStatus.BAD_REQUEST) from error
    if problem is not None:
        async for _ in parts:  # a browser shows no answer before it has sent all
            pass
    return problem


async def _take_parts(
    request: Request, place: FilePlace, parts: AsyncIterator[FormPart]
) -> StagedFile | None:
    """Take the file; None if there is none. Its class stands before it."""
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
                file = await asyncio.to_thread(place.begin, chosen)
                try:
                    writer = partial(place.open_writer, file.file_id, 0)
                    return await take_stream(_pieces(parts), writer, is_rest=True)
                except BaseException:
                    await asyncio.to_thread(place.discard, file.file_id)
                    raise
            case _:
                pass
    return None


async def _pieces(parts: AsyncIterator[FormPart]) -> AsyncIterator[bytes]:
    async for part in parts:
        match part:
            case FilePiece(data=data):
                yield data
            case FileEnd():
                return
            case _:
                pass


# In pieces, as the page's script asks for it: announce, send pieces, ask how far it got.


def announce(request: Request, place: FilePlace, form: Form) -> Response:
    """Answer a script that announces a file: a new one, or one that goes on."""
    size = read_number(get_text(form, "size"), digits=_MOST_DIGITS)
    if size is None:
        return _refuse(request, place, _NO_FILE)
    chosen = ChosenFile(
        get_text(form, "name"),
        size,
        get_text(form, "sensitivity"),
        get_text(form, "edition")[:_LONGEST_EDITION],
    )
    try:
        return _tell(place.take_up(chosen) or place.begin(chosen))
    except (RefusedFileError, NoRoomError) as error:
        return _refuse(request, place, say_refused(error))


def tell_progress(place: FilePlace, file_id: str) -> Response:
    """Answer a script that asks how far a file got. Raises ``NotFoundError``."""
    return _tell(load_staged(place.site.context, file_id, owner=place.owner))


async def take_piece(request: Request, place: FilePlace, file_id: str, offset: int) -> Response:
    """Take the bytes of a file from ``offset`` on; what came before a line broke is kept."""
    try:
        file = await take_stream(request.stream(), partial(place.open_writer, file_id, offset))
        if file.complete:
            await asyncio.to_thread(place.finish, file)
    except (ClientDisconnect, SilentLineError) as error:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
    except NotFoundError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND) from error
    except (NodeError, NoRoomError) as error:
        return _refuse(request, place, say_refused(error), getattr(error, "members", {}))
    return _tell(file)


def _tell(file: StagedFile) -> Response:
    return JSONResponse(
        {"file_id": file.file_id, "received": file.received, "complete": file.complete}
    )


def _refuse(
    request: Request,
    place: FilePlace,
    problem: Message | str,
    members: dict[str, Any] | None = None,
) -> Response:
    """Say to a script, in the reader's language, what is in the way."""
    status = HTTPStatus.CONFLICT if members else HTTPStatus.UNPROCESSABLE_ENTITY
    said = place.site.renderer.say(problem, get_request_state(request).language)
    return JSONResponse({"problem": said, **(members or {})}, status_code=status)
