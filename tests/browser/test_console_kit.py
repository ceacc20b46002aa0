"""The kit in a real browser: without a script, with one, on a phone, under its policy."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD, Sample, build_sample, totp_code
from tests.support.http_server import serve

PAGES = ("/", "/form", "/case", "/sessions")


@pytest.fixture
def sample() -> Sample:
    """Build the sample console."""
    return build_sample()


@pytest.fixture
def site(sample: Sample) -> Iterator[str]:
    """Serve the sample console; its origin."""
    with serve(sample.app) as origin:
        yield origin


def sign_in(page: Page, sample: Sample) -> None:
    """Sign in as a person does."""
    page.get_by_label("Sign-in name").fill("officer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").fill(totp_code(sample.clock()))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_visible()


def overflow(page: Page) -> int:
    """Tell by how many pixels the page is wider than the window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


@pytest.mark.parametrize("javascript", [True, False])
def test_the_kit_works_without_a_script(
    visit: Visit, site: str, sample: Sample, *, javascript: bool
) -> None:
    """Signing in, a form with errors, hiding, unlocking and signing out, with no violation."""
    page, watch = visit(site, javascript=javascript)
    watch.expect_status(422)
    sign_in(page, sample)
    page.get_by_role("link", name="New message").click()
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_title("Error: New message \N{EN DASH} TRM")
    page.get_by_role("link", name="Write what the other desk must know first.").click()
    page.get_by_label("Note", exact=True).fill("A few words")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    page.locator("form#hide-screen button").click()
    expect(page).to_have_title("Locked \N{EN DASH} TRM")
    page.goto(f"{site}/case")
    expect(page).to_have_title("Locked \N{EN DASH} TRM")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()


def test_shift_three_times_hides_the_screen(visit: Visit, site: str, sample: Sample) -> None:
    """No mouse is needed; a letter in between counts anew; going back shows nothing."""
    page, _ = visit(site)
    sign_in(page, sample)
    # Time stands still: the three presses come within a second, on any machine.
    page.clock.install(time=sample.clock())
    page.clock.pause_at(sample.clock() + timedelta(hours=1))
    for key in ("Shift", "Shift", "a", "Shift"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Shift")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    page.go_back()
    expect(page).to_have_title("Locked \N{EN DASH} TRM")
    assert page.get_by_text("Albania").count() == 0


def test_errors_take_the_focus(visit: Visit, site: str, sample: Sample) -> None:
    """A screen reader starts at the summary, and its links lead into the fields."""
    page, watch = visit(site)
    watch.expect_status(422)
    sign_in(page, sample)
    page.goto(f"{site}/form")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("link", name="Choose a Participant.").click()
    expect(page.get_by_label("Participant", exact=True)).to_be_focused()


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_every_window(visit: Visit, site: str, sample: Sample, width: int) -> None:
    """Nothing needs sideways scrolling, and what is pressed is large enough for a thumb."""
    page, _ = visit(site, width=width)
    sign_in(page, sample)
    for path in PAGES:
        page.goto(site + path)
        assert overflow(page) == 0, path
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44, path


def test_the_first_tab_skips_to_the_content(visit: Visit, site: str, sample: Sample) -> None:
    """The skip link comes first, is seen when it has the focus, and works."""
    page, _ = visit(site)
    sign_in(page, sample)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_two_minutes_before_the_lock_the_page_says_so(
    visit: Visit, site: str, sample: Sample
) -> None:
    """The warning comes, one press keeps the session, and without it the screen locks."""
    page, _ = visit(site)
    page.clock.install()
    sign_in(page, sample)
    warning = page.get_by_role("alertdialog", name="Are you still there?")
    page.clock.run_for(13 * 60_000)
    expect(warning).to_be_visible()
    with page.expect_response("**/stay") as answer:
        page.get_by_role("button", name="Stay signed in").click()
    assert answer.value.status == 204
    expect(warning).to_be_hidden()
    page.clock.run_for(15 * 60_000)
    expect(page).to_have_title("Locked \N{EN DASH} TRM")


def test_typing_keeps_the_session_awake(visit: Visit, site: str, sample: Sample) -> None:
    """Who writes for half an hour without sending anything is neither locked nor warned."""
    page, _ = visit(site)
    page.clock.install()
    sign_in(page, sample)
    page.goto(f"{site}/form")
    note = page.get_by_label("Note", exact=True)
    for _ in range(3):
        page.clock.run_for(10 * 60_000)
        with page.expect_response("**/stay"):
            note.press_sequentially("word ")
    expect(page.get_by_role("alertdialog")).to_be_hidden()
    expect(note).to_have_value("word word word ")


def test_the_bundled_font_is_used(visit: Visit, site: str) -> None:
    """The page's own font is loaded under the policy, and no other host is asked for one."""
    page, watch = visit(site)
    loaded = page.evaluate(
        "document.fonts.ready.then((fonts) => [...fonts].filter((font) => font.status == 'loaded')"
        ".map((font) => `${font.family} ${font.weight}`).sort())"
    )
    assert [name.replace('"', "") for name in loaded] == ["Noto Sans 400", "Noto Sans 700"]
    assert watch.findings == []
