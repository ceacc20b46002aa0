"""From a body back to the answers that its form would have: to correct, repeat, or prefill."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

from console.dates import DateParts
from node.web.fields import Control, FormField, list_date_names
from node.web.forms.filled import FormSetting
from node.web.forms.tree import FormGroup, FormPart, FormRows, describe_form
from protocol.messages.fields import TriState

Given = tuple[str, tuple[str, ...]]


def spread(
    model: type[BaseModel], body: BaseModel, setting: FormSetting
) -> dict[str, tuple[str, ...]]:
    """Give the answers of ``body``, for a form of the same setting."""
    return dict(_spread(describe_form(model, setting.variants), body, "", setting))


def _spread(
    parts: tuple[FormPart, ...], body: BaseModel, before: str, setting: FormSetting
) -> Iterator[Given]:
    for part in parts:
        name = f"{before}{part.path[-1]}"
        value: Any = getattr(body, part.path[-1], None)
        if value is None or value == ():
            continue
        match part:
            case FormField():
                yield from _spread_value(part, name, value, setting)
            case FormGroup():
                yield from _spread(part.parts, value, f"{name}-", setting)
            case FormRows():
                yield name, (str(len(value)),)
                for index, item in enumerate(value):
                    yield from _spread(part.row.parts, item, f"{name}-{index}-", setting)


def _spread_value(leaf: FormField, name: str, value: Any, setting: FormSetting) -> Iterator[Given]:
    if isinstance(value, datetime):
        parts = DateParts.from_moment(value, setting.zone)
        yield from _spread_date(name, parts)
    elif isinstance(value, date):
        yield from _spread_date(
            name, DateParts(str(value.day), str(value.month), f"{value.year:04}")
        )
    elif isinstance(value, bool):
        yield name, ((TriState.YES if value else TriState.NO).value,)
    else:
        items = value if isinstance(value, tuple) else (value,)
        words = tuple(str(i.value if isinstance(i, Enum) else i) for i in items)
        yield name, ("\n".join(words),) if leaf.control is Control.LINES else words


def _spread_date(name: str, parts: DateParts) -> Iterator[Given]:
    typed = (parts.day, parts.month, parts.year, parts.time)
    for part, text in zip(list_date_names(name), typed, strict=True):
        if text:
            yield part, (text,)
