"""A browser without a screen for console pages: it keeps cookies, fills forms, says where it is."""

import re
from html import unescape
from types import TracebackType
from typing import Self

import httpx

from tests.support.console_face import PASSWORD, Sample, totp_code

ORIGIN = "http://localhost"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}  # what Chromium sends with our forms


class FormClient:
    """Opens pages of a sample and sends their forms, as a browser would."""

    def __init__(self, sample: Sample, *, origin: str = ORIGIN) -> None:
        self.sample = sample
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(sample.app, raise_app_exceptions=False), base_url=origin
        )

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.__aexit__(kind, error, trace)

    async def open(self, path: str) -> httpx.Response:
        """Open a page and follow where it leads."""
        return await self.http.get(path, follow_redirects=True)

    async def token(self, path: str) -> str:
        """Give the form token of a page."""
        found = re.search(r'name="form_token" value="([^"]+)"', (await self.open(path)).text)
        if found is None:
            raise AssertionError(f"{path} has no form")
        return unescape(found[1])

    async def send(self, path: str, *, page: str, **fields: str) -> httpx.Response:
        """Send the form of a page to ``path``; the answer itself, no redirect followed."""
        data = {"form_token": await self.token(page), **fields}
        return await self.http.post(path, data=data, headers=OWN)

    async def give_password(self, password: str = PASSWORD) -> httpx.Response:
        """Take the first step of signing in."""
        return await self.send("/sign-in", page="/sign-in", name="officer", password=password)

    async def sign_in(self) -> httpx.Response:
        """Sign in completely; the answer to the code."""
        await self.give_password()
        code = totp_code(self.sample.clock())
        return await self.send("/sign-in/code", page="/sign-in/code", code=code)

    def session_cookie(self) -> str | None:
        """Give the session token that the browser holds."""
        return self.http.cookies.get("trm_session_sample")
