"""What a change does to the answers that people get: who is competent, and who is reachable.

Both are asked of :mod:`contact_registry.coverage`, before and after, so that what a page foretells
and the desk that a message goes to can never disagree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from contact_registry.coverage import CoverageCode, CoverageFinding, Hours, list_coverage
from contact_registry.directory import Directory
from contact_registry.models import Authority, ContactsDocument, ParticipantEntry, PersonGroup
from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase


@dataclass(frozen=True, slots=True)
class RoutingEffect:
    """One question that is answered by another desk, or for the first time, or no longer."""

    phase: Phase
    person_group: PersonGroup
    hours: Hours
    before: Authority | None
    after: Authority | None


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change does: other desks, and findings that it opens, closes, or leaves."""

    routing: tuple[RoutingEffect, ...]
    opened: tuple[CoverageFinding, ...]
    closed: tuple[CoverageFinding, ...]
    left: tuple[CoverageFinding, ...]


def narrow(
    directory: Directory, entry: ParticipantEntry, document: ContactsDocument | None
) -> Directory:
    """Return a view of one Participant's contacts, as if they stood in ``directory``.

    The other Participants keep their entries, which give names and footnotes, and nothing else.
    """
    contacts: dict[ParticipantCode, ContactsDocument] = {}
    if document is not None:
        contacts[entry.code] = document
    return Directory(
        version=directory.version,
        sha256=directory.sha256,
        expires_at=directory.expires_at,
        verified_at=directory.verified_at,
        participants=directory.participants,
        contacts=MappingProxyType(contacts),
        keys=MappingProxyType({}),
    )


def foretell(old: Directory, new: Directory, entry: ParticipantEntry, *, at: datetime) -> Effects:
    """Return what becomes of the answers about ``entry`` at this moment."""
    routing: list[RoutingEffect] = []
    before: dict[_Key, CoverageFinding] = {}
    after: dict[_Key, CoverageFinding] = {}
    for channel in _channels(old, new, entry.code):
        was = list_coverage(_only(old, entry), at, channel=channel)
        now = list_coverage(_only(new, entry), at, channel=channel)
        before |= {(channel, *_key(finding)): finding for finding in was.findings}
        after |= {(channel, *_key(finding)): finding for finding in now.findings}
        if channel is Channel.ASSISTANCE:
            routing += [
                RoutingEffect(one.phase, one.person_group, one.hours, one.authority, two.authority)
                for one, two in zip(was.cells, now.cells, strict=True)
                if _id(one.authority) != _id(two.authority)
            ]
    return Effects(
        routing=tuple(routing),
        opened=_pick(after, after.keys() - before.keys()),
        closed=_pick(before, before.keys() - after.keys()),
        left=_pick(after, after.keys() & before.keys()),
    )


_Key = tuple[object, ...]


def _channels(old: Directory, new: Directory, code: ParticipantCode) -> list[Channel]:
    """Return the channels to ask about: assistance always, others where somebody is listed."""
    listed = {
        competence.channel
        for directory in (old, new)
        if (document := directory.contacts.get(code)) is not None
        for authority in document.authorities
        for competence in authority.competences
    }
    return [channel for channel in Channel if channel is Channel.ASSISTANCE or channel in listed]


def _only(directory: Directory, entry: ParticipantEntry) -> Directory:
    return Directory(
        version=directory.version,
        sha256=directory.sha256,
        expires_at=directory.expires_at,
        verified_at=directory.verified_at,
        participants=(entry,),
        contacts=directory.contacts,
        keys=directory.keys,
    )


#: Of these the desk is what is wrong; of the others it is only who answers meanwhile.
_OF_A_DESK: Final = frozenset({CoverageCode.ROUTE_ENDED, CoverageCode.ROUTE_UNREACHABLE})


def _key(finding: CoverageFinding) -> _Key:
    desk = _id(finding.authority) if finding.code in _OF_A_DESK else None
    return (finding.code, finding.phase, finding.person_group, desk)


def _id(authority: Authority | None) -> AuthorityId | None:
    return None if authority is None else authority.id


def _pick(
    findings: dict[_Key, CoverageFinding], keys: Iterable[_Key]
) -> tuple[CoverageFinding, ...]:
    wanted = set(keys)
    return tuple(finding for key, finding in findings.items() if key in wanted)
