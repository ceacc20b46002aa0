"""Where a term's documents stand in the index: labels that only the holder of the keys can name.

The documents of a term are numbered from 0 in the order in which they came. That document ``d`` is
the ``n``-th of term ``t`` is one row: its label is a keyed hash of ``t`` and ``n``, its value is
``d``. Without the key no two labels have anything to do with each other, so the table does not show
which documents have a word in common, nor how frequent any word is. With the key, a term's labels
are computed one by one; how many there are is found by trying (the Pi-bas scheme of Cash et al.,
"Dynamic Searchable Encryption in Very-Large Databases", NDSS 2014, without its counters: those
would show which terms a document has to somebody who compares two copies of the database).

A label has 63 bits. Two terms could meet in one, if rarely: whoever reads a document by a label
compares the document's own list of terms.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select
from sqlmodel import Session

from node.store.bulk import in_parts, table_of
from node.store.prepared import Prepared
from node.store.search_tables import SearchWordRow

_MASK: Final = (1 << 63) - 1
#: Where one looks first for a term's end: each place four times as far as the one before.
_LADDER: Final = tuple(4**step - 1 for step in range(16))
#: Places that are tried at a time for one of many terms, and for one of few.
_FEW_AT_ONCE, _MANY_AT_ONCE = 3, 15
_MANY_TERMS: Final = 32
_SHORT_BYTES: Final = 4
_WORD: Final = table_of(SearchWordRow).c
_ASKED: Final = select(_WORD.label, _WORD.document)
#: Asked some times for each message. Made once: that costs more than asking it.
_USED: Final = Prepared(_ASKED.where(_WORD.label.in_(bindparam("labels", expanding=True))))
#: The same for PostgreSQL, whose driver reads a text with more than 50 parameters anew each time.
_USED_OF_ARRAY: Final = Prepared(
    _ASKED.where(_WORD.label == any_(bindparam("labels", type_=ARRAY(BigInteger))))
)


@dataclass(frozen=True, slots=True)
class TermKey:
    """The key of one term in one channel: what its labels are made with."""

    key: bytes

    def label(self, place: int) -> int:
        """Return the label of the term's document number ``place``."""
        hashed = blake2b(place.to_bytes(8, "big"), key=self.key, digest_size=8)
        return int.from_bytes(hashed.digest(), "big") & _MASK

    @property
    def short(self) -> bytes:
        """Four bytes that stand for it in a document's own list of terms."""
        return blake2b(b"short", key=self.key, digest_size=_SHORT_BYTES).digest()


def write_list(keys: Iterable[TermKey]) -> bytes:
    """Return a document's own list of terms."""
    return b"".join(sorted({key.short for key in keys}))


def read_list(listed: bytes) -> frozenset[bytes]:
    """Return the short forms of :func:`write_list`."""
    return frozenset(
        listed[begin : begin + _SHORT_BYTES] for begin in range(0, len(listed), _SHORT_BYTES)
    )


def count_documents(session: Session, keys: Sequence[TermKey]) -> dict[TermKey, int]:
    """Return how many documents each term was given, erased ones counted.

    Some questions for all terms together; their number grows with the logarithm of the longest.
    """
    at_once = _MANY_AT_ONCE if len(keys) <= _MANY_TERMS else _FEW_AT_ONCE
    bounds: dict[TermKey, tuple[int, int | None]] = dict.fromkeys(keys, (0, None))
    open_ones = list(bounds)
    while open_ones:
        asked = {key: _choose_places(*bounds[key], at_once=at_once) for key in open_ones}
        labels = {key: [key.label(place) for place in places] for key, places in asked.items()}
        used = find_used(session, [label for each in labels.values() for label in each])
        for key in open_ones:
            for place, label in zip(asked[key], labels[key], strict=True):
                lowest, end = bounds[key]
                if label in used:
                    bounds[key] = (place + 1, end)
                else:
                    bounds[key] = (lowest, place)
                    break
        open_ones = [key for key in open_ones if bounds[key][0] != bounds[key][1]]
    return {key: lowest for key, (lowest, _) in bounds.items()}


def _choose_places(lowest: int, end: int | None, *, at_once: int) -> list[int]:
    """Return places to try, rising: those below ``lowest`` are used, ``end`` is not."""
    if end is None:
        return [place for place in _LADDER if place >= lowest][:at_once]
    span = end - lowest
    if span <= at_once:
        return list(range(lowest, end))
    return [lowest + span * step // (at_once + 1) for step in range(1, at_once + 1)]


def find_used(session: Session, labels: Sequence[int]) -> Mapping[int, int | None]:
    """Return those of these labels that are in the index, with their documents."""
    found: dict[int, int | None] = {}
    is_array = session.get_bind().dialect.name == "postgresql"
    for part in in_parts(labels):
        # A tuple is one value, a list is spread out.
        rows = (
            _USED_OF_ARRAY.ask(session, {"labels": tuple(part)})
            if is_array
            else _USED.ask(session, {"labels": part})
        )
        found.update((label, document) for label, document in rows)
    return found
