"""Journeys at one desk in Chromium: search, paper, a past directory, a second person, decisions.

Each shows no more screens than the design counts, and no content in any address.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from contact_registry.directory import Directory
from node.service.composing import Sent, handle_send
from node.service.reading import list_items
from protocol.identifiers import ParticipantCode
from protocol.policy.facts import Role
from tests.browser.walks.desks import ON_A_PHONE, Desks
from tests.browser.walks.screens import Screens
from tests.support.accessibility import find_barriers
from tests.support.case_pages import NOTE
from tests.support.case_steps import case_at
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD
from tests.support.http_server import serve
from tests.support.node import make_draft
from tests.support.node_console import FACTS, LINK_SCREEN, add_person, build_pair
from tests.support.people import STAFF
from tests.support.stories import EXCEPTION

XK: Final = ParticipantCode("XK")
WRITTEN, ASKED_FOR = "Šćepanović rang twice.", ("scepanovic", "Шћепановић")
"""A note with a name, and how two people look for it: without marks, and in the other script."""


@dataclass(frozen=True)
class OnePast:
    """A directory that was in force on every past day."""

    directory: Directory

    def load_as_of(self, _moment: datetime) -> Directory:
        """Return it."""
        return self.directory


def keep_past(directory: Directory) -> OnePast:
    """Return a past in which the desks of XK had other names."""
    document = directory.contacts[XK]
    desks = tuple(
        desk.model_copy(update={"name": f"Former {desk.name}"}) for desk in document.authorities
    )
    former = document.model_copy(update={"authorities": desks})
    return OnePast(replace(directory, contacts={**directory.contacts, XK: former}))


@pytest.fixture(scope="module")
def desks(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Desks]:
    """Serve two desks to all tests here; AL keeps a past directory and has an approver."""
    pair = build_pair(tmp_path_factory.mktemp("work"), url_of=shared_node_url_of)
    try:
        context = pair.network.node("AL")
        past = keep_past(context.directory.current())
        pair.network.nodes["AL"] = replace(context, past=past)
        add_person(pair.al.context, "approver", Role.APPROVER, display_name="Head of office")
        with serve(pair.al.app) as al, serve(pair.xk.app) as xk:
            yield Desks(pair, {"AL": al, "XK": xk})
    finally:
        pair.network.close()


def notify(desks: Desks) -> Sent:
    """Let AL notify XK of somebody."""
    sent = handle_send(desks.pair.al.context, make_draft(), who=STAFF)
    desks.settle()
    return sent


def test_a_note_is_found_again(visit: Visit, desks: Desks) -> None:
    """Found without its marks and in the other script, also by Back; no word in an address."""
    case = desks.begin_case()
    al = desks.sign_in(visit, "AL")
    al.open(f"{case.address}/notes")
    al.fill({"text": WRITTEN})
    al.press("Save the note")
    for words in ASKED_FOR:
        al.open("/search")
        al.begin()
        al.fill({"words": words})
        al.press("Search")
        expect(al.page.locator("#found")).to_contain_text("found on this page")
        assert al.page.title() == "Search \N{EN DASH} TRM"
        al.press(al.page.locator("main table a").first)
        expect(al.page.locator("main")).to_contain_text(WRITTEN)
        assert al.seen == ["/search", "/case/…/notes"]
        al.page.go_back()
        expect(al.page.locator("#found")).to_contain_text("found on this page")
        expect(al.page.locator("#words")).to_have_value(words)


def test_a_case_is_put_on_paper(visit: Visit, desks: Desks) -> None:
    """Asked anew who is there, what is printed names nobody, and says what paper has to say."""
    case = desks.begin_case()
    al = desks.sign_in(visit, "AL")
    al.open(case.address)
    al.begin()
    al.press(al.page.locator(f'main a[href="{case.address}/paper"]'))
    desks.wait(minutes=6)
    al.press("Make the PDF")
    expect(al.page.locator("h1")).to_have_text("Confirm that it is you")
    al.page.fill("#confirm_password", PASSWORD)
    with al.page.expect_download() as download:
        al.page.click("main form button")
    assert al.seen == ["/case/…", "/case/…/paper"]
    pages = PdfReader(BytesIO(download.value.path().read_bytes())).pages
    assert len(download.value.suggested_filename) == len("00000000.pdf")
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        for said in (case.sent.case_reference, f"Page {number} of {len(pages)}", "Destroy by"):
            assert said in text
        assert NOTE not in text
    al.open(case.address)
    al.page.emulate_media(media="print", color_scheme="dark")
    # What the browser's own print would give.
    printed = PdfReader(BytesIO(al.page.pdf(format="A4", prefer_css_page_size=True)))
    sheets = [" ".join(page.extract_text().split()) for page in printed.pages]
    assert len(sheets) > 1
    for number, sheet in enumerate(sheets, start=1):
        assert f"{number} / {len(sheets)}" in sheet
        assert case.sent.case_reference in sheet
    text = " ".join(sheets)
    assert "Hide screen" not in text
    assert "Sign out" not in text


def test_a_desk_is_looked_up_and_written_to(visit: Visit, desks: Desks) -> None:
    """A past day is shown and not to be written by; today's desk opens a message to it."""
    al = desks.sign_in(visit, "AL")
    al.open("/directory")
    day = (desks.pair.network.clock() - timedelta(days=3)).date()
    al.fill({"day_day": str(day.day), "day_month": str(day.month), "day_year": str(day.year)})
    al.press("Show that day")
    expect(al.page.locator("main")).to_contain_text("This is not today's directory")
    look_up(al)
    al.press(al.page.locator("table.coverage a").first)
    al.page.go_back()
    expect(al.page.locator("#answer h2")).to_contain_text("Former")
    expect(al.page.locator("#answer .button")).to_have_count(0)
    al.press("Show today's directory")
    al.begin()
    look_up(al)
    expect(al.page.locator("#answer h2")).not_to_contain_text("Former")
    desk = al.page.locator("#answer h2").inner_text()
    al.press("Write to this desk")
    assert al.seen == ["/directory", "/new/…/link"]
    expect(al.page.locator("#participant")).to_have_value("XK")
    al.go_on(LINK_SCREEN)
    al.open(re.sub(r"^.*(/new/[^/]+)/.*$", r"\1/desk", al.page.url))
    expect(al.page.locator("main")).to_contain_text(desk)


