"""Taking a Participant's answer: whose it must be, what it must be about, and when it came."""

from datetime import datetime, timedelta
from typing import Final

from contact_registry.directory import Directory
from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.drills.models import Drill, DrillResult
from protocol.drill_answer import DrillAnswer, DrillStatement
from protocol.errors import ForgedError, MisaddressedError, RemoteProtocolError

#: How far clocks of node and hub may differ.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


def parse_answer(data: bytes) -> DrillAnswer:
    """Read a signed answer; raises :class:`~contact_registry.drills.errors.DrillRefusedError`."""
    try:
        return DrillAnswer.parse(data)
    except RemoteProtocolError as error:
        raise DrillRefusedError(
            f"This is no signed answer to a drill: {error}", code=DrillRefusal.MALFORMED
        ) from error


def check_answer(
    drill: Drill, data: bytes, *, directory: Directory, received_at: datetime
) -> DrillResult:
    """Verify a signed answer to this drill, and return what it says.

    The key is one that the registry lists now for the Participant that was asked; which key it was
    when the node signed does not matter, because a withdrawn key is withdrawn for everything. The
    bytes signed hold the question as this hub asked it, so that an answer to another drill, about
    another desk or phase, is refused. Raises
    :class:`~contact_registry.drills.errors.DrillRefusedError`.
    """
    answer = parse_answer(data)
    question = drill.question
    key = directory.signing_key(question.participant, answer.signer)
    if key is None:
        raise DrillRefusedError(
            f"The registry lists no such signing key of {question.participant}: let its node "
            "publish its keys, then answer again.",
            code=DrillRefusal.UNKNOWN_SIGNER,
        )
    try:
        answer.verify(key, question=question.encode())
    except MisaddressedError as error:
        raise DrillRefusedError(str(error), code=DrillRefusal.OTHER_DRILL) from error
    except ForgedError as error:
        raise DrillRefusedError(str(error), code=DrillRefusal.FORGED) from error
    statement = answer.statement
    _check_moment(drill, statement.answered_at, received_at=received_at)
    return DrillResult(
        outcome=statement.outcome,
        answered_by=statement.answered_by,
        answered_at=statement.answered_at,
        received_at=received_at,
        signed=data,
    )


def note_telephone_answer(
    drill: Drill, said: DrillStatement, *, recorded_by: str, has_node: bool
) -> DrillResult:
    """Return what an operator heard on the telephone of a Participant that has no node.

    ``said.answered_at`` is the moment of the hub. A Participant with a node answers with its node's
    signature, which nobody else can make: for it this raises
    :class:`~contact_registry.drills.errors.DrillRefusedError`.
    """
    if has_node:
        raise DrillRefusedError(
            f"{drill.question.participant} has a node, which signs its answers itself: ask its "
            "focal point to answer there.",
            code=DrillRefusal.HAS_NODE,
        )
    return DrillResult(
        outcome=said.outcome,
        answered_by=said.answered_by,
        answered_at=said.answered_at,
        received_at=said.answered_at,
        recorded_by=recorded_by,
    )


def is_confirmed_by_node(drill: Drill, directory: Directory) -> bool:
    """Whether the result carries a signature that anybody can check, not the hub's word alone.

    By the keys listed now: an answer whose key has since been replaced is the hub's word.
    """
    result = drill.result
    if result is None or result.signed is None:
        return False
    try:
        answer = DrillAnswer.parse(result.signed)
        key = directory.signing_key(drill.question.participant, answer.signer)
        if key is None:
            return False
        answer.verify(key, question=drill.question.encode())
    except RemoteProtocolError:
        return False
    said = (result.outcome, result.answered_by, result.answered_at)
    statement = answer.statement
    return said == (statement.outcome, statement.answered_by, statement.answered_at)


def _check_moment(drill: Drill, answered_at: datetime, *, received_at: datetime) -> None:
    earliest = drill.question.asked_at - CLOCK_TOLERANCE
    if not earliest <= answered_at <= received_at + CLOCK_TOLERANCE:
        raise DrillRefusedError(
            f"The answer says {answered_at:%Y-%m-%d %H:%M} UTC, which is before the question or "
            "after now: set the clocks of node and hub right, then answer again.",
            code=DrillRefusal.WRONG_MOMENT,
        )
