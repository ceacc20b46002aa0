"""What can go wrong in the protocol.

::

    ProtocolError
    ├── LocalProtocolError        our own side broke the rules: a defect here
    └── RemoteProtocolError       bytes from outside broke the rules; carries a rejection code
        ├── MalformedError        not even the shape of the object
        ├── UnsupportedError      a version, suite, or type that this version does not speak
        ├── UnopenableError       cannot be decrypted with the keys we hold
        ├── ForgedError           a signature, digest, or binding does not match
        ├── MisaddressedError     not for us, or not from whom it travelled as
        └── ExpiredError          came after its expiry

A parser of outside bytes raises :class:`RemoteProtocolError` and nothing else.
"""

from enum import StrEnum


class RejectionCode(StrEnum):
    """Why a recipient refuses a message, as it travels in a receipt (SPEC section 7)."""

    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    UNOPENABLE = "unopenable"
    FORGED = "forged"
    MISADDRESSED = "misaddressed"
    EXPIRED = "expired"
    UNKNOWN_SENDER = "unknown_sender"
    CONFLICT = "conflict"


class ProtocolError(Exception):
    """Anything this package raises on purpose."""


class LocalProtocolError(ProtocolError):
    """Our own side asked for something that the protocol forbids: fix the caller."""


class RemoteProtocolError(ProtocolError):
    """Bytes from outside that the protocol refuses.

    ``code`` is what a rejection receipt says of it.
    """

    code: RejectionCode = RejectionCode.MALFORMED


class MalformedError(RemoteProtocolError):
    """The bytes do not have the shape of the object."""


class UnsupportedError(RemoteProtocolError):
    """A version, suite, or message type that this version does not speak."""

    code = RejectionCode.UNSUPPORTED


class UnopenableError(RemoteProtocolError):
    """No key held here opens the envelope, or it was altered on the way."""

    code = RejectionCode.UNOPENABLE


class ForgedError(RemoteProtocolError):
    """A signature, digest, or binding does not match what it covers."""

    code = RejectionCode.FORGED


class MisaddressedError(RemoteProtocolError):
    """The envelope is for somebody else, or travelled under another sender's name."""

    code = RejectionCode.MISADDRESSED


class ExpiredError(RemoteProtocolError):
    """The message came after the moment its sender gave up on it."""

    code = RejectionCode.EXPIRED
