"""The registry of message types: what an entry says of one, and that no tag is used twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self, get_args

from pydantic import BaseModel

from protocol.errors import LocalProtocolError
from protocol.messages.codes import Kind
from protocol.messages.head import Answer, Head


class Expectation(StrEnum):
    """What the sender waits for."""

    NOTHING = "nothing"
    #: A human decision: ``general.decision``.
    DECISION = "decision"
    #: The typed answer in a ``general.response``; a decision may come before it.
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One message type."""

    model: type[Head]
    expects: Expectation = Expectation.NOTHING
    #: Working days of the recipient until an answer is due at standard urgency; None: no answer.
    answer_working_days: int | None = None
    #: What a ``general.response`` to it carries.
    answer: type[Answer] | None = None

    @classmethod
    def asking(cls, model: type[Head], answer: type[Answer], *, days: int) -> Self:
        """Make the entry of a type that is answered by a response."""
        return cls(model, Expectation.RESPONSE, answer_working_days=days, answer=answer)

    @classmethod
    def proposing(cls, model: type[Head], *, days: int) -> Self:
        """Make the entry of a type that somebody decides about."""
        return cls(model, Expectation.DECISION, answer_working_days=days)

    @property
    def tag(self) -> str:
        """The type as it travels."""
        return str(self.model.model_fields["type"].default)

    @property
    def version(self) -> int:
        """The version that is written and read."""
        return int(self.model.model_fields["version"].default)

    @property
    def body(self) -> type[BaseModel]:
        """The model of what a message of this type says."""
        body = self.model.model_fields["body"].annotation
        if not (isinstance(body, type) and issubclass(body, BaseModel)):
            raise TypeError(f"The body of {self.model.__name__} is no model: declare one.")
        return body

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What a message of this type can be."""
        if "kind" not in self.model.model_fields:
            return (Kind.SYSTEM,)
        return get_args(self.model.model_fields["kind"].annotation)

    def expectation_of(self, kind: Kind) -> Expectation:
        """Return what the sender of one such message waits for.

        An update expects nothing, and so does a type that can ask or tell when it tells.
        """
        tells = kind is Kind.NOTIFICATION and Kind.REQUEST in self.kinds
        tells_only = tells or kind is Kind.UPDATE
        return Expectation.NOTHING if tells_only else self.expects

    def conversation_of(self, kind: Kind) -> Kind:
        """Return as what kind the conversation about one such message is followed.

        A notification that expects a response is followed as if it were a request; else its answer
        would not be in order (SPEC section 14.2).
        """
        is_answered = self.expectation_of(kind) is Expectation.RESPONSE
        return Kind.REQUEST if is_answered else kind


#: Tags that were published once and are withdrawn. They stay here for good: what they meant is
#: still in the archives of nodes, so none of them may ever mean something else.
RETIRED_TAGS: Final[frozenset[str]] = frozenset()


def register(
    *entries: CatalogueEntry, retired: frozenset[str] = RETIRED_TAGS
) -> Mapping[str, CatalogueEntry]:
    """Return the table of these types; raises ``LocalProtocolError`` if a tag is used again."""
    table: dict[str, CatalogueEntry] = {}
    for entry in entries:
        if entry.tag in table or entry.tag in retired:
            raise LocalProtocolError(
                f"The tag {entry.tag} is taken: a tag is never used for a second meaning. Choose "
                "another one."
            )
        if (entry.answer is None) != (entry.expects is not Expectation.RESPONSE):
            raise LocalProtocolError(f"{entry.tag} expects a response without a typed answer.")
        table[entry.tag] = entry
    return MappingProxyType(table)
