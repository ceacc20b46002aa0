"""Every fuzz target of the project, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.fuzz.attachment_targets import ATTACHMENT_TARGETS
from tests.fuzz.broker_targets import BROKER_TARGETS
from tests.fuzz.canary import CANARY
from tests.fuzz.ceremony_targets import CEREMONY_TARGETS
from tests.fuzz.change_targets import CHANGE_TARGETS
from tests.fuzz.console_targets import CONSOLE_TARGETS
from tests.fuzz.correction_targets import CORRECTION_TARGETS
from tests.fuzz.drill_targets import DRILL_TARGETS
from tests.fuzz.evidence_targets import EVIDENCE_TARGETS
from tests.fuzz.message_targets import MESSAGE_TARGETS
from tests.fuzz.registry_targets import REGISTRY_TARGETS
from tests.fuzz.target import Target
from tests.fuzz.wire_targets import WIRE_TARGETS

TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        target.name: target
        for target in (
            *WIRE_TARGETS,
            *MESSAGE_TARGETS,
            *ATTACHMENT_TARGETS,
            *EVIDENCE_TARGETS,
            *BROKER_TARGETS,
            *REGISTRY_TARGETS,
            *CHANGE_TARGETS,
            *CEREMONY_TARGETS,
            *CORRECTION_TARGETS,
            *DRILL_TARGETS,
            *CONSOLE_TARGETS,
        )
    }
)
"""What ``make fuzz`` runs."""

PLANTED: Final[Mapping[str, Target]] = MappingProxyType({CANARY.name: CANARY})
"""What runs only when it is asked for by name: it is there to be found."""
