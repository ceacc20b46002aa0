"""Forms with a file, read as they arrive: whatever comes is read or refused."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from console.accounts.sessions import Visitor
from console.forgery import FORM_FIELD, derive_form_token
from console.i18n import Language
from console.request_state import RequestState
from console.uploads import FileBegin, FileEnd, FilePiece, FormPart, FormText, stream_form

COOKIE = "A" * 43
TOKEN = derive_form_token(COOKIE)
STATE = RequestState(language=Language.ENGLISH, visitor=Visitor("", ""), cookie_token=COOKIE)
BORDER = b"--a-border"


def make_form(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of these parts, each with what its header says and its content."""
    body = b"".join(
        BORDER
        + b"\r\nContent-Disposition: form-data; "
        + said.encode()
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for said, content in parts
    )
    return body + BORDER + b"--\r\n"


def read(body: bytes, cuts: list[int]) -> list[FormPart]:
    """Read a form that arrives in pieces; raises ``HTTPException``."""
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = iter([body[a:b] for a, b in pairwise(places)])

    async def receive() -> Message:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def collect() -> list[FormPart]:
        headers = [(b"content-type", b"multipart/form-data; boundary=" + BORDER[2:])]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        request.state.console = STATE
        return [part async for part in stream_form(request)]

    return asyncio.run(collect())


@given(content=st.binary(max_size=300), cuts=st.lists(st.integers(0, 600), max_size=6))
def test_a_file_comes_through_as_it_is(content: bytes, cuts: list[int]) -> None:
    """However the form is cut on its way, and whatever the file holds."""
    body = make_form(
        (f'name="{FORM_FIELD}"', TOKEN.encode()),
        ('name="sensitivity"', b"none"),
        ('name="file"; filename="map.png"', content.replace(b"\r\n" + BORDER, b"")),
    )
    first, begin, *pieces, end = read(body, cuts)
    assert first == FormText("sensitivity", "none")
    assert begin == FileBegin("file", "map.png")
    assert end == FileEnd()
    data = b"".join(piece.data for piece in pieces if isinstance(piece, FilePiece))
    assert data == content.replace(b"\r\n" + BORDER, b"")


@given(
    before=st.booleans(),
    at=st.integers(0, 500),
    change=st.binary(max_size=80),
    cuts=st.lists(st.integers(0, 600), max_size=4),
)
def test_whatever_comes_is_read_or_refused(
    before: bool,
    at: int,
    change: bytes,
    cuts: list[int],
) -> None:
    """No bytes make the reader fail in another way; without the token first nothing is yielded."""
    token = [(f'name="{FORM_FIELD}"', TOKEN.encode())] if before else []
    body = make_form(*token, ('name="file"; filename="a.png"', b"content"), ('name="x"', b"y"))
    body = body[:at] + change + body[at + len(change) :]
    try:
        parts = read(body, cuts)
    except HTTPException as error:
        assert error.status_code in {400, 403}
    else:
        assert before
        assert all(isinstance(part, FormText | FileBegin | FilePiece | FileEnd) for part in parts)
