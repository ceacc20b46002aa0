"""A reachability drill: what the hub asks about a desk, and what the desk's node signs (SPEC 12.7).

::

    question  = [1, drill id (16 bytes), participant, authority, phase, asked at, answer by]
    statement = [1, outcome, answered by, answered at]
    answer    = ["TRM1-drill-answer", question, statement, signer key id (16 bytes), signature]

Deterministic CBOR as everywhere; moments are seconds since 1970. The signature covers the question
as it was asked, byte for byte, so that an answer is good for one drill, one desk and one phase and
proves nothing about any other. The question itself is not signed: it is the hub's, and it asks for
nothing that a node would not do for anybody.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self, TypeVar

from protocol.cbor import Item, decode_array, encode_array
from protocol.errors import (
    ForgedError,
    LocalProtocolError,
    MalformedError,
    MisaddressedError,
    UnsupportedError,
)
from protocol.identifiers import (
    AuthorityId,
    ParticipantCode,
    Phase,
    get_participant_of,
    parse_authority_id,
    parse_participant_code,
)
from protocol.signing import SIGNATURE_BYTES, Context, KeyId, SigningKey, VerifyKey

#: Bytes of a signed answer: a question has at most 220, the rest is of fixed length.
MAX_ANSWER_BYTES: Final = 512
#: Bytes of a question: its longest part is an authority's identifier of 120 characters.
MAX_QUESTION_BYTES: Final = 256

_VERSION: Final = 1
_LARGEST_VERSION: Final = 0xFFFF
_MAGIC: Final = "TRM1-drill-answer"
_ID_BYTES: Final = 16
_LATEST: Final = 253_402_300_799  # the last second of the year 9999

_Code = TypeVar("_Code", bound=StrEnum)


class DrillOutcome(StrEnum):
    """What a Participant found when it tried its own desk."""

    REACHED = "reached"
    #: Somebody answered, but the directory says something about the desk that is not so any more.
    ENTRY_WRONG = "entry_wrong"
    NOT_REACHED = "not_reached"


class AnsweredBy(StrEnum):
    """Which post answered, never which person."""

    DESK = "desk"
    RESERVE = "reserve"
    OUT_OF_HOURS = "out_of_hours"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class DrillQuestion:
    """Please confirm that this desk can be reached for this phase. Moments: UTC, whole seconds."""

    drill_id: str
    participant: ParticipantCode
    authority: AuthorityId
    phase: Phase
    asked_at: datetime
    answer_by: datetime

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array(
            [
                _VERSION,
                bytes.fromhex(self.drill_id),
                self.participant,
                self.authority,
                self.phase.value,
                _to_seconds(self.asked_at),
                _to_seconds(self.answer_by),
            ]
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a question; raises ``MalformedError`` or ``UnsupportedError``."""
        if len(data) > MAX_QUESTION_BYTES:
            raise MalformedError(f"A question of a drill has at most {MAX_QUESTION_BYTES} bytes.")
        version, drill_id, participant, authority, phase, asked, due = decode_array(data, length=7)
        _verify_version(version)
        question = cls(
            drill_id=_read_bytes(drill_id, length=_ID_BYTES).hex(),
            participant=parse_participant_code(_read_text(participant)),
            authority=parse_authority_id(_read_text(authority)),
            phase=_read_code(Phase, phase),
            asked_at=_read_moment(asked),
            answer_by=_read_moment(due),
        )
        if get_participant_of(question.authority) != question.participant:
            raise MalformedError("The drill is about a desk of another Participant.")
        if question.answer_by <= question.asked_at:
            raise MalformedError("The drill is to be answered before it was asked.")
        return question


