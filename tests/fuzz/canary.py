"""A target with a planted defect, to prove that the harness finds what it should find.

The three bytes are compared one by one, each in a branch of its own: blind chance would need about
sixteen million tries, one that is led by coverage needs a few hundred for each byte.
"""

from collections.abc import Iterable

from protocol.errors import MalformedError
from tests.fuzz.target import Target

PLANTED = b"can"


class PlantedError(Exception):
    """The planted defect: nothing that a parser may raise."""


def check(data: bytes) -> None:
    """Refuse everything, with a planted defect behind three bytes."""
    if len(data) < len(PLANTED):
        raise MalformedError("Too short for a canary: add a byte.")
    if data[0] == PLANTED[0]:  # noqa: SIM102 - a branch of its own is what coverage can see
        if data[1] == PLANTED[1]:  # noqa: SIM102 - the same
            if data[2] == PLANTED[2]:
                raise PlantedError
    raise MalformedError("No canary: change a byte.")


def make_seeds() -> Iterable[bytes]:
    """Start from nothing near."""
    return (b"---",)


CANARY = Target("canary", check, make_seeds, (MalformedError,), longest=3)
