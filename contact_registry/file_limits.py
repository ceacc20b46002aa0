"""What a node says of the files that it takes: optional members of its key document (SPEC 12).

They are written only if they say something, so documents of nodes that say nothing stay as they
were. Pure: this knows nothing of messages, because the hub reads key documents, too.
"""

from typing import Annotated, Any, Final, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from contact_registry.document import Document, require_distinct
from protocol.limits import LIMITS

_OPTIONAL: Final = ("max_attachment_bytes", "attachment_types")
#: Kinds that one document lists: it stays below its greatest size with the most keys.
_MOST_TYPES: Final = 32

MediaTypeName = Annotated[
    str,
    Field(
        max_length=127,
        pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$",
    ),
]
"""RFC 6838 section 4.2, lower case, as in the manifest of a file."""


class FileLimits(Document):
    """The greatest file and the kinds of files that a node takes."""

    #: In bytes; 0: it takes none. Not said: the greatest that there is.
    max_attachment_bytes: Annotated[int, Field(ge=0, le=LIMITS.attachment)] | None = None
    #: Not said: whatever a sender may send.
    attachment_types: (
        Annotated[tuple[MediaTypeName, ...], Field(min_length=1, max_length=_MOST_TYPES)] | None
    ) = None

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_said(
        self, serialize: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """Write no null: what is not said is not there, so that a document has one form."""
        fields: dict[str, Any] = serialize(self)
        return {
            name: value
            for name, value in fields.items()
            if value is not None or name not in _OPTIONAL
        }

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        if any(name in self.model_fields_set and getattr(self, name) is None for name in _OPTIONAL):
            raise ValueError("Leave out what is not said instead of writing null.")
        return self

    @field_validator("attachment_types")
    @classmethod
    def _require_distinct_types(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        require_distinct(value or (), "A media type is listed once.")
        return value
