"""What an authority is listed for, narrowed step by step: phase, then group, then channel.

The three have to meet in one entry of the registry. A desk that receives adults for return and
children for identification is not thereby competent for the return of a child.
"""

from typing import Final

from protocol.identifiers import Channel, Phase
from protocol.policy.facts import AuthorityListing, Competence, Facts

FOLLOWS_THE_DATA: Final = frozenset(
    {"general.consent_withdrawn", "general.erasure", "general.correction"}
)
"""Types that go to whoever has the data, competent or not: else a withdrawal could not arrive."""

#: Where a desk of another channel may be written to as the last resort. The other two channels
#: are never left and never entered this way.
_NEIGHBOURS: Final = {
    Channel.ASSISTANCE: frozenset({Channel.POLICE}),
    Channel.POLICE: frozenset({Channel.ASSISTANCE}),
    Channel.WITNESS_PROTECTION: frozenset[Channel](),
    Channel.TREND: frozenset[Channel](),
}


def is_bound_elsewhere(facts: Facts) -> bool:
    """Whether the desk is settled already: it asked, or it has the data that this is about."""
    return facts.is_reply or facts.message.type in FOLLOWS_THE_DATA


def find_for_phase(listing: AuthorityListing, facts: Facts) -> frozenset[Competence]:
    """Return what it is listed for in the phase; as last resort the desk for identification."""
    phase = facts.message.phase
    for_phase = frozenset(c for c in listing.competences if c.phase is phase)
    if for_phase or not listing.is_last_resort:
        return for_phase
    return frozenset(c for c in listing.competences if c.phase is Phase.IDENTIFICATION)


def find_for_group(listing: AuthorityListing, facts: Facts) -> frozenset[Competence]:
    """Return what is left for a person of this group. A trend alert is about nobody."""
    for_phase = find_for_phase(listing, facts)
    if facts.message.channel is Channel.TREND:
        return for_phase
    group = facts.person_group
    return frozenset(c for c in for_phase if group in c.groups)


def is_in_channel(listing: AuthorityListing, facts: Facts) -> bool:
    """Whether something is left in the message's channel."""
    return any(c.channel is facts.message.channel for c in find_for_group(listing, facts))


def is_stand_in(listing: AuthorityListing, facts: Facts) -> bool:
    """Whether it is the last resort for the channel, and works in one that may stand in."""
    return (
        listing.is_last_resort
        and not is_in_channel(listing, facts)
        and any(
            c.channel in _NEIGHBOURS[facts.message.channel] for c in find_for_group(listing, facts)
        )
    )
