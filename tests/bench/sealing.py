"""What a sealed message costs beside its bare primitives, sealing and opening, in one run.

::

    python -m tests.bench.sealing [--quick]

Three ways of doing the same take turns, round by round, so that a busy machine slows all alike:

- **message**: a payload becomes the bytes of an envelope (sign, frame, pad, seal, frame), and back
  (parse, open, check the padding, compare the consignments, verify);
- **bare**: Ed25519 sign and HPKE seal with the same suite of as many bytes as the message seals,
  padding included, and the same ``info``; back: HPKE open and Ed25519 verify;
- **bare, unpadded**: the same of the payload alone: what it would cost to hide no length and to
  name no parties.

All three have their keys loaded beforehand, as a running node has. Ed25519 reads its message twice
where our statement is a digest: that is why a large message costs less than the bare signature.
The table gives medians in microseconds; the last line is JSON.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle
from random import Random
from statistics import median
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from nacl.signing import SigningKey as NaclSigningKey

from protocol.envelope import Consignment, Envelope, SignedPayload
from protocol.identifiers import MessageId, ParticipantCode
from protocol.sealing import MLKEM_SEED_BYTES, OpeningKey, pad
from protocol.signing import SigningKey

SIZES: Final = (512, 2_048, 16_384, 262_144)
"""Bytes of a payload: a receipt, a referral, one with long narratives, the largest seen."""

#: At most so many times the bare primitives: what the project wants to stay below.
AIM: Final = 1.5

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_SEED: Final = bytes(range(32))
_OPENING_SEEDS: Final = bytes(range(96))
_EXPIRES: Final = datetime(2026, 3, 25, 11, tzinfo=UTC)
#: Messages that take turns: a processor learns a single one by heart, and the protocol remembers
#: the consignments of the last few.
_DIFFERENT: Final = 50


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians for one size, in microseconds."""

    payload_bytes: int
    sealed_content_bytes: int
    envelope_bytes: int
    seal_message: float
    seal_bare: float
    seal_bare_unpadded: float
    open_message: float
    open_bare: float
    open_bare_unpadded: float
    rounds: int

    @property
    def seal_ratio(self) -> float:
        """Sealing a message, in times of the bare primitives."""
        return self.seal_message / self.seal_bare

    @property
    def open_ratio(self) -> float:
        """Opening a message, in times of the bare primitives."""
        return self.open_message / self.open_bare


