"""What somebody has to look after: kinds, states, and the ladder by which people are told of it.

Two ladders, both tables. The first counts from the moment at which nobody had an item: it ends at
everybody, and its last rung repeats until somebody has it. The second counts towards the deadline,
whoever has it. Nothing here knows time but as it is told: a jump of the clock can make people be
told too early or twice, never not at all (:func:`judge`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from node.domain.access import Permission
from protocol.messages.codes import Urgency


class ItemKind(StrEnum):
    """Why something needs a person."""

    #: A received message that expects a decision, or a typed answer.
    DECIDE = "decide"
    ANSWER = "answer"
    #: A received message that expects nothing but a reader.
    READ = "read"
    #: A received message that this version cannot read.
    UNREADABLE = "unreadable"
    #: A message of ours whose recipient has not answered in time.
    CHASE = "chase"
    #: A message of ours that did not arrive.
    UNDELIVERED = "undelivered"
    #: An envelope that this node refused.
    REFUSED_ENVELOPE = "refused_envelope"
    #: Missing messages of a link were asked for in vain.
    LINK_GAP = "link_gap"
    #: Something waits for a second person.
    APPROVAL = "approval"
    #: A second person said no, or nobody decided in time: whoever asked has to know.
    NOT_APPROVED = "not_approved"
    #: Somebody withdrew consent, or demands it: what we hold is to be deleted, and confirmed.
    DELETION_ASKED = "deletion_asked"
    #: A recipient has not confirmed in time that it deleted what we sent.
    DELETION_UNCONFIRMED = "deletion_unconfirmed"
    #: A person arrived, or was sent, without an acknowledged notice.
    ARRIVAL_UNANNOUNCED = "arrival_unannounced"
    #: Somebody was given a case to coordinate.
    TAKE_OVER = "take_over"


KEPT_BY: Final[Mapping[ItemKind, Permission]] = MappingProxyType(
    {
        ItemKind.DECIDE: Permission.WORK_CASES,
        ItemKind.ANSWER: Permission.WORK_CASES,
        ItemKind.READ: Permission.WORK_CASES,
        ItemKind.UNREADABLE: Permission.WORK_CASES,
        ItemKind.CHASE: Permission.WORK_CASES,
        ItemKind.UNDELIVERED: Permission.WORK_CASES,
        ItemKind.REFUSED_ENVELOPE: Permission.WATCH_DELIVERY,
        ItemKind.LINK_GAP: Permission.WATCH_DELIVERY,
        ItemKind.APPROVAL: Permission.APPROVE,
        ItemKind.NOT_APPROVED: Permission.WORK_CASES,
        ItemKind.DELETION_ASKED: Permission.WORK_CASES,
        ItemKind.DELETION_UNCONFIRMED: Permission.WORK_CASES,
        ItemKind.ARRIVAL_UNANNOUNCED: Permission.WORK_CASES,
        ItemKind.TAKE_OVER: Permission.WORK_CASES,
    }
)
"""What somebody must be permitted to have an item, and to be told of it first."""

SETTLED_BY_HAND: Final = frozenset(
    {
        ItemKind.CHASE,
        ItemKind.UNREADABLE,
        ItemKind.LINK_GAP,
        ItemKind.NOT_APPROVED,
        ItemKind.TAKE_OVER,
    }
)
"""Kinds that a person says are done; of all others what they are about says it."""

LONGEST_DUE: Final = timedelta(days=400)
"""What is due later, by whatever clock, is due then: an item is for people who live now."""

DEFAULT_DAYS: Final = 1
"""Working days of an item that names no moment of its own, at standard urgency."""


class ItemState(StrEnum):
    """Whether somebody has it."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"


UNDONE: Final = frozenset({ItemState.OPEN, ItemState.CLAIMED})


class ItemAct(StrEnum):
    """What moves an item; each is an entry of its history."""

    CLAIM = "claimed"
    RELEASE = "released"
    HAND_OVER = "handed_over"
    #: To another desk of ours.
    MOVE = "moved"
    #: Its owner may not sign in any more, or is not cleared for it any more.
    OWNER_GONE = "owner_gone"
    SETTLE = "settled"
    #: What it is about is open again: a decision was taken back.
    REOPEN = "reopened"


