"""What the course of a case is called: states, reasons, gates, and who can do what is missing.

Codes that messages carry have their words in :mod:`node.web.labels`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.cases import UNKNOWN_CHANNEL, ReopenReason, StrandState
from node.domain.returns import ForeignCheck, ReturnStep, WhoCan
from node.domain.withdrawals import DeletionState
from node.web.labels import say_code, say_known
from node.web.states import Look
from protocol.identifiers import Channel

STRAND_LOOKS: Final[Mapping[str, Look]] = MappingProxyType(
    {
        StrandState.OPEN: Look(pmsg("case state", "Open"), "info", "circle-dashed"),
        StrandState.CLOSED: Look(pmsg("case state", "Closed"), "neutral", "circle-check"),
    }
)

DELETION_LOOKS: Final[Mapping[DeletionState, Look]] = MappingProxyType(
    {
        DeletionState.OPEN: Look(pmsg("deletion", "Asked, not confirmed yet"), "info", "hourglass"),
        DeletionState.OVERDUE: Look(
            pmsg("deletion", "Not confirmed in time"), "danger", "alarm-clock"
        ),
        DeletionState.ESCALATED: Look(
            pmsg("deletion", "Long overdue: reach them another way"), "danger", "circle-alert"
        ),
        DeletionState.ERASED: Look(pmsg("deletion", "Deleted"), "ok", "check"),
        DeletionState.ERASED_IN_PART: Look(
            pmsg("deletion", "Deleted in part"), "warn", "circle-alert"
        ),
        DeletionState.NOT_ERASED: Look(
            pmsg("deletion", "Not deleted: kept under a duty"), "warn", "shield-x"
        ),
        DeletionState.TAKEN_BACK: Look(pmsg("deletion", "Taken back"), "neutral", "ban"),
    }
)
"""How a deletion stands. Green only where the data is gone."""

REOPEN_REASONS: Final[Mapping[ReopenReason, Message]] = MappingProxyType(
    {
        ReopenReason.NEW_FACTS: msg("New facts came up"),
        ReopenReason.PERSON_CAME_BACK: msg("The person came back"),
        ReopenReason.PROCEEDINGS_GO_ON: msg("Proceedings go on"),
        ReopenReason.CLOSED_BY_MISTAKE: msg("It was closed by mistake"),
        ReopenReason.OTHER: pmsg("code", "Other"),
    }
)

CHECKS: Final[Mapping[ForeignCheck, Message]] = MappingProxyType(
    {
        ForeignCheck.IDENTITY_AND_DOCUMENTS: msg("Identity and travel documents"),
        ForeignCheck.RIGHT_TO_STAY_AND_PROCEEDINGS: msg("Right to stay, and proceedings here"),
        ForeignCheck.THREATS_AT_THE_PLACE: msg("Threats at the place of return"),
        ForeignCheck.FAMILY_AND_HOME: msg("Family and home there"),
        ForeignCheck.ASSISTANCE_THERE: msg("Assistance there"),
        ForeignCheck.FITNESS_TO_TRAVEL: msg("Fit to travel"),
    }
)

STEPS: Final[Mapping[ReturnStep, Message]] = MappingProxyType(
    {
        ReturnStep.INFORMED_DECISION: msg("The person has not decided with all information yet"),
        ReturnStep.VOLUNTARY: msg("It is not recorded that the return is voluntary"),
        ReturnStep.RISK_ASSESSMENT: msg("The risk is not assessed yet"),
        ReturnStep.SIX_CHECKS: msg("Not all six checks are done"),
        ReturnStep.GUARDIAN: msg("No guardian is appointed yet"),
        ReturnStep.BEST_INTEREST: msg("The best interest of the child is not assessed yet"),
        ReturnStep.FAMILY_ASSESSMENT: msg("The family is not assessed yet"),
        ReturnStep.PERSON_AGREES_TO_FAMILY: msg("The person has not agreed to go to the family"),
        ReturnStep.FAMILY_AGREES: msg("The family has not agreed yet"),
        ReturnStep.RECEPTION_CONFIRMED: msg("The reception is not confirmed yet"),
        ReturnStep.NOTICE_ACKNOWLEDGED: msg("The prior notice is not acknowledged yet"),
    }
)
"""What a return lacks."""

WHO_CAN: Final[Mapping[WhoCan, Message]] = MappingProxyType(
    {
        WhoCan.OUR_FOCAL_POINT: pmsg("who can do it", "us"),
        WhoCan.PERSON: pmsg("who can do it", "the person"),
        WhoCan.GUARDIAN: pmsg("who can do it", "the guardian"),
        WhoCan.THEIR_DESK: pmsg("who can do it", "the other side"),
        WhoCan.CHILD_PROTECTION: pmsg("who can do it", "child protection"),
    }
)

STALE: Final = msg(
    "Somebody changed this while your page was open. Nothing was saved, and what you entered is "
    "below. Compare, then save again."
)


def say_channel(channel: str) -> Message | str:
    """Say a channel in words."""
    if channel == UNKNOWN_CHANNEL:
        return msg("Cannot be read by this version")
    return say_known(Channel, channel)


def list_codes(codes: type[StrEnum], *without: StrEnum) -> list[tuple[str, Message | str]]:
    """List a code list for a form, in its own order."""
    return [(code.value, say_code(code)) for code in codes if code not in without]
