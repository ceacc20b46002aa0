"""Passkeys in a real browser with its own virtual authenticator: added, used, taken away."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, totp_code
from tests.support.http_server import serve
from tests.support.node_console import Pair, build_pair


@pytest.fixture
def pair(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Pair]:
    """Build two nodes."""
    built = build_pair(tmp_path, url_of=node_url_of)
    yield built
    built.network.close()


def plug_in(page: Page, *, verified: bool) -> tuple[CDPSession, str]:
    """Give the browser an authenticator; ``verified``: whether it knows its holder's finger."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    added = devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": verified,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return devtools, added["authenticatorId"]


def test_a_passkey_is_added_used_and_taken_away(pair: Pair, visit: Visit) -> None:
    """Added with the password, it signs in by itself; unconfirmed or removed, it does not."""
    with serve(pair.al.app) as address:
        # A passkey is bound to a name, never to an address.
        home = address.replace("127.0.0.1", "localhost")
        page, watch = visit(f"{home}/sign-in")
        watch.expect_status(422)
        devtools, authenticator = plug_in(page, verified=True)
        page.fill("#name", "officer")
        page.fill("#password", PASSWORD)
        page.click("form[action='/sign-in'] button")
        page.fill("#code", totp_code(pair.network.clock()))
        page.locator("form[action='/sign-in/code'] button").first.click()
        expect(page).to_have_url(f"{home}/")
        page.goto(f"{home}/sessions")
        adding = page.locator("form[data-passkey]")
        adding.locator("[name=label]").fill("Desk key")
        adding.locator("[name=password]").fill("not the password at all")
        adding.get_by_role("button").click()
        expect(adding.get_by_role("alert")).to_contain_text("The password is not right")
        adding.locator("[name=password]").fill(PASSWORD)
        adding.get_by_role("button").click()
        expect(page.get_by_role("cell", name="Desk key", exact=True)).to_be_visible()
        assert len(_list_credentials(devtools, authenticator)) == 1

        _sign_out(page)
        page.goto(f"{home}/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page).to_have_url(f"{home}/")

        _sign_out(page)
        page.goto(f"{home}/sign-in")
        confirmed = {"authenticatorId": authenticator, "isUserVerified": False}
        devtools.send("WebAuthn.setUserVerified", confirmed)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.locator("form[data-passkey]").get_by_role("alert")).to_contain_text(
            "The passkey was not used"
        )

        devtools.send("WebAuthn.setUserVerified", {**confirmed, "isUserVerified": True})
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page).to_have_url(f"{home}/")
        page.goto(f"{home}/sessions")
        page.get_by_role("button", name="Remove Desk key").click()
        expect(page.get_by_role("cell", name="Desk key", exact=True)).to_have_count(0)
        _sign_out(page)
        page.goto(f"{home}/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("This passkey is not known here").first).to_be_visible()


def _sign_out(page: Page) -> None:
    page.goto("about:blank")  # an open page would go and look for its session
    page.context.clear_cookies()


def _list_credentials(devtools: CDPSession, authenticator: str) -> list[object]:
    found = devtools.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    credentials: list[object] = found["credentials"]
    return credentials
