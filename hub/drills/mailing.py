"""Mail without content: that something waits, never what, for whom or about whom."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Protocol

from hub.drills.mail_security import MailSecurity

_SECONDS: Final = 20.0
#: The first code of an answer that will not change (RFC 5321 4.2.1).
_PERMANENT: Final = 500

SUBJECT: Final = "Contact registry: something waits for you"
TEXT: Final = """\
Something waits for you in the contact registry of the transnational referral
mechanism. Please sign in to your node and look at the page "Drills", or ring
the operators of the hub.

This mail says no more on purpose, and takes no answer: whoever reads it on the
way learns nothing. Nobody will ever ask you for a password by e-mail.
"""

_NO_SERVER: Final = (
    "The mail server cannot be reached, or refuses the hub: check TRM_HUB_MAIL_HOST and the "
    "settings beside it."
)
#: Replies to a recipient that are about us: sign in first, or not like that (RFC 4954 section 6).
_ABOUT_US: Final = frozenset({530, 534, 535, 538})


class MailUnavailableError(Exception):
    """The mail server cannot be reached or refuses us: nothing was sent, try again later."""


class MailboxRefusedError(Exception):
    """The mail server does not take mail for this mailbox: the directory's entry is wrong."""


class MailboxWaitsError(Exception):
    """The mail server takes no mail for this mailbox now (full, not yet known to it, barred)."""


class Mailer(Protocol):
    """Sends the one mail that there is."""

    def send(self, mailbox: str) -> None:
        """Send the reminder to a mailbox; blocking.

        Raises :class:`MailUnavailableError`, :class:`MailboxRefusedError` or
        :class:`MailboxWaitsError`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Sends by SMTP (RFC 5321, submission RFC 6409). The certificate is always checked."""

    host: str
    port: int
    sender: str
    security: MailSecurity = MailSecurity.STARTTLS
    user: str | None = None
    password: str | None = None

    def send(self, mailbox: str) -> None:
        """Send the reminder; see :class:`Mailer`."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = mailbox
        mail["Subject"] = SUBJECT
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        mail.set_content(TEXT)
        try:
            with self._connect() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise _explain_refusal(error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnavailableError(_NO_SERVER) from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security is MailSecurity.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        try:
            if self.security is MailSecurity.STARTTLS:
                server.starttls(context=context)
            if self.user is not None and self.password is not None:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _explain_refusal(error: smtplib.SMTPRecipientsRefused) -> Exception:
    """Tell an entry that is wrong from a mailbox that is full, and from a server that bars us.

    Only the first is the directory's fault. 4xx: try again later (RFC 5321 4.2.1); 5.7.x: a rule of
    the server, such as that it relays nothing for us (RFC 3463).
    """
    (code, reply), *_ = error.recipients.values()
    if code in _ABOUT_US:
        return MailUnavailableError(_NO_SERVER)
    if code < _PERMANENT or reply.startswith(b"5.7."):
        return MailboxWaitsError("The mail server takes no mail for a mailbox now.")
    return MailboxRefusedError("The mail server knows no such mailbox.")
