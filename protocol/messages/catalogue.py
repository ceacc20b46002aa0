"""The catalogue: which types there are, and reading a payload into the right one.

A tag is registered once. An unknown type, or a newer version of a known one, is not an error: it
comes back as :class:`UnreadableMessage`, is kept, shown raw, and receipted as such.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from protocol.errors import LocalProtocolError, MalformedError
from protocol.limits import LIMITS
from protocol.messages.codes import Kind, Urgency
from protocol.messages.fields import CaseField, MessageIdField, Model, ParticipantField
from protocol.messages.general import (
    CaseClosed,
    ConsentWithdrawn,
    ConsentWithdrawnAnswer,
    Correction,
    Decision,
    Erasure,
    ErasureAnswer,
    TextMessage,
)
from protocol.messages.head import Answer, Head, LinkField
from protocol.messages.identification import InitialReferral, PresumedVictimNotification
from protocol.messages.system import Receipt
from protocol.messages.trend import TrendAlert


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

    @property
    def tag(self) -> str:
        """The type as it travels."""
        return str(self.model.model_fields["type"].default)

    @property
    def version(self) -> int:
        """The version that is written and read."""
        return int(self.model.model_fields["version"].default)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What a message of this type can be."""
        if "kind" not in self.model.model_fields:
            return (Kind.SYSTEM,)
        return get_args(self.model.model_fields["kind"].annotation)

    def expectation_of(self, kind: Kind) -> Expectation:
        """Return what the sender of one such message waits for.

        A type that asks or tells expects nothing when it tells.
        """
        tells_only = kind is Kind.NOTIFICATION and Kind.REQUEST in self.kinds
        return Expectation.NOTHING if tells_only else self.expects


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


CATALOGUE: Final = register(
    CatalogueEntry(
        PresumedVictimNotification, expects=Expectation.DECISION, answer_working_days=2
    ),
    CatalogueEntry(InitialReferral, expects=Expectation.DECISION, answer_working_days=1),
    CatalogueEntry(Decision),
    CatalogueEntry(TextMessage),
    CatalogueEntry(
        ConsentWithdrawn,
        expects=Expectation.RESPONSE,
        answer_working_days=1,
        answer=ConsentWithdrawnAnswer,
    ),
    CatalogueEntry(Correction),
    CatalogueEntry(
        Erasure, expects=Expectation.RESPONSE, answer_working_days=5, answer=ErasureAnswer
    ),
    CatalogueEntry(CaseClosed),
    CatalogueEntry(TrendAlert),
    CatalogueEntry(Receipt),
)
"""Every type that this version reads and writes, by tag."""


class _Outline(Model):
    """The least that must be readable of any message, of whatever type and version."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    type: str = Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,60}$")
    version: int = Field(ge=1, le=10_000)
    message_id: MessageIdField
    sender: ParticipantField
    recipient: ParticipantField
    case: CaseField | None = None
    link: LinkField | None = None


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A well-formed message that this version cannot read: kept, shown raw, receipted as such."""

    type: str
    version: int
    message_id: str
    sender: str
    recipient: str
    case: str | None
    link: LinkField | None
    #: The payload as it came.
    raw: bytes


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("A name stands twice in one object: readers could disagree on it.")
    return found


def _refuse_constant(name: str) -> Any:
    raise MalformedError(f"{name} is not a number of JSON.")


def _verify_depth(value: Any, depth: int = 0) -> None:
    if depth > LIMITS.json_depth:
        raise MalformedError("The message is nested too deeply.")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _verify_depth(item, depth + 1)


_OUTLINE: Final = TypeAdapter(_Outline)


def parse_payload(payload: bytes) -> Head | UnreadableMessage:
    """Read a payload (UTF-8 JSON) into its typed message.

    Raises :class:`~protocol.errors.MalformedError` and nothing else. The error names fields and
    rules, never contents.
    """
    if len(payload) > LIMITS.payload:
        raise MalformedError(
            f"The message has {len(payload)} bytes; the limit is {LIMITS.payload}."
        )
    try:
        tree = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise MalformedError("The message is not JSON in UTF-8.") from error
    _verify_depth(tree)
    try:
        outline = _OUTLINE.validate_json(payload)
        entry = CATALOGUE.get(outline.type)
        if entry is None or entry.version != outline.version:
            return UnreadableMessage(
                type=outline.type,
                version=outline.version,
                message_id=outline.message_id,
                sender=outline.sender,
                recipient=outline.recipient,
                case=outline.case,
                link=outline.link,
                raw=payload,
            )
        return entry.model.model_validate_json(payload)
    except ValidationError as error:
        raise MalformedError(describe_errors(error)) from error


def describe_errors(error: ValidationError) -> str:
    """Say which fields break which rules, without quoting what they hold."""
    parts = [
        f"{'.'.join(_name_step(step) for step in item['loc']) or 'message'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:10]
    ]
    return "The message does not fit its type: " + "; ".join(parts)


_OUR_NAME: Final = re.compile(r"[a-z_0-9]{1,40}")


def _name_step(step: int | str) -> str:
    """Name a place in a message; a name that none of ours can be is itself somebody's words."""
    text = str(step)
    return text if _OUR_NAME.fullmatch(text) else "(unknown name)"


def encode_payload(message: Head) -> bytes:
    """Write a typed message as its payload."""
    return message.model_dump_json(exclude_none=True).encode()


def get_entry(tag: str) -> CatalogueEntry:
    """Return the entry for a type; raises ``LocalProtocolError`` if there is none."""
    try:
        return CATALOGUE[tag]
    except KeyError:
        raise LocalProtocolError(
            f"There is no message type {tag}. Known: {', '.join(sorted(CATALOGUE))}."
        ) from None


_SPAN_OF_URGENCY: Final = {
    Urgency.IMMEDIATE: timedelta(hours=4),
    Urgency.URGENT: timedelta(hours=24),
}
_SATURDAY: Final = 5


def compute_answer_by(tag: str, *, urgency: Urgency, at: datetime, zone: tzinfo) -> datetime | None:
    """Return when an answer is due, in UTC; ``None`` if the type expects none.

    ``zone`` is the recipient's. At standard urgency the deadline is the same hour that many of the
    recipient's working days (Monday to Friday) later.
    """
    days = get_entry(tag).answer_working_days
    if days is None:
        return None
    if urgency in _SPAN_OF_URGENCY:
        return at + _SPAN_OF_URGENCY[urgency]
    local = at.astimezone(zone)
    while days or local.weekday() >= _SATURDAY:
        local += timedelta(days=1)
        if local.weekday() < _SATURDAY and days:
            days -= 1
    return local.astimezone(at.tzinfo)
