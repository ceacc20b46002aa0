"""Consoles of nodes for tests: real stores, real sign-in, a browser without a screen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
from fastapi import FastAPI
from typing_extensions import override

from console.accounts.models import Account, AccountId
from console.accounts.national import NationalLogin
from console.accounts.passwords import Passwords
from console.app import Console
from console.i18n import Catalogues, Message
from node.adapters.keystore import FileKeyStore
from node.service.context import NodeContext
from node.service.principals import write_channels
from node.store import draft_tables
from node.store.account_tables import ClearanceRow
from node.store.accounts import SqlAccounts
from node.web.face import build_console
from node.web.router import create_web_router
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support import page_reader
from tests.support.console_face import CHEAP, PASSWORD, SECRET
from tests.support.invented_directory import make_invented_directory
from tests.support.node import Network, make_network
from tests.support.page_reader import ORIGIN, Values

REGISTERED = (draft_tables,)


def add_person(
    context: NodeContext,
    name: str,
    *roles: str,
    display_name: str = "",
    channels: Iterable[Channel] = Channel,
) -> Account:
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
    with context.database.transaction() as session:
        session.add(ClearanceRow(account_id=account.id, channels=write_channels(channels)))
    return account


@dataclass
class NodeSite:
    """One node's console."""

    context: NodeContext
    console: Console
    app: FastAPI
    troubles: list[Message] = field(default_factory=list)


def build_site(
    context: NodeContext,
    *,
    catalogues: Catalogues | None = None,
    national: NationalLogin | None = None,
) -> NodeSite:
    """Build the console of a node, served on loopback names."""
    console = build_console(
        context,
        public_url=ORIGIN,
        version="0.1.0",
        hasher=CHEAP,
        catalogues=catalogues or Catalogues({}),
        national=national,
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
    catalogues: Catalogues | None = None

    @cached_property
    def al(self) -> NodeSite:
        """The console of AL: built when it is asked for."""
        return build_site(self.network.node("AL"), catalogues=self.catalogues)

    @cached_property
    def xk(self) -> NodeSite:
        """The console of XK: built when it is asked for."""
        return build_site(self.network.node("XK"), catalogues=self.catalogues)


def build_pair(
    folder: Path,
    *,
    url_of: Callable[[str], str],
    catalogues: Catalogues | None = None,
) -> Pair:
    """Build AL and XK, each with the focal point "officer", an administrator, and an auditor.

    ``url_of``: where each keeps its store (fixtures: ``tests.support.node_databases``).
    """
    network = make_network(("AL", "XK", "MK"), url_of=url_of, files=folder)
    network.directory.directory = make_invented_directory(
        context.keys for context in network.nodes.values() if isinstance(context.keys, FileKeyStore)
    )
    for code in ("AL", "XK"):
        context = network.node(code)
        add_person(context, "officer", Role.FOCAL_POINT, display_name="Duty officer")
        add_person(context, "second", Role.FOCAL_POINT, display_name="Second officer")
        add_person(context, "admin", Role.NODE_ADMIN, display_name="Administrator")
        add_person(context, "auditor", Role.AUDITOR, display_name="Auditor")
    return Pair(network=network, catalogues=catalogues)


class PageReader(page_reader.PageReader):
    """Opens pages of a node and sends their forms."""

    def __init__(self, site: NodeSite) -> None:
        super().__init__(site.app, clock=site.context.clock)
        self.site = site

    @override
    async def sign_in(self, name: str = "officer") -> httpx.Response:
        """Sign in completely."""
        return await super().sign_in(name)


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
