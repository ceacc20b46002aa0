"""Takes the pictures of the node's console for the documentation, from invented cases.

Run ``python -m tests.browser.pictures [folder]`` from the root of the tree; the folder is
``docs/images`` unless another is named. ``--all`` adds every page, light and dark.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.people import list_accounts
from node.service.reading import handle_open, list_items
from protocol.messages.general import DeclineReason, Outcome
from tests.support.chromium import ARGUMENTS, find_chromium
from tests.support.consent import ON_FILE
from tests.support.console_face import PASSWORD, totp_code
from tests.support.node import NOTIFICATION_BODY, REFERRAL_BODY, Network, make_draft
from tests.support.node_console import FACTS, Pair, build_pair
from tests.support.people import STAFF, acting
from tests.support.registry import serve

LARGEST = 150_000
DESKTOP, PHONE = (1280, 860), (360, 780)
OFFICE = "AL-anti-trafficking-coordination-office"


def tell_stories(pair: Pair) -> None:
    """Let some days of invented work pass between the two nodes."""
    network, al, xk = pair.network, pair.al.context, pair.xk.context
    body = {
        **NOTIFICATION_BODY,
        "case_manager": {"post": "Duty officer", "authority": OFFICE, "telephone": "+355 40000001"},
    }
    settled = handle_send(al, make_draft(body=body), who=acting("api:case-system"))
    network.settle()
    network.clock.advance(hours=2)
    handle_open(xk, settled.message_id, who=acting(_officer(xk)))
    network.clock.advance(minutes=20)
    accepted = DecisionDraft(
        outcome=Outcome.ACCEPTED,
        case_manager=CaseManagerDraft(post="Social worker on duty", telephone="+383 40000001"),
        procedure_note="A place is held from tomorrow, 9:00.",
    )
    handle_decide(xk, settled.message_id, accepted, who=acting(_officer(xk)))
    network.settle()
    network.clock.advance(hours=20)
    referral = {
        **REFERRAL_BODY,
        "case_manager": body["case_manager"],
        "summary": "The person agreed to return in about three weeks and wishes to learn a trade.",
    }
    consent = {
        "kind": "consent",
        "given_by": "person",
        "given_at": "2026-03-04T08:00:00+00:00",
        "explained_in": "sq",
        "classes": ["protection"],
        "recipients": ["XK"],
        "phases": ["identification"],
    }
    handle_send(
        al,
        make_draft(
            type="identification.initial_referral",
            case=settled.case_reference,
            body=referral,
            legal_basis=consent,
            consent=ON_FILE,
        ),
        who=acting(_officer(al)),
    )
    network.settle()
    child = {
        **body,
        "age_group": "under_18",
        "possibly_under_18": "yes",
        "child": {"guardian": "not_yet_appointed", "child_informed": "yes"},
        "exploitation_forms": ["begging"],
    }
    handle_send(al, make_draft(body=child, urgency="urgent"), who=acting(_officer(al)))
    network.settle()
    network.clock.advance(hours=19)
    danger = {**body, "danger_now": "yes", "sex": "male"}
    handle_send(al, make_draft(body=danger, urgency="immediate"), who=acting(_officer(al)))
    network.settle()
    network.clock.advance(minutes=50)
    late = handle_send(al, make_draft(body=body), who=acting(_officer(al)))
    network.settle()
    declined = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NOT_COMPETENT)
    handle_decide(xk, late.message_id, declined, who=acting(_officer(xk)))
    network.settle()
    _refresh_directory(network)


def _refresh_directory(network: Network) -> None:
    """Let the nodes have looked at the registry a moment ago, as running ones do every minute."""
    now = network.clock()
    network.directory.directory = replace(
        network.directory.directory, verified_at=now, expires_at=now + timedelta(days=1)
    )


def _officer(context: NodeContext) -> str:
    """Return the account of the focal point that the pair was built with."""
    return next(a.id for a in list_accounts(context) if a.sign_in_name == "officer")


@dataclass
class Camera:
    """A browser that is signed in, and takes pictures of what it is shown."""

    browser: Browser
    address: str
    pair: Pair

    def open(self, size: tuple[int, int], *, dark: bool = False, name: str = "officer") -> Page:
        """Sign in with a window of this size."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto(f"{self.address}/sign-in")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("main button")
        self.pair.network.clock.advance(seconds=31)  # a code is used once
        page.fill("#code", totp_code(self.pair.network.clock()))
        page.click("main button")
        return page