ITEM_TABLE: Final[Mapping[tuple[ItemState, ItemAct], ItemState]] = MappingProxyType(
    {
        (ItemState.OPEN, ItemAct.CLAIM): ItemState.CLAIMED,
        (ItemState.OPEN, ItemAct.HAND_OVER): ItemState.CLAIMED,
        (ItemState.OPEN, ItemAct.MOVE): ItemState.OPEN,
        (ItemState.OPEN, ItemAct.SETTLE): ItemState.DONE,
        (ItemState.CLAIMED, ItemAct.RELEASE): ItemState.OPEN,
        (ItemState.CLAIMED, ItemAct.HAND_OVER): ItemState.CLAIMED,
        (ItemState.CLAIMED, ItemAct.MOVE): ItemState.OPEN,
        (ItemState.CLAIMED, ItemAct.OWNER_GONE): ItemState.OPEN,
        (ItemState.CLAIMED, ItemAct.SETTLE): ItemState.DONE,
        (ItemState.DONE, ItemAct.REOPEN): ItemState.OPEN,
    }
)


class Telling(StrEnum):
    """How people were told; each is an entry of an item's history."""

    #: On the list of what they were told, and by e-mail where they gave an address.
    TOLD = "told"
    #: The mailboxes of the desk's out-of-hours route.
    ROUTE_TOLD = "route_told"
    #: Nobody who may sign in at all was found: only the node's own alarms say it.
    NOBODY_TOLD = "nobody_told"


class Audience(StrEnum):
    """Who is told. Whoever may not know of an item is left out, whatever they belong to."""

    OWNER = "owner"
    #: Who is on duty at the desk now; its members while it keeps no roster.
    DUTY = "duty"
    DESK = "desk"
    #: The desk's own reserve, and the desk that stands in for it by the registry.
    RESERVE = "reserve"
    #: The desk that answers out of hours by the registry, or the mailboxes listed for that.
    OUT_OF_HOURS = "out_of_hours"
    #: All who may have it, and the administrators, who see that there is something, not what.
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of a ladder: when it is reached, and who is told then."""

    audience: Audience
    #: While the desk is staffed: since it has been staffed and nobody had the item.
    after: timedelta
    #: While it is not: since nobody had the item.
    after_when_closed: timedelta


def _rung(audience: Audience, minutes: int, when_closed: int) -> Rung:
    return Rung(audience, timedelta(minutes=minutes), timedelta(minutes=when_closed))


_DAY: Final = 24 * 60


LADDER: Final[Mapping[Urgency, tuple[Rung, ...]]] = MappingProxyType(
    {
        # minutes: while the desk is staffed, while it is not
        Urgency.IMMEDIATE: (
            _rung(Audience.DUTY, 0, 0),
            _rung(Audience.DESK, 5, 0),
            _rung(Audience.RESERVE, 10, 0),
            _rung(Audience.OUT_OF_HOURS, 20, 0),
            _rung(Audience.EVERYBODY, 30, 10),
        ),
        Urgency.URGENT: (
            _rung(Audience.DUTY, 0, 0),
            _rung(Audience.DESK, 30, 0),
            _rung(Audience.RESERVE, 60, 0),
            _rung(Audience.OUT_OF_HOURS, 120, 0),
            _rung(Audience.EVERYBODY, 240, 60),
        ),
        # While the desk is closed, what is not urgent waits for it to open, but not for long.
        Urgency.STANDARD: (
            _rung(Audience.DUTY, 0, 0),
            _rung(Audience.DESK, 120, 3 * _DAY),
            _rung(Audience.RESERVE, 240, 4 * _DAY),
            _rung(Audience.OUT_OF_HOURS, 360, 5 * _DAY),
            _rung(Audience.EVERYBODY, 420, 6 * _DAY),
        ),
    }
)
"""Who is told of an item that nobody has, and when."""

REPEATED: Final[Mapping[Urgency, timedelta]] = MappingProxyType(
    {
        Urgency.IMMEDIATE: timedelta(minutes=15),
        Urgency.URGENT: timedelta(hours=1),
        Urgency.STANDARD: timedelta(hours=24),
    }
)
"""Nobody has it: the longest silence. The rung that was reached is told again after it."""


@dataclass(frozen=True, slots=True)
class DueRung:
    """A step towards a deadline: at which part of the time, or how long after it, who is told."""

    part: float
    audiences: tuple[Audience, ...]


DUE_LADDER: Final = (
    DueRung(0.5, (Audience.OWNER,)),
    DueRung(0.8, (Audience.OWNER, Audience.DUTY)),
    DueRung(1.0, (Audience.OWNER, Audience.DESK, Audience.RESERVE)),
    DueRung(1.25, (Audience.OWNER, Audience.OUT_OF_HOURS)),
    DueRung(1.5, (Audience.OWNER, Audience.EVERYBODY)),
)
"""Who is told of a deadline, whoever has the item; the last rung repeats, see OVERDUE_REPEATED."""

OVERDUE_RUNG: Final = 3
"""The rung of the ladder of deadlines at which the time is over."""
LAST_RUNG: Final = len(Audience) - 1
"""The rung of each ladder of items that nobody has at which everybody is told."""

OVERDUE_REPEATED: Final[Mapping[Urgency, timedelta]] = MappingProxyType(
    {
        Urgency.IMMEDIATE: timedelta(hours=1),
        Urgency.URGENT: timedelta(hours=4),
        Urgency.STANDARD: timedelta(hours=24),
    }
)

LONGEST_LOOK: Final = timedelta(hours=1)
"""Every item that is not done is looked at this often, whatever it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides who is told of an item now."""

    state: ItemState
    urgency: Urgency
    opened_at: datetime
    due_at: datetime
    unowned_since: datetime
    rung: int
    due_rung: int
    told_at: datetime | None
    #: Since when somebody has been on duty at its desk, or it has been open; None: it is closed.
    staffed_since: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who is told now, which rungs are reached with it, and when to look again."""

    audiences: tuple[Audience, ...]
    rung: int
    due_rung: int
    look_at: datetime


