"""Forms with a file, read part by part as they arrive: nothing is put on the disk in between.

The usual reading of a form writes a larger file to a temporary folder, in clear. A page whose files
are confidential lists its path in ``ConsoleSettings.streamed_paths`` and reads its form here; the
token of the form is its first field, and is checked before anything else is looked at.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.forgery import FORM_FIELD, is_form_token
from console.request_state import get_request_state

_LONGEST_FIELD: Final = 4096
_LONGEST_HEADERS: Final = 4096
_MOST_PARTS: Final = 16


@dataclass(frozen=True, slots=True)
class FormText:
    """A field that is no file."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileBegin:
    """A file begins; its pieces follow, then :class:`FileEnd`."""

    name: str
    #: As the browser says; empty if no file was chosen.
    file_name: str


@dataclass(frozen=True, slots=True)
class FilePiece:
    """Some bytes of a file."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FileEnd:
    """All of the file came."""


FormPart = FormText | FileBegin | FilePiece | FileEnd


async def stream_form(request: Request) -> AsyncIterator[FormPart]:
    """Yield the parts of a ``multipart/form-data`` body as they arrive.

    Raises ``HTTPException``: 403 unless the first part is the form's own token, 400 for anything
    that is no such form, or one with too many or too long fields. In memory is what came last.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    try:
        reader = _Reader(options[b"boundary"])
    except FormParserError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from error
    is_proven = False
    async for data in request.stream():
        for part in reader.take(data):
            if not is_proven:
                state = get_request_state(request)
                is_proven = (
                    isinstance(part, FormText)
                    and part.name == FORM_FIELD
                    and is_form_token(part.value, cookie_token=state.cookie_token)
                )
                if not is_proven:
                    raise HTTPException(HTTPStatus.FORBIDDEN)
                continue
            yield part
    if not reader.is_whole or not is_proven:
        raise HTTPException(HTTPStatus.BAD_REQUEST)


class _Reader:
    """Turns what the parser says into parts."""

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[FormPart] = []
        self._count = 0
        self.is_whole = False
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._name, self._text, self._is_file = "", bytearray(), False
        self._parser = MultipartParser(
            boundary,
            callbacks={
                "on_part_begin": self._begin_part,
                "on_header_field": self._take_header_name,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def take(self, data: bytes) -> list[FormPart]:
        """Return what these bytes complete."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST) from error
        parts, self._parts = self._parts, []
        return parts

    def _begin_part(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        self._headers, self._header_bytes = {}, 0
        self._text.clear()

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._count_header(end - start)

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count_header(end - start)

    def _count_header(self, length: int) -> None:
        self._header_bytes += length
        if self._header_bytes > _LONGEST_HEADERS:
            raise HTTPException(HTTPStatus.BAD_REQUEST)

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode(errors="replace")
        file_name = options.get(b"filename")
        self._is_file = file_name is not None
        if file_name is not None:
            self._parts.append(FileBegin(self._name, file_name.decode(errors="replace")))

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._parts.append(FilePiece(data[start:end]))
            return
        self._text += data[start:end]
        if len(self._text) > _LONGEST_FIELD:
            raise HTTPException(HTTPStatus.BAD_REQUEST)

    def _end_part(self) -> None:
        if self._is_file:
            self._parts.append(FileEnd())
        else:
            self._parts.append(FormText(self._name, self._text.decode(errors="replace")))

    def _end(self) -> None:
        self.is_whole = True
