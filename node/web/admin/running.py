"""What the pages of an administrator know of the running process."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from console.process.tasks import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key of one epoch, of which the key store holds the private half."""

    key_id: str
    valid_from: datetime
    valid_to: datetime
    #: Whether this node tells others of it.
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysHeld:
    """Names of keys, never a key."""

    signing_key_id: str
    signing_since: datetime
    registry_key_id: str
    epochs: tuple[HeldKey, ...]


async def _do_nothing() -> None:
    """Stand in where nothing runs."""


def _ask_nobody(_task: str) -> None:
    """Stand in where nothing runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How the process does, and what can be asked of it. By default nothing runs."""

    list_tasks: Callable[[], Sequence[TaskState]] = field(default=tuple)
    #: Lets the next round of a task begin now. Called in the event loop.
    ask_task: Callable[[str], None] = field(default=_ask_nobody)
    #: Looks for a newer registry; raises what the registry client raises.
    refresh_registry: Callable[[], Awaitable[None]] = field(default=_do_nothing)
    #: None where no key store is open.
    describe_keys: Callable[[], KeysHeld | None] = field(default=lambda: None)
    #: The address that people open, to which a one-time link belongs.
    public_url: str = ""
    hub_url: str = ""
    #: The folder of files, which a backup has to hold besides.
    files_dir: Path | None = None