def look_up(window: Screens) -> None:
    """Ask who is competent at XK."""
    window.fill({"participant": "XK", "phase": "identification"})
    window.press("Look up")


def ask_for_approval(window: Screens) -> None:
    """Write a notification that rests on an exception, and ask for the second person."""
    window.open("/new/begin")
    for answers in (LINK_SCREEN, {}, FACTS, EXCEPTION):
        window.go_on(answers)
    expect(window.page.locator("main")).to_contain_text("Needs a second person")
    window.fill({"why": "It cannot wait until the morning."})
    window.press(window.page.locator("#ask button"))
    expect(window.page.locator("main")).to_contain_text("Waits for a second person")


def test_a_second_person_approves(visit: Visit, desks: Desks) -> None:
    """Asked by one, read by another, who says once more who they are; then it leaves at once."""
    ours = desks.pair.al.context
    before = len(list_items(ours, direction="out", who=STAFF))
    al = desks.sign_in(visit, "AL")
    ask_for_approval(al)
    assert al.since("/new/begin")[1:] == [
        "/new/…/desk", "/new/…/facts", "/new/…/basis", "/new/…/check", "/approval/…",
    ]  # fmt: skip
    expect(al.page.locator("main")).to_contain_text("Head of office")
    chief = desks.sign_in(visit, "AL", "approver")
    chief.open("/approvals")
    chief.begin()
    chief.press(chief.page.locator("main table .button").first)
    expect(chief.page.locator("main")).to_contain_text("He knows where she lives")
    desks.wait(minutes=6)
    chief.fill({"post": "Head of unit"})
    chief.press("Approve and send")
    expect(chief.page.locator("h1")).to_have_text("Confirm that it is you")
    assert len(list_items(ours, direction="out", who=STAFF)) == before
    chief.page.fill("#confirm_password", PASSWORD)
    chief.press("Confirm and go on")
    expect(chief.page.locator("main")).to_contain_text("Approved and sent")
    assert chief.seen == ["/approvals", "/approval/…", "/approval/…/approve", "/approval/…"]
    desks.settle()
    al.press(al.page.locator('nav a[href="/approvals"]'))
    al.press(al.page.locator("main table .button").first)
    al.press("Follow what was sent")
    expect(al.page.locator("#state")).to_contain_text("Delivered, receipt signed")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"outcome": "declined", "decline_reason": "not_competent"}, "Declined"),
        ({"outcome": "forwarded", "forwarded_to": "XK"}, "Forwarded"),
        ({"outcome": "more_information_needed", "procedure_note": "Which language is needed?"},
         "More information"),
    ],
    ids=["decline", "forward", "ask"],
)  # fmt: skip
def test_a_desk_says_no_or_asks(
    visit: Visit, desks: Desks, answers: dict[str, str], told: str
) -> None:
    """Message, Decide, Done; the sender reads what was decided, and the reason."""
    sent = notify(desks)
    xk = desks.sign_in(visit, "XK")
    xk.press(xk.page.locator(f'table.inbox a[href$="/message/{sent.message_id}"]').first)
    xk.press("Decide")
    if answers["outcome"] == "forwarded":
        desk = xk.page.locator("#forwarded_to optgroup option").first.get_attribute("value")
        answers = {**answers, "forwarded_to": str(desk)}
    xk.fill(answers)
    xk.press("Send the decision")
    assert xk.since("/message/…") == ["/message/…", "/decide/…", "/done/…"]
    desks.settle()
    al = desks.sign_in(visit, "AL")
    al.open(f"/case/{case_at(desks.pair.network, 'AL', sent)}")
    expect(al.page.locator(".timeline")).to_contain_text(told)


