"""Consoles of nodes for tests: real stores, real sign-in, a browser without a screen.

:class:`PageReader` does what a browser without scripts does: it opens pages, follows redirects,
fills in the forms that stand on them, and sends exactly the fields that they have.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from fastapi import FastAPI
from typing_extensions import override

from console.accounts.models import Account, AccountId
from console.accounts.passwords import Passwords
from console.app import Console
from console.i18n import Catalogues
from node.adapters.keystore import FileKeyStore
from node.service.context import NodeContext
from node.service.people import Role
from node.store import draft_tables
from node.store.accounts import SqlAccounts
from node.web.face import build_console
from node.web.router import create_web_router
from tests.support.console_face import CHEAP, PASSWORD, SECRET, totp_code
from tests.support.invented_directory import make_invented_directory
from tests.support.node import Network, make_network, sqlite_urls

REGISTERED = (draft_tables,)
ORIGIN = "http://localhost"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}  # what Chromium sends with our forms
Values = Mapping[str, str | Sequence[str]]


def add_person(context: NodeContext, name: str, *roles: str, display_name: str = "") -> Account:
    """Add an invented person who has set up password and second factor already."""
    account = Account(
        id=AccountId(context.random(16).hex()),
        sign_in_name=name,
        display_name=display_name or name.capitalize(),
        roles=frozenset(roles or {Role.FOCAL_POINT}),
        password_hash=Passwords(CHEAP).hash_password(PASSWORD),
        totp_secret=SECRET,
    )
    if not SqlAccounts(context.database, context.keys).add_account(account, at=context.clock()):
        raise AssertionError(f"{name} exists already")
    return account


@dataclass
class NodeSite:
    """One node's console."""

    context: NodeContext
    console: Console
    app: FastAPI
    troubles: list[str] = field(default_factory=list)


def build_site(context: NodeContext, *, catalogues: Catalogues | None = None) -> NodeSite:
    """Build the console of a node, served on loopback names."""
    console = build_console(
        context,
        public_url=ORIGIN,
        version="0.1.0",
        hasher=CHEAP,
        catalogues=catalogues or Catalogues({}),
    )
    site = NodeSite(context=context, console=console, app=FastAPI())
    router = create_web_router(
        context, console, list_troubles=lambda: site.troubles, describe_link=lambda: "up"
    )
    site.app = console.build_app([router])
    return site


@dataclass
class Pair:
    """Two nodes with their consoles, and what is between them."""

    network: Network
    al: NodeSite
    xk: NodeSite


def build_pair(folder: Path, *, catalogues: Catalogues | None = None) -> Pair:
    """Build AL and XK, each with the focal point "officer", an administrator, and an auditor."""
    network = make_network(("AL", "XK", "MK"), url_of=sqlite_urls(folder))
    network.directory.directory = make_invented_directory(
        context.keys for context in network.nodes.values() if isinstance(context.keys, FileKeyStore)
    )
    for code in ("AL", "XK"):
        context = network.node(code)
        add_person(context, "officer", Role.FOCAL_POINT, display_name="Duty officer")
        add_person(context, "second", Role.FOCAL_POINT, display_name="Second officer")
        add_person(context, "admin", Role.NODE_ADMIN, display_name="Administrator")
        add_person(context, "auditor", Role.AUDITOR, display_name="Auditor")
    return Pair(
        network=network,
        al=build_site(network.node("AL"), catalogues=catalogues),
        xk=build_site(network.node("XK"), catalogues=catalogues),
    )


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
    """Opens pages of a node and sends their forms."""

    def __init__(self, site: NodeSite) -> None:
        self.site = site
        self.page = httpx.Response(204)
        self.path = ""
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(site.app, raise_app_exceptions=True), base_url=ORIGIN
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

    async def sign_in(self, name: str = "officer") -> httpx.Response:
        """Sign in completely."""
        await self.open("/sign-in")
        await self.send("/sign-in", name=name, password=PASSWORD)
        code = totp_code(self.site.context.clock())
        return await self.send("/sign-in/code", code=code)

    @property
    def title(self) -> str:
        """The title of the page."""
        found = re.search(r"<title>(.*?)</title>", self.page.text, re.DOTALL)
        return found[1].strip() if found else ""


LINK_SCREEN: Values = {
    "purpose": "notification",
    "participant": "XK",
    "ties": ["national_of", "family_in"],
    "possibly_under_18": "no",
    "danger_now": "no",
}
FACTS: Values = {
    "age_group": "23_25",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": ["forced_labour_or_services"],
    "languages_spoken": ["sq", "sr"],
    "interpreter_needed": "yes",
    "found_on_day": "3",
    "found_on_month": "3",
    "found_on_year": "2026",
    "immediate_needs": ["safe_accommodation", "medical_care"],
    "case_manager-post": "Duty officer, Anti-Trafficking Desk",
    "case_manager-telephone": "+355 44541821",
    "case_manager-mailbox": "",
    "case_manager-reachable": "Around the clock",
}


async def write_notification(reader: PageReader, **changes: str) -> httpx.Response:
    """Go through the screens of a notification without personal data, up to the check."""
    await reader.open("/new/begin")
    await reader.send("/new/", **{**LINK_SCREEN, **changes})
    await reader.send("/new/")
    await reader.send("/new/", **FACTS)
    return await reader.send("/new/", basis="no_personal_data")
