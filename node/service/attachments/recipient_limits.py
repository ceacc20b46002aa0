"""What a recipient's node takes, as the registry says: asked before a file is brought in."""

from dataclasses import dataclass

from console.i18n import msg
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.service.attachments.sniffing import RefusedFileError
from node.service.borrowed_words import borrow_words
from node.service.context import NodeContext
from protocol.attachment import choose_chunk_size
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import parse_participant_code
from protocol.limits import LIMITS

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class RecipientLimits:
    """What one recipient takes. Sizes in bytes."""

    code: str
    name: str
    largest: int
    chunk_size: int
    #: None: every kind.
    media_types: frozenset[str] | None

    def verify(self, *, size: int, media_type: str) -> None:
        """Raise ``RefusedFileError`` for a file that they would refuse."""
        if size > self.largest:
            raise RefusedFileError(
                msg(
                    "%(participant)s takes files of at most %(most)s MB, and this one has "
                    "%(size)s MB: make it smaller, split it, or hand it over another "
                    "way.",
                    participant=self.name,
                    most=f"{self.largest / _MEGABYTE:.1f}",
                    size=f"{size / _MEGABYTE:.1f}",
                )
            )
        if self.media_types is not None and media_type not in self.media_types:
            raise RefusedFileError(
                msg(
                    "%(participant)s takes no files of this kind (%(media_type)s): send another "
                    "form of it, such as %(examples)s.",
                    participant=self.name,
                    media_type=media_type,
                    examples=", ".join(sorted(self.media_types)[:3]),
                )
            )


def find_recipient_limits(directory: Directory, recipient: str) -> RecipientLimits:
    """Look a recipient up; raises ``RefusedFileError`` for one that has no node."""
    try:
        code = parse_participant_code(recipient)
    except MalformedError as error:
        raise RefusedFileError(borrow_words(error)) from error
    entry, document = directory.participant(code), directory.keys.get(code)
    if entry is None or document is None:
        raise RefusedFileError(
            msg(
                "%(participant)s has no node, so no file can be sent: use the contacts in the "
                "directory.",
                participant=entry.display_name if entry else recipient,
            )
        )
    try:
        chunk_size = choose_chunk_size(max_envelope_bytes=document.max_envelope_bytes)
    except LocalProtocolError as error:
        raise RefusedFileError(borrow_words(error)) from error
    stated = document.max_attachment_bytes
    return RecipientLimits(
        code=code,
        name=entry.display_name,
        largest=min(
            LIMITS.attachment if stated is None else stated, LIMITS.chunks * chunk_size * 7 // 8
        ),
        chunk_size=chunk_size,
        media_types=None
        if document.attachment_types is None
        else frozenset(document.attachment_types),
    )


def verify_fits(context: NodeContext, *, recipient: str | None, size: int, media_type: str) -> None:
    """Refuse what the recipient would refuse, before anything of it is brought in.

    What is not known yet (no recipient chosen, no registry seen) is judged when the message is
    sent.
    """
    if recipient is None:
        return
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        return
    find_recipient_limits(directory, recipient).verify(size=size, media_type=media_type)
