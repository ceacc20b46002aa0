"""People who came in at consoles of running programs: by their link, with a second factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from playwright.sync_api import Browser, Page

from tests.browser.walks.screens import Screens
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code

PATIENCE_MS: Final = 120_000
"""How long something may take that goes through several programs, on a busy machine."""
_STEP: Final = timedelta(seconds=30)
"""How long an authenticator app shows one code; a code opens once."""


def on_day(name: str, moment: datetime) -> dict[str, str]:
    """Answer a date in its three fields."""
    return {
        f"{name}_day": str(moment.day),
        f"{name}_month": str(moment.month),
        f"{name}_year": str(moment.year),
    }


def days_ago(count: int) -> datetime:
    """Return a day that is past wherever the reader is."""
    return datetime.now(UTC) - timedelta(days=count)


@dataclass(frozen=True)
class Person:
    """Somebody with a password and a second factor, and with a session that goes on."""

    console: str
    sign_in_name: str
    secret: str
    cookies: tuple[Mapping[str, object], ...]

    def open(self, visit: Visit, path: str = "/", *, width: int = 1280) -> Screens:
        """Open a page of their console in a window of its own."""
        page, _ = visit(f"{self.console}/sign-in", width=width)
        page.context.add_cookies([dict(each) for each in self.cookies])  # type: ignore[misc]  # as the browser gave them
        page.set_default_timeout(PATIENCE_MS)
        page.goto(self.console + path)
        return Screens(page)


def come_in(chromium: Browser, link: str, *, name: str) -> Person:
    """Set up a password and a second factor by a link, then sign in with both."""
    console = link[: link.index("/link/")]
    context = chromium.new_context(locale="en-GB", service_workers="block")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(link)
    page.click("main form button")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main form button")
    secret = "".join((page.text_content("main span.code") or "").split())
    page.fill("#code", totp_code(datetime.now(UTC), secret))
    with page.expect_navigation():
        page.click("main form button")
    context.clear_cookies()
    _sign_in(page, console, name, secret)
    cookies = tuple(dict(each) for each in context.cookies())
    context.close()
    return Person(console, name, secret, cookies)


def _sign_in(page: Page, console: str, name: str, secret: str) -> None:
    """Sign in with the code that the app shows next: the last one was used for the set-up."""
    page.goto(f"{console}/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.fill("#code", totp_code(datetime.now(UTC) + _STEP, secret))
    with page.expect_navigation():
        page.click("main button")
