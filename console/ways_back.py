"""Ways back: which address of a form or a query may be gone to, and where unlocking leads to."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

UNLOCK_PATH: Final = "/unlock"
_LONGEST: Final = 200
#: No address of a console has one of these; each has a meaning of its own to some browser or proxy.
_FOREIGN: Final = frozenset("\\?#:@% ")
#: Steps that a browser takes out of a path, so that it leads elsewhere than it says.
_DOTS: Final = frozenset({".", ".."})


def is_own_path(address: str) -> bool:
    """Tell whether an address from a form is a plain path of this console, safe to redirect to."""
    return (
        address.isascii()
        and address.isprintable()
        and address.startswith("/")
        and not address.startswith("//")
        and not _FOREIGN & set(address)
        and not _DOTS & set(address.split("/"))
    )


def write_unlock_address(back: str, *, home: str) -> str:
    """Write the address of the locked screen, which leads back to the page that was open.

    Of that page the path alone is carried: paths hold opaque identifiers, and nothing else.
    """
    if not is_own_path(back) or back in {home, UNLOCK_PATH} or len(back) > _LONGEST:
        return UNLOCK_PATH
    return f"{UNLOCK_PATH}?{urlencode({'back': back})}"


def find_page(request: Request) -> str:
    """Give the path of the page that somebody opens; nothing for what a script asks for."""
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    return request.scope["path"] if is_page else ""
