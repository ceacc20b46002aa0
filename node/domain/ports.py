"""What the node needs from outside, named by role. Adapters implement these; tests bring fakes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from contact_registry.directory import Directory
from protocol.envelope import Envelope, SignedPayload
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from protocol.subjects import AccountId, TrafficClass

Clock = Callable[[], datetime]
"""Now, in UTC."""

RandomBytes = Callable[[int], bytes]


class LinkDownError(Exception):
    """The broker cannot be reached now: try again with the same transport id."""


class NoLinkError(LinkDownError):
    """There was no connection to the broker: nothing left. Try again with the same transport id."""


class MailboxFullError(Exception):
    """The recipient's mailbox takes no more from us now: try again later.

    Its text is the same each time, so that what waits for this reason is found in the outbox.
    """

    TEXT: Final = (
        "The recipient's mailbox takes no more from us now: its node fetches less than we send, or "
        "nothing. It is tried again; if it stays so, reach the recipient another way."
    )

    def __init__(self, text: str = TEXT) -> None:
        """Say so in the one way."""
        super().__init__(text)


class NoMailboxError(Exception):
    """The broker knows no mailbox for this recipient: its node is not admitted (yet)."""


class Delivery(Protocol):
    """One envelope out of our mailbox."""

    @property
    def sender(self) -> AccountId:
        """The broker account it came from, as the broker enforced it."""
        ...

    @property
    def recipient(self) -> AccountId:
        """The mailbox it lay in."""
        ...

    @property
    def traffic(self) -> TrafficClass:
        """The class it travelled in."""
        ...

    @property
    def envelope(self) -> bytes:
        """The bytes."""
        ...

    async def ack(self) -> None:
        """Tell the broker to forget it; returns when the broker has. Raises ``LinkDownError``."""
        ...

    async def delay(self, seconds: float) -> None:
        """Ask for it again later."""
        ...


class PublishAck(Protocol):
    """The broker has it on disk."""

    @property
    def sequence(self) -> int:
        """Its number in the recipient's mailbox."""
        ...

    @property
    def duplicate(self) -> bool:
        """The broker already had this transport id."""
        ...


class MailboxLink(Protocol):
    """The connection to the broker."""

    @property
    def is_up(self) -> bool:
        """Say whether publishing has a chance now."""
        ...

    @property
    def times_up(self) -> int:
        """How often a connection came up: what failed for want of one has a chance again."""
        ...

    async def publish(
        self,
        *,
        recipient: AccountId,
        traffic: TrafficClass,
        transport_id: str,
        envelope: bytes,
        timeout: float,  # noqa: ASYNC109 - the port's contract; the adapter maps it to its own error
    ) -> PublishAck:
        """Put an envelope into a mailbox; returns when it is on the broker's disk.

        Raises ``LinkDownError`` (whether it arrived is not known), ``NoLinkError``,
        ``MailboxFullError``, ``NoMailboxError`` (it did not).
        """
        ...

    async def fetch(self, traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Delivery]:
        """Return what lies in our mailbox, at most ``batch``, waiting at most ``wait`` seconds.

        Each class has a mailbox of its own: fetches of different classes run side by side and none
        waits for another. Right after an update, ``MESSAGE`` may bring what earlier versions put
        into the one mailbox, of whatever class it is: ``Delivery.traffic`` tells.
        """
        ...


class KeyStore(Protocol):
    """The node's secrets. Keys do not leave it, except the signing key's use."""

    @property
    def participant(self) -> ParticipantCode:
        """Whose node this is."""
        ...

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs messages now."""
        ...

    def open_envelope(self, envelope: Envelope) -> SignedPayload:
        """Open with whichever of our keys it names; raises ``RemoteProtocolError``."""
        ...

    def make_case_key(self) -> bytes:
        """Return a fresh content key, wrapped under the node key."""
        ...

    def encrypt(self, content: bytes, *, wrapped_key: bytes | None, context: str) -> bytes:
        """Encrypt for storage under a case key, or under the node key when ``None``.

        ``context`` names the place (``message:<id>``): moved elsewhere, it does not decrypt.
        """
        ...

    def decrypt(self, stored: bytes, *, wrapped_key: bytes | None, context: str) -> bytes:
        """Undo :meth:`encrypt`; raises ``StoredContentError`` if it was altered or moved."""
        ...

    def derive_search_key(self, term: str) -> bytes:
        """Return 32 bytes that stand for a term in the index: nobody else can compute them."""
        ...


class StoredContentError(Exception):
    """Stored content does not decrypt: it was altered, or belongs to another key store."""


class DirectorySource(Protocol):
    """The newest verified registry that this node has."""

    def current(self) -> Directory:
        """Return it; raises ``RegistryUnavailableError`` if there never was one."""
        ...


class PastDirectorySource(Protocol):
    """The registry as this node had verified it at past moments."""

    def load_as_of(self, moment: datetime) -> Directory:
        """Return it; raises ``RegistryError`` with what to do if none is kept of that moment."""
        ...
