"""How the connection to a mail server is protected, as a setting."""

from enum import StrEnum


class MailSecurity(StrEnum):
    """What protects the connection to the mail server."""

    STARTTLS = "starttls"
    TLS = "tls"
    #: For a mail server on this machine only.
    NONE = "none"
