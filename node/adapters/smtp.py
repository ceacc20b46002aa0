"""Letters to a mail server (RFC 5321), encrypted on the way.

By STARTTLS (RFC 3207), or by TLS from the first byte (RFC 8314). Nothing is sent in the clear, and
no password before the server has proven who it is. What a server answers is kept as its code alone:
its text may name people.
"""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from console.process.tasks import describe_failure
from node.domain.notices import AddressRefusedError, Letter, PostError, ServerAwayError
from node.domain.ports import Clock

_SECONDS: Final = 20.0
_PERMANENT: Final = 500
#: Answers to RCPT that speak of the server's own state, not of the address: tried again.
_NOT_THE_ADDRESS: Final = frozenset({503, 530, 535, 552, 554})
#: So do all of these classes of detail (RFC 3463) but address and mailbox: a rule, the network ...
_OF_SERVER: Final = re.compile(rb"5\.[03-7]\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpRules:
    """Where letters go, and how. ``password`` goes with ``user``."""

    host: str
    port: int
    #: TLS from the first byte; otherwise STARTTLS, without which nothing is sent.
    implicit_tls: bool
    sender: str
    tls: ssl.SSLContext
    user: str | None = None
    password: str | None = None


class SmtpPostman:
    """Hands letters to one mail server; a :class:`~node.domain.notices.Postman`."""

    def __init__(self, rules: SmtpRules, *, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    def send(self, letter: Letter) -> None:
        """Hand a letter over. Blocking.

        Raises :class:`~node.domain.notices.AddressRefusedError` if the server refuses the address
        for good, :class:`~node.domain.notices.PostError` if it does not take this letter now,
        :class:`~node.domain.notices.ServerAwayError` if it takes none.
        """
        try:
            with self._connect() as server:
                server.send_message(
                    self._write(letter), from_addr=self._rules.sender, to_addrs=[letter.to]
                )
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            of_server = code in _NOT_THE_ADDRESS or _OF_SERVER.match(said)
            if code >= _PERMANENT and not of_server:
                raise AddressRefusedError(f"smtp {code}") from error
            raise PostError(f"smtp {code}") from error
        except smtplib.SMTPDataError as error:
            raise PostError(f"smtp {error.smtp_code}") from error
        except smtplib.SMTPResponseException as error:
            raise ServerAwayError(f"smtp {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ServerAwayError(describe_failure(error).split(" at ")[0]) from error
        except ValueError as error:  # this letter cannot be written for this server
            raise PostError(describe_failure(error).split(" at ")[0]) from error

    @property
    def _domain(self) -> str:
        return self._rules.sender.rpartition("@")[2]

    def _connect(self) -> smtplib.SMTP:
        rules = self._rules
        own = self._domain  # never the name of the machine: servers write it into the mail
        if rules.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                rules.host, rules.port, own, timeout=_SECONDS, context=rules.tls
            )
        else:
            server = smtplib.SMTP(rules.host, rules.port, own, timeout=_SECONDS)
            try:
                server.starttls(context=rules.tls)  # raises if the server does not offer it
            except BaseException:
                server.close()
                raise
        if rules.user is not None:
            try:
                server.login(rules.user, rules.password or "")
            except BaseException:
                server.close()
                raise
        return server

    def _write(self, letter: Letter) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._rules.sender
        mail["To"] = letter.to
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(self._clock())
        # The same letter has the same name when it is tried again: readers see it once.
        mail["Message-ID"] = f"<{letter.letter_id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers it
        if letter.urgent:
            mail["Importance"] = "high"
        mail.set_content(letter.text)
        mail["Content-Language"] = letter.language  # taken away if it were set before
        return mail
