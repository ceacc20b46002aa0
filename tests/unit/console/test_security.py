"""What every response carries, and which requests are refused before any page sees them."""

from collections.abc import AsyncIterator

import pytest
from starlette.responses import Response

from console.cookies import Cookies
from console.face import ConsoleSettings, ConsoleSettingsError
from console.security import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from tests.support.console_client import OWN, FormClient
from tests.support.console_face import Sample, build_sample

PATHS = ["/sign-in", "/nope", "/boom", "/static/nope.css", "/api/boom", "/sign-in/code", "/open"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_response_carries_the_security_headers(visitor: FormClient, path: str) -> None:
    """Pages, refusals, failures, redirects and programs' answers all carry them."""
    answer = await visitor.http.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"


async def test_static_files_may_be_kept_and_carry_the_headers_too(sample: Sample) -> None:
    """A static file has its hash in its name, is immutable, and is as protected as a page."""
    async with FormClient(sample) as client:
        page = (await client.open("/sign-in")).text
        address = page.split('rel="stylesheet" href="')[1].split('"')[0]
        answer = await client.http.get(address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["content-type"].startswith("text/css")


def test_the_policy_has_no_way_around() -> None:
    """Nothing inline, nothing evaluated, nothing from elsewhere."""
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    for word in ("unsafe", "http:", "https:", "data:", "*"):
        assert word not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, "another site"),
        ({"Sec-Fetch-Site": "same-site"}, "a neighbour on the same domain"),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, "contradiction"),
        ({"Origin": "http://localhost:1"}, "another port"),
        ({"Origin": "https://localhost"}, "another scheme"),
        ({"Origin": "null"}, "nothing said"),
        ({}, "no browser"),
    ],
)
async def test_a_form_from_elsewhere_is_refused_even_with_a_good_token(
    officer: FormClient, headers: dict[str, str], reason: str
) -> None:
    """The origin that the browser states must be ours."""
    data = {"form_token": await officer.token("/form"), "note": reason}
    answer = await officer.http.post("/form", data=data, headers=headers)
    assert answer.status_code == 403


async def test_a_form_without_the_sessions_token_is_refused(officer: FormClient) -> None:
    """No token, a wrong token, two tokens, and a visitor's token are all refused."""
    good = await officer.token("/form")
    async with FormClient(officer.sample) as stranger:
        foreign = await stranger.token("/sign-in")
    for tokens in ([], [""], ["x"], [foreign], [good, good], ["é"]):
        data = {"form_token": tokens, "note": "n"}
        answer = await officer.http.post("/form", data=data, headers=OWN)
        assert answer.status_code == 403
    accepted = await officer.http.post(
        "/form", data={"form_token": good, "note": "n"}, headers={"Origin": "http://localhost"}
    )
    assert accepted.status_code == 303


async def test_a_script_of_ours_may_send_the_token_as_a_header(officer: FormClient) -> None:
    """Htmx requests may carry the token in a header."""
    headers = {**OWN, "X-Form-Token": await officer.token("/form")}
    answer = await officer.http.post("/form", data={"note": "n"}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "path", ["/sign-in", "/hide", "/sign-out", "/link", "/language", "/unlock"]
)
async def test_the_kits_own_forms_are_guarded(visitor: FormClient, path: str) -> None:
    """Signing in, hiding and signing out cannot be forged either."""
    assert (await visitor.http.post(path, headers=OWN)).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost:x", "localhost:1:2", "[::1"]
)
async def test_a_host_that_is_not_ours_is_not_served(visitor: FormClient, host: str) -> None:
    """Rebinding another name to this address reaches no page."""
    answer = await visitor.http.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 421
    assert "sign-in" not in answer.text


