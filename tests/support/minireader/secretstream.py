"""libsodium's secretstream by hand: HChaCha20, ChaCha20 and Poly1305 (SPEC section 13).

Written from libsodium's description of crypto_secretstream_xchacha20poly1305. A stream state is
a key and a nonce of 12 bytes: a counter (4, little-endian, from 1), then 8 bytes that each tag
is mixed into. The tag byte is sealed in a block of 64 bytes in front of the piece.
"""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tests.support.minireader.rejection import RejectedError

ABYTES = 17
BLOCK = 64
MESSAGE = 0
FINAL = 3
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
ROUND = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def _turn(words: list[int], *, target: int, other: int, mixed: int, by: int) -> None:
    words[target] = (words[target] + words[other]) & 0xFFFFFFFF
    value = words[mixed] ^ words[target]
    words[mixed] = (value << by | value >> (32 - by)) & 0xFFFFFFFF


def derive_subkey(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20: a key out of a key and 16 bytes."""
    words = [*CONSTANTS, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]
    for _ in range(10):
        for a, b, c, d in ROUND:
            _turn(words, target=a, other=b, mixed=d, by=16)
            _turn(words, target=c, other=d, mixed=b, by=12)
            _turn(words, target=a, other=b, mixed=d, by=8)
            _turn(words, target=c, other=d, mixed=b, by=7)
    return struct.pack("<8I", *words[:4], *words[12:])


class Stream:
    """A stream at its beginning, for pieces one after another."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._key = derive_subkey(key, header[:16])
        self._nonce = (1).to_bytes(4, "little") + header[16:]

    def _stream(self, block: int, data: bytes) -> bytes:
        nonce = block.to_bytes(4, "little") + self._nonce
        return Cipher(algorithms.ChaCha20(self._key, nonce), mode=None).encryptor().update(data)

    def _authenticate(self, aad: bytes, *, first_block: bytes, ciphertext: bytes) -> bytes:
        poly = Poly1305(self._stream(0, bytes(32)))
        poly.update(aad + bytes(-len(aad) % 16) + first_block + ciphertext)
        # libsodium pads by the length itself, not up to a multiple of 16.
        poly.update(bytes(len(ciphertext) % 16))
        poly.update(struct.pack("<QQ", len(aad), BLOCK + len(ciphertext)))
        return poly.finalize()

    def _step(self, tag: bytes) -> None:
        counter = int.from_bytes(self._nonce[:4], "little") + 1
        mixed = bytes(one ^ two for one, two in zip(self._nonce[4:], tag[:8], strict=True))
        self._nonce = counter.to_bytes(4, "little") + mixed

    def push(self, piece: bytes, *, aad: bytes, tag: int) -> bytes:
        """Seal the next piece."""
        first_block = self._stream(1, bytes([tag]) + bytes(BLOCK - 1))
        ciphertext = self._stream(2, piece)
        mac = self._authenticate(aad, first_block=first_block, ciphertext=ciphertext)
        self._step(mac)
        return first_block[:1] + ciphertext + mac

    def pull(self, sealed: bytes, *, aad: bytes) -> tuple[int, bytes]:
        """Open the next piece: its tag and content; ``unopenable`` if it is altered."""
        masked, ciphertext, mac = sealed[:1], sealed[1:-16], sealed[-16:]
        tag = self._stream(1, masked + bytes(BLOCK - 1))[:1]
        # The first block as it was sealed: the masked tag, and the key stream behind it.
        first_block = masked + self._stream(1, bytes(BLOCK))[1:]
        found = self._authenticate(aad, first_block=first_block, ciphertext=ciphertext)
        if not bytes_eq(found, mac):
            raise RejectedError("unopenable", "a piece of the stream is altered")
        content = self._stream(2, ciphertext)
        self._step(mac)
        return tag[0], content
