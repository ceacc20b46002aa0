"""Journeys in Chromium at running nodes: what one desk sends travels over the broker to the other.

Nothing is carried by the test: each node, the hub and the broker are programs of their own, and a
page that stays open shows by itself what came.
"""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from deploy.demo.world import DemoWorld
from tests.browser.journeys import SAFE_FACTS, Walk
from tests.browser.walks.screens import Screens, Typed
from tests.e2e.signed_in import PATIENCE_MS, Person, come_in, days_ago, on_day
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD
from tests.support.files_sent import make_picture

#: How long a machine takes that does much else is no property of the code.
pytestmark = pytest.mark.timeout(900)
READY_SECONDS: Final = 120.0
LOOKS_EVERY_MS: Final = 1000
MOST_CLICKS: Final = 35
TWO_MINUTES: Final = 120
SCREENS: Final = (
    "Where is the link?", "Who receives it?", "Safe facts", "Legal basis", "Check and send", "Sent",
)  # fmt: skip
NOTIFICATION: Final = "Notification of a presumed victim"
REFERRAL: Final[Typed] = {
    "age_group": "23_25",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": "forced_labour_or_services",
    "whereabouts": "with_sender",
    "handover": "opened_with_recipient",
    "reason": "return_is_planned",
    "services_requested": ["accommodation", "legal_advice"],
    "phases_concerned": "first_assistance",
    "risk-level": "low",
    "interpreter_needed": "no",
}
PROVIDER: Final[Typed] = {
    "completeness": "partial",
    "answer-providers-0-name": "An invented association",
    "answer-providers-0-kind": "ngo",
    "answer-providers-0-services": "legal_advice",
    "answer-providers-0-telephone": "+383 38 000 002",
    "answer-providers-0-cost": "free",
    "answer-providers-0-capacity": "available",
    "basis": "no_personal_data",
}
QUESTION: Final = "Contacts of service providers"
PICTURE: Final = make_picture(9_000_000)
"""It goes up in three pieces, and over the broker in more."""
NOTE: Final = "Ask for the desk, not for the person"


@dataclass(frozen=True)
class Network:
    """AL, XK and the hub as programs, and the people who came in there."""

    world: DemoWorld
    al: Person
    xk: Person
    administrator: Person
    operator: Person