class Bare:
    """The primitives alone, with keys at hand: sign and seal some bytes, open and verify them."""

    def __init__(self, contents: Sequence[bytes], *, info: bytes) -> None:
        mlkem = MLKEM768PrivateKey.from_seed_bytes(_OPENING_SEEDS[:MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(_OPENING_SEEDS[MLKEM_SEED_BYTES:])
        self._private = MLKEM768X25519PrivateKey(mlkem, x25519)
        self._public = MLKEM768X25519PublicKey(mlkem.public_key(), x25519.public_key())
        self._signer = NaclSigningKey(_SEED)
        self._verifier = self._signer.verify_key
        self._info = info
        self._contents = cycle(contents)
        self._sealed = cycle([self.seal() for _ in contents])

    def seal(self) -> tuple[bytes, bytes]:
        """Sign and seal the next content."""
        content = next(self._contents)
        signature = self._signer.sign(content).signature
        return signature, _SUITE.encrypt(content, self._public, info=self._info)

    def open(self) -> None:
        """Open and verify the next; raises what the libraries raise."""
        signature, sealed = next(self._sealed)
        self._verifier.verify(_SUITE.decrypt(sealed, self._private, info=self._info), signature)


class Message:
    """The same as messages of the protocol, one after the other: each has its own consignment."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._next = 0
        self._signing_key = SigningKey(_SEED)
        self._verify_key = self._signing_key.verify_key
        self._opening_key = OpeningKey(_OPENING_SEEDS)
        self._recipient_key = self._opening_key.recipient_key
        self._envelopes = cycle([self.seal() for _ in range(_DIFFERENT)])
        self.envelope = next(self._envelopes)

    def sign(self) -> SignedPayload:
        """Sign the payload as the next message."""
        self._next += 1
        consignment = Consignment(
            message_id=MessageId(f"{self._next:032x}"),
            sender=ParticipantCode("AL"),
            recipient=ParticipantCode("XK"),
            expires_at=_EXPIRES,
        )
        return SignedPayload.sign(self._payload, consignment=consignment, key=self._signing_key)

    def seal(self) -> bytes:
        """Return the bytes for the broker."""
        return self._recipient_key.seal(self.sign()).encode()

    def open(self) -> None:
        """Do what a recipient does with one of them; raises a ``RemoteProtocolError``."""
        self._opening_key.open(Envelope.parse(next(self._envelopes))).verify(self._verify_key)


def measure_by_turns(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, random: Random
) -> dict[str, float]:
    """Return the median of each way in microseconds; each round has them in another order."""
    taken: dict[str, list[int]] = {name: [] for name in ways}
    names = list(ways)
    for way in ways.values():
        way()  # what is loaded once is loaded before it counts
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            way = ways[name]
            began = time.perf_counter_ns()
            way()
            taken[name].append(time.perf_counter_ns() - began)
    return {name: median(spans) / 1_000 for name, spans in taken.items()}


def measure_size(size: int, *, rounds: int) -> Costs:
    """Measure one size of payload."""
    random = Random(size)
    payload = random.randbytes(size)
    message = Message(payload)
    contents = [pad(message.sign().encode()) for _ in range(_DIFFERENT)]
    info = Envelope.parse(message.envelope).info
    bare = Bare(contents, info=info)
    unpadded = Bare([content[-size:] for content in contents], info=info)
    ways: dict[str, Callable[[], object]] = {
        "seal_message": message.seal,
        "seal_bare": bare.seal,
        "seal_bare_unpadded": unpadded.seal,
        "open_message": message.open,
        "open_bare": bare.open,
        "open_bare_unpadded": unpadded.open,
    }
    return Costs(
        payload_bytes=size,
        sealed_content_bytes=len(contents[0]),
        envelope_bytes=len(message.envelope),
        rounds=rounds,
        **measure_by_turns(ways, rounds=rounds, random=random),
    )


def write_table(costs: Sequence[Costs]) -> str:
    """Write what was measured for people."""
    columns = f"{'bare':>8} {'unpadded':>8} {'ratio':>6}"
    units = f"{'us':>8} {'us':>8} {'us':>8} {'':>6}"
    lines = [
        f"{'payload':>9} {'sealed as':>9} | {'seal':>8} {columns} | {'open':>8} {columns}",
        f"{'bytes':>9} {'bytes':>9} | {units} | {units}",
    ]
    lines += [
        f"{cost.payload_bytes:>9,} {cost.sealed_content_bytes:>9,} | {cost.seal_message:>8.0f} "
        f"{cost.seal_bare:>8.0f} {cost.seal_bare_unpadded:>8.0f} {cost.seal_ratio:>6.2f} | "
        f"{cost.open_message:>8.0f} {cost.open_bare:>8.0f} {cost.open_bare_unpadded:>8.0f} "
        f"{cost.open_ratio:>6.2f}"
        for cost in costs
    ]
    return "\n".join(lines)


def write_summary(costs: Sequence[Costs]) -> str:
    """Write it for programs, as one line of JSON."""
    sizes = [
        {
            **{name: round(value, 1) for name, value in asdict(cost).items()},
            "seal_ratio": round(cost.seal_ratio, 3),
            "open_ratio": round(cost.open_ratio, 3),
        }
        for cost in costs
    ]
    return json.dumps(
        {
            "unit": "microseconds, medians",
            "aim": AIM,
            "worst_seal_ratio": max(size["seal_ratio"] for size in sizes),
            "worst_open_ratio": max(size["open_ratio"] for size in sizes),
            "sizes": sizes,
        }
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print; the exit code is 0, whatever the numbers are."""
    parser = argparse.ArgumentParser(prog="bench-sealing")
    parser.add_argument("--quick", action="store_true", help="a few rounds: shows that it runs")
    quick: bool = parser.parse_args(arguments).quick
    gc.disable()  # a collection in the middle of one way would be counted as its cost
    costs = [
        measure_size(size, rounds=5 if quick else max(60, min(1_000, 16_000_000 // size)))
        for size in SIZES
    ]
    print("Message: sign, frame, pad and seal. Bare: Ed25519 and HPKE of as many bytes. Medians.")
    print(write_table(costs))
    print(write_summary(costs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