def judge(facts: Facts, *, now: datetime) -> Judgement:
    """Say who is told of an item now.

    Whatever the clock did: an item that nobody has is told at once if nobody was told of it yet, or
    not within the longest silence of its urgency, or at a moment that has not come yet.
    """
    audiences: list[Audience] = []
    rung, due_rung = facts.rung, facts.due_rung
    times: list[datetime] = [now + LONGEST_LOOK]
    if facts.state is ItemState.OPEN:
        rung, due = _climb(facts, now)
        audiences += due
        times += _next_rung(facts, rung, now)
    elif facts.told_at is None:  # it was handed to them, or made theirs
        audiences.append(Audience.OWNER)
    due_rung, due = _climb_to_deadline(facts, now)
    audiences += due
    times += _next_due_rung(facts, due_rung, now)
    silence = _silence_allowed(facts, due_rung)
    if not audiences and silence is not None and _is_silent(facts.told_at, silence, now):
        audiences = list(_repeat(facts, rung, due_rung))
    told_at = now if audiences else facts.told_at
    if silence is not None and told_at is not None:
        times.append(told_at + silence)
    return Judgement(
        tuple(dict.fromkeys(audiences)), rung, due_rung, min(time for time in times if time > now)
    )


def _moment_of(rung: Rung, facts: Facts, now: datetime) -> datetime:
    """Return when a rung is reached; what began later than now by the clock begins now."""
    unowned = min(facts.unowned_since, now)
    if facts.staffed_since is None:
        return unowned + rung.after_when_closed
    return max(unowned, min(facts.staffed_since, now)) + rung.after


def _climb(facts: Facts, now: datetime) -> tuple[int, list[Audience]]:
    ladder = LADDER[facts.urgency]
    reached = [n for n, rung in enumerate(ladder, 1) if _moment_of(rung, facts, now) <= now]
    rung = max([facts.rung, *reached])
    return rung, [each.audience for each in ladder[facts.rung : rung]]


def _next_rung(facts: Facts, rung: int, now: datetime) -> Iterable[datetime]:
    return [_moment_of(each, facts, now) for each in LADDER[facts.urgency][rung:]]


def _moment_of_due(facts: Facts, part: float) -> datetime:
    """Return when a part of the time is over; a deadline that lies in the past counts in full."""
    span = min(max(facts.due_at - facts.opened_at, timedelta(minutes=30)), LONGEST_DUE)
    return min(facts.opened_at, facts.due_at) + span * part


def _climb_to_deadline(facts: Facts, now: datetime) -> tuple[int, list[Audience]]:
    reached = [
        number
        for number, rung in enumerate(DUE_LADDER, 1)
        if _moment_of_due(facts, rung.part) <= now
    ]
    due_rung = max([facts.due_rung, *reached])
    told = [who for rung in DUE_LADDER[facts.due_rung : due_rung] for who in rung.audiences]
    return due_rung, told


def _next_due_rung(facts: Facts, due_rung: int, now: datetime) -> Iterable[datetime]:
    moments = (_moment_of_due(facts, rung.part) for rung in DUE_LADDER[due_rung:])
    return [moment for moment in moments if moment > now]


def _silence_allowed(facts: Facts, due_rung: int) -> timedelta | None:
    """Return how long nobody may be told; None: for as long as the deadline bears."""
    if facts.state is ItemState.OPEN:
        return REPEATED[facts.urgency]
    if due_rung == len(DUE_LADDER):
        return OVERDUE_REPEATED[facts.urgency]
    return None


def _is_silent(told_at: datetime | None, silence: timedelta, now: datetime) -> bool:
    return told_at is None or told_at > now or now - told_at >= silence


def _repeat(facts: Facts, rung: int, due_rung: int) -> Iterable[Audience]:
    if facts.state is ItemState.OPEN:
        yield LADDER[facts.urgency][max(rung, 1) - 1].audience
    else:
        yield from DUE_LADDER[max(due_rung, 1) - 1].audiences
