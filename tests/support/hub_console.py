"""Consoles of the hub for tests: a real store and registry, real sign-in, no browser needed.

::

    hub = build_hub(tmp_path)                     # a registry with AL and MK is published
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")          # or "admin", "observer", "everything"
        await reader.open("/")

``HubReader`` opens pages and sends their forms as a browser without scripts does
(:class:`tests.support.page_reader.PageReader`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from console.accounts.models import Account, AccountId
from console.accounts.passwords import Passwords
from console.app import Console
from console.i18n import Catalogues
from console.storage.database import Database
from console.storage.secret_box import SecretBox
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from hub.audit.log import AuditLog
from hub.context import HubContext
from hub.delivery import DeliveryReport
from hub.monitoring.readiness import CheckResult
from hub.network.looking import NetworkLook
from hub.operators.roles import Role
from hub.registry_view import RegistryView
from hub.store.migrating import migrate
from hub.web.face import Served, build_console
from hub.web.place import Place
from hub.web.router import create_web_router
from tests.support.console_face import CHEAP, NOON, PASSWORD, SECRET, CountedBytes, SetClock
from tests.support.page_reader import ORIGIN, PageReader
from tests.support.registry import RegistryWorld, Timepiece

PEOPLE: dict[str, tuple[Role, ...]] = {
    "operator": (Role.DIRECTORY_OPERATOR,),
    "admin": (Role.HUB_ADMIN,),
    "observer": (Role.OBSERVER,),
    "everything": tuple(Role),
}
"""Who has an account at a test's hub, and their roles."""


@dataclass
class StillDelivery:
    """How delivery stands, as a test sets it; implements ``hub.delivery.DeliverySource``."""

    clock: SetClock
    checks: list[CheckResult] = field(default_factory=list)
    report: DeliveryReport | None = None

    async def report_delivery(self) -> DeliveryReport:
        """Give what was set."""
        return self.report or DeliveryReport(at=self.clock(), checks=self.checks)

    async def run_checks(self) -> Sequence[CheckResult]:
        """Give what was set."""
        return self.checks


@dataclass
class StillNetwork:
    """The network as a test sets it; implements ``hub.network.looking.NetworkSource``."""

    last: NetworkLook | None = None
    compared: int = 0
    trouble: Exception | None = None

    async def compare(self) -> None:
        """Count the comparison, or raise what was set."""
        if self.trouble is not None:
            raise self.trouble
        self.compared += 1


@dataclass
class Hub:
    """A hub's console with everything that a test may look at or move."""

    context: HubContext
    console: Console
    app: FastAPI
    clock: SetClock
    delivery: StillDelivery
    network: StillNetwork
    world: RegistryWorld | None = None

    def account(self, name: str) -> Account:
        """Give an account by its sign-in name."""
        found = self.context.open_accounts().load_account_by_name(name)
        if found is None:
            raise AssertionError(f"nobody is called {name}")
        return found

    def close(self) -> None:
        """Give the connections back."""
        self.context.database.close()


def add_operator(context: HubContext, name: str, *roles: Role, display_name: str = "") -> Account:
    """Add an invented operator who has set up password and second factor already."""
    account = Account(
        id=AccountId(context.random(16).hex()),
        sign_in_name=name,
        display_name=display_name or f"{name.capitalize()} of the hub",
        roles=frozenset(roles),
        password_hash=Passwords(CHEAP).hash_password(PASSWORD),
        totp_secret=SECRET,
    )
    if not context.open_accounts("local:test").add_account(account, at=context.clock()):
        raise AssertionError(f"{name} exists already")
    return account


@cache
def _template_database() -> bytes:
    """Migrate a database once for all tests of this process: they take copies."""
    with TemporaryDirectory(prefix="trm-hub-test-") as folder:
        path = Path(folder) / "hub.db"
        database = Database(f"sqlite:///{path}")
        migrate(database)
        database.close()  # the last to close it puts everything into the one file
        return path.read_bytes()


def open_hub_database(folder: Path) -> Database:
    """Open a new SQLite database with the hub's tables, made by its migrations."""
    path = folder / "hub.db"
    path.write_bytes(_template_database())
    return Database(f"sqlite:///{path}")


def build_context(
    folder: Path,
    *,
    repository: RegistryRepository,
    online: OnlineSigners,
    clock: SetClock | None = None,
    database: Database | None = None,
    delivery: StillDelivery | None = None,
    network: StillNetwork | None = None,
) -> HubContext:
    """Put a hub's parts together over a published registry."""
    clock = clock or SetClock()
    database = database or open_hub_database(folder)
    random = CountedBytes()
    return HubContext(
        database=database,
        box=SecretBox(b"k" * 32, random=random),
        clock=clock,
        random=random,
        audit=AuditLog(database, clock=clock),
        repository=repository,
        online=online,
        registry=RegistryView(repository),
        delivery=delivery or StillDelivery(clock),
        public_url=ORIGIN,
        network=network or StillNetwork(),
    )


def publish_small_registry(folder: Path) -> RegistryWorld:
    """Publish a registry with AL and MK at the moment at which the hub's clock stands."""
    world = RegistryWorld(folder / "registry", clock=Timepiece(NOON))
    world.publish_all()
    return world


def build_hub(
    folder: Path, *, world: RegistryWorld | None = None, catalogues: Catalogues | None = None
) -> Hub:
    """Build a hub's console with the people of :data:`PEOPLE`; the clock stands at ``NOON``.

    Give ``world`` for a registry of your own (:mod:`tests.support.registry`), published already.
    """
    world = world or publish_small_registry(folder)
    clock = SetClock()
    delivery, network = StillDelivery(clock), StillNetwork()
    context = build_context(
        folder,
        repository=world.repository,
        online=world.online,
        clock=clock,
        delivery=delivery,
        network=network,
    )
    for name, roles in PEOPLE.items():
        add_operator(context, name, *roles)
    console = build_console(
        context,
        served=Served(ORIGIN, Place.of(ZoneInfo("Europe/Vienna")), "0.1.0"),
        hasher=CHEAP,
        catalogues=catalogues or Catalogues({}),
    )
    app = console.build_app([create_web_router(context, console)])
    return Hub(context, console, app, clock, delivery, network, world)


class HubReader(PageReader):
    """Opens pages of a hub and sends their forms."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub.app, clock=hub.clock)
        self.hub = hub
