"""A sample face on the kit: every component, a clock that tests set, an invented person."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pyotp
from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI, Form, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.accounts.models import Account, AccountId
from console.accounts.passwords import Passwords
from console.app import Console, Wiring
from console.confirming import Confirmed
from console.face import ConsoleSettings, Face, NavigationItem
from console.guard import ActiveSession, require_roles
from console.i18n import Catalogues, msg
from console.storage.database import UnkeepableValueError
from tests.support.console_stores import (
    MemoryAccounts,
    MemoryFailures,
    MemorySessions,
    MemorySettingUp,
)

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
PASSWORD = "lantern orchard pebble violin"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TEMPLATES = Path(__file__).parent / "console_sample"


@dataclass
class SetClock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """Give the moment that was set."""
        return self.now

    def advance(self, **length: float) -> None:
        """Move on by a length given as to :class:`datetime.timedelta`."""
        self.now += timedelta(**length)


@dataclass
class CountedBytes:
    """Bytes that differ at each call and repeat at each run."""

    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __call__(self, length: int) -> bytes:
        """Give the next bytes."""
        return next(self.counter).to_bytes(4, "big").rjust(length, b"\x5a")[-length:]


def make_account(passwords: Passwords, **changes: Any) -> Account:
    """Make the account of an invented person who has a password and a second factor."""
    known: dict[str, Any] = {
        "id": AccountId("a-1"),
        "sign_in_name": "officer",
        "display_name": "Duty officer",
        "roles": frozenset({"focal_point"}),
        "password_hash": passwords.hash_password(PASSWORD),
        "totp_secret": SECRET,
    }
    return Account(**{**known, **changes})


def totp_code(at: datetime, secret: str = SECRET) -> str:
    """Give the code that an authenticator app would show at that time."""
    return pyotp.TOTP(secret).at(at)


@dataclass
class Sample:
    """The sample console with everything that a test may look at or move."""

    console: Console
    app: FastAPI
    clock: SetClock
    accounts: MemoryAccounts
    sessions: MemorySessions
    failures: MemoryFailures
    kept: list[tuple[str, str, dict[str, object]]]


def build_sample(
    *,
    settings: ConsoleSettings | None = None,
    catalogues: Catalogues | None = None,
    clock: SetClock | None = None,
) -> Sample:
    """Build the sample console, served on loopback names unless the settings say otherwise."""
    passwords = Passwords(CHEAP)
    clock = clock or SetClock()
    accounts = MemoryAccounts([make_account(passwords)])
    sessions, failures = MemorySessions(), MemoryFailures()
    kept: list[tuple[str, str, dict[str, object]]] = []
    console = Console(
        face=Face(
            product=msg("Referral desk"),
            participant_code="XK",
            participant_name="Kosovo",
            zone=ZoneInfo("Europe/Belgrade"),
            city="Pristina",
            version="0.1.0",
            role_names={"focal_point": msg("Focal point"), "approver": msg("Approver")},
            templates=(TEMPLATES,),
            navigation=lambda _request, _signed_in: (
                NavigationItem(label=msg("Inbox"), path="/", icon="inbox", count=3),
                NavigationItem(label=msg("New message"), path="/form", icon="pencil"),
                NavigationItem(label=msg("Cases"), path="/case", icon="list-checks"),
            ),
        ),
        settings=settings
        or ConsoleSettings(
            https=False,
            hosts=("localhost", "127.0.0.1"),
            cookie_label="sample",
            api_prefixes=("/api/",),
            larger_bodies={"/files": 2_000_000},
        ),
        wiring=Wiring(
            accounts=accounts,
            sessions=sessions,
            setting_up=MemorySettingUp(accounts, sessions),
            failures=failures,
            catalogues=catalogues or Catalogues({}),
            passwords=passwords,
            clock=clock,
            random=CountedBytes(),
            keep_form=lambda who, path, form: kept.append((who.account.id, path, dict(form))),
            find_kept=lambda _who: "/kept" if kept else "",
        ),
    )
    app = console.build_app([build_router(console), build_failing_router()])
    return Sample(console, app, clock, accounts, sessions, failures, kept)


def build_router(console: Console) -> APIRouter:
    """Build the sample's own pages."""
    router = APIRouter()

    @router.get("/")
    def inbox(request: Request, _who: ActiveSession) -> Response:
        return console.renderer.page(request, "inbox.html", noon=NOON, hour=timedelta(hours=1))

    @router.get("/form")
    def form(request: Request, _who: ActiveSession) -> Response:
        return console.renderer.page(request, "form.html")

    @router.post("/form")
    def send(request: Request, _who: ActiveSession, note: Annotated[str, Form()] = "") -> Response:
        if not note:
            errors = {
                "place": msg("Choose a Participant."),
                "age": msg("Say whether the person is under 18."),
                "note": msg("Write what the other desk must know first."),
            }
            return console.renderer.page(request, "form.html", errors=errors)
        return RedirectResponse("/case", status_code=303)

    @router.post("/files")
    def take_file(_who: ActiveSession, file: UploadFile) -> Response:
        return Response(str(file.size))

    @router.get("/case")
    def case(request: Request, _who: ActiveSession) -> Response:
        return console.renderer.page(request, "case.html", noon=NOON, hour=timedelta(hours=1))

    @router.get("/approvals")
    def approvals(request: Request) -> Response:
        require_roles("approver")(request)
        return console.renderer.page(request, "form.html")

    @router.get("/open")
    def open_page(request: Request) -> Response:
        return console.renderer.page(request, "form.html")

    _add_erasing(router)
    return router


def _add_erasing(router: APIRouter) -> None:
    @router.get("/erase")
    def show_erase(_who: Confirmed) -> Response:
        return Response("what would be erased")

    @router.post("/erase")
    def erase(_sure: Confirmed, note: Annotated[list[str], Form()]) -> Response:
        return Response(f"erased: {', '.join(note)}")


def build_failing_router() -> APIRouter:
    """Build pages that fail in a way that nothing expected."""
    router = APIRouter()

    @router.get("/boom")
    def boom() -> Response:
        raise RuntimeError("the name of a person in danger")

    @router.get("/unkeepable")
    def unkeepable() -> Response:
        raise UnkeepableValueError("the name of a person in danger")

    @router.get("/api/boom")
    def api_boom() -> Response:
        raise RuntimeError("the name of a person in danger")

    return router
