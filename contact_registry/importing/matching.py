"""Finding the desk that a list means among those that the registry has.

Names, units and cities are compared in their comparable form
(:func:`~contact_registry.importing.folding.fold`): script, marks, case and punctuation do not
count. A match is one to one or it is none: what could be two desks is reported, never guessed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from contact_registry.importing.folding import fold
from contact_registry.models import Authority
from protocol.identifiers import AuthorityId

_Key = tuple[str, ...]
_Value = TypeVar("_Value", int, AuthorityId)


class MatchedBy(StrEnum):
    """What a listed desk and one of the registry's have in common."""

    ID = "id"
    NAME = "name"
    ALIAS = "alias"
    NAME_BUT_POST = "name_but_post"
    NAME_BUT_CITY = "name_but_city"


@dataclass(frozen=True, slots=True)
class ListedDesk:
    """A desk as a list names it.

    ``rows`` are those that name it, ``stated`` the columns that say anything in one of them, and
    ``listed_id`` its identifier if the list has one.
    """

    authority: Authority
    rows: tuple[int, ...]
    stated: frozenset[str]
    listed_id: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """By position in the list: the match, or the identifiers between which none was chosen."""

    found: Mapping[int, tuple[Authority, MatchedBy]]
    ambiguous: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Pass:
    """One attempt, from the strictest to the loosest."""

    by: MatchedBy
    key: Callable[[Authority, str], _Key]
    with_aliases: bool


def _whole(authority: Authority, name: str) -> _Key:
    return tuple(map(fold, (name, authority.unit, authority.city, authority.post)))


def _without_post(authority: Authority, name: str) -> _Key:
    return tuple(map(fold, (name, authority.unit, authority.city)))


def _without_city(authority: Authority, name: str) -> _Key:
    return tuple(map(fold, (name, authority.unit)))


_PASSES: Final = (
    _Pass(MatchedBy.NAME, _whole, with_aliases=False),
    _Pass(MatchedBy.ALIAS, _whole, with_aliases=True),
    _Pass(MatchedBy.NAME_BUT_POST, _without_post, with_aliases=True),
    _Pass(MatchedBy.NAME_BUT_CITY, _without_city, with_aliases=True),
)


def match_desks(listed: Sequence[ListedDesk], existing: Sequence[Authority]) -> Matches:
    """Match the desks of one Participant: each of the list with at most one of the registry."""
    found: dict[int, tuple[Authority, MatchedBy]] = {}
    ambiguous: dict[int, tuple[str, ...]] = {}
    free = {authority.id: authority for authority in existing}
    for index, desk in enumerate(listed):
        named = next((a for a in free.values() if a.id == desk.listed_id), None)
        if named is not None:
            found[index] = (free.pop(named.id), MatchedBy.ID)
    for attempt in _PASSES:
        left = [index for index in range(len(listed)) if index not in found]
        wanted = _group(
            (attempt.key(listed[i].authority, listed[i].authority.name), i) for i in left
        )
        offered = _group(
            (attempt.key(a, name), a.id)
            for a in free.values()
            for name in (get_names(a) if attempt.with_aliases else (a.name,))
        )
        for key, indexes in wanted.items():
            candidates = [free[name] for name in offered.get(key, []) if name in free]
            if attempt.by is MatchedBy.NAME_BUT_CITY:
                candidates = [a for a in candidates if _lacks_city(a, listed[indexes[0]])]
            if len(candidates) == 1 and len(indexes) == 1:
                found[indexes[0]] = (free.pop(candidates[0].id), attempt.by)
            elif candidates:
                ambiguous |= dict.fromkeys(indexes, tuple(sorted(a.id for a in candidates)))
    return Matches(found, {i: ids for i, ids in ambiguous.items() if i not in found})


def get_names(authority: Authority) -> tuple[str, ...]:
    """Return the name of an authority and its other names."""
    return (authority.name, *(local.name for local in authority.alternate_names))


def _lacks_city(authority: Authority, desk: ListedDesk) -> bool:
    """Whether only one of the two names a city: two cities are two desks."""
    return not (authority.city and desk.authority.city)


def _group(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, list[_Value]]:
    groups: dict[_Key, list[_Value]] = {}
    for key, value in pairs:
        if value not in groups.setdefault(key, []):
            groups[key].append(value)
    return groups
