"""What was looked for on a page, so that Back shows it again: sealed, in a cookie of that page.

Pages are never cached, and a browser does not send a form again by itself: so the form is answered
with a redirect, and the page behind it reads here what to look for. The cookie goes to its page
alone and ends with the browser. Its seal is bound to the page and to the session's token, which is
another one after each sign-in and unlocking: for anybody else, and later, it is noise.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.cookies import Cookies
from console.storage.box import Box

#: A browser takes 4096 bytes with the cookie's name (RFC 6265 section 6.1).
_LONGEST_SEALED: Final = 3_800
#: The length of a cookie tells no more of the words than how many such blocks they take.
_BLOCK: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedFor:
    """Keeps what was looked for on the page at ``path``, one of the settings' ``looked_for_paths``.

    ``unsealable`` is what the box raises for what it did not seal for this place.
    """

    path: str
    cookies: Cookies
    box: Box
    unsealable: type[Exception]

    def keep(self, response: Response, asked: Mapping[str, str], *, who: SignedIn) -> None:
        """Give the browser what was asked, in the place of what was asked before.

        Raises ``ValueError`` for more than a cookie holds (some 2,800 bytes): a page bounds what
        it takes.
        """
        text = json.dumps(dict(asked), ensure_ascii=False).encode(errors="replace")
        padded = text.ljust(-(-len(text) // _BLOCK) * _BLOCK)
        sealed = base64.urlsafe_b64encode(self.box.seal(padded, context=self._place(who)))
        if len(sealed) > _LONGEST_SEALED:
            raise ValueError("more than a cookie holds: bound what this page takes")
        self.cookies.set_looked_for(response, sealed.decode(), path=self.path)

    def find(self, request: Request, *, who: SignedIn) -> Mapping[str, str]:
        """Give what was asked in this session; empty for nothing, and for what cannot be read."""
        text = self.cookies.read_looked_for(request)
        if not text or len(text) > _LONGEST_SEALED:
            return {}
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            opened = self.box.unseal(sealed, context=self._place(who))
        except (binascii.Error, ValueError, self.unsealable):
            return {}
        return {str(name): str(value) for name, value in json.loads(opened).items()}

    def _place(self, who: SignedIn) -> str:
        return f"looked for:{self.path}:{who.session.token_hash}"
