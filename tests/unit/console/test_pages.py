"""The kit's pages: every sentence can be translated, every form is guarded, every error helps."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.dates import get_month_names
from typing_extensions import override

from console.i18n import Catalogues, Language
from console.rendering import KIT_TEMPLATES
from tests.support.console_client import OWN, FormClient
from tests.support.console_face import TEMPLATES, Sample, build_sample, totp_code
from tests.support.pseudo_locale import Stretched, accent


class Words(HTMLParser):
    """Gathers what a person sees or hears of a page."""

    SPOKEN = ("alt", "title", "placeholder", "aria-label", "data-label", "data-locked-title")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"time", "script", "style"}:
            self._hidden = tag
        self.found += [value for name, value in attrs if name in self.SPOKEN and value]

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    @override
    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data.strip())


# Data, which no translator touches: names, codes, addresses, and the languages' own names.
DATA = re.compile(
    r"Duty officer|TRM(?:-[0-9A-Z-]+)?|0\.1\.0|officer|python-httpx/[\d.]+|127\.0\.0\.1|P-\d|"
    r"[A-Z2-7]{4}|English|shqip|Pristina|[0-9a-f]{12}"
)


def find_untranslated(html: str) -> list[str]:
    """Find words of a page that did not pass through gettext."""
    words = Words()
    words.feed(html)
    plain = re.compile(r"[A-Za-z]{2,}")
    months = set(get_month_names("wide", "stand-alone", "sq").values())
    seen = [text for text in words.found if text not in months]
    return [text for text in seen if plain.search(DATA.sub("", text))]


@pytest.fixture
def pseudo() -> Sample:
    """Build a console whose only other language is the accented one, in Albanian's place."""
    return build_sample(catalogues=Catalogues({Language.ALBANIAN: Stretched()}))


async def test_every_word_of_every_page_can_be_translated(pseudo: Sample) -> None:
    """In the accented language no page of the kit shows a plain English word."""
    pages: dict[str, str] = {}
    async with FormClient(pseudo) as client:
        client.http.headers["Accept-Language"] = "sq"
        pages["signed out"] = (await client.open("/signed-out")).text
        pages["sign in"] = (await client.open("/sign-in")).text
        pages["wrong"] = (await client.give_password("wrong")).text
        pages["empty"] = (await client.send("/sign-in", page="/sign-in")).text
        await client.give_password()
        pages["code"] = (await client.open("/sign-in/code")).text
        await client.sign_in()
        for path in ("/", "/form", "/case", "/sessions", "/nope", "/boom", "/approvals"):
            pages[path] = (await client.open(path)).text
        pages["errors"] = (await client.send("/form", page="/form")).text
        await client.send("/hide", page="/")
        pages["locked"] = (await client.open("/unlock")).text
        pseudo.clock.advance(hours=13)
        pages["long locked"] = (await client.open("/unlock")).text
    async with FormClient(pseudo) as client:
        client.http.headers["Accept-Language"] = "sq"
        link = pseudo.console.sign_in.create_link(next(iter(pseudo.accounts.accounts)))
        pages["dead link"] = (await client.open("/link/x")).text
        pages["link"] = (await client.open(f"/link/{link}")).text
        await client.send("/link", page=f"/link/{link}", token=link)
        pages["set up"] = (await client.open("/set-up")).text
        pages["weak"] = (await client.send("/set-up", page="/set-up", password="x")).text
        words = "window copper basil train"
        await client.send("/set-up", page="/set-up", password=words, again=words)
        pages["phone"] = (await client.open("/set-up/code")).text
    assert {name: find_untranslated(html) for name, html in pages.items()} == {
        name: [] for name in pages
    }


def test_the_search_for_plain_words_finds_them() -> None:
    """The check above is able to fail."""
    html = f'<p>{accent("Fine")}</p><p>Not fine</p><img alt="neither">'
    assert find_untranslated(html) == ["Not fine", "neither"]


