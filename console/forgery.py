"""Forms that another site sends in a person's name (CSRF) are refused, twice.

First by where the request comes from, as the browser itself says (``Sec-Fetch-Site``, ``Origin``);
then by a token in each form that only our own page could know. The token is derived from the
session's own secret, so it needs no store, changes with each sign-in, and tells nothing about it.
"""

import hashlib
import hmac
from typing import Final

from starlette.datastructures import Headers

from console.accounts.models import format_token, parse_token

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_FIELD: Final = "form_token"
HEADER: Final = "X-Form-Token"


def derive_form_token(cookie_token: str) -> str:
    """Give the token that the forms of this session (or visitor) carry.

    ``cookie_token`` is a well-formed token; raises ValueError otherwise.
    """
    secret = parse_token(cookie_token)
    if secret is None:
        raise ValueError("not a session token: read it with Cookies, which checks its shape")
    return format_token(hmac.digest(secret, b"trm console form token v1", hashlib.sha256))


def is_form_token(given: str, *, cookie_token: str | None) -> bool:
    """Tell whether a form carries the token of the browser's own session."""
    if cookie_token is None:
        return False
    return hmac.compare_digest(
        given.encode(errors="surrogatepass"), derive_form_token(cookie_token).encode()
    )


def is_own_origin(headers: Headers, *, scheme: str) -> bool:
    """Tell whether a browser sent this request from one of our own pages.

    Our pages send no referrer, and browsers then write ``Origin: null`` on a form's POST (Fetch
    standard, "append a request Origin header"): ``Sec-Fetch-Site`` decides there. A request with
    neither is refused, since no browser of the last years sends such a one.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None or origin == "null":
        return site == "same-origin"
    return origin == f"{scheme}://{headers.get('host', '')}"
