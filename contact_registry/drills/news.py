"""What the hub tells nodes about drills: JSON, closed and bounded (SPEC 12.7).

It is the hub's statement and is not signed by it. What a node answered carries that node's own
signature, which every reader can check; that a question was asked, or not answered, or answered by
telephone, is the hub's word.
"""

import base64
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contact_registry.document import Document, parse_document
from contact_registry.drills.models import Drill, DrillResult
from contact_registry.drills.states import SUCCEEDED, DrillState
from contact_registry.fields import Moment, decode_base64
from protocol.drill_answer import (
    MAX_ANSWER_BYTES,
    MAX_QUESTION_BYTES,
    AnsweredBy,
    DrillOutcome,
    DrillQuestion,
)
from protocol.errors import RemoteProtocolError

#: Drills in one answer of the hub; the rest is asked for with the revision that it names.
PAGE: Final = 200
#: Bytes of an answer of the hub: so many drills with their signed answers, and room.
MAX_NEWS_BYTES: Final = 600_000

_BY_TELEPHONE: Final = "operator"
_WITH_RESULT: Final = SUCCEEDED | {DrillState.UNREACHED}
#: What a hub calls a revision by, so that another history is noticed; empty for none.
Mark = Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$", max_length=32)]
_Number = Annotated[int, Field(ge=0, le=2**31 - 1)]


class DrillNotice(Document):
    """One drill as the hub has it. Bytes are in standard base64.

    ``signed`` is the node's answer; null beside an outcome means that an operator wrote down what
    was said on the telephone. ``state`` is what the outcome makes it: a signed "nobody was
    reached" cannot be passed on as a desk that was reached.
    """

    question: Annotated[str, Field(max_length=MAX_QUESTION_BYTES * 4 // 3 + 4)]
    state: DrillState
    outcome: DrillOutcome | None = None
    answered_by: AnsweredBy | None = None
    answered_at: Moment | None = None
    received_at: Moment | None = None
    signed: Annotated[str, Field(max_length=MAX_ANSWER_BYTES * 4 // 3 + 4)] | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        try:
            question = DrillQuestion.parse(decode_base64(self.question))
        except RemoteProtocolError as error:
            raise ValueError(str(error)) from error
        said = (self.outcome, self.answered_by, self.answered_at, self.received_at)
        wanted = self.state in _WITH_RESULT
        if any((part is not None) is not wanted for part in said):
            raise ValueError("A drill has a result in the states that an answer leads to.")
        result = self._read_result()
        if result is None:
            if self.signed is not None:
                raise ValueError("A drill without a result carries no answer.")
        elif Drill(question).answer(result).state is not self.state:
            raise ValueError("A drill stands as its answer, and the moment it came, make it.")
        elif (result.outcome is DrillOutcome.NOT_REACHED) != (
            result.answered_by is AnsweredBy.NOBODY
        ):
            raise ValueError("Nobody answers exactly where nobody was reached.")
        return self

    @classmethod
    def of(cls, drill: Drill) -> Self:
        """Say what is known of a drill; who recorded it at the hub stays there."""
        result = drill.result
        asked = base64.b64encode(drill.question.encode()).decode()
        if result is None:
            return cls(question=asked, state=drill.state)
        return cls(
            question=asked,
            state=drill.state,
            outcome=result.outcome,
            answered_by=result.answered_by,
            answered_at=_cut(result.answered_at),
            received_at=_cut(result.received_at),
            signed=base64.b64encode(result.signed).decode() if result.signed else None,
        )

    def to_drill(self) -> Drill:
        """Return the drill."""
        question = DrillQuestion.parse(decode_base64(self.question))
        return Drill(question, self.state, self._read_result())

    def _read_result(self) -> DrillResult | None:
        if (
            self.outcome is None
            or self.answered_by is None
            or self.answered_at is None
            or self.received_at is None
        ):
            return None
        signed = decode_base64(self.signed) if self.signed else None
        return DrillResult(
            outcome=self.outcome,
            answered_by=self.answered_by,
            answered_at=self.answered_at,
            received_at=self.received_at,
            signed=signed,
            recorded_by=None if signed else _BY_TELEPHONE,
        )


class DrillNews(Document):
    """What changed after a revision, in the order of the changes.

    ``revision`` is what to ask with next, together with its ``mark``; ``head`` the last one that
    the hub has. A hub that was restored from a backup has a lower one than its nodes know, or says
    so where it does not know the mark of theirs: they begin anew from 0.
    """

    format: Literal["trm-drills/1"] = "trm-drills/1"
    revision: _Number
    head: _Number
    mark: Mark = ""
    drills: Annotated[tuple[DrillNotice, ...], Field(max_length=PAGE)]

    @property
    def has_more(self) -> bool:
        """Whether there is more to ask for."""
        return self.revision < self.head


def parse_news(data: bytes) -> DrillNews:
    """Read what the hub says; raises :class:`~contact_registry.errors.DocumentError`."""
    return parse_document(DrillNews, data, longest=MAX_NEWS_BYTES)


def parse_notice(text: str) -> DrillNotice:
    """Read one drill; raises :class:`~contact_registry.errors.DocumentError`."""
    return parse_document(DrillNotice, text.encode(), longest=MAX_NEWS_BYTES)


def _cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