@dataclass(frozen=True, slots=True)
class DrillStatement:
    """What the Participant says. ``answered_at`` is its node's clock, UTC, whole seconds."""

    outcome: DrillOutcome
    answered_by: AnsweredBy
    answered_at: datetime

    def __post_init__(self) -> None:
        """Refuse a desk that nobody reached and that answered, and the reverse."""
        if (self.outcome is DrillOutcome.NOT_REACHED) != (self.answered_by is AnsweredBy.NOBODY):
            raise MalformedError(
                "Say who answered if the desk was reached, and nobody if it was not."
            )

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        said = (self.outcome.value, self.answered_by.value, _to_seconds(self.answered_at))
        return encode_array([_VERSION, *said])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a statement; raises ``MalformedError`` or ``UnsupportedError``."""
        version, outcome, answered_by, answered_at = decode_array(data, length=4)
        _verify_version(version)
        return cls(
            outcome=_read_code(DrillOutcome, outcome),
            answered_by=_read_code(AnsweredBy, answered_by),
            answered_at=_read_moment(answered_at),
        )


@dataclass(frozen=True, slots=True)
class DrillAnswer:
    """A statement about a question, signed by the node. The parts are kept as received."""

    question_bytes: bytes
    statement_bytes: bytes
    signer: KeyId
    signature: bytes

    @classmethod
    def sign(cls, question: bytes, *, statement: DrillStatement, key: SigningKey) -> Self:
        """Sign an answer to a question, as it was received, with the node's signing key."""
        DrillQuestion.parse(question)
        said = statement.encode()
        return cls(question, said, key.key_id, key.sign(Context.DRILL_ANSWER, question, said))

    @property
    def question(self) -> DrillQuestion:
        """The question, parsed."""
        return DrillQuestion.parse(self.question_bytes)

    @property
    def statement(self) -> DrillStatement:
        """The statement, parsed."""
        return DrillStatement.parse(self.statement_bytes)

    def verify(self, key: VerifyKey, *, question: bytes) -> None:
        """Check that ``key`` signed an answer to exactly this question.

        Raises :class:`~protocol.errors.MisaddressedError` if it answers another question, which may
        be another drill, desk or phase; :class:`~protocol.errors.ForgedError` if the signature is
        not by this key over exactly these bytes.
        """
        if self.question_bytes != question:
            raise MisaddressedError("The answer belongs to another drill: answer the one asked.")
        if key.key_id != self.signer:
            raise ForgedError("The answer names another signing key than the one it is checked by.")
        key.verify(
            Context.DRILL_ANSWER, self.question_bytes, self.statement_bytes,
            signature=self.signature,
        )  # fmt: skip

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array(
            [
                _MAGIC,
                self.question_bytes,
                self.statement_bytes,
                bytes.fromhex(self.signer),
                self.signature,
            ]
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an answer; the signature is *not* yet checked: call :meth:`verify`.

        Raises ``MalformedError`` or ``UnsupportedError``.
        """
        if len(data) > MAX_ANSWER_BYTES:
            raise MalformedError(f"An answer to a drill has at most {MAX_ANSWER_BYTES} bytes.")
        magic, question, statement, signer, signature = decode_array(data, length=5)
        if magic != _MAGIC:
            raise MalformedError("This is no answer to a drill of TRM1.")
        answer = cls(
            question_bytes=_read_bytes(question),
            statement_bytes=_read_bytes(statement),
            signer=KeyId(_read_bytes(signer, length=_ID_BYTES).hex()),
            signature=_read_bytes(signature, length=SIGNATURE_BYTES),
        )
        DrillQuestion.parse(answer.question_bytes)
        DrillStatement.parse(answer.statement_bytes)
        return answer


def _to_seconds(moment: datetime) -> int:
    if moment.tzinfo is None or moment.microsecond:
        raise LocalProtocolError("The moments of a drill are in UTC and whole seconds.")
    return int(moment.timestamp())


def _verify_version(item: Item) -> None:
    if not isinstance(item, int) or item > _LARGEST_VERSION:
        raise MalformedError("The version of the drill is not a number of 16 bits.")
    if item != _VERSION:
        raise UnsupportedError("This kind of drill is not spoken here: update this software.")


def _read_bytes(item: Item, *, length: int | None = None) -> bytes:
    if not isinstance(item, bytes) or (length is not None and len(item) != length):
        raise MalformedError("A part of the drill is not a byte string of the right length.")
    return item


def _read_text(item: Item) -> str:
    if not isinstance(item, str):
        raise MalformedError("A part of the drill is not text.")
    return item


def _read_moment(item: Item) -> datetime:
    if not isinstance(item, int) or item > _LATEST:
        raise MalformedError("A moment of the drill is no moment.")
    return datetime.fromtimestamp(item, tz=UTC)


def _read_code(codes: type[_Code], item: Item) -> _Code:
    try:
        return codes(_read_text(item))
    except ValueError as error:
        raise MalformedError("A part of the drill is none of the codes that it can be.") from error
