"""The judgement of a run: the ledger on one side, what nodes show and can prove on the other.

What is shown is asked of the nodes' own interfaces. What is proved is judged by the library of
``trm-verify``, from bundles and the root alone. What was missing on links is reckoned here from the
numbers that senders gave, the databases included that restores have thrown away.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.chaos.arena import Arena
from tests.chaos.files import FILE_GONE
from tests.chaos.gaps import GapCount
from tests.chaos.ledger import Accepted, Ledger
from tests.chaos.proofs import Proofs
from tests.chaos.showing import DELIVERED, FAILED, TAKEN_BACK, Shown, list_unsettled


@dataclass(slots=True)
class Verdict:
    """What a run has come to."""

    seed: int
    messages: int
    faults: Mapping[str, int]
    #: Planned, and not possible on this machine or at that moment.
    not_done: Mapping[str, int]
    ended_by_themselves: Mapping[str, int]
    #: What the faults took away for good, as far as anybody could count it.
    destroyed: Mapping[str, int]
    gaps: GapCount
    delivered: int = 0
    #: Files among what was delivered, each the same at the recipient as it was at the sender.
    files: int = 0
    failed: int = 0
    #: Among what failed: taken back by its sender before it had left.
    taken_back: int = 0
    #: Taken back, its sender was told that it may have left, and it had.
    left_after_all: int = 0
    #: Its sender was told that nothing had left, or ever will; and it is shown.
    shown_though_taken_back: list[str] = field(default_factory=list)
    #: Neither shown to its recipient nor reported to its sender.
    lost: list[str] = field(default_factory=list)
    shown_twice: list[str] = field(default_factory=list)
    #: Shown, and its sender does not know; or failed, and its sender is not told why.
    unreported: list[str] = field(default_factory=list)
    evidence_complete: int = 0
    unproved: list[str] = field(default_factory=list)
    #: Bundles that the program ``trm-verify`` found good, besides its library on every bundle.
    checked_by_program: int = 0
    #: Accepted, then its sender was put back to an older backup before it had left.
    forgotten: list[str] = field(default_factory=list)
    #: The same, and the message had arrived already, but not its file: people there are told.
    without_files: list[str] = field(default_factory=list)
    #: Sent again by its program, which had no answer when the node was put back.
    sent_anew: list[str] = field(default_factory=list)
    unsettled: Mapping[str, int] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost
            or self.shown_twice
            or self.shown_though_taken_back
            or self.unreported
            or self.unproved
            or self.unsettled
            or self.gaps.unseen
        )

    def summarize(self) -> dict[str, int]:
        """Return the last line."""
        return {
            "seed": self.seed,
            "messages": self.messages,
            "faults": sum(self.faults.values()),
            "lost": len(self.lost),
            "shown_twice": len(self.shown_twice),
            "unreported": len(self.unreported),
            "evidence_complete": self.evidence_complete,
            "failed_and_reported": self.failed,
            "left_though_taken_back": self.left_after_all,
            "shown_though_taken_back": len(self.shown_though_taken_back),
            "unproved": len(self.unproved),
            "unsettled": sum(self.unsettled.values()),
            "forgotten_by_restore": len(self.forgotten),
            "without_files_after_restore": len(self.without_files),
            "sent_anew_after_restore": len(self.sent_anew),
            "gaps": self.gaps.happened,
            "gaps_seen": self.gaps.seen,
        }

    def tell(self) -> Iterator[str]:
        """Return the table, line by line."""
        yield from ("", f"seed {self.seed}", "")
        yield from _table("faults", self.faults)
        yield from _table("faults that could not be done", self.not_done)
        yield from _table("processes that ended by themselves", self.ended_by_themselves)
        yield from _table(
            "messages",
            {
                "accepted by a node's interface": self.messages,
                "shown once at the recipient, and known so at the sender": self.delivered,
                "files that came with them, byte for byte": self.files,
                "reported to the sender as failed, with the reason": self.failed,
                "of these: taken back by its sender in time": self.taken_back,
                "taken back late, its sender was told so, and shown": self.left_after_all,
                "taken back for certain, and yet shown": len(self.shown_though_taken_back),
                "lost": len(self.lost),
                "shown twice": len(self.shown_twice),
                "unreported": len(self.unreported),
                "complete evidence at both ends": self.evidence_complete,
                "evidence not complete": len(self.unproved),
                "cases that the program trm-verify was tried on": self.checked_by_program,
            },
        )
        yield from _table(
            "what a restore costs",
            {
                "forgotten with the lost disk, before it arrived": len(self.forgotten),
                "arrived without a file that was on it, told as gone": len(self.without_files),
                "sent anew: no answer when the disk was lost": len(self.sent_anew),
            },
        )
        yield from _table("what was destroyed", self.destroyed)
        yield from _table(
            "links",
            {
                "gaps that happened": self.gaps.happened,
                "gaps that the recipient saw": self.gaps.seen,
                "numbers missing for good, named to people": self.gaps.gone,
            },
        )
        for what, lines in (
            ("LOST", self.lost),
            ("SHOWN TWICE", self.shown_twice),
            ("SHOWN THOUGH TAKEN BACK", self.shown_though_taken_back),
            ("UNREPORTED", self.unreported),
            ("UNPROVED", self.unproved),
            ("GAP NOT SEEN", self.gaps.unseen),
            ("NOT SETTLED", [f"{count} {what}" for what, count in self.unsettled.items()]),
        ):
            yield from (f"{what}: {line}" for line in lines[:20])


def _table(title: str, rows: Mapping[str, int]) -> Iterator[str]:
    if rows:
        width = max(len(name) for name in rows)
        yield title
        yield from (f"  {name:{width}}  {count:>6}" for name, count in rows.items())
        yield ""


def judge(
    arena: Arena,
    ledger: Ledger,
    *,
    verdict: Verdict,
    shown: Shown,
    proofs: Mapping[str, Proofs],
) -> None:
    """Hold the ledger against what was shown and proved; fills the verdict."""
    for entry in ledger.accepted:
        _judge_entry(entry, ledger, verdict=verdict, shown=shown, proofs=proofs)
    _judge_the_rest(ledger, verdict=verdict, shown=shown, proofs=proofs)
    verdict.unsettled = list_unsettled(arena)


def _judge_entry(
    entry: Accepted,
    ledger: Ledger,
    *,
    verdict: Verdict,
    shown: Shown,
    proofs: Mapping[str, Proofs],
) -> None:
    line = f"{entry.mark} {entry.message_id} {entry.type} to {entry.recipient}"
    times = shown.received[entry.recipient][entry.message_id]
    state = shown.sent[entry.sender].get(entry.message_id)
    is_forgotten = state is None and ledger.may_be_forgotten(entry)
    if times > 1:
        verdict.shown_twice.append(line)
    elif times and _judge_taken_back(entry, ledger, verdict=verdict, state=state):
        pass
    elif times == 0 and state in FAILED:
        _judge_failed(entry, ledger, verdict=verdict, shown=shown, state=state)
    elif times == 0 and is_forgotten and not _had_arrived(entry, ledger, shown):
        verdict.forgotten.append(line)
    elif times == 0:
        verdict.lost.append(f"{line}: {state}")
    elif state not in DELIVERED and not is_forgotten:
        verdict.unreported.append(f"{line}: {state}")
    elif lacking := _list_lacking(entry, shown, is_forgotten=is_forgotten):
        verdict.lost.append(f"{line}: files {lacking}")
    elif FILE_GONE in shown.files.get(entry.message_id, ()):
        verdict.without_files.append(line)  # and not receipted: that is for the whole of it
    else:
        verdict.delivered += 1
        verdict.files += len(entry.files)
        ends = [entry.recipient] if is_forgotten else [entry.recipient, entry.sender]
        name = f"{entry.sender}-{entry.message_id}"
        lacking = [f"at {end}: {why}" for end in ends if (why := proofs[end].explain(name))]
        if lacking:
            verdict.unproved.append(f"{line}: {'; '.join(lacking)}")
        else:
            verdict.evidence_complete += 1


def _judge_taken_back(
    entry: Accepted, ledger: Ledger, *, verdict: Verdict, state: str | None
) -> bool:
    """Judge a message that is shown although it was taken back; False: it was not."""
    taken_back = ledger.find_taken_back(entry)
    if taken_back and taken_back.certain:
        verdict.shown_though_taken_back.append(f"{entry.mark} {entry.message_id}: {state}")
    elif taken_back and state == TAKEN_BACK:  # told that it may have left; the receipt was lost
        verdict.left_after_all += 1
    else:
        return False
    return True


def _judge_failed(
    entry: Accepted, ledger: Ledger, *, verdict: Verdict, shown: Shown, state: str
) -> None:
    """Look whether its sender is told why, and whether nobody took it back but its program."""
    line = f"{entry.mark} {entry.message_id} {entry.type} to {entry.recipient}: {state}"
    if state == TAKEN_BACK and entry.message_id not in ledger.taken_back:
        verdict.lost.append(line)
    elif entry.message_id not in shown.reasons:
        verdict.unreported.append(line)
    else:
        verdict.failed += 1
        verdict.taken_back += state == TAKEN_BACK


def _had_arrived(entry: Accepted, ledger: Ledger, shown: Shown) -> bool:
    """Say whether a recipient that lost no disk had given a receipt: then it has to show it."""
    has_lost_a_disk = any(each.code == entry.recipient for each in ledger.restored)
    return entry.message_id in shown.once_delivered and not has_lost_a_disk


def _list_lacking(entry: Accepted, shown: Shown, *, is_forgotten: bool) -> list[str]:
    """Return what is there instead of files that should be; a lost disk may take files with it.

    Then people at the recipient must be told that they are gone.
    """
    found = shown.files.get(entry.message_id, [])
    if len(found) != len(entry.files):
        return [f"{len(found)} of {len(entry.files)}"]
    excuses = {FILE_GONE} if is_forgotten else set[str]()
    return [
        there
        for there, sent in zip(found, entry.files, strict=True)
        if there != sent and there not in excuses
    ]


def _judge_the_rest(
    ledger: Ledger, *, verdict: Verdict, shown: Shown, proofs: Mapping[str, Proofs]
) -> None:
    """Look at what is shown and was never answered for: the same request may be there twice."""
    known = {(entry.sender, entry.message_id) for entry in ledger.accepted}
    marks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code, counter in shown.received.items():
        for message_id in counter:
            name, mark = proofs[code].find_mark(message_id)
            marks[code, mark].append(name)
    accepted = {entry.mark for entry in ledger.accepted}
    for (code, mark), names in marks.items():
        extra = [name for name in names if tuple(name.split("-", 1)) not in known]
        if not extra:
            continue
        line = f"{mark} at {code}: {', '.join(names)}"
        if ledger.may_be_sent_anew(mark):
            verdict.sent_anew.append(line)
        elif mark not in accepted and len(names) == 1:
            continue  # the run ended before its program had an answer
        else:
            verdict.shown_twice.append(line)