def list_templates() -> list[Path]:
    """List the templates of the kit and of the sample."""
    return sorted([*KIT_TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.html")])


@pytest.mark.parametrize("path", list_templates(), ids=lambda path: str(path.name))
def test_templates_keep_the_rules_of_the_house(path: Path) -> None:
    """Each POST form carries the token; nothing is inline; nothing is marked safe; no eval."""
    text = path.read_text(encoding="utf-8")
    forms = re.findall(r'<form[^>]*method="post"[^>]*>\s*(.{0,40})', text)
    assert all("form_token()" in after for after in forms)
    assert len(re.findall(r"<form", text)) == len(forms)
    for banned in (
        r"\sstyle=",
        r"\son\w+=",
        r"<style",
        r"\|\s*safe",
        r"hx-on",
        r"js:",
        r"autoescape",
    ):
        assert not re.search(banned, text), banned
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nope", 404, "go to the start page"),
        ("/approvals", 403, "ask your administrator for the role"),
        ("/form", 405, "use the buttons of the page"),
        ("/unkeepable", 422, "check what you entered"),
        ("/boom", 500, "tell your administrator the incident number"),
    ],
)
async def test_an_error_page_says_what_to_do(
    officer: FormClient, path: str, status: int, words: str
) -> None:
    """Each page of a problem has a heading, advice, and a way on, in the frame of the console."""
    if status == 405:
        headers = {**OWN, "X-Form-Token": await officer.token("/form")}
        answer = await officer.http.put(path, headers=headers)
    else:
        answer = await officer.open(path)
    assert answer.status_code == status
    assert words in answer.text
    assert "Go to the start page" in answer.text
    assert "Hide screen" in answer.text