async def test_a_large_body_is_refused_announced_or_not(officer: FormClient) -> None:
    """413, by its announced length and by counting, except where files are taken."""
    token = await officer.token("/form")
    headers = {**OWN, "X-Form-Token": token}
    too_much = {"note": "x" * 300_000}
    announced = await officer.http.post("/form", data=too_much, headers=headers)
    assert announced.status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"note=" + b"x" * 10_000

    form = "application/x-www-form-urlencoded"
    counted = await officer.http.post(
        "/form", content=pieces(), headers={**headers, "Content-Type": form}
    )
    assert counted.status_code == 413
    taken = await officer.http.post("/files", files={"file": b"x" * 300_000}, headers=headers)
    assert (taken.status_code, taken.text) == (200, "300000")


async def test_a_stranger_sends_no_large_body_anywhere(visitor: FormClient) -> None:
    """Where people who have signed in may send files, others are refused: 413, never stored."""
    headers = {**OWN, "X-Form-Token": await visitor.token("/sign-in")}
    sent = await visitor.http.post("/files", files={"file": b"x" * 300_000}, headers=headers)
    assert sent.status_code == 413


async def test_cookies_over_https_are_host_bound_and_secure() -> None:
    """The prefix, Secure, HttpOnly, SameSite=Strict, no Domain; and HSTS."""
    settings = ConsoleSettings(https=True, hosts=("desk.example",), cookie_label="al")
    async with FormClient(build_sample(settings=settings), origin="https://desk.example") as client:
        answer = await client.open("/sign-in")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-trm_visitor_al=")
    for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")


def test_a_cookie_of_one_page_over_https_is_secure_and_goes_there_alone() -> None:
    """The root's prefix would be refused with its path; clearing names the same cookie."""
    settings = ConsoleSettings(
        https=True, hosts=("desk.example",), cookie_label="al", looked_for_paths=("/search",)
    )
    cookies = Cookies(settings)
    given, taken = Response(), Response()
    cookies.set_looked_for(given, "sealed", path="/search")
    cookies.clear_looked_for(taken)
    for answer, value in ((given, "sealed"), (taken, '""')):
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"__Secure-trm_looked_al={value};")
        for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/search"):
            assert part in cookie
    assert "Max-Age=0" in taken.headers["set-cookie"]


async def test_cookies_on_loopback_are_plain_but_closed(visitor: FormClient) -> None:
    """Without https there is no prefix, since browsers would refuse it; the rest holds."""
    answer = await visitor.open("/sign-in")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("trm_visitor_sample=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    "hosts", [("desk.example",), ("localhost", "10.0.0.7"), ("127.0.0.1.example",)]
)
def test_plain_http_beyond_loopback_is_never_built(hosts: tuple[str, ...]) -> None:
    """A console that would send its cookies in the clear does not start, and says why."""
    with pytest.raises(ConsoleSettingsError, match="set https"):
        ConsoleSettings(https=False, hosts=hosts, cookie_label="al")


@pytest.mark.parametrize("label", ["", "A", "a b", "x" * 33])
def test_a_cookie_label_is_plain(label: str) -> None:
    """The label is part of cookie names."""
    with pytest.raises(ConsoleSettingsError, match="cookie_label"):
        ConsoleSettings(https=True, hosts=("desk.example",), cookie_label=label)


def test_a_console_needs_a_host() -> None:
    """An empty list of names would serve nobody."""
    with pytest.raises(ConsoleSettingsError, match="set hosts"):
        ConsoleSettings(https=True, hosts=(), cookie_label="al")


async def test_health_is_answered_under_any_name() -> None:
    """A probe asks by address; nothing else is served under a name that is not ours."""
    sample = build_sample(
        settings=ConsoleSettings(
            https=False, hosts=("localhost",), cookie_label="sample", health_paths=("/readyz",)
        )
    )
    sample.app.add_api_route("/readyz", lambda: {"status": "ready"})
    async with FormClient(sample) as prober:
        for path, status in (("/readyz", 200), ("/readyz/", 421), ("/sign-in", 421)):
            answer = await prober.http.get(path, headers={"Host": "10.0.0.7:8440"})
            assert answer.status_code == status, path
