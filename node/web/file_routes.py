"""The addresses below a page at which a browser brings its files in, piece by piece.

The page's script asks there (``console/static``): what begins, how far it got, and the next piece.
A page says where its files belong, and everything else is the same for all.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from node.web.file_forms import FilePlace, announce, take_piece, tell_progress
from node.web.site import Form


def add_pieces(router: APIRouter, base: str, find_place: Callable[..., FilePlace]) -> None:
    """Add them below ``base``.

    ``find_place`` is a dependency: it takes who asks, and the parameters of ``base``, and raises
    ``NotFoundError`` for what is not theirs.
    """
    Place = Annotated[FilePlace, Depends(find_place)]  # noqa: N806 - a type, in FastAPI's idiom

    @router.post(f"{base}/begin")
    def begin(request: Request, form: Form, place: Place) -> Response:
        return announce(request, place, form)

    @router.get(f"{base}/{{file_id}}")
    def ask(place: Place, file_id: str) -> Response:
        return tell_progress(place, file_id)

    @router.post(f"{base}/{{file_id}}")
    async def take(
        request: Request,
        place: Place,
        file_id: str,
        upload_offset: Annotated[int, Header(ge=0)],
    ) -> Response:
        return await take_piece(request, place, file_id, upload_offset)