def reach(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on what is wanted; each stop shows that it has it."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("css => document.activeElement.matches(css)", wanted):
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none", wanted
            return
    raise AssertionError(f"no Tab leads to {wanted} on {page.url}")


def choose(page: Page, name: str, value: str) -> None:
    """Answer one question with the keys that a keyboard has for its control."""
    chosen = f'[name="{name}"][value="{value}"]'
    control = page.locator(f'main [name="{name}"]').first
    kind = control.evaluate("one => one.type")
    if kind == "checkbox":
        reach(page, chosen)
        page.keyboard.press("Space")
    elif kind == "radio":
        reach(page, f'[name="{name}"]')
        page.keyboard.press("Space")
        while not page.locator(chosen).is_checked():
            page.keyboard.press("ArrowDown")
    else:
        reach(page, f'[name="{name}"]')
        if kind != "select-one":
            page.keyboard.press("Control+A")
            page.keyboard.type(value)
        else:
            options = control.locator("option").evaluate_all("all => all.map(one => one.value)")
            for _ in range(options.index(value) - options.index(control.input_value())):
                page.keyboard.press("ArrowDown")
            expect(control).to_have_value(value)


def press(page: Page, wanted: str) -> None:
    """Go to a link or button by Tab, and press Enter."""
    reach(page, wanted)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_keyboard_alone_notifies_and_decides(visit: Visit, desks: Desks) -> None:
    """From the inbox to the sent notification, and to its decision, without a mouse."""
    page = desks.sign_in(visit, "AL", "second").page
    press(page, 'nav a[href="/new"]')
    if not page.url.endswith("/begin"):
        press(page, 'main a[href="/new/begin"]')
    for name, value in (("purpose", "notification"), ("participant", "XK"),
                        ("ties", "national_of"), ("possibly_under_18", "no"),
                        ("danger_now", "no")):  # fmt: skip
        choose(page, name, value)
    press(page, "main form .actions button")
    press(page, "main form .actions button")
    for name in page.locator("main form").evaluate(
        "form => [...new Set([...form.elements].map(one => one.name))]"
    ):
        said = FACTS.get(name, ())
        for value in [said] if isinstance(said, str) else said:
            if value:
                choose(page, name, value)
    press(page, "main form .actions button")
    choose(page, "basis", "no_personal_data")
    press(page, "main form .actions button")
    press(page, ".send-bar button")
    expect(page.locator("#state")).to_be_visible()
    desks.settle()
    page = desks.sign_in(visit, "XK", "second").page
    press(page, "table.inbox a")
    press(page, 'main a[href^="/decide/"]')
    choose(page, "outcome", "accepted")
    press(page, "main form .actions button")
    expect(page.locator("h1")).to_have_text("Decision sent")


def test_a_notice_tells_nothing(visit: Visit, desks: Desks) -> None:
    """Only who asked is told by sound and notice, without a reload, and neither has content."""
    quiet = desks.sign_in(visit, "XK", "second").page
    asked = desks.sign_in(visit, "XK").page
    origin = desks.addresses["XK"]
    for page in (quiet, asked):
        page.context.grant_permissions(["notifications"], origin=origin)
        page.add_init_script(RECORD)
    asked.goto(f"{origin}/settings")
    expect(asked.locator("#notice-permission")).to_have_text("This browser may show notices.")
    for wish in ("sound", "notice"):
        asked.check(f'[name="alerts"][value="{wish}"]')
    asked.click("main form[action='/settings/alerts'] button.button:not(.secondary)")
    for page in (quiet, asked):
        page.goto(f"{origin}/")
        page.evaluate("window.stays = true")
    notify(desks)
    for page in (quiet, asked):
        expect(page.locator("#news")).to_contain_text("1 new item")
        assert page.evaluate("window.stays") is True
    assert quiet.evaluate("window.told") == {"sounds": 0, "notices": []}
    told = asked.evaluate("window.told")
    assert told["sounds"] == 1
    assert told["notices"] == [["You have a new item", "", ""]]


RECORD = """
window.told = {sounds: 0, notices: []};
const Shown = window.Notification;
window.Notification = class extends Shown {
  constructor(title, options) {
    super(title, options);
    window.told.notices.push([this.title, this.body, this.icon]);
  }
};
const Tone = window.OscillatorNode, start = AudioScheduledSourceNode.prototype.start;
AudioScheduledSourceNode.prototype.start = function (...given) {
  window.told.sounds += 1;
  return start.apply(this, given);
};
"""
"""Counts sounds and notices as they are made, and reads what the browser got of them."""


def test_the_menu_of_a_phone_folds(visit: Visit, desks: Desks) -> None:
    """One line instead of many; it opens by a press and by the keyboard, without scripts."""
    window = desks.sign_in(visit, "AL", window=ON_A_PHONE)
    links = window.page.locator("nav.nav ul a")
    expect(links.first).to_be_hidden()
    box = window.page.locator("header").bounding_box()
    assert box is not None
    assert box["height"] < 200
    window.page.click(".menu summary")
    expect(links.first).to_be_visible()
    window.page.locator(".menu summary").press("Enter")
    expect(links.first).to_be_hidden()
    window.page.set_viewport_size({"width": 1280, "height": 900})
    expect(links.first).to_be_visible()
    expect(window.page.locator(".menu summary")).to_be_hidden()


#: One page of each kind, by who looks at it; the case, the item and the draft are put in.
DARK: Final[dict[str, tuple[str, ...]]] = {
    "officer": (
        "/", "/received", "/message/{item}", "/decide/{item}", "/case/{case}", "/case/{case}/notes",
        "/case/{case}/paper", "/new/begin", "/search", "/directory", "/directory/AL", "/drills",
        "/settings", "/duty", "/glossary/sq",
    ),
    "admin": ("/system", "/people", "/people/new", "/delivery", "/programs"),
    "auditor": ("/audit",),
}  # fmt: skip


def test_nobody_is_kept_out_in_the_dark(visit: Visit, desks: Desks) -> None:
    """A page of each kind, with its folded parts open, has no barrier in dark colours."""
    sent = notify(desks)
    case = case_at(desks.pair.network, "XK", sent)
    found: dict[str, list[str]] = {}
    for name, addresses in DARK.items():
        window = desks.sign_in(visit, "XK", name)
        window.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        for address in addresses:
            window.open(address.format(item=sent.message_id, case=case))
            window.page.evaluate("document.querySelectorAll('details').forEach(x => x.open = true)")
            found[address] = find_barriers(window.page)
        canvas = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert canvas == "rgb(15, 21, 27)"
    assert {address: flaws for address, flaws in found.items() if flaws} == {}
