"""The ClamAV adapter: what it makes of every answer, and that it never says "clean" by mistake."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.adapters.clamd import (
    ClamdAddress,
    ClamdAddressError,
    ClamdScanner,
    build_scanner,
    read_verdict,
)
from node.domain.scanning import (
    BROKE_OFF,
    STREAM_LIMIT,
    TOO_LARGE,
    ScannerAwayError,
    ScanOutcome,
    ScanVerdict,
)
from tests.support.clamd import MARKER, SIGNATURE, Clamd, run_clamd, silent_address


@pytest.fixture(params=["unix", "tcp"])
def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clamd]:
    """Run a scanner on a local socket, and on a port."""
    with run_clamd(tmp_path / "clamd.ctl" if request.param == "unix" else None) as running:
        yield running


def make_scanner(clamd: Clamd, *, max_bytes: int = 2**30) -> ClamdScanner:
    """Return what speaks to it."""
    return ClamdScanner(ClamdAddress.parse(clamd.address), max_bytes=max_bytes, seconds=10)


def cut(size: int) -> Iterator[bytes]:
    """Yield so many bytes in pieces, an empty one among them."""
    yield b""
    for at in range(0, size, 65_536):
        yield b"a" * min(65_536, size - at)


def test_a_stream_is_clean_or_something_is_found_across_its_pieces(clamd: Clamd) -> None:
    """The whole file arrives, an empty piece does not end it, and a found name is kept."""
    scanner = make_scanner(clamd)
    assert scanner.scan(cut(300_000), size=300_000) == ScanVerdict(ScanOutcome.CLEAN)
    found = scanner.scan([b"x" + MARKER[:9], MARKER[9:] + b"y"], size=len(MARKER) + 2)
    assert found == ScanVerdict(ScanOutcome.FOUND, SIGNATURE)
    assert clamd.sizes == [300_000, len(MARKER) + 2]


def test_what_is_too_large_is_never_called_clean(clamd: Clamd) -> None:
    """Beyond our bound nobody is asked; beyond clamd's it says so, or hangs up without a word."""
    size = 8 * 1024**2
    assert make_scanner(clamd, max_bytes=size - 1).scan(cut(size), size=size) == ScanVerdict(
        ScanOutcome.UNSCANNABLE, TOO_LARGE
    )
    assert clamd.sizes == []
    for is_mute in (False, True):
        clamd.is_mute = is_mute
        verdict = make_scanner(clamd).scan(cut(size), size=size)
        assert verdict.outcome is ScanOutcome.UNSCANNABLE
        assert verdict.detail in {STREAM_LIMIT, BROKE_OFF}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", ScanOutcome.UNSCANNABLE),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", ScanOutcome.UNSCANNABLE),
        (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", ScanOutcome.FOUND),
        (b"stream: <b>x</b>\r\nSet-Cookie: y FOUND\0", None),
        (b"stream: OK FOUND\0", ScanOutcome.FOUND),
        (b"stream: Can't allocate memory ERROR\0", None),
        (b"stream: OK ERROR\0", None),
        (b"OK\0", None),
        (b"\0", None),
        (b"\xff" * 4096, None),
        (b"", None),
    ],
)
def test_every_answer_is_a_verdict_or_has_the_file_wait(
    tmp_path: Path, answer: bytes, outcome: ScanOutcome | None
) -> None:
    """Heuristics of limits are no virus, an error is no verdict, and nothing of it is "clean"."""
    with run_clamd(tmp_path / "clamd.ctl") as clamd:
        clamd.says = [answer]
        if outcome is None:
            with pytest.raises(ScannerAwayError, match="no verdict"):
                make_scanner(clamd).scan([b"content"], size=7)
        else:
            assert make_scanner(clamd).scan([b"content"], size=7).outcome is outcome


def test_a_scanner_that_is_not_there_has_the_file_wait(tmp_path: Path) -> None:
    """Nobody listens, or there is no such socket: the message says what to do."""
    with silent_address() as silent:
        for address in (silent, f"unix:{tmp_path / 'none'}"):
            scanner = ClamdScanner(ClamdAddress.parse(address), max_bytes=100)
            with pytest.raises(ScannerAwayError, match="start clamd"):
                scanner.scan([b"content"], size=7)


def test_a_scanner_that_hangs_has_the_file_wait(tmp_path: Path) -> None:
    """All of a scan has one end, also for a scanner that takes or says a little now and then."""
    hours = count(step=40)
    with run_clamd(tmp_path / "clamd.ctl") as clamd:
        scanner = ClamdScanner(
            ClamdAddress.parse(clamd.address),
            max_bytes=100,
            seconds=150,
            clock=lambda: float(next(hours)),
        )
        with pytest.raises(ScannerAwayError, match="not done after 150 s"):
            scanner.scan([b"drop"] * 9, size=36)


def test_what_reading_the_file_raises_is_passed_on(clamd: Clamd) -> None:
    """A damaged file is not the scanner's fault, and half a file gets no verdict."""

    def damaged() -> Iterator[bytes]:
        yield b"half"
        raise LookupError("the disk")

    with pytest.raises(LookupError, match="the disk"):
        make_scanner(clamd).scan(damaged(), size=9)


def test_an_address_is_a_local_socket_or_host_and_port() -> None:
    """Anything else is refused with how it is written; none set is no scanner."""
    assert ClamdAddress.parse("tcp:[::1]:3310") == ClamdAddress(host="::1", port=3310)
    assert ClamdAddress.parse("unix:/run/clamav/clamd.ctl").path == "/run/clamav/clamd.ctl"
    for text in (
        "unix:relative",
        "tcp:host",
        "tcp:host:x",
        "tcp::1",
        "tcp:h:70000",
        "http://x",
        "",
    ):
        with pytest.raises(ClamdAddressError, match="is written"):
            ClamdAddress.parse(text)
    assert build_scanner(None, max_bytes=1) is None
    assert build_scanner("tcp:127.0.0.1:3310", max_bytes=1) is not None


@given(answer=st.text(max_size=200), is_whole=st.booleans())
def test_any_answer_is_read_and_clean_is_said_of_one_alone(*, answer: str, is_whole: bool) -> None:
    """Whatever the other end says: only its exact word about a whole stream makes a file clean."""
    try:
        verdict = read_verdict(answer, is_whole=is_whole)
    except ScannerAwayError:
        return
    if verdict.outcome is ScanOutcome.CLEAN:
        assert (answer, is_whole) == ("stream: OK", True)
