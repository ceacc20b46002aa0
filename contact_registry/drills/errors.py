"""Why something about a drill was refused."""

from enum import StrEnum

from contact_registry.errors import RegistryError


class DrillRefusal(StrEnum):
    """For programs: which of them means "try again" and which means "stop"."""

    MALFORMED = "malformed"
    UNKNOWN_DRILL = "unknown_drill"
    UNKNOWN_SIGNER = "unknown_signer"
    FORGED = "forged"
    OTHER_DRILL = "other_drill"
    WRONG_MOMENT = "wrong_moment"
    CLOSED = "closed"
    HAS_NODE = "has_node"
    NOT_LISTED = "not_listed"
    ALREADY_ASKED = "already_asked"
    CHANGED_MEANWHILE = "changed_meanwhile"


class DrillRefusedError(RegistryError):
    """Nothing was recorded. The message says what to do next."""

    def __init__(self, message: str, *, code: DrillRefusal) -> None:
        super().__init__(message)
        self.code = code
