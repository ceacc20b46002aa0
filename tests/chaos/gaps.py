"""Which numbers links lost, reckoned from outside, and whether their recipients saw it.

The truth is in the senders' databases: which numbers were given out. A database that a restore has
thrown away is among them, because the run keeps it: what the system has forgotten, the reckoning
knows.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.arena import Arena

Link = tuple[str, str, int]
"""Sender, recipient, generation."""


@dataclass(slots=True)
class GapCount:
    """What was missing, for a while or for good."""

    happened: int = 0
    seen: int = 0
    #: Numbers that will never come, of which the recipient's people are told.
    gone: int = 0
    unseen: list[str] = field(default_factory=list)

    def note(self, *, is_seen: bool, line: str) -> None:
        """Count one."""
        self.happened += 1
        if is_seen:
            self.seen += 1
        else:
            self.unseen.append(line)


def count_gaps(arena: Arena) -> GapCount:
    """Reckon the gaps of every link, of the nodes as they are and as they were."""
    count = GapCount()
    given = _list_given(arena)
    for code, estate in arena.estates.items():
        told = set[tuple[str, str]]()
        for file in (*estate.discarded, estate.folder / "node.db"):
            _count_skips(count, code, file, told=told)
        _count_missing(count, code, estate.folder / "node.db", given=given)
    return count


def _list_given(arena: Arena) -> Mapping[Link, set[int]]:
    """Return every number that was ever given to a message."""
    given: dict[Link, set[int]] = defaultdict(set)
    for code, estate in arena.estates.items():
        for file in (*estate.discarded, estate.folder / "node.db"):
            for peer, generation, seq in _ask(
                file,
                "SELECT peer, link_generation, link_seq FROM message "
                "WHERE direction = 'out' AND link_seq IS NOT NULL",
            ):
                given[code, peer, generation].add(seq)
    return given


def _count_skips(count: GapCount, code: str, file: Path, *, told: set[tuple[str, str]]) -> None:
    """Go through what arrived, in the order in which it did: who skipped a number was shown so."""
    highest: dict[tuple[str, int], int] = defaultdict(int)
    newest: dict[str, int] = defaultdict(int)
    shown = {
        message_id
        for (message_id,) in _ask(file, "SELECT message_id FROM event WHERE kind = 'link_gap'")
    }
    for message_id, peer, generation, seq in _ask(
        file,
        "SELECT m.message_id, m.peer, m.link_generation, m.link_seq "
        "FROM message m JOIN (SELECT message_id, min(event_id) AS first FROM event GROUP BY 1) e "
        "ON e.message_id = m.message_id "
        "WHERE m.direction = 'in' AND m.link_seq IS NOT NULL ORDER BY e.first",
    ):
        is_skip = seq > highest[peer, generation] + 1
        is_current = generation >= newest[peer]
        highest[peer, generation] = max(seq, highest[peer, generation])
        newest[peer] = max(generation, newest[peer])
        if is_skip and is_current and (code, message_id) not in told:
            told.add((code, message_id))
            line = f"{peer} to {code}: before {generation}.{seq} ({message_id})"
            count.note(is_seen=message_id in shown, line=line)


def _count_missing(
    count: GapCount, code: str, file: Path, *, given: Mapping[Link, set[int]]
) -> None:
    """Find what never came: below the last number that is held, it must be known as missing."""
    held: dict[tuple[str, int], set[int]] = defaultdict(set)
    for peer, generation, seq in _ask(
        file,
        "SELECT peer, link_generation, link_seq FROM message "
        "WHERE direction = 'in' AND link_seq IS NOT NULL",
    ):
        held[peer, generation].add(seq)
    known = [
        *_ask(file, "SELECT peer, generation, first, last FROM link_gap"),
        *_ask(file, "SELECT peer, generation, first, last FROM link_gone"),
    ]
    for (peer, recipient, generation), numbers in given.items():
        if recipient != code:
            continue
        mine = held[peer, generation]
        for seq in sorted(numbers - mine):
            if seq > max(mine, default=0):
                continue  # nothing came after it: nobody can know of it
            is_seen = any(
                row[:2] == (peer, generation) and row[2] <= seq <= row[3] for row in known
            )
            count.gone += is_seen
            count.note(is_seen=is_seen, line=f"{peer} to {code}: {generation}.{seq} never came")


def _ask(file: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(statement).fetchall()