@pytest.fixture(scope="module")
def network(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Start everything once; each test works on a case of its own."""
    folder = tmp_path_factory.mktemp("over-nodes") / "world"
    with DemoWorld(folder, resend_first=timedelta(seconds=1)) as world:
        world.start(["AL", "XK"])
        al, xk = world.nodes["AL"], world.nodes["XK"]
        yield Network(
            world,
            al=come_in(chromium, al.focal_point_link, name="focal-point"),
            xk=come_in(chromium, xk.focal_point_link, name="focal-point"),
            administrator=come_in(chromium, al.administrator_link, name="administrator"),
            operator=come_in(chromium, world.operator_links["Hub administrator"], name="hub-admin"),
        )


def notify(window: Screens, console: str) -> Walk:
    """Notify XK of a presumed victim on written consent, from the inbox to *Sent*."""
    walk = Walk(window.page)
    window.page.goto(console)
    walk.arrive("Inbox")
    walk.go_on('nav a[href="/new"]')
    if window.page.url.endswith("/new"):  # what a test that failed left is offered first
        walk.go_on('main a[href="/new/begin"]')
    walk.arrive("Where is the link?")
    walk.choose("purpose", "notification")
    walk.choose("participant", "XK")
    walk.choose("ties", "national_of")
    walk.choose("possibly_under_18", "no")
    walk.choose("danger_now", "no")
    walk.go_on()
    walk.arrive("Who receives it?")
    walk.go_on()
    walk.arrive("Safe facts")
    for name, value in SAFE_FACTS.items():
        walk.choose(name, value)
    type_day(walk, "found_on", days=3)
    walk.go_on()
    walk.arrive("Legal basis")
    walk.choose("basis", "consent")
    walk.choose("given_by", "person")
    type_day(walk, "given_at", days=2)
    walk.type("given_at_time", "9:00")
    walk.choose("explained_in", "sq")
    walk.choose("classes", "protection")
    walk.type("note", NOTE)
    walk.go_on()
    walk.arrive("Check and send")
    expect(window.page.locator("main")).to_contain_text("The consent covers all")
    walk.go_on(".send-bar button")
    window.page.wait_for_url(re.compile("/sent/"))
    walk.arrive("Sent")
    return walk


def type_day(walk: Walk, name: str, *, days: int) -> None:
    """Answer a day that lies so many days back."""
    for part, said in on_day(name, days_ago(days)).items():
        if part.endswith("_month"):
            walk.choose(part, said)
        else:
            walk.type(part, said)


def consent_given() -> Typed:
    """Answer what a written consent is asked for."""
    return {
        "basis": "consent",
        "given_by": "person",
        **on_day("given_at", days_ago(2)),
        "given_at_time": "9:00",
        "explained_in": "sq",
        "classes": "protection",
    }


def follow_news(window: Screens, message_id: str, what: str) -> None:
    """Wait until the open inbox says by itself that something came, and open it."""
    expect(window.page.locator("#news")).to_contain_text("new item", timeout=PATIENCE_MS)
    window.press(window.page.locator("#news a"))
    row = window.page.locator(f"table.inbox a[href$='/{message_id}']").first
    reload_until(window, row)
    expect(row).to_contain_text(what)
    window.press(row)


def expect_state(window: Screens, words: str) -> None:
    """Wait until the open page of a sent message says so by itself."""
    expect(window.page.locator("#state")).to_contain_text(words, timeout=PATIENCE_MS)


def accept(window: Screens) -> None:
    """Accept the message that is open."""
    window.press("Decide")
    window.fill({"outcome": "accepted"})
    window.press("Send the decision")
    expect(window.page.locator("h1")).to_have_text("Decision sent")


def read_message(window: Screens) -> str:
    """Return the id of the message whose page is open."""
    return window.page.url.rsplit("/", 1)[1]


def read_address(page: Page) -> str:
    """Return the path of the page that is open."""
    return "/" + page.url.split("/", 3)[3]


def test_a_notification_leaves_and_its_decision_comes_back(
    visit: Visit, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five screens and Sent within two minutes; both pages show what comes without a reload."""
    xk = network.xk.open(visit)
    al = network.al.open(visit)
    walk = notify(al, f"{network.al.console}/")
    with capsys.disabled():
        sys.stdout.write(
            f"\nnotification on consent: {len(walk.steps) - 1} screens with Sent, "
            f"{walk.clicks} clicks, {walk.keys} keys, {walk.hands:.0f} s of a practised hand, "
            f"{walk.machine:.1f} s of pages\n"
        )
    assert tuple(step.name for step in walk.steps[1:]) == SCREENS
    assert walk.clicks <= MOST_CLICKS
    assert walk.hands < TWO_MINUTES
    sent = read_address(al.page)
    expect_state(al, "Delivered, receipt signed")
    follow_news(xk, read_message(al), NOTIFICATION)
    expect(xk.page.locator("main")).to_contain_text("Receipt: delivered")
    expect(xk.page.locator("main")).to_contain_text(NOTE)
    expect_state(al, "Opened")
    accept(xk)
    expect_state(al, "Accepted")
    expect(al.page.locator(".no-answer")).to_be_hidden()
    assert read_address(al.page) == sent
    al.press("Show the decision")
    expect(al.page.locator("main")).to_contain_text("Signed by Kosovo*")


def test_a_referral_with_a_file_is_answered_and_its_consent_withdrawn(
    visit: Visit, network: Network
) -> None:
    """The file travels, the answer is typed, and what the consent covered is deleted there."""
    xk = network.xk.open(visit)
    al = network.al.open(visit, "/new/begin")
    refer(al)
    attach(al)
    al.press("Send")
    expect_state(al, "Delivered, receipt signed")
    follow_news(xk, read_message(al), "Initial referral")
    xk.page.click("text=1 file, closed until you need it")
    expect(xk.page.locator("#files .file")).to_contain_text("Complete", timeout=PATIENCE_MS)
    with xk.page.expect_download() as saving:
        xk.page.locator("#files a[download]").click()
    assert Path(saving.value.path()).read_bytes() == PICTURE
    accept(xk)
    expect_state(al, "Accepted")
    al.press("Open the case")
    case = read_address(al.page)
    xk.open("/")
    ask(al)
    follow_news(xk, read_message(al), QUESTION)
    xk.press("Answer")
    xk.go_on({**PROVIDER, **on_day("rest_expected_on", days_ago(-20))})
    xk.press("Send")
    expect_state(al, "Answered in part")
    al.open(f"{case}/basis")
    al.press("Consent is withdrawn")
    al.press("Stop sending now")
    al.press("Tell them now")
    expect(al.page.locator("main")).to_contain_text("Asked, not confirmed yet")
    asked = al.page.locator("main a[href^='/sent/']").first
    told = read_address(al.page)
    al.press(asked)
    expect_state(al, "Delivered, receipt signed")
    xk.open("/")
    delete(xk, read_message(al))
    expect_state(al, "Answered")
    al.open(told)
    reload_until(al, al.page.get_by_role("main").get_by_text("Deleted", exact=True))


def refer(window: Screens) -> None:
    """Write a referral to XK on written consent, up to the screen that sends it."""
    window.go_on(
        {"purpose": "referral", "participant": "XK", "possibly_under_18": "no", "danger_now": "no"}
    )
    window.go_on()
    assessed = {**on_day("risk-assessed_at", days_ago(2)), "risk-assessed_at_time": "10:00"}
    window.go_on({**REFERRAL, **assessed})
    window.go_on(consent_given())


def attach(window: Screens) -> None:
    """Put a file to the message that is written."""
    window.press(window.page.get_by_role("link", name="Add or remove files"))
    window.fill({"sensitivity": "protection"})
    picture: FilePayload = {"name": "map.png", "mimeType": "image/png", "buffer": PICTURE}
    window.page.set_input_files("#file", picture)
    window.press("Add the file")
    expect(window.page.locator(".files .file")).to_contain_text("Ready to leave")
    window.press("Continue")


def ask(window: Screens) -> None:
    """Ask for providers in the case that is open."""
    window.fill({"what": "social_inclusion.service_contacts"})
    window.press("Begin")
    window.go_on()
    window.go_on({"basis": "no_personal_data"})
    window.go_on({"services": "legal_advice"})
    window.press("Send")


def delete(window: Screens, message_id: str) -> None:
    """Do what a withdrawal asks for; the page asks who it is, if they signed in a while ago."""
    owed = window.page.locator(f"table.inbox a[href='/owed/{message_id}']").first
    reload_until(window, owed)  # what follows from a message is found a moment after its receipt
    window.press(owed)
    window.fill({"others_told": "yes"})
    for button in ("Delete and send the confirmation", "Confirm and go on"):
        if window.find(button).count():
            if window.page.locator("main [name=confirm_password]").count():
                window.fill({"confirm_password": PASSWORD})
            window.press(button)


def expect_presence(window: Screens, name: str, words: str) -> None:
    """Wait until the hub's network says so of a Participant's node."""
    row = window.page.locator("table.compact tr", has_text=name).first
    reload_until(window, row.get_by_text(words, exact=True))


def reload_until(window: Screens, found: Locator) -> None:
    """Load a page that does not follow by itself again until something stands on it."""
    deadline = time.monotonic() + READY_SECONDS
    while not found.count():
        assert time.monotonic() < deadline, window.page.inner_text("main")
        window.page.wait_for_timeout(LOOKS_EVERY_MS)
        window.page.reload()


def test_a_node_that_died_gets_what_was_sent_meanwhile(visit: Visit, network: Network) -> None:
    """Killed, it is missed by its peer and the hub; alive again, the sender's page says received.

    The page never reloads: it waits, and then it has the receipt.
    """
    hub = network.operator.open(visit, "/network")
    expect_presence(hub, "Albania", "Connected")
    expect_presence(hub, "Kosovo*", "Connected")
    network.world.nodes["XK"].process.kill()
    al = network.al.open(visit)
    notify(al, f"{network.al.console}/")
    expect_state(al, "On its way")
    admin = network.administrator.open(visit, "/delivery/links")
    link = admin.page.locator("table.cards tr", has_text="Kosovo*")
    expect(link.locator("[data-label='Waiting for a receipt']")).to_contain_text("the oldest for")
    expect_presence(hub, "Kosovo*", "Not connected")
    network.world.nodes["XK"].process.start()
    network.world.nodes["XK"].process.wait_until("/readyz", seconds=READY_SECONDS)
    expect_state(al, "Delivered, receipt signed")
    xk = network.xk.open(visit)
    expect(xk.page.locator("table.inbox")).to_contain_text(NOTIFICATION)
    expect(xk.page.locator(f"table.inbox a[href$='/{read_message(al)}']").first).to_be_visible()
    waiting = link.locator("[data-label='Waiting for a receipt']")
    reload_until(admin, waiting.filter(has_text=re.compile(r"^\s*0\s*$")))
    expect_presence(hub, "Kosovo*", "Connected")
