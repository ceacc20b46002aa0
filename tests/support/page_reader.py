"""A browser without scripts for tests: it opens pages, follows redirects, and sends their forms."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from types import TracebackType
from typing import Self

import httpx
from fastapi import FastAPI
from typing_extensions import override

from tests.support.console_face import PASSWORD, totp_code

ORIGIN = "http://localhost"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}  # what Chromium sends with our forms
Values = Mapping[str, str | Sequence[str]]


@dataclass
class PageForm:
    """One form of a page, with what stands in it."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Reads the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open = False
        self._area: str | None = None
        self._select: str | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(PageForm(given.get("action", "")))
            self._open = True
        if not self._open:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "input" and name:
            value = given.get("value", "on")
            form.choices.setdefault(name, []).append(value)
            is_chosen = given.get("type") not in {"radio", "checkbox"} or "checked" in given
            if is_chosen:
                form.fields.setdefault(name, []).append(value)
        elif tag == "textarea":
            self._area = name
            form.fields[name] = [""]
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(given.get("value", ""))
            if "selected" in given or self._select not in form.fields:
                form.fields[self._select] = [given.get("value", "")]

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    @override
    def handle_data(self, data: str) -> None:
        if self._area and self._open:
            self.forms[-1].fields[self._area] = [self.forms[-1].fields[self._area][0] + data]


def read_forms(page: str) -> list[PageForm]:
    """Read the forms of a page, in its order."""
    reader = _Forms()
    reader.feed(page)
    return reader.forms


class PageReader:
    """Opens the pages of an app and sends their forms, exactly the fields that they have."""

    def __init__(self, app: FastAPI, *, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.page = httpx.Response(204)
        self.path = ""
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=True), base_url=ORIGIN
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
        return self._arrive(await self.http.get(path, follow_redirects=True))

    async def send(self, action: str = "", **values: str | Sequence[str]) -> httpx.Response:
        """Fill in the form whose action begins so (else the last one), and send it."""
        form = self.find_form(action)
        data = {**form.fields, **values}
        return await self.post(form.action, data)

    async def post(self, action: str, data: Values) -> httpx.Response:
        """Send fields as they are; follow where it leads."""
        answer = await self.http.post(action, data=dict(data), headers=OWN, follow_redirects=True)
        return self._arrive(answer)

    def find_form(self, action: str) -> PageForm:
        """Find a form of the page that is open."""
        own = {"/hide", "/sign-out", "/language"}
        found = [
            form
            for form in read_forms(self.page.text)
            if (form.action.startswith(action) if action else form.action not in own)
        ]
        if not found:
            raise AssertionError(f"{self.path} has no form {action}")
        return found[-1]

    def _arrive(self, answer: httpx.Response) -> httpx.Response:
        self.page, self.path = answer, answer.url.path
        return answer

    async def sign_in(self, name: str) -> httpx.Response:
        """Sign in completely."""
        await self.open("/sign-in")
        await self.send("/sign-in", name=name, password=PASSWORD)
        code = totp_code(self.clock())
        return await self.send("/sign-in/code", code=code)

    @property
    def title(self) -> str:
        """The title of the page."""
        found = re.search(r"<title>(.*?)</title>", self.page.text, re.DOTALL)
        return found[1].strip() if found else ""
