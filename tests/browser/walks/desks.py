"""Two desks with real nodes between them, for journeys that several people walk in Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from node.service.consent.records import ConsentDraft, handle_record_consent
from protocol.policy.facts import Role
from tests.browser.walks.screens import Screens
from tests.support.case_pages import Case, begin_case
from tests.support.case_steps import case_at, settle
from tests.support.case_world import consent_for, record_of
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node_console import Pair, add_person, build_pair
from tests.support.people import STAFF


@dataclass(frozen=True)
class Window:
    """How somebody looks at the pages: at a desk unless told otherwise."""

    width: int = 1280
    javascript: bool = True


AT_A_DESK = Window()
ON_A_PHONE = Window(width=360, javascript=False)
"""A phone that runs no script."""


@dataclass(frozen=True)
class Desks:
    """AL and XK, each with its console in a server of its own."""

    pair: Pair
    #: Where each console is served, by the code of its Participant.
    addresses: dict[str, str]

    def settle(self) -> None:
        """Carry everything, and let each side take up what follows from it."""
        settle(self.pair.network)

    def wait(self, **length: float) -> None:
        """Let time pass at both desks."""
        self.pair.network.clock.advance(**length)

    def begin_case(self) -> Case:
        """Let AL notify XK on consent; both know the case."""
        return begin_case(self.pair)

    def begin_return(self) -> tuple[str, str]:
        """Put a consent to everything on file at both desks; the case as AL and as XK name it."""
        case = self.begin_case()
        theirs = case_at(self.pair.network, "XK", case.sent)
        nodes = (self.pair.al.context, case.case_id, "XK"), (self.pair.xk.context, theirs, "AL")
        for context, case_id, recipient in nodes:
            consent = ConsentDraft.model_validate(record_of(consent_for(recipient)))
            handle_record_consent(context, case_id, consent, who=STAFF)
        return case.address, f"/case/{theirs}"

    def sign_in(
        self, visit: Visit, code: str, name: str = "officer", window: Window = AT_A_DESK
    ) -> Screens:
        """Open a browser of its own and sign somebody in; what opens first is open."""
        self.wait(seconds=31)  # a code of the app opens once
        address = f"{self.addresses[code]}/sign-in"
        page, _ = visit(address, javascript=window.javascript, width=window.width)
        _sign_in(page, name, totp_code(self.pair.network.clock()))
        return Screens(page)


def _sign_in(page: Page, name: str, code: str) -> None:
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", code)
    with page.expect_navigation():
        page.click("main button")


@contextmanager
def open_desks(folder: Path, url_of: Callable[[str], str]) -> Iterator[Desks]:
    """Build both nodes, with somebody at AL who approves, and serve their consoles."""
    pair = build_pair(folder, url_of=url_of)
    try:
        add_person(pair.al.context, "approver", Role.APPROVER, display_name="Head of office")
        with serve(pair.al.app) as al, serve(pair.xk.app) as xk:
            yield Desks(pair, {"AL": al, "XK": xk})
    finally:
        pair.network.close()
