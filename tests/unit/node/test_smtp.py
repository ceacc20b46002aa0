"""Mail through a real server on this machine: encrypted, or not at all."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from node.adapters.smtp import SmtpPostman, SmtpRules
from node.domain.notices import AddressRefusedError, Letter, PostError, ServerAwayError
from node.parts import NodeSetupError, build_postman
from node.settings import NodeSettings

LETTER = Letter(
    letter_id="a1b2",
    to="ana@example.org",
    subject="Keni një detyrë urgjente.",
    text="Kosovo*\n",
    language="sq",
    urgent=True,
)


@dataclass
class Mailroom:
    """What a server took, and what it says to a recipient."""

    answer: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's names
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient, or say no."""
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep a mail."""
        self.greetings.append(str(session.host_name))
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        transport = server.transport
        assert transport is not None
        self.encrypted.append(transport.get_extra_info("ssl_object") is not None)
        return "250 OK"


@pytest.fixture
def room() -> Mailroom:
    """Return what the server of a test does."""
    return Mailroom()


@dataclass(frozen=True)
class Certificates:
    """What a server proves itself with, and who trusts it."""

    server: ssl.SSLContext
    trusting: ssl.SSLContext


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """Make an authority of this test's own."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA).configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Certificates(server, trusting)


@contextmanager
def serving(make: Callable[[], SMTP], *, tls: ssl.SSLContext | None) -> Iterator[int]:
    """Let a server listen on a free port, in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


Start = Callable[..., SmtpPostman]


@pytest.fixture
def start(room: Mailroom, certificates: Certificates) -> Iterator[Start]:
    """Start a server (``tls``: ``starttls``, ``tls`` or ``none``); returns a postman for it."""

    def check_password(
        _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: object
    ) -> AuthResult:
        """Let one name in."""
        assert isinstance(data, LoginPassword)
        room.passwords.append(data.password)
        right = (data.login, data.password) == (b"node", b"secret")
        return AuthResult(success=right, handled=False)

    with ExitStack() as running:

        def begin(
            *,
            tls: str = "starttls",
            password: str = "secret",
            trusts: bool = True,
        ) -> SmtpPostman:
            def make() -> SMTP:
                return SMTP(
                    room,
                    hostname="localhost",
                    tls_context=certificates.server if tls == "starttls" else None,
                    require_starttls=tls == "starttls",
                    authenticator=check_password,
                    auth_require_tls=tls == "starttls",
                    enable_SMTPUTF8=True,
                )

            outer = certificates.server if tls == "tls" else None
            rules = SmtpRules(
                host="localhost",
                port=running.enter_context(serving(make, tls=outer)),
                implicit_tls=tls == "tls",
                sender="node@example.org",
                tls=certificates.trusting if trusts else ssl.create_default_context(),
                user="node",
                password=password,
            )
            return SmtpPostman(rules, clock=lambda: datetime(2026, 3, 4, 11, 0, tzinfo=UTC))

        yield begin


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_letter_arrives_encrypted(start: Start, room: Mailroom, tls: str) -> None:
    """With its words in any language, a name that stays the same, and nothing that answers it."""
    postman = start(tls=tls)
    postman.send(LETTER)
    postman.send(LETTER)
    first, again = room.mails
    assert room.encrypted == [True, True]
    assert first["Subject"] == LETTER.subject
    assert first.get_content().strip() == "Kosovo*"
    assert first["Message-ID"] == again["Message-ID"]
    assert (first["From"], first["To"]) == ("node@example.org", "ana@example.org")
    assert (first["Auto-Submitted"], first["Importance"]) == ("auto-generated", "high")
    assert first["Content-Language"] == "sq"
    assert set(room.greetings) == {"example.org"}  # and not the name of a machine


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 Ana Berisha does not live here", AddressRefusedError),
        ("554 5.7.1 relay access denied", PostError),
        ("550 5.7.1 your network is on our list", PostError),
        ("550 no such user", AddressRefusedError),
        ("451 4.3.0 later", PostError),
    ],
)
def test_an_address_is_refused_or_the_server_is_busy(
    start: Start, room: Mailroom, answer: str, error: type[PostError]
) -> None:
    """Only what speaks of the address ends its use; the server's text, which may name, is gone."""
    room.answer = answer
    with pytest.raises(PostError) as caught:
        start().send(LETTER)
    assert type(caught.value) is error
    assert str(caught.value) == f"smtp {answer[:3]}"


@pytest.mark.parametrize(
    "wrong", [{"tls": "none"}, {"trusts": False}, {"tls": "tls", "trusts": False}]
)
def test_nothing_leaves_in_the_clear_or_to_a_stranger(
    start: Start, room: Mailroom, wrong: dict[str, object]
) -> None:
    """A server without encryption, or that cannot prove who it is, gets no mail and no password."""
    with pytest.raises(PostError):
        start(**wrong).send(LETTER)
    assert room.mails == []
    assert room.passwords == []


def test_settings_that_do_not_fit_stop_the_start(tmp_path: Path) -> None:
    """Each refusal names the setting; without a mail server there is no postman."""
    fields = {
        "data_dir": tmp_path,
        "hub_url": "https://hub.example.org",
        "trusted_root": tmp_path / "1.root.json",
        "broker_servers": "tls://hub.example.org:4222",
    }
    assert build_postman(NodeSettings.model_validate(fields)) is None
    server = fields | {"smtp_host": "mail.example.org"}
    sender = server | {"smtp_from": "node@example.org"}
    assert build_postman(NodeSettings.model_validate(sender)) is not None
    for wrong, named in (
        (server, "TRM_NODE_SMTP_FROM"),
        (sender | {"smtp_password_file": tmp_path / "none"}, "TRM_NODE_SMTP_PASSWORD_FILE"),
        (sender | {"smtp_ca": tmp_path / "none"}, "TRM_NODE_SMTP_CA"),
    ):
        with pytest.raises(NodeSetupError, match=named):
            build_postman(NodeSettings.model_validate(wrong))


def test_a_wrong_password_and_a_server_that_is_away(start: Start, room: Mailroom) -> None:
    """Both are trouble that is tried again, and say which in one word."""
    with pytest.raises(ServerAwayError, match="smtp 535"):
        start(password="wrong").send(LETTER)
    assert room.mails == []
    away = replace(start()._rules, port=1)
    with pytest.raises(ServerAwayError, match="Error"):
        SmtpPostman(away, clock=lambda: datetime(2026, 3, 4, tzinfo=UTC)).send(LETTER)