def compose(page: Page, address: str) -> None:
    """Fill in a notification up to the check."""
    page.goto(f"{address}/new/begin")
    page.check("#purpose")
    page.select_option("#participant", "MK")
    page.check("#ties")
    page.check("#possibly_under_18-2")
    page.check("#danger_now-2")


def go_on(page: Page) -> None:
    """Press the button that leads on."""
    page.click("main form .actions button")


def fill_facts(page: Page) -> None:
    """Answer the screen of safe facts."""
    for name, value in FACTS.items():
        for one in [value] if isinstance(value, str) else value:
            field = page.locator(f'main [name="{name}"]')
            if field.first.get_attribute("type") in {"radio", "checkbox"}:
                page.check(f'main [name="{name}"][value="{one}"]')
            elif field.first.evaluate("one => one.tagName") == "SELECT":
                page.select_option(f'main [name="{name}"]', one)
            elif one and field.count():
                field.fill(one)


def take_all(camera: Camera, folder: Path) -> None:
    """Take every page, light and dark, wide and narrow."""
    xk = camera.pair.xk.context
    waiting = list_items(xk, direction="in", open_only=True, who=STAFF)
    for label, size, dark in (
        ("wide-light", DESKTOP, False),
        ("wide-dark", DESKTOP, True),
        ("narrow-light", PHONE, False),
        ("narrow-dark", PHONE, True),
    ):
        page = camera.open(size, dark=dark)

        def shoot(name: str, page: Page = page, label: str = label) -> None:
            page.screenshot(path=folder / f"{name}-{label}.png", full_page=True)

        shoot("inbox")
        for name, path in (
            ("sent", "/sent"),
            ("received", "/received"),
            ("message", f"/message/{waiting[-1].message_id}"),
            ("decide", f"/decide/{waiting[0].message_id}"),
            ("case", f"/case/{waiting[-1].case_id}"),
            ("cases", "/cases"),
            ("directory", "/directory"),
            ("participant", "/directory/AL"),
        ):
            page.goto(camera.address + path)
            shoot(name)
        page.goto(f"{camera.address}/decide/{waiting[0].message_id}")
        page.check('[name="outcome"][value="accepted"]')
        shoot("decide-accepted")
        compose(page, camera.address)
        shoot("compose-1")
        for step in ("compose-2", "compose-3"):
            go_on(page)
            shoot(step)
        go_on(page)
        shoot("compose-3-errors")
        fill_facts(page)
        go_on(page)
        page.check('[name="basis"][value="consent"]')
        shoot("compose-4-consent")
        page.check('[name="basis"][value="no_personal_data"]')
        go_on(page)
        shoot("compose-5")
        page.click(".send-bar button")
        shoot("sent-state")
        page = camera.open(size, dark=dark, name="admin")
        page.screenshot(path=folder / f"delivery-{label}.png", full_page=True)


def take_documented(camera: Camera, folder: Path) -> None:
    """Take the six pictures that the documentation shows."""
    case = list_items(camera.pair.xk.context, direction="in", who=STAFF)[-1].case_id
    for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
        page = camera.open(size)
        page.screenshot(path=folder / f"node-inbox-{label}.png")
        page.goto(f"{camera.address}/case/{case}")
        page.screenshot(path=folder / f"node-case-{label}.png")
        compose(page, camera.address)
        go_on(page)
        page.screenshot(path=folder / f"node-compose-{label}.png")


def main() -> int:
    """Take the pictures; fails if one is too large for the tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    parser.add_argument("--all", action="store_true", help="every page, light and dark")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        pair = build_pair(Path(place))
        tell_stories(pair)
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=list(ARGUMENTS),
            chromium_sandbox=os.geteuid() != 0,
        )
        with serve(pair.xk.app) as address:
            camera = Camera(browser, address, pair)
            (take_all if asked.all else take_documented)(camera, asked.folder)
        browser.close()
        pair.network.close()
    too_large = [p.name for p in asked.folder.glob("*.png") if p.stat().st_size > LARGEST]
    if too_large and not asked.all:
        sys.stderr.write(f"too large for the tree: {', '.join(too_large)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
