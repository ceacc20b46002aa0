"""The delivery benchmark runs: each of its parts in small, and what it makes of their numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.bench.delivery import __main__ as program
from tests.bench.delivery import growth, messages
from tests.bench.delivery.charts import draw_curve
from tests.bench.delivery.floor import open_floor
from tests.bench.delivery.mail import open_mail_path
from tests.bench.delivery.messages import MailMeter, Row, compare
from tests.bench.delivery.meters import Measured
from tests.bench.delivery.transfers import make_file, open_bare_files


def test_the_floor_confirms_every_message(tmp_path: Path) -> None:
    """Bare JetStream both ways: as many latencies as messages, and CPU of each process."""
    with open_floor(tmp_path) as floor:
        measured = floor.measure(2_048, count=40, in_flight=8)
    assert len(measured.latencies) == 40
    assert set(measured.cpu) == {"sender", "recipient", "broker"}


@pytest.mark.parametrize("gnupg", [True, False])
def test_mail_is_answered_by_signed_receipts(gnupg: bool) -> None:
    """Sealed mail goes out over SMTP and its receipt comes back, with either OpenPGP."""
    with open_mail_path(gnupg=gnupg, workers=2) as path:
        measured = MailMeter(path).measure(2_048, count=4, in_flight=2)
    assert len(measured.latencies) == 4


def test_a_file_goes_through_the_bare_transfer(tmp_path: Path) -> None:
    """What the bare recipient wrote is the file, byte for byte."""
    file = make_file(tmp_path, size=1_300_000)
    with open_bare_files(tmp_path / "bare") as bare:
        assert bare.measure(file) > 0
    assert (tmp_path / "bare" / "received" / "0").read_bytes() == file.read_bytes()


def test_growth_is_measured_on_full_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages still arrive on a store that was filled, and the curve becomes a picture."""
    monkeypatch.setattr(growth, "BLOCK", 8)
    points = growth.measure_cases((0, 40), rounds=1)
    assert [point.size for point in points] == [0, 40]
    draw_curve(points, across="cases", to=tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_ratios_are_beside_the_floor_and_beside_mail() -> None:
    """A row of ours is compared with the floor of its place, and with mail at its best."""

    def row(path: str, in_flight: int, seconds: float) -> Row:
        rounds = [Measured([seconds / 10] * 10, seconds, {})]
        return Row.of(path, 2_048, in_flight, rounds)

    ratios = compare(
        [
            *(row("floor", each, 1.0) for each in (1, 256)),
            *(row("sqlite", each, 2.0) for each in (1, 256)),
            *(row("mail, GnuPG", each, 20.0) for each in (1, 8)),
            *(row("mail, in process", each, 10.0) for each in (1, 8)),
        ]
    )
    assert ratios["sqlite 2048 256 : floor 256"] == {"rate": 0.5, "latency": 2.0}
    assert ratios["sqlite 2048 256 : mail, GnuPG 8"]["rate"] == 10.0
    assert ratios["sqlite 2048 1 : mail, in process 1"]["rate"] == 5.0


def list_numbers(value: Any) -> list[float]:
    """Return every number in what the last line says."""
    if isinstance(value, dict):
        return [number for each in value.values() for number in list_numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in list_numbers(each)]
    return [value] if isinstance(value, int | float) else []


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """Let what the program says of logs end with it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("restored_logs")
@pytest.mark.timeout(600)  # two networks and two mail servers, however busy the machine is
def test_the_program_prints_its_tables_and_their_ratios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every path and part in the smallest form: real hub, broker, nodes, mail and databases."""
    at_once = {path: max(counts) for path, counts in messages.COUNTS.items()}
    few = {path: {1: 20, largest: 20} for path, largest in at_once.items()}
    monkeypatch.setattr(messages, "COUNTS", few)
    monkeypatch.setattr(program, "_PARTICIPANTS", ((2, 5),))
    monkeypatch.setattr(program, "_CASES", ((0, 40),))
    monkeypatch.setattr(growth, "BLOCK", 8)
    program.main(["--quick", "--pictures", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(lines[-1])
    assert set(told) == {"ratios", "messages", "files", "growth"}
    ours = [f"{path} 2048 {count}" for path in ("sqlite", "postgresql") for count in (1, 256)]
    mail = [f"sqlite 2048 {count} : mail" for count in (1, 256)]
    beside = {"GnuPG": (1, 8), "in process": (1, 8)}
    assert set(told["ratios"]) == {
        *(f"{each} : floor {each.split()[-1]}" for each in ours),
        *(
            f"{each}, {kind} {count}"
            for kind, counts in beside.items()
            for each, count in zip(mail, counts, strict=True)
        ),
    }
    assert {row["path"] for row in told["messages"]} == set(messages.COUNTS)
    assert [row["size"] for row in told["files"]] == [1_000_000, 10_000_000]
    assert set(told["growth"]) == {"Participants in the registry", "cases in both stores"}
    assert min(list_numbers([told["ratios"], told["files"]])) > 0
    for name in told["ratios"]:
        assert any(line.startswith(name) for line in lines)
    assert len(list(tmp_path.glob("*.svg"))) == 2
