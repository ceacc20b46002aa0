"""The last verified registry, as one file that replaces its predecessor in one step.

The TUF library keeps its own files for rollback protection, and changes them one by one while it
works: a registry host that fails or cheats half-way leaves them mixed. What a node falls back on
must not depend on that, so the full set of bytes that verified together is kept here besides.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
)

from contact_registry.trust.storage import write_durably
from contact_registry.trust.verification import TopLevelFiles

_LARGEST_FILE: Final = 256 * 1024 * 1024


def _decode(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


_Blob = Annotated[
    bytes,
    BeforeValidator(_decode),
    PlainSerializer(lambda data: base64.b64encode(data).decode(), return_type=str),
]


class VerifiedFiles(BaseModel):
    """The signed bytes that verified together, and when they did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["trm-verified-registry/1"] = "trm-verified-registry/1"
    verified_at: AwareDatetime
    roots: tuple[_Blob, ...]
    timestamp: _Blob
    snapshot: _Blob
    targets: _Blob
    delegated: dict[str, _Blob]
    documents: dict[str, _Blob]

    @property
    def top_level(self) -> TopLevelFiles:
        """The part that the top-level verification wants."""
        return TopLevelFiles(
            roots=self.roots,
            timestamp=self.timestamp,
            snapshot=self.snapshot,
            targets=self.targets,
        )


@dataclass(frozen=True, slots=True)
class VerifiedCache:
    """Keeps one :class:`VerifiedFiles` in a file."""

    path: Path

    def load(self) -> VerifiedFiles | None:
        """Return what was kept, or None if nothing was or it is damaged.

        A damaged cache is no error: it holds nothing that the next refresh does not bring again,
        and everything in it is verified anew before use.
        """
        try:
            if self.path.stat().st_size > _LARGEST_FILE:
                return None
            return VerifiedFiles.model_validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return None

    def save(self, files: VerifiedFiles) -> None:
        """Replace what was kept, in one step; raises ``OSError``."""
        write_durably(self.path, files.model_dump_json().encode())
