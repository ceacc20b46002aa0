"""Padmé padding of SPEC section 5: a length, the content, zeros."""

from tests.support.minireader.rejection import malformed


def compute_padme(length: int) -> int:
    """Compute the length that a content of ``length`` bytes is padded to."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def pad(content: bytes) -> bytes:
    """Put length and zeros around the content."""
    framed = len(content).to_bytes(4, "big") + content
    return framed.ljust(compute_padme(len(framed)), b"\0")


def unpad(padded: bytes) -> bytes:
    """Take the content out, refusing every padding but the one of its length."""
    length = int.from_bytes(padded[:4], "big")
    if len(padded) < 4 or len(padded) != compute_padme(4 + length):
        raise malformed("the length leads to another padding")
    if any(padded[4 + length :]):
        raise malformed("the padding is not zero")
    return padded[4 : 4 + length]
