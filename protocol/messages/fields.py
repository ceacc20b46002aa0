"""The ground that message types stand on: strict models, text hygiene, instants, sensitivity.

Every field of a message body is annotated with its :class:`Sensitivity`. The annotation is the one
source for what needs a legal basis, for redaction, and for forms.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from protocol.errors import MalformedError
from protocol.identifiers import (
    parse_authority_id,
    parse_case_reference,
    parse_language,
    parse_message_id,
    parse_participant_code,
)
from protocol.limits import LIMITS


class Sensitivity(StrEnum):
    """What kind of personal data a field holds (a classification of fields, not of persons)."""

    NONE = "none"
    IDENTITY = "identity"
    CONTACT = "contact"
    HEALTH = "health"
    FAMILY = "family"
    PROTECTION = "protection"
    JUDICIAL = "judicial"
    INTELLIGENCE = "intelligence"


class Model(BaseModel):
    """Frozen and strict: nothing is coerced, nothing unknown is accepted, nothing changes later."""

    # What checks a type is made when the first message of that type is met, under pydantic's own
    # lock: all 250 together take 12 MB and a third of a second of each start.
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", ser_json_bytes="base64", defer_build=True
    )


# Direction marks that reorder what a reader sees ("Trojan Source", CVE-2021-42574): in a message
# about a person they could make a text read as its opposite.
_BIDI_CONTROLS: Final = "\u202a-\u202e\u2066-\u2069"
#: The general categories Cc, without the breaks of a narrative, and Cs.
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_REFUSED_IN_NARRATIVE: Final = re.compile(f"[{_CONTROLS}{_BIDI_CONTROLS}]")
_REFUSED_IN_LINE: Final = re.compile(f"[\\t\\n{_CONTROLS}{_BIDI_CONTROLS}]")


def _clean(text: str, *, refused: re.Pattern[str]) -> str:
    # One search in C: a narrative has thousands of characters, and is looked at on both sides.
    if refused.search(text):
        raise ValueError(
            "The text holds an invisible control character: remove it and type the words again."
        )
    if text != text.strip():
        raise ValueError("The text begins or ends with a blank: remove it.")
    return unicodedata.normalize("NFC", text)


def _clean_line(text: str) -> str:
    return _clean(text, refused=_REFUSED_IN_LINE)


def _clean_narrative(text: str) -> str:
    return _clean(text, refused=_REFUSED_IN_NARRATIVE)


Line = Annotated[str, Field(min_length=1, max_length=LIMITS.line), AfterValidator(_clean_line)]
"""One line of text."""

Narrative = Annotated[
    str, Field(min_length=1, max_length=LIMITS.narrative), AfterValidator(_clean_narrative)
]
"""Text with line breaks."""


def _whole_utc(moment: datetime) -> datetime:
    if moment.microsecond:
        raise ValueError("Moments travel in whole seconds.")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("A moment lies within the years 1 to 9999, also in UTC.") from error


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    _DAY.pattern + r"T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _read_day(value: object) -> object:
    """Take a day in its one form; the library would also take seconds since 1970, and more."""
    if not isinstance(value, str):
        return value
    if not _DAY.fullmatch(value):
        raise ValueError("A day is written as in 2026-03-04.")
    return date.fromisoformat(value)


def _read_moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("A moment is written in whole seconds, as in 2026-03-04T11:00:00Z.")
    return datetime.fromisoformat(value)


Day = Annotated[date, BeforeValidator(_read_day)]
"""A calendar day."""

Instant = Annotated[AwareDatetime, BeforeValidator(_read_moment), AfterValidator(_whole_utc)]
"""A moment, in UTC and whole seconds."""


def _named(parse: Callable[[str], str]) -> AfterValidator:
    """Let a parser of identifiers check a field, so that its refusal names the field."""

    def check(text: str) -> str:
        try:
            return parse(text)
        except MalformedError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


ParticipantField = Annotated[str, _named(parse_participant_code)]
AuthorityField = Annotated[str, _named(parse_authority_id)]
MessageIdField = Annotated[str, _named(parse_message_id)]
LanguageField = Annotated[str, _named(parse_language)]


def _canonical_case(text: str) -> str:
    if parse_case_reference(text) != text:
        raise ValueError("A case reference travels in its canonical form, TRM-XXXXX-XXXXX-C.")
    return text


CaseField = Annotated[str, _named(_canonical_case)]
DigestField = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hex."""


FieldPath = Annotated[str, Field(max_length=200, pattern=r"^[a-z_0-9]+(\.[a-z_0-9]+)*$")]
"""Names a field of a message: ``body.risk.level``; items of a list are numbered from 0."""


class TriState(StrEnum):
    """An answer that may honestly be missing."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def get_sensitivity(model: type[BaseModel], field: str) -> Sensitivity | None:
    """Return the class that a field is annotated with, or ``None`` if it holds a nested model."""
    for mark in model.model_fields[field].metadata:
        if isinstance(mark, Sensitivity):
            return mark
    return None


@cache
def _list_marks(model: type[BaseModel]) -> tuple[tuple[str, Sensitivity | None], ...]:
    """Return the class of each field; worked out once, it is asked for with each message."""
    return tuple((name, get_sensitivity(model, name)) for name in model.model_fields)


class StatedClass(Model):
    """A part of a message whose class its sender states, because no annotation can know it.

    A file is of the class of what is in it. The part counts as one field of that class, with
    everything in it: the name of a file and the key that opens it need the same legal basis as the
    file.
    """

    sensitivity: Annotated[Sensitivity, Sensitivity.NONE]


def find_classified(model: BaseModel) -> Iterator[tuple[str, Sensitivity]]:
    """Yield each field of ``model`` that holds something, with its class; nested models included.

    A field is named by its path (``risk.threats``, ``documents.0.number``). ``None``, an empty text
    and an empty list hold nothing. A :class:`StatedClass` counts as one field, of the class that it
    states.
    """
    for name, mark in _list_marks(type(model)):
        value = getattr(model, name)
        if value is None or value in ("", ()):
            continue
        if mark is not None:
            yield name, mark
        elif isinstance(value, BaseModel):
            yield from _find_inside(value, at=name)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from _find_inside(item, at=f"{name}.{index}")


def _find_inside(value: BaseModel, *, at: str) -> Iterator[tuple[str, Sensitivity]]:
    if isinstance(value, StatedClass):
        yield at, value.sensitivity
        return
    for path, inner in find_classified(value):
        yield f"{at}.{path}", inner
