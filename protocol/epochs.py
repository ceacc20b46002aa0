"""Encryption keys of one epoch each: made, published, withdrawn, erased (SPEC section 12).

A recipient key is good for one week and its private half is gone some weeks later, so a key that is
stolen opens the recent past and nothing older. This module decides, from what is held and what time
it is, what a node has to do. It does nothing itself.

::

    made, published     valid_from            valid_to     withdrawn              erased
    |---- lead 21 d ----|------ span 7 d -----|-- 2 d -----|                      |
                                              |---- life of a message 21 d -- 2 d |

**The bound.** A sender seals for a key only before its ``valid_to``, by its own clock, and a
message expires at most one life after it was composed, by the same clock. So nothing sealed for a
key is good after ``valid_to`` + life, and a recipient refuses it by that date (what it asked for
again and takes in later, it can ask for once more). The private half is erased at ``valid_to`` +
life + tolerance: no later than needed, and the tolerance covers the one clock that is left in the
reckoning, the recipient's own.

**Erasing cannot be undone, so no clock is trusted with it alone.** A clock that jumped a year ahead
runs as evenly as a right one; to wait until it is steady would not help. What helps is somebody
else's clock: :func:`plan_keys` takes the latest moment of our clock that was *confirmed*, and
erases and withdraws by the earlier of the two. In a node this is the last time that the registry
was fetched and found fresh: its timestamp is good for one day, so a clock that is more than a day
ahead finds it expired and confirms nothing. Making and publishing keys can be undone and needs no
proof.

**Keys do not overlap.** Of two valid keys a sender takes the one that began last, so an overlap
would only keep old keys longer. What an overlap is for, senders with an old registry, the lead
does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.limits import LIMITS
from protocol.signing import KeyId

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EpochPolicy:
    """The times of epoch keys. A node may choose others within what is checked here."""

    #: How long a key is sealed for. Shorter exposes less and costs one signature in the registry
    #: each; with a week, a thief of all keys gets about a month of the past.
    span: timedelta = timedelta(days=7)
    #: How long before its time a key is published. A sender whose registry is that old, and a node
    #: that is off for that long, still have a key between them: as long as a message lives.
    lead: timedelta = timedelta(seconds=LIMITS.expiry_span)
    #: The longest that a message is good after it was composed.
    life: timedelta = timedelta(seconds=LIMITS.expiry_span)
    #: How far a clock may be off: ours when it was confirmed (the registry's timestamp is good for
    #: one day), a sender's when it looks for a key. Twice that day.
    tolerance: timedelta = timedelta(days=2)
    #: A key document holds no more (SPEC section 12): it is fetched by every other node.
    most_published: int = 32

    def __post_init__(self) -> None:
        """Refuse times that could leave a sender without a key, or a document too full."""
        if not (self.span >= _DAY and self.tolerance >= _DAY and self.lead >= self.tolerance):
            raise LocalProtocolError(
                "Epoch keys hold at least a day, clocks may be off by at least a day, and keys are "
                "published at least that long before their time: raise the setting."
            )
        needed = (self.tolerance + self.lead + self.tolerance) // self.span + 3
        if 2 * needed > self.most_published:
            raise LocalProtocolError(
                "So many keys would be published that a clock that was set could push out those "
                "that are needed: let keys hold longer, or publish them later."
            )


@dataclass(frozen=True, slots=True)
class Validity:
    """From when, and until just before when, senders seal for a key. UTC, whole seconds."""

    valid_from: datetime
    valid_to: datetime

    def covers(self, at: datetime) -> bool:
        """Say whether senders may seal for it at this moment."""
        return self.valid_from <= at < self.valid_to

    def distance(self, at: datetime) -> timedelta:
        """How far a moment lies outside; zero within."""
        return max(self.valid_from - at, at - self.valid_to, timedelta(0))


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key whose private half is here."""

    key_id: KeyId
    validity: Validity


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What to do now.

    A made key is stored durably before it is published: a crash must not lose what peers seal for.
    Erasing has no order, since nobody seals for such a key any more.
    """

    #: Keys to make; each is published together with ``publish``.
    make: tuple[Validity, ...]
    #: Which of the held keys the key document lists.
    publish: tuple[KeyId, ...]
    #: Whose private halves are erased, for good.
    erase: tuple[KeyId, ...]


def plan_keys(
    *,
    now: datetime,
    confirmed: datetime | None,
    held: Sequence[HeldKey],
    policy: EpochPolicy,
) -> KeyPlan:
    """Decide what to do with the keys that are held.

    ``confirmed``: the latest moment of this node's own clock of which somebody else's clock says
    that it was not ahead by more than ``policy.tolerance``; ``None`` if there is none. Then nothing
    is withdrawn or erased.
    """
    surely = None if confirmed is None else min(now, confirmed)

    def is_past(key: HeldKey, after: timedelta) -> bool:
        return surely is not None and key.validity.valid_to + after <= surely

    make = _fill(now.replace(microsecond=0), [key.validity for key in held], policy)
    listed = [key for key in held if not is_past(key, policy.tolerance)]
    moments = (now,) if confirmed is None else (now, confirmed)
    nearest = sorted(
        listed,
        key=lambda key: (min(key.validity.distance(at) for at in moments), key.key_id),
    )
    published = {key.key_id for key in nearest[: policy.most_published - len(make)]}
    return KeyPlan(
        make=tuple(make),
        publish=tuple(key.key_id for key in held if key.key_id in published),
        erase=tuple(key.key_id for key in held if is_past(key, policy.life + policy.tolerance)),
    )


def plan_first_keys(now: datetime, policy: EpochPolicy) -> tuple[Validity, ...]:
    """Return the keys of a new node: enough to be sealed for until the lead is over."""
    return plan_keys(now=now, confirmed=None, held=(), policy=policy).make


def _used_until(validity: Validity, policy: EpochPolicy) -> datetime:
    """Until when a key counts as the newest: one that was made for longer is relieved earlier."""
    return min(validity.valid_to, validity.valid_from + policy.span)


def _fill(now: datetime, held: Sequence[Validity], policy: EpochPolicy) -> list[Validity]:
    """Return what is missing for a key at every moment that a sender can believe it is."""
    made: list[Validity] = []
    at = now - policy.tolerance
    while at <= now + policy.lead:
        until = max(
            (_used_until(each, policy) for each in held if each.valid_from <= at), default=at
        )
        if until <= at:
            until = at + policy.span
            made.append(Validity(valid_from=at, valid_to=until))
        at = until
    return made
