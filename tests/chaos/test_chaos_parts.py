"""The parts of the proof by force can fail: a judge that never says no proves nothing."""

import asyncio
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hub.broker.connection import BrokerUnavailableError
from node.domain.returns import ReturnJourney
from node.service.building import Draft
from node.service.cases.opening import handle_open_case
from node.service.policy.checking import check_draft
from node.service.returns import handle_record_return
from protocol.policy.decision import Outcome
from tests.chaos.arena import FAKETIME_PLACES, Arena
from tests.chaos.faults import FAULTS, Fault, Size, Stage, plan_faults
from tests.chaos.gaps import GapCount, count_gaps
from tests.chaos.ledger import Ledger
from tests.chaos.proofs import Proofs
from tests.chaos.proxy import FAIR, Direction, ProxyRoom, Weather
from tests.chaos.run import Run
from tests.chaos.showing import Shown
from tests.chaos.traffic import Program, Quota, list_drafts
from tests.chaos.verdict import Verdict, judge
from tests.support.case_world import PREPARED, agree
from tests.support.checkout import ROOT
from tests.support.node import make_network
from tests.support.people import STAFF

SIZE = Size(messages=400, faults=40, codes=("AL", "XK"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return an empty ledger."""
    made = Ledger(tmp_path / "ledger.jsonl")
    yield made
    made.close()


def accept(ledger: Ledger, message_id: str, *, mark: str = "m1", files: Sequence[str] = ()) -> None:
    """Let AL's node say yes to a message to XK."""
    ledger.note_asked("AL", mark)
    answer = {"message_id": message_id, "case": "c1"}
    ledger.note_accepted(mark, recipient="XK", kind="general.message", answer=answer, files=files)


def show(*received: str, **sent: str) -> Shown:
    """Return what nodes show: what XK lists as received, and what AL says of its own."""
    return Shown({"AL": Counter(), "XK": Counter(received)}, {"AL": sent, "XK": {}}, {})


def prove(*names: str, marks: dict[str, str] | None = None) -> dict[str, Proofs]:
    """Return complete evidence of messages of AL, at both ends."""
    found = Proofs(
        by_name={f"AL-{name}": None for name in names},
        marks={f"AL-{name}": (marks or {}).get(name, "m1") for name in names},
        names={name: f"AL-{name}" for name in names},
    )
    return {"AL": found, "XK": found}


def hold(ledger: Ledger, shown: Shown, proofs: dict[str, Proofs]) -> Verdict:
    """Return the verdict about a network in which nothing is under way."""
    verdict = Verdict(
        seed=1,
        messages=ledger.count,
        faults={},
        not_done={},
        ended_by_themselves={},
        destroyed={},
        gaps=GapCount(),
    )
    arena = cast("Arena", SimpleNamespace(estates={}))
    judge(arena, ledger, verdict=verdict, shown=shown, proofs=proofs)
    return verdict


def test_what_was_delivered_and_proved_holds(ledger: Ledger) -> None:
    """A message that is shown once, known as delivered and proved at both ends is good."""
    accept(ledger, "a")
    verdict = hold(ledger, show("a", a="delivered"), prove("a"))
    assert verdict.held
    assert verdict.summarize()["evidence_complete"] == 1


@pytest.mark.parametrize(
    ("shown", "proofs", "what"),
    [
        (show(a="on_its_way"), prove("a"), "lost"),
        (show(), prove("a"), "lost"),
        (show("a", "a", a="delivered"), prove("a"), "shown_twice"),
        (show("a", "b", a="delivered"), prove("a", "b"), "shown_twice"),
        (show("a", a="on_its_way"), prove("a"), "unreported"),
        (show("a"), prove("a"), "unreported"),
        (show(a="expired"), prove("a"), "unreported"),
        (show("a", a="delivered"), prove("a") | {"AL": Proofs()}, "unproved"),
    ],
)
def test_what_is_not_good_is_named(
    ledger: Ledger, shown: Shown, proofs: dict[str, Proofs], what: str
) -> None:
    """Each way in which a promise can be broken is found, and the run fails by it."""
    accept(ledger, "a")
    verdict = hold(ledger, shown, proofs)
    assert not verdict.held
    assert len(getattr(verdict, what)) == 1
    assert any(line.startswith(what.upper().replace("_", " ")) for line in verdict.tell())


def test_a_failure_with_its_reason_is_no_loss(ledger: Ledger) -> None:
    """What failed and was reported with a reason counts apart."""
    accept(ledger, "a")
    shown = Shown({"AL": Counter(), "XK": Counter()}, {"AL": {"a": "expired"}}, {"a": "expired"})
    verdict = hold(ledger, shown, prove())
    assert verdict.held
    assert verdict.failed == 1


@pytest.mark.parametrize(
    ("certain", "is_restored", "shown", "held"),
    [
        (True, False, show(a="cancelled"), True),
        (False, False, show("a", a="cancelled"), True),
        (False, False, show("a", a="delivered"), True),
        (True, False, show("a", a="delivered"), False),
        (True, False, show("a", a="cancelled"), False),
        (True, False, show(), False),
        (True, True, show("a", a="delivered"), True),
        (None, False, show(a="cancelled"), False),
    ],
)
def test_what_was_taken_back_stays_away(
    ledger: Ledger, shown: Shown, *, certain: bool | None, is_restored: bool, held: bool
) -> None:
    """What a node took back for certain is not shown; and none is taken back by itself."""
    accept(ledger, "a")
    if certain is not None:
        ledger.note_taken_back("a", certain=certain)
    if is_restored:  # to a backup in which it was not taken back yet
        ledger.note_restored("AL", accepted_before=1)
    shown = replace(shown, reasons={"a": "cancelled"})
    assert hold(ledger, shown, prove("a")).held is held


@pytest.mark.parametrize(
    ("there", "is_restored", "held"),
    [
        (["f1"], False, True),
        (["f2"], False, False),
        ([], False, False),
        (["gone"], False, False),
        (["gone"], True, True),
        (["arriving"], True, False),
    ],
)
def test_a_file_is_the_same_or_told_as_gone(
    ledger: Ledger, there: list[str], *, is_restored: bool, held: bool
) -> None:
    """Another file, or none, is a loss; a lost disk may take one if people are told."""
    accept(ledger, "a", files=["f1"])
    shown = show("a", **({} if is_restored else {"a": "delivered"}))
    if is_restored:
        ledger.note_restored("AL", accepted_before=0)
    shown = replace(shown, files={"a": there})
    assert hold(ledger, shown, prove("a")).held is held


def test_only_a_restore_excuses_what_was_forgotten(ledger: Ledger) -> None:
    """What a lost disk took is named apart, from its backup on and until the loss, no further."""
    accept(ledger, "a", mark="m0")
    ledger.note_asked("AL", "m9")
    accept(ledger, "b", mark="m1")
    ledger.note_restored("AL", accepted_before=1)
    accept(ledger, "c", mark="m2")
    verdict = hold(ledger, show(), prove())
    assert [line.split()[0] for line in verdict.forgotten] == ["m1"]
    assert [line.split()[0] for line in verdict.lost] == ["m0", "m2"]
    receipted = replace(show(), once_delivered=frozenset("b"))
    assert len(hold(ledger, receipted, prove()).lost) == 3
    accept(ledger, "d", mark="m9")
    marks = {"d": "m9", "e": "m9"}
    sent = dict.fromkeys("acd", "delivered")
    verdict = hold(ledger, show("a", "c", "d", "e", **sent), prove(*"acde", marks=marks))
    assert len(verdict.sent_anew) == 1
    assert not verdict.shown_twice


def test_the_ledger_is_on_disk_as_it_goes(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever looks into a run that was broken off finds what had been promised."""
    accept(ledger, "a")
    ledger.note_refused("m2", why="422")
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["accepted", "refused"]
    assert lines[0]["message_id"] == "a"


# ------------------------------------------------------------------ schedules


def test_a_seed_is_a_schedule() -> None:
    """The same seed and size give the same faults; another seed gives others."""
    first, again, other = (plan_faults(Random(seed), size=SIZE) for seed in (1, 1, 2))
    assert first == again != other
    assert [each.at for each in first] == sorted(each.at for each in first)


def test_a_small_schedule_has_every_kind() -> None:
    """As many faults as kinds are enough to have each of them once."""
    size = Size(messages=100, faults=len(FAULTS), codes=("AL", "XK"))
    planned = plan_faults(Random(3), size=size)
    assert {each.kind for each in planned} == set(FAULTS)


class _Hands:
    """An operator who reaches no broker, and then does."""

    def __init__(self) -> None:
        self.tries = 0

    def wipe(self, _code: str, _classes: object) -> dict[str, int]:
        """Fail once."""
        self.tries += 1
        if self.tries == 1:
            raise BrokerUnavailableError("The broker did not answer the operator.")
        return {"m": 3}


def test_a_fault_that_could_not_be_done_does_not_count(ledger: Ledger) -> None:
    """It is told apart, and nothing of it is waited for or ended."""
    arena = SimpleNamespace(hands=_Hands(), process_id=lambda _part: 1)
    stage = Stage(cast("Arena", arena), cast("ProxyRoom", None), ledger)
    size = Size(messages=2, faults=2, codes=("AL", "XK"))
    wipes = [Fault("wipe", "AL", at, 0.0, {"which": "all"}) for at in (0, 1)]
    said: list[str] = []
    run = Run(stage, size, wipes, said.append)
    run.go_on_until(lambda: True, Quota(size.messages))
    assert (run.done, run.not_done) == (Counter(wipe=1), Counter(wipe=1))
    assert ledger.mailboxes_wiped == 1
    assert any("could not be done" in line for line in said)


def test_the_library_that_sets_clocks_is_looked_for_in_the_same_places() -> None:
    """Where the run finds it, the script that installs packages finds it, too."""
    script = (ROOT / "scripts" / "system-packages").read_text(encoding="utf-8")
    assert [place for place in FAKETIME_PLACES if place not in script] == []
    assert script.count("libfaketimeMT") == len(FAKETIME_PLACES)


# ------------------------------------------------------------------ gaps


def write_node(file: Path, *, received: list[int], shown: list[int], gone: list[int]) -> None:
    """Write a node's database, as far as links go: what came, in this order, from AL."""
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            "CREATE TABLE message (message_id, direction, peer, link_generation, link_seq);"
            "CREATE TABLE event (event_id INTEGER PRIMARY KEY, kind, message_id);"
            "CREATE TABLE link_gap (peer, generation, first, last);"
            "CREATE TABLE link_gone (peer, generation, first, last);"
        )
        for seq in received:
            database.execute("INSERT INTO message VALUES (?, 'in', 'AL', 1, ?)", (str(seq), seq))
            kind = "link_gap" if seq in shown else "message_received"
            database.execute("INSERT INTO event (kind, message_id) VALUES (?, ?)", (kind, str(seq)))
        for seq in gone:
            database.execute("INSERT INTO link_gone VALUES ('AL', 1, ?, ?)", (seq, seq))
        database.commit()


def make_estates(folder: Path, **node: list[int]) -> Any:
    """Return an arena in which AL gave out the numbers 1 to 5 on its link to XK."""
    write_node(folder / "xk" / "node.db", **node)
    write_node(folder / "al" / "node.db", received=[], shown=[], gone=[])
    with closing(sqlite3.connect(folder / "al" / "node.db")) as database:
        for seq in range(1, 6):
            database.execute("INSERT INTO message VALUES (?, 'out', 'XK', 1, ?)", (f"o{seq}", seq))
        database.commit()
    estates = {
        code: SimpleNamespace(folder=folder / code.lower(), discarded=[]) for code in ("AL", "XK")
    }
    return SimpleNamespace(estates=estates)


@pytest.mark.parametrize(
    ("node", "happened", "unseen"),
    [
        ({"received": [1, 2, 3, 4, 5], "shown": [], "gone": []}, 0, 0),
        ({"received": [1, 3, 2, 4, 5], "shown": [3], "gone": []}, 1, 0),
        ({"received": [1, 3, 2, 4, 5], "shown": [], "gone": []}, 1, 1),
        ({"received": [1, 2, 4, 5], "shown": [4], "gone": [3]}, 2, 0),
        ({"received": [1, 2, 4, 5], "shown": [4], "gone": []}, 2, 1),
        ({"received": [1, 2, 3], "shown": [], "gone": []}, 0, 0),
    ],
)
def test_gaps_are_reckoned_from_outside(
    tmp_path: Path, node: dict[str, list[int]], happened: int, unseen: int
) -> None:
    """A skipped number counts as seen only if people were shown it, or it is known as gone."""
    count = count_gaps(make_estates(tmp_path, **node))
    assert (count.happened, len(count.unseen)) == (happened, unseen)


# ------------------------------------------------------------------ the proxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1_000):
        writer.write(data)
    writer.close()


def test_the_proxy_makes_weather() -> None:
    """Bytes pass; go late when the link was silent; and not at all where it is cut."""

    async def try_all() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        with ProxyRoom() as room:
            real = server.sockets[0].getsockname()[1]
            port = await asyncio.to_thread(room.open, "link", port=real)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"

            silent = Weather(silent=frozenset({Direction.UP}))
            await asyncio.to_thread(room.change, "link", silent)
            writer.write(b"two")
            late = asyncio.ensure_future(reader.readexactly(3))
            done, _ = await asyncio.wait({late}, timeout=0.05)
            assert not done
            await asyncio.to_thread(room.change, "link", FAIR)
            assert await late == b"two"

            await asyncio.to_thread(room.change, "link", Weather(cut=True))
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            again, second = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await again.readexactly(1)
            writer.close()
            second.close()
        server.close()

    asyncio.run(asyncio.wait_for(try_all(), 30))


def test_people_would_send_nearly_every_type(node_url_of: Callable[[str], str]) -> None:
    """The gate lets traffic pass as it is: what is refused for want of a paper proves nothing."""
    network = make_network(["AL", "XK"], url_of=node_url_of)
    agree(network)
    al = network.node("AL")
    opened = handle_open_case(al, who=STAFF)
    prepared = ReturnJourney.model_validate(dict(PREPARED) | {"reception_confirmed": True})
    handle_record_return(al, opened.case_id, prepared, who=STAFF)
    program = make_program(["AL", "XK"])

    outcomes = {}
    for tag in list_drafts():
        draft = program.fill(tag, recipient="XK", mark="chaos AL 1") | {"case": opened.reference}
        outcomes[tag] = check_draft(al, Draft.model_validate(draft), who=STAFF).decision.outcome
    network.close()

    refused = {tag for tag, outcome in outcomes.items() if outcome is not Outcome.ALLOW}
    assert refused == {"return.assisted_voluntary_return"}  # a notice has to be acknowledged first
    assert len(outcomes) >= 37


def make_program(codes: Sequence[str]) -> Program:
    """Return the program of the first of these, which asks nobody anything."""
    return Program(
        code=codes[0],
        url="",
        token="",
        desks={code: f"{code}-anti-trafficking-desk" for code in codes},
        ledger=cast("Ledger", None),
        quota=Quota(0),
        random=Random(1),
        over=threading.Event(),
        pause=0,
    )
