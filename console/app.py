"""Builds the app of a face: the kit's layers around the face's own routers.

A face says what it is, brings its stores, writes its routers over the renderer, and builds::

    console = Console(face=Face(...), settings=ConsoleSettings(...), wiring=Wiring(...))
    router = create_inbox_router(console.renderer, ...)
    app = console.build_app([router])

A handler is a plain function. It asks for the person with a parameter of type ``ActiveSession``
or with ``Depends(require_roles(...))``, answers a GET with ``renderer.page(request, "inbox.html")``
and a POST with a redirect, or with the same page and ``errors={"field": msg("...")}``. Its
templates extend ``base.html``, fill the blocks ``title`` and ``main``, use the macros of
``components.html`` as ``ui``, and open each form with ``{{ ui.form_token() }}``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware
from starlette.types import Lifespan

from console.accounts.factors import FactorStore
from console.accounts.models import SignedIn
from console.accounts.national import NationalLogin
from console.accounts.passkeys import Passkeys
from console.accounts.passwords import Passwords
from console.accounts.ports import AccountStore, FailureStore, SessionStore, SettingUp
from console.accounts.recovery import RecoveryCodes
from console.accounts.sessions import Sessions
from console.accounts.sign_in import SignIn
from console.accounts.ways_in import WaysIn
from console.assets import StaticAssets
from console.confirming import Confirming, install_confirming
from console.cookies import Cookies
from console.face import Clock, ConsoleSettings, Face, RandomBytes
from console.guard import FormKeeper, FormTokenCheck, GuardLayer
from console.i18n import Catalogues
from console.own_pages import create_own_router
from console.problems import ProblemPages, install_problem_pages
from console.rendering import PageParts, Renderer
from console.security import SecurityLayer
from console.sign_in_pages import SignInPages, create_signin_router
from console.ways_in_pages import create_ways_in_router


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the face brings: its stores for sign-in, the languages, time, and randomness."""

    accounts: AccountStore
    sessions: SessionStore
    setting_up: SettingUp
    failures: FailureStore
    catalogues: Catalogues
    passwords: Passwords
    clock: Clock
    random: RandomBytes
    factors: FactorStore | None = None
    """Passkeys, recovery codes, national logins; None: the face offers none of them."""
    national: NationalLogin | None = None
    keep_form: FormKeeper | None = None
    """Where a form goes that was sent just after the screen had locked, encrypted as drafts are."""
    find_kept: Callable[[SignedIn], str] | None = None
    """Gives the page of such a form, where somebody who comes back is sent first, or nothing."""


class Console:
    """The kit, put together for one face: hand ``renderer`` to the routers, then build the app."""

    def __init__(self, *, face: Face, settings: ConsoleSettings, wiring: Wiring) -> None:
        self.face = face
        self.settings = settings
        self._random = wiring.random
        self._keep_form = wiring.keep_form
        self._find_kept = wiring.find_kept
        self._catalogues = wiring.catalogues
        self._assets = StaticAssets(face.static)
        self.sessions = Sessions(
            accounts=wiring.accounts,
            store=wiring.sessions,
            clock=wiring.clock,
            random=wiring.random,
            idle_lock=settings.idle_lock,
            absolute_lock=settings.absolute_lock,
            shared_lock=settings.shared_lock,
        )
        recovery = (
            RecoveryCodes(store=wiring.factors, clock=wiring.clock, random=wiring.random)
            if wiring.factors is not None
            else None
        )
        self.sign_in = SignIn(
            accounts=wiring.accounts,
            setting_up=wiring.setting_up,
            failures=wiring.failures,
            sessions=self.sessions,
            passwords=wiring.passwords,
            clock=wiring.clock,
            random=wiring.random,
            recovery=recovery,
        )
        self.renderer = Renderer(
            PageParts(
                face=face,
                settings=settings,
                assets=self._assets,
                catalogues=wiring.catalogues,
                clock=wiring.clock,
                random=wiring.random,
                sessions=self.sessions,
            )
        )
        self.ways = self._build_ways(wiring, recovery)
        self.problems = ProblemPages(self.renderer, api_prefixes=tuple(settings.api_prefixes))

    def _build_ways(self, wiring: Wiring, recovery: RecoveryCodes | None) -> WaysIn | None:
        if wiring.factors is None or recovery is None:
            return None
        return WaysIn(
            sign_in=self.sign_in,
            store=wiring.factors,
            passkeys=Passkeys(
                store=wiring.factors,
                clock=wiring.clock,
                random=wiring.random,
                issuer=self.renderer.issuer,
            ),
            recovery=recovery,
            national=wiring.national,
        )

    def build_app(
        self, routers: Sequence[APIRouter], *, lifespan: Lifespan[FastAPI] | None = None
    ) -> FastAPI:
        """Build the app: every route of it stands behind the guard and the form token check."""
        app = FastAPI(
            title=self.face.product.msgid,
            version=self.face.version,
            openapi_url=None,  # an API brings its own app, mounted under one of api_prefixes
            dependencies=[Depends(FormTokenCheck(self.settings, self._keep_form))],
            middleware=self._list_layers(),
            lifespan=lifespan,
        )
        install_problem_pages(app, self.problems, home=self.face.home)
        confirming = Confirming(self.sign_in, self.renderer)
        install_confirming(app, confirming)
        pages = SignInPages(
            sign_in=self.sign_in,
            renderer=self.renderer,
            cookies=Cookies(self.settings),
            catalogues=self._catalogues,
            home=self.face.home,
            ways=self.ways,
            find_kept=self._find_kept,
            explained=self.face.explained,
        )
        own = [create_signin_router(pages), create_own_router(pages, confirming)]
        if self.ways is not None:
            own.append(create_ways_in_router(pages, self.ways, self.settings))
        for router in (*own, *routers):
            app.include_router(router)
        return app

    def _list_layers(self) -> list[Middleware]:
        security: dict[str, Any] = {
            "settings": self.settings,
            "assets": self._assets,
            "problems": self.problems,
            "random": self._random,
        }
        guard: dict[str, Any] = {
            "settings": self.settings,
            "sessions": self.sessions,
            "catalogues": self._catalogues,
            "problems": self.problems,
        }
        return [Middleware(SecurityLayer, **security), Middleware(GuardLayer, **guard)]
