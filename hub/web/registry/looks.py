"""How states of the registry look: a word, its tone and its icon, never colour alone."""

from datetime import date
from typing import Final

from console.i18n import Message, msg, nmsg, pmsg
from contact_registry.coverage import CoverageCode, CoverageState
from contact_registry.freshness import CONFIRMED_FOR
from contact_registry.history.versions import Holder
from contact_registry.importing.findings import Severity
from contact_registry.importing.reconciling import ChangeKind as ListedChange
from contact_registry.models import Authority, ListedBy
from contact_registry.routing import TurnTo
from contact_registry.schedules import Duty
from directory_pages.looks import Look
from hub.findings.observing import FindingCode, UpkeepCode
from hub.findings.states import Standing

NO_DESK: Final = Look(pmsg("directory", "No desk"), "danger", "circle-alert")
REACHES_NOBODY: Final = Look(pmsg("directory", "Reaches nobody"), "danger", "circle-alert")
STAND_IN: Final = Look(pmsg("directory", "Stand-in desk"), "warn", "corner-up-left")
ANSWERS: Final = Look(pmsg("coverage", "Answers"), "ok", "circle-check")
NOBODY_THEN: Final = Look(pmsg("coverage", "Nobody"), "warn", "alarm-clock")

#: What a finding is called, and how much it matters.
FINDING_LOOKS: Final[dict[FindingCode, Look]] = {
    UpkeepCode.SIGNATURE_RAN_OUT: Look(msg("A signature ran out"), "danger", "alarm-clock"),
    UpkeepCode.SIGNATURE_RUNS_OUT: Look(msg("A signature runs out soon"), "warn", "hourglass"),
    UpkeepCode.REVIEW_OVERDUE: Look(
        msg("Nobody has looked at the entry in time"), "warn", "hourglass"
    ),
    UpkeepCode.NEVER_CONFIRMED: Look(
        msg("The Participant has never confirmed the entry"), "warn", "circle-dashed"
    ),
    CoverageCode.NOTHING_LISTED: Look(msg("Lists no desk at all"), "danger", "circle-alert"),
    CoverageCode.NOBODY_COMPETENT: Look(msg("No desk for this phase"), "danger", "circle-alert"),
    CoverageCode.NOBODY_REACHABLE: Look(
        msg("The desk cannot be reached from abroad"), "danger", "circle-alert"
    ),
    CoverageCode.NOBODY_OUT_OF_HOURS: Look(
        msg("Nobody answers out of hours"), "warn", "alarm-clock"
    ),
    CoverageCode.ONLY_STAND_IN: Look(msg("Only a stand-in desk"), "warn", "corner-up-left"),
    CoverageCode.ROUTE_ENDED: Look(
        msg("A reserve or out-of-hours route has ended"), "warn", "hourglass"
    ),
    CoverageCode.ROUTE_UNREACHABLE: Look(
        msg("A reserve or out-of-hours route reaches nobody"), "warn", "circle-alert"
    ),
    CoverageCode.HOLIDAYS_NOT_LISTED: Look(
        msg("The holidays of this year are not listed"), "neutral", "info"
    ),
}

STANDINGS: Final[dict[Standing, Look]] = {
    Standing.OPEN: Look(pmsg("finding", "Not taken yet"), "neutral", "circle-dashed"),
    Standing.TAKEN: Look(pmsg("finding", "In hand"), "info", "user"),
    Standing.RESOLVED: Look(pmsg("finding", "Stays as it is"), "neutral", "check"),
}

SEVERITIES: Final[dict[Severity, Look]] = {
    Severity.BLOCKS: Look(pmsg("finding", "Blocks publication"), "danger", "circle-alert"),
    Severity.FIX_SOON: Look(pmsg("finding", "Fix soon"), "warn", "triangle-alert"),
    Severity.NOTE: Look(pmsg("finding", "Note"), "neutral", "info"),
}

LISTED_CHANGES: Final[dict[ListedChange, Look]] = {
    ListedChange.NEW: Look(pmsg("desk of a list", "New"), "info", "plus"),
    ListedChange.CHANGED: Look(pmsg("desk of a list", "Changed"), "info", "pencil"),
    ListedChange.UNCHANGED: Look(pmsg("desk of a list", "Unchanged"), "neutral", "check"),
    ListedChange.VANISHED: Look(pmsg("desk of a list", "Not in the list"), "warn", "eye-off"),
}

HOLDERS: Final[dict[Holder, Message]] = {
    Holder.OPERATORS: msg("The operators"),
    Holder.REGISTRY_HOST: msg("The registry host"),
    Holder.PARTICIPANT: msg("The Participant"),
    Holder.NODE: msg("The Participant's node"),
}

TURN_TO: Final[dict[TurnTo, Look]] = {
    TurnTo.DESK: Look(msg("Turn to the desk"), "ok", "phone"),
    TurnTo.OUT_OF_HOURS: Look(msg("Turn to the out-of-hours route"), "info", "alarm-clock"),
    TurnTo.RESERVE: Look(msg("Turn to the reserve"), "warn", "corner-up-left"),
    TurnTo.NOBODY_NOW: Look(msg("Nobody is listed who answers now"), "danger", "circle-alert"),
}

DUTIES: Final[dict[Duty, Look]] = {
    Duty.ON: Look(pmsg("desk", "Open now"), "ok", "circle-check"),
    Duty.OFF: Look(pmsg("desk", "Closed now"), "warn", "clock"),
    Duty.UNKNOWN: Look(pmsg("desk", "Hours not listed"), "neutral", "circle-dashed"),
}


def look_of_day(
    state: CoverageState, why: CoverageCode | None, *, confirmation: Look | None
) -> Look:
    """Say what a cell of office hours says: how sure the desk is, or what is missing."""
    if state is CoverageState.GAP or confirmation is None:
        return REACHES_NOBODY if why is CoverageCode.NOBODY_REACHABLE else NO_DESK
    return STAND_IN if state is CoverageState.STAND_IN else confirmation


def look_of_night(state: CoverageState, *, by_day: CoverageState, day_look: Look) -> Look:
    """Say what a cell of the rest of the week says."""
    if by_day is CoverageState.GAP:
        return day_look
    if state is CoverageState.GAP:
        return NOBODY_THEN
    return STAND_IN if state is CoverageState.STAND_IN else ANSWERS


def look_of_confirmation(authority: Authority, *, listed_by: ListedBy, today: date) -> Look:
    """Say who answers for an entry, and since when."""
    if listed_by is ListedBy.OPERATOR:
        return Look(pmsg("coverage", "Listed by operator"), "neutral", "building-2")
    if authority.last_confirmed is None:
        return Look(pmsg("directory", "Listed by the Participant"), "neutral", "building-2")
    age = today - authority.last_confirmed
    if age > CONFIRMED_FOR:
        word = nmsg("Not confirmed for %(count)s day", "Not confirmed for %(count)s days", age.days)
        return Look(word, "warn", "hourglass")
    if age.days < 1:
        return Look(pmsg("directory", "Confirmed today"), "ok", "circle-check")
    word = nmsg("Confirmed %(count)s day ago", "Confirmed %(count)s days ago", age.days)
    return Look(word, "ok", "circle-check")
