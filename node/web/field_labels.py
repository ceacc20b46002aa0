"""What the fields of message bodies are called, and what to know when filling them in.

Keyed by the field's own name; ``Model.field`` goes before it where one model means something else.
The words stand in :mod:`node.web.words`, by phase.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from console.i18n import Message
from node.web.words.fields_assistance import ASSISTANCE_FIELDS
from node.web.words.fields_identification import IDENTIFICATION_FIELDS
from node.web.words.fields_inclusion import INCLUSION_FIELDS
from node.web.words.fields_proceedings import PROCEEDINGS_FIELDS
from node.web.words.fields_return import RETURN_FIELDS
from node.web.words.fields_shared import SHARED_FIELDS
from node.web.words.hints import (
    COUNTRIES_HINT,
    COUNTRY_HINT,
    CURRENCY_HINT,
    DESK_HINT,
    HINTS,
    LINES_HINT,
    MANY_HINT,
    MESSAGE_HINT,
    NUMBER_HINT,
)
from protocol.messages.describing import FieldDescription, ValueKind

FIELD_LABELS: Final[Mapping[str, Message]] = {
    **SHARED_FIELDS,
    **IDENTIFICATION_FIELDS,
    **ASSISTANCE_FIELDS,
    **INCLUSION_FIELDS,
    **RETURN_FIELDS,
    **PROCEEDINGS_FIELDS,
}

_COUNTRY: Final = "^[A-Z]{2}$"
_CURRENCY: Final = "^[A-Z]{3}$"
_BY_KIND: Final[Mapping[ValueKind, Message]] = {
    ValueKind.AUTHORITY: DESK_HINT,
    ValueKind.MESSAGE: MESSAGE_HINT,
    ValueKind.NUMBER: NUMBER_HINT,
}
_CHOSEN: Final = frozenset({ValueKind.CODE, ValueKind.LANGUAGE})


def find_label(model: type[BaseModel], name: str) -> Message:
    """Say what a field is called. Raises ``KeyError`` for one that has no words yet."""
    own = FIELD_LABELS.get(f"{model.__name__}.{name}")
    return own if own is not None else FIELD_LABELS[name]


def find_hint(model: type[BaseModel], name: str, said: FieldDescription) -> Message | str:
    """Say what to know when filling a field in; an empty text if its name says it all."""
    own = HINTS.get(f"{model.__name__}.{name}") or HINTS.get(name)
    return own if own is not None else _find_by_kind(said)


def _find_by_kind(said: FieldDescription) -> Message | str:
    if said.pattern == _COUNTRY:
        return COUNTRIES_HINT if said.many else COUNTRY_HINT
    if said.pattern == _CURRENCY:
        return CURRENCY_HINT
    if said.many and said.kind in _CHOSEN:
        return MANY_HINT
    if said.kind in _BY_KIND:
        return _BY_KIND[said.kind]
    is_line = said.kind not in {ValueKind.NESTED, ValueKind.ALTERNATIVES}
    return LINES_HINT if said.many and is_line else ""
