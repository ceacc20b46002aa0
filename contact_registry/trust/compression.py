"""How registry files are made small on their way: ``zstd`` (RFC 8878) and ``dcz`` (RFC 9842).

With ``dcz`` the file that the client has already is the dictionary, and what travels is little more
than the difference: an update costs what changed. Both are content codings of HTTP, negotiated, and
change nothing that is signed: bytes are verified after they were decoded, whatever the host sent.

A decoder reads what a stranger wrote. It gives out at most what the caller allows, a piece at a
time, needs at most 8 MB to do it, and takes one frame and nothing after it.
"""

import base64
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD: Final = "zstd"
DICTIONARY_ZSTD: Final = "dcz"

#: What stands before the frame of ``dcz``: a skippable frame that holds the dictionary's SHA-256.
_DICTIONARY_MAGIC: Final = bytes.fromhex("5e2a4d1820000000")
_HEADER_BYTES: Final = len(_DICTIONARY_MAGIC) + hashlib.sha256().digest_size
#: 2 to this is the memory that a decoder may be made to use (RFC 9842, section 5: at least 8 MB).
_LARGEST_WINDOW_LOG: Final = 23
_SMALLEST_WINDOW_LOG: Final = 17
_PIECE: Final = 65_536
#: Stronger than this makes our files no smaller with a dictionary, and takes ten times as long.
_LEVEL: Final = 3


class CodingError(ValueError):
    """What came is not what the coding promises."""


@dataclass(frozen=True)
class Dictionary:
    """A file that both sides have, and the name that it is published under."""

    name: str
    data: bytes

    @cached_property
    def digest(self) -> bytes:
        """Its SHA-256."""
        return hashlib.sha256(self.data).digest()

    @property
    def request_headers(self) -> dict[str, str]:
        """How a client offers it (RFC 9842, section 2.2; structured fields of RFC 8941)."""
        return {
            "Available-Dictionary": f":{base64.b64encode(self.digest).decode()}:",
            "Dictionary-ID": f'"{self.name}"',
        }


def encode(data: bytes, dictionary: Dictionary | None = None) -> bytes:
    """Return the body of ``zstd``, or of ``dcz`` with a dictionary."""
    if dictionary is None:
        return zstd.compress(data, level=_LEVEL)
    window = (len(data) + len(dictionary.data)).bit_length()
    compressor = zstd.ZstdCompressor(
        options={
            zstd.CompressionParameter.compression_level: _LEVEL,
            zstd.CompressionParameter.window_log: min(
                max(window, _SMALLEST_WINDOW_LOG), _LARGEST_WINDOW_LOG
            ),
        },
        zstd_dict=zstd.ZstdDict(dictionary.data, is_raw=True).as_prefix,
    )
    frame = compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
    return _DICTIONARY_MAGIC + dictionary.digest + frame


def decode(body: Iterable[bytes], coding: str, dictionary: Dictionary | None) -> Iterator[bytes]:
    """Yield the file in pieces of at most 64 kB, as its coded bytes come in.

    Memory stays small whatever the sender wrote; the caller counts what comes out. Raises
    :class:`CodingError`, and whatever ``body`` raises.
    """
    if coding == ZSTD:
        return _decode_frame(iter(body), _make_decoder(None))
    if coding == DICTIONARY_ZSTD and dictionary is not None:
        return _decode_frame(_skip_header(iter(body), dictionary), _make_decoder(dictionary))
    raise CodingError("the coding was not asked for")


def _make_decoder(dictionary: Dictionary | None) -> zstd.ZstdDecompressor:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW_LOG}
    if dictionary is None:
        return zstd.ZstdDecompressor(options=options)
    raw = zstd.ZstdDict(dictionary.data, is_raw=True).as_prefix
    return zstd.ZstdDecompressor(zstd_dict=raw, options=options)


def _skip_header(body: Iterator[bytes], dictionary: Dictionary) -> Iterator[bytes]:
    header = b""
    while len(header) < _HEADER_BYTES:
        chunk = next(body, b"")
        if not chunk:
            raise CodingError("it ends within its header")
        header += chunk
    if header[:_HEADER_BYTES] != _DICTIONARY_MAGIC + dictionary.digest:
        raise CodingError("it was coded with another dictionary than the one offered")
    yield header[_HEADER_BYTES:]
    yield from body


def _decode_frame(body: Iterator[bytes], decoder: zstd.ZstdDecompressor) -> Iterator[bytes]:
    for chunk in body:
        if decoder.eof and chunk:
            raise CodingError("something follows its end")
        rest = chunk
        while rest or not (decoder.needs_input or decoder.eof):
            piece = _decompress(decoder, rest)
            rest = b""
            if piece:
                yield piece
            if decoder.eof:
                break
        if decoder.unused_data:
            raise CodingError("something follows its end")
    if not decoder.eof:
        raise CodingError("it broke off")


def _decompress(decoder: zstd.ZstdDecompressor, data: bytes) -> bytes:
    try:
        return decoder.decompress(data, max_length=_PIECE)
    except zstd.ZstdError as error:
        raise CodingError("it is damaged") from error