async def test_a_failure_tells_a_number_and_nothing_else(
    officer: FormClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the page nor the log repeats the text of an unexpected error."""
    answer = await officer.open("/boom")
    logged = capsys.readouterr().out
    incident = re.search(r'class="code">([0-9a-f]{12})<', answer.text)
    assert incident is not None
    assert incident[1] in logged
    assert "RuntimeError" in logged
    for text in (answer.text, logged):
        assert "person in danger" not in text


async def test_a_program_gets_problem_details(visitor: FormClient) -> None:
    """RFC 9457 for the API's paths, and for who asks for JSON."""
    answer = await visitor.http.get("/api/boom")
    assert answer.headers["content-type"] == "application/problem+json"
    body = json.loads(answer.text)
    assert body["status"] == 500
    assert body["instance"].startswith("urn:trm:incident:")
    wanted = await visitor.http.get("/nope", headers={"Accept": "application/json"})
    assert wanted.json()["title"] == "There is no such page"


async def test_a_form_with_errors_says_so_everywhere(officer: FormClient) -> None:
    """Title, summary, links to the fields, and the fields themselves; what was typed is kept."""
    answer = await officer.send("/form", page="/form")
    assert answer.status_code == 422
    assert "<title>Error: New message \N{EN DASH} TRM</title>" in answer.text
    assert '<a href="#note">Write what the other desk must know first.</a>' in answer.text
    assert 'id="note-error"' in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_the_footnote_stands_where_the_star_does(sample: Sample) -> None:
    """A page that names Kosovo* carries the footnote; the name itself always has the star."""
    async with FormClient(sample) as client:
        text = (await client.open("/sign-in")).text
    assert "Kosovo*" in text
    assert "UNSCR 1244/1999" in text


async def test_the_language_picker_appears_with_a_second_language(pseudo: Sample) -> None:
    """It offers the languages that are complete, in their own names, and keeps the page."""
    async with FormClient(pseudo) as client:
        page = (await client.open("/sign-in")).text
        assert '<button class="button link" name="language" value="sq" lang="sq">shqip' in page
        answer = await client.send("/language", page="/sign-in", language="sq", back="/sign-in")
        assert answer.headers["location"] == "/sign-in"
        assert '<html lang="sq"' in (await client.open("/sign-in")).text
        away = await client.send("/language", page="/sign-in", language="xx", back="//evil.example")
        assert away.headers["location"] == "/"
    async with FormClient(build_sample()) as client:
        assert 'name="language"' not in (await client.open("/sign-in")).text


async def test_hiding_the_screen_locks_the_server_too(officer: FormClient) -> None:
    """A POST without a script: every page then leads to the lock, whose title says nothing."""
    before = officer.session_cookie()
    answer = await officer.send("/hide", page="/")
    assert answer.headers["location"] == "/unlock"
    page = await officer.open("/case")
    assert page.url.path == "/unlock"
    assert "<title>Locked \N{EN DASH} TRM</title>" in page.text
    assert "Duty officer" not in page.text
    assert (await officer.http.get("/stay")).headers["location"] == "/unlock"
    opened = await officer.send("/unlock", page="/unlock", password="lantern orchard pebble violin")
    assert opened.headers["location"] == "/"
    assert officer.session_cookie() != before
    assert (await officer.http.get("/stay")).status_code == 204


async def test_a_form_sent_to_a_locked_screen_is_kept(officer: FormClient) -> None:
    """The face gets what was written; a forged form and the kit's own secrets are not kept."""
    token = await officer.token("/form")
    officer.sample.clock.advance(minutes=16)
    data = {"form_token": token, "note": "long work"}
    answer = await officer.http.post("/form", data=data, headers=OWN)
    assert answer.headers["location"] == "/unlock"
    assert officer.sample.kept == [("a-1", "/form", data)]
    forged = await officer.http.post("/form", data={"note": "x"}, headers=OWN)
    assert forged.status_code == 403
    await officer.send("/unlock", page="/unlock", password="wrong one, but secret")
    assert len(officer.sample.kept) == 1


async def test_one_may_start_again_before_the_code(visitor: FormClient) -> None:
    """Whoever typed a colleague's name gets back to the first page at once."""
    await visitor.give_password()
    assert (await visitor.open("/sign-in")).url.path == "/sign-in/code"
    await visitor.send("/sign-out", page="/sign-in/code")
    assert (await visitor.open("/sign-in")).url.path == "/sign-in"


async def test_signing_out_clears_the_browser_and_ends_the_session(officer: FormClient) -> None:
    """The cookie goes, the cache and storage go, and the old token is dead."""
    token = officer.session_cookie()
    answer = await officer.send("/sign-out", page="/")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert officer.session_cookie() is None
    officer.http.cookies.set("trm_session_sample", token or "")
    assert (await officer.open("/")).url.path == "/sign-in"


async def test_the_way_of_a_new_person(sample: Sample) -> None:
    """Link, password, phone: each page leads to the next, and the link is used up."""
    link = sample.console.sign_in.create_link(next(iter(sample.accounts.accounts)))
    async with FormClient(sample) as client:
        for _ in range(2):  # looking at it, as a mail scanner does, uses nothing up
            assert (await client.open(f"/link/{link}")).status_code == 200
        answer = await client.send("/link", page=f"/link/{link}", token=link)
        assert answer.headers["location"] == "/set-up"
        assert (await client.open("/set-up/code")).url.path == "/set-up"
        words = "window copper basil train"
        await client.send("/set-up", page="/set-up", password=words, again=words)
        picture = await client.http.get("/set-up/qr.svg")
        assert picture.headers["content-type"] == "image/svg+xml"
        assert picture.headers["cache-control"] == "no-store"
        wrong = await client.send("/set-up/code", page="/set-up/code", code="000000")
        assert wrong.status_code == 422
        secret = "".join(re.findall(r"\b[A-Z2-7]{4}\b", wrong.text.split('<span class="code">')[1]))
        code = totp_code(sample.clock(), secret[:32])
        done = await client.send("/set-up/code", page="/set-up/code", code=code)
        assert done.headers["location"] == "/"
        assert "Inbox" in (await client.open("/")).text
    async with FormClient(sample) as client:
        assert (await client.open(f"/link/{link}")).status_code == 404
        again = await client.send("/link", page="/sign-in", token=link)
        assert again.status_code == 404


async def test_a_person_ends_a_session_elsewhere(sample: Sample) -> None:
    """The list shows both browsers, and ending one signs only that one out."""
    async with FormClient(sample) as first, FormClient(sample) as second:
        await first.sign_in()
        sample.clock.advance(minutes=1)
        await second.sign_in()
        page = (await second.open("/sessions")).text
        other = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
        assert len(other) == 1
        await second.send("/sessions/end", page="/sessions", session=other[0])
        assert (await first.open("/")).url.path == "/sign-in"
        assert (await second.open("/")).url.path == "/"
        missing = await second.send("/sessions/end", page="/sessions", session="0" * 64)
        assert missing.status_code == 404


async def test_a_fragment_for_a_locked_screen_moves_the_whole_page(officer: FormClient) -> None:
    """Htmx is told to go to the lock, and gets no words."""
    await officer.send("/hide", page="/")
    answer = await officer.http.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"], answer.text) == (401, "/unlock", "")
