"""The codings in which registry files travel: what comes out is what went in, within bounds."""

import sys
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_registry.trust.compression import (
    DICTIONARY_ZSTD,
    ZSTD,
    CodingError,
    Dictionary,
    decode,
    encode,
)
from hub.registry_host.transfer import encode_answer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OLD = Dictionary("1.AL.json", b'{"signed": ' + bytes(range(256)) * 40 + b"}")
WAYS = pytest.mark.parametrize(
    ("coding", "dictionary"), [(ZSTD, None), (DICTIONARY_ZSTD, OLD)], ids=["zstd", "dcz"]
)


def read(body: bytes, coding: str, dictionary: Dictionary | None, *, size: int = 1000) -> bytes:
    """Decode a body that comes in pieces of a size."""
    pieces: Iterable[bytes] = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(decode(pieces, coding, dictionary))


@WAYS
@given(data=st.binary(max_size=3000), size=st.integers(1, 400))
def test_it_comes_back(coding: str, dictionary: Dictionary | None, data: bytes, size: int) -> None:
    """Whatever is coded comes back as it was, in whatever pieces it arrives."""
    assert read(encode(data, dictionary), coding, dictionary, size=size) == data


@WAYS
@given(body=st.binary(max_size=300), where=st.integers(0, 60))
def test_garbage_is_refused_or_read(
    coding: str, dictionary: Dictionary | None, body: bytes, where: int
) -> None:
    """Any bytes decode or are refused with one kind of error, also after a good beginning."""
    good = encode(OLD.data[:2000], dictionary)
    for bad in (body, good[:where] + body):
        try:
            read(bad, coding, dictionary)
        except CodingError:
            continue


@WAYS
def test_a_frame_ends_once(coding: str, dictionary: Dictionary | None) -> None:
    """A body that breaks off, or goes on after its end, is refused."""
    good = encode(b"word " * 300, dictionary)
    for bad in (b"", good[:-1], good[:10], good + b"x", good + good):
        for size in (1, len(bad) or 1):
            with pytest.raises(CodingError):
                read(bad, coding, dictionary, size=size)


@WAYS
def test_a_bomb_comes_in_pieces(coding: str, dictionary: Dictionary | None) -> None:
    """What would grow to a gigabyte is given out 64 kB at a time, to a caller who stops."""
    compressor = zstd.ZstdCompressor()
    block = bytes(1 << 20)
    frame = b"".join([*(compressor.compress(block) for _ in range(64)), compressor.flush()])
    bomb = frame if dictionary is None else encode(b"", dictionary)[:40] + frame
    assert len(bomb) < 10_000
    pieces = decode([bomb], coding, dictionary)
    first = [len(next(pieces)) for _ in range(20)]
    assert max(first) <= 65_536


@WAYS
def test_a_large_window_is_refused(coding: str, dictionary: Dictionary | None) -> None:
    """A frame for which the decoder would need more than 8 MB of memory is not begun."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 24}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(b"word") + compressor.flush()
    header = b"" if dictionary is None else encode(b"", dictionary)[:40]
    with pytest.raises(CodingError):
        read(header + frame, coding, dictionary)


def test_another_dictionary_is_refused() -> None:
    """A body that was coded with another file than the one offered is refused by its header."""
    other = Dictionary("2.AL.json", OLD.data + b" ")
    with pytest.raises(CodingError, match="another dictionary"):
        read(encode(b"word " * 300, other), DICTIONARY_ZSTD, OLD)
    with pytest.raises(CodingError, match="not asked for"):
        read(encode(b"word", OLD), DICTIONARY_ZSTD, None)
    with pytest.raises(CodingError, match="not asked for"):
        read(b"word", "gzip", None)


NEW = OLD.data.replace(b"signed", b"sealed")
OFFER = {"accept-encoding": "dcz, zstd", **{k.lower(): v for k, v in OLD.request_headers.items()}}


def answer(request: dict[str, str], *, name: str = "2.AL.json") -> tuple[str | None, int]:
    """Return coding and length of what the host answers with."""
    kept = {OLD.name: OLD.data, "1.MK.json": OLD.data}
    body, headers = encode_answer(name, NEW, request=request, read=kept.get)
    assert "Available-Dictionary" in headers["Vary"]
    return headers.get("Content-Encoding"), len(body)


def test_the_host_codes_as_it_is_offered() -> None:
    """The host answers as it is, in ``zstd``, or in ``dcz`` with a file that it published."""
    assert answer({}) == (None, len(NEW))
    assert answer({"accept-encoding": "gzip, br;q=1, zstd;q=0"}) == (None, len(NEW))
    assert answer({"accept-encoding": "zstd"})[0] == "zstd"
    coding, length = answer(OFFER)
    assert coding == "dcz"
    assert length < 100


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("dictionary-id", '"1.MK.json"'),
        ("dictionary-id", '"3.AL.json"'),
        ("dictionary-id", '"../1.AL.json"'),
        ("dictionary-id", "1.AL.json"),
        ("dictionary-id", ""),
        ("available-dictionary", ":" + "A" * 43 + "=:"),
        ("available-dictionary", ":" + "A" * 42 + "==:"),
        ("available-dictionary", "x"),
    ],
)
def test_a_dictionary_that_does_not_fit_is_left_alone(header: str, value: str) -> None:
    """A dictionary of another file, unknown, or of another hash is not used: ``zstd`` alone is."""
    assert answer(OFFER | {header: value})[0] == "zstd"


def test_versions_say_for_what_they_are_dictionaries() -> None:
    """Each file names itself as the dictionary for its later versions (RFC 9842); no timestamp."""
    document = "participants/AL/" + "0" * 64 + ".contacts.json"
    expected = {
        "2.AL-node.json": 'match="/registry/metadata/*.AL-node.json", id="2.AL-node.json"',
        document: f'match="/registry/targets/participants/AL/*.contacts.json", id="{document}"',
        "0" * 64 + ".participants.json": 'match="/registry/targets/*.participants.json", '
        f'id="{"0" * 64}.participants.json"',
        "timestamp.json": None,
    }
    for name, wanted in expected.items():
        _, headers = encode_answer(name, b"{}", request={}, read=lambda _: None)
        assert headers.get("Use-As-Dictionary") == wanted
