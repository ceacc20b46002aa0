"""Whatever a browser sends, the kit answers with a value or a plain refusal, and never fails."""

from datetime import datetime
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st
from starlette.datastructures import FormData, Headers

from console.accounts.models import TOKEN_BYTES, format_token, parse_token
from console.accounts.passwords import Passwords
from console.accounts.second_factor import find_totp_step
from console.dates import DateError, DateParts
from console.forgery import derive_form_token, is_form_token, is_own_origin
from console.i18n import Catalogues, Language
from console.security import announced_length, is_served_host
from console.ways_back import is_own_path
from tests.support.console_face import CHEAP, NOON, SECRET, totp_code

PASSWORDS = Passwords(CHEAP)
STORED = PASSWORDS.hash_password("lantern orchard pebble violin")
LATIN_1 = st.text(st.characters(max_codepoint=255), max_size=200)


@given(st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES))
def test_a_token_has_one_spelling(token: bytes) -> None:
    """Writing and reading give the same bytes, and no changed last character reads as them."""
    text = format_token(token)
    assert parse_token(text) == token
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/":
        if other != text[-1]:
            assert parse_token(text[:-1] + other) != token


@given(st.text() | st.text("ABCab01-_=", min_size=43, max_size=43))
def test_any_text_is_a_token_or_none(text: str) -> None:
    """What reads as a token is exactly its own spelling."""
    token = parse_token(text)
    assert token is None or format_token(token) == text


@given(st.text(st.characters()), st.none() | st.binary(min_size=32, max_size=32))
def test_no_text_is_a_form_token_by_chance(given_text: str, cookie: bytes | None) -> None:
    """Only the derived token passes."""
    token = None if cookie is None else format_token(cookie)
    wanted = None if token is None else derive_form_token(token)
    assert is_form_token(given_text, cookie_token=token) is (given_text == wanted)
    assert token is None or is_form_token(derive_form_token(token), cookie_token=token)


@given(st.text(max_size=300))
def test_any_language_header_gives_an_offered_language(header: str) -> None:
    """Garbage in ``Accept-Language`` or the cookie means English."""
    catalogues = Catalogues({})
    assert catalogues.choose(wish=header, accept_language=header) is Language.ENGLISH


@given(st.text(max_size=20).filter(lambda text: text.strip() != totp_code(NOON)))
def test_no_other_text_is_a_code(code: str) -> None:
    """Only the digits of a near step pass, whatever digits a script has."""
    near = {totp_code(NOON.replace(minute=minute, second=s)) for minute, s in ((0, 30),)}
    step = find_totp_step(code, secret=SECRET, at=NOON, after=-1)
    assert step is None or "".join(code.split()) in near | {
        totp_code(datetime.fromtimestamp(NOON.timestamp() - 30, tz=NOON.tzinfo)),
        totp_code(NOON),
    }


@given(st.text(st.characters(), max_size=2000))
def test_any_text_may_be_tried_as_a_password(password: str) -> None:
    """Surrogates, nulls, and very long texts are refused like any wrong password."""
    assert not PASSWORDS.is_password(password, STORED)
    PASSWORDS.find_weakness(password, sign_in_name="officer")


@given(st.lists(st.tuples(st.sampled_from(["d_day", "d_month", "d_year", "d_time"]), st.text())))
def test_any_form_gives_a_date_or_advice(fields: list[tuple[str, str]]) -> None:
    """No typed date makes the page fail."""
    parts = DateParts.from_form(FormData(dict(fields)), "d")
    try:
        moment = parts.parse_moment(ZoneInfo("Europe/Skopje"))
    except DateError:
        return
    assert moment.tzinfo is not None


@given(
    st.integers(1, 31),
    st.integers(1, 12),
    st.integers(1, 9999),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_every_moment_that_is_read_is_what_was_typed(
    day: int, month: int, year: int, hour: int, minute: int
) -> None:
    """A date that is accepted shows again as the same day and time."""
    zone = ZoneInfo("Europe/Skopje")
    parts = DateParts(str(day), str(month), str(year), f"{hour:02}:{minute:02}")
    try:
        moment = parts.parse_moment(zone)
    except DateError:
        return
    assert DateParts.from_moment(moment, zone) == parts


@given(LATIN_1, LATIN_1)
def test_any_host_and_origin_are_judged(host: str, origin: str) -> None:
    """No header makes the check fail, and nothing but our own names passes."""
    raw = [(b"host", host.encode("latin-1")), (b"origin", origin.encode("latin-1"))]
    headers = Headers(raw=raw)
    if is_served_host(headers, hosts=("localhost",)):
        assert host.lower().partition(":")[0] == "localhost"
    if is_own_origin(headers, scheme="http"):
        assert origin == f"http://{host}"


@given(LATIN_1)
def test_any_content_length_is_read(text: str) -> None:
    """Nonsense counts as nothing; the body is then counted as it comes."""
    assert announced_length(Headers(raw=[(b"content-length", text.encode("latin-1"))])) >= 0


STEPS = st.lists(st.sampled_from((".", "..", "%2e", "case", "", "...", ".x", " ")), max_size=5)


@given(st.one_of(st.text(max_size=100), STEPS.map(lambda steps: "/" + "/".join(steps))))
@example("/case/../operators")
@example("/case/.")
@example("/case/...")
def test_a_redirect_stays_here(address: str) -> None:
    """What passes is a plain path: no host, no query, no scheme, no step back, nothing encoded."""
    if is_own_path(address):
        assert address[0] == "/"
        assert address[:2] != "//"
        assert not set(address) & set("\\?#:@%\r\n\t ")
        assert urljoin("http://desk.example/other/page", address) == f"http://desk.example{address}"
    else:
        assert address not in {"/", "/case/...", "/sessions"}
