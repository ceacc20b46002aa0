"""The national login: a real provider over HTTP, its honest answers, and every kind of lie."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from console.accounts.national import (
    Departure,
    Identity,
    NationalLogin,
    NationalLoginError,
    NationalLoginSettings,
)
from tests.support.console_face import SetClock
from tests.support.http_server import serve
from tests.support.national_provider import CLIENT_ID, CLIENT_SECRET, NationalProvider

BACK = "http://localhost/national/back"


class World:
    """A provider, the login at it, and the way between them."""

    def __init__(self, origin: str, provider: NationalProvider, clock: SetClock) -> None:
        self.provider, self.clock = provider, clock
        provider.issuer = origin
        self.http = httpx.Client()
        self.login = self.connect()
        self._count = 0

    def connect(self, **changes: Any) -> NationalLogin:
        """Build a login that knows nothing of the provider yet."""
        wanted: dict[str, Any] = {"acr_values": ("two-factors",), **changes}
        settings = NationalLoginSettings(
            issuer=self.provider.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=BACK,
            name="National login",
            **wanted,
        )
        return NationalLogin(
            settings=settings, http=self.http, clock=self.clock, random=self._make_bytes
        )

    def _make_bytes(self, count: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(2, "big") * (count // 2)

    def visit(self, departure: Departure) -> tuple[str, str]:
        """Go there as the browser does; returns code and issuer of the answer."""
        answer = self.http.get(departure.address)
        assert answer.status_code == 303
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        assert back["state"] == [departure.state]
        return back["code"][0], back["iss"][0]

    def sign_in(self, login: NationalLogin | None = None) -> Identity:
        """Do the whole round."""
        login = login or self.login
        departure = login.depart("browser")
        code, issuer = self.visit(departure)
        return login.arrive(code=code, issuer=issuer, secret=departure.secret, bound_to="browser")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, NationalProvider, SetClock]]:
    """Serve one provider for all tests."""
    clock = SetClock()
    provider = NationalProvider(clock=clock)
    with serve(provider.build_app()) as origin:
        yield origin, provider, clock


@pytest.fixture
def world(served: tuple[str, NationalProvider, SetClock]) -> Iterator[World]:
    """Give an honest provider and a fresh login."""
    origin, provider, clock = served
    fresh = NationalProvider(clock=clock, issuer=origin)
    for name in ("acr", "amr", "twist", "forged_by", "algorithm", "described", "key", "subject"):
        setattr(provider, name, getattr(fresh, name))
    made = World(origin, provider, clock)
    yield made
    made.http.close()


def test_somebody_is_known_by_issuer_and_subject(world: World) -> None:
    """The same person is the same, another is another; two factors are what the settings say."""
    first = world.sign_in()
    assert first == world.sign_in(world.connect())
    assert first.is_strong
    world.provider.subject = "AL-7732"
    assert world.sign_in().identity_hash != first.identity_hash
    world.provider.acr = "password"
    assert not world.sign_in().is_strong
    by_methods = world.connect(acr_values=(), amr_values=("pwd", "hwk"))
    assert world.sign_in(by_methods).is_strong
    world.provider.amr = ("pwd",)
    assert not world.sign_in(by_methods).is_strong
    world.provider.acr = None
    assert not world.sign_in(world.connect(acr_values=())).is_strong


def _set(**changes: Any) -> Any:
    def twist(claims: dict[str, Any]) -> None:
        for name, value in changes.items():
            if value is None:
                claims.pop(name, None)
            elif isinstance(value, timedelta):
                claims[name] += int(value.total_seconds())
            else:
                claims[name] = value

    return twist


@pytest.mark.parametrize(
    "twist",
    [
        _set(iss="https://elsewhere.example"),
        _set(aud="another-client"),
        _set(aud=["another-client", "a-third"]),
        _set(aud=[CLIENT_ID, "another-client"]),
        _set(aud=[CLIENT_ID, "another-client"], azp="another-client"),
        _set(azp="another-client"),
        _set(exp=timedelta(seconds=-400)),
        _set(exp="tomorrow"),
        _set(exp=None),
        _set(iat=timedelta(seconds=120)),
        _set(iat=timedelta(hours=-1)),
        _set(nonce="replayed"),
        _set(nonce="ë"),
        _set(nonce=None),
        _set(sub=""),
        _set(sub=None),
        _set(sub=7),
        _set(sub="x" * 256),
        _set(amr="pwd"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(world: World, twist: Any) -> None:
    """Signed by the right key, and all the same not for us, not now, or not for this visit."""
    world.provider.twist = twist
    with pytest.raises(NationalLoginError):
        world.sign_in()


def test_a_token_for_several_names_the_one_it_was_given_to(world: World) -> None:
    """With several audiences it counts if we are the authorised party."""
    world.provider.twist = _set(aud=[CLIENT_ID, "another-client"], azp=CLIENT_ID)
    assert world.sign_in().is_strong


def test_only_the_providers_own_key_signs(world: World) -> None:
    """Another key under the same name, a shared secret, and no signature at all are refused."""
    world.provider.forged_by = ECKey.generate_key("P-256", {"kid": "first"})
    with pytest.raises(NationalLoginError, match="signature"):
        world.sign_in()
    world.provider.forged_by = OctKey.import_key(CLIENT_SECRET)
    world.provider.algorithm = "HS256"
    with pytest.raises(NationalLoginError, match="signature"):
        world.sign_in()
    world.provider.algorithm = "none"
    with pytest.raises(NationalLoginError, match="signature"):
        world.sign_in()


def test_keys_may_change(world: World) -> None:
    """A new key is looked for once a minute, so that strange tokens do not make us ask and ask."""
    first = world.sign_in()
    world.provider.change_key("second")
    with pytest.raises(NationalLoginError, match="unknown key"):
        world.sign_in()
    asked = world.provider.keys_asked
    with pytest.raises(NationalLoginError, match="unknown key"):
        world.sign_in()
    assert world.provider.keys_asked == asked
    world.clock.advance(seconds=61)
    assert world.sign_in() == first
    assert world.provider.keys_asked == asked + 1


def test_an_answer_counts_for_the_browser_that_was_sent(world: World) -> None:
    """Brought by another browser, from another issuer, or a second time, it opens nothing."""
    departure = world.login.depart("browser")
    code, issuer = world.visit(departure)
    with pytest.raises(NationalLoginError, match="another browser"):
        world.login.arrive(code=code, issuer=issuer, secret=departure.secret, bound_to="thief")
    with pytest.raises(NationalLoginError, match="another issuer"):
        world.login.arrive(
            code=code, issuer="https://e.example", secret=departure.secret, bound_to="browser"
        )
    world.login.arrive(code=code, issuer=None, secret=departure.secret, bound_to="browser")
    with pytest.raises(NationalLoginError, match="answered 400"):
        world.login.arrive(code=code, issuer=issuer, secret=departure.secret, bound_to="browser")


def test_an_answer_names_its_issuer_where_the_provider_always_does(world: World) -> None:
    """RFC 9207: an answer without it then comes from somewhere else."""
    world.provider.described = {"authorization_response_iss_parameter_supported": True}
    login = world.connect()
    departure = login.depart("browser")
    code, issuer = world.visit(departure)
    with pytest.raises(NationalLoginError, match="another issuer"):
        login.arrive(code=code, issuer=None, secret=departure.secret, bound_to="browser")
    login.arrive(code=code, issuer=issuer, secret=departure.secret, bound_to="browser")


def test_a_code_is_worth_nothing_without_its_verifier(world: World) -> None:
    """PKCE: a code that was stolen on the way is refused with another visit's secret."""
    stolen, issuer = world.visit(world.login.depart("browser"))
    other = world.login.depart("browser")
    with pytest.raises(NationalLoginError, match="answered 400"):
        world.login.arrive(code=stolen, issuer=issuer, secret=other.secret, bound_to="browser")


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": "ftp://elsewhere.example/keys"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_visited(
    world: World, described: dict[str, Any]
) -> None:
    """Another name, or an address without TLS, and nobody is sent there."""
    world.provider.described = described
    with pytest.raises(NationalLoginError):
        world.connect().depart("browser")


def test_settings_take_https_only() -> None:
    """A provider without TLS is refused before anything is sent."""
    with pytest.raises(NationalLoginError, match="https"):
        NationalLoginSettings(
            issuer="http://login.example",
            client_id="x",
            client_secret="y",
            redirect_uri=BACK,
            name="x",
        )


def test_a_provider_that_is_away_is_an_error_to_try_again(world: World) -> None:
    """Nothing listens, or a page comes instead of JSON: an error that people can be told."""
    world.provider.issuer = "http://127.0.0.1:9"
    login = world.connect()
    with pytest.raises(NationalLoginError, match="cannot be reached"):
        login.depart("browser")
    with pytest.raises(NationalLoginError, match="a moment ago"):  # nobody else waits in vain
        login.depart("browser")
    world.clock.advance(seconds=11)
    with pytest.raises(NationalLoginError, match="cannot be reached"):
        login.depart("browser")
